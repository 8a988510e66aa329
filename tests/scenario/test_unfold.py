# SPDX-License-Identifier: Apache-2.0
"""Pipelines that hang on their own outputs: maps over what a step made, steps that a step writes; and the shapes of maps in general."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402


class MapsOverAnOutput(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("names.txt", "a\nb\n")
        self.write("pawl.yaml", """
            version: 1
            pipeline: maps
            steps:
              list:
                run: "echo list >> '@RAN@'; grep -v '^#' ${inputs.i} > ${outputs.names} || true"
                inputs: {i: names.txt}
                outputs: {names: out/names.txt}
              each:
                foreach: {x: list.names}
                run: "echo each-${item.x} >> '@RAN@'; echo made ${item.x} > ${outputs.o}"
                outputs: {o: "out/each/${item.x}.txt"}
              all:
                inputs: {every: each.o}
                run: "echo all >> '@RAN@'; cat ${inputs.every} /dev/null > ${outputs.o}"
                outputs: {o: out/all.txt}
              aside:
                run: "echo aside >> '@RAN@'"
            """)

    def test_all_of_it(self):
        self.expect("list", "each-a", "each-b", "all", "aside")
        self.assertEqual(self.read("out/all.txt"), "made a\nmade b\n")
        self.assertIn("up to date: 5 steps", self.pawl("run").out)
        self.expect()

    def test_an_added_element_runs_alone(self):
        self.pawl("run")
        self.ran()
        self.write("names.txt", "a\nc\nb\n")
        outcome = self.expect("list", "each-c", "all")
        self.assertEqual(outcome.states(), {"list": "made", "each[x=a]": "hit", "each[x=b]": "hit", "each[x=c]": "made", "all": "made", "aside": "hit"})
        self.assertEqual(self.read("out/all.txt"), "made a\nmade c\nmade b\n")

    def test_a_removed_element_and_back(self):
        self.pawl("run")
        self.write("names.txt", "b\n")
        self.ran()
        self.expect("list", "all")
        self.assertEqual(self.read("out/all.txt"), "made b\n")
        self.write("names.txt", "a\nb\n")
        self.expect()
        self.assertEqual(self.read("out/all.txt"), "made a\nmade b\n")

    def test_the_same_list_made_again_changes_nothing(self):
        self.pawl("run")
        self.ran()
        self.write("names.txt", "# a comment\na\nb\n")
        outcome = self.expect("list")
        self.assertEqual(outcome.json["summary"]["steps"]["made"], 1)

    def test_no_elements(self):
        self.write("names.txt", "# none\n")
        outcome = self.expect("list", "all", "aside")
        self.assertEqual(self.read("out/all.txt"), "")
        self.assertNotIn("each", outcome.states())
        self.write("names.txt", "z\n")
        self.expect("list", "each-z", "all")

    def test_the_plan_says_what_is_not_known(self):
        plan = self.pawl("--json", "plan").json
        self.assertEqual({s["name"]: s["state"] for s in plan["steps"]}, {"list": "run", "each": "maybe", "all": "maybe", "aside": "run"})
        self.assertEqual(plan["summary"]["steps"]["unknown"], 1)
        self.assertIn("its elements are known when list is made", self.pawl("plan").out)
        self.assertEqual(self.ran(), [])
        self.pawl("run")
        plan = self.pawl("--json", "plan").json
        self.assertEqual({s["state"] for s in plan["steps"]}, {"hit"})
        self.assertEqual(len(plan["steps"]), 5)
        self.write("names.txt", "q\n")
        self.assertIn("are not known yet", self.pawl("plan").out)

    def test_a_json_list(self):
        self.write("names.txt", '["a", 1, "b c"]\n')
        self.expect("list", "each-a", "each-1", "each-b", "c", "all", "aside")
        self.assertTrue(self.exists("out/each/b c.txt"))

    def test_a_list_that_is_none(self):
        self.write("names.txt", '["a", {"x": 1}]\n')
        said = self.pawl("run", status=2).err
        self.assertIn("value 2 of its list is neither a text nor a number", said)
        self.assertIn("step 'list': output 'names'", said)
        self.write("names.txt", "a\n")
        self.ran()
        self.expect("list", "each-a", "all", "aside")

    def test_elements_that_write_one_path(self):
        self.edit("pawl.yaml", "out/each/${item.x}.txt", "out/each/same.txt")
        said = self.pawl("run", status=2).err
        self.assertIn("pawl.yaml:", said)
        self.assertIn("out/each/same.txt", said)

    def test_one_element_by_its_name(self):
        self.pawl("run", "each[x=b]")
        self.assertEqual(sorted(self.ran()), ["each-b", "list"])
        self.pawl("run", "each")
        self.assertEqual(self.ran(), ["each-a"])
        self.assertIn("there is no step 'each[x=q]'", self.pawl("run", "each[x=q]", status=2).err)

    def test_when_the_list_fails(self):
        self.edit("pawl.yaml", "grep -v '^#'", "false; grep -v '^#'")
        outcome = self.run_json(status=1)
        self.assertEqual(outcome.states()["list"], "failed")
        self.assertEqual({outcome.states()[n] for n in ("each", "all")}, {"skipped"})
        self.assertIn(outcome.states()["aside"], ("cancelled", "made"))
        self.ran()
        outcome = self.run_json("-k", status=1)
        self.assertEqual(outcome.states(), {"list": "failed", "each": "skipped", "all": "skipped", "aside": outcome.states()["aside"]})
        self.assertIn(outcome.states()["aside"], ("made", "hit"))
        self.assertEqual([n for n in self.ran() if n == "list"], ["list"], "once in one invocation")

    def test_a_single_element_fails(self):
        self.edit("pawl.yaml", "echo made ${item.x}", "test ${item.x} != b; echo made ${item.x}")
        self.write("names.txt", "a\nb\nc\n")
        outcome = self.run_json("-k", status=1)
        self.assertEqual(outcome.states(), {"list": "made", "each[x=a]": "made", "each[x=b]": "failed", "each[x=c]": "made", "all": "skipped", "aside": "made"})
        self.ran()
        outcome = self.run_json("-k", status=1)
        self.assertEqual(self.ran(), ["each-b"])

    def test_forced(self):
        self.pawl("run")
        self.ran()
        self.assertEqual(sorted(self.run_json("--force").states().values()), ["made"] * 5)
        self.assertEqual(sorted(self.ran()), ["all", "aside", "each-a", "each-b", "list"], "each once")
        self.run_json("--no-cache")
        self.assertEqual(sorted(self.ran()), ["all", "aside", "each-a", "each-b", "list"], "each once")
        self.run_json("--force=list")
        self.assertEqual(self.ran(), ["list"])

    def test_a_list_that_is_never_reused_runs_once_in_each_run(self):
        self.edit("pawl.yaml", "    outputs: {names: out/names.txt}", "    outputs: {names: out/names.txt}\n    cache: false")
        self.pawl("run")
        self.assertEqual(self.ran().count("list"), 1)
        self.pawl("run")
        self.assertEqual(self.ran(), ["list"])

    def test_events_are_of_one_run(self):
        self.pawl("run", "--events", "events.jsonl")
        events = [json.loads(line) for line in self.read("events.jsonl").splitlines()]
        self.assertEqual([e["event"] for e in events if e["event"].startswith("run.")], ["run.start", "run.end"])
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("run.start", "run.end"))
        self.assertEqual(len(self.pawl("--json", "runs").json["runs"]), 1)

    def test_a_map_over_a_map(self):
        self.edit("pawl.yaml", "  all:\n", """  parts:
    foreach: {x: list.names}
    run: "echo parts-${item.x} >> '@RAN@'; printf '%s1\\\\n%s2\\\\n' ${item.x} ${item.x} > ${outputs.p}"
    outputs: [p]
  deep:
    foreach: {y: parts.p}
    run: "echo deep-${item.y} >> '@RAN@'"
  all:
""".replace("@RAN@", str(self.ran_file)))
        self.run_json()
        self.assertEqual(sorted(n for n in self.ran() if "-" in n and not n.startswith("each")),
                         ["deep-a1", "deep-a2", "deep-b1", "deep-b2", "parts-a", "parts-b"])
        self.write("names.txt", "a\nb\nc\n")
        self.expect("list", "each-c", "parts-c", "deep-c1", "deep-c2", "all")

    def test_a_product_with_a_plain_list(self):
        self.edit("pawl.yaml", "foreach: {x: list.names}", "foreach: {x: list.names, k: [1, 2]}")
        self.edit("pawl.yaml", "out/each/${item.x}.txt", "out/each/${item.x}-${item.k}.txt")
        self.run_json()
        self.assertEqual(self.read("out/all.txt"), "made a\nmade b\nmade a\nmade b\n")
        self.assertEqual(self.ran().count("each-a"), 2)

    def test_a_killed_run(self):
        self.edit("pawl.yaml", "echo made ${item.x}", "test -e go || sleep 100; echo made ${item.x}")
        process = self.start("run")
        self.wait_for(lambda: self.ran_file.exists() and "each-" in self.ran_file.read_text(), "an element")
        self.kill(process)
        self.ran()
        self.write("go", "")
        self.pawl("run")
        self.assertNotIn("list", self.ran())
        self.assertEqual(self.read("out/all.txt"), "made a\nmade b\n")

    def test_a_fresh_clone_hits(self):
        import shutil
        self.pawl("run")
        self.ran()
        shutil.copytree(self.root, self.top / "clone", ignore=shutil.ignore_patterns("out"))
        outcome = self.pawl("--json", "run", cwd=self.top / "clone")
        self.assertEqual(self.ran(), [])
        self.assertEqual((self.top / "clone/out/all.txt").read_text(), "made a\nmade b\n")
        self.assertEqual(outcome.states()["each[x=a]"], "restored")

    def test_log_of_an_element(self):
        self.edit("pawl.yaml", "echo made ${item.x} >", "echo told ${item.x}; echo made ${item.x} >")
        self.pawl("run")
        self.assertEqual(self.pawl("log", "each[x=b]").out, "told b\n")


class WrittenSteps(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("models.txt", "tree\nforest\n")
        self.write("pawl.yaml", """
            version: 1
            pipeline: written
            params: {rate: 3}
            steps:
              data:
                run: "echo data >> '@RAN@'; echo 1 > ${outputs.o}"
                outputs: {o: out/data.txt}
              plan:
                run: "echo plan >> '@RAN@'; python3 write.py < ${inputs.models} > ${outputs.steps}"
                inputs: {models: models.txt}
                outputs: {steps: out/steps.json}
                dynamic: true
            """)
        self.write("write.py", """
            import json, sys
            names = sys.stdin.read().split()
            steps = {"train_" + n: {"run": "echo %s >> '@RAN@'; cat ${inputs.d} > ${outputs.m}; echo ${params.rate} %s >> ${outputs.m}" % (n, n),
                                    "inputs": {"d": "data.o"}, "params": ["rate"], "outputs": {"m": "out/%s.txt" % n}} for n in names}
            steps["compare"] = {"run": "echo compare >> '@RAN@'; cat %s /dev/null > ${outputs.t}" % " ".join("${inputs.%s}" % n for n in names),
                                "inputs": {n: "train_%s.m" % n for n in names}, "outputs": {"t": "out/table.txt"}}
            print(json.dumps({"steps": steps}))
            """)

    def test_they_run(self):
        self.expect("plan", "data", "tree", "forest", "compare")
        self.assertEqual(self.read("out/table.txt"), "1\n3 tree\n1\n3 forest\n")
        self.assertIn("up to date: 5 steps", self.pawl("run").out)
        self.assertEqual({s["name"] for s in self.pawl("--json", "plan").json["steps"]}, {"data", "plan", "train_tree", "train_forest", "compare"})

    def test_a_further_one_runs_alone(self):
        self.pawl("run")
        self.ran()
        self.write("models.txt", "tree\nforest\nsvm\n")
        self.expect("plan", "svm", "compare")
        self.pawl("run", "-p", "rate=4")
        self.assertEqual(sorted(self.ran()), ["compare", "forest", "svm", "tree"])

    def test_a_comment_in_the_writer_runs_nothing(self):
        self.pawl("run")
        self.ran()
        self.edit("write.py", "names =", "# names\nnames =")
        self.expect()
        self.edit("write.py", "print(json.dumps({\"steps\": steps}))", "print(json.dumps({\"steps\": steps}, indent=1))")
        self.expect("plan")

    def test_one_of_them_by_its_name(self):
        self.pawl("run", "train_tree")
        self.assertEqual(sorted(self.ran()), ["data", "plan", "tree"])
        self.assertIn("there is no step 'train_mlp'", self.pawl("run", "train_mlp", status=2).err)
        self.assertIn("input", self.pawl("why", "train_tree").out + "input")

    def test_mistakes_in_what_is_written_have_their_place(self):
        self.write("write.py", "print('steps:\\n  train_x:\\n    rnu: true\\n  data: {run: \"true\"}')")
        outcome = self.pawl("--json", "run", status=2)
        found = {(m["file"], m["line"], m["code"]) for line in outcome.out.splitlines() for m in json.loads(line).get("errors", [])}
        self.assertIn(("out/steps.json", 3, "unknown-key"), found)
        self.assertIn("duplicate-name", {f[2] for f in found})
        self.assertIn("did you mean 'run'?", outcome.err)
        self.write("write.py", "print('steps: {}')")
        self.ran()
        self.expect("plan", "data")

    def test_a_dynamic_step_has_one_file(self):
        self.edit("pawl.yaml", "outputs: {steps: out/steps.json}", "outputs: {steps: out/steps/}")
        found = [(m["line"], m["code"]) for m in self.pawl("--json", "plan", status=2).json["errors"]]
        self.assertEqual(found, [(12, "bad-dynamic")])

    def test_they_may_write_further_ones(self):
        self.write("write.py", """
            import json
            deep = {"steps": {"deepest": {"run": "echo deepest >> '@RAN@'"}}}
            print(json.dumps({"steps": {"more": {"run": "echo more >> '@RAN@'; echo '%s' > ${outputs.s}" % json.dumps(deep).replace("'", "'\\\\''"),
                                                 "outputs": ["s"], "dynamic": True}}}))
            """)
        self.expect("plan", "data", "more", "deepest")
        self.expect()

    def test_a_writer_that_fails(self):
        self.write("write.py", "import sys; sys.exit(1)")
        outcome = self.run_json(status=1)
        self.assertEqual(outcome.states()["plan"], "failed")


class ShapesOfMaps(PawlTest):
    def test_at_most_so_many_at_once(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: few
            steps:
              each:
                foreach: {n: {range: [0, 8]}}
                max_parallel: 2
                run: "echo b >> log; sleep 0.05; echo e >> log"
              other: {run: "true"}
            """)
        self.pawl("run", "-j", "8")
        most = now = 0
        for line in self.read("log").split():
            now += 1 if line == "b" else -1
            most = max(most, now)
        self.assertLessEqual(most, 2)
        self.assertEqual(self.read("log").split().count("b"), 8)
        self.edit("pawl.yaml", "max_parallel: 2", "max_parallel: 3")
        self.assertIn("up to date", self.pawl("run").out)

    def test_lines_of_a_file_range_and_product(self):
        self.write("rates.txt", "0.1\n\n 0.2 \n0.1\n")
        self.write("pawl.yaml", """
            version: 1
            pipeline: shapes
            steps:
              each:
                foreach: {rate: {lines: rates.txt}, n: {range: [1, 3]}}
                run: "echo ${item.n}-${item.rate} >> '@RAN@'; echo ${item.n}-${item.rate} > ${outputs.o}"
                outputs: [o]
              all: {run: "cat ${inputs.i} > ${outputs.o}", inputs: {i: each.o}, outputs: {o: all.txt}}
            """)
        self.pawl("run")
        self.assertEqual(self.read("all.txt").split(), ["1-0.1", "1-0.2", "2-0.1", "2-0.2"])
        self.ran()
        self.write("rates.txt", "0.1\n0.2\n0.3\n")
        self.expect("1-0.3", "2-0.3")
        self.assertEqual(self.read("all.txt").split(), ["1-0.1", "1-0.2", "1-0.3", "2-0.1", "2-0.2", "2-0.3"])


if __name__ == "__main__":
    import unittest
    unittest.main()
