# SPDX-License-Identifier: Apache-2.0
"""Parents that are no registry's: OCI layouts, docker archives, hostile ones, and a bootstrapped root with Python packages in a real Docker engine."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Engine, Image, ImageTest  # noqa: E402


def tar_of(members):
    """A tar of (name, text or TarInfo)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, value in members:
            info = value if isinstance(value, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(value, tarfile.TarInfo) else value.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write_layout(folder, tars, config=None, names=("v1",), arch="amd64"):
    """An OCI layout by hand."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data, media):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": media, "digest": "sha256:" + name, "size": len(data)}
    layers = [put(gzip.compress(t, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip") for t in tars]
    document = {"os": "linux", "architecture": arch, "config": config or {},
                "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}
    manifest = put(json.dumps({"schemaVersion": 2, "layers": layers,
                               "config": put(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")}).encode(),
                   "application/vnd.oci.image.manifest.v1+json")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        dict(manifest, annotations={"org.opencontainers.image.ref.name": name}) for name in names]}))


class Local(ImageTest):
    def setUp(self):
        super().setUp()
        self.project("parent: oci:base\ninclude: [a.txt]\n", a_dot_txt="a\n")

    def test_an_oci_layout(self):
        write_layout(self.root / "base", [tar_of([("etc/hello", "hi\n")])], {"WorkingDir": "/w", "Env": ["A=b"]})
        first = self.build("--output", "oci:out")
        image = Image(self.root / "out")
        self.assertEqual((image.files["etc/hello"][1], image.files["w/a.txt"][1]), (b"hi\n", b"a\n"))
        self.assertEqual(self.build()["state"], "hit")
        shutil.rmtree(self.root / "base")
        write_layout(self.root / "base", [tar_of([("etc/hello", "ho\n")])], {"WorkingDir": "/w", "Env": ["A=b"]})
        second = self.build()
        self.assertEqual(self.layers(second), [("parent", "oci:base", "hit"), ("include", "base", "hit")])
        self.assertNotEqual(first["digest"], second["digest"])

    def test_tags_of_an_oci_layout(self):
        write_layout(self.root / "base", [tar_of([("f", "1")])], names=("v1", "v2"))
        refused = self.pawl("build", "base", status=None)
        self.assertIn("v1, v2", refused.err)
        self.edit("pawl.yaml", "oci:base", "oci:base:v2")
        self.build()
        self.edit("pawl.yaml", "oci:base:v2", "oci:base:v3")
        self.assertIn("no image 'v3'; it has: v1, v2", self.pawl("build", "base", status=None).err)

    def test_damage_in_a_layout(self):
        write_layout(self.root / "base", [tar_of([("f", "1")])])
        for blob in (self.root / "base/blobs/sha256").iterdir():
            data = blob.read_bytes()
            blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            refused = self.pawl("build", "base", status=None)
            self.assertNotIn(refused.status, (0, 70), refused)
            self.assertIn(blob.name[:8], refused.err)
            blob.write_bytes(data)

    @harness.need_program("skopeo")
    def test_a_docker_archive(self):
        write_layout(self.root / "base", [tar_of([("etc/hello", "hi\n")]), tar_of([("etc/there", "ho\n")])])
        subprocess.run(["skopeo", "copy", "oci:base", "docker-archive:base.tar:x/y:1"], cwd=self.root, check=True, capture_output=True)
        self.edit("pawl.yaml", "oci:base", "docker-archive:base.tar")
        first = self.build("--output", "oci:out")
        files = Image(self.root / "out").files
        self.assertEqual((files["etc/hello"][1], files["etc/there"][1]), (b"hi\n", b"ho\n"))
        self.assertEqual(self.build(env={"PAWL_CACHE": str(self.top / "other")})["digest"], first["digest"])

    def test_our_own_archive_is_a_parent(self):
        write_layout(self.root / "base", [tar_of([("etc/hello", "hi\n")])])
        first = self.build("--output", "me.tar")
        self.edit("pawl.yaml", "oci:base", "docker-archive:me.tar")
        second = self.build("--output", "oci:out")
        self.assertEqual([layer["digest"] for layer in second["layers"]][:2], [layer["digest"] for layer in first["layers"]])

    def test_hostile_archives(self):
        def link(name, target, kind=tarfile.SYMTYPE):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            return name, info
        config = json.dumps({"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}})
        manifest = json.dumps([{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}])
        rows = [
            ([("other", "x")], "no manifest.json"),
            ([("manifest.json", "{")], "line 1"),
            ([("manifest.json", manifest)], "config 'c.json' is missing"),
            ([("manifest.json", manifest), ("c.json", config)], "layer 'l.tar' is missing"),
            ([("manifest.json", manifest), ("c.json", config), ("l.tar", "junk")], "is damaged"),
            ([("../manifest.json", manifest)], "leads out"),
            ([("manifest.json", manifest), ("c.json", config), link("l.tar", "../../etc/passwd")], "leads out"),
            ([link("pipe", "", tarfile.FIFOTYPE)], "fifo"),
        ]
        self.edit("pawl.yaml", "oci:base", "docker-archive:base.tar")
        for members, expect in rows:
            (self.root / "base.tar").write_bytes(tar_of(members))
            refused = self.pawl("build", "base", status=None)
            self.assertNotIn(refused.status, (0, 70), refused)
            self.assertIn(expect, refused.err)

    def test_python_packages_on_a_parent_without_python(self):
        write_layout(self.root / "base", [tar_of([("etc/hello", "hi\n")])])
        self.edit("pawl.yaml", "include: [a.txt]", "python: {requirements: [six]}")
        refused = self.pawl("build", "base", status=None)
        self.assertNotEqual(refused.status, 0)
        self.assertIn("no Python", refused.err)


BOOTSTRAP = """
parent: {bootstrap: debian, suite: bookworm, packages: [python3]}
python: {requirements: [requirements.txt]}
include: [app]
workdir: /srv
"""


@unittest.skipUnless(shutil.which("mmdebstrap"), "not installed: mmdebstrap")
class Bootstrap(ImageTest):
    """One root for the whole class: seconds of work. The tests stand on each other's cache, not on each other's results."""

    @classmethod
    def setUpClass(cls):
        cls.engine = Engine() if Engine.possible() else None
        if cls.engine:
            cls.addClassCleanup(cls.engine.stop)
        import tempfile
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="pawl bootstrap "))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)

    def setUp(self):
        super().setUp()
        self.env["PAWL_CACHE"] = str(self.shared / "cache")
        self.project(BOOTSTRAP, requirements_dot_txt="six==1.16.0\nidna==3.7\n", app__main_dot_py="import six, idna\nprint(six.__version__)\n")
        if (self.shared / "pawl.lock").exists():
            shutil.copy(self.shared / "pawl.lock", self.root)

    def ready(self, *args):
        image = self.build(*args)
        if not (self.shared / "pawl.lock").exists():
            shutil.copy(self.root / "pawl.lock", self.shared)
        return image

    def test_one_pin_is_one_layer(self):
        self.ready()
        self.write("requirements.txt", "# a comment\nIDNA == 3.7\n\nsix==1.16.0\n")
        self.assertEqual(self.build()["state"], "hit")
        self.write("requirements.txt", "six==1.15.0\nidna==3.7\n")
        states = {name: state for kind, name, state in self.layers(self.build())}
        self.assertEqual(states["idna"], "hit")
        self.assertEqual([kind for kind, name, state in self.layers(self.build()) if state == "made"], [])

    def test_the_lock_names_versions_and_no_host(self):
        self.ready()
        lock = json.loads(self.read("pawl.lock"))
        pin = list(lock["bootstraps"].values())[0]
        self.assertIn("libc6", [p["name"] for p in pin["packages"]])
        self.assertTrue(all(p["version"] for p in pin["packages"]))
        self.assertNotIn("://", self.read("pawl.lock"))

    def test_owners_modes_and_times_of_the_root(self):
        self.ready("--output", "oci:out")
        files = Image(self.root / "out").files
        self.assertEqual({m.mtime for m, _ in files.values()}, {946684800})
        self.assertEqual(files["tmp"][0].mode & 0o7777, 0o1777)
        self.assertTrue(files["usr/bin/passwd"][0].mode & 0o4000 if "usr/bin/passwd" in files else True)
        self.assertEqual(files["bin"][0].linkname, "usr/bin")
        self.assertIn("usr/local/lib/python3.11/dist-packages/six.py", files)
        self.assertEqual([n for n, (m, _) in files.items() if not (m.isfile() or m.isdir() or m.issym() or m.islnk())], [])

    def test_an_interrupt_ends_it(self):
        self.env["PAWL_CACHE"] = str(self.top / "cold")
        (self.root / "pawl.lock").unlink(missing_ok=True)
        process = self.start("build", "base")

        def unpacking():
            return "mmdebstrap" in subprocess.run(["ps", "--ppid", str(process.pid), "-o", "args="], capture_output=True, text=True).stdout
        self.wait_for(unpacking, "mmdebstrap")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.wait_for(lambda: not self.left(), "processes are left behind")
        self.assertFalse(self.exists("pawl.lock"))
        self.assertEqual([p.name for p in (self.top / "cold/tmp").glob("bootstrap-*")], [])

    def test_docker_runs_it(self):
        if not self.engine:
            self.skipTest("no dockerd, or not root")
        self.env["DOCKER_HOST"] = self.engine.host
        image = self.ready("--output", "docker")
        out = self.engine.docker("run", "--rm", "picture:base", "python3", "app/main.py").stdout
        self.assertEqual(out, "1.16.0\n")
        self.edit("app/main.py", "print(", "print('v', ")
        self.ready("--output", "docker")
        self.assertEqual(self.engine.docker("run", "--rm", "picture:base", "python3", "app/main.py").stdout, "v 1.16.0\n")
        self.assertNotEqual(image["digest"], self.build()["digest"])

    def test_docker_loads_the_archive(self):
        if not self.engine:
            self.skipTest("no dockerd, or not root")
        self.ready("--output", "image.tar")
        self.engine.docker("rmi", "-f", "picture:base", check=False)
        self.engine.docker("load", "-i", str(self.root / "image.tar"))
        self.assertEqual(self.engine.docker("run", "--rm", "picture:base", "python3", "app/main.py").stdout, "1.16.0\n")

    @harness.need_program("podman")
    def test_podman_loads_the_archive(self):
        self.ready("--output", "image.tar")
        store = ["podman", "--root", str(self.top / "podman"), "--runroot", str(self.top / "run"), "--storage-driver", "vfs"]
        subprocess.run(store + ["load", "-i", str(self.root / "image.tar")], check=True, capture_output=True)
        text = subprocess.run(store + ["images", "--format", "{{.Repository}}:{{.Tag}}"], check=True, capture_output=True, text=True).stdout
        self.assertIn("picture:base", text)

    def test_pip_understands_what_was_installed(self):
        """Names, versions and files as pip itself would have recorded them."""
        self.ready("--output", "oci:out")
        root = self.top / "site"
        for name, (member, data) in Image(self.root / "out").files.items():
            prefix = "usr/local/lib/python3.11/dist-packages/"
            if name.startswith(prefix) and data is not None:
                target = root / name[len(prefix):]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        text = subprocess.run([sys.executable, "-m", "pip", "list", "--path", str(root), "--format", "json"], check=True, capture_output=True,
                              text=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}).stdout
        self.assertEqual({p["name"]: p["version"] for p in json.loads(text)}, {"six": "1.16.0", "idna": "3.7"})


if __name__ == "__main__":
    unittest.main()
