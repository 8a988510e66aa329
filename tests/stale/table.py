# SPDX-License-Identifier: Apache-2.0
"""How rows of the stale matrix are written down. A form is a variant of the project; its rows are edits, each made to the form as it was.

A row's verdict names the state of every step: rerun, skip (nothing done), restore (not executed, its outputs put back) or cutoff (something before
it ran and came out the same). Two may be joined by '|' where it does not matter to anybody which of them is said.
"""
from project import STEPS


def verdict(*states, **more):
    return dict(zip(STEPS, states), **more)


NONE = verdict("skip", "skip", "skip", "skip", "skip")
PREPARE = verdict("rerun", "rerun", "rerun", "rerun", "skip")
PREPARE_CUT = verdict("rerun", "cutoff", "cutoff", "cutoff", "skip")
FEATURES = verdict("skip", "rerun", "rerun", "rerun", "skip")
FEATURES_CUT = verdict("skip", "rerun", "cutoff", "cutoff", "skip")
TRAIN = verdict("skip", "skip", "rerun", "rerun", "skip")
TRAIN_CUT = verdict("skip", "skip", "rerun", "cutoff", "skip")
REPORT = verdict("skip", "skip", "skip", "rerun", "skip")
PYTHON_CUT = verdict("rerun", "rerun", "rerun", "rerun", "skip")  # code of all four, outputs the same
ASIDE = verdict("skip", "skip", "skip", "skip", "rerun")
BACK = verdict("restore", "restore", "restore", "restore", "restore")
REPORT_BACK = verdict("skip", "skip", "skip", "restore", "skip")
ALL = verdict("rerun", "rerun", "rerun", "rerun", "rerun")


class Row:
    def __init__(self, name, edit, expected):
        self.name, self.edit, self.expected = name, edit, expected


class Form:
    """A variant: files on top of project.FILES (None: left out), fields of Definition, a function that does the rest once."""

    def __init__(self, name, *rows, files=None, prepare=None, **definition):
        self.name, self.files, self.prepare, self.definition = name, files or {}, prepare, definition
        self.rows = [row if isinstance(row, Row) else text_row(*row) for row in rows]


def text_row(name, path, old, new, expected):
    """Old text to new text in one file; old None: a new file."""
    def edit(place):
        if old is None:
            place.write(path, new)
        else:
            place.edit(path, old, new)
    return Row(name, edit, expected)
