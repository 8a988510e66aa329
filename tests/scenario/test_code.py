# SPDX-License-Identifier: Apache-2.0
"""What counts as code: one step, an edit, and whether the plan runs it again.

A row: files, the file that is edited, old text, new text, and whether the step has to run. The step is `python3 -m main` unless a row has
a command of its own. Before the edits the step has run once; rows with the same files share a project.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402

RUNS, SKIPS = True, False
COMMAND = "python3 -m main > ${outputs.o}"

FORMS = {
    "import module": (
        {"main.py": "import lib.a\nprint(lib.a.f())\n", "lib/__init__.py": "", "lib/a.py": "X = 1\nY = 2\ndef f():\n    return X\ndef g():\n    return Y\n"},
        [("lib/a.py", "X = 1", "X = 3", RUNS), ("lib/a.py", "Y = 2", "Y = 3", SKIPS), ("lib/a.py", "return Y", "return 5", SKIPS),
         ("lib/a.py", "return X", "return X  # a remark", SKIPS), ("lib/a.py", "return X", "return (X)", SKIPS),
         ("lib/a.py", "def f():", "def f():\n    'text'", SKIPS), ("lib/__init__.py", "", "import os\nos.umask(0)\n", RUNS),
         ("lib/a.py", "def f()", "print(1)\ndef f()", RUNS), ("main.py", "lib.a.f()", "lib.a.g()", RUNS)]),
    "from and alias": (
        {"main.py": "from lib import a as b\nfrom lib.c import f as h\nprint(b.f(), h())\n", "lib/a.py": "def f():\n    return 1\ndef g():\n    return 2\n",
         "lib/c.py": "def f():\n    return 1\ndef g():\n    return 2\n"},
        [("lib/a.py", "return 1", "return 9", RUNS), ("lib/a.py", "return 2", "return 9", SKIPS), ("lib/c.py", "return 1", "return 9", RUNS),
         ("lib/c.py", "return 2", "return 9", SKIPS)]),
    "relative": (
        {"main.py": "from pkg.sub.x import f\nprint(f())\n", "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/x.py":
         "from . import y\nfrom ..top import T\nfrom .y import q as r\ndef f():\n    return y.p() + T + r()\n",
         "pkg/sub/y.py": "def p():\n    return 1\ndef q():\n    return 2\ndef z():\n    return 0\n", "pkg/top.py": "T = 1\nU = 2\n"},
        [("pkg/sub/y.py", "return 1", "return 9", RUNS), ("pkg/sub/y.py", "return 2", "return 9", RUNS), ("pkg/sub/y.py", "return 0", "return 9", SKIPS),
         ("pkg/top.py", "T = 1", "T = 9", RUNS), ("pkg/top.py", "U = 2", "U = 9", SKIPS)]),
    "in a function, in try, under a condition": (
        {"main.py": "import sys\ntry:\n    import fast as impl\nexcept ImportError:\n    import slow as impl\nif len(sys.argv) > 5:\n    import rare\n"
         "def go():\n    from late import f\n    return f() + impl.g()\nprint(go())\ndef never():\n    import unused\n",
         "slow.py": "def g():\n    return 1\ndef h():\n    return 2\n", "rare.py": "print('x')\n", "late.py": "def f():\n    return 1\n", "unused.py": "print('x')\n"},
        [("slow.py", "return 1", "return 9", RUNS), ("slow.py", "return 2", "return 9", SKIPS), ("rare.py", "'x'", "'y'", RUNS),
         ("late.py", "return 1", "return 9", RUNS), ("unused.py", "'x'", "'y'", SKIPS), ("fast.py", None, "def g():\n    return 7\n", RUNS)]),
    "a new file shadows": (
        {"pawl.yaml": "version: 1\npipeline: p\nsteps:\n  s:\n    run: python3 -m main > ${outputs.o}\n    env: {PYTHONPATH: src}\n    outputs: {o: o.txt}\n", "main.py": "import json\nimport src_only\nprint(json.dumps(src_only.v()))\n", "src/src_only.py": "def v():\n    return 1\n", "noise.py": ""},
        [("src_only.py", None, "def v():\n    return 2\n", RUNS), ("json.py", None, "def dumps(x):\n    return 'mine'\n", RUNS),
         ("jsonx.py", None, "1\n", SKIPS), ("src/src_only.py", "return 1", "return 4", RUNS)]),
    "type checking": (
        {"main.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from only_types import T\ndef f(x: 'T') -> int:\n    return 1\nprint(f(1))\n",
         "only_types.py": "class T:\n    pass\n"},
        [("only_types.py", "pass", "x = 1", SKIPS), ("main.py", "-> int", "-> float", SKIPS)]),
    "registering": (
        {"main.py": "import plug\nfrom reg import R\nprint(sorted(R))\n", "reg.py": "R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\n",
         "plug.py": "from reg import register\n@register\ndef one():\n    return 1\ndef two():\n    return 2\n"},
        [("plug.py", "return 1", "return 9", RUNS), ("plug.py", "return 2", "return 9", SKIPS), ("reg.py", "R = {}", "R = {'a': 1}", RUNS)]),
    "init_subclass and metaclass": (
        {"main.py": "import kinds\nfrom base import Base\nprint(Base.all)\n", "base.py": "class Base:\n    all = []\n    def __init_subclass__(cls):\n        Base.all.append(cls.__name__)\n",
         "kinds.py": "from base import Base\nclass A(Base):\n    size = 1\nclass Plain:\n    size = 2\n"},
        [("kinds.py", "size = 1", "size = 9", RUNS), ("kinds.py", "size = 2", "size = 9", SKIPS)]),
    "module as a value": (
        {"main.py": "import names\nfor n in dir(names):\n    print(n, getattr(names, n))\n", "names.py": "A = 1\ndef b():\n    return 2\n"},
        [("names.py", "A = 1", "A = 2", RUNS), ("names.py", "return 2", "return 3", RUNS)]),
    "getattr with a literal": (
        {"main.py": "import names\nprint(getattr(names, 'b')())\n", "names.py": "A = 1\ndef b():\n    return 2\ndef c():\n    return 3\n"},
        [("names.py", "return 2", "return 9", RUNS), ("names.py", "return 3", "return 9", SKIPS), ("names.py", "A = 1", "A = 9", SKIPS)]),
    "globals": (
        {"main.py": "import names\nprint(names.call('b'))\n", "names.py": "def b():\n    return 2\ndef call(n):\n    return globals()[n]()\n"},
        [("names.py", "return 2", "return 9", RUNS)]),
    "eval": (
        {"main.py": "import other\nprint(eval('other.f()'))\n", "other.py": "def f():\n    return 1\n"},
        [("other.py", "return 1", "return 9", RUNS)]),
    "computed import": (
        {"main.py": "import importlib, sys\nname = 'a' + sys.argv[0][:0]\nprint(importlib.import_module('plugins.' + name).f())\n", "plugins/__init__.py": "", "plugins/a.py":
         "def f():\n    return 1\n", "plugins/b.py": "def f():\n    return 1\n", "elsewhere.py": "x = 1\n"},
        [("plugins/a.py", "return 1", "return 9", RUNS), ("plugins/b.py", "return 1", "return 9", RUNS), ("plugins/c.py", None, "x = 1\n", RUNS),
         ("elsewhere.py", "x = 1", "x = 9", SKIPS)]),
    "pkgutil": (
        {"main.py": "import pkgutil, importlib, plugins\nfor m in pkgutil.iter_modules(plugins.__path__):\n    print(importlib.import_module('plugins.' + m.name).f())\n",
         "plugins/__init__.py": "", "plugins/a.py": "def f():\n    return 1\n"},
        [("plugins/a.py", "return 1", "return 9", RUNS), ("plugins/b.py", None, "def f():\n    return 2\n", RUNS)]),
    "module __getattr__": (
        {"main.py": "import lazy\nprint(lazy.value)\n", "lazy.py": "def __getattr__(name):\n    from hidden import f\n    return f()\ndef other():\n    return 1\n",
         "hidden.py": "def f():\n    return 1\n"},
        [("hidden.py", "return 1", "return 9", RUNS), ("lazy.py", "return 1", "return 9", SKIPS)]),
    "namespace package": (
        {"main.py": "import space.part\nprint(space.part.f())\n", "space/part.py": "def f():\n    return 1\n"},
        [("space/part.py", "return 1", "return 9", RUNS), ("space/__init__.py", None, "print('now a package')\n", RUNS)]),
    "circular": (
        {"main.py": "import a\nprint(a.f())\n", "a.py": "import b\ndef f():\n    return b.g()\ndef h():\n    return 1\n", "b.py": "import a\ndef g():\n    return a.h()\n"},
        [("a.py", "return 1", "return 9", RUNS)]),
    "main block": (
        {"main.py": "import tool\nprint(tool.f())\nif __name__ == '__main__':\n    print('end')\n", "tool.py": "def f():\n    return 1\nif __name__ == '__main__':\n    print('alone')\n"},
        [("main.py", "'end'", "'stop'", RUNS), ("tool.py", "'alone'", "'single'", SKIPS)]),
    "defaults, decorators, dataclasses": (
        {"main.py": "from shapes import Point\nprint(Point())\n", "shapes.py": "from dataclasses import dataclass\nfrom consts import X, Z\n@dataclass\nclass Point:\n    x: int = X\n"
         "    'about'\n    y: int = 0\ndef unused(z=Z):\n    return z\n", "consts.py": "X = 1\nY = 2\nZ = 3\n"},
        [("consts.py", "X = 1", "X = 9", RUNS), ("consts.py", "Y = 2", "Y = 9", SKIPS), ("shapes.py", "y: int", "y: float", RUNS),
         ("shapes.py", "'about'", "'more about'", SKIPS)]),
    "docstrings that are read": (
        {"main.py": "'''Usage'''\nimport argparse\nprint(argparse.ArgumentParser(description=__doc__).format_help())\n", "x.py": ""},
        [("main.py", "Usage", "How to", RUNS)]),
    "globals that are changed": (
        {"main.py": "import state\nstate.add()\nprint(state.N)\n", "state.py": "N = 0\ndef add():\n    global N\n    N += step()\ndef step():\n    return 1\n"},
        [("state.py", "N = 0", "N = 5", RUNS), ("state.py", "return 1", "return 9", RUNS)]),
    "monkey patch": (
        {"main.py": "import target, patch\nprint(target.f())\n", "target.py": "def f():\n    return 1\n", "patch.py": "import target\ndef g():\n    return 2\ntarget.f = g\n"},
        [("patch.py", "return 2", "return 9", RUNS)]),
    "same name inside": (
        {"main.py": "import m\nprint(m.f())\n", "m.py": "def helper():\n    return 1\ndef f():\n    helper = 5\n    return helper\n"},
        [("m.py", "return 1", "return 9", SKIPS)]),
    "re-exports": (
        {"main.py": "from api import a\nprint(a())\n", "api/__init__.py": "from .one import a\nfrom .two import b\nfrom .three import *\n__all__ = ['a', 'b']\n",
         "api/one.py": "def a():\n    return 1\n", "api/two.py": "def b():\n    return 1\n", "api/three.py": "def c():\n    return 1\n"},
        [("api/one.py", "return 1", "return 9", RUNS), ("api/two.py", "return 1", "return 9", SKIPS), ("api/three.py", "return 1", "return 9", SKIPS),
         ("api/two.py", "def b", "def d", RUNS)]),
    "broken file": (
        {"main.py": "try:\n    import bad\nexcept SyntaxError:\n    print('bad')\n", "bad.py": "def (\n"},
        [("bad.py", "def (", "def ((", RUNS), ("bad.py", "def (\n", "x = 1\n", RUNS)]),
    "classes reach what they use": (
        {"main.py": "from shapes import Square\nprint(Square(2).area())\n", "shapes.py": "import base\nclass Square(base.Shape):\n    def __init__(self, a):\n        self.a = a\n"
         "    def area(self):\n        return helper(self.a)\ndef helper(a):\n    return a * a\ndef other():\n    return 1\n", "base.py": "class Shape:\n    def name(self):\n        return 'x'\n"},
        [("shapes.py", "a * a", "a + a", RUNS), ("base.py", "'x'", "'y'", RUNS), ("shapes.py", "return 1", "return 9", SKIPS)]),
    "a pickle of an earlier step": (
        {"main.py": "import pickle, sys\nprint(pickle.load(open(sys.argv[1], 'rb')).predict())\n", "make.py": "import pickle, sys\nfrom model import Model\n"
         "pickle.dump(Model(), open(sys.argv[1], 'wb'))\n", "model.py": "class Model:\n    def predict(self):\n        return 1\ndef aside():\n    return 2\n",
         "pawl.yaml": "version: 1\npipeline: p\nsteps:\n  first:\n    run: python3 make.py ${outputs.m}\n    outputs: {m: m.pkl}\n"
         "  s:\n    run: python3 main.py ${inputs.m} > ${outputs.o}\n    inputs: {m: first.m}\n    outputs: {o: o.txt}\n"},
        [("model.py", "return 1", "return 9", RUNS), ("model.py", "return 2", "return 9", SKIPS)]),
}

COMMANDS = {
    "python -c": ("python3 -c 'import mod; print(mod.f())' > ${outputs.o}", {"mod.py": "def f():\n    return 1\ndef g():\n    return 2\n"},
                  [("mod.py", "return 1", "return 9", RUNS), ("mod.py", "return 2", "return 9", SKIPS)]),
    "here-document": ("|\n      python3 - > ${outputs.o} <<'END'\n      import mod\n      print(mod.f())\n      END\n", {"mod.py": "def f():\n    return 1\n"},
                      [("mod.py", "return 1", "return 9", RUNS)]),
    "prefixes": ("env A=1 nice -n 5 timeout 60 python3 -u tools/x.py > ${outputs.o}", {"tools/x.py": "import beside\nprint(beside.X)\n", "tools/beside.py": "X = 1\n"},
                 [("tools/beside.py", "X = 1", "X = 9", RUNS), ("tools/x.py", "print(", "# a remark\nprint(", SKIPS)]),
    "substitution": ("echo $(python3 tools/x.py) `sh tools/y.sh` > ${outputs.o}", {"tools/x.py": "print(1)\n", "tools/y.sh": "echo 1\n"},
                     [("tools/x.py", "1", "9", RUNS), ("tools/y.sh", "1", "9", RUNS)]),
    "words": ("sort -k1 --files0-from=conf/none conf/list.txt < conf/in.txt > ${outputs.o} || cat conf/other.txt > ${outputs.o}",
              {"conf/list.txt": "b\n", "conf/in.txt": "a\n", "conf/other.txt": "c\n", "conf/unnamed.txt": "d\n"},
              [("conf/list.txt", "b", "e", RUNS), ("conf/in.txt", "a", "e", RUNS), ("conf/other.txt", "c", "e", RUNS), ("conf/unnamed.txt", "d", "e", SKIPS),
               ("conf/none", None, "x", RUNS)]),
    "cd": ("cd sub && python3 x.py > ../${outputs.o}", {"sub/x.py": "import y\nprint(y.V)\n", "sub/y.py": "V = 1\n", "y.py": "V = 3\n"},
           [("sub/y.py", "V = 1", "V = 9", RUNS), ("y.py", "V = 3", "V = 9", SKIPS)]),
    "PYTHONPATH": ("PYTHONPATH=libs python3 x.py > ${outputs.o}", {"x.py": "import deep\nprint(deep.V)\n", "libs/deep.py": "V = 1\nW = 1\n"},
                   [("libs/deep.py", "V = 1", "V = 9", RUNS), ("libs/deep.py", "W = 1", "W = 9", SKIPS)]),
    "package with __main__": ("python3 -m pkg > ${outputs.o}", {"pkg/__init__.py": "", "pkg/__main__.py": "from pkg.a import f\nprint(f())\n", "pkg/a.py": "def f():\n    return 1\n"},
                              [("pkg/a.py", "return 1", "return 9", RUNS), ("pkg/__main__.py", "print(f", "print(1, f", RUNS)]),
    "comment in the command": ("|\n      # python3 no.py\n      echo '# no.py' > ${outputs.o}\n", {"no.py": "print(1)\n"}, [("no.py", "1", "2", SKIPS)]),
    "sh -c": ("sh -c 'python3 x.py' > ${outputs.o}", {"x.py": "print(1)\n"}, [("x.py", "1", "2", RUNS)]),
}


class Code(PawlTest):
    def check(self, what, command, files, edits):
        # A script that a command names, files in the way: all of it is in a project of its own.
        self.write("pawl.yaml", "version: 1\npipeline: p\nsteps:\n  s:\n    run: %s\n    outputs: {o: o.txt}\n" % command)
        for path, text in files.items():
            self.write(path, text)
        self.run_json()
        for path, old, new, runs in edits:
            before = (self.root / path).read_bytes() if old is not None else None
            if old is None:
                self.write(path, new)
            elif old:
                self.edit(path, old, new)
            else:
                self.write(path, new)
            step = [s for s in self.pawl("--json", "plan").json["steps"] if s["name"] == "s"][0]
            wrong = "%s: %s, %r -> %r: %s" % (what, path, old, new, step)
            self.assertIn(step["state"], ("run", "maybe") if runs else ("hit",), wrong)
            if runs and step["state"] == "run":
                self.assertEqual(step["reason"]["code"], "code", wrong)
                self.assertIn(os.path.basename(path), step["reason"]["text"] + str(step["reason"].get("file")), wrong)
            if before is None:
                (self.root / path).unlink()
            else:
                (self.root / path).write_bytes(before)
        step = [s for s in self.pawl("--json", "plan").json["steps"] if s["name"] == "s"][0]
        self.assertEqual(step["state"], "hit", "%s: back to the first text" % what)


def add(name, *args):
    setattr(Code, "test_" + "".join(c if c.isalnum() else "_" for c in name), lambda self: self.check(name, *args))


for form, (tree, rows) in FORMS.items():
    add(form, COMMAND, tree, rows)
for form, (line, tree, rows) in COMMANDS.items():
    add("command_" + form, line, tree, rows)
