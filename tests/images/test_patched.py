# SPDX-License-Identifier: Apache-2.0
"""A parent that gets a patch: which layers stay, which steps run again, who says that a pin is behind."""
import json
import pathlib
import shutil
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Image, ImageTest, Registry, push_layout  # noqa: E402
from test_parent import write_layout  # noqa: E402
import io  # noqa: E402
import tarfile  # noqa: E402

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: %s

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: base-files
Status: install ok installed
Maintainer: nobody
 with: a continuation
Architecture: amd64
Version: 12.4+deb12u%s
"""


def root(patch="one", libc="2.36-9", base="1", python="3.11"):
    """A small root file system: a shell, a Python that is none, the state of dpkg."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def put(name, data, mode=0o644):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))

        def link(name, target):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
        put("bin/busybox", pathlib.Path("/bin/busybox").read_bytes(), 0o755)
        link("bin/sh", "busybox")
        link("usr/bin/python3", "python" + python)
        put("usr/bin/python" + python, b"none", 0o755)
        put("etc/debian_version", b"12\n")
        put("etc/os-release", b'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
        put("etc/patch", patch.encode())
        put("var/lib/dpkg/status", (STATUS % (libc, base)).encode())
    return out.getvalue()


@unittest.skipUnless(pathlib.Path("/bin/busybox").exists(), "not installed: busybox-static")
class Layout(ImageTest):
    """The parent is an OCI layout in the project."""

    def parent(self, **more):
        shutil.rmtree(self.root / "parent", ignore_errors=True)
        write_layout(self.root / "parent", [root(**more)])

    def pipeline(self, key):
        self.write("pawl.yaml", """
            version: 1
            pipeline: patched
            environments:
              base: {parent: "oci:parent"%s}
            steps:
              one: {run: "/bin/busybox cat /etc/patch > ${outputs.o}", environment: base, isolation: image, outputs: {o: out.txt}}
            """ % (", key: " + key if key else ""))

    def states(self):
        return self.run_json().states()["one"]

    def check(self, key, rows):
        self.pipeline(key)
        self.parent()
        self.assertEqual(self.states(), "made")
        self.assertEqual(self.read("out.txt"), "one")
        for change, expect in rows:
            self.parent(**change)
            self.assertEqual(self.states(), expect, (key, change))
            self.parent()
            self.states()

    def test_digest_is_the_default(self):
        self.check("", [({"patch": "two"}, "made")])
        self.assertEqual(self.read("out.txt"), "one")

    def test_abi(self):
        self.check("abi", [({"patch": "two"}, "cutoff"), ({"base": "2"}, "cutoff"), ({"python": "3.12"}, "made")])

    def test_packages(self):
        self.check("packages", [({"patch": "two"}, "cutoff"), ({"base": "2"}, "made"), ({"libc": "2.36-10"}, "made"), ({"python": "3.12"}, "cutoff")])

    def test_a_step_that_runs_anyway_runs_on_the_new_parent(self):
        self.pipeline("abi")
        self.parent()
        self.states()
        self.parent(patch="two")
        self.edit("pawl.yaml", "/bin/busybox cat", "/bin/busybox  cat")
        self.assertEqual(self.states(), "made")
        self.assertEqual(self.read("out.txt"), "two")

    def test_why_names_the_parent(self):
        self.check("digest", [])
        self.parent(patch="two")
        self.assertIn("parent", self.pawl("why", "one").out)

    def test_wheel_layers_stay(self):
        self.need_uv()
        self.parent()
        self.project("parent: oci:parent\npython: {requirements: [six==1.16.0, idna==3.7]}\ninclude: [a.txt]\n", a_dot_txt="a\n")
        first = self.build("--output", "oci:first")
        self.parent(patch="two")
        second = self.build("--output", "oci:second")
        self.assertEqual([(k, s) for k, n, s in self.layers(second)], [("parent", "hit"), ("wheel", "hit"), ("wheel", "hit"), ("include", "hit")])
        self.assertEqual(first["layers"][1:], [dict(layer, state="made") for layer in second["layers"][1:]])
        self.assertNotEqual(first["digest"], second["digest"])
        self.assertEqual(Image(self.root / "second").files["etc/patch"][1], b"two")


@unittest.skipUnless(pathlib.Path("/bin/busybox").exists(), "not installed: busybox-static")
@harness.need_program("docker-registry")
class Pins(ImageTest):
    """The parent is a tag of a registry."""

    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)

    def setUp(self):
        super().setUp()
        self.name = "team/" + self.id().split(".")[-1].replace("_", "")[:40]
        self.publish()
        self.project("parent: %s/%s:1\nkey: packages\n" % (self.registry.host, self.name))

    def publish(self, **more):
        folder = self.top / "published"
        shutil.rmtree(folder, ignore_errors=True)
        write_layout(folder, [root(**more)])
        return push_layout(self.registry, folder, self.name, "1")

    def test_packages_are_in_the_lock(self):
        self.build()
        pin = json.loads(self.read("pawl.lock"))["parents"]["%s/%s:1@linux/amd64" % (self.registry.host, self.name)]
        self.assertEqual(pin["packages"], [{"name": "base-files", "version": "12.4+deb12u1", "arch": "amd64"},
                                           {"name": "libc6", "version": "2.36-9", "arch": "amd64"}])
        self.assertEqual((pin["manager"], pin["distribution"], pin["release"]), ("deb", "debian", "12"))

    def test_update_moves_it_and_doctor_says_when_it_is_behind(self):
        first = self.build()
        self.assertIn("ok       parent %s/%s:1" % (self.registry.host, self.name), self.pawl("doctor", status=None).out)
        digest = self.publish(patch="two")
        self.assertEqual(self.build()["digest"], first["digest"])
        told = self.pawl("doctor", status=None)
        self.assertIn("behind   parent %s/%s:1" % (self.registry.host, self.name), told.out)
        self.assertIn("pawl lock --update %s/%s:1" % (self.registry.host, self.name), told.out)
        finding = [f for f in self.pawl("--json", "doctor", status=None).json["findings"] if f["what"].startswith("parent ")]
        self.assertEqual(finding[0]["state"], "behind")
        self.pawl("lock", "--update", "%s/%s:1" % (self.registry.host, self.name))
        self.assertIn(digest, self.read("pawl.lock"))
        self.assertNotEqual(self.build()["digest"], first["digest"])
        self.assertIn("ok       parent", self.pawl("doctor", status=None).out)

    def test_doctor_without_the_registry(self):
        self.build()
        self.edit("pawl.lock", self.registry.host, "127.0.0.1:9")
        self.edit("pawl.yaml", self.registry.host, "127.0.0.1:9")
        told = self.pawl("doctor", status=None)
        self.assertIn("unknown  parent 127.0.0.1:9/", told.out)
        self.registry.requests()
        self.assertNotIn("parent 127", self.pawl("doctor", "--offline", status=None).out)
        self.assertEqual(self.registry.requests(), [])

    def test_a_damaged_pin(self):
        self.build()
        self.edit("pawl.lock", '"name":"libc6"', '"name":"../x"')
        self.build()
        self.assertNotIn("../x", self.read("pawl.lock"))


if __name__ == "__main__":
    unittest.main()
