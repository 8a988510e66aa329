# SPDX-License-Identifier: Apache-2.0
"""What a step reads without declaring it: it counts, and nothing else does."""
import os
import select
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import PawlTest
from scenario import projects

SKIPS, RUNS = False, True

# name -> command, files before, [(path, new text, None to remove or "/" for a folder; does the step run)]. Each edit is undone before the next one.
SHELL = {
    "read": ("cat conf/a.$t > ${outputs.o}", {"conf/a.txt": "1\n", "conf/b.txt": "1\n"},
             [("conf/a.txt", "2\n", RUNS), ("conf/b.txt", "2\n", SKIPS), ("conf/new.txt", "x", SKIPS)]),
    "read in vain": ("cat a.$t 2>/dev/null > ${outputs.o} || true", {}, [("a.txt", "x\n", RUNS), ("b.txt", "x\n", SKIPS)]),
    "looked for": ("if [ -e a.$t ]; then echo yes; else echo no; fi > ${outputs.o}", {}, [("a.txt", "", RUNS), ("a.txt", "/", RUNS)]),
    "there": ("if [ -f a.$t ]; then echo yes; fi > ${outputs.o}", {"a.txt": "abc"}, [("a.txt", None, RUNS), ("a.txt", "abd", SKIPS)]),
    "listed": ("c=conf; ls $c > ${outputs.o}", {"conf/a": "1"}, [("conf/b", "", RUNS), ("conf/a", "2", SKIPS), ("other", "", SKIPS), ("conf/__pycache__", "", SKIPS)]),
    "a pattern of the shell": ("c=conf; cat $c/*.ini > ${outputs.o}", {"conf/a.ini": "1\n"}, [("conf/b.ini", "2\n", RUNS), ("conf/a.ini", "3\n", RUNS)]),
    "by a child of a child": ("sh -c \"sh -c 'f=a; cat \\$f.txt'\" > ${outputs.o}", {"a.txt": "1\n"}, [("a.txt", "2\n", RUNS)]),
    "in another folder": ("cd sub; d=..; cat $d/a.$t > ../${outputs.o}", {"a.txt": "1\n", "sub/b.txt": "1\n"}, [("a.txt", "2\n", RUNS), ("sub/b.txt", "2\n", SKIPS)]),
    "by its absolute path": ("cat \"$PWD/a.$t\" > ${outputs.o}", {"a.txt": "1\n"}, [("a.txt", "2\n", RUNS)]),
    "made by itself": ("echo 1 > a.$t; cat a.$t > ${outputs.o}; rm a.$t", {}, [("a.txt", "2\n", SKIPS)]),
    "moved by itself": ("echo 1 > ${run.dir}/x; cp ${run.dir}/x a.$t; mv a.$t b.$t; cat b.$t > ${outputs.o}; rm b.$t", {}, [("unrelated", "2\n", SKIPS)]),
    "in a folder made by itself": ("mkdir d$t; echo 1 > d$t/x; ls d$t; cat d$t/x > ${outputs.o}; rm -r d$t", {}, [("unrelated", "2\n", SKIPS)]),
    "its own output": ("echo 1 > ${outputs.o}; cat ${outputs.o}", {}, [("unrelated", "2\n", SKIPS)]),
    "executed": ("./a.$t > ${outputs.o}", {"a.txt": "#!/bin/sh\necho 1\n"}, [("a.txt", "#!/bin/sh\necho 2\n", RUNS)]),
    "a link": ("readlink a.$t > ${outputs.o}", {"a.txt": "->a", "a": "1", "b": "2"}, [("a.txt", "->b", RUNS), ("a", "3", SKIPS)]),
    "through a link": ("cat a.$t > ${outputs.o}", {"a.txt": "->a", "a": "1", "b": "2"}, [("a.txt", "->b", RUNS), ("a", "3", RUNS), ("b", "3", SKIPS)]),
    "git's own files": ("d=.git; cat $d/HEAD > ${outputs.o}", {".git/HEAD": "ref\n"}, [(".git/HEAD", "other\n", SKIPS)]),
}

# The same for Python: the step is `python3 -m steps.s OUTPUT`.
PYTHON = {
    "open": ("import sys\nopen(sys.argv[1], 'w').write(open('conf/a.txt').read())\n", {"conf/a.txt": "1", "conf/b.txt": "1"},
             [("conf/a.txt", "2", RUNS), ("conf/b.txt", "2", SKIPS), ("new.txt", "", SKIPS), ("steps/new.py", "", SKIPS), ("lib/new.py", "", SKIPS), ("lib/__init__.py", "# x\n", SKIPS)]),
    "beside the module": ("import pathlib, sys\nhere = pathlib.Path(__file__).parent\nopen(sys.argv[1], 'w').write((here / 'q.sql').read_text())\n", {"steps/q.sql": "1"},
                          [("steps/q.sql", "2", RUNS), ("steps/r.sql", "2", SKIPS)]),
    "listed beside the module": ("import pathlib, sys\nhere = pathlib.Path(__file__).parent\nopen(sys.argv[1], 'w').write(str(sorted(x.name for x in here.glob('*.sql'))))\n",
                                 {"steps/q.sql": "1"}, [("steps/r.sql", "2", RUNS), ("steps/q.sql", "2", SKIPS)]),
    "helper": ("import sys\nfrom lib.h import read\nopen(sys.argv[1], 'w').write(read('conf/a.txt'))\n", {"lib/h.py": "def read(p):\n    return open(p).read()\ndef idle():\n    return 1\n", "conf/a.txt": "1"},
               [("conf/a.txt", "2", RUNS), ("lib/h.py", "# new\ndef read(p):\n    return open(p).read()\ndef idle():\n    return 2\n", SKIPS)]),
    "a package that is looked for": ("import os, sys\nopen(sys.argv[1], 'w').write(str(os.path.exists('plugins')))\n", {}, [("plugins/x", "1", RUNS), ("other/x", "1", SKIPS)]),
    "in a thread": ("import sys, threading\nr = []\nt = threading.Thread(target=lambda: r.append(open('a.txt').read()))\nt.start()\nt.join()\nopen(sys.argv[1], 'w').write(r[0])\n", {"a.txt": "1"}, [("a.txt", "2", RUNS)]),
    "in a forked process": ("import multiprocessing, sys\ndef f(p):\n    return open(p).read()\nif __name__ == '__main__':\n    with multiprocessing.get_context('fork').Pool(2) as p:\n        open(sys.argv[1], 'w').write(''.join(p.map(f, ['a.txt', 'b.txt'])))\n",
                            {"a.txt": "1", "b.txt": "1"}, [("a.txt", "2", RUNS), ("b.txt", "2", RUNS)]),
    "no bytecode": ("import sys\nfrom lib import h\nopen(sys.argv[1], 'w').write('1')\n", {"lib/h.py": "X = 1\n"}, [("lib/__pycache__/h.cpython-311.pyc", "x", SKIPS)]),
}


class Observed(PawlTest):
    def put(self, path, text):
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            if os.path.lexists(full):
                full.unlink()
            full.symlink_to(text[2:])
        elif text == "/":
            full.mkdir()
        else:
            full.write_text(text)
            if text.startswith("#!"):
                full.chmod(0o755)

    def take(self, path):
        full = self.root / path
        if full.is_dir() and not full.is_symlink():
            full.rmdir()
        else:
            full.unlink()

    def check(self, files, edits):
        for path, text in files.items():
            self.put(path, text)
        self.run_json()
        self.ran()
        self.expect()
        for path, text, runs in edits:
            old = files.get(path)
            if text is None:
                self.take(path)
            else:
                self.put(path, text)
            step = self.pawl("--json", "plan").json["steps"][0]
            wrong = "%s: %s" % (path, step)
            self.assertEqual(step["state"], "run" if runs else "hit", wrong)
            if runs:
                self.assertEqual(step["reason"]["code"], "observed", wrong)
                self.assertTrue(step["reason"]["file"], wrong)
            self.expect(*["s"] * runs)
            self.expect()
            if old is None:
                self.take(path)
            else:
                self.put(path, old)
            self.expect()  # going back finds the first result

    def shell(self, command, files, edits):
        projects.one(self, "run: |\n  echo s >> '@RAN@'; t=txt\n  %s\noutputs: {o: out/o.txt}" % command)
        self.check(files, edits)

    def python(self, text, files, edits):
        projects.one(self, "run: [python3, -m, steps.s, '${outputs.o}']\noutputs: {o: out/o.txt}")
        self.write("steps/__init__.py", "")
        self.write("lib/__init__.py", "")
        self.write("steps/s.py", "open('@RAN@', 'a').write('s\\n')\n" + text)
        self.check(dict({"lib/__init__.py": ""}, **files), edits)

    def test_a_note_names_what_was_read_and_what_was_written(self):
        projects.one(self, "run: \"cat a.txt > ${outputs.o}; echo 1 > left.txt\"\noutputs: {o: o.txt}")
        self.write("a.txt", "1\n")
        said = self.pawl("run").err
        self.assertEqual(said.count("'s' read a.txt"), 0, "the command names it: it is code\n" + said)
        self.assertIn("'s' wrote left.txt", said)
        projects.one(self, "run: \"f=a; cat $f.txt $f.txt > ${outputs.o}\"\noutputs: {o: o.txt}")
        said = self.pawl("run").err
        self.assertEqual(said.count("'s' read a.txt"), 1, said)

    def test_declared_inputs_are_no_surprise(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: declared
            steps:
              a: {run: "mkdir -p ${outputs.d} && echo 1 > ${outputs.d}/x", outputs: {d: made/}}
              b:
                run: "d=data; m=made; cat $d/all/* $d/one.txt $d/p/*.csv $m/* > ${outputs.o}"
                inputs: {all: data/all, one: data/one.txt, some: "data/p/*.csv", m: a.d}
                outputs: {o: o.txt}
            """)
        for path in ("data/all/1", "data/all/2", "data/one.txt", "data/p/x.csv"):
            self.write(path, "1\n")
        said = self.pawl("run").err
        self.assertNotIn("without declaring", said)
        self.write("data/p/y.txt", "not matched\n")
        self.assertIn("up to date", self.pawl("run").out)

    def test_changed_while_it_ran_is_not_recorded(self):
        projects.one(self, "run: \"echo s >> '@RAN@'; f=a; cat $f.txt > ${outputs.o}; echo 2 >> $f.txt\"\noutputs: {o: o.txt}")
        self.write("a.txt", "1\n")
        said = self.pawl("run").err
        self.assertIn("a.txt changed while step 's' ran", said)
        self.assertEqual(self.read("o.txt"), "1\n")
        self.ran()
        self.expect("s")

    def test_a_counter_of_its_own_settles(self):
        # It looks for a file, and makes it when it is missing: the next run sees it there, and that is all.
        projects.one(self, "run: \"echo s >> '@RAN@'; f=cache; if [ -e $f.txt ]; then cat $f.txt; else echo new | tee $f.txt; fi > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.expect("s")
        self.expect("s")
        self.expect()
        (self.root / "cache.txt").unlink()
        self.expect()

    def test_a_clone_finds_it(self):
        projects.one(self, "run: \"echo s >> '@RAN@'; f=a; cat $f.txt > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.write("a.txt", "1\n")
        self.expect("s")
        clone = self.top / "clone"
        clone.mkdir()
        for name in ("pawl.yaml", "a.txt"):
            (clone / name).write_bytes((self.root / name).read_bytes())
        self.pawl("run", cwd=clone)
        self.assertEqual(self.ran(), [])
        (clone / "a.txt").write_text("2\n")
        self.pawl("run", cwd=clone)
        self.assertEqual(self.ran(), ["s"])

    def test_why_names_the_file(self):
        projects.one(self, "run: \"f=a; cat $f.txt > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.write("a.txt", "1\n")
        self.pawl("run")
        self.write("a.txt", "2\n")
        self.assertIn("a.txt", self.pawl("why", "s").out)

    def test_what_a_step_leaves_running_goes_on(self):
        place = tempfile.mkdtemp(prefix="pawl-left-")
        self.addCleanup(shutil.rmtree, place)
        pipes = {}
        for name in ("up", "go", "done"):
            os.mkfifo(os.path.join(place, name))
            pipes[name] = os.open(os.path.join(place, name), os.O_RDWR)  # opening both ends waits for nobody
            self.addCleanup(os.close, pipes[name])
        projects.one(self, """
            run: "setsid sh -c 'echo up > %s/up; read x < %s/go; cat pawl.yaml > %s/copy; echo ok > %s/done' >/dev/null 2>&1 & read y < %s/up; echo 1 > ${outputs.o}"
            outputs: {o: o.txt}""" % ((place,) * 5))
        self.pawl("run")
        os.write(pipes["go"], b"x\n")
        self.assertTrue(select.select([pipes["done"]], [], [], 60)[0], "what the step left behind hangs")
        self.assertIn("pipeline: one", open(os.path.join(place, "copy")).read())

    def test_an_output_of_another_step_is_said_to_have_no_order(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: order
            steps:
              a: {run: "echo 1 > ${outputs.o}", outputs: {o: a.txt}}
              b: {run: "x=txt; cat a.$x > ${outputs.o}", outputs: {o: b.txt}, after: [a]}
            """)
        self.assertIn("step 'b' read a.txt, which step 'a' makes", self.pawl("run").err)

    def test_strict_fails_on_what_is_not_declared(self):
        body = "run: \"x=txt; cat a.$x > ${outputs.o}; test ! -e b.$x\"\n%soutputs: {o: o.txt}"
        self.write("a.txt", "1\n")
        projects.one(self, body % "")
        self.pawl("run")
        projects.one(self, body % "strict: true\n")
        outcome = self.pawl("run", status=1)
        self.assertIn("step 's' read a.txt without declaring it", outcome.err)
        self.assertFalse(self.exists("o.txt"))
        projects.one(self, body % "strict: true\ninputs: {i: a.txt}\n")
        self.pawl("run")  # looking for b.txt in vain is no mistake, but it counts
        self.write("b.txt", "")
        self.assertEqual(self.pawl("--json", "plan").json["steps"][0]["reason"]["code"], "observed")

    def test_strict_of_the_file_and_of_a_step(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: strict
            strict: true
            steps:
              tight: {run: "x=txt; cat a.$x > ${outputs.o}", outputs: {o: o1.txt}}
              loose: {run: "x=txt; cat a.$x > ${outputs.o}", outputs: {o: o2.txt}, strict: false}
            """)
        self.write("a.txt", "1\n")
        outcome = self.run_json("-k", status=1)
        self.assertEqual(outcome.states(), {"tight": "failed", "loose": "made"})


def add(kind, name, *args):
    setattr(Observed, "test_%s_%s" % (kind, "".join(c if c.isalnum() else "_" for c in name)), lambda self: getattr(self, kind)(*args))


for case, row in SHELL.items():
    add("shell", case, *row)
for case, row in PYTHON.items():
    add("python", case, *row)

class WhatPawlMakes(PawlTest):
    """Names that pawl itself brings into a listed folder decide nothing: outputs of other steps, pawl.lock."""

    def test_outputs_of_others_and_the_lock(self):
        steps = "".join("  s%02d: {run: \"echo s%02d >> '%s'; echo x > ${outputs.o}\", outputs: {o: out%d/s.txt}}\n" % (i, i, self.ran_file, i) for i in range(40))
        self.write("src.txt", "1\n")
        (self.root / "pawl.yaml").write_text("version: 1\npipeline: listing\nsteps:\n  a_lists: {run: \"ls > /dev/null; echo a_lists >> '%s'\"}\n"
                                             "  b_copies: {run: \"echo b_copies >> '%s'; cat ${inputs.i}\", inputs: {i: src.txt}}\n%s" % (self.ran_file, self.ran_file, steps))
        self.pawl("run", "-j", "1")
        self.assertEqual(len(self.ran()), 42)
        self.write("pawl.lock", '{"bootstraps": {}, "parents": {}, "requirements": {}, "version": 1}\n')
        self.expect()
        self.pawl("run")
        for text in ("2\n", "3\n"):  # a part of the pipeline alone
            self.write("src.txt", text)
            self.pawl("run")
            self.assertEqual(self.ran(), ["b_copies"])
        self.write("new.txt", "")
        self.expect("a_lists")
