# SPDX-License-Identifier: Apache-2.0
"""run --verify: hits executed again elsewhere, and what is said of those that come out otherwise."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import PawlTest
from scenario import projects


class Verify(PawlTest):
    def chain(self, extra=""):
        self.write("pawl.yaml", """
            version: 1
            pipeline: proof
            steps:
              steady: {run: "echo steady >> '@RAN@'; cat in.txt > ${outputs.o}", inputs: {i: in.txt}, outputs: {o: out/a.txt}}
              dice: {run: "echo dice >> '@RAN@'; cat ${inputs.a}; date +%s%N >> ${run.dir}/x; (echo head; cat ${run.dir}/x) > ${outputs.o}", inputs: {a: steady.o}, outputs: {o: b.txt}}
              after: {run: "echo after >> '@RAN@'; cp ${inputs.b} ${outputs.o}", inputs: {b: dice.o}, outputs: {o: c.txt}}
              folder: {run: "echo folder >> '@RAN@'; mkdir ${outputs.d}; echo 1 > ${outputs.d}/one; date +%s%N > ${outputs.d}/two", outputs: {d: d/}}
            """ + extra)
        self.write("in.txt", "1\n")

    def test_each_is_compared_on_recorded_inputs(self):
        self.chain()
        self.pawl("run")
        before = self.snapshot()
        self.ran()
        outcome = self.run_json("--verify", "100%", status=1)
        self.assertEqual(sorted(self.ran()), ["after", "dice", "folder", "steady"])
        self.assertEqual(outcome.json["verified"], 4)
        found = {x["name"]: x for x in outcome.json["unsteady"]}
        self.assertEqual(sorted(found), ["dice", "folder"], outcome)  # `after` got what was recorded
        self.assertEqual((found["dice"]["output"], found["dice"]["file"]), ("o", None))
        self.assertGreaterEqual(found["dice"]["offset"], len("head\n"))
        self.assertEqual((found["folder"]["output"], found["folder"]["file"]), ("d", "two"))
        self.assertEqual(self.snapshot(), before, "the workspace was touched")
        self.assertIn("up to date", self.pawl("run").out)
        self.assertEqual(self.ran(), [])

    def test_text_and_status(self):
        self.chain()
        self.pawl("run")
        said = self.pawl("run", "--verify", "100%", "dice", status=1)
        self.assertIn("step 'dice' came out otherwise", said.err)
        self.assertIn("from byte", said.err)
        self.assertIn("2 hits executed again, 1 came out otherwise", said.err)
        self.pawl("run", "--verify", "100", "steady")
        self.pawl("run", "--verify", "0%")
        for bad in ("x", "101%", "-1", "5%%"):
            self.pawl("run", "--verify", bad, status=2)

    def test_a_share_is_a_share(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: many
            steps:
              fit: {foreach: {n: {range: [0, 10]}}, run: "echo ${item.n} >> '@RAN@'; echo ${item.n} > ${outputs.o}", outputs: {o: "o/${item.n}"}}
            """)
        self.pawl("run")
        self.ran()
        self.assertEqual(self.run_json("--verify", "30%").json["verified"], 3)
        self.assertEqual(len(self.ran()), 3)

    def test_elements_over_an_output(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: unfolded
            steps:
              list: {run: "echo '[1, 2]' > ${outputs.o}", outputs: {o: list.json}}
              fit: {foreach: {n: list.o}, run: "echo ${item.n} >> '@RAN@'; echo ${item.n} > ${outputs.o}", outputs: {o: "o/${item.n}"}}
            """)
        self.pawl("run")
        self.ran()
        answer = self.run_json("--verify", "100%").json
        self.assertEqual((answer["verified"], answer["unsteady"]), (3, []))

    def test_what_ran_just_now_is_no_hit(self):
        self.chain()
        self.assertEqual(self.run_json("--verify", "100%").json["verified"], 0)

    def test_python_code_and_what_it_observes_come_along(self):
        projects.package(self)
        self.edit("lib/words.py", "return 'hello '", "return open('conf/hello').read().strip() + ' '")
        self.write("conf/hello", "hello\n")
        self.pawl("run")
        self.ran()
        self.assertEqual(self.run_json("--verify", "100%").json["unsteady"], [])
        self.assertEqual(sorted(self.ran()), ["first", "second"])

    def test_a_step_that_fails_again_is_named(self):
        projects.one(self, "run: \"if [ -e '@RAN@' ]; then exit 3; fi; echo s >> '@RAN@'; echo 1 > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.pawl("run")
        said = self.pawl("run", "--verify", "100%", status=1)
        self.assertIn("step 's' came out otherwise", said.err)
        self.assertIn("exit status 3", said.err)

    def test_the_record_is_marked_and_the_result_stays(self):
        self.chain()
        first = self.run_json().json
        key = {s["name"]: s["key"] for s in first["steps"]}
        self.pawl("run", "--verify", "100%", status=1)
        again = self.run_json().json
        self.assertEqual({s["name"]: s["key"] for s in again["steps"]}, key)
        self.assertEqual({s["name"]: s["outputs"] for s in again["steps"]}, {s["name"]: s["outputs"] for s in first["steps"]})
        why = self.pawl("why", "dice").out
        self.assertIn("came out otherwise", why)
        self.assertNotIn("came out otherwise", self.pawl("why", "steady").out)
