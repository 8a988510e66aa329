# SPDX-License-Identifier: Apache-2.0
"""pawl diff: what two runs have done otherwise, to the definition and the number."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import PawlTest

MODEL = """
    import json, sys

    def rate(x):
        return x * %s

    def idle(x):
        return x

    json.dump({"loss": rate(0.5), "n": 3, "deep": {"auc": rate(1)}, "name": "a"}, open(sys.argv[1], "w"))
    """


class Diff(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: compared
            params: {lr: 1, idle: 1}
            steps:
              fit: {run: [python3, fit.py, "${outputs.m}", "${params.lr}"], params: [lr], outputs: {m: m.json}}
              copy: {run: "cp ${inputs.m} ${outputs.o}; x=txt; cat note.$x >> ${outputs.o}", inputs: {m: fit.m}, outputs: {o: o.json}}
            """)
        self.write("fit.py", MODEL % 1)
        self.write("note.txt", "1\n")
        self.pawl("run")

    def differences(self, *runs):
        rows = self.pawl("--json", "diff", *(runs or ("last~1", "last"))).json["differences"]
        return {(row["step"], row["what"]): (row["a"], row["b"]) for row in rows}

    def test_code_by_definition_and_metrics(self):
        self.write("fit.py", MODEL % 2)
        self.pawl("run")
        found = self.differences()
        self.assertIn(("fit", "code fit.py:rate"), found)
        self.assertNotIn(("fit", "code fit.py:idle"), found)
        self.assertEqual(found["fit", "metric m.loss"], (0.5, 1.0))
        self.assertEqual(found["fit", "metric m.deep.auc"], (1, 2))
        self.assertNotIn(("fit", "metric m.n"), found)
        self.assertIn(("copy", "input m"), found)
        self.assertIn(("fit", "seconds"), found)
        self.assertIn("code fit.py:rate", self.pawl("diff", "last~1", "last").out)

    def test_parameters_variables_and_what_was_observed(self):
        self.write("note.txt", "2\n")
        self.pawl("run", "-p", "lr=3")
        found = self.differences()
        self.assertEqual(found["", "param lr"], (1, 3))
        self.assertEqual(found["fit", "param lr"], ("1", "3"))
        self.assertIn(("copy", "observed file note.txt"), found)
        self.assertNotIn(("fit", "code fit.py:rate"), found)

    def test_steps_that_came_and_went(self):
        self.edit("pawl.yaml", '  copy: {run: "cp', '  other: {run: "echo; cp')
        self.pawl("run")
        found = self.differences()
        self.assertEqual(found["copy", "step"][1], None)
        self.assertEqual(found["other", "step"][0], None)

    def test_a_tool_is_another_one(self):
        tool = self.write("bin/mytool", "#!/bin/sh\necho 1\n", mode=0o755, root=self.top)
        self.env["PATH"] = "%s:%s" % (tool.parent, self.env["PATH"])
        self.edit("pawl.yaml", "cp ${inputs.m}", "mytool; cp ${inputs.m}")
        self.pawl("run")
        self.write("bin/mytool", "#!/bin/sh\necho 2\n", mode=0o755, root=self.top)
        self.pawl("run")
        self.assertTrue([what for step, what in self.differences() if step == "copy" and what.startswith("tool mytool")], self.differences())

    def test_the_same_twice(self):
        self.pawl("run", "--force")
        found = self.differences()
        self.assertEqual({what for step, what in found} - {"seconds", "state"}, set())
