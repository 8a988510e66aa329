# SPDX-License-Identifier: Apache-2.0
"""A registry with passwords behind nginx with TLS and an authority of its own: what people run in companies."""
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import ImageTest, Registry, Server, free_port, wait_for_port  # noqa: E402

CONFIG = """
daemon off;
pid {folder}/pid;
error_log {folder}/log;
worker_processes 1;
events {{ worker_connections 100; }}
http {{
  access_log {folder}/access;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    {more}
    location / {{ proxy_pass http://{behind}; proxy_set_header Host $http_host; {forwarded} }}
  }}
}}
"""


def run(*argv, cwd=None):
    subprocess.run(argv, check=True, capture_output=True, cwd=cwd)


class Authority:
    """A certificate authority made by openssl."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out", name + ".crt",
            "-days", "2", "-subj", "/CN=authority " + name, cwd=folder)
        self.crt = folder / (name + ".crt")

    def sign(self, path, subject, names=""):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path + ".key", "-out", path + ".csr",
            "-subj", "/CN=" + subject, cwd=self.folder)
        (self.folder / "extensions").write_text("subjectAltName=" + names if names else "basicConstraints=CA:FALSE")
        run("openssl", "x509", "-req", "-in", path + ".csr", "-CA", self.name + ".crt", "-CAkey", self.name + ".key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", path + ".pem", cwd=self.folder)


class Nginx(Server):
    def __init__(self, behind, more="", forwarded="proxy_set_header X-Forwarded-Proto https;"):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-nginx-"))
        os.chmod(folder, 0o755)
        self.authority = Authority(folder, "ca")
        self.authority.sign("server", "tls.localhost", "DNS:tls.localhost")
        self.authority.sign("client", "ann")
        port = free_port()
        self.host = "tls.localhost:%d" % port
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, behind=behind, more=more.format(folder=folder), forwarded=forwarded))
        super().__init__(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], folder)
        wait_for_port(self, port)


@harness.need_program("docker-registry", "htpasswd", "nginx", "openssl")
class Tls(ImageTest):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry("ann", "secret")
        cls.addClassCleanup(cls.registry.stop)
        cls.nginx = Nginx(cls.registry.host, "client_max_body_size 0;")
        cls.addClassCleanup(cls.nginx.stop)

    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top / "docker"))
        for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
            self.env.pop(name, None)
        self.name = self.id().split(".")[-1].replace("_", "")[:40]
        self.to(self.nginx)

    def to(self, nginx):
        self.server = nginx
        self.project("parent: scratch\ninclude: [data.bin]\n")
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: " + self.name)
        (self.root / "data.bin").write_bytes(random.Random(self.name).randbytes(3500000))
        self.write("pawl.yaml", self.read("pawl.yaml") + "stacks:\n  local: {registry: \"%s/team\"}\n" % nginx.host)
        (self.top / "docker").mkdir(exist_ok=True)
        (self.top / "docker/config.json").write_text(json.dumps({"auths": {nginx.host: {"auth": base64.b64encode(b"ann:secret").decode()}}}))

    def certs_d(self, *files, under=".config/docker/certs.d"):
        folder = self.top / under / self.server.host
        folder.mkdir(parents=True)
        for source, name in files:
            (folder / name).write_bytes((self.server.folder / source).read_bytes())
        return folder

    def push(self):
        image = self.build("--push")
        fresh = self.top / "fresh"
        fresh.mkdir()
        self.write("pawl.yaml", "version: 1\npipeline: p\nenvironments:\n  base: {parent: \"%s\"}\nsteps: {}\n" % image["ref"], root=fresh)
        outcome = self.pawl("--json", "build", "base", "--output", "oci:out", cwd=fresh, env={"PAWL_CACHE": str(self.top / "fresh cache")})
        self.assertEqual(outcome.json["images"][0]["layers"][0]["digest"], image["layers"][0]["digest"])
        return image

    def test_an_authority_that_nobody_knows(self):
        refused = self.pawl("build", "base", "--push", status=3)
        self.assertIn("certificate", refused.err)

    def test_authorities_of_docker_and_podman(self):
        self.certs_d(("ca.crt", "ca.crt"))
        self.push()

    def test_authorities_of_podman(self):
        self.certs_d(("ca.crt", "our.crt"), under=".config/containers/certs.d")
        self.push()

    def test_a_bundle_in_the_environment(self):
        self.env["SSL_CERT_FILE"] = str(self.server.authority.crt)
        self.push()

    def test_the_authority_of_one_registry_is_none_of_another(self):
        folder = self.certs_d(("ca.crt", "ca.crt"))
        folder.rename(folder.parent / "other.localhost:443")
        self.assertIn("certificate", self.pawl("build", "base", "--push", status=3).err)

    def test_a_broken_authority_is_named(self):
        folder = self.certs_d()
        (folder / "ca.crt").mkdir()
        self.assertIn("ca.crt", self.pawl("build", "base", "--push", status=3).err)

    def test_a_proxy_that_was_told_nothing(self):
        """nginx takes 1 MiB by default, and the registry behind it believes that it speaks plain HTTP."""
        nginx = Nginx(self.registry.host, forwarded="")
        self.addCleanup(nginx.stop)
        self.to(nginx)
        self.certs_d(("ca.crt", "ca.crt"))
        self.push()
        self.assertIn(" 413 ", (nginx.folder / "access").read_text())

    def test_a_client_certificate(self):
        nginx = Nginx(self.registry.host, "client_max_body_size 0; ssl_client_certificate {folder}/ca.crt; ssl_verify_client on;")
        self.addCleanup(nginx.stop)
        self.to(nginx)
        folder = self.certs_d(("ca.crt", "ca.crt"))
        self.assertIn("400", self.pawl("build", "base", "--push", status=3).err)
        for source, name in (("client.pem", "client.cert"), ("client.key", "client.key")):
            (folder / name).write_bytes((nginx.folder / source).read_bytes())
        self.push()
        (folder / "client.key").unlink()
        self.edit("pawl.yaml", "include:", "env: {A: b}\n    include:")
        self.assertIn("client.key", self.pawl("build", "base", "--push", status=3).err)

    def test_a_server_behind_it_that_is_gone_for_a_moment(self):
        """502 while the registry starts again."""
        registry = Registry("ann", "secret")
        nginx = Nginx(registry.host, "client_max_body_size 0;")
        self.addCleanup(nginx.stop)
        self.to(nginx)
        self.certs_d(("ca.crt", "ca.crt"))
        registry.stop()
        self.env["PAWL_HTTP_RETRIES"] = "1"
        self.assertIn("502", self.pawl("build", "base", "--push", status=3).err)
        del self.env["PAWL_HTTP_RETRIES"]
        process = self.start("--json", "build", "base", "--push")
        self.wait_for(lambda: (nginx.folder / "access").read_text().count(" 502 ") >= 5, "a refusal")
        again = Registry("ann", "secret", port=registry.host.split(":")[1])
        self.addCleanup(again.stop)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, out + err)


if __name__ == "__main__":
    import unittest
    unittest.main()
