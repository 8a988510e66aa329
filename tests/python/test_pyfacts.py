# SPDX-License-Identifier: Apache-2.0
"""Facts of Python files: which edits change a hash, what is bound, what refers to what."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
sys.path.insert(0, str(RULES))
import pyfacts  # noqa: E402



def as_embedded():
    """The one text that is in the program (Makefile)."""
    lines = "".join((RULES / name).read_text() for name in ("pyfacts_tree.py", "pyfacts_pure.py", "pyfacts_places.py", "pyfacts.py")).split("\n")
    return "\n".join(line for line in lines if not line.startswith("from pyfacts_"))


def facts(text):
    return pyfacts.facts(text.encode())


def hashes(text):
    return [unit["h"] for unit in facts(text)["units"]]


def unit(text, name):
    return [u for u in facts(text)["units"] if u["n"] == name][0]


class Hashes(unittest.TestCase):
    SAME = [
        ("x = 1", "x = 1  # one"), ("x = 'a'", 'x = "a"'), ("x = (1)", "x = 1"), ("x = [1, 2]", "x = [\n  1,\n  2,\n]"), ("x = 10", "x = 1_0"),
        ("def f():\n  return 1", "def f():\n\n    return 1\n"), ("def f():\n  return 1", "def f():\n  'doc'\n  return 1"),
        ("def f(a):\n  return a", "def f(a: int) -> int:\n  return a"), ("class A:\n  x = 1", "class A:\n  'doc'\n  x = 1"),
        ("x = u'a'", "x = 'a'"), ("def f():\n  x = 1\n  return x", "def f():\n  x: int = 1  # type: ignore\n  return x".replace(": int", "")),
        ("x = 1\n'text'", "x = 1"),
    ]
    OTHER = [
        ("x = 1", "x = 2"), ("x = 1", "x = 1.0"), ("x = 1", "x = True"), ("x = 'a'", "x = b'a'"), ("x = a + b", "x = b + a"),
        ("def f(a, b): pass", "def f(b, a): pass"), ("def f(): return 1", "async def f(): return 1"), ("class A:\n  x: int = 1", "class A:\n  x: float = 1"),
        ("@d\ndef f(): 'a'", "@d\ndef f(): 'b'"), ("@d\ndef f(a: int): pass", "@d\ndef f(a: str): pass"), ("x = 1 if a else 2", "x = 2 if a else 1"),
        ("def f():\n  return 'text'", "def f():\n  return 'other'"),
    ]

    def test_what_does_not_count(self):
        for one, other in self.SAME:
            self.assertEqual(hashes(one), hashes(other), (one, other))

    def test_what_counts(self):
        for one, other in self.OTHER:
            self.assertNotEqual(hashes(one), hashes(other), (one, other))


class Always(unittest.TestCase):
    """Does a statement count as soon as its module is imported?"""
    ROWS = [
        ("x = 1", False), ("x = [1, 'a', (2, y)]", False), ("x = {a: b for a in c}", False), ("x = lambda: f()", False), ("x = f()", True),
        ("x = int('3')", False), ("int = f\nx = int('3')", True), ("import re\nx = re.compile('a')", False), ("import re as r\nx = r.compile('a')", False),
        ("from re import compile as c\nx = c('a')", False), ("import mine\nx = mine.y", True), ("import math\nx = math.pi", False),
        ("x.y = 1", True), ("x[0] = 1", True), ("print(1)", True), ("if a:\n  x = 1", True), ("del x", True), ("def f(): g()", False),
        ("def f(a=g()): pass", True), ("def f(a=1): pass", False), ("@g\ndef f(): pass", True), ("import functools\n@functools.lru_cache(maxsize=3)\ndef f(): pass", False),
        ("class A: pass", False), ("class A(Exception): pass", False), ("class A(B): pass", True), ("class B: pass\nclass A(B): pass", False),
        ("class B:\n  def __init_subclass__(cls): pass\nclass A(B): pass", True), ("class A(metaclass=M): pass", True),
        ("import abc\nclass A(abc.ABC):\n  @abc.abstractmethod\n  def f(self): pass", False), ("class A:\n  x = f()", True), ("class A:\n  @property\n  def f(self): pass", False),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n  x: int = 1", False), ("x += 1", False), ("x: int", False), ("x = y = 1", False), ("a, b = 1, 2", False),
        ("import os\nx = os.environ.get('A')", False), ("__path__ = 1", True), ("raise E", True),
    ]

    def test_table(self):
        for text, always in self.ROWS:
            units = [u for u in facts(text)["units"] if u["k"] != "import"]
            self.assertEqual(bool(units[-1]["a"]), always, text)


class References(unittest.TestCase):
    ROWS = [
        ("def f(): return a.b.c + d", "f", ["a.b.c", "d"]), ("def f(a): return a.b", "f", []), ("def f():\n  a = 1\n  return a", "f", []),
        ("def f():\n  global a\n  a = 1", "f", ["a"]), ("def f():\n  def g(): return a\n  return g", "f", ["a"]), ("def f():\n  a = 1\n  def g(): return a\n  return g", "f", []),
        ("def f(x=y): pass", "f", ["y"]), ("def f(): return [a for a in b]", "f", ["b"]), ("def f(): return [a for b in c]", "f", ["a", "c"]),
        ("def f(): return lambda a: a + b", "f", ["b"]), ("def f():\n  try: g()\n  except E as e: h(e)", "f", ["E", "g", "h"]),
        ("class C:\n  x = 1\n  def m(self): return x", "C", ["x"]), ("class C:\n  def m(self): return self.x + y", "C", ["y"]),
        ("def f():\n  import a.b as c\n  return c.d", "f", ["#0.d"]), ("def f():\n  from a import b\n  return b.c", "f", ["#0.c"]),
        ("import importlib\ndef f(): return importlib.import_module('a.b').c", "f", ["#1.c"]), ("def f(): return getattr(a, 'b')", "f", ["a.b"]),
        ("def f(): return getattr(a, b)", "f", ["a", "b", "getattr"]), ("def f(a: T): pass", "f", ["T"]), ("def f(a: 'T'): pass", "f", ["T"]),
        ("from __future__ import annotations\ndef f(a: T): pass", "f", []), ("def f():\n  with a as b: return b", "f", ["a"]),
    ]

    def test_table(self):
        for text, name, refs in self.ROWS:
            self.assertEqual([r for r in unit(text, name)["r"] if r != "importlib.import_module"], refs, text)

    def test_flags(self):
        for text, flags in [("def f(): return __doc__", "d"), ("def f(): return globals()", "w"), ("def f(): return vars(x)", ""), ("def f(): return vars()", "w"),
                            ("def f(): return eval('x')", "e"), ("import pickle\ndef f(): return pickle.load(x)", "p"),
                            ("from joblib import load as l\ndef f(): return l(x)", "p"), ("import inspect\ndef f(): return inspect.getsource(f)", "s"),
                            ("import sys\ndef f(): return sys.modules[__name__]", "w")]:
            self.assertEqual(unit(text, "f")["f"], flags, text)

    def test_computed_imports(self):
        for call, expected in [("f'plug.{n}'", [0, "plug", "?"]), ("'plug.' + n", [0, "plug", "?"]), ("n", [0, "", "?"]), ("'.' + n, __package__", [1, "", "?"]),
                               ("'plug.%s' % n", [0, "plug", "?"]), ("'plug.{}'.format(n)", [0, "plug", "?"]), ("'a.b'", [0, "a.b", None]),
                               ("'.b', 'a'", [1, "b", None]), ("name='a.b'", [0, "a.b", None])]:
            found = [i[:3] for i in facts("from importlib import import_module\nimport_module(%s)" % call)["imports"][1:]]
            self.assertIn(expected, found, call)

    def test_computed_names_that_literals_say(self):
        for text, expected in [
                ("_T = {'a': '.one', 'b': '.two'}\nimport_module(_T[x], __name__)", [[1, "one", None], [1, "two", None]]),
                ("_T = {'a': 'p.one'}\nimport_module(_T.get(x, 'p.two'))", [[0, "p.one", None], [0, "p.two", None]]),
                ("T = {'a': '.one'}\nimport_module(T[x], __name__)", [[1, "", "?"]]), ("_T = {'a': '.one'}\n_T['b'] = x\nimport_module(_T[x], __name__)", [[1, "", "?"]]),
                ("_T = {}\nimport_module(_T[x])", [[0, "", "?"]]), ("def f(_T):\n  import_module(_T[x])", [[0, "", "?"]]),
                ("N = 'p.one'\nimport_module(N)", [[0, "p.one", None]]), ("N = 'p.one'\nN = 'p.two'\nimport_module(N)", [[0, "", "?"]]),
                ("N = 'p.one'\ndef f(N):\n  import_module(N)", [[0, "", "?"]]),
                ("for n in ('a', 'b'):\n  import_module('p.' + n)", [[0, "p.a", None], [0, "p.b", None]]),
                ("[import_module(f'p.{n}') for n in ['a']]", [[0, "p.a", None]]), ("for n in names:\n  import_module('p.' + n)", [[0, "p", "?"]]),
                ("for k, v in {'a': 'p.x'}.items():\n  import_module(v)", [[0, "p.x", None]]), ("import_module('p.a' if x else 'p.b')", [[0, "p.a", None], [0, "p.b", None]]),
                ("import_module(__name__ + '.x')", [[1, "x", None]]), ("import_module(f'{__name__}.x.{n}')", [[1, "x", "?"]]), ("import_module(__name__ + '.' + n)", [[1, "", "?"]])]:
            found = [i[:3] for i in facts("from importlib import import_module\n" + text)["imports"][1:]]
            self.assertEqual(found, expected, text)

    def test_places(self):
        for text, expected in [
                ("sys.path.insert(0, 'lib')", [0, "lib", "<"]), ("sys.path.append(os.path.dirname(__file__))", [1, ".", ">"]),
                ("sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))", [1, "../lib", "<"]),
                ("sys.path.append(str(Path(__file__).resolve().parent.parent / 'src'))", [1, "../src", ">"]), ("sys.path.append(str(Path(__file__).parents[1]))", [1, "..", ">"]),
                ("ROOT = Path(__file__).parent\nsys.path.insert(0, str(ROOT / 'lib'))", [1, "lib", "<"]), ("sys.path += ['lib']", [0, "lib", ">"]),
                ("sys.path[:0] = ['lib']", [0, "lib", "<"]), ("sys.path.append(os.getcwd() + '/lib')", [0, "lib", ">"]), ("sys.path.append(os.path.join(__file__, os.pardir, 'lib'))", [1, "lib", ">"]),
                ("runpy.run_path('tools/x.py')", [0, "tools/x.py", "!="]), ("importlib.util.spec_from_file_location('m', 'tools/x.py')", [0, "tools/x.py", "="]),
                ("subprocess.run([sys.executable, '-m', 'p.worker'])", [0, "p.worker", "!"]), ("subprocess.run(['python3', '-u', 'tools/x.py', 'a'])", [0, "tools/x.py", "!="])]:
            found = [i[:3] for i in facts("import importlib.util, os, runpy, subprocess, sys\nfrom pathlib import Path\n" + text)["imports"]]
            self.assertIn(expected, found, text)
        for text in ["sys.path.append(x)", "sys.path.append(os.environ['A'])", "runpy.run_path(x)", "subprocess.run([x, '-m', 'p.worker'])", "subprocess.run([sys.executable, '-c', 'x'])",
                     "def f(ROOT):\n  sys.path.append(ROOT)"]:
            found = [i[2] for i in facts("import os, runpy, subprocess, sys\nROOT = 'a'\n" + text)["imports"]]
            self.assertEqual([k for k in found if k], [], text)

    def test_binds(self):
        binds = facts("import a.b\nimport c.d as e\nfrom f import g as h\nx = y = 1\ntry:\n  import j\nexcept E:\n  j = None\n")["binds"]
        self.assertEqual({k: sorted(map(str, v)) for k, v in binds.items()}, {"a": ["##0"], "e": ["#1"], "h": ["#2"], "x": ["3"], "y": ["3"], "j": ["#3"]})

    def test_exports(self):
        for text, exported in [("", None), ("__all__ = ['a', 'b']", ["a", "b"]), ("__all__ = ['a']\n__all__ += ['b']", ["a", "b"]), ("__all__ = x", True),
                               ("__all__ = []\n__all__.append('a')", True)]:
            self.assertEqual(facts(text)["all"], exported, text)


class Files(unittest.TestCase):
    def test_broken_ones_have_an_error(self):
        for text in ["def (", "x = \0", "(" * 300 + ")" * 300, "\xff".encode("latin-1").decode("latin-1") + " ="]:
            self.assertIn("error", facts(text), text[:20])

    def test_notebooks_have_their_code_cells(self):
        cells = [{"cell_type": "markdown", "source": "# title"}, {"cell_type": "code", "source": ["import a\n", "%matplotlib inline\n"], "outputs": [1]}]
        one = pyfacts.facts(json.dumps({"cells": cells}).encode(), True)
        cells[0]["source"], cells[1]["outputs"] = "# other", []
        other = pyfacts.facts(json.dumps({"cells": cells}).encode(), True)
        self.assertEqual([u["h"] for u in one["units"]], [u["h"] for u in other["units"]])
        self.assertEqual(one["imports"][0][1], "a")

    def test_runs_on_every_interpreter_here(self):
        found = {shutil.which("python3")} | set(glob.glob("/usr/bin/python3.[0-9]*[0-9]")) | set(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")))
        source = b"tdef f(a, *, b=1):\n    return [x for x in a if x is not b]\n\0"
        for python in sorted(found - {None}):
            version = subprocess.run([python, "-c", "import sys; print(sys.version_info >= (3, 8))"], capture_output=True, text=True).stdout
            if version.strip() != "True":
                continue
            answer = subprocess.run([python, "-I", "-S", "-c", as_embedded()], input=source * 2, capture_output=True)
            lines = answer.stdout.decode().splitlines()
            self.assertEqual(len(lines), 2, (python, answer.stderr))
            self.assertEqual(json.loads(lines[0])["binds"], {"f": [0]}, python)


if __name__ == "__main__":
    unittest.main()
