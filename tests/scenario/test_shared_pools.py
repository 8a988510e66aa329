# SPDX-License-Identifier: Apache-2.0
"""Pools that all invocations on one cache share: one GPU, one licence, each project in its turn."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402


class SharedPools(PawlTest):
    def project(self, name, need, pools, steps=3, body="sleep 0.02"):
        root = self.top / name
        root.mkdir()
        log = self.top / "log"
        lines = "".join("  s%d: {run: \"echo b %s >> '%s'; %s; echo e %s >> '%s'\", resources: {%s}}\n" % (i, name, log, body, name, log, need) for i in range(steps))
        (root / "pawl.yaml").write_text("version: 1\npipeline: %s\nstacks: {local: {orchestrator: local, pools: {%s}}}\nsteps:\n%s" % (name, pools, lines))
        return root

    def most(self):
        most = now = 0
        lines = (self.top / "log").read_text().splitlines()
        for line in lines:
            now += 1 if line.startswith("b") else -1
            most = max(most, now)
        self.assertEqual(now, 0, lines)
        return most

    def run_all(self, roots, *args):
        processes = [self.start("run", "-j", "4", *args, cwd=root) for root in roots]
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)

    def test_one_gpu(self):
        self.run_all([self.project(name, "gpus: 1", "gpus: 1") for name in "abc"])
        self.assertEqual(self.most(), 1)

    def test_two_licences_and_a_half(self):
        self.run_all([self.project(name, "licence: 0.5", "licence: 2", steps=8) for name in "ab"])
        self.assertLessEqual(self.most(), 4)

    def test_processors_are_each_ones_own(self):
        wait = "touch '%s/'$PPID; while test $(ls '%s' | wc -l) -lt 2; do sleep 0.01; done"
        meeting = self.top / "meeting"
        meeting.mkdir()
        body = wait % (meeting, meeting)
        self.run_all([self.project(name, "cpus: 1", "cpus: 1", steps=1, body=body) for name in "ab"])
        self.assertEqual(self.most(), 2)

    def test_it_says_what_it_waits_for_and_can_be_interrupted(self):
        holder = self.project("holder", "gpus: 1", "gpus: 1", steps=1, body="while ! test -e go; do sleep 0.01; done")
        other = self.project("other", "gpus: 1", "gpus: 1", steps=1)
        first = self.start("run", cwd=holder)
        self.wait_for((self.top / "log").exists, "the holder")
        second = self.start("run", "--events", "events", cwd=other)
        self.wait_for(lambda: (other / "events").exists() and "waiting for gpus" in (other / "events").read_text(), "the one that waits")
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=60)
        self.assertEqual(second.returncode, 130, err)
        self.assertIn("waiting for gpus", err)
        self.assertEqual((self.top / "log").read_text(), "b holder\n")
        third = self.start("run", cwd=other)
        (holder / "go").touch()
        for process in (first, third):
            self.assertEqual(process.wait(60), 0)
            process.communicate()
        self.assertEqual(self.most(), 1)

    def test_a_killed_holder_holds_nothing(self):
        holder = self.project("holder", "gpus: 1", "gpus: 1", steps=1, body="sleep 100")
        first = self.start("run", cwd=holder)
        self.wait_for((self.top / "log").exists, "the holder")
        self.kill(first)
        (self.top / "log").unlink()
        self.run_all([self.project("other", "gpus: 1", "gpus: 1", steps=1)])
        self.assertEqual(self.most(), 1)
