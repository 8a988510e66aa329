# SPDX-License-Identifier: Apache-2.0
"""Image builders other than the native one: one contract (tests/backends/contract.c) for all, with the real engines."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from images import Engine  # noqa: E402

CONTRACT = pathlib.Path(os.environ.get("PAWL", "build/pawl")).resolve().parent / "tests" / "backends" / "contract"


def busybox_layout(folder):
    """An OCI layout with one image: busybox and the names of its applets."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("tmp", 0o1777), ("etc", 0o755), ("run", 0o755), ("root", 0o700)):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        program = pathlib.Path(shutil.which("busybox")).read_bytes()
        info = tarfile.TarInfo("bin/busybox")
        info.mode, info.size = 0o755, len(program)
        tar.addfile(info, io.BytesIO(program))
        for applet in ("sh", "cat", "echo", "rm", "wc", "ls", "mkdir", "test", "true", "false", "id", "chmod"):
            info = tarfile.TarInfo("bin/" + applet)
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
        text = b"root:x:0:0:root:/root:/bin/sh\n"
        info = tarfile.TarInfo("etc/passwd")
        info.mode, info.size = 0o644, len(text)
        tar.addfile(info, io.BytesIO(text))
    plain = out.getvalue()
    layer = gzip.compress(plain, 1, mtime=0)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, media):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": media, "digest": "sha256:" + name, "size": len(data)}

    config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
              "history": [{"created_by": "busybox"}],  # buildah wants one line a layer
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [put(layer, "application/vnd.oci.image.layer.v1.tar+gzip")]}
    index = {"schemaVersion": 2, "manifests": [put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))


class Builders(unittest.TestCase):

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="pawl-builders-"))
        self.addCleanup(shutil.rmtree, self.top, True)
        if not shutil.which("busybox"):
            self.skipTest("not installed: busybox-static")
        busybox_layout(self.top / "parent")

    def contract(self, kind, settings, *more, env=None):
        scratch = self.top / "scratch"
        scratch.mkdir()
        argv = [str(CONTRACT), kind, json.dumps(settings), str(self.top / "parent"), str(scratch), *more]
        done = subprocess.run(argv, env=dict(os.environ, **(env or {})), capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stdout[-6000:] + done.stderr[-3000:])

    def test_docker_with_buildkit(self):
        if not Engine.possible():
            self.skipTest("not here: root and dockerd")
        engine = Engine()
        self.addCleanup(engine.stop)
        self.contract("docker", {"kind": "docker", "network": "none"}, "without-secrets", env={"DOCKER_HOST": engine.host})

    def test_docker_classic(self):
        if not Engine.possible():
            self.skipTest("not here: root and dockerd")
        engine = Engine()
        self.addCleanup(engine.stop)
        self.contract("docker", {"kind": "docker", "network": "none", "buildkit": False}, "without-secrets", env={"DOCKER_HOST": engine.host})

    def test_buildah(self):
        if os.geteuid() != 0 or not shutil.which("buildah"):
            self.skipTest("not here: root and buildah")
        conf = self.top / "storage.conf"
        conf.write_text('[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' % (self.top, self.top))
        self.contract("buildah", {"kind": "buildah", "isolation": "chroot", "network": "host"}, env={"CONTAINERS_STORAGE_CONF": str(conf)})
