# SPDX-License-Identifier: Apache-2.0
"""Edits of a few files in a pipeline that is large enough for parts: what is not read, not planned and not run must be as if it had been."""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402

N = 20


class Parts(PawlTest):
    """first0..19 each copy a file; second0..19 each join two of those and a file that all of them take; one step reads all of a folder."""

    def setUp(self):
        super().setUp()
        steps = []
        for i in range(N):
            self.write("in/%d.txt" % i, "%d\n" % i)
            steps.append("  first%d: {run: \"echo first%d >> '@RAN@'; grep -v '^#' ${inputs.a} > ${outputs.o}\", inputs: {a: in/%d.txt}, "
                         "outputs: {o: mid/%d.txt}}" % (i, i, i, i))
            steps.append("  second%d: {run: \"echo second%d >> '@RAN@'; cat ${inputs.a} ${inputs.b} ${inputs.c} > ${outputs.o}\", "
                         "inputs: {a: first%d.o, b: first%d.o, c: common.txt}, outputs: {o: out/%d.txt}}" % (i, i, i, (i + 1) % N, i))
        steps.append("  folder: {run: \"echo folder >> '@RAN@'; cat ${inputs.d}/* > ${outputs.o}\", inputs: {d: data}, outputs: {o: out/folder.txt}}")
        steps.append("  both: {run: \"echo both >> '@RAN@'; cat ${inputs.d} > ${outputs.o}\", inputs: {d: data/x.txt}, outputs: {o: out/both.txt}}")
        self.write("common.txt", "common\n")
        self.write("data/x.txt", "x\n")
        self.write("data/y.txt", "y\n")
        self.write("pawl.yaml", "version: 1\npipeline: parts\nsteps:\n" + "\n".join(steps) + "\n")
        self.pawl("run")
        self.pawl("run")
        self.ran()

    def after(self, *names):
        """A plain run makes exactly these; then nothing is left, for a part as for the whole."""
        outcome = self.pawl("run")
        self.assertEqual(sorted(self.ran()), sorted(names), outcome)
        self.assertIn("up to date: %d steps" % (2 * N + 2), self.pawl("run").out)
        states = self.run_json().states()
        self.assertEqual(set(states.values()), {"hit"})
        self.assertEqual(self.ran(), [])
        return outcome

    def test_only_what_is_reached_runs(self):
        self.write("in/3.txt", "new\n")
        outcome = self.after("first3", "second2", "second3")
        self.assertIn("3 made, %d up to date" % (2 * N - 1), outcome.out)
        self.assertEqual(self.read("out/3.txt"), "new\n4\ncommon\n")

    def test_cut_off_in_a_part(self):
        self.write("in/3.txt", "# remark\n3\n")
        self.after("first3")

    def test_edit_back(self):
        self.write("in/3.txt", "new\n")
        self.pawl("run")
        self.ran()
        self.write("in/3.txt", "3\n")
        self.after()
        self.assertEqual(self.read("out/3.txt"), "3\n4\ncommon\n")

    def test_a_file_of_many_steps(self):
        self.write("common.txt", "other\n")
        self.after(*["second%d" % i for i in range(N)])

    def test_a_file_that_a_folder_has_as_well(self):
        self.write("data/x.txt", "z\n")
        self.after("both", "folder")

    def test_again_and_again_without_a_pause(self):
        for text in ("one\n", "two\n", "six\n", "ten\n"):
            self.write("in/5.txt", text)
            self.pawl("run")
            self.assertEqual(self.read("mid/5.txt"), text)
        self.assertEqual(sorted(self.ran()), sorted(["first5", "second4", "second5"] * 4))

    def test_an_output_edited_by_hand_comes_back(self):
        self.write("in/3.txt", "new\n")
        self.write("mid/9.txt", "by hand\n")
        self.after("first3", "second2", "second3")
        self.assertEqual(self.read("mid/9.txt"), "9\n")

    def test_an_output_of_a_part_edited_by_hand_comes_back(self):
        self.write("in/3.txt", "new\n")
        self.after("first3", "second2", "second3")
        self.write("mid/3.txt", "by hand\n")
        self.after()
        self.assertEqual(self.read("mid/3.txt"), "new\n")

    def test_a_removed_input_is_a_mistake(self):
        os.unlink(self.root / "in/3.txt")
        self.pawl("run", status=2)

    def test_pipeline_edited_with_a_file(self):
        self.write("in/3.txt", "new\n")
        self.edit("pawl.yaml", "grep -v '^#' ${inputs.a} > ${outputs.o}\", inputs: {a: in/7.txt}",
                  "grep -v '^@' ${inputs.a} > ${outputs.o}\", inputs: {a: in/7.txt}")
        self.after("first3", "first7", "second2", "second3")

    def test_failure_in_a_part(self):
        self.write("in/3.txt", "#\n")  # grep finds no line
        self.pawl("run", status=1)
        self.assertEqual(self.ran(), ["first3"])
        self.pawl("run", status=1)
        self.assertEqual(self.ran(), ["first3"])
        self.write("in/3.txt", "3\n")
        self.after()

    def test_history_knows_all_steps(self):
        self.write("in/3.txt", "new\n")
        self.pawl("run")
        changed = {c["step"] for c in self.pawl("--json", "diff", "last~1", "last").json["differences"]}
        self.assertEqual(changed, {"first%d" % i for i in range(N)} | {"second%d" % i for i in range(N)} | {"both", "folder"})  # made, then hit

    def test_random_edits(self):
        seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
        print("SEED=%d" % seed)
        dice = random.Random(seed)
        texts = {i: "%d\n" % i for i in range(N)}
        for turn in range(25):
            for i in dice.sample(range(N), dice.choice((0, 1, 1, 1, 2, 3))):
                texts[i] = dice.choice(("", "# remark\n")) + "%d\n" % dice.randrange(4)
                self.write("in/%d.txt" % i, texts[i])
            if dice.random() < 0.2:
                self.write(dice.choice(("mid", "out")) + "/%d.txt" % dice.randrange(N), "by hand\n")
            if dice.random() < 0.1:
                self.write("common.txt", "%d\n" % turn)
            self.pawl("run")
            common = self.read("common.txt")
            plain = {i: "".join(x + "\n" for x in text.splitlines() if not x.startswith("#")) for i, text in texts.items()}
            for i in range(N):
                self.assertEqual(self.read("mid/%d.txt" % i), plain[i], "turn %d, seed %d" % (turn, seed))
                self.assertEqual(self.read("out/%d.txt" % i), plain[i] + plain[(i + 1) % N] + common, "turn %d, seed %d" % (turn, seed))
