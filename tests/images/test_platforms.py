# SPDX-License-Identifier: Apache-2.0
"""One environment, several platforms: an image for each without running any code of theirs, under one index."""
import hashlib
import json
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import unittest
import urllib.request

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Image, ImageTest, Registry, push_layout  # noqa: E402
from test_parent import write_layout  # noqa: E402
from test_patched import root  # noqa: E402

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class PlatformTest(ImageTest):
    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top))
        self.project("parent: scratch\ninclude: [a.txt]\nplatform: [linux/arm64, linux/amd64]\n", a_dot_txt="a\n")

    def build(self, *args, **more):
        images = self.pawl("--json", "build", "base", *args, **more).json["images"]
        return {image["environment"]: image for image in images}



class Platforms(PlatformTest):
    def both(self, folder):
        """The images of an index in a layout, by platform."""
        folder = self.root / folder
        top = json.loads((folder / "index.json").read_text())["manifests"]
        self.assertEqual([row["mediaType"] for row in top], [INDEX])
        rows = json.loads((folder / "blobs/sha256" / top[0]["digest"].split(":")[1]).read_text())["manifests"]
        found = {}
        for row in rows:
            manifest = json.loads((folder / "blobs/sha256" / row["digest"].split(":")[1]).read_text())
            config = json.loads((folder / "blobs/sha256" / manifest["config"]["digest"].split(":")[1]).read_text())
            self.assertEqual((config["os"], config["architecture"]), (row["platform"]["os"], row["platform"]["architecture"]))
            for layer in manifest["layers"]:
                data = (folder / "blobs/sha256" / layer["digest"].split(":")[1]).read_bytes()
                self.assertEqual("sha256:" + hashlib.sha256(data).hexdigest(), layer["digest"])
            found["linux/" + row["platform"]["architecture"]] = (row["digest"], manifest)
        return top[0]["digest"], found

    @unittest.skipUnless(platform.machine() == "x86_64", "names are those of an x86_64 machine")
    def test_a_layout_with_an_index(self):
        images = self.build("--output", "oci:out", "--output", "both.tar", "--output", "oci-archive:oci.tar", "--output", "docker-archive:docker.tar")
        self.assertEqual(sorted(images), ["base", "base@linux/arm64"])
        digest, found = self.both("out")
        self.assertEqual({p: d for p, (d, m) in found.items()}, {"linux/amd64": images["base"]["digest"], "linux/arm64": images["base@linux/arm64"]["digest"]})
        self.assertEqual(found["linux/amd64"][1]["layers"], found["linux/arm64"][1]["layers"], "files are the same everywhere, and there once")
        for archive in ("both.tar", "oci.tar"):
            shutil.rmtree(self.root / "unpacked", ignore_errors=True)
            with tarfile.open(self.root / archive) as tar:
                tar.extractall(self.root / "unpacked")
            self.assertEqual(self.both("unpacked"), (digest, found))
        with tarfile.open(self.root / "docker.tar") as tar:
            self.assertIn("blobs/sha256/" + json.loads(self.blob("out", found["linux/amd64"][0]))["config"]["digest"].split(":")[1], tar.getnames())
        self.assertEqual({image["state"] for image in self.build().values()}, {"hit"})

    def blob(self, folder, digest):
        return (self.root / folder / "blobs/sha256" / digest.split(":")[1]).read_text()

    @harness.need_program("skopeo")
    def test_skopeo_takes_each(self):
        self.build("--output", "oci:out")
        for arch in ("amd64", "arm64"):
            text = subprocess.run(["skopeo", "--override-arch", arch, "inspect", "oci:out"], cwd=self.root, check=True, capture_output=True, text=True).stdout
            self.assertEqual(json.loads(text)["Architecture"], arch)

    def test_one_in_a_list_is_one(self):
        self.edit("pawl.yaml", "[linux/arm64, linux/amd64]", "[linux/arm64]")
        images = self.build("--output", "oci:out")
        self.assertEqual(sorted(images), ["base"])
        self.assertEqual(Image(self.root / "out").config["architecture"], "arm64")

    def test_what_is_no_platform(self):
        for bad in ("amd64", "linux/", "windows/amd64"):
            self.edit("pawl.yaml", "linux/amd64]", bad + "]")
            self.assertIn("is no platform", self.pawl("build", "base", status=2).err)
            self.edit("pawl.yaml", bad + "]", "linux/amd64]")

    def test_compile_is_the_same_everywhere(self):
        self.assertEqual(json.loads(self.pawl("compile").out)["environments"]["base"]["platform"], ["linux/amd64", "linux/arm64"])


@harness.need_program("docker-registry")
@unittest.skipUnless(pathlib.Path("/bin/busybox").exists() and platform.machine() == "x86_64", "busybox-static on x86_64 is needed")
class InARegistry(PlatformTest):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)

    def parent(self):
        """A parent with an index: a Python for each platform."""
        rows = []
        for arch in ("amd64", "arm64"):
            folder = self.top / arch
            write_layout(folder, [root(patch=arch)], arch=arch)
            digest = push_layout(self.registry, folder, "x/python", arch)
            size = (folder / "blobs/sha256" / digest.split(":")[1]).stat().st_size
            rows.append({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": arch}})
        data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
        urllib.request.urlopen(urllib.request.Request("http://%s/v2/x/python/manifests/3" % self.registry.host, method="PUT", data=data,
                                                      headers={"Content-Type": INDEX})).close()
        self.edit("pawl.yaml", "parent: scratch", "parent: %s/x/python:3" % self.registry.host)

    def test_wheels_for_each_platform_and_a_push(self):
        self.need_uv()
        self.parent()
        self.edit("pawl.yaml", "include:", "python: {requirements: [markupsafe==2.1.5, six==1.16.0]}\n    include:")
        self.write("pawl.yaml", self.read("pawl.yaml") + "stacks:\n  local: {registry: \"%s/team\"}\n" % self.registry.host)
        images = self.build("--push")
        digest = images["base"]["ref"].split("@")[1]
        index = json.loads(self.registry.get("/v2/team/picture/manifests/base", INDEX))
        self.assertEqual(digest, "sha256:" + hashlib.sha256(self.registry.get("/v2/team/picture/manifests/base", INDEX)).hexdigest())
        self.assertEqual({row["platform"]["architecture"]: row["digest"] for row in index["manifests"]},
                         {"amd64": images["base"]["digest"], "arm64": images["base@linux/arm64"]["digest"]})
        here, there = ({layer["name"]: layer["digest"] for layer in images[e]["layers"] if layer["kind"] == "wheel"} for e in ("base", "base@linux/arm64"))
        self.assertEqual(here["six"], there["six"])
        self.assertNotEqual(here["markupsafe"], there["markupsafe"])
        lock = json.loads(self.read("pawl.lock"))
        files = [w["file"] for entry in lock["requirements"].values() for w in entry["wheels"]]
        self.assertTrue([f for f in files if "aarch64" in f] and [f for f in files if "x86_64" in f], files)
        self.registry.requests()
        self.build("--push")
        self.assertEqual([m for m, p in self.registry.requests()], ["PUT"] * 3)
        self.assertEqual({image["digest"] for image in self.build(env={"PAWL_CACHE": str(self.top / "other")}).values()},
                         {image["digest"] for image in images.values()})


if __name__ == "__main__":
    unittest.main()
