# SPDX-License-Identifier: Apache-2.0
"""What a Python file is made of, for pawl: one JSON line for each item on stdin.

Items end with a NUL byte: "f" and a path, or "t" and the source itself (python -c, a here-document). Runs on Python 3.8 and later with
the standard library alone. Nothing of the files is executed. rules/pyfacts_*.py stand in front of this file in the program (Makefile).

A file is a list of units, its statements at module level. A unit that is `always` counts as soon as the module is imported (it may have an
effect); the others count when something reaches the names that they bind. A line has:
    sha256   of the bytes that were read           error    [line, text]: the file is no Python, its content counts
    doc      hash of the module's docstring        all      names in __all__; null: none; true: computed
    imports  [level, module, name, line, standard] name: null for `import m`, "*" for all, "?" for computed names below module, "!" for a
             module that is started as a program; a place (pyfacts_places.py) in module: "<" ">" on sys.path, "=" loaded, "!=" run
    units    k kind (def class assign import effect main), n name, l line, h hash, d hash with docstrings and annotations, a always,
             f flags (d: reads docstrings or annotations, s: reads source, w: reads the names of its module, e: evaluates text,
             p: unpickles, l: another name of its one reference, c: asks for subclasses, n: asks for entry points), r references "name.attribute..." or "#import.attribute...", i imports that it executes
    binds    name -> unit numbers and "#import" ("##import": the first part of `import a.b`)
"""
import ast
import hashlib
import json
import sys
import warnings
from pyfacts_places import Places, changed_in, constants_of, loops_of
from pyfacts_pure import STANDARD, Purity
from pyfacts_tree import FUNCTIONS, OWN, bound_names, hash_of, is_main, is_text, is_type_checking, literal_start, short_hash, type_parameters

READS_DOCS = set("""__doc__ __annotations__ getdoc signature getfullargspec getmembers get_type_hints get_annotations help
    __signature__ doctest testmod""".split())
READS_SOURCE = set("getsource getsourcelines getsourcefile findsource getcomments linecache __code__ co_firstlineno f_lineno".split())
DOC_READERS = set("""typer fire click docopt pydantic fastapi beartype typeguard cattrs attr attrs hydra jsonargparse tyro defopt plac
    simple_parsing injector prefect dagster sqlmodel msgspec pydoc cappa cyclopts argh""".split())
UNPICKLERS = set("""pickle.load pickle.loads pickle.Unpickler joblib.load dill.load dill.loads cloudpickle.load cloudpickle.loads
    shelve.open torch.load pandas.read_pickle jsonpickle.decode skops.io.load mlflow.pyfunc.load_model""".split())
WIDE_CALLS = set("globals vars locals dir".split())
SUBCLASSES = {"__subclasses__", "get_objects", "get_referrers"}
POINTS = set("entry_points iter_entry_points load_entry_point get_entry_map stevedore".split())
EVALUATES = set("eval exec compile execfile".split())


class Scope:
    def __init__(self, kind, names, declared=()):
        self.kind, self.names, self.declared, self.imports = kind, set(names), set(declared), {}


class Unit:
    def __init__(self, kind, node, name):
        self.kind, self.node, self.name, self.line = kind, node, name, node.lineno
        if getattr(node, "decorator_list", None):
            self.line = node.lineno
        self.always, self.full, self.flags, self.refs, self.imports = False, False, set(), {}, []


class File(Purity, Places):
    def __init__(self, tree):
        self.tree = tree
        self.imports, self.units, self.binds, self.all = [], [], {}, None
        self.dotted = {}    # global name -> what it was imported as, "importlib.import_module"
        self.classes = {}   # harmless classes of this file
        self.scopes, self.unit = [], None
        self.module_names = bound_names(tree.body)[0]
        self.constants, self.loops = constants_of(tree), loops_of(tree)
        self.changed = changed_in(tree)
        self.lazy_annotations = any(isinstance(s, ast.ImportFrom) and s.module == "__future__" and any(a.name == "annotations" for a in s.names)
                                    for s in tree.body)

    # names

    def bind(self, name, what):
        values = self.binds.setdefault(name, [])
        if what not in values:
            values.append(what)

    def look_up(self, name):
        """Roots that a loaded name may stand for: [name] when global, ["#3"] for local imports, [] when local."""
        for depth, scope in enumerate(reversed(self.scopes)):
            if name in scope.declared:
                return [name]
            if scope.kind == "class":
                if depth == 0 and name in scope.imports:
                    return scope.imports[name] + [name]
                continue
            if name in scope.names:
                return list(scope.imports.get(name, []))
        return [name]

    def canonical(self, node):
        """A dotted text for a name or attribute chain, import aliases resolved; None when it is something else."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        roots = self.look_up(node.id)
        if not roots:
            return None
        root = roots[0]
        if root.startswith("#"):
            level, module, name, _, _ = self.imports[int(root.strip("#"))]
            head = "." * level + module + ("." + name if name else "")
            if root.startswith("##"):
                head = head.split(".")[0]
        else:
            head = self.dotted.get(root, root)
        return ".".join([head] + parts[::-1])

    def ref(self, root, parts):
        self.unit.refs[".".join([root] + parts)] = None

    # imports

    def add_import(self, level, module, name, line):
        standard = level == 0 and module.split(".")[0] in STANDARD
        entry = [level, module, name, line, standard]
        self.imports.append(entry)
        self.unit.imports.append(len(self.imports) - 1)
        if level == 0 and module.split(".")[0] in DOC_READERS:
            self.unit.flags.add("d")
        if module.split(".")[0] in POINTS:
            self.unit.flags.add("n")
        return len(self.imports) - 1

    def import_statement(self, node):
        scope = self.scopes[-1] if self.scopes else None
        for alias in node.names:
            if isinstance(node, ast.Import):
                number = self.add_import(0, alias.name, None, node.lineno)
                bound = alias.asname or alias.name.split(".")[0]
                what = "#%d" % number if alias.asname or "." not in alias.name else "##%d" % number
                dotted = alias.name if alias.asname else bound
            else:
                module = node.module or ""
                number = self.add_import(node.level, module, alias.name, node.lineno)
                if alias.name == "*":
                    continue
                bound, what = alias.asname or alias.name, "#%d" % number
                dotted = "." * node.level + module + "." + alias.name
            if scope is None or bound in scope.declared:
                self.bind(bound, what)
                self.dotted.setdefault(bound, dotted)
            else:
                scope.imports.setdefault(bound, []).append(what)

    def import_call(self, node):
        """import_module("x"), __import__("x"), find_spec: the numbers of the imports that it may mean; none: it is no such call."""
        called = self.canonical(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
        if called.split(".")[-1] not in ("import_module", "__import__", "run_module", "find_spec", "lazy_import", "LazyLoader"):
            return []
        if not node.args:
            if any(k.arg in ("name", "mod_name") for k in node.keywords):
                node.args.append([k.value for k in node.keywords if k.arg in ("name", "mod_name")][0])
            else:
                return []
        has_package = len(node.args) > 1 or any(k.arg == "package" for k in node.keywords)
        texts = self.texts(node.args[0])
        if texts:
            return [self.named_import(text, has_package, node.lineno) for text in sorted(texts)]
        text, whole = literal_start(node.args[0])
        if text[:2] == OWN + ".":
            text, has_package = text[1:], True
        text = text.lstrip(OWN)
        level = len(text) - len(text.lstrip("."))
        module = text[level:]
        if whole and (level == 0 or has_package) and (level > 1 or level == 0 or module):
            return [self.add_import(level, module, None, node.lineno)]
        if not whole and level == 0 and not module and has_package and called.split(".")[-1] == "import_module":
            level = 1
        module = module.rpartition(".")[0] if not whole else module
        return [self.add_import(level, module, "?", node.lineno)]

    def named_import(self, text, has_package, line):
        """One whole name, with or without dots in front."""
        if text.startswith(OWN + "."):
            text, has_package = text[1:], True
        level = len(text) - len(text.lstrip("."))
        known = bool(text[level:]) and (level == 0 or has_package)
        return self.add_import(level, text[level:], None if known else "?", line)

    # references

    def visit(self, node):
        method = getattr(self, "visit_" + type(node).__name__, None)
        if method:
            method(node)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child)

    def visit_all(self, nodes):
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_Import(self, node):
        self.import_statement(node)

    visit_ImportFrom = visit_Import

    def visit_Global(self, node):
        for name in node.names:
            self.ref(name, [])

    def special(self, name):
        if name in READS_DOCS:
            self.unit.flags.add("d")
        if name in READS_SOURCE:
            self.unit.flags.add("s")
        if name in SUBCLASSES:
            self.unit.flags.add("c")
        if name in POINTS:
            self.unit.flags.add("n")

    def visit_Name(self, node):
        self.special(node.id)
        if not isinstance(node.ctx, ast.Load) and (not self.scopes or (self.scopes[-1].kind == "class" and node.id in self.scopes[-1].names)):
            return
        for root in self.look_up(node.id):
            self.ref(root, [])

    def visit_Attribute(self, node):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            self.special(node.attr)
            node = node.value
        parts.reverse()
        self.chain(node, parts)

    def chain(self, node, parts):
        if isinstance(node, ast.Name):
            self.special(node.id)
            for root in self.look_up(node.id):
                self.ref(root, parts)
                if self.dotted.get(root, root) == "sys" and parts[:1] == ["modules"]:
                    self.unit.flags.add("w")
        elif isinstance(node, ast.Call):
            numbers = self.import_call(node)
            if not numbers:
                self.visit_Call(node)
                return
            self.visit_all(node.args)
            for number in numbers:
                self.ref("#%d" % number, parts)
        else:
            self.visit(node)

    def visit_Call(self, node):
        for number in self.import_call(node):
            self.ref("#%d" % number, [])
        called = self.canonical(node.func)
        if called in ("getattr", "hasattr", "setattr", "delattr") and len(node.args) > 1 and isinstance(node.args[1], ast.Constant) \
                and isinstance(node.args[1].value, str):
            inner = node.args[0]
            self.visit_Attribute(ast.Attribute(value=inner, attr=node.args[1].value, ctx=ast.Load()))
            self.visit_all(node.args[2:])
            return
        if called in WIDE_CALLS and (called == "globals" or not node.args):
            self.unit.flags.add("w")
        self.search_call(called, node)
        self.file_call(called, node)
        if called in EVALUATES:
            self.unit.flags.add("e")
        if called in UNPICKLERS:
            self.unit.flags.add("p")
        if called and called.split(".")[0] in ("__main__",):
            self.unit.flags.add("w")
        self.visit(node.func)
        self.visit_all(node.args)
        self.visit_all(k.value for k in node.keywords)

    def visit_function(self, node):
        self.visit_all(node.decorator_list)
        self.arguments(node.args, self.unit.full or not self.lazy_annotations)
        if node.returns is not None and (self.unit.full or not self.lazy_annotations):
            self.annotation(node.returns)
        names, declared = bound_names(node.body)
        self.body(node, names, declared, node.body)

    visit_FunctionDef = visit_function
    visit_AsyncFunctionDef = visit_function

    def visit_Lambda(self, node):
        self.arguments(node.args, False)
        names, _ = bound_names([node.body])
        self.body(node, names, (), [node.body])

    def body(self, node, names, declared, statements):
        args = node.args
        every = args.args + args.kwonlyargs + getattr(args, "posonlyargs", []) + [a for a in (args.vararg, args.kwarg) if a]
        self.scopes.append(Scope("function", set(names) | {a.arg for a in every} | type_parameters(node), declared))
        self.visit_all(statements)
        self.scopes.pop()

    def arguments(self, args, annotated):
        self.visit_all(args.defaults)
        self.visit_all(args.kw_defaults)
        if annotated:
            for arg in args.args + args.kwonlyargs + getattr(args, "posonlyargs", []) + [args.vararg, args.kwarg]:
                if arg is not None and arg.annotation is not None:
                    self.annotation(arg.annotation)

    def annotation(self, node):
        """Names in an annotation, also in one that is written as a text."""
        self.visit(node)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                try:
                    self.visit(ast.parse(inner.value, mode="eval").body)
                except (SyntaxError, ValueError):
                    pass

    def visit_sequence(self, node):
        self.program(node)
        self.visit_all(node.elts)

    visit_List = visit_Tuple = visit_sequence

    def visit_assignment(self, node):
        self.search_assignment(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    visit_Assign = visit_AugAssign = visit_assignment

    def visit_AnnAssign(self, node):
        inside = self.scopes[-1].kind if self.scopes else "module"
        if inside == "class" or self.unit.full or (inside == "module" and not self.lazy_annotations):
            self.annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_ClassDef(self, node):
        self.visit_all(node.decorator_list)
        self.visit_all(node.bases)
        self.visit_all(k.value for k in node.keywords)
        names, declared = bound_names(node.body)
        self.scopes.append(Scope("class", names, declared))
        self.visit_all(node.body)
        self.scopes.pop()

    def visit_comprehension_scope(self, node):
        names = set()
        for generator in node.generators:
            names |= {n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name)}
        self.visit(node.generators[0].iter)
        self.scopes.append(Scope("function", names))
        for number, generator in enumerate(node.generators):
            if number:
                self.visit(generator.iter)
            self.visit_all(generator.ifs)
        if isinstance(node, ast.DictComp):
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_scope

    # statements of the module

    def exports(self, node):
        """__all__ = [...], += [...], .extend([...]), .append(x)"""
        value = getattr(node, "value", None)
        if isinstance(node, ast.Expr) and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) \
                and isinstance(value.func.value, ast.Name) and value.func.value.id == "__all__":
            self.all = True
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []
        if not any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return
        names = []
        if isinstance(value, (ast.List, ast.Tuple)) and all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in value.elts):
            names = [e.value for e in value.elts]
        else:
            self.all = True
        if self.all is not True:
            self.all = (self.all or []) + names if isinstance(node, ast.AugAssign) else names

    def statement(self, node):
        if isinstance(node, ast.Pass) or is_text(node):
            return
        if isinstance(node, ast.If) and is_type_checking(node.test):
            for inner in node.orelse:
                self.statement(inner)
            return
        if isinstance(node, ast.If) and is_main(node.test):
            unit = Unit("main", node, "__main__")
            rest = node.orelse
            self.add(unit, node.body)
            for inner in rest:
                self.statement(inner)
            return
        if isinstance(node, FUNCTIONS):
            unit = Unit("def", node, node.name)
            pure = self.pure_decorators(node)
            unit.always, unit.full = not self.pure_function(node), not pure
        elif isinstance(node, ast.ClassDef):
            unit = Unit("class", node, node.name)
            unit.always = not self.pure_class(node)
            unit.full = unit.always
            hooks = {"__init_subclass__", "__class_getitem__", "__prepare__", "mro"}
            special = any(isinstance(s, FUNCTIONS) and s.name in hooks for s in node.body) or any(k.arg == "metaclass" for k in node.keywords)
            self.classes[node.name] = not unit.always and not special
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            unit = Unit("import", node, "")
            unit.always = True
        elif self.pure_assignment(node):
            unit = Unit("assign", node, ", ".join(sorted(bound_names([node])[0])))
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.Name):
                unit.flags.add("l")
        else:
            unit = Unit("effect", node, "")
            unit.always = not (isinstance(node, ast.Expr) and self.pure(node.value))
        self.exports(node)
        self.add(unit, [node])

    def add(self, unit, nodes):
        number = len(self.units)
        self.units.append(unit)
        self.unit = unit
        imported = set()
        for node in ast.walk(ast.Module(body=nodes, type_ignores=[])):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                imported |= {a.asname or a.name.split(".")[0] for a in node.names}
        names = bound_names(nodes)[0]
        for inner in nodes:  # functions of compound statements that write globals bind them, too
            for node in ast.walk(inner):
                if isinstance(node, ast.Global) and unit.kind in ("effect", "main"):
                    names |= set(node.names)
        self.visit_all(nodes)
        for name in names:
            if not (unit.kind == "import" or (name in imported and name in self.binds and unit.always)):
                self.bind(name, number)

    def run(self):
        for node in self.tree.body:
            self.statement(node)

    def answer(self):
        units = []
        for unit in self.units:
            node = unit.node
            if unit.kind == "main":
                node = ast.Module(body=node.body, type_ignores=[])
            full = hash_of(node, True)
            units.append({"k": unit.kind, "n": unit.name, "l": unit.line, "h": full if unit.full else hash_of(node, False), "d": full,
                          "a": int(unit.always), "f": "".join(sorted(unit.flags)), "r": sorted(unit.refs), "i": unit.imports})
        doc = ast.get_docstring(self.tree, clean=False) or ""
        return {"doc": short_hash(doc), "all": self.all, "imports": [i[:4] + [int(i[4])] for i in self.imports], "units": units,
                "binds": self.binds}


def notebook(source):
    """The code cells of a notebook; lines for the notebook itself (%, !) are left out."""
    cells = []
    for cell in json.loads(source.decode("utf-8"))["cells"]:
        if cell.get("cell_type") == "code":
            text = cell.get("source", "")
            text = text if isinstance(text, str) else "".join(text)
            if not text.startswith("%%"):
                cells.append("\n".join("pass" if line.lstrip()[:1] in ("%", "!") else line for line in text.split("\n")))
    return "\n".join(cells)


def facts(source, is_notebook=False):
    result = {"sha256": hashlib.sha256(source).hexdigest()}
    try:
        text = notebook(source) if is_notebook else source
        file = File(ast.parse(text))
        file.run()
        result.update(file.answer())
    except SyntaxError as error:
        result["error"] = [error.lineno or 0, str(error.msg)[:200]]
    except RecursionError:
        result["error"] = [0, "nested too deeply"]
    except (ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        result["error"] = [0, str(error)[:200]]
    return result


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(8000)
    out = sys.stdout.buffer
    for item in sys.stdin.buffer.read().split(b"\0")[:-1]:
        kind, rest = item[:1], item[1:]
        if kind == b"t":
            result = facts(rest)
        else:
            try:
                with open(rest, "rb") as file:
                    result = facts(file.read(), rest.endswith(b".ipynb"))
            except OSError as error:
                result = {"missing": str(error)[:200]}
        out.write(json.dumps(result, sort_keys=True).encode("ascii", "backslashreplace") + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
