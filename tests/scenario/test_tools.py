# SPDX-License-Identifier: Apache-2.0
"""Programs and installed packages: which of their changes make a step run."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402


class Programs(PawlTest):
    def setUp(self):
        super().setUp()
        self.bin = self.root.parent / "bin"
        self.bin.mkdir()
        self.env["PATH"] = "%s:%s" % (self.bin, self.env["PATH"])

    def program(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def step(self, command):
        self.write("pawl.yaml", "version: 1\npipeline: p\nsteps:\n  s:\n    run: %s\n    outputs: {o: o.txt}\n" % command)

    def state(self):
        step = self.pawl("--json", "plan").json["steps"][0]
        return (step["state"], (step["reason"] or {}).get("code"))

    def test_content_of_a_program_counts(self):
        self.program("mytool", "#!/bin/sh\necho 1\n")
        self.step("mytool > ${outputs.o}")
        self.run_json()
        self.program("other", "#!/bin/sh\necho 2\n")
        self.assertEqual(self.state(), ("hit", None))
        self.program("mytool", "#!/bin/sh\necho 2\n")
        self.assertEqual(self.state(), ("run", "tool"))
        self.assertIn("mytool", self.pawl("why", "s").out)

    def test_its_place_does_not_count(self):
        self.program("mytool", "#!/bin/sh\necho 1\n")
        self.step("mytool > ${outputs.o}")
        self.run_json()
        elsewhere = self.root.parent / "elsewhere"
        shutil.copytree(self.bin, elsewhere)
        self.env["PATH"] = "%s:%s" % (elsewhere, self.env["PATH"])
        self.assertEqual(self.state(), ("hit", None))

    def test_a_program_that_comes_earlier_in_path(self):
        self.step("sort /dev/null > ${outputs.o}")
        self.run_json()
        self.assertIn("up to date", self.pawl("run").out)
        self.program("sort", "#!/bin/sh\necho mine\n")
        self.assertEqual(self.state(), ("run", "tool"))
        self.run_json()
        self.assertEqual(self.read("o.txt"), "mine\n")

    def test_builtins_are_no_programs(self):
        self.step("echo a > ${outputs.o}")
        self.run_json()
        self.program("echo", "#!/bin/sh\nprintf b\n")
        self.assertEqual(self.state(), ("hit", None))


class Packages(Programs):
    """A virtual environment with packages made by hand."""

    def setUp(self):
        super().setUp()
        self.venv = self.root.parent / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.venv)], check=True)
        self.site = next(self.venv.glob("lib/python*/site-packages"))
        self.env["PATH"] = "%s:%s" % (self.venv / "bin", self.env["PATH"])
        self.install("numlib", "1.0", "def f():\n    return 1\n", requires=["Base-Lib>=1", "testlib; extra == 'test'"])
        self.install("base_lib", "1.0", "X = 1\n")
        self.install("testlib", "1.0", "X = 1\n")
        self.install("unused", "1.0", "X = 1\n")
        self.write("main.py", "import json, numlib\nprint(json.dumps(numlib.f()))\n")
        self.write("plain.py", "import json\nprint(json.dumps(1))\n")
        self.write("pawl.yaml", "version: 1\npipeline: p\nsteps:\n" + "".join(
            "  %s:\n    run: python3 %s.py > ${outputs.o}\n    outputs: {o: %s.txt}\n" % (n, n, n) for n in ("main", "plain")))
        self.run_json()

    def install(self, name, version, text, requires=(), record=None):
        for old in self.site.glob(name + "-*"):
            shutil.rmtree(old)
        (self.site / (name + ".py")).write_text(text)
        info = self.site / ("%s-%s.dist-info" % (name, version))
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s\n" % (
            name.replace("_", "-"), version, "".join("Requires-Dist: %s\n" % r for r in requires)))
        (info / "RECORD").write_text(record or "%s.py,sha256=%d,%d\n../../../bin/x,sha256=1,2\n" % (name, hash(text) % 1000, len(text)))

    def states(self):
        return {s["name"]: (s["state"], (s["reason"] or {}).get("code")) for s in self.pawl("--json", "plan").json["steps"]}

    def expect_states(self, main):
        self.assertEqual(self.states(), {"main": main, "plain": ("hit", None)})

    def test_nothing_changed(self):
        self.expect_states(("hit", None))
        self.assertIn("up to date", self.pawl("run").out)

    def test_a_package_that_is_imported(self):
        self.install("numlib", "1.1", "def f():\n    return 2\n", requires=["base-lib"])
        self.expect_states(("run", "tool"))
        self.assertIn("numlib: 1.0 -> 1.1", self.pawl("why", "main").out)
        self.run_json()
        self.assertEqual(self.read("main.txt"), "2\n")

    def test_what_it_requires(self):
        self.install("base_lib", "1.1", "X = 2\n")
        self.expect_states(("run", "tool"))

    def test_the_same_version_with_other_files(self):
        self.install("base_lib", "1.0", "X = 2\n", record="base_lib.py,sha256=other,6\n")
        self.expect_states(("run", "tool"))

    def test_scripts_and_bytecode_do_not_count(self):
        record = (self.site / "numlib-1.0.dist-info" / "RECORD").read_text()
        self.install("numlib", "1.0", "def f():\n    return 1\n", requires=["Base-Lib>=1", "testlib; extra == 'test'"],
                     record=record.replace("../../../bin/x,sha256=1,2", "../../../bin/x,sha256=9,9\n__pycache__/numlib.cpython-311.pyc,,"))
        self.expect_states(("hit", None))

    def test_packages_that_nothing_reaches(self):
        self.install("unused", "2.0", "X = 2\n")
        self.install("testlib", "2.0", "X = 2\n")
        self.expect_states(("hit", None))

    def test_a_package_for_a_module_that_was_missing(self):
        self.write("main.py", "try:\n    import speedup\nexcept ImportError:\n    speedup = None\nprint(speedup)\n")
        self.run_json()
        self.expect_states(("hit", None))
        self.install("speedup", "1.0", "X = 1\n")
        self.expect_states(("run", "tool"))

    def test_a_console_script_is_its_package(self):
        info = self.site / "numlib-1.0.dist-info"
        (info / "entry_points.txt").write_text("[console_scripts]\nnumtool = numlib:f\n")
        self.program("numtool", "#!%s\nimport numlib\nprint(numlib.f())\n" % str(self.venv / "bin" / "python3").replace(" ", " "))
        os.utime(self.site)
        self.step("numtool > ${outputs.o}")
        if " " in str(self.venv):
            self.program("numtool", "#!/usr/bin/env python3\nimport numlib\nprint(numlib.f())\n")
        self.run_json()
        self.assertEqual(self.state(), ("hit", None))
        self.install("numlib", "1.1", "def f():\n    return 2\n")
        (self.site / "numlib-1.1.dist-info" / "entry_points.txt").write_text("[console_scripts]\nnumtool = numlib:f\n")
        self.assertEqual(self.state(), ("run", "tool"))

    def test_an_editable_installation_is_code(self):
        (self.site / "mine.pth").write_text(str(self.root / "lib") + "\n")
        self.write("lib/mine.py", "def f():\n    return 1\ndef g():\n    return 2\n")
        self.write("main.py", "import mine\nprint(mine.f())\n")
        self.run_json()
        self.edit("lib/mine.py", "return 2", "return 9")
        self.expect_states(("hit", None))
        self.edit("lib/mine.py", "return 1", "return 9")
        self.expect_states(("run", "code"))


class Generated(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: p
            steps:
              table:
                run: "echo table >> '@RAN@'; echo X = $(cat data.txt) > ${outputs.o}; echo 'def unused(): return '$(cat data.txt)0 >> ${outputs.o}"
                inputs: {d: data.txt}
                outputs: {o: gen/table.py}
              use:
                run: "echo use >> '@RAN@'; python3 -m main > ${outputs.o}"
                outputs: {o: o.txt}
            """)
        self.write("data.txt", "1\n")
        self.write("gen/__init__.py", "")
        self.write("main.py", "from gen.table import X\nprint(X)\n")

    def test_a_module_that_a_step_makes_comes_first(self):
        self.expect("table", "use")
        self.assertEqual(self.read("o.txt"), "1\n")
        self.expect()
        self.write("data.txt", "2\n")
        self.expect("table", "use")
        self.assertEqual(self.read("o.txt"), "2\n")
        self.write("data.txt", "1\n")
        self.expect()
        self.assertEqual(self.read("o.txt"), "1\n")


class WhileItRuns(PawlTest):
    def test_code_that_changes_while_it_runs_is_not_recorded(self):
        self.write("pawl.yaml", "version: 1\npipeline: p\nsteps:\n  s:\n    run: \"echo s >> '@RAN@'; python3 main.py > ${outputs.o}\"\n    outputs: {o: o.txt}\n")
        self.write("main.py", "import lib\nprint(lib.X)\nopen('lib.py', 'w').write('X = 2\\n')\n")
        self.write("lib.py", "X = 1\n")
        self.expect("s")
        self.expect("s")
        self.assertEqual(self.read("o.txt"), "2\n")
        self.expect()

    def test_a_log_that_a_step_writes_is_no_code(self):
        self.write("pawl.yaml", "version: 1\npipeline: p\nsteps:\n  s:\n    run: \"echo s >> '@RAN@'; date > now.log; echo 1 > ${outputs.o}\"\n    outputs: {o: o.txt}\n")
        self.expect("s")
        self.expect()
