# SPDX-License-Identifier: Apache-2.0
"""The stale matrix against pawl: every row of the table right, and every edit taken back without a step that runs.

What pawl says of each step is compared with the row's verdict, what was executed with what it says, and all outputs with those of the same project
run by hand from scratch. A form's rows share a project and a cache.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import rows_code  # noqa: E402
import rows_files  # noqa: E402
import rows_reads  # noqa: E402
import rows_traps  # noqa: E402
from harness import PAWL  # noqa: E402
from project import Place, path  # noqa: E402

WORD = {"made": "rerun", "hit": "skip", "restored": "restore", "cutoff": "cutoff"}


class Pawl(Place):
    def __init__(self, top):
        super().__init__(top)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PAWL", "PYTHON", "MAKE")) and k not in ("CI", "MFLAGS", "REGION")}
        self.env.update(PAWL_CACHE=str(self.top / "cache"), NO_COLOR="1", PATH=path())

    def own(self):
        return super().own() + (("gen",) if self.definition.made else ())

    def render(self):
        d = self.definition
        python = "[python3, -m, steps."
        blocks = {
            "prepare": ["run: %sprepare, '${inputs.raw}', '${outputs.clean}'%s]" % (python, ", --quiet" if d.option else ""),
                        "inputs: {raw: %s}" % d.raw, "outputs: {clean: out/clean.csv%s}" % (", made: " + d.made if d.made else "")],
            "features": ["run: python3 -m steps.features ${inputs.clean} ${outputs.table}", "inputs: {clean: prepare.clean}",
                         "env: {MODE: %s%s}" % (d.mode, ", PYTHONPATH: " + d.path if d.path else ""), "outputs: {table: %s}" % d.table],
            "train": ["run: python3 -m steps.train ${inputs.table} ${outputs.model} ${params.lr}", "inputs: {table: features.table}", "params: [lr]",
                      "pass_env: [REGION]", "outputs: {model: out/model.json}"] + (["timeout: " + d.limits, "retry: {max: 1}"] if d.limits else []),
            "report": ["run: %sreport, '${inputs.model}', '${inputs.notes}', '${outputs.report}']" % python,
                       "inputs: {model: train.model, notes: conf/notes/}", "outputs: {report: out/report/}"],
            "aside": ["run: \"echo aside >> '%s'; %s\"" % (self.ran_file, d.aside.replace("out/aside.txt", "${outputs.o}").replace('"', '\\"')), "outputs: {o: out/aside.txt}"],
            "extra": ["run: \"echo extra >> '%s'; cat ${inputs.model} > ${outputs.o}\"" % self.ran_file, "inputs: {model: train.model}", "outputs: {o: out/extra.txt}"]}
        names = [n for n in blocks if n in d.steps or (n == "extra" and d.more)]
        text = "version: 1\npipeline: churn\n"
        if d.remark:
            text += "# %s\n" % d.remark
        text += "params: {idle: %s, lr: %s}\n" % (d.idle, d.lr) if d.reverse else "params: {lr: %s, idle: %s}\n" % (d.lr, d.idle)
        text += "steps:\n"
        for name in reversed(names) if d.reverse else names:
            lines = blocks[name][::-1] if d.reverse else blocks[name]
            text += "  %s:\n%s" % (name, "".join("    %s\n" % line for line in lines))
        self.write("pawl.yaml", text)

    def start(self):
        return subprocess.Popen([PAWL, "--json", "run"], cwd=self.root / (self.cwd or ""), env=dict(self.env, **self.shown), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)

    def call(self, fails=False):
        process = self.start()
        out, err = process.communicate(timeout=120)
        if process.returncode != (1 if fails else 0):
            raise AssertionError("pawl run: exit %d\n%s\n%s" % (process.returncode, out[-3000:], err[-3000:]))
        return json.loads(out)

    def end(self, process, number):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.communicate()

    def cache_folder(self):
        return self.top / "cache"

    def damage_blobs(self):
        for blob in (self.top / "cache/blobs/blobs/sha256").rglob("*"):
            if blob.is_file():
                blob.chmod(0o644)
                blob.write_bytes(blob.read_bytes()[:-1] + b"?")

    def damage_records(self):
        for file in (self.top / "cache/records").glob("*"):
            if file.is_file():
                file.write_bytes(b"\x5a" * file.stat().st_size)

    @staticmethod
    def python_minor():
        return int(subprocess.run(["python3", "-c", "import sys; print(sys.version_info[1])"], env={"PATH": path()}, stdout=subprocess.PIPE, check=True).stdout)


class Form(unittest.TestCase):
    form = None

    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="pawl stale "))
        cls.addClassCleanup(lambda: shutil.rmtree(cls.top, ignore_errors=True))
        cls.place = Pawl(cls.top)
        cls.place.fill(cls.form)
        cls.place.call()
        cls.place.executed()
        cls.place.save()
        cls.first = cls.place.outputs()

    def check(self, row):
        place = self.place
        self.addCleanup(self.back)
        row.edit(place)
        answer = place.call()
        said = {step["name"]: WORD.get(step["state"], step["state"]) for step in answer["steps"]}
        ran = place.executed()
        text = "%s: %s\nexpected %s\nsaid     %s\nran      %s\n%s" % (self.form.name, row.name, row.expected, said, ran, "\n".join(
            "%s: %s" % (s["name"], (s["reason"] or {}).get("text")) for s in answer["steps"] if s["state"] == "made"))
        self.assertEqual(said.keys(), row.expected.keys(), text)
        for step, states in row.expected.items():
            self.assertIn(said[step], states.split("|"), text)
        self.assertEqual(ran, sorted(s for s in said if said[s] == "rerun"), text)
        outputs, truth = place.outputs(), place.truth()
        for left in set(self.first) & set(outputs) - set(truth):  # of a step that is gone, or has another path
            del outputs[left]
        self.assertEqual(outputs, truth, text)

    def back(self):
        """Everything as it was: nothing runs, and the outputs are those of the beginning."""
        place = self.place
        if hasattr(place, "first"):
            place.root = place.first
            del place.first
        place.undo()
        place.call()
        if self.form.name != "the cache":
            self.assertEqual(place.executed(), [], "back from the edit")
        place.executed()
        outputs = place.outputs()
        for name in set(outputs) - set(self.first):  # of steps that were in the pipeline for a while
            (place.root / "out" / name).unlink()
            del outputs[name]
        self.assertEqual(outputs, self.first, "back from the edit")


def word(text):
    return "".join(c if c.isalnum() else "_" for c in text)


for form in rows_files.FORMS + rows_code.FORMS + rows_traps.FORMS + rows_reads.FORMS:
    tests = {"test_%03d_%s" % (n, word(row.name)): (lambda self, row=row: self.check(row)) for n, row in enumerate(form.rows)}
    name = "Stale_" + word(form.name)
    assert name not in globals(), name
    globals()[name] = type(name, (Form,), dict(tests, form=form, __module__=__name__))
del Form
