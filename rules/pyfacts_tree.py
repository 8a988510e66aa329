# SPDX-License-Identifier: Apache-2.0
"""Questions about Python's syntax trees, for rules/pyfacts.py: their hashes, the names that they bind, what a few shapes mean."""
import ast
import hashlib

OWN = "\x02"  # in a text: the name of the module itself
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


def type_parameters(node):
    return {p.name for p in getattr(node, "type_params", [])}


def literal_start(node):
    """The text that a name begins with, and whether that is all of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    if isinstance(node, ast.Name) and node.id in ("__name__", "__package__"):
        return OWN, True
    if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        return literal_start(node.value)
    if isinstance(node, ast.JoinedStr):
        text = ""
        for value in node.values:
            more, whole = literal_start(value)
            text += more
            if not whole:
                return text, False
        return text, True
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
