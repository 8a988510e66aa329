# SPDX-License-Identifier: Apache-2.0
"""pawl watch: reruns what changes, and answers other invocations from what it has heard."""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import PawlTest
from scenario import projects


class Watch(PawlTest):
    def watch(self, *args):
        """Starts it; lines of its answers and messages arrive in self.said."""
        self.said = []
        self.heard = threading.Condition()
        process = self.start("watch", *args)
        self.addCleanup(self.kill, process)
        for pipe in (process.stdout, process.stderr):
            threading.Thread(target=self.listen, args=(pipe,), daemon=True).start()
        return process

    def listen(self, pipe):
        for line in pipe:
            with self.heard:
                self.said.append(line)
                self.heard.notify_all()

    def until(self, text, times=1, seconds=60):
        with self.heard:
            ok = self.heard.wait_for(lambda: sum(text in line for line in self.said) >= times, seconds)
        self.assertTrue(ok, "never said: %r\n%s" % (text, "".join(self.said)))

    def end(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        self.assertEqual(process.wait(60), 128 + number)

    def socket(self):
        found = list(self.cache.glob("watch/*/socket"))
        return found[0] if found else None

    def answered(self, *args):
        """True: the no-op came from the watching process."""
        return "watched" in self.pawl("-v", "run", *args, status=None).out

    def wait(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, what + "\n" + "".join(self.said))
            time.sleep(0.02)

    def test_an_edit_runs_and_the_answer_is_ready(self):
        projects.chain(self)
        process = self.watch()
        self.until("4 made")
        self.assertEqual(sorted(self.ran()), ["aside", "doubled", "numbers", "sum"])
        self.wait(self.answered, "the answer is not ready")
        self.write("data/raw.txt", "5\n6\n")
        self.until("3 made")
        self.assertEqual(self.read("out/sum.txt"), "22\n")
        self.wait(self.answered, "the answer is not ready again")
        self.assertEqual(sorted(self.ran()), ["doubled", "numbers", "sum"])
        self.end(process)
        self.assertIsNone(self.socket())
        self.assertIn("up to date", self.pawl("run").out)

    def test_what_was_edited_is_never_up_to_date(self):
        projects.chain(self)
        process = self.watch()
        self.until("4 made")
        self.wait(self.answered, "the answer is not ready")
        process.send_signal(signal.SIGSTOP)  # it cannot answer; others must not wait for it for long, nor believe anything
        self.write("data/raw.txt", "8\n")
        self.assertIn("made", self.pawl("run").out)
        self.assertEqual(self.read("out/sum.txt"), "16\n")
        process.send_signal(signal.SIGCONT)
        self.assertIn("up to date", self.pawl("run").out)
        for i in range(20):
            self.write("data/raw.txt", "%d\n" % (i + 100))
            self.pawl("run")
            self.assertEqual(self.read("out/sum.txt"), "%d\n" % (2 * (i + 100)))
        self.end(process)

    def test_other_files_wake_nobody(self):
        projects.chain(self)
        process = self.watch()
        self.until("4 made")
        self.wait(self.answered, "the answer is not ready")
        self.write("notes.txt", "unrelated\n")
        self.write("data/other.txt", "unrelated\n")
        self.assertTrue(self.answered(), "an unrelated file took the answer away")
        self.write("data/raw.txt", "9\n")
        self.until("3 made")
        self.assertEqual(sum("up to date:" in line for line in self.said), 0, self.said)
        self.end(process)

    def test_variables_are_asked_for_each_time(self):
        projects.one(self, "run: \"echo s >> '@RAN@'; echo $A > ${outputs.o}\"\npass_env: [A]\noutputs: {o: o.txt}")
        self.env["A"] = "1"
        process = self.watch()
        self.until("1 made")
        self.wait(self.answered, "the answer is not ready")
        self.env["A"] = "2"
        self.assertIn("1 made", self.pawl("run").out)
        self.end(process)

    def test_mistakes_and_failures_wait_for_the_edit_that_mends_them(self):
        projects.one(self, "run: \"sh step.sh > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.write("step.sh", "exit 4\n")
        process = self.watch()
        self.until("exit status 4")
        self.write("step.sh", "echo fine\n")
        self.until("1 made")
        self.write("pawl.yaml", "version: 1\nsteps: [\n")
        self.until("pawl.yaml:")
        projects.one(self, "run: \"sh step.sh > ${outputs.o}; echo more >> ${outputs.o}\"\noutputs: {o: o.txt}")
        self.until("1 made", 2)
        self.assertEqual(self.read("o.txt"), "fine\nmore\n")
        self.end(process)

    def test_a_new_file_of_a_pattern_and_what_was_missing(self):
        projects.one(self, "run: \"echo s >> '@RAN@'; x=txt; cat d/* > ${outputs.o}; cat extra/deep/a.$x >> ${outputs.o} 2>/dev/null || true\"\ninputs: {i: 'd/*'}\noutputs: {o: o.txt}")
        self.write("d/1", "1\n")
        process = self.watch()
        self.until("1 made")
        self.write("d/2", "2\n")
        self.until("1 made", 2)
        self.write("extra/deep/a.txt", "3\n")
        self.until("1 made", 3)
        self.assertEqual(self.read("o.txt"), "1\n2\n3\n")
        self.end(process)

    def test_one_at_a_time_and_a_dead_one_is_no_hindrance(self):
        projects.chain(self)
        process = self.watch()
        self.until("4 made")
        self.assertIn("another 'pawl watch'", self.pawl("watch", status=3).err)
        self.kill(process)
        self.assertIsNotNone(self.socket())  # it could not remove it
        self.write("data/raw.txt", "4\n")
        self.pawl("run")
        self.assertEqual(self.read("out/sum.txt"), "8\n")
        again = self.watch()
        self.until("up to date")
        self.wait(self.answered, "the answer is not ready")
        self.end(again, signal.SIGINT)

    def test_folders_that_move_away_and_come_back(self):
        projects.chain(self)
        process = self.watch()
        self.until("4 made")
        self.wait(self.answered, "the answer is not ready")
        (self.root / "data").rename(self.root / "away")
        self.wait(lambda: not self.answered(), "the folder's move was missed")
        self.write("data/raw.txt", "7\n")
        self.wait(lambda: self.exists("out/sum.txt") and self.read("out/sum.txt") == "14\n", "the new folder was missed")
        self.write("data/raw.txt", "8\n")
        self.wait(lambda: self.exists("out/sum.txt") and self.read("out/sum.txt") == "16\n", "an edit in the new folder was missed")
        self.end(process)
