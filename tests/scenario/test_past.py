# SPDX-License-Identifier: Apache-2.0
"""A pipeline file that is broken, unreadable or gone: history, logs and artifacts stay at hand; and what is said about files that cannot be read."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402
from projects import chain  # noqa: E402


class WithoutThePipelineFile(PawlTest):
    """Each way to lose the file, and each verb that does not need it."""

    def setUp(self):
        super().setUp()
        chain(self)
        self.edit("pawl.yaml", "echo sum >>", "echo the sum; echo sum >>")
        self.pawl("run", "-p", "factor=3")
        self.pawl("run")

    def ways(self):
        path = self.root / "pawl.yaml"
        text = path.read_text()
        for name, lose in (("broken", lambda: path.write_text(text + "steps: 3\n")), ("no UTF-8", lambda: path.write_bytes(b"\xff")),
                           ("gone", path.unlink), ("a folder", lambda: (path.unlink(), path.mkdir()))):
            lose()
            with self.subTest(name):
                yield name
            if path.is_dir():
                path.rmdir()
            path.write_text(text)

    def test_log(self):
        for _ in self.ways():
            self.assertEqual(self.pawl("log", "sum").out, "the sum\n")
            self.assertIn("did you mean 'sum'", self.pawl("log", "sun", status=2).err)

    def test_runs_and_diff(self):
        for _ in self.ways():
            self.assertEqual(len(self.pawl("--json", "runs").json["runs"]), 2)
            self.assertIn("factor: 3 -> 2", self.pawl("diff", "last~1", "last").out)

    def test_artifacts(self):
        whole = {a["name"]: a["digest"] for a in self.pawl("--json", "artifact", "list").json["artifacts"]}
        for _ in self.ways():
            self.assertEqual({a["name"]: a["digest"] for a in self.pawl("--json", "artifact", "list").json["artifacts"]}, whole)
            self.assertEqual(self.pawl("artifact", "get", "sum.total").out, "12\n")
            nodes = [row["node"] for row in self.pawl("--json", "artifact", "lineage", "sum.total").json["lineage"]]
            self.assertEqual([n for n in nodes if n.startswith("step:")], ["step:numbers", "step:doubled", "step:sum"])
            self.assertIn("file:data/raw.txt", nodes)
            self.assertIn("no run here", self.pawl("artifact", "get", "nosuch.o", status=2).err)

    def test_it_says_so(self):
        for name in self.ways():
            said = self.pawl("runs").err
            self.assertIn("what earlier runs have recorded", said)
            self.assertIn("gone" if name == "gone" else "pawl.yaml", said)

    def test_verbs_that_need_it_fail(self):
        for _ in self.ways():
            for verb in ("run", "plan", "compile", "graph"):
                self.pawl(verb, status=2)
            self.pawl("why", "sum", status=2)

    def test_from_a_folder_below(self):
        (self.root / "pawl.yaml").unlink()
        (self.root / "deep" / "er").mkdir(parents=True)
        self.assertEqual(self.pawl("log", "sum", cwd=self.root / "deep" / "er").out, "the sum\n")

    def test_a_stranger_has_no_past(self):
        other = self.top / "other"
        other.mkdir()
        self.write("pawl.yaml", "steps: [\n", root=other)
        self.assertIn("pawl.yaml:", self.pawl("runs", cwd=other, status=2).err)

    def test_a_step_that_the_file_no_longer_has(self):
        self.edit("pawl.yaml", "  sum:", "  total:")
        self.assertEqual(self.pawl("log", "sum").out, "the sum\n")
        self.pawl("log", "sun", status=2)


class Unreadable(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)

    def mistakes(self, *args):
        outcome = self.pawl("--json", *args, status=2)
        return [(m["file"], m["line"], m["column"], m["code"]) for m in outcome.json["errors"]], outcome.err

    def test_pipeline_file(self):
        path = self.root / "pawl.yaml"
        path.unlink()
        for make, word in ((lambda: path.mkdir(), "a folder"), (lambda: (path.rmdir(), path.symlink_to("nowhere")), "link to nothing"),
                           (lambda: (path.unlink(), os.mkfifo(path)), "no file")):
            make()
            found, said = self.mistakes("run")
            self.assertEqual(found, [("pawl.yaml", None, None, "unreadable-file")])
            self.assertIn(word, said)

    def test_not_utf8(self):
        (self.root / "pawl.yaml").write_bytes(b"version: 1\npipeline: \xff\n")
        self.assertEqual(self.mistakes("run")[0], [("pawl.yaml", 2, 11, "encoding")])

    def test_lock(self):
        path = self.root / "pawl.lock"
        path.mkdir()
        self.assertEqual(self.mistakes("run")[0], [("pawl.lock", None, None, "lock")])
        path.rmdir()
        path.write_bytes(b"\xff")
        found, said = self.mistakes("run")
        self.assertEqual([f[0] for f in found], ["pawl.lock"])
        self.assertIn("not UTF-8", said)

    def test_includes_say_relative_to_what(self):
        self.edit("pawl.yaml", "pipeline: chain\n", "pipeline: chain\ninclude: [conf/more.yaml]\n")
        found, said = self.mistakes("run")
        self.assertEqual(found, [("pawl.yaml", 3, 11, "missing-file")])
        self.assertIn("relative to the project root", said)
        self.write("conf/more.yaml", "include: [rest.yaml]\n")
        self.write("conf/rest.yaml", "params: {x: 1}\n")
        found, said = self.mistakes("run")
        self.assertEqual(found, [("conf/more.yaml", 1, 11, "missing-file")])
        self.assertIn("write 'conf/rest.yaml'", said)

    def test_requirements_that_are_a_folder(self):
        self.write("reqs/base.txt", "numpy\n")
        self.edit("pawl.yaml", "steps:", "environments:\n  e: {parent: scratch, python: {requirements: [reqs]}}\nsteps:")
        found, said = self.mistakes("run")
        self.assertEqual(found, [("pawl.yaml", 5, 48, "missing-file")])
        self.assertIn("^~~~ name a file in it", said)

    def test_no_python(self):
        self.edit("pawl.yaml", "steps:\n", "environments:\n  e: {parent: debian:12, python: {requirements: [numpy]}}\nsteps:\n  py: {run: 'true', environment: e}\n")
        tools = self.top / "bin"
        tools.mkdir()
        for name in ("sh", "awk", "grep", "sort"):
            (tools / name).symlink_to("/bin/" + name)
        outcome = self.pawl("--json", "plan", env={"PATH": str(tools)}, status=3)
        self.assertEqual([(m["file"], m["line"], m["code"]) for m in outcome.json["errors"]], [("pawl.yaml", 7, "unusable")])
        self.assertIn("python3", outcome.err)
        self.assertIn("   |   ^", outcome.err)

    def test_parameter_that_is_no_yaml(self):
        said = self.pawl("run", "-p", "factor=[1", status=2).err
        self.assertIn("-p factor=[1: the value is not YAML", said)
        self.assertNotIn("line", said)

    def test_a_variable_that_is_not_set(self):
        self.edit("pawl.yaml", "  aside:\n", "  aside:\n    pass_env: [NOT_SET_AT_ALL]\n")
        self.assertIn("NOT_SET_AT_ALL, which is not set here", self.pawl("run", "aside").err)
        self.assertNotIn("NOT_SET_AT_ALL", self.pawl("run", "--force", env={"NOT_SET_AT_ALL": ""}).err)


class UsersConfiguration(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)
        self.config = self.top / "config"
        self.env["XDG_CONFIG_HOME"] = str(self.config)

    def stacks(self, *args):
        return {s["name"]: (s["chosen"], s["registry"]) for s in self.pawl("--json", *args, "stack", "list").json["stacks"]}

    def test_its_stacks_are_there_by_their_names(self):
        self.pawl("run")
        self.assertEqual(self.stacks(), {"local": (True, None)})
        compiled = self.pawl("compile").out
        self.write("pawl/config.yaml", "stacks: {mine: {registry: registry.example.com/me}, local: {registry: nowhere}}\n", root=self.config)
        self.assertEqual(self.stacks(), {"local": (True, None), "mine": (False, "registry.example.com/me")})
        self.assertTrue(self.stacks("--stack", "mine")["mine"][0])
        self.assertEqual(self.pawl("compile").out, compiled, "it is no part of the pipeline")
        self.ran()
        self.expect()
        self.assertIn("up to date", self.pawl("--stack", "mine", "run").out)

    def test_the_pipelines_own_come_first(self):
        self.write("pawl/config.yaml", "stacks: {mine: {registry: a.example.com/x}}\n", root=self.config)
        self.edit("pawl.yaml", "steps:", "stacks: {mine: {registry: b.example.com/x}}\nsteps:")
        self.assertEqual(self.stacks()["mine"], (True, "b.example.com/x"))

    def test_mistakes_have_their_place(self):
        path = self.write("pawl/config.yaml", "stacks: {mine: {regisry: x}}\n", root=self.config)
        outcome = self.pawl("--json", "plan", status=2)
        self.assertEqual([(m["file"], m["line"], m["column"], m["code"]) for m in outcome.json["errors"]], [(str(path), 1, 17, "unknown-key")])
        self.assertIn("did you mean 'registry'?", outcome.err)

    def test_a_change_of_it_is_seen(self):
        self.write("pawl/config.yaml", "stacks: {mine: {}}\n", root=self.config)
        self.pawl("--stack", "mine", "run")
        self.write("pawl/config.yaml", "stacks: {other: {}}\n", root=self.config)
        self.assertIn("there is no stack 'mine'", self.pawl("--stack", "mine", "run", status=2).err)


class Columns(PawlTest):
    def starts(self, text, words):
        return {line.index(word) for line in text.splitlines() for word in words if word in line and not line.startswith("plan:")}

    def test_are_aligned(self):
        chain(self)
        self.assertEqual(len(self.starts(self.pawl("plan", "-v").out, ["will run", "may run"])), 1)
        self.pawl("run")
        self.assertEqual(len(self.starts(self.pawl("plan", "-v").out, ["up to date"])), 1)
        self.assertEqual(len(self.starts(self.pawl("artifact", "list").out, ["sha256:"])), 1)
        self.assertEqual(len(self.starts(self.pawl("artifact", "lineage", "sum.total").out, ["sha256:"])), 1)
