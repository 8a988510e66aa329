# SPDX-License-Identifier: Apache-2.0
"""Which statements have no effect that anybody could see, for rules/pyfacts.py: what they bind counts only when it is used."""
import ast
import os
import sys
from pyfacts_tree import FUNCTIONS, is_text

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


class Purity:
    """What a file (class File) judges its statements by; needs canonical() and the harmless classes of the file so far."""

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
