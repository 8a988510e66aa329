# SPDX-License-Identifier: Apache-2.0
"""Rows about ordinary edits of Python code: what counts as a change, and what does not."""
from rows_files import crlf, edits
from table import FEATURES, FEATURES_CUT, NONE, PREPARE_CUT, PYTHON_CUT, TRAIN_CUT, Form, Row, verdict

SCALE = "churn/scale.py"


def formatted(place):
    place.write(SCALE, '''
        """Sizes to numbers."""


        from churn.limits import (
            TOP,
            BOTTOM,
        )

        FACTOR=10
        OFFSET = 1_000

        def scale(size):
            \'\'\'One size.\'\'\'
            width = (FACTOR
                     * size)

            return bounded(width)
        def bounded(x: int)->int: return min(x,TOP)
        def lifted(x):
                return max(x, BOTTOM) + OFFSET
        ''')


def definitions_reordered(place):
    text = place.text(SCALE)
    head, tail = text.split("def bounded", 1)
    bounded, lifted = tail.split("def lifted", 1)
    place.write(SCALE, head + "def lifted" + lifted + "\n\ndef bounded" + bounded.rstrip() + "\n")


def moved_to_another_module(place):
    place.edit(SCALE, "def bounded(x: int) -> int:\n    return min(x, TOP)\n", "")
    place.edit(SCALE, "from churn.limits import TOP, BOTTOM", "from churn.limits import BOTTOM\nfrom churn.bounds import bounded")
    place.write("churn/bounds.py", "from churn.limits import TOP\n\n\ndef bounded(x: int) -> int:\n    return min(x, TOP)\n")


def module_becomes_a_package(place):
    place.rename(SCALE, "churn/scale/__init__.py")


def byte_order_mark(place):
    (place.root / SCALE).write_bytes(b"\xef\xbb\xbf" + (place.root / SCALE).read_bytes())


FORMS = [
    Form("plain code",
         Row("comment in a step", edits(("steps/features.py", "    ran(", "    # a remark\n    ran(")), NONE),
         Row("comment in a helper", edits((SCALE, "    return bounded", "    # a remark\n    return bounded")), NONE),
         Row("docstring of a helper", edits((SCALE, "One size.", "A single size.")), NONE),
         Row("docstring of a module", edits((SCALE, "Sizes to numbers.", "Numbers from sizes.")), NONE),
         Row("docstring of a step", edits(("steps/prepare.py", "Reads the raw", "Takes the raw")), NONE),
         Row("annotation", edits((SCALE, "x: int", "x: float")), NONE),
         Row("formatting", formatted, NONE),
         Row("order of definitions", definitions_reordered, NONE),
         Row("code with CRLF", crlf(SCALE), NONE),
         Row("byte order mark", byte_order_mark, NONE),
         Row("body of a step", edits(("steps/features.py", "mode,%s", "mood,%s")), FEATURES),
         Row("helper", edits((SCALE, "FACTOR * size", "FACTOR + size")), FEATURES),
         Row("helper of a helper", edits((SCALE, "min(x, TOP)", "min(x, TOP) + 1")), FEATURES),
         Row("constant two imports away", edits(("churn/limits.py", "TOP = 25", "TOP = 15")), FEATURES),
         Row("constant that only unused code names", edits(("churn/limits.py", "BOTTOM = 0", "BOTTOM = 1")), NONE),
         Row("constant that nobody names", edits(("churn/limits.py", "SIDE = 4", "SIDE = 5")), NONE),
         Row("helper that nobody calls", edits((SCALE, "max(x, BOTTOM)", "max(x, 7)")), NONE),
         Row("helper that nobody calls, removed", edits((SCALE, "\n\ndef lifted(x):\n    return max(x, BOTTOM) + OFFSET\n", "\n")), NONE),
         Row("helper added that nobody calls", edits((SCALE, "def bounded", "def fresh():\n    return 5\n\n\ndef bounded")), NONE),
         Row("local variable renamed", edits((SCALE, "width = FACTOR", "size2 = FACTOR"), (SCALE, "bounded(width)", "bounded(size2)")), FEATURES_CUT),
         Row("method that is called", edits(("churn/model.py", "self.lr * len", "self.lr + len")), verdict("skip", "skip", "rerun", "rerun", "skip")),
         Row("method of a class that is used", edits(("churn/model.py", "return 0", "return 1")), TRAIN_CUT),
         Row("helper of the last step", edits(("churn/text.py", "text.title()", "text.upper()")), verdict("skip", "skip", "skip", "rerun", "skip")),
         Row("helper of the first step without effect", edits(("churn/load.py", 'startswith("#")', 'startswith(("#", ";"))')), PREPARE_CUT),
         Row("module that nobody imports", edits(("churn/unused.py", "return 1", "return 2")), NONE),
         Row("module that nobody imports is broken", edits(("churn/unused.py", "return 1", "return (")), NONE),
         Row("module added that nobody imports", lambda p: p.write("churn/fresh.py", "print(1)\n"), NONE),
         Row("module added whose name differs by case", lambda p: p.write("churn/Scale.py", "FACTOR = 3\n"), NONE),
         Row("editor's backup beside a module", lambda p: p.write("churn/scale.py~", "FACTOR = 3\n"), NONE),
         Row("stub beside a module", lambda p: p.write("churn/scale.pyi", "def scale(size: int) -> int: ...\n"), NONE),
         Row("statement with an effect in the package", lambda p: p.write("churn/__init__.py", "import os\nos.environ['SEEN'] = '1'\n"), PYTHON_CUT),
         Row("comment in the package's __init__", lambda p: p.write("churn/__init__.py", "# a package\n"), NONE),
         Row("statement at the top of a helper's module", edits((SCALE, "FACTOR = 10", "FACTOR = 10\nprint(FACTOR)")), FEATURES_CUT),
         Row("helper moved to another module", moved_to_another_module, FEATURES_CUT),
         Row("module becomes a package", module_becomes_a_package, FEATURES_CUT),
         Row("a module of the standard library is shadowed", lambda p: p.write("json.py", "def dump(value, file):\n    file.write('{}')\n\n\ndef load(file):\n    return 0\n"),
             verdict("skip", "skip", "rerun", "rerun", "skip"))),
]
