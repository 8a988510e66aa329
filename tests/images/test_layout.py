# SPDX-License-Identifier: Apache-2.0
"""Images without a parent: what is in them, that they are the same everywhere, and that other tools take them."""
import json
import os
import shutil
import stat
import subprocess
import sys
import pathlib

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Image, ImageTest  # noqa: E402

SCRATCH = """
parent: scratch
include: [app]
env: {MODE: fast, A: "1"}
workdir: /srv
user: "1000:1000"
entrypoint: [/bin/run, --fast]
labels: {org.example.team: ml}
"""


class Layout(ImageTest):
    def setUp(self):
        super().setUp()
        self.project(SCRATCH, app__main_dot_py="print('hello')\n", app__sub__data_dot_txt="data\n")

    def test_config_says_what_the_environment_says(self):
        self.build("--output", "oci:out")
        image = Image(self.root / "out")
        self.assertEqual(image.name, "base")
        self.assertEqual(image.config["config"], {"Env": ["A=1", "MODE=fast"], "WorkingDir": "/srv", "User": "1000:1000",
                                                  "Entrypoint": ["/bin/run", "--fast"], "Labels": {"org.example.team": "ml"}})
        self.assertEqual((image.config["os"], image.config["created"]), ("linux", "2000-01-01T00:00:00Z"))

    def test_entries_are_canonical(self):
        (self.root / "app/main.py").chmod(0o744)
        (self.root / "app/sub/data.txt").chmod(0o660)
        self.build("--output", "oci:out")
        members = Image(self.root / "out").layers[0]
        self.assertEqual([(m.name, stat.S_IMODE(m.mode)) for m in members],
                         [("srv", 0o755), ("srv/app", 0o755), ("srv/app/main.py", 0o755), ("srv/app/sub", 0o755), ("srv/app/sub/data.txt", 0o644)])
        self.assertEqual({(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members}, {(0, 0, "", "", 946684800)})

    def test_same_bytes_in_another_folder_with_other_modes_umask_and_cache(self):
        self.age()
        self.build("--output", "oci:first")
        other = self.top / "elsewhere"
        shutil.copytree(self.root, other, ignore=shutil.ignore_patterns("first"), copy_function=shutil.copy)
        (other / "app/main.py").chmod(0o600)
        before = os.umask(0o077)
        try:
            self.pawl("build", "base", "--output", "oci:second", cwd=other, env={"PAWL_CACHE": str(self.top / "empty"), "TZ": "Asia/Tokyo"})
        finally:
            os.umask(before)
        self.assertEqual(Image(other / "second").digest, Image(self.root / "first").digest)

    def test_bytecode_and_version_control_stay_outside(self):
        self.write("app/__pycache__/main.cpython-311.pyc", "x")
        self.write("app/.git/HEAD", "x")
        self.build("--output", "oci:out")
        self.assertEqual([n for n in Image(self.root / "out").files if "pycache" in n or ".git" in n], [])
        self.write("app/__pycache__/main.cpython-311.pyc", "y")
        self.assertEqual(self.build()["state"], "hit")

    def test_a_variable_is_config_and_no_layer(self):
        first = self.build()
        self.assertEqual(self.layers(first), [("include", "base", "made")])
        self.assertEqual(self.build()["state"], "hit")
        self.edit("pawl.yaml", "MODE: fast", "MODE: slow")
        second = self.build()
        self.assertEqual(self.layers(second), [("include", "base", "hit")])
        self.assertNotEqual(first["digest"], second["digest"])
        self.edit("app/main.py", "hello", "good morning")
        self.assertEqual(self.layers(self.build()), [("include", "base", "made")])
        self.edit("app/main.py", "good morning", "hello")
        third = self.build()
        self.assertEqual((third["digest"], third["state"]), (second["digest"], "hit"))

    def test_plan_knows_the_layers(self):
        plan = self.pawl("--json", "plan").json["images"]
        self.build()
        self.edit("app/main.py", "hello", "hi")
        self.assertTrue(all(layer["state"] in ("hit", "build") for image in plan for layer in image["layers"]))

    def test_an_output_folder_is_replaced_and_nothing_else_is(self):
        self.build("--output", "oci:out")
        before = {p.name for p in (self.root / "out/blobs/sha256").iterdir()}
        self.edit("app/main.py", "hello", "hi")
        self.build("--output", "oci:out")
        after = {p.name for p in (self.root / "out/blobs/sha256").iterdir()}
        self.assertEqual((len(before), len(after), len(before & after)), (3, 3, 0))
        self.write("mine/notes.txt", "precious")
        refused = self.pawl("build", "base", "--output", "oci:mine", status=2)
        self.assertIn("'mine' is there and is no OCI layout", refused.err)
        self.assertEqual(self.read("mine/notes.txt"), "precious")

    def test_damage_in_the_output_is_mended(self):
        self.build("--output", "oci:out")
        digest = Image(self.root / "out").manifest["layers"][0]["digest"].split(":")[1]
        blob = self.root / "out/blobs/sha256" / digest
        blob.write_bytes(b"x" * blob.stat().st_size)
        self.build("--output", "oci:out")
        Image(self.root / "out")

    def test_a_lost_blob_is_made_again(self):
        first = self.build()
        digest = first["layers"][0]["digest"].split(":")[1]
        (self.cache / "blobs/blobs/sha256" / digest).unlink()
        again = self.build("--output", "oci:out")
        self.assertEqual((again["digest"], self.layers(again)), (first["digest"], [("include", "base", "made")]))

    def test_a_damaged_blob_is_made_again_in_the_same_invocation(self):
        first = self.build("--output", "oci:out")
        image = Image(self.root / "out")
        names = [self.digest_name(image.digest), self.digest_name(image.manifest["config"]["digest"])]
        names += [self.digest_name(layer["digest"]) for layer in image.manifest["layers"]]
        for kind, harm in (("changed", lambda b: bytes(reversed(b))), ("short", lambda b: b[:-7])):
            for place in ("oci:other", "image.tar", "oci-archive:image.tar"):
                for name in names:
                    with self.subTest(kind=kind, place=place, blob=names.index(name)):
                        blob = self.cache / "blobs/blobs/sha256" / name
                        blob.write_bytes(harm(blob.read_bytes()))
                        shutil.rmtree(self.root / "other", ignore_errors=True)
                        self.assertEqual(self.build("--output", place)["digest"], first["digest"])
                        self.pawl("cache", "verify")
                        if place.startswith("oci:"):
                            self.assertEqual(Image(self.root / "other").digest, first["digest"])

    def test_all_blobs_damaged_at_once(self):
        self.edit("pawl.yaml", "include: [app]", "include: [app, more]")
        self.write("more/x", "x")
        first = self.build()
        for blob in (self.cache / "blobs/blobs/sha256").iterdir():
            blob.write_bytes(bytes(reversed(blob.read_bytes())))
        again = self.build("--output", "oci:out", "--output", "image.tar")
        self.assertEqual((again["digest"], Image(self.root / "out").digest), (first["digest"], first["digest"]))

    def digest_name(self, digest):
        return digest.split(":")[1]

    def test_a_file_that_would_delete_others_is_refused(self):
        self.write("app/.wh.passwd", "")
        refused = self.pawl("build", "base", status=None)
        self.assertNotEqual(refused.status, 0)
        self.assertIn(".wh.", refused.err)

    def test_no_place_for_an_image(self):
        self.assertIn("expected oci:FOLDER, docker or FILE.tar", self.pawl("build", "base", "--output", "nonsense", status=2).err)

    @harness.need_program("skopeo")
    def test_skopeo_takes_every_form(self):
        self.build("--output", "oci:out", "--output", "image.tar")
        want = Image(self.root / "out").digest
        for form in ("oci:out", "oci:out:base", "docker-archive:image.tar", "oci-archive:image.tar"):
            text = subprocess.run(["skopeo", "inspect", form], cwd=self.root, check=True, capture_output=True, text=True).stdout
            if "docker" not in form:
                self.assertEqual(json.loads(text)["Digest"], want, form)
            self.assertIn("MODE=fast", json.loads(text)["Env"])
        subprocess.run(["skopeo", "copy", "docker-archive:image.tar", "dir:" + str(self.top / "dir")], cwd=self.root, check=True, capture_output=True)

    @harness.need_program("skopeo")
    def test_zstd_layers(self):
        first = self.build()
        self.edit("pawl.yaml", "workdir:", "compression: zstd\n    workdir:")
        second = self.build("--output", "oci:out", "--output", "image.tar")
        self.assertEqual([layer["state"] for layer in second["layers"]], ["made"])
        self.assertNotEqual(first["layers"][0]["digest"], second["layers"][0]["digest"])
        manifest = json.loads((self.root / "out/blobs/sha256" / second["digest"].split(":")[1]).read_text())
        self.assertEqual(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd")
        subprocess.run(["skopeo", "copy", "oci-archive:image.tar", "dir:" + str(self.top / "dir")], cwd=self.root, check=True, capture_output=True)
        self.edit("pawl.yaml", "parent: scratch", "parent: docker-archive:image.tar")
        self.build("--output", "oci:on-it")
        self.edit("pawl.yaml", "parent: docker-archive:image.tar", "parent: oci:out")
        third = self.build("--output", "oci:on-zstd")
        self.assertEqual(third["layers"][0]["digest"], second["layers"][0]["digest"])
        self.edit("pawl.yaml", "parent: oci:out", "parent: scratch")
        self.assertEqual(self.build("--no-cache")["digest"], second["digest"], "the same bytes each time")

    @harness.need_program("umoci")
    def test_umoci_unpacks_it(self):
        self.build("--output", "oci:out")
        subprocess.run(["umoci", "unpack", "--rootless", "--image", "out:base", str(self.top / "bundle")], cwd=self.root, check=True, capture_output=True)
        self.assertEqual((self.top / "bundle/rootfs/srv/app/sub/data.txt").read_text(), "data\n")

    @harness.need_program("skopeo")
    def test_the_cache_itself_is_a_layout(self):
        first = self.build()
        self.edit("pawl.yaml", "base:", "other:")
        self.edit("pawl.yaml", "MODE: fast", "MODE: other")
        self.pawl("build", "other")
        blobs = str(self.cache / "blobs")
        text = subprocess.run(["skopeo", "inspect", "oci:%s:picture:base" % blobs], check=True, capture_output=True, text=True).stdout
        self.assertEqual(json.loads(text)["Digest"], first["digest"])
        subprocess.run(["skopeo", "copy", "oci:%s:picture:other" % blobs, "dir:" + str(self.top / "dir")], check=True, capture_output=True)
        self.edit("pawl.yaml", "MODE: other", "MODE: slow")
        self.pawl("build", "other")
        index = json.loads((self.cache / "blobs/index.json").read_text())
        self.assertEqual(len(index["manifests"]), 2)


if __name__ == "__main__":
    import unittest
    unittest.main()
