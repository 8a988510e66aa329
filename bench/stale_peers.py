# SPDX-License-Identifier: Apache-2.0
"""Peers from PyPI as places of the stale matrix (tests/stale/project.py), each used as its manual shows it: a step declares its script, its data and
its parameters, and the tool's own means for code are switched on where the manual recommends them. With declare=True the package's folder is declared
by hand as well, where the tool takes files."""
import os
import pathlib
import shutil
import signal
import subprocess
import textwrap

from project import Place, Unsupported, path


class Failed(Exception):
    """The tool itself failed."""


class Peer(Place):
    requirement = None     # for PyPI
    declare = False
    results = False        # keeps results apart from the project's outputs
    shell = True           # runs shell commands

    def __init__(self, top, programs):
        super().__init__(top)
        self.programs = pathlib.Path(programs)
        if not self.shell:
            self.definition.steps = tuple(s for s in self.definition.steps if s != "aside")

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PAWL", "PYTHON", "MAKE")) and k not in ("CI", "REGION")}
        env.update(PATH="%s:%s" % (self.programs, path()), NO_COLOR="1", HOME=str(self.top / "home"), PYTHONDONTWRITEBYTECODE="1")
        env.update(self.shown)
        return env

    def begin(self):
        """Once, in the filled project."""
        (self.top / "home").mkdir(exist_ok=True)

    def command(self):
        raise NotImplementedError

    def start(self):
        if self.cwd:
            raise Unsupported("it is called in the project's folder")
        return subprocess.Popen(self.command(), cwd=self.root, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)

    def call(self, fails=False):
        process = self.start()
        try:
            out, _ = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failed("not done after 300 s")
        if process.returncode != 0 and not fails:
            raise Failed("exit %d: %s" % (process.returncode, out.strip()[-2000:]))

    def end(self, process, number):
        os.killpg(process.pid, number)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def cache_folder(self):
        raise Unsupported("it keeps no results")

    def damage_blobs(self):
        raise Unsupported("it keeps no results")

    def damage_records(self):
        raise Unsupported("its records are not the edit's matter")

    @staticmethod
    def python_minor():
        return int(subprocess.run(["python3", "-c", "import sys; print(sys.version_info[1])"], env={"PATH": path()}, stdout=subprocess.PIPE, check=True).stdout)

    def files(self, names):
        """Folders as the files in them, for tools that take no folders."""
        found = []
        for name in names:
            folder = self.root / name
            found += sorted(str(p.relative_to(self.root)) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if folder.is_dir() else [name]
        return found

    # what a step declares

    def pieces(self):
        """step -> (command, data that it reads, script, outputs)"""
        d = self.definition
        commands = self.commands()
        shown = "PYTHONDONTWRITEBYTECODE=1 "
        commands["features"] = "%sMODE=%s PYTHONPATH=%s:. %s" % (shown, d.mode, d.path or ".", commands["features"])
        rows = {"prepare": ([d.raw], ["out/clean.csv"] + ([d.made] if d.made else [])), "features": (["out/clean.csv"], [d.table]),
                "train": ([d.table], ["out/model.json"]), "report": (["out/model.json", "conf/notes"], ["out/report"])}
        found = {}
        for step, (data, outputs) in rows.items():
            deps = ["steps/%s.py" % step] + data
            if self.declare:
                deps += [f for f in ("churn", "lib", "plugins", "space", "src", "vendored") if (self.root / f).is_dir()]
            found[step] = commands[step], deps, outputs
        if "aside" in d.steps:
            script = [w for w in d.aside.split() if (self.root / w).is_file() and not w.startswith("out/")]
            found["aside"] = commands["aside"], script + (["tools", "lib"] if self.declare and (self.root / "lib").is_dir() else ["tools"] if self.declare else []), ["out/aside.txt"]
        if d.more:
            found["extra"] = commands["extra"], ["out/model.json"], ["out/extra.txt"]
        names = list(found)
        return {n: found[n] for n in (reversed(names) if d.reverse else names)}

    def remark(self):
        return "# %s\n" % self.definition.remark if self.definition.remark else ""


class Doit(Peer):
    name, requirement = "doit", "doit"

    def own(self):
        return super().own() + (".doit.db", ".doit.db.dat", ".doit.db.dir", ".doit.db.bak", "gen")

    def render(self):
        d = self.definition
        text = self.remark() + "import os\nfrom doit.tools import config_changed\n\nDOIT_CONFIG = {'verbosity': 0}\n"
        for step, (command, deps, outputs) in self.pieces().items():
            config = {"train": "{'lr': %s, 'region': os.environ.get('REGION')}" % d.lr, "features": "{'mode': %r}" % d.mode}.get(step, "{'command': %r}" % command)
            targets = ["out/report/index.txt", "out/report/notes.txt"] if step == "report" else outputs
            text += "\n\ndef task_%s():\n    return {'actions': [%r], 'file_dep': %r, 'targets': %r, 'uptodate': [config_changed(%s)]}\n" % (
                step, "mkdir -p out && " + command, self.files(deps), targets, config)
        self.write("dodo.py", text)

    def command(self):
        self.render()  # globs are expanded when dodo.py is read
        return ["doit"]

    def damage_records(self):
        self.cache_folder_records()

    def cache_folder_records(self):
        for name in (".doit.db", ".doit.db.dat", ".doit.db.dir"):
            if (self.root / name).exists():
                (self.root / name).write_bytes(b"\x5a" * (self.root / name).stat().st_size)


class Snakemake(Peer):
    name, requirement = "Snakemake", "snakemake"

    def own(self):
        return super().own() + (".snakemake", "gen")

    def render(self):
        d = self.definition
        text = self.remark() + "import os\n\nconfigfile: 'config.yaml'\n\n"
        pieces = self.pieces()
        text += "rule all:\n    input: %s\n" % ", ".join(repr(o) if o != "out/report" else "'out/report'" for _, _, outputs in pieces.values() for o in outputs)
        for step, (command, deps, outputs) in pieces.items():
            deps = self.files(deps) if self.declare else deps
            command = command.replace("{", "{{").replace("}", "}}")
            text += "\n\nrule %s:\n    input: %s\n    output: %s\n" % (step, ", ".join(map(repr, deps)) or "[]",
                                                                     ", ".join("directory(%r)" % o if o == "out/report" else repr(o) for o in outputs))
            if step == "train":
                command = command[:command.rindex(" ")] + " {params.lr}"
                text += "    params: lr=config['lr'], region=os.environ.get('REGION')\n"
            text += "    shell: %r\n" % (command if step != "report" else "mkdir -p out/report && " + command)
        self.write("config.yaml", "lr: %s\nidle: %s\n" % (d.lr, d.idle))
        self.write("Snakefile", text)

    def command(self):
        self.render()  # globs are expanded when the Snakefile is read
        return ["snakemake", "--cores", "1", "--quiet", "all"]


class Dvc(Peer):
    name, requirement, results = "DVC", "dvc", True

    def own(self):
        return super().own() + (".dvc", ".dvcignore", "dvc.lock", "gen")

    def begin(self):
        super().begin()
        for words in (["init", "--no-scm", "-q"], ["config", "core.analytics", "false"], ["config", "core.check_update", "false"],
                      ["config", "cache.dir", str(self.top / "dvc cache")]):
            subprocess.run(["dvc", *words], cwd=self.root, env=self.environment(), check=True, capture_output=True)

    def render(self):
        d = self.definition
        text = self.remark() + "stages:\n"
        for step, (command, deps, outputs) in self.pieces().items():
            command = "mkdir -p out && " + command
            rows = ["cmd: %s" % quoted(command if step != "train" else command[:command.rindex(" ")] + " ${lr}"), "deps: [%s]" % ", ".join(deps), "outs: [%s]" % ", ".join(outputs)]
            if step == "train":
                rows.append("params: [lr]")
            text += "  %s:\n%s" % (step, "".join("    %s\n" % r for r in (reversed(rows) if d.reverse else rows)))
        self.write("params.yaml", "lr: %s\nidle: %s\n" % (d.lr, d.idle))
        self.write("dvc.yaml", text)

    def command(self):
        return ["dvc", "repro", "-q"]

    def cache_folder(self):
        return self.top / "dvc cache"

    def damage_blobs(self):
        for blob in (self.top / "dvc cache").rglob("*"):
            if blob.is_file():
                blob.chmod(0o644)
                blob.write_bytes(blob.read_bytes()[:-1] + b"?")


class Declared:
    declare = True


class DoitDeclared(Declared, Doit):
    name = "doit, package declared"


class SnakemakeDeclared(Declared, Snakemake):
    name = "Snakemake, package declared"


class DvcDeclared(Declared, Dvc):
    name = "DVC, package declared"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


REDUN = '''
    import os

    from redun import File, task

    import steps.features
    import steps.prepare
    import steps.report
    import steps.train

    redun_namespace = "churn"


    @task(hash_includes=[steps.prepare.prepare])
    def prepare(raw: File) -> File:
        os.makedirs("out", exist_ok=True)
        steps.prepare.prepare(raw.path, "out/clean.csv")
        return File("out/clean.csv")


    @task(hash_includes=[steps.features.features])
    def features(clean: File, mode: str) -> File:
        os.environ["MODE"] = mode
        steps.features.features(clean.path, "@TABLE@")
        return File("@TABLE@")


    @task(hash_includes=[steps.train.train])
    def train(table: File, lr: str, region: str) -> File:
        steps.train.train(table.path, "out/model.json", lr)
        return File("out/model.json")


    @task(hash_includes=[steps.report.report])
    def report(model: File, notes: list) -> list:
        steps.report.report(model.path, "conf/notes", "out/report")
        return [File("out/report/index.txt"), File("out/report/notes.txt")]


    @task(check_valid="full")
    def main(raw: str, lr: str, idle: str, mode: str, region: str, notes: list):
        clean = prepare(File(raw))
        table = features(clean, mode)
        model = train(table, lr, region)
        return report(model, [File(n) for n in notes])


    if __name__ == "__main__":
        from redun import Scheduler
        from redun.config import Config
        config = Config({"backend": {"db_uri": "sqlite:///@DB@"}, "executors.default": {"type": "local", "mode": "thread"}})
        scheduler = Scheduler(config=config)
        scheduler.load()
        notes = sorted(os.path.join("conf/notes", n) for n in os.listdir("conf/notes"))
        scheduler.run(main("@RAW@", "@LR@", "@IDLE@", "@MODE@", os.environ.get("REGION", ""), notes))
    '''


class Functions(Peer):
    """Tools whose steps are Python functions: no shell steps."""
    shell, results = False, True
    template = None

    def own(self):
        return super().own() + ("gen", ".zen", ".redun")

    def render(self):
        d = self.definition
        if d.made or d.more or d.option or d.limits or d.path or d.aside != type(d)().aside or "aside" not in type(d)().steps:
            self.unsupported = True
        text = textwrap.dedent(self.template).lstrip("\n")
        for name, value in {"TABLE": d.table, "DB": self.top / "records.db", "RAW": d.raw, "LR": d.lr, "IDLE": d.idle, "MODE": d.mode}.items():
            text = text.replace("@%s@" % name, str(value))
        self.write("workflow.py", self.remark() + text)

    def start(self):
        d = self.definition
        if d.made or d.more or d.option or d.limits or d.path or d.reverse:
            raise Unsupported("a function has no such thing")
        return super().start()

    def command(self):
        return [str(self.programs / "python"), "workflow.py"]


class Redun(Functions):
    name, requirement, template = "redun", "redun", REDUN


ZENML = '''
    import os
    import pathlib
    import tempfile

    from zenml import pipeline, step
    from zenml.client import Client
    from zenml.config import CachePolicy

    import steps.features
    import steps.prepare
    import steps.report
    import steps.train

    NOTES = sorted(os.path.join("conf/notes", n) for n in os.listdir("conf/notes"))


    def written(text):
        handle, name = tempfile.mkstemp()
        with open(handle, "w") as file:
            file.write(text)
        return name


    @step(cache_policy=CachePolicy(file_dependencies=["@RAW@"], source_dependencies=[steps.prepare.prepare]))
    def prepare() -> str:
        out = written("")
        steps.prepare.prepare("@RAW@", out)
        return pathlib.Path(out).read_text()


    @step(cache_policy=CachePolicy(source_dependencies=[steps.features.features]))
    def features(clean: str, mode: str) -> str:
        os.environ["MODE"] = mode
        out = written("")
        steps.features.features(written(clean), out)
        return pathlib.Path(out).read_text()


    @step(cache_policy=CachePolicy(source_dependencies=[steps.train.train]))
    def train(table: str, lr: str, region: str) -> str:
        out = written("")
        steps.train.train(written(table), out, lr)
        return pathlib.Path(out).read_text()


    @step(cache_policy=CachePolicy(file_dependencies=NOTES, source_dependencies=[steps.report.report]))
    def report(model: str) -> dict:
        out = tempfile.mkdtemp()
        steps.report.report(written(model), "conf/notes", out)
        return {name: pathlib.Path(out, name).read_text() for name in os.listdir(out)}


    @pipeline
    def churn(lr: str, mode: str, region: str, idle: str):
        clean = prepare()
        table = features(clean, mode)
        model = train(table, lr, region)
        report(model)


    if __name__ == "__main__":
        run = churn(lr="@LR@", mode="@MODE@", region=os.environ.get("REGION", ""), idle="@IDLE@")
        run = Client().get_pipeline_run(run.id)
        values = {name: run.steps[name].output.load() for name in ("prepare", "features", "train", "report")}
        os.makedirs("out/report", exist_ok=True)
        for name in os.listdir("out/report"):
            os.unlink(os.path.join("out/report", name))
        for path, text in [("out/clean.csv", values["prepare"]), ("@TABLE@", values["features"]), ("out/model.json", values["train"])] + [
                ("out/report/" + name, text) for name, text in values["report"].items()]:
            with open(path, "w") as file:
                file.write(text)
    '''


class Zenml(Functions):
    name, requirement, template = "ZenML", "zenml[local]", ZENML
    workspace = False  # outputs are artifacts; the script above copies them out to be compared

    def environment(self):
        env = super().environment()
        env.update(ZENML_CONFIG_PATH=str(self.top / "zen config"), ZENML_LOCAL_STORES_PATH=str(self.top / "zen stores"), ZENML_ANALYTICS_OPT_IN="false",
                   ZENML_ENABLE_RICH_TRACEBACK="false", ZENML_LOGGING_VERBOSITY="ERROR", ZENML_DISABLE_STEP_LOGS_STORAGE="true", AUTO_OPEN_DASHBOARD="false")
        return env

    def begin(self):
        super().begin()
        subprocess.run([str(self.programs / "zenml"), "init"], cwd=self.root, env=self.environment(), check=True, capture_output=True)

    def cache_folder(self):
        return self.top / "zen stores"


ALL = [Dvc, DvcDeclared, Snakemake, SnakemakeDeclared, Redun, Doit, DoitDeclared, Zenml]

__all__ = ["ALL", "Failed", "Unsupported", "shutil"]
