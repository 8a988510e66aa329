# SPDX-License-Identifier: Apache-2.0
"""Documents that refer to an image: what is in them, where they are, that they are the same everywhere."""
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import unittest
import urllib.error

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
import wicked  # noqa: E402
from images import ImageTest, Registry  # noqa: E402
from test_parent import write_layout  # noqa: E402
from test_patched import root  # noqa: E402

INDEX = "application/vnd.oci.image.index.v1+json"


@harness.need_program("docker-registry")
@unittest.skipUnless(pathlib.Path("/bin/busybox").exists(), "not installed: busybox-static")
class Attest(ImageTest):
    @classmethod
    def setUpClass(cls):
        cls.old = Registry()
        cls.addClassCleanup(cls.old.stop)

    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top))
        self.name = self.id().split(".")[-1].replace("_", "")[:40]
        write_layout(self.root / "parent", [root(libc="1:2.36-9+deb12u4")])
        self.project("parent: oci:parent\ninclude: [a.txt]\nenv: {TOKEN: plain}\nattest: [sbom, provenance]\n", a_dot_txt="a\n")
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: " + self.name)

    def to(self, host):
        self.write("pawl.yaml", self.read("pawl.yaml").split("stacks:")[0] + "stacks:\n  local: {registry: \"%s/team\"}\n" % host)

    def wicked(self):
        server = wicked.Wicked()
        self.addCleanup(server.stop)
        self.to(server.host)
        return server

    def check_list(self, rows, image, get):
        """The list of documents; returns them by type."""
        self.assertEqual(sorted(row["artifactType"] for row in rows), ["application/spdx+json", "application/vnd.in-toto+json"])
        found = {}
        for row in rows:
            manifest = json.loads(get("manifests", row))
            self.assertEqual(manifest["subject"]["digest"], image["digest"])
            self.assertEqual((manifest["config"]["mediaType"], get("blobs", manifest["config"])), ("application/vnd.oci.empty.v1+json", b"{}"))
            found[row["artifactType"]] = get("blobs", manifest["layers"][0])
        return found

    def from_old(self, image):
        def get(what, descriptor):
            data = self.old.get("/v2/team/%s/%s/%s" % (self.name, what, descriptor["digest"]))
            self.assertEqual("sha256:" + hashlib.sha256(data).hexdigest(), descriptor["digest"])
            return data
        tag = image["digest"].replace(":", "-")
        rows = json.loads(self.old.get("/v2/team/%s/manifests/%s" % (self.name, tag), INDEX))["manifests"]
        return self.check_list(rows, image, get)

    def test_a_registry_without_the_api_gets_a_tag(self):
        self.to(self.old.host)
        image = self.build("--push")
        documents = self.from_old(image)
        sbom = json.loads(documents["application/spdx+json"])
        self.assertEqual((sbom["spdxVersion"], sbom["creationInfo"]["created"]), ("SPDX-2.3", "2000-01-01T00:00:00Z"))
        urls = [ref["referenceLocator"] for package in sbom["packages"] for ref in package.get("externalRefs", [])]
        self.assertEqual(urls, ["pkg:deb/debian/base-files@12.4%2Bdeb12u1?arch=amd64&distro=debian-12",
                                "pkg:deb/debian/libc6@1%3A2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12"])
        ids = {package["SPDXID"] for package in sbom["packages"]} | {"SPDXRef-DOCUMENT"}
        self.assertEqual(len(ids), len(sbom["packages"]) + 1)
        for relation in sbom["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, ids)
        statement = json.loads(documents["application/vnd.in-toto+json"])
        self.assertEqual((statement["_type"], statement["predicateType"]), ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"))
        self.assertEqual("sha256:" + statement["subject"][0]["digest"]["sha256"], image["digest"])
        self.assertEqual(statement["predicate"]["buildDefinition"]["externalParameters"]["environment"], "base")
        self.assertNotIn("plain", documents["application/vnd.in-toto+json"].decode(), "values stay out")

    def test_a_second_push_sends_nothing_of_it_and_another_image_adds_to_nothing(self):
        self.to(self.old.host)
        first = self.build("--push")
        self.old.requests()
        self.build("--push")
        self.assertEqual([method for method, path in self.old.requests()], ["PUT"])
        self.write("a.txt", "b\n")
        second = self.build("--push")
        self.assertNotEqual(first["digest"], second["digest"])
        self.from_old(first)
        self.from_old(second)

    def test_what_others_listed_stays(self):
        self.to(self.old.host)
        self.edit("pawl.yaml", "attest: [sbom, provenance]", "attest: sbom")
        image = self.build("--push")
        self.edit("pawl.yaml", "attest: sbom", "attest: [provenance, sbom]")
        self.assertEqual(self.build("--push")["digest"], image["digest"])
        self.from_old(image)

    def test_a_registry_with_the_api(self):
        server = self.wicked()
        image = self.build("--push")

        def get(what, descriptor):
            where = "/v2/team/%s" % self.name
            return server.blobs[descriptor["digest"]] if what == "blobs" else server.manifests[where, descriptor["digest"]][1]
        import urllib.request
        with urllib.request.urlopen("http://%s/v2/team/%s/referrers/%s" % (server.host, self.name, image["digest"])) as answer:
            rows = json.loads(answer.read())["manifests"]
        self.check_list(rows, image, get)
        self.assertEqual([name for where, name in server.manifests if name.startswith("sha256-")], [])

    def test_the_same_bytes_on_two_machines(self):
        self.need_uv()
        self.edit("pawl.yaml", "include:", "python: {requirements: [six==1.16.0, idna==3.7]}\n    include:")
        servers = [self.wicked()]
        self.build("--push")
        servers.append(self.wicked())
        self.pawl("build", "base", "--push", env={"PAWL_CACHE": str(self.top / "other cache"), "TZ": "Asia/Tokyo", "HOSTNAME": "x"})
        self.assertEqual(servers[0].manifests, servers[1].manifests)
        self.assertEqual(servers[0].blobs, servers[1].blobs)
        self.assertTrue(any(b"pkg:pypi/six@1.16.0" in blob for blob in servers[0].blobs.values()))

    def test_a_registry_that_was_wiped_gets_them_again(self):
        server = self.wicked()
        image = self.build("--push")
        before = dict(server.manifests)
        server.manifests.clear()
        server.blobs.clear()
        self.assertEqual(self.build("--push")["digest"], image["digest"])
        self.assertEqual(server.manifests, before)

    def test_a_dockerfile(self):
        server = self.wicked()
        with tarfile.open(fileobj=io.BytesIO(root())) as tar:
            for name in ("etc/os-release", "var/lib/dpkg/status"):
                target = self.root / "context" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(tar.extractfile(name).read())
        self.write("Dockerfile", "FROM scratch\nCOPY . /\n")
        self.edit("pawl.yaml", "parent: oci:parent", "dockerfile: Dockerfile\n    context: context")
        self.build("--push")
        self.assertTrue(any(b"pkg:deb/debian/libc6@2.36-9" in blob and b"SPDX-2.3" in blob for blob in server.blobs.values()))

    def test_a_tag_that_is_no_list(self):
        server = self.wicked()
        server.referrers_api = False
        digest = self.build()["digest"]
        server.manifests["/v2/team/" + self.name, digest.replace(":", "-")] = ("x", b"{}")
        self.assertIn("is no list of documents", self.pawl("build", "base", "--push", status=3).err)


if __name__ == "__main__":
    unittest.main()
