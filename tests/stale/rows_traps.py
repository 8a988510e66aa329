# SPDX-License-Identifier: Apache-2.0
"""Rows about the ways in which Python code reaches other code without a plain call. Each form is one way; features uses it."""
import json
import subprocess
import sysconfig

from rows_files import edits
from table import ASIDE, FEATURES, FEATURES_CUT, NONE, PYTHON_CUT, Form, Row, verdict

ONE = "def a():\n    return 1\n\n\ndef b():\n    return 2\n"
LIB = {"lib/__init__.py": ""}


def files(**texts):
    """lib/NAME.py by keyword."""
    return dict(LIB, **{"lib/%s.py" % name: text for name, text in texts.items()})


def notebook(source, remark, number):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": [remark]},
        {"cell_type": "code", "metadata": {}, "execution_count": number, "outputs": [], "source": source.splitlines(True)}]}, indent=1)


def extension(value):
    """A compiled module `lib.fast` whose function value() gives a number."""
    text = ('#include <Python.h>\nstatic PyObject *value(PyObject *s, PyObject *a) { return PyLong_FromLong(%d); }\n'
            'static PyMethodDef m[] = {{"value", value, METH_NOARGS, ""}, {0}};\n'
            'static struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "fast", 0, -1, m};\nPyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&d); }\n' % value)

    def edit(place):
        source = place.top / "fast.c"
        source.write_text(text)
        include = sysconfig.get_paths()["include"]
        subprocess.run(["gcc", "-shared", "-fPIC", "-O0", "-I/usr/include/python3.%d" % place.python_minor(), "-I" + include, "-o", str(place.root / "lib/fast.so"), str(source)],
                       check=True)
    return edit

PAPERMILL = """
#!/usr/bin/env python3
import contextlib
import json
import os
import sys

sys.path.insert(0, os.getcwd())
with open(sys.argv[1]) as file:
    cells = json.load(file)["cells"]
with open(sys.argv[2], "w") as out, contextlib.redirect_stdout(out):
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), {})
"""


FORMS = [
    Form("re-exports", ("what is re-exported", "lib/one.py", "return 1", "return 9", FEATURES),
         ("beside it in its module", "lib/one.py", "return 2", "return 9", NONE),
         ("another re-export", "lib/two.py", "return 1", "return 9", NONE),
         ("re-export from elsewhere", "lib/__init__.py", "from .one import a", "from .two import c as a", FEATURES_CUT),
         head="from lib import a", value="a()",
         files={"lib/__init__.py": "from .one import a\nfrom .two import c\n__all__ = ['a', 'c']\n", "lib/one.py": ONE, "lib/two.py": "def c():\n    return 1\n"}),
    Form("star import", ("a name that came with it", "lib/one.py", "return 1", "return 9", FEATURES),
         ("a name that came and is not used", "lib/one.py", "return 2", "return 9", NONE),
         ("a later star brings the same name", "lib/two.py", "def c", "def a():\n    return 7\n\n\ndef c", FEATURES),
         ("__all__ hides a name of the later star", "lib/two.py", "def c", "__all__ = ['c']\n\n\ndef a():\n    return 7\n\n\ndef c", NONE),
         head="from lib.star import *", value="a()", files=files(star="from .one import *\nfrom .two import *\n", one=ONE, two="def c():\n    return 3\n")),
    Form("__all__", ("a name in it", "lib/one.py", "return 1", "return 9", FEATURES),
         ("a name outside of it", "lib/one.py", "return 2", "return 9", NONE),
         ("the name leaves it", "lib/one.py", "__all__ = ['a']", "__all__ = ['b']", FEATURES),
         head="a = None\nfrom lib.one import *", value="a() if a else 'none'", files=files(one="__all__ = ['a']\n\n\n" + ONE)),
    Form("computed __all__", ("a name in it", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib.one import *", value="a()", files=files(one=ONE + "\n\n__all__ = [n for n in globals() if n[0] != '_']\n")),
    Form("relative imports", ("of the same package", "lib/deep/y.py", "return 1", "return 9", FEATURES),
         ("of the package above", "lib/top.py", "T = 1", "T = 7", FEATURES), ("beside what is imported", "lib/top.py", "U = 2", "U = 9", NONE),
         head="from lib.deep import x", value="x.f()",
         files=dict(files(top="T = 1\nU = 2\n"), **{"lib/deep/__init__.py": "", "lib/deep/x.py": "from . import y\nfrom ..top import T\n\n\ndef f():\n    return y.p() + T\n",
                                                    "lib/deep/y.py": "def p():\n    return 1\n"})),
    Form("import under a condition", ("the branch that is taken", "lib/one.py", "return 1", "return 9", FEATURES),
         head="import sys\nif sys.maxsize > 2 ** 31:\n    from lib import one as impl\nelse:\n    from lib import two as impl", value="impl.a()", files=files(one=ONE, two=ONE)),
    Form("import in a function", ("what it imports", "lib/late.py", "return 1", "return 9", FEATURES), ("what an unused function imports", "lib/never.py", "1", "2", NONE),
         head="from lib import one", value="one.go()",
         files=files(one="def go():\n    from lib.late import f\n    return f()\n\n\ndef other():\n    import lib.never\n", late="def f():\n    return 1\n", never="print(1)\n")),
    Form("try and except ImportError", ("the substitute", "lib/slow.py", "return 1", "return 9", FEATURES),
         ("what was missing appears", "lib/quick.py", None, "def a():\n    return 7\n", FEATURES), ("beside the substitute", "lib/slow.py", "return 2", "return 9", NONE),
         head="try:\n    from lib import quick as impl\nexcept ImportError:\n    from lib import slow as impl", value="impl.a()", files=files(slow=ONE)),
    Form("namespace package", ("a module in it", "space/part.py", "return 1", "return 9", FEATURES),
         ("it becomes a package", "space/__init__.py", None, "print('here')\n", FEATURES_CUT), ("a module beside it", "space/other.py", None, "x = 1\n", NONE),
         head="import space.part", value="space.part.a()", files={"space/part.py": ONE}),
    Form("circular imports", ("across the circle", "lib/x.py", "return 1", "return 9", FEATURES), ("beside it", "lib/y.py", "return 2", "return 9", NONE),
         head="from lib import x", value="x.f()",
         files=files(x="from lib import y\n\n\ndef f():\n    return y.g()\n\n\ndef h():\n    return 1\n", y="from lib import x\n\n\ndef g():\n    return x.h()\n\n\ndef k():\n    return 2\n")),
    Form("module __getattr__", ("what it gives", "lib/hidden.py", "return 1", "return 9", FEATURES), ("the hook", "lib/lazy.py", "return f()", "return f() + 1", FEATURES),
         ("beside the hook", "lib/lazy.py", "return 5", "return 6", NONE),
         head="from lib import lazy", value="lazy.anything",
         files=files(lazy="def __getattr__(name):\n    if name.startswith('__'):\n        raise AttributeError(name)\n    from lib.hidden import f\n    return f()\n\n\ndef other():\n    return 5\n", hidden="def f():\n    return 1\n")),
    Form("lazy package by a table of names", ("a module of the table", "lib/one.py", "return 1", "return 9", FEATURES),
         ("the table", "lib/__init__.py", "'a': '.one'", "'a': '.two'", FEATURES_CUT), ("a module outside of the table", "lib/two.py", "return 1", "return 9", NONE),
         head="import lib", value="lib.a()",
         files={"lib/__init__.py": "import importlib\n_NAMES = {'a': '.one'}\n\n\ndef __getattr__(name):\n    if name not in _NAMES:\n        raise AttributeError(name)\n"
                "    return getattr(importlib.import_module(_NAMES[name], __name__), name)\n", "lib/one.py": ONE, "lib/two.py": "def a():\n    return 1\n"}),
    Form("registering decorator", ("a registered function that nobody names", "lib/plug.py", "return 1", "return 9", FEATURES),
         ("a function that is not registered", "lib/plug.py", "return 2", "return 9", NONE), ("the decorator", "lib/reg.py", "R[f.__name__] = f", "R['x' + f.__name__] = f", FEATURES),
         ("one more registered function", "lib/plug.py", "def b", "@register\ndef c():\n    return 3\n\n\ndef b", FEATURES),
         head="import lib.plug\nfrom lib.reg import R", value="sorted((k, v()) for k, v in R.items())",
         files=files(reg="R = {}\n\n\ndef register(f):\n    R[f.__name__] = f\n    return f\n", plug="from lib.reg import register\n\n\n@register\n" + ONE)),
    Form("metaclass", ("a class that it registers", "lib/kinds.py", "size = 1", "size = 9", FEATURES), ("a plain class", "lib/kinds.py", "size = 2", "size = 9", NONE),
         ("the metaclass", "lib/meta.py", "cls.size", "-cls.size", FEATURES),
         head="import lib.kinds\nfrom lib.meta import Meta", value="Meta.all",
         files=files(meta="class Meta(type):\n    all = []\n\n    def __init__(cls, name, bases, body):\n        super().__init__(name, bases, body)\n        Meta.all.append(cls.size)\n",
                     kinds="from lib.meta import Meta\n\n\nclass A(metaclass=Meta):\n    size = 1\n\n\nclass Plain:\n    size = 2\n")),
    Form("__init_subclass__", ("a subclass that nobody names", "lib/kinds.py", "size = 1", "size = 9", FEATURES), ("a plain class", "lib/kinds.py", "size = 2", "size = 9", NONE),
         head="import lib.kinds\nfrom lib.base import Base", value="[c.size for c in Base.all]",
         files=files(base="class Base:\n    all = []\n\n    def __init_subclass__(cls):\n        Base.all.append(cls)\n", kinds="from lib.base import Base\n\n\nclass A(Base):\n    size = 1\n\n\nclass Plain:\n    size = 2\n")),
    Form("__subclasses__", ("a subclass that nobody names", "lib/kinds.py", "size = 1", "size = 9", FEATURES),
         head="import lib.kinds\nfrom lib.base import Base", value="[c.size for c in Base.__subclasses__()]",
         files=files(base="class Base:\n    pass\n", kinds="from lib.base import Base\n\n\nclass A(Base):\n    size = 1\n")),
    Form("subclasses by a plain base", ("a subclass in the base's own module", "lib/base.py", "size = 1", "size = 9", FEATURES),
         head="from lib.base import Base", value="[c.size for c in Base.__subclasses__()]", files=files(base="class Base:\n    pass\n\n\nclass A(Base):\n    size = 1\n")),
    Form("dataclass", ("default from elsewhere", "lib/consts.py", "X = 1", "X = 9", FEATURES), ("another constant", "lib/consts.py", "Y = 2", "Y = 9", NONE),
         ("type of a field", "lib/shapes.py", "y: int", "y: float", FEATURES_CUT), ("order of fields", "lib/shapes.py", "    x: int = X\n    y: int = 0\n", "    y: int = 0\n    x: int = X\n", FEATURES),
         head="from lib.shapes import Point", value="Point()", files=files(consts="X = 1\nY = 2\n", shapes="from dataclasses import dataclass\nfrom lib.consts import X, Y\n\n\n@dataclass\nclass Point:\n    x: int = X\n    y: int = 0\n\n\ndef other():\n    return Y\n")),
    Form("default values", ("of a function that is called", "lib/consts.py", "X = 1", "X = 9", FEATURES), ("of one that is not", "lib/consts.py", "Y = 2", "Y = 9", NONE),
         head="from lib.one import a", value="a()", files=files(consts="X = 1\nY = 2\n", one="from lib.consts import X, Y\n\n\ndef a(x=X):\n    return x\n\n\ndef b(y=Y):\n    return y\n")),
    Form("a default that is computed at import", ("what it calls", "lib/consts.py", "return 1", "return 9", FEATURES),
         head="from lib.one import a", value="a()", files=files(consts=ONE, one="from lib import consts\n\n\ndef a(x=consts.a()):\n    return x\n")),
    Form("nested functions", ("what the inner one calls", "lib/two.py", "return 1", "return 9", FEATURES), ("beside it", "lib/two.py", "return 2", "return 9", NONE),
         head="from lib.one import outer", value="outer()()", files=files(one="from lib import two\n\n\ndef outer():\n    def inner():\n        return two.a()\n    return inner\n", two=ONE)),
    Form("a local name like a helper's", ("the helper of that name", "lib/one.py", "return 1", "return 9", NONE),
         head="from lib import one", value="one.f()", files=files(one="def a():\n    return 1\n\n\ndef f():\n    a = 5\n    return a\n")),
    Form("globals that are changed", ("the first value", "lib/state.py", "N = 0", "N = 5", FEATURES), ("what the change calls", "lib/state.py", "return 1", "return 9", FEATURES),
         head="from lib import state\nstate.add()", value="state.N", files=files(state="N = 0\n\n\ndef add():\n    global N\n    N += step()\n\n\ndef step():\n    return 1\n")),
    Form("a list that another module fills", ("what it puts in", "lib/fill.py", "append(1)", "append(9)", FEATURES),
         head="import lib.fill\nfrom lib.state import L", value="L", files=files(state="L = []\n", fill="from lib import state\nstate.L.append(1)\n")),
    Form("a name that a function sets", ("the function's text", "lib/state.py", "N = 1", "N = 9", FEATURES),
         head="from lib import state\nstate.start()", value="state.N", files=files(state="def start():\n    global N\n    N = 1\n")),
    Form("statements in order", ("a later assignment", "lib/one.py", "X = X + 1", "X = X + 9", FEATURES), ("two assignments change places", "lib/one.py", "X = 3\nX = X * 2\n", "X = X * 2 if 'X' in dir() else 0\nX = 3\n", FEATURES),
         head="from lib.one import X", value="X", files=files(one="X = 3\nX = X * 2\nX = X + 1\n")),
    Form("a function that is defined twice", ("the later", "lib/one.py", "return 3", "return 9", FEATURES), ("their order", "lib/one.py", "def a():\n    return 1\n\n\ndef a():\n    return 3\n", "def a():\n    return 3\n\n\ndef a():\n    return 1\n", FEATURES),
         head="from lib.one import a", value="a()", files=files(one="def a():\n    return 1\n\n\ndef a():\n    return 3\n")),
    Form("getattr with a literal", ("the name", "lib/one.py", "return 1", "return 9", FEATURES), ("beside it", "lib/one.py", "return 2", "return 9", NONE),
         head="from lib import one", value="getattr(one, 'a')()", files=files(one=ONE)),
    Form("getattr with a computed name", ("a name it may mean", "lib/one.py", "return 1", "return 9", FEATURES), ("another name it may mean", "lib/one.py", "return 2", "return 9", FEATURES_CUT),
         head="import sys\nfrom lib import one\nNAME = 'abc'[len(sys.argv) - len(sys.argv)]", value="getattr(one, NAME)()", files=files(one=ONE)),
    Form("importlib with a literal", ("the module", "lib/one.py", "return 1", "return 9", FEATURES), ("beside it in the package", "lib/two.py", "return 1", "return 9", NONE),
         head="import importlib", value="importlib.import_module('lib.one').a()", files=files(one=ONE, two=ONE)),
    Form("importlib with a computed name", ("a module it may mean", "lib/one.py", "return 1", "return 9", FEATURES), ("another", "lib/two.py", "return 1", "return 9", FEATURES_CUT),
         ("a new one", "lib/three.py", None, ONE, FEATURES_CUT), ("outside of the package", "churn/unused.py", "return 1", "return 9", NONE),
         head="import importlib\nNAME = ''.join(['o', 'ne'])", value="importlib.import_module('lib.' + NAME).a()", files=files(one=ONE, two=ONE)),
    Form("importlib under another name", ("the module", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from importlib import import_module as load", value="load('lib.one').a()", files=files(one=ONE, two=ONE)),
    Form("pkgutil", ("a plugin", "plugins/one.py", "return 1", "return 9", FEATURES), ("a new plugin", "plugins/two.py", None, ONE, FEATURES),
         head="import importlib, pkgutil, plugins", value="[importlib.import_module('plugins.' + m.name).a() for m in pkgutil.iter_modules(plugins.__path__)]",
         files={"plugins/__init__.py": "", "plugins/one.py": ONE}),
    Form("entry points of the project", ("what the entry point names", "lib/one.py", "return 1", "return 9", FEATURES),
         ("the entry point", "demo-1.0.dist-info/entry_points.txt", "lib.one:a", "lib.one:b", FEATURES),
         head="from importlib.metadata import entry_points", value="[e.load()() for e in entry_points(group='churn.plugins')]",
         files=dict(files(one=ONE), **{"demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", "demo-1.0.dist-info/entry_points.txt": "[churn.plugins]\na = lib.one:a\n"})),
    Form("TYPE_CHECKING", ("what is imported for types alone", "lib/types_only.py", "pass", "x = 1", NONE),
         head="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.types_only import T", value="0", files=files(types_only="class T:\n    pass\n")),
    Form("__main__ block", ("of an imported module", "lib/one.py", "'alone'", "'single'", NONE), ("of the step", "steps/features.py", "features(*sys.argv[1:3])", "features(*sys.argv[1:3])\n    print('done')", FEATURES_CUT),
         head="from lib import one", value="one.a()", files=files(one=ONE + "\n\nif __name__ == '__main__':\n    print('alone')\n")),
    Form("monkey patch", ("the patch", "lib/patch.py", "return 5", "return 9", FEATURES),
         head="import lib.patch\nfrom lib import one", value="one.a()", files=files(one=ONE, patch="from lib import one\n\n\ndef other():\n    return 5\n\n\none.a = other\n")),
    Form("monkey patch of a class", ("the patch", "lib/patch.py", "return 5", "return 9", FEATURES), ("in a method", "lib/patch.py", "setattr(one.C, 'f', g)", "setattr(one.C, 'f', lambda self: 7)", FEATURES),
         head="import lib.patch\nfrom lib.one import C", value="C().f()", files=files(one="class C:\n    def f(self):\n        return 1\n", patch="from lib import one\n\n\ndef g(self):\n    return 5\n\n\nsetattr(one.C, 'f', g)\n")),
    Form("eval", ("a name in the text", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib import one", value="eval('one.' + 'a()')", files=files(one=ONE)),
    Form("exec of the package's own text", ("a name in the text", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib import run", value="run.go('a')", files=files(one=ONE, run="from lib.one import a, b\n\n\ndef go(name):\n    out = {}\n    exec('out[0] = %s()' % name)\n    return out[0]\n")),
    Form("globals()", ("a function that it may mean", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib.one import call", value="call('a')", files=files(one=ONE + "\n\ndef call(name):\n    return globals()[name]()\n")),
    Form("names made in a loop", ("what makes them", "lib/one.py", "'x%d' % i] = i", "'x%d' % i] = i + 1", FEATURES),
         head="from lib import one", value="one.x1", files=files(one="for i in range(3):\n    globals()['x%d' % i] = i\n")),
    Form("stub file", ("the stub", "lib/one.pyi", "int", "float", NONE), ("the module", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib import one", value="one.a()", files=dict(files(one=ONE), **{"lib/one.pyi": "def a() -> int: ...\n"})),
    Form("decorator of another module", ("the decorator", "lib/deco.py", "+ 1", "+ 9", FEATURES),
         head="from lib.one import a", value="a()", files=files(one="from lib.deco import more\n\n\n@more\ndef a():\n    return 1\n", deco="import functools\n\n\ndef more(f):\n    @functools.wraps(f)\n    def g():\n        return f() + 1\n    return g\n")),
    Form("inheritance", ("method of the base", "lib/base.py", "return 1", "return 9", FEATURES), ("another class of its module", "lib/base.py", "return 2", "return 9", NONE),
         head="from lib.one import C", value="C().f()", files=files(base="class Base:\n    def f(self):\n        return 1\n\n\nclass Other:\n    def f(self):\n        return 2\n", one="from lib import base\n\n\nclass C(base.Base):\n    pass\n")),
    Form("table of functions", ("a function in it", "lib/one.py", "return 1", "return 9", FEATURES), ("a function outside of it", "lib/one.py", "return 2", "return 9", NONE),
         head="from lib.one import TABLE", value="TABLE['a']()", files=files(one=ONE + "\n\nTABLE = {'a': a}\n")),
    Form("enumeration", ("a member", "lib/one.py", "RED = 1", "RED = 9", FEATURES),
         head="from lib.one import Color", value="[c.value for c in Color]", files=files(one="import enum\n\n\nclass Color(enum.Enum):\n    RED = 1\n")),
    Form("single dispatch", ("an implementation in another module", "lib/more.py", "return 5", "return 9", FEATURES),
         head="import lib.more\nfrom lib.one import show", value="show(1)", files=files(one="import functools\n\n\n@functools.singledispatch\ndef show(x):\n    return 1\n", more="from lib.one import show\n\n\n@show.register(int)\ndef _(x):\n    return 5\n")),
    Form("type hints that are read", ("an annotation", "lib/one.py", "x: int", "x: float", FEATURES), ("what an annotation names", "lib/two.py", "size = 1", "size = 9", FEATURES_CUT),
         head="import typing\nfrom lib import one", value="sorted(t.__name__ for t in typing.get_type_hints(one.f).values())", files=files(one="from lib.two import T\n\n\ndef f(x: int, y: T):\n    return 1\n", two="class T:\n    size = 1\n")),
    Form("docstring that is read", ("the docstring", "lib/one.py", "Usage", "How to", FEATURES),
         head="from lib import one", value="one.f.__doc__", files=files(one="def f():\n    '''Usage'''\n    return 1\n")),
    Form("docstring for argparse", ("the docstring of the module", "lib/one.py", "Usage", "How to", FEATURES),
         head="from lib import one", value="one.parser().format_help()", files=files(one="'''Usage'''\nimport argparse\n\n\ndef parser():\n    return argparse.ArgumentParser(prog='p', description=__doc__)\n")),
    Form("source that is read", ("a comment", "lib/one.py", "return 1", "return 1  # one", FEATURES),
         head="import inspect\nfrom lib import one", value="len(inspect.getsource(one.a))", files=files(one=ONE)),
    Form("sys.path is extended", ("a module found by it", "vendored/dep.py", "return 1", "return 9", FEATURES), ("one that nobody imports", "vendored/other.py", "return 1", "return 9", NONE),
         head="import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'vendored'))\nimport dep", value="dep.a()", files={"vendored/dep.py": ONE, "vendored/other.py": ONE}),
    Form("runpy", ("the script", "tools/script.py", "X = 1", "X = 9", FEATURES), ("what it imports", "lib/one.py", "return 1", "return 9", FEATURES),
         head="import runpy", value="(lambda d: (d['X'], d['a']()))(runpy.run_path('tools/script.py'))", files=dict(files(one=ONE), **{"tools/script.py": "from lib.one import a\nX = 1\n"})),
    Form("module from a file's path", ("the file", "tools/part.py", "return 1", "return 9", FEATURES),
         head="import importlib.util\nspec = importlib.util.spec_from_file_location('part', 'tools/part.py')\npart = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(part)",
         value="part.a()", files={"tools/part.py": ONE}),
    Form("a program of the project", ("its module", "lib/worker.py", "print(1)", "print(9)", FEATURES),
         head="import subprocess, sys", value="subprocess.run([sys.executable, '-m', 'lib.worker'], stdout=subprocess.PIPE, text=True).stdout.strip()", files=files(worker="print(1)\n")),
    Form("import aliases by attribute", ("through a package", "lib/one.py", "return 1", "return 9", FEATURES), ("beside it", "lib/one.py", "return 2", "return 9", NONE),
         head="import lib.one\nL = lib", value="L.one.a()", files=files(one=ONE)),
    Form("module in a variable", ("what may be asked of it", "lib/one.py", "return 1", "return 9", FEATURES),
         head="from lib import one, two\nBOTH = [one, two]", value="[m.a() for m in BOTH]", files=files(one=ONE, two=ONE)),
    Form("code on PYTHONPATH", ("used", "src/dep.py", "return 1", "return 9", FEATURES), ("not used", "src/dep.py", "return 2", "return 9", NONE), ("shadowed by a nearer module", "dep.py", None, "def a():\n    return 7\n", FEATURES),
         head="import dep", value="dep.a()", path="src", files={"src/dep.py": ONE}),
    Form("generated module", Row("what it is made from", edits(("data/raw.csv", "name,size", "name,length")), verdict("rerun", "cutoff", "cutoff", "cutoff", "skip")),
         ("how it is made", "lib/maker.py", "VALUE = 1", "VALUE = 9", verdict("rerun", "rerun", "rerun", "rerun", "skip")),
         head="from gen.const import VALUE", value="VALUE", made="gen/const.py",
         files=dict(files(maker="def make(path):\n    with open(path, 'w') as file:\n        file.write('VALUE = 1\\n')\n"), **{
             "steps/prepare.py": '''
                import os
                import sys

                from churn.load import clean, read
                from churn.ran import ran
                from lib.maker import make


                def prepare(raw, out):
                    ran("prepare")
                    os.makedirs("gen", exist_ok=True)
                    make("gen/const.py")
                    with open(out, "w") as file:
                        for name, size in clean(read(raw)):
                            file.write("%s,%s\\n" % (name, size))


                if __name__ == "__main__":
                    prepare(*sys.argv[1:3])
                '''})),
    Form("compiled extension", Row("another build", extension(9), FEATURES), ("its source alone", "lib/fast.pyx", "1", "9", NONE),
         head="from lib import fast", value="fast.value()", prepare=extension(1), files=dict(LIB, **{"lib/fast.pyx": "def value():\n    return 1\n"})),
    Form("notebook", Row("a code cell", lambda p: p.write("work.ipynb", notebook("from lib import one\nprint(one.a() + 1)\n", "Title", 1)), ASIDE),
         Row("a text cell", lambda p: p.write("work.ipynb", notebook("from lib import one\nprint(one.a())\n", "Other title", 1)), NONE),
         Row("it is run in the editor", lambda p: p.write("work.ipynb", notebook("from lib import one\nprint(one.a())\n", "Title", 7)), NONE),
         Row("a comment in a code cell", lambda p: p.write("work.ipynb", notebook("from lib import one  # it\nprint(one.a())\n", "Title", 1)), NONE),
         ("what a cell imports", "lib/one.py", "return 1", "return 9", ASIDE), ("beside it", "lib/one.py", "return 2", "return 9", NONE),
         ("what runs it", "tools/papermill", '"w") as', '"wt") as', ASIDE),
         aside="tools/papermill work.ipynb out/aside.txt", prepare=lambda p: (p.root / "tools/papermill").chmod(0o755),
         files=dict(files(one=ONE), **{"work.ipynb": notebook("from lib import one\nprint(one.a())\n", "Title", 1), "tools/papermill": PAPERMILL})),
    Form("notebook that another program reads", Row("a text cell", lambda p: p.write("work.ipynb", notebook("1\n", "Other title", 1)), ASIDE),
         aside="cp work.ipynb out/aside.txt", files={"work.ipynb": notebook("1\n", "Title", 1)}),
    Form("script that starts Python", ("what its module imports", "lib/one.py", "return 1", "return 9", ASIDE), ("beside it", "lib/one.py", "return 2", "return 9", NONE),
         ("comment in the module", "lib/job.py", "print(", "# a remark\nprint(", NONE), ("the script", "tools/job.sh", "lib.job", "lib.job -x", ASIDE),
         aside="sh tools/job.sh > out/aside.txt", files=dict(files(one=ONE, job="from lib import one\nprint(one.a())\n"), **{"tools/job.sh": "cd .\nexec python3 -m lib.job\n"})),
    Form("program of the project without a suffix", ("what it imports", "tools/beside.py", "return 1", "return 9", ASIDE), ("comment in it", "tools/job", "print(", "# a remark\nprint(", NONE),
         aside="tools/job > out/aside.txt", prepare=lambda p: (p.root / "tools/job").chmod(0o755),
         files={"tools/job": "#!/usr/bin/env python3\nimport beside\nprint(beside.a())\n", "tools/beside.py": ONE}),
    Form("package that every step imports", ("a constant that one step uses", "churn/limits.py", "TOP = 25", "TOP = 14", FEATURES),
         ("its __init__ imports one more module", "churn/__init__.py", "from churn.text import heading", "from churn.text import heading\nimport churn.unused", PYTHON_CUT),
         ("a helper that it re-exports", "churn/text.py", "text.title()", "text.upper()", verdict("skip", "skip", "skip", "rerun", "skip")),
         files={"churn/__init__.py": "from churn.text import heading\n"}),
]

__all__ = ["FORMS", "notebook", "FEATURES_CUT"]
