# SPDX-License-Identifier: Apache-2.0
"""Images into and out of real registries: what is sent, what is not, credentials, damage."""
import base64
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import urllib.error

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Image, ImageTest, Registry  # noqa: E402

BASE = """
parent: scratch
include: [app]
workdir: /srv
"""


def stack(host, more=""):
    return "stacks:\n  local: {registry: \"%s/team\"%s}\n" % (host, more)


@harness.need_program("docker-registry", "htpasswd", "skopeo")
class Push(ImageTest):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.closed = Registry("ann", "secret")
        cls.addClassCleanup(cls.registry.stop)
        cls.addClassCleanup(cls.closed.stop)

    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top / "docker"))
        for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
            self.env.pop(name, None)
        (self.top / "docker").mkdir()
        self.name = self.id().split(".")[-1].replace("_", "")[:40]
        self.project(BASE, app__main_dot_py="print('hello')\n", app__data_dot_bin="x" * 300000)
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: " + self.name)

    def to(self, registry, more=""):
        self.write("pawl.yaml", self.read("pawl.yaml").split("stacks:")[0] + stack(registry.host, more))
        registry.requests()
        return registry

    def push(self, **more):
        return self.build("--push", **more)

    def config(self, auths):
        (self.top / "docker/config.json").write_text(json.dumps(auths))

    def test_a_damaged_layer_is_made_again_and_pushed(self):
        first = self.build("--output", "oci:out")
        for layer in Image(self.root / "out").manifest["layers"]:
            blob = self.cache / "blobs/blobs/sha256" / layer["digest"].split(":")[1]
            blob.write_bytes(bytes(reversed(blob.read_bytes())))
        registry = self.to(self.registry)
        self.assertEqual(self.push()["digest"], first["digest"])
        subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "docker://%s/team/%s:base" % (registry.host, self.name), "oci:%s" % (self.root / "back")],
                       check=True, capture_output=True)
        self.assertEqual(Image(self.root / "back").digest, first["digest"])

    def test_reference_and_bytes(self):
        registry = self.to(self.registry)
        image = self.push()
        self.assertEqual(image["ref"], "%s/team/%s@%s" % (registry.host, self.name, image["digest"]))
        text = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "docker://%s/team/%s:base" % (registry.host, self.name)], check=True,
                              capture_output=True, text=True).stdout
        self.assertEqual(json.loads(text)["Digest"], image["digest"])

    def test_only_what_is_new_is_sent(self):
        registry = self.to(self.registry)
        self.push()
        registry.requests()
        self.push()
        self.assertEqual([method for method, path in registry.requests()], ["PUT"], "a manifest and nothing else")
        self.edit("app/main.py", "hello", "hi")
        self.push()
        sent = registry.requests()
        self.assertLessEqual(len(sent), 5, sent)
        self.assertEqual([m for m, p in sent if m in ("HEAD", "GET")], [])

    def test_a_registry_that_lost_a_blob_gets_it_again(self):
        registry = self.to(self.registry)
        image = self.push()
        layer = image["layers"][0]["digest"].split(":")[1]
        for folder in registry.data.rglob(layer):
            subprocess.run(["rm", "-r", str(folder)], check=True)
        self.edit("pawl.yaml", "workdir: /srv", "workdir: /srv\n    env: {A: b}")
        again = self.push()
        self.assertEqual(len(registry.get("/v2/team/%s/blobs/%s" % (self.name, image["layers"][0]["digest"]))), image["layers"][0]["size"])
        registry.get("/v2/team/%s/manifests/%s" % (self.name, again["digest"]))

    def test_without_credentials_it_says_what_to_do(self):
        self.to(self.closed)
        refused = self.pawl("build", "base", "--push", status=3)
        self.assertIn("docker login", refused.err)

    def test_credentials_of_docker(self):
        self.to(self.closed)
        self.config({"auths": {self.closed.host: {"auth": base64.b64encode(b"ann:secret").decode()}}})
        self.push()

    def test_credentials_of_podman(self):
        self.to(self.closed)
        auth = self.top / "auth.json"
        auth.write_text(json.dumps({"auths": {self.closed.host + "/team": {"auth": base64.b64encode(b"ann:secret").decode()}}}))
        self.push(env={"REGISTRY_AUTH_FILE": str(auth)})

    def test_wrong_credentials_and_their_secrecy(self):
        self.to(self.closed)
        self.config({"auths": {self.closed.host: {"auth": base64.b64encode(b"ann:hunter2").decode()}}})
        refused = self.pawl("build", "base", "--push", status=3)
        self.assertNotIn("hunter2", refused.out + refused.err)
        self.assertNotIn(base64.b64encode(b"ann:hunter2").decode(), refused.out + refused.err)

    def test_credential_helpers(self):
        self.to(self.closed)
        bin_ = self.top / "bin"
        bin_.mkdir()
        helper = bin_ / "docker-credential-test"
        helper.write_text("#!/bin/sh\nread host\necho \"$1 $host\" >> '%s'\n"
                          "echo '{\"ServerURL\":\"x\",\"Username\":\"ann\",\"Secret\":\"secret\"}'\n" % (self.top / "asked"))
        helper.chmod(0o755)
        env = {"PATH": "%s:%s" % (bin_, self.env["PATH"])}
        for config in ({"credHelpers": {self.closed.host: "test"}}, {"credsStore": "test"}):
            self.config(config)
            self.push(env=env)
            self.assertEqual((self.top / "asked").read_text().split("\n")[0], "get " + self.closed.host)
        helper.write_text("#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n")
        self.pawl("build", "base", "--push", status=3, env=env)
        self.config({"credsStore": "absent"})
        self.edit("app/main.py", "hello", "hi")
        self.assertIn("docker-credential-absent", self.pawl("build", "base", "--push", status=3, env=env).err)

    def test_plain_http_beyond_loopback_is_refused(self):
        self.write("pawl.yaml", self.read("pawl.yaml") + stack("127.0.0.1.nip.example:5000"))
        self.assertIn("https://127.0.0.1.nip.example:5000", self.pawl("build", "base", "--push", status=3).err)

    @harness.need_program("openssl")
    def test_tls_with_a_bundle_of_ones_own(self):
        key, certificate = self.top / "key.pem", self.top / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out",
                        str(certificate), "-days", "2", "-subj", "/CN=tls.localhost", "-addext", "subjectAltName=DNS:tls.localhost"],
                       check=True, capture_output=True)
        registry = Registry(tls=(certificate, key))
        self.addCleanup(registry.stop)
        self.write("pawl.yaml", self.read("pawl.yaml") + stack("tls.localhost:" + registry.host.split(":")[1]))
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
            self.env.pop(name, None)
        self.assertIn("certificate", self.pawl("build", "base", "--push", status=3).err)
        self.push(env={"SSL_CERT_FILE": str(certificate)})

    def test_offline_sends_nothing(self):
        registry = self.to(self.registry)
        self.pawl("--json", "build", "base", "--push", "--offline", status=3)
        self.assertEqual(registry.requests(), [])


@harness.need_program("docker-registry")
class Parent(ImageTest):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)

    def setUp(self):
        super().setUp()
        self.name = self.id().split(".")[-1].replace("_", "")[:40]
        self.parent = self.top / "parent"
        self.parent.mkdir()
        self.make_parent("1\n", "x" * 1000000)

    def make_parent(self, *texts):
        self.write("pawl.yaml", """
            version: 1
            pipeline: parent-%s
            environments:
              v1: {parent: scratch, include: [lib], env: {PATH: /bin, OLD: "1"}, workdir: /opt}
            steps: {}
            """ % self.name, root=self.parent)
        self.write("pawl.yaml", (self.parent / "pawl.yaml").read_text() + stack(self.registry.host), root=self.parent)
        for i, text in enumerate(texts):
            self.write("lib/file%d" % i, text, root=self.parent)
        self.pawl("build", "v1", "--push", cwd=self.parent, env={"PAWL_CACHE": str(self.top / "parent cache")})
        self.reference = "%s/team/parent-%s:v1" % (self.registry.host, self.name)
        self.project("parent: %s\ninclude: [a.txt]\nenv: {OLD: \"2\", NEW: \"3\"}\n" % self.reference, a_dot_txt="a\n")
        self.write("pawl.yaml", self.read("pawl.yaml") + stack(self.registry.host))

    def test_config_stands_on_the_parents(self):
        image = self.build("--output", "oci:out")
        self.assertEqual([kind for kind, name, state in self.layers(image)], ["parent", "include"])
        got = Image(self.root / "out")
        self.assertEqual(got.config["config"]["Env"], ["OLD=2", "PATH=/bin", "NEW=3"])
        self.assertEqual(got.files["opt/a.txt"][1], b"a\n", "files lie under the parent's workdir")
        self.assertEqual(got.files["opt/lib/file0"][1], b"1\n")

    def test_layers_of_the_parent_are_mounted_and_never_fetched(self):
        self.registry.requests()
        image = self.build("--push")
        requests = self.registry.requests()
        layer = image["layers"][0]["digest"]
        self.assertEqual([p for m, p in requests if m == "GET" and layer in p], [])
        self.assertTrue([p for m, p in requests if m == "POST" and "mount=" in p])
        self.assertFalse((self.cache / "blobs/blobs/sha256" / layer.split(":")[1]).exists())

    def test_the_pin_holds_until_it_is_updated(self):
        first = self.build()
        self.assertIn("sha256:", self.read("pawl.lock"))
        self.assertNotIn("://", self.read("pawl.lock"))
        project = self.read("pawl.yaml")
        self.make_parent("2\n", "y" * 1000000)
        self.write("pawl.yaml", project)
        self.registry.requests()
        self.assertEqual((self.build()["state"], self.build()["digest"]), ("hit", first["digest"]))
        self.assertEqual(self.registry.requests(), [])

    def test_a_fresh_machine_with_the_lock_gives_the_same_bytes(self):
        first = self.build()
        self.assertEqual(self.build(env={"PAWL_CACHE": str(self.top / "other")})["digest"], first["digest"])

    def test_locked_refuses_a_new_pin(self):
        refused = self.pawl("build", "base", "--locked", status=2)
        self.assertIn("pawl.lock has no pin", refused.err)

    def test_offline_needs_the_pin_and_what_was_fetched(self):
        self.assertIn("--offline", self.pawl("build", "base", "--offline", status=3).err)
        self.build()
        self.edit("a.txt", "a", "b")
        self.build("--offline")

    def test_a_missing_parent_reads_well(self):
        self.edit("pawl.yaml", self.reference, self.registry.host + "/team/absent:1")
        refused = self.pawl("build", "base", status=3)
        self.assertIn("team/absent", refused.err)
        self.assertIn("404", refused.err)

    def test_an_index_is_followed_by_platform(self):
        manifest = json.loads(self.registry.get("/v2/team/parent-%s/manifests/v1" % self.name))
        data = self.registry.get("/v2/team/parent-%s/manifests/v1" % self.name)
        import hashlib
        import urllib.request
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
                                "size": len(data), "platform": {"os": "linux", "architecture": "riscv64"}}]}
        request = urllib.request.Request("http://%s/v2/team/parent-%s/manifests/multi" % (self.registry.host, self.name), method="PUT",
                                         data=json.dumps(index).encode(), headers={"Content-Type": index["mediaType"]})
        urllib.request.urlopen(request).close()
        self.edit("pawl.yaml", ":v1", ":multi")
        self.assertIn("there is no image for linux/amd64; there is: linux/riscv64", self.pawl("build", "base", status=3).err)
        self.edit("pawl.yaml", "include:", "platform: linux/riscv64\n    include:")
        self.assertEqual(self.build()["layers"][0]["digest"], manifest["layers"][0]["digest"])


class Liar(http.server.BaseHTTPRequestHandler):
    """A registry whose answers the test chooses."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Hostile(ImageTest):
    """Registries that lie."""

    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top))
        self.servers = []

    def serve(self, answer):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
        server.answer, server.seen = answer, []
        server.handle_error = lambda *args: None  # a client that had enough hangs up
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop():
            server.shutdown()
            thread.join()
            server.server_close()
        self.addCleanup(stop)
        server.host = "127.0.0.1:%d" % server.server_address[1]
        return server

    def refused(self, answer, expect, reference="x/y:1", status=3):
        server = self.serve(answer)
        self.project("parent: %s/%s\n" % (server.host, reference))
        outcome = self.pawl("build", "base", status=status)
        self.assertIn(expect, outcome.err)
        return server

    def test_other_bytes_than_the_digest(self):
        self.refused(lambda path: (200, {}, b"{}"), "sent other bytes", "x/y@sha256:" + "1" * 64)

    def test_no_json(self):
        self.refused(lambda path: (200, {}, b"<html>"), "127.0.0.1")

    def test_a_manifest_with_a_foreign_layer(self):
        manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "1" * 64, "size": 2, "mediaType": "x"},
                    "layers": [{"digest": "sha256:" + "2" * 64, "size": 2, "mediaType": "application/x-sh"}]}
        self.refused(lambda path: (200, {}, json.dumps(manifest).encode()), "a layer of the type 'application/x-sh' is not understood")

    def test_a_config_that_is_another_blob(self):
        manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "1" * 64, "size": 2, "mediaType": "x"}, "layers": []}
        self.refused(lambda path: (200, {}, json.dumps(manifest).encode() if "manifests" in path else b"{}"),
                     "expected sha256:1111")

    def test_endless_manifest(self):
        self.refused(lambda path: (200, {}, b" " * (9 << 20)), "more than")

    def test_redirects_without_end(self):
        self.refused(lambda path: (307, {"Location": path}, b""), "redirects")

    def test_credentials_do_not_follow_a_redirect(self):
        other = self.serve(lambda path: (404, {}, b""))
        (self.top / "config.json").write_text("{}")

        def answer(path):
            if not server.seen[-1][1].get("Authorization"):
                return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
            return 307, {"Location": "http://%s/elsewhere" % other.host}, b""
        server = self.serve(answer)
        (self.top / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": base64.b64encode(b"ann:secret").decode()}}}))
        self.project("parent: %s/x/y:1\n" % server.host)
        self.pawl("build", "base", status=3)
        self.assertTrue(any("Authorization" in headers for path, headers in server.seen))
        self.assertTrue(other.seen)
        self.assertFalse(any("Authorization" in headers for path, headers in other.seen))

    def test_bearer_tokens(self):
        def answer(path):
            if path.startswith("/token"):
                return 200, {}, b'{"token": "abc"}'
            if server.seen[-1][1].get("Authorization") != "Bearer abc":
                return 401, {"WWW-Authenticate": 'Bearer realm="http://%s/token",service="svc",scope="repository:x/y:pull"' % server.host}, b""
            return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
        server = self.serve(answer)
        self.project("parent: %s/x/y:1\n" % server.host)
        self.assertIn("404 MANIFEST_UNKNOWN: manifest unknown", self.pawl("build", "base", status=3).err)
        token = [path for path, headers in server.seen if path.startswith("/token")]
        self.assertEqual(token, ["/token?service=svc&scope=repository%3Ax%2Fy%3Apull"])


if __name__ == "__main__":
    import unittest
    unittest.main()
