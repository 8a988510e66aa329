# SPDX-License-Identifier: Apache-2.0
"""`graph code:STEP` and `why`: what counts as a step's code and what does not, each with its reason and the imports that lead to it."""
from harness import PawlTest

MAIN = """
    import sys
    from lib import names, outer, wide

    LIMIT = 3


    def unused():
        return LIMIT


    print(outer.f(), names.a(), [getattr(wide, n, 0) for n in sys.argv])
    if __name__ == "__main__":
        print("end")
    """


class Listing(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: p
            steps:
              s:
                run: python3 -m main conf.txt > ${outputs.o}
                outputs: {o: o.txt}
            """)
        self.write("main.py", MAIN)
        self.write("conf.txt", "x\n")
        self.write("lib/__init__.py", "")
        self.write("lib/outer.py", "from lib.inner import g\n\n\ndef f():\n    return g()\n\n\ndef h():\n    return 2\n")
        self.write("lib/inner.py", "def g():\n    return 1\n")
        self.write("lib/names.py", "def a():\n    return 1\n\n\nif __name__ == '__main__':\n    print(a())\n")
        self.write("lib/wide.py", "conf = 5\n")
        self.write("lib/alone.py", "x = 1\n")
        self.write("lib/bad.py", "def (\n")

    def listed(self):
        answer = self.pawl("--json", "graph", "code:s").json
        self.assertEqual((answer["schema"], answer["code"]), (1, "s"))
        return [{(x["file"], x["line"]): x for x in answer[part]} for part in ("in", "out")]

    def test_reasons(self):
        within, out = self.listed()
        for place, kind, name, reason in [
                (("main.py", None), "module", None, "the command names it"), (("main.py", 11), "statement", None, "the import runs it, and it may have an effect"),
                (("main.py", 12), "main", None, "it is run as a program"), (("lib/outer.py", 4), "def", "f", "named by main.py:11"),
                (("lib/inner.py", 1), "def", "g", "named by lib/outer.py:4 f()"),
                (("lib/inner.py", None), "module", None, "reached from main.py:2 via lib/outer.py:1"),
                (("lib/wide.py", None), "module", None, "imported by main.py:2; whole, for it is used as a value"), (("conf.txt", None), "file", None, None)]:
            found = within[place]
            self.assertEqual((found["kind"], found["name"]), (kind, name), found)
            self.assertIn(reason or "", found["reason"])
        for place, reason in [(("main.py", 7), "nothing that counts names it"), (("main.py", 4), "nothing that counts names it"), (("lib/outer.py", 8), "nothing that counts names it"),
                              (("lib/names.py", 5), "it is not run as a program"), (("lib/alone.py", None), "nothing that counts imports it"),
                              (("lib/bad.py", None), "nothing that counts imports it")]:
            self.assertEqual(out[place]["reason"], reason, out[place])
        self.assertEqual(within["lib/inner.py", None]["path"], ["main.py:2", "lib/outer.py:1"])

    def test_it_agrees_with_the_plan(self):
        """Everything that is listed as in changes the step, everything that is out does not."""
        self.pawl("run")
        self.write("lib/inner.py", "def g():\n    return 3\n")
        plan = self.pawl("--json", "plan").json["steps"][0]
        self.assertEqual((plan["state"], plan["reason"]["file"], plan["reason"]["line"]), ("run", "lib/inner.py", 1))
        self.assertEqual(plan["reason"]["text"], "lib/inner.py:1 g() definition changed (reached from main.py:2 via lib/outer.py:1)")
        self.assertIn("reached from main.py:2 via lib/outer.py:1", self.pawl("why", "s").out)
        self.pawl("run")
        self.edit("lib/outer.py", "return 2", "return 4")
        self.assertEqual(self.pawl("--json", "plan").json["steps"][0]["state"], "hit")

    def test_files_that_count_by_content(self):
        self.edit("main.py", "import sys", "import sys\nimport lib.bad")
        self.assertIn("no Python (line 1): its content counts", self.listed()[0]["lib/bad.py", None]["reason"])

    def test_text(self):
        out = self.pawl("graph", "code:s").out
        self.assertIn("code:s: ", out.splitlines()[0])
        self.assertIn("    4    f()                       named by main.py:11\n", out)

    def test_mistakes(self):
        self.assertIn("no code of a step 'x'", self.pawl("graph", "code:x", status=2).err)
        self.assertIn("code:STEP", self.pawl("graph", "step:s", status=2).err)
        self.assertIn("one node", self.pawl("graph", "code:s", "code:s", status=2).err)
