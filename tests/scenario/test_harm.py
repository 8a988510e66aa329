# SPDX-License-Identifier: Apache-2.0
"""Kills at random moments, full disks, damaged stores: never a wrong result."""
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import PAWL, PawlTest  # noqa: E402
from projects import chain  # noqa: E402

KILLS = int(os.environ.get("KILLS", "300"))


class Kills(PawlTest):
    def test_random_kills(self):
        chain(self)
        seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
        dice = random.Random(seed)
        longest = 0.25
        for turn in range(KILLS):
            value = dice.randrange(1, 40)
            self.write("data/raw.txt", "%d\n1\n" % value)
            if dice.random() < 0.2 and self.exists("out/doubled.txt"):
                (self.root / "out/doubled.txt").unlink()
            process = self.start("run")
            time.sleep(dice.random() * longest)
            self.kill(process)
            if turn % 5 == 4 or turn == KILLS - 1:  # what was done stays done, and is right
                outcome = self.pawl("run")
                self.assertEqual(self.read("out/sum.txt").strip(), str(2 * (value + 1)), "SEED=%d turn %d\n%s" % (seed, turn, outcome))
                self.assertIn("up to date", self.pawl("run").out, "SEED=%d" % seed)
        self.pawl("cache", "verify")
        for value in range(1, 40):  # every result that was recorded is a right one
            self.write("data/raw.txt", "%d\n1\n" % value)
            self.pawl("run")
            self.assertEqual(self.read("out/sum.txt").strip(), str(2 * (value + 1)), "SEED=%d" % seed)


class FullDisks(PawlTest):
    def on_a_small_disk(self, kilobytes):
        """Run with the cache on a file system of that size; the outcome."""
        script = 'mkdir -p "$1" && mount -t tmpfs -o size=%dk none "$1" && shift && exec "$@"' % kilobytes
        process = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(self.cache), PAWL, "run"], cwd=self.root, env=self.env,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        return process

    def test_at_every_size(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a small file system")
        chain(self)
        self.edit("pawl.yaml", "echo aside > ${outputs.o}", "head -c 30000 /dev/zero > ${outputs.o}")
        for kilobytes in (4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 128, 256, 4096):
            subprocess.run(["rm", "-rf", str(self.root / "out")], check=True)
            process = self.on_a_small_disk(kilobytes)
            said = "%d kB: exit %d\n%s\n%s" % (kilobytes, process.returncode, process.stdout, process.stderr)
            for mark in ("AddressSanitizer", "runtime error:"):
                self.assertNotIn(mark, process.stderr)
            self.assertEqual(process.returncode, 0, said)
            self.assertEqual(self.read("out/sum.txt").strip(), "12", said)
            self.assertLessEqual(process.stderr.count("warning:"), 2, said)

    def test_workspace_on_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a small file system")
        chain(self)
        self.edit("pawl.yaml", "echo aside > ${outputs.o}", "head -c 300000 /dev/zero > ${outputs.o}")
        script = 'mount -t tmpfs -o size=200k none out && exec "$@"'
        (self.root / "out").mkdir()
        process = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", PAWL, "run", "-k"], cwd=self.root, env=self.env,
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(process.returncode, 1, process.stderr)
        self.assertIn("aside", process.stderr)


class DamagedRecords(PawlTest):
    def test_every_page_of_the_records(self):
        chain(self)
        self.pawl("run")
        path = self.cache / "records/data.mdb"
        whole = path.read_bytes()
        dice = random.Random(7)
        for page in range(0, len(whole), 4096):
            data = bytearray(whole)
            if not any(data[page:page + 4096]):
                continue
            data[page + dice.randrange(4096)] ^= 1 << dice.randrange(8)
            path.write_bytes(data)
            outcome = self.pawl("run", status=None)
            self.assertEqual(outcome.status, 0, "page at %d: %s" % (page, outcome))
            self.assertEqual(self.read("out/sum.txt").strip(), "12")
