# SPDX-License-Identifier: Apache-2.0
"""What a Python file is made of, for pawl: one JSON line for each item on stdin.

Items end with a NUL byte: "f" and a path, or "t" and the source itself (python -c, a here-document). Runs on Python 3.8 and later with
the standard library alone. Nothing of the files is executed.

A file is a list of units, its statements at module level. A unit that is `always` counts as soon as the module is imported (it may have an
effect); the others count when something reaches the names that they bind. A line has:
    sha256   of the bytes that were read           error    [line, text]: the file is no Python, its content counts
    doc      hash of the module's docstring        all      names in __all__; null: none; true: computed
    imports  [level, module, name, line, standard] name: null for `import m`, "*" for all, "?" for computed names below module
    units    k kind (def class assign import effect main), n name, l line, h hash, d hash with docstrings and annotations, a always,
             f flags (d: reads docstrings or annotations, s: reads source, w: reads the names of its module, e: evaluates text,
             p: unpickles), r references "name.attribute..." or "#import.attribute...", i imports that it executes
    binds    name -> unit numbers and "#import" ("##import": the first part of `import a.b`)
"""
import ast
import hashlib
import json
import os
import sys
import warnings

BUILTINS = set(dir(__builtins__)) if not isinstance(__builtins__, dict) else set(__builtins__)
STANDARD = set(getattr(sys, "stdlib_module_names", ()))
if not STANDARD:
    STANDARD = set(sys.builtin_module_names)
    for entry in os.listdir(os.path.dirname(os.__file__)) + os.listdir(os.path.join(os.path.dirname(os.__file__), "lib-dynload")):
        STANDARD.add(entry.split(".")[0])
    STANDARD.discard("site-packages")

# Calls without an effect that anybody but the receiver of their value could see.
PURE_CALLS = set("""
    abs bool bytes bytearray complex dict divmod enumerate float frozenset int len list max min object ord chr pow property range repr
    reversed round set slice sorted str sum tuple type zip super staticmethod classmethod isinstance issubclass
    re.compile logging.getLogger pathlib.Path pathlib.PurePath pathlib.PurePosixPath os.path.join os.path.dirname os.path.abspath
    os.path.basename os.path.expanduser os.environ.get os.getenv typing.TypeVar typing.NewType typing.ParamSpec typing.NamedTuple
    typing.cast collections.namedtuple collections.defaultdict collections.OrderedDict collections.Counter collections.deque
    decimal.Decimal fractions.Fraction datetime.timedelta datetime.datetime datetime.date functools.partial operator.itemgetter
    operator.attrgetter operator.methodcaller enum.auto dataclasses.field threading.Lock threading.RLock threading.local math.sqrt
    math.log math.exp math.pow types.MappingProxyType types.SimpleNamespace string.Template struct.Struct textwrap.dedent
    contextvars.ContextVar itertools.count itertools.chain""".split())
PURE_DECORATORS = set("""
    property staticmethod classmethod functools.lru_cache functools.cache functools.wraps functools.cached_property
    functools.total_ordering functools.singledispatch contextlib.contextmanager contextlib.asynccontextmanager dataclasses.dataclass
    abc.abstractmethod abc.abstractproperty typing.overload typing.final typing.no_type_check typing.runtime_checkable
    enum.unique types.coroutine""".split())
READS_DOCS = set("""__doc__ __annotations__ getdoc signature getfullargspec getmembers get_type_hints get_annotations help
    __signature__ doctest testmod""".split())
READS_SOURCE = set("getsource getsourcelines getsourcefile findsource getcomments linecache __code__ co_firstlineno f_lineno".split())
DOC_READERS = set("""typer fire click docopt pydantic fastapi beartype typeguard cattrs attr attrs hydra jsonargparse tyro defopt plac
    simple_parsing injector prefect dagster sqlmodel msgspec pydoc cappa cyclopts argh""".split())
UNPICKLERS = set("""pickle.load pickle.loads pickle.Unpickler joblib.load dill.load dill.loads cloudpickle.load cloudpickle.loads
    shelve.open torch.load pandas.read_pickle jsonpickle.decode skops.io.load mlflow.pyfunc.load_model""".split())
WIDE_CALLS = set("globals vars locals dir".split())
EVALUATES = set("eval exec compile execfile".split())
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SKIPPED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores", "lineno", "col_offset", "end_lineno", "end_col_offset"}


def short_hash(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, (str, bytes))


def dump(node, out, full, in_class=False):
    """The tree as text without positions; without docstrings and annotations that run-time code cannot see unless full."""
    if isinstance(node, ast.AST):
        out.append("(" + type(node).__name__)
        for field in node._fields:
            if field in SKIPPED_FIELDS:
                continue
            value = getattr(node, field, None)
            if field in ("annotation", "returns") and not full and not (in_class and isinstance(node, ast.AnnAssign)):
                continue
            out.append(" ")
            if field == "body" and isinstance(value, list):
                inside = isinstance(node, ast.ClassDef) or (in_class and not isinstance(node, FUNCTIONS))
                for statement in value:
                    if full or not is_text(statement):
                        dump(statement, out, full, inside)
            else:
                dump(value, out, full, in_class and not isinstance(node, FUNCTIONS + (ast.Lambda,)))
        out.append(")")
    elif isinstance(node, list):
        out.append("[")
        for value in node:
            if full or not isinstance(value, ast.AST) or not is_text(value):
                dump(value, out, full, in_class)
            out.append(",")
        out.append("]")
    else:
        out.append(repr(node))


def hash_of(node, full):
    out = []
    dump(node, out, full)
    return short_hash("".join(out))


def bound_names(statements):
    """Names that statements bind in their own scope (nested functions, classes and comprehensions left out), and `global` names."""
    names, declared = set(), set()
    todo = list(statements)
    while todo:
        node = todo.pop()
        if isinstance(node, FUNCTIONS + (ast.ClassDef,)):
            names.add(node.name)
            todo.extend(node.decorator_list)
            continue
        if isinstance(node, (ast.Lambda,)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name != "*":
                    names.add(alias.asname or alias.name.split(".")[0])
            continue
        if isinstance(node, ast.Global):
            declared.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif type(node).__name__ in ("MatchAs", "MatchStar") and node.name:
            names.add(node.name)
        elif type(node).__name__ == "MatchMapping" and node.rest:
            names.add(node.rest)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo.extend(n for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            continue
        todo.extend(ast.iter_child_nodes(node))
    return names - declared, declared


class Scope:
    def __init__(self, kind, names, declared=()):
        self.kind, self.names, self.declared, self.imports = kind, set(names), set(declared), {}


class Unit:
    def __init__(self, kind, node, name):
        self.kind, self.node, self.name, self.line = kind, node, name, node.lineno
        if getattr(node, "decorator_list", None):
            self.line = node.lineno
        self.always, self.full, self.flags, self.refs, self.imports = False, False, set(), {}, []


class File:
    def __init__(self, tree):
        self.tree = tree
        self.imports, self.units, self.binds, self.all = [], [], {}, None
        self.dotted = {}    # global name -> what it was imported as, "importlib.import_module"
        self.classes = {}   # harmless classes of this file
        self.scopes, self.unit = [], None
        self.module_names = bound_names(tree.body)[0]
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
        """import_module("x"), __import__("x"), find_spec: the number of the import, or None."""
        called = self.canonical(node.func) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
        if called.split(".")[-1] not in ("import_module", "__import__", "run_module", "find_spec", "lazy_import", "LazyLoader"):
            return None
        if not node.args:
            if any(k.arg in ("name", "mod_name") for k in node.keywords):
                node.args.append([k.value for k in node.keywords if k.arg in ("name", "mod_name")][0])
            else:
                return None
        text, whole = literal_start(node.args[0])
        level = len(text) - len(text.lstrip("."))
        has_package = len(node.args) > 1 or any(k.arg == "package" for k in node.keywords)
        module = text[level:]
        if whole and (level == 0 or has_package):
            if level > 1 or level == 0 or module:
                return self.add_import(level, module, None, node.lineno)
        if not whole and level == 0 and not module and has_package and called.split(".")[-1] == "import_module":
            level = 1
        module = module.rpartition(".")[0] if not whole else module
        return self.add_import(level, module, "?", node.lineno)

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
            number = self.import_call(node)
            if number is None:
                self.visit_Call(node)
                return
            self.visit_all(node.args)
            self.ref("#%d" % number, parts)
        else:
            self.visit(node)

    def visit_Call(self, node):
        number = self.import_call(node)
        if number is not None:
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

    # effects

    def standard(self, node, among=None):
        """Is it a name of the standard library or a builtin, and (when given) one of among?"""
        text = self.canonical(node)
        if text is None or text.startswith("."):
            return False
        head = text.split(".")[0]
        if among is not None:
            return text in among and ("." in text or text not in self.module_names)
        if "." not in text:
            return text in BUILTINS and text not in self.module_names
        return head in STANDARD and (isinstance(node, ast.Name) or self.dotted_root(node))

    def dotted_root(self, node):
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.dotted

    def pure(self, node):
        """Evaluating it has no effect that another could see."""
        if node is None or isinstance(node, (ast.Constant, ast.Name, ast.Lambda)):
            return True
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return all(self.pure(e) for e in node.elts)
        if isinstance(node, ast.Dict):
            return all(self.pure(e) for e in node.keys + node.values)
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.Starred)):
            return all(self.pure(c) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            return all(self.pure(c) for c in ast.walk(node) if isinstance(c, (ast.Call, ast.Attribute, ast.Subscript, ast.Await, ast.NamedExpr)))
        if isinstance(node, ast.Attribute):
            return self.standard(node)
        if isinstance(node, ast.Subscript):  # typing.Optional[int], list[str]
            return self.standard(node.value) and self.pure(node.slice)
        if type(node).__name__ == "Index":
            return self.pure(node.value)
        if isinstance(node, ast.Call):
            return self.standard(node.func, PURE_CALLS) and all(self.pure(a) for a in node.args) \
                and all(self.pure(k.value) for k in node.keywords)
        return False

    def pure_decorators(self, node):
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            setter = isinstance(called, ast.Attribute) and called.attr in ("setter", "getter", "deleter")
            if not setter and not self.standard(called, PURE_DECORATORS):
                return False
            if isinstance(decorator, ast.Call) and not all(self.pure(a) for a in decorator.args + [k.value for k in decorator.keywords]):
                return False
        return True

    def pure_function(self, node):
        annotations = [a.annotation for a in node.args.args + node.args.kwonlyargs if a.annotation is not None]
        if self.lazy_annotations:
            annotations = []
        return self.pure_decorators(node) and all(self.pure(d) for d in node.args.defaults + node.args.kw_defaults) \
            and not any(isinstance(n, (ast.Call, ast.NamedExpr)) for a in annotations for n in ast.walk(a))

    def pure_class(self, node):
        for base in node.bases:
            base = base.value if isinstance(base, ast.Subscript) else base
            local = isinstance(base, ast.Name) and self.classes.get(base.id)
            if not local and not self.standard(base):
                return False
        for keyword in node.keywords:
            if keyword.arg == "metaclass" and not self.standard(keyword.value):
                return False
            if keyword.arg != "metaclass" and not self.pure(keyword.value):
                return False
        if not self.pure_decorators(node):
            return False
        for statement in node.body:
            if isinstance(statement, FUNCTIONS):
                if not self.pure_function(statement):
                    return False
            elif isinstance(statement, ast.ClassDef):
                if not self.pure_class(statement):
                    return False
            elif not self.pure_assignment(statement) and not is_text(statement) and not isinstance(statement, ast.Pass):
                return False
        return True

    def pure_assignment(self, node):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        else:
            return type(node).__name__ == "TypeAlias"
        for target in targets:
            elements = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            if not all(isinstance(e, ast.Name) for e in elements):
                return False
            if any(e.id in ("__path__", "__class__", "__name__", "__package__") for e in elements):
                return False
        return self.pure(node.value)

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


def type_parameters(node):
    return {p.name for p in getattr(node, "type_params", [])}


def literal_start(node):
    """The text that a name begins with, and whether that is all of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        return str(node.values[0].value), False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        text, whole = literal_start(node.left)
        if whole:
            more, all_of_it = literal_start(node.right)
            return text + more, all_of_it
        return text, False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        text, whole = literal_start(node.left)
        return (text.split("%")[0] if whole else ""), False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text, whole = literal_start(node.func.value)
        return (text.split("{")[0] if whole else ""), False
    return "", False


def is_type_checking(test):
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def is_main(test):
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = [test.left, test.comparators[0]]
    return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) \
        and any(isinstance(s, ast.Constant) and s.value == "__main__" for s in sides)


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
