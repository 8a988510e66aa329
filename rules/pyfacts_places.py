# SPDX-License-Identifier: Apache-2.0
"""Paths that a text of Python says by itself, for rules/pyfacts.py: folders put on sys.path, files run or loaded by their path, programs started.

A place is (level, path): level 1 is relative to the folder of the file itself (it begins at __file__), level 0 to the working folder, or absolute.
"""
import ast
import posixpath
from pyfacts_tree import OWN

SAME = set("""os.path.abspath os.path.realpath os.path.normpath os.path.expanduser os.fspath str pathlib.Path pathlib.PurePath
    pathlib.PosixPath pathlib.PurePosixPath""".split())
SAME_METHODS = set("resolve absolute as_posix expanduser".split())
RUN_FILES = {"runpy.run_path": 0, "importlib.util.spec_from_file_location": 1, "importlib.machinery.SourceFileLoader": 1, "imp.load_source": 1}
MAX_TEXTS = 200
CHANGES = set("append extend insert remove pop popitem clear update setdefault add discard".split())
HERE = "x"  # stands for the file's own name in a place of level 1


class Places:
    """A part of File; constants: names of the module that one plain assignment binds."""

    def place(self, node, depth=0):
        """The place that an expression means; None: only a run can tell."""
        if depth > 20:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return 0, node.value
        if isinstance(node, ast.Name):
            if node.id == "__file__":
                return 1, HERE
            value = self.constants.get(node.id) if self.look_up(node.id) == [node.id] else None
            return self.place(value, depth + 1) if value is not None else self.known(self.canonical(node))
        if isinstance(node, ast.Attribute):
            whole = self.known(self.canonical(node))
            if whole or node.attr != "parent":
                return whole
            return up(self.place(node.value, depth + 1))
        if isinstance(node, ast.Subscript):
            return self.some_parent(node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return joined([self.place(node.left, depth + 1), self.place(node.right, depth + 1)])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return glued(self.place(node.left, depth + 1), self.place(node.right, depth + 1))
        if isinstance(node, ast.Call):
            return self.called_place(node, depth)
        return None

    def known(self, text):
        return {"os.pardir": (0, ".."), "os.curdir": (0, "."), "os.sep": (0, "/")}.get(text)

    def some_parent(self, node, depth):
        """path.parents[n]"""
        index = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
        if not (isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and isinstance(index, ast.Constant) and isinstance(index.value, int)
                and 0 <= index.value < 50):
            return None
        found = self.place(node.value.value, depth + 1)
        for _ in range(index.value + 1):
            found = up(found)
        return found

    def called_place(self, node, depth):
        name = self.canonical(node.func)
        args = [self.place(a, depth + 1) for a in node.args]
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return 0, "."
        if name in SAME and len(args) == 1:
            return args[0]
        if name in SAME and args or name == "os.path.join" and args:
            return joined(args)
        if name == "os.path.dirname" and len(args) == 1:
            return up(args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr in SAME_METHODS:
            return self.place(node.func.value, depth + 1)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
            return joined([self.place(node.func.value, depth + 1)] + args)
        return None

    # texts

    def texts(self, node, depth=0):
        """All texts that an expression may be, when literals of the module say them; None: not known."""
        if depth > 20:
            return None
        if isinstance(node, ast.Constant):
            return {node.value} if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            if node.id in ("__name__", "__package__"):
                return {OWN}
            value = self.constants.get(node.id) if self.look_up(node.id) == [node.id] else None
            return self.texts(value, depth + 1) if value is not None else self.elements(self.loops.get(node.id), depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return product([self.texts(node.left, depth + 1), self.texts(node.right, depth + 1)])
        if isinstance(node, ast.FormattedValue):
            return self.texts(node.value, depth + 1) if node.conversion == -1 and node.format_spec is None else None
        if isinstance(node, ast.JoinedStr):
            return product([self.texts(v, depth + 1) for v in node.values])
        if isinstance(node, ast.IfExp):
            return union([self.texts(node.body, depth + 1), self.texts(node.orelse, depth + 1)])
        if isinstance(node, ast.Subscript):
            return self.elements((node.value, "values"), depth)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and len(node.args) < 3:
            found = [self.elements((node.func.value, "values"), depth)] + [self.texts(a, depth + 1) for a in node.args[1:]]
            return union(found)
        return None

    def elements(self, place, depth):
        """What walking a literal gives: (expression, keys or values)."""
        node, what = place or (None, "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "keys", "values") and not node.args:
            what = what if node.func.attr == "items" else node.func.attr
            node = node.func.value
        if isinstance(node, ast.Name):  # a private one: others may fill a public one
            private = node.id.startswith("_") and node.id not in self.changed and self.look_up(node.id) == [node.id]
            node = self.constants.get(node.id) if private else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("sorted", "list", "tuple", "set", "reversed") and len(node.args) == 1:
            return self.elements((node.args[0], what), depth + 1) if depth < 20 else None
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return union([self.texts(e, depth + 1) for e in node.elts])
        if isinstance(node, ast.Dict):
            return union([self.texts(e, depth + 1) for e in (node.values if what == "values" else node.keys)])
        return None

    # what a statement does with them

    def add_place(self, kind, found, line):
        if found is not None and found[1] and "\0" not in found[1] and len(found[1]) < 1000:
            self.add_import(found[0], posixpath.normpath(found[1]), kind, line)

    def search_call(self, name, node):
        """sys.path.insert(0, place), append, extend; site.addsitedir"""
        if name in ("sys.path.insert", "sys.path.append", "site.addsitedir") and node.args:
            self.add_place("<" if name == "sys.path.insert" else ">", self.place(node.args[-1]), node.lineno)
        elif name == "sys.path.extend" and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
            for value in node.args[0].elts:
                self.add_place(">", self.place(value), node.lineno)

    def search_assignment(self, node):
        """sys.path += [place], sys.path = [place] + sys.path, sys.path[:0] = [place]"""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [self.canonical(t.value if isinstance(t, ast.Subscript) else t) for t in targets]
        if "sys.path" in names and node.value is not None:
            for inner in ast.walk(node.value):
                for value in inner.elts if isinstance(inner, (ast.List, ast.Tuple)) else ():
                    self.add_place(">" if isinstance(node, ast.AugAssign) else "<", self.place(value), node.lineno)

    def file_call(self, name, node):
        """runpy.run_path(place) and its like"""
        position = RUN_FILES.get(name)
        if position is not None and len(node.args) > position:
            self.add_place("!=" if name == "runpy.run_path" else "=", self.place(node.args[position]), node.lineno)

    def program(self, node):
        """[sys.executable, "-m", "module"] or [sys.executable, place]: a Python program that is started."""
        if not node.elts or not self.is_interpreter(node.elts[0]):
            return
        for number, word in enumerate(node.elts[1:], 1):
            text = word.value if isinstance(word, ast.Constant) and isinstance(word.value, str) else None
            if text == "-m" and number + 1 < len(node.elts):
                module = node.elts[number + 1]
                if isinstance(module, ast.Constant) and isinstance(module.value, str):
                    self.add_import(0, module.value, "!", node.lineno)
                return
            if text == "-c":
                return
            if text is None or not text.startswith("-"):
                self.add_place("!=", self.place(word), node.lineno)
                return

    def is_interpreter(self, node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return posixpath.basename(node.value).rstrip("0123456789.") in ("python", "pypy")
        return self.canonical(node) == "sys.executable"


def up(found):
    if found is None:
        return None
    path = posixpath.normpath(found[1])
    above = posixpath.join(path, "..") if path == "." or path.endswith("..") else posixpath.dirname(path) or "."
    return found[0], posixpath.normpath(above)


def joined(places):
    """As os.path.join: the last that begins anew counts."""
    result = None
    for found in places:
        if found is None:
            return None
        begins = result is None or found[0] == 1 or found[1].startswith("/")
        result = found if begins else (result[0], posixpath.normpath(posixpath.join(result[1], found[1])))
    return result


def glued(left, right):
    """dirname + "/x": texts put together."""
    if left is None or right is None or right[0] == 1:
        return None
    return left[0], left[1] + right[1]


def constants_of(tree):
    """Names that exactly one plain assignment at module level binds, and nothing else."""
    found, again = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if node.id in found:
                again.add(node.id)
            found[node.id] = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and node.targets[0].id not in again:
            found[node.targets[0].id] = node.value
    return found


def union(sets):
    """All of some sets; None when one is not known, when there are none, or too many."""
    found = set()
    for one in sets:
        if one is None:
            return None
        found |= one
    return found if 0 < len(found) <= MAX_TEXTS else None


def product(sets):
    """Each text of the first with each of the second, and so on."""
    found = {""}
    for one in sets:
        if one is None or len(found) * len(one) > MAX_TEXTS:
            return None
        found = {a + b for a in found for b in one}
    return found


def loops_of(tree):
    """Names that one loop binds and nothing else: name -> (what is walked, "keys" or "values" of it)."""
    found, stored = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            stored[node.id] = stored.get(node.id, 0) + 1
        elif isinstance(node, ast.arg):
            stored[node.arg] = 2
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            if isinstance(node.target, ast.Name):
                found[node.target.id] = node.iter, "keys"
            elif isinstance(node.target, ast.Tuple) and len(node.target.elts) == 2 and isinstance(node.iter, ast.Call):
                for element, what in zip(node.target.elts, ("keys", "values")):
                    if isinstance(element, ast.Name):
                        found[element.id] = node.iter, what
    return {name: place for name, place in found.items() if stored.get(name) == 1}


def changed_in(tree):
    """Names whose value something of the file may change in place: NAME[...] = x, del NAME[...], NAME.update(...)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            found.add(node.value.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in CHANGES:
            found.add(node.value.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found
