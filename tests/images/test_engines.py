# SPDX-License-Identifier: Apache-2.0
"""Images in engines: Docker, Podman, containerd; what goes over, and in which form."""
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from images import Engine, ImageTest, Server  # noqa: E402

BUSYBOX = pathlib.Path("/bin/busybox")


class Counter:
    """A unix socket in front of another one that counts the bytes that go to it."""

    def __init__(self, target, path):
        self.target, self.path, self.bytes = target, str(path), 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(10)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.server.accept()[0]
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self.target)
            threading.Thread(target=self.copy, args=(client, there, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(there, client, False), daemon=True).start()

    def copy(self, source, target, count):
        try:
            while True:
                data = source.recv(65536)
                if count:
                    self.bytes += len(data)
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
        except OSError:
            pass

    def stop(self):
        self.server.close()


class Containerd(Server):
    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-containerd-"))
        self.socket = str(folder / "s")
        (folder / "config.toml").write_text('version = 2\nroot = "%s/root"\nstate = "%s/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                                            '[grpc]\naddress = "%s"\n' % (folder, folder, self.socket))
        super().__init__(["containerd", "-c", str(folder / "config.toml")], folder)
        end = time.time() + 30
        while self.ctr("version", check=False).returncode:
            assert time.time() < end and self.process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)

    def ctr(self, *args, check=True):
        return subprocess.run(["ctr", "-a", self.socket, *args], check=check, capture_output=True, text=True)


class EngineTest(ImageTest):
    def setUp(self):
        super().setUp()
        if not BUSYBOX.exists():
            self.skipTest("not installed: busybox-static")
        self.name = "p" + str(abs(hash(self.id())) % 10**9)
        self.project("parent: scratch\ninclude: [bin, data]\nentrypoint: [/bin/busybox, cat, /data/text]\n", data__text="hello\n")
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: " + self.name)
        (self.root / "bin").mkdir()
        shutil.copy(BUSYBOX, self.root / "bin/busybox")
        self.said = "hello\n"

    def split(self):
        """Another image with the large files below, on which this one stands."""
        self.write("pawl.yaml", """
            version: 1
            pipeline: %s
            environments:
              low: {parent: scratch, include: [bin, big]}
              base: {parent: "oci:low", include: [data], entrypoint: [/bin/busybox, cat, /data/text]%s}
            steps: {}
            """ % (self.name, ""))
        (self.root / "low").mkdir()
        self.write("big/text", "x")
        (self.root / "big/bytes").write_bytes(random.Random(self.id()).randbytes(5000000))
        (self.root / "low").rmdir()
        text = self.read("pawl.yaml")
        self.write("pawl.yaml", text.replace('"oci:low"', "scratch"))
        self.pawl("build", "low", "--output", "oci:low")
        self.write("pawl.yaml", text)


@unittest.skipUnless(Engine.possible(), "no dockerd, or not root")
class Docker(EngineTest):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.stop)

    def setUp(self):
        super().setUp()
        self.env["DOCKER_HOST"] = self.engine.host

    def layers_in_docker(self):
        inspected = json.loads(self.engine.docker("inspect", self.name + ":base").stdout)[0]
        return inspected["RootFS"]["Layers"]

    def test_only_what_the_engine_lacks_is_sent(self):
        self.split()
        counter = Counter(self.engine.host[7:], self.top / "counted")
        self.addCleanup(counter.stop)
        self.env["DOCKER_HOST"] = "unix://" + counter.path
        self.build("--output", "docker")
        self.assertGreater(counter.bytes, 5000000)
        counter.bytes = 0
        self.write("data/text", "good morning\n")
        self.build("--output", "docker")
        self.assertLess(counter.bytes, 50000)
        self.assertEqual(self.engine.docker("run", "--rm", "--network=none", self.name + ":base").stdout, "good morning\n")

    def test_an_image_that_went_meanwhile_is_sent_whole(self):
        self.split()
        self.build("--output", "docker")
        self.engine.docker("rmi", "-f", self.name + ":base")
        self.write("data/text", "again\n")
        self.build("--output", "docker")
        self.assertEqual(self.engine.docker("run", "--rm", "--network=none", self.name + ":base").stdout, "again\n")

    def test_zstd_layers_are_plain_for_docker(self):
        self.edit("pawl.yaml", "entrypoint:", "compression: zstd\n    entrypoint:")
        self.build("--output", "docker", "--output", "docker-archive:docker.tar", "--output", "both.tar")
        self.assertEqual(self.engine.docker("run", "--rm", "--network=none", self.name + ":base").stdout, self.said)
        for archive in ("docker.tar", "both.tar"):
            self.engine.docker("rmi", "-f", self.name + ":base")
            self.engine.docker("load", "-i", str(self.root / archive))
            self.assertEqual(self.engine.docker("run", "--rm", "--network=none", self.name + ":base").stdout, self.said)

    def test_nobody_there(self):
        self.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
        self.assertIn("is it running", self.pawl("build", "base", "--output", "docker", status=3).err)
        self.env["DOCKER_HOST"] = "tcp://127.0.0.1:1"
        self.assertIn("docker load", self.pawl("build", "base", "--output", "docker", status=2).err)


@harness.need_program("containerd", "ctr")
@unittest.skipUnless(os.geteuid() == 0, "not root")
class InContainerd(EngineTest):
    @classmethod
    def setUpClass(cls):
        cls.containerd = Containerd()
        cls.addClassCleanup(cls.containerd.stop)

    def test_archives(self):
        for compression in ("gzip", "zstd"):
            self.edit("pawl.yaml", "entrypoint:", "compression: %s\n    entrypoint:" % compression)
            digest = self.build("--output", "oci-archive:oci.tar", "--output", "both.tar")["digest"]
            for archive in ("oci.tar", "both.tar"):
                self.containerd.ctr("images", "import", "--no-unpack", str(self.root / archive))
                row = [line.split() for line in self.containerd.ctr("images", "ls").stdout.splitlines() if self.name in line]
                self.assertEqual([(r[0], r[2]) for r in row], [("docker.io/library/%s:base" % self.name, digest)])
                self.containerd.ctr("images", "rm", row[0][0])
            self.edit("pawl.yaml", "compression: %s\n    " % compression, "")


class Forms(EngineTest):
    def members(self, name):
        with tarfile.open(self.root / name) as tar:
            return set(tar.getnames())

    def test_one_form_alone(self):
        self.build("--output", "oci-archive:oci.tar", "--output", "docker-archive:docker.tar", "--output", "both.tar")
        self.assertLess({"oci-layout", "index.json"}, self.members("oci.tar"))
        self.assertNotIn("manifest.json", self.members("oci.tar"))
        self.assertIn("manifest.json", self.members("docker.tar"))
        self.assertNotIn("oci-layout", self.members("docker.tar"))
        self.assertEqual(self.members("both.tar"), self.members("oci.tar") | self.members("docker.tar"))

    def test_places_that_are_none(self):
        for place in ("oci:", "oci-archive:", "docker-archive:", ".tar", "x.zip"):
            self.assertIn("is no place for an image", self.pawl("build", "base", "--output", place, status=2).err)

    @harness.need_program("podman")
    def test_podman_loads_every_archive(self):
        store = ["podman", "--root", str(self.top / "podman"), "--runroot", str(self.top / "run"), "--storage-driver", "vfs"]
        for compression in ("gzip", "zstd"):
            self.edit("pawl.yaml", "entrypoint:", "compression: %s\n    entrypoint:" % compression)
            self.build("--output", "oci-archive:oci.tar", "--output", "docker-archive:docker.tar", "--output", "both.tar")
            for archive in ("oci.tar", "docker.tar", "both.tar"):
                subprocess.run([*store, "load", "-i", str(self.root / archive)], check=True, capture_output=True)
                listed = subprocess.run([*store, "images", "--format", "{{.Repository}}:{{.Tag}}"], check=True, capture_output=True, text=True).stdout
                self.assertIn(listed.strip(), ("localhost/%s:base" % self.name, "docker.io/library/%s:base" % self.name), archive)
                ran = subprocess.run([*store, "inspect", "--type", "image", self.name + ":base"], check=True, capture_output=True, text=True).stdout
                self.assertIn("/data/text", ran)
                subprocess.run([*store, "rmi", "-af"], check=True, capture_output=True)
            self.edit("pawl.yaml", "compression: %s\n    " % compression, "")


if __name__ == "__main__":
    unittest.main()
