# SPDX-License-Identifier: Apache-2.0
"""The end at any moment, and a disk that is full: afterwards cache and registry are whole, and the next build gives what an undisturbed one gives.

PAWL_KILLS: how many random moments (10); PAWL_SEED: which.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
import wicked  # noqa: E402
from images import Image, ImageTest, Registry, push_layout  # noqa: E402
from test_parent import tar_of, write_layout  # noqa: E402


class FaultTest(ImageTest):
    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top), PAWL_HTTP_RETRIES="1")
        self.project("parent: scratch\ninclude: [data]\nattest: [sbom, provenance]\n")
        self.texts(0)

    def texts(self, number):
        for i in range(4):
            self.write("data/small%d" % i, "%d %d\n" % (number, i))
        (self.root / "data/big").write_bytes(random.Random(number).randbytes(1500000))

    def to(self, host):
        self.write("pawl.yaml", self.read("pawl.yaml").split("stacks:")[0] + "stacks:\n  local: {registry: \"%s/team\", reuse: true}\n" % host)

    def undisturbed(self):
        """The digest that another machine gets."""
        shutil.rmtree(self.top / "calm", ignore_errors=True)
        return self.pawl("--json", "build", "base", "--no-cache", env={"PAWL_CACHE": str(self.top / "calm")}).json["images"][0]["digest"]


class KilledAtARequest(FaultTest):
    """SIGKILL at every request of a push, before and after the registry has done what it asks."""

    def test_every_request(self):
        server = wicked.Wicked()
        self.addCleanup(server.stop)
        self.to(server.host)
        want = self.undisturbed()
        self.build("--push")
        total = len(server.requests())
        self.assertGreater(total, 8)
        for number in range(1, total + 1):
            for after in (False, True):
                server.uploads.clear(), server.blobs.clear(), server.manifests.clear(), server.faults.clear()
                shutil.rmtree(self.cache, ignore_errors=True)
                self.end_at(server, number, after)
                image = self.build("--push")
                self.assertEqual(image["digest"], want)
                self.whole(server, image)

    def end_at(self, server, number, after):
        left = [number]
        process = self.start("build", "base", "--push")

        def count(handler):
            with server.lock:
                left[0] -= 1
                mine = left[0] == 0
            if not mine:
                return False
            if after:
                real, handler.wfile = handler.wfile, open(os.devnull, "wb")
                handler.server.faults.clear()
                handler.handle_one()
                handler.wfile.close()
                handler.wfile = real
            process.kill()
            return wicked.hang_up(handler)
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
            server.fault(method, "/", count, times=1000)
        process.communicate(timeout=60)
        server.faults.clear()

    def whole(self, server, image):
        self.pawl("cache", "verify")
        for digest, data in server.blobs.items():
            self.assertEqual(digest, "sha256:" + wicked.hashlib.sha256(data).hexdigest())
        self.assertIn(("/v2/team/picture", image["digest"]), server.manifests)
        for kind, data in server.manifests.values():
            document = json.loads(data)
            for part in [document["config"]] + document["layers"] if "layers" in document else []:
                self.assertIn(part["digest"], server.blobs)
        subjects = [json.loads(data)["subject"]["digest"] for kind, data in server.manifests.values() if "subject" in json.loads(data)]
        self.assertEqual(set(subjects), {image["digest"]})
        self.assertEqual(len([name for where, name in server.manifests if name.startswith("pawl-")]), 1)


@harness.need_program("docker-registry", "skopeo")
class KilledAtRandom(FaultTest):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)

    def test_random_moments(self):
        seed = int(os.environ.get("PAWL_SEED") or time.time_ns() % 10**9)
        chance = random.Random(seed)
        self.to(self.registry.host)
        began = time.monotonic()
        self.build("--push")
        length = time.monotonic() - began
        for turn in range(int(os.environ.get("PAWL_KILLS", "10"))):
            self.texts(turn + 1)
            process = self.start("build", "base", "--push")
            time.sleep(chance.random() * length * 1.2)
            process.kill()
            process.communicate()
            image = self.build("--push")
            self.assertEqual(image["digest"], self.undisturbed(), "seed %d, turn %d" % (seed, turn))
            self.pawl("cache", "verify")
            copied = self.top / "copied"
            shutil.rmtree(copied, ignore_errors=True)
            subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "docker://" + image["ref"], "oci:" + str(copied)], check=True, capture_output=True)
            self.assertEqual(Image(copied).digest, image["digest"], "seed %d, turn %d" % (seed, turn))


def mount(folder, size):
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "none", str(folder)], capture_output=True).returncode == 0


class DiskFull(FaultTest):
    """The cache on a small tmpfs."""

    def setUp(self):
        super().setUp()
        self.disk = self.top / "disk"
        if os.geteuid() != 0 or not mount(self.disk, 1 << 20):
            self.skipTest("no right to mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)])
        (self.disk / "tmp").mkdir()
        self.full = {"PAWL_CACHE": str(self.disk / "cache"), "TMPDIR": str(self.disk / "tmp")}

    def grow(self):
        subprocess.run(["mount", "-o", "remount,size=%d" % (100 << 20), str(self.disk)], check=True)

    def check(self, prepare=lambda: None):
        """Full first, then with room."""
        want = self.undisturbed()
        refused = self.pawl("--json", "build", "base", "--output", "oci:out", status=3, env=self.full)
        self.assertIn("No space left", refused.err)
        self.assertTrue("errors" in refused.json or refused.json["status"] == "failed", refused)
        self.assertFalse((self.root / "out/index.json").exists())
        self.pawl("cache", "verify", env=self.full)
        self.grow()
        image = self.build("--output", "oci:out", env=self.full)
        self.assertEqual((image["digest"], Image(self.root / "out").digest), (want, want))
        self.pawl("cache", "verify", env=self.full)
        self.assertEqual([p.name for p in (self.disk / "tmp").iterdir()], [])

    def test_in_the_middle_of_a_build(self):
        self.check()

    def test_in_the_middle_of_a_pull(self):
        registry = Registry() if shutil.which("docker-registry") else self.skipTest("not installed: docker-registry")
        self.addCleanup(registry.stop)
        noise = "".join(chr(33 + c % 90) for c in random.Random(3).randbytes(3000000))
        write_layout(self.root / "parent", [tar_of([("etc/noise", noise)])])
        push_layout(registry, self.root / "parent", "x/y", "1")
        shutil.rmtree(self.root / "data")
        self.write("data/one", "1\n")
        self.edit("pawl.yaml", "parent: scratch", "parent: %s/x/y:1" % registry.host)
        self.check()

    def test_with_room_for_what_is_short_lived(self):
        """The cache is full, TMPDIR is not: the build is done, and told that nothing of it is kept."""
        want = self.undisturbed()
        env = {"PAWL_CACHE": self.full["PAWL_CACHE"]}
        done = self.pawl("--json", "build", "base", "--output", "oci:out", env=env)
        self.assertEqual(Image(self.root / "out").digest, want)
        self.assertIn("warning", done.err)
        self.pawl("cache", "verify", env=env)

    def test_the_place_of_an_output(self):
        refused = self.pawl("build", "base", "--output", "oci:" + str(self.disk / "out"), "--output", "never.tar", status=3)
        self.assertIn("No space left", refused.err)
        refused = self.pawl("build", "base", "--output", str(self.disk / "image.tar"), status=3)
        self.assertIn("No space left", refused.err)
        self.assertFalse((self.disk / "image.tar").exists())
        self.assertFalse((self.disk / "image.tar.part").exists())


if __name__ == "__main__":
    unittest.main()
