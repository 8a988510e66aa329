# SPDX-License-Identifier: Apache-2.0
"""The stale matrix for what lies below a step: parents, image layers, files that an image includes, variables of an environment. One step runs in the image,
one beside it, and an environment is there that nobody uses. A row: an edit, the states of both steps, the state of the image."""
import os
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent.parent), str(pathlib.Path(__file__).parent.parent / "images")]
import unittest  # noqa: E402

import harness  # noqa: E402
from test_isolation import busybox_layer, static  # noqa: E402
from test_parent import tar_of, write_layout  # noqa: E402

PIPELINE = """
    version: 1
    pipeline: below
    environments:
      base:
        parent: oci:parent
        workdir: /app
        env: {COLOR: red}
        labels: {team: zoo}
        include: [conf/used.txt]
      idle:
        parent: oci:idle
    steps:
      inside:
        environment: base
        isolation: image
        run: [sh, -c, "cat /etc/hello > out.txt; echo $COLOR >> out.txt"]
        outputs: {o: out.txt}
      beside:
        run: "cat ${inputs.i} > ${outputs.o}"
        inputs: {i: inside.o}
        outputs: {o: beside.txt}
    """


def parent(text, more=None):
    def edit(test):
        shutil.rmtree(test.root / "parent", ignore_errors=True)
        write_layout(test.root / "parent", [busybox_layer(), tar_of([("etc/hello", text)] + (more or []))], {"Env": ["PATH=/bin"]})
    return edit


def moved(test):
    (test.root / "parent").rename(test.root / "elsewhere")
    test.edit("pawl.yaml", "oci:parent", "oci:elsewhere")


def idle(test):
    shutil.rmtree(test.root / "idle")
    write_layout(test.root / "idle", [tar_of([("etc/hello", "changed\n")])])


def touched(test):
    for path in (test.root / "parent").rglob("*"):
        os.utime(path)


def edited(path, old, new):
    return lambda test: test.edit(path, old, new)


# name, edit, state of inside, of beside, is an image made
ROWS = [
    ("nothing", lambda test: None, "hit", "hit", False),
    ("parent touched", touched, "hit", "hit", False),
    ("parent written again, the same", parent("from the image\n"), "hit", "hit", False),
    ("parent with another file", parent("patched\n"), "made", "made", True),
    ("parent patched where the step does not look", parent("from the image\n", [("etc/unread", "x\n")]), "made", "cutoff", True),
    ("parent moved to another folder", moved, "hit", "hit", False),
    ("parent of an environment that nobody uses", idle, "hit", "hit", False),
    ("variable of the environment", edited("pawl.yaml", "COLOR: red", "COLOR: blue"), "made", "made", True),
    ("comment in the environment", edited("pawl.yaml", "workdir: /app", "workdir: /app  # here"), "hit", "hit", False),
    ("order of its keys", edited("pawl.yaml", "        workdir: /app\n        env: {COLOR: red}\n".replace("        ", "    "), "        env: {COLOR: red}\n        workdir: /app\n".replace("        ", "    ")),
     "hit", "hit", False),
    ("file beside what it includes", lambda test: test.write("conf/other.txt", "x\n"), "hit", "hit", False),
    ("a label", edited("pawl.yaml", "team: zoo", "team: park"), "hit", "hit", False),
    ("file that it includes", edited("conf/used.txt", "used", "other"), "made", "cutoff", True),
    ("an environment more", edited("pawl.yaml", "  idle:\n", "  third:\n    parent: oci:idle\n  idle:\n"), "hit", "hit", False),
    ("outputs deleted", lambda test: (test.root / "out.txt").unlink(), "restored", "hit", False),
]


@unittest.skipUnless(static(), "no static busybox")
class Below(harness.PawlTest):
    folder = "project"

    def setUp(self):
        super().setUp()
        parent("from the image\n")(self)
        write_layout(self.root / "idle", [tar_of([("etc/hello", "idle\n")])])
        self.write("conf/used.txt", "used\n")
        self.write("pawl.yaml", PIPELINE)
        self.assertEqual(self.run_json().states(), {"inside": "made", "beside": "made"})
        self.kept = self.top / "kept"
        shutil.copytree(self.root, self.kept)

    def test_rows(self):
        for name, edit, inside, beside, image in ROWS:
            with self.subTest(name):
                edit(self)
                outcome = self.run_json()
                self.assertEqual(outcome.states(), {"inside": inside, "beside": beside}, "%s\n%s" % (name, outcome))
                made = [i["environment"] for i in outcome.json["images"] if i["state"] == "made"]
                self.assertEqual(made, ["base"] if image else [], "%s\n%s" % (name, outcome))
                shutil.rmtree(self.root)
                shutil.copytree(self.kept, self.root)
                self.assertEqual({s for s in self.run_json().states().values()} - {"hit", "restored"}, set(), "%s: taken back" % name)
