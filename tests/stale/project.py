# SPDX-License-Identifier: Apache-2.0
"""The project of the stale matrix: four Python steps over the package `churn`, a shell step, and the place in which rows edit it.

    prepare   data/raw.csv -> out/clean.csv                     features  out/clean.csv -> out/table.csv (calls the trap of the row's form)
    train     out/table.csv, lr, $REGION -> out/model.json      report    out/model.json, conf/notes/ -> out/report/
    aside     tools/aside.sh, which sources tools/common.sh -> out/aside.txt

A step appends its name to the file RAN, outside the project, when it is executed; that, and not what a tool says, decides what ran.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

STEPS = ("prepare", "features", "train", "report", "aside")

FILES = {
    "data/raw.csv": "name,size\nann,3\nbob,1\n#eve,9\ncid,2\n",
    "conf/notes/a.txt": "first note\n",
    "conf/notes/b.txt": "second note\n",
    "steps/__init__.py": "",
    "steps/prepare.py": '''
        """Reads the raw table and leaves out what cannot be used."""
        import sys

        from churn.load import clean, read
        from churn.ran import ran


        def prepare(raw, out):
            ran("prepare")
            with open(out, "w") as file:
                for name, size in clean(read(raw)):
                    file.write("%s,%s\\n" % (name, size))


        if __name__ == "__main__":
            prepare(*sys.argv[1:3])
        ''',
    "steps/features.py": '''
        import os
        import sys

        from churn import scale
        from churn.ran import ran
        {head}

        def features(clean, out):
            ran("features")
            with open(clean) as source, open(out, "w") as file:
                for line in source:
                    name, size = line.split(",")
                    file.write("%s,%s\\n" % (name, scale.scale(int(size))))
                file.write("mode,%s\\n" % os.environ.get("MODE"))
                file.write("trap,%s\\n" % str({value}))


        if __name__ == "__main__":
            features(*sys.argv[1:3])
        ''',
    "steps/train.py": '''
        import json
        import os
        import sys

        from churn.model import Model
        from churn.ran import ran


        def train(table, out, lr):
            ran("train")
            with open(table) as file:
                model = Model(float(lr)).fit(file.read().splitlines())
            with open(out, "w") as file:
                json.dump({"weights": model.weights, "region": os.environ.get("REGION")}, file)


        if __name__ == "__main__":
            train(*sys.argv[1:4])
        ''',
    "steps/report.py": '''
        import json
        import os
        import sys

        from churn.ran import ran
        from churn.text import heading


        def report(model, notes, out):
            ran("report")
            os.makedirs(out, exist_ok=True)
            with open(model) as file, open(os.path.join(out, "index.txt"), "w") as index:
                index.write(heading("report") + str(json.load(file)) + "\\n")
            with open(os.path.join(out, "notes.txt"), "w") as file:
                for name in sorted(os.listdir(notes)):
                    if os.path.isfile(os.path.join(notes, name)):
                        with open(os.path.join(notes, name)) as note:
                            file.write(name + ": " + note.read())


        if __name__ == "__main__":
            report(*sys.argv[1:4])
        ''',
    "churn/__init__.py": "",
    "churn/ran.py": '''
        import os
        import time


        def ran(step):
            with open("@RAN@", "a") as file:
                file.write(step + "\\n")
            while os.path.exists("@RAN@ hold " + step):
                time.sleep(0.01)
        ''',
    "churn/load.py": '''
        def read(path):
            with open(path) as file:
                return [line.rstrip("\\n") for line in file][1:]


        def clean(rows):
            return [row.split(",") for row in rows if not row.startswith("#")]
        ''',
    "churn/scale.py": '''
        """Sizes to numbers."""
        from churn.limits import TOP, BOTTOM

        FACTOR = 10
        OFFSET = 1000


        def scale(size):
            """One size."""
            width = FACTOR * size
            return bounded(width)


        def bounded(x: int) -> int:
            return min(x, TOP)


        def lifted(x):
            return max(x, BOTTOM) + OFFSET
        ''',
    "churn/limits.py": "TOP = 25\nBOTTOM = 0\nSIDE = 4\n",
    "churn/model.py": '''
        class Model:
            def __init__(self, lr):
                self.lr = lr
                self.weights = []

            def fit(self, lines):
                self.weights = [[line, self.lr * len(line)] for line in lines]
                return self

            def predict(self):
                return 0
        ''',
    "churn/text.py": '''
        def heading(text):
            return text.title() + "\\n"
        ''',
    "churn/unused.py": "def nobody():\n    return 1\n",
    "tools/aside.sh": ". tools/common.sh\nsay aside\n",
    "tools/common.sh": 'say() {\n\techo "$1"\n}\n',
    "tools/other.sh": "echo other\n",
}


class Definition:
    """The pipeline, as every tool's adapter writes it down in its own way."""

    def __init__(self):
        self.lr, self.idle = "0.1", "1"          # parameters: bound by train, bound by nobody
        self.mode = "fast"                       # a fixed variable of features
        self.raw = "data/raw.csv"                # the input of prepare
        self.table = "out/table.csv"             # an output of features
        self.remark = ""                         # a comment in the pipeline's file
        self.reverse = False                     # order of steps and of keys
        self.option = ""                         # one more word for prepare's command
        self.more = False                        # one more step, `extra`, behind train
        self.steps = STEPS
        self.limits = ""                         # retries and time limits of train
        self.head, self.value = "", "0"          # what steps/features.py imports, and what it calls
        self.path = ""                           # PYTHONPATH of features
        self.aside = "sh tools/aside.sh > out/aside.txt"
        self.made = ""                           # one more output of prepare


class Unsupported(Exception):
    """A tool has nothing that this edit could be made to."""


# One interpreter runs the Python steps, each in a child of its own.
FORKS = """
import os, runpy, subprocess, sys
for command, path in %r:
    if not command.startswith("python3 -m "):
        subprocess.run(command, shell=True, check=True)
        continue
    child = os.fork()
    if child == 0:
        words = command.split()
        sys.path[0:1] = [os.getcwd()] + [os.path.abspath(p) for p in path.split(":")]
        os.environ["PYTHONPATH"] = path
        sys.argv = words[2:]
        sys.argv[1:] = words[3:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
        sys.stdout.flush()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit("%%s failed" %% command)
"""


class Place:
    """A project folder in a folder of its own (top), with the caller's variables; subclasses bring a tool: setup, render, call."""

    cache = None  # the folder of the tool's cache, when it has one

    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.root = self.top / "project"
        self.ran_file = self.top / "ran"
        self.definition = Definition()
        self.shown = {}     # variables of the caller
        self.cwd = None     # where the tool is called, below the project
        self.saved = None

    # the project

    def fill(self, form):
        self.definition.__dict__.update(form.definition)
        self.root.mkdir(parents=True)
        for path, text in dict(FILES, **form.files).items():
            if text is not None:
                self.write(path, text)
        self.render()
        if form.prepare:
            form.prepare(self)
        self.age()

    def write(self, path, text, mode=None):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text).lstrip("\n").replace("@RAN@", str(self.ran_file))
        if path == "steps/features.py":
            text = text.replace("{head}", self.definition.head).replace("{value}", self.definition.value)
        target.write_bytes(text.encode())
        if mode is not None:
            target.chmod(mode)

    def edit(self, path, old, new):
        text = (self.root / path).read_bytes().decode()
        if old not in text:
            raise ValueError("the row is wrong: no %r in %s" % (old, path))
        (self.root / path).write_bytes(text.replace(old, new, 1).encode())

    def text(self, path):
        return (self.root / path).read_bytes().decode()

    def remove(self, path):
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()

    def rename(self, old, new):
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    def age(self, seconds=3600):
        """All files look old enough for their time stamps to be trusted."""
        for path in self.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                stamp = path.stat().st_mtime - seconds
                os.utime(path, (stamp, stamp))

    def set(self, **changes):
        self.definition.__dict__.update(changes)
        self.render()

    # edits are taken back to what they were when save() was called; outputs and what tools keep for themselves stay as they are

    def kept(self):
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] not in self.own():
                yield name, path

    def own(self):
        """Top-level names that are not part of what rows edit."""
        return ("out", ".git")

    def save(self):
        self.saved = dict(self.definition.__dict__), {
            name: (path.lstat().st_mode, os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
            for name, path in self.kept()}

    def undo(self):
        definition, files = self.saved
        self.definition.__dict__.update(definition)
        self.shown, self.cwd = {}, None
        for name, path in sorted(self.kept(), reverse=True):
            if name not in files or (path.is_dir() and not path.is_symlink()) != (files[name][1] is None):
                self.remove(name)
        for name, (mode, content) in files.items():
            path = self.root / name
            if content is None:
                path.mkdir(exist_ok=True)
            elif isinstance(content, str):
                if not path.is_symlink() or os.readlink(path) != content:
                    path.unlink(missing_ok=True)
                    path.symlink_to(content)
            else:
                if path.is_symlink() or not path.exists() or path.read_bytes() != content:
                    path.unlink(missing_ok=True)
                    path.write_bytes(content)
                if path.stat().st_mode != mode:
                    path.chmod(mode & 0o7777)

    # what ran, and what comes out

    def executed(self):
        """Names of the steps that were executed since the last call."""
        names = self.ran_file.read_text().split() if self.ran_file.exists() else []
        self.ran_file.unlink(missing_ok=True)
        return sorted(names)

    def outputs(self, root=None):
        folder = (root or self.root) / "out"
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    def truth(self):
        """Outputs of the same project from scratch, without any tool."""
        copy = self.top / "truth"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.root, copy, symlinks=True, ignore=lambda folder, names: [n for n in names if folder == str(self.root) and n in self.own()])
        d = self.definition
        (copy / "out").mkdir()
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=".", PATH=path(), MODE=d.mode)
        env.pop("REGION", None)
        env.update(self.shown)
        script = FORKS % [(command, d.path + ":." if step == "features" and d.path else ".") for step, command in self.commands().items()
                          if step in d.steps or step == "extra"]
        done = subprocess.run(["python3", "-c", script], cwd=copy, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise ValueError("the row is wrong: %s" % done.stdout)
        self.executed()
        return self.outputs(copy)

    def commands(self):
        d = self.definition
        python = "python3 -m steps."
        found = {"prepare": "%sprepare %s out/clean.csv%s" % (python, d.raw, d.option), "features": "%sfeatures out/clean.csv %s" % (python, d.table),
                 "train": "%strain %s out/model.json %s" % (python, d.table, d.lr), "report": python + "report out/model.json conf/notes out/report"}
        if "aside" in d.steps:
            found["aside"] = "echo aside >> '%s'; %s" % (self.ran_file, d.aside)
        if d.more:
            found["extra"] = "echo extra >> '%s'; cat out/model.json > out/extra.txt" % self.ran_file
        return found

    # the tool: subclasses

    def render(self):
        """Write the tool's definition of the pipeline."""

    def call(self):
        """Run the pipeline with the tool; raises when it fails."""
        raise NotImplementedError


def path():
    """PATH without shims: the system's own Python answers fastest."""
    return "/usr/bin:/bin:" + os.environ["PATH"]


def python():
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
