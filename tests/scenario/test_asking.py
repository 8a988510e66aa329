# SPDX-License-Identifier: Apache-2.0
"""Verbs that ask: plan, why, compile, graph, runs, log, diff, artifact, cache, stack, version, doctor, init; and usage mistakes."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PAWL, PawlTest, need_program  # noqa: E402
from projects import chain  # noqa: E402


class Plans(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)

    def plan(self, *args):
        return {s["name"]: (s["state"], (s["reason"] or {}).get("code")) for s in self.pawl("--json", "plan", *args).json["steps"]}

    def test_new(self):
        self.assertEqual(set(self.plan().values()), {("run", "new")})
        self.assertEqual(self.ran(), [])

    def test_hit(self):
        self.pawl("run")
        self.assertEqual(set(self.plan().values()), {("hit", None)})

    def test_maybe(self):
        self.pawl("run")
        self.write("data/raw.txt", "4\n")
        self.assertEqual(self.plan(), {"numbers": ("run", "input"), "doubled": ("maybe", "upstream"),
                                       "sum": ("maybe", "upstream"), "aside": ("hit", None)})

    def test_own_change_below_a_change(self):
        self.pawl("run")
        self.write("data/raw.txt", "4\n")
        self.assertEqual(self.plan("-p", "factor=3")["doubled"], ("run", "params"))

    def test_summary_and_exit_code(self):
        self.pawl("plan", "--exit-code", status=1)
        self.pawl("run")
        self.pawl("plan", "--exit-code")
        self.write("data/raw.txt", "4\n")
        answer = self.pawl("--json", "plan", "--exit-code", status=1).json
        self.assertEqual(answer["summary"]["steps"], {"hit": 1, "run": 1, "maybe": 2, "skip": 0})

    def test_no_side_effects(self):
        self.pawl("run")
        self.write("data/raw.txt", "4\n")
        before = self.snapshot()
        for verb in (["plan"], ["run", "-n"], ["why", "sum"], ["graph"], ["compile"]):
            self.pawl(*verb)
        self.assertEqual(self.snapshot(), before)
        self.ran()

    def test_same_plan_twice(self):
        self.pawl("run")
        self.write("data/raw.txt", "4\n")
        self.assertEqual(self.pawl("--json", "plan").out, self.pawl("--json", "plan").out)

    def test_of_one_step(self):
        self.assertEqual(set(self.plan("doubled")), {"numbers", "doubled"})

    def test_unknown_step(self):
        self.assertIn("did you mean 'doubled'", self.pawl("plan", "doubeld", status=2).err)

    def test_why_of_an_input(self):
        self.pawl("run")
        self.write("data/raw.txt", "4\n")
        self.assertIn("data/raw.txt", self.pawl("why", "numbers").out)
        self.assertIn("numbers", self.pawl("why", "sum").out)

    def test_why_of_a_parameter_shows_both_values(self):
        self.pawl("run")
        out = self.pawl("why", "doubled", "-p", "factor=33").out
        self.assertIn("factor", out)
        self.assertIn("33", out)
        self.assertIn("2", out)

    def test_why_against_a_run(self):
        self.pawl("run")
        self.pawl("run", "-p", "factor=3")
        answer = self.pawl("--json", "why", "doubled", "--against", "last~1", "-p", "factor=3").json
        self.assertEqual([c["name"] for c in answer["changes"]], ["factor"])

    def test_why_of_what_is_up_to_date(self):
        self.pawl("run")
        self.assertIn("up to date", self.pawl("why", "sum").out)


class Compiles(PawlTest):
    def test_the_same_everywhere(self):
        chain(self)
        first = self.pawl("compile").out
        json.loads(first)
        self.edit("pawl.yaml", "params: {factor: 2, idle: 1}", "params: {idle: 1,   factor: 2} # remark")
        self.assertEqual(self.pawl("compile").out, first)
        shutil.copytree(self.root, self.top / "copy")
        self.assertEqual(self.pawl("compile", cwd=self.top / "copy").out, first)
        self.assertNotIn(str(self.top), first.replace(str(self.ran_file), ""))

    def test_digest(self):
        chain(self)
        digest = self.pawl("compile", "--digest").out
        self.assertTrue(digest.startswith("sha256:"))
        self.edit("pawl.yaml", "echo aside > $", "echo other > $")
        self.assertNotEqual(self.pawl("compile", "--digest").out, digest)


class Graphs(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)

    def test_json(self):
        graph = json.loads(self.pawl("graph", "--format", "json").out)
        ids = {n["id"] for n in graph["nodes"]}
        self.assertLessEqual({"step:numbers", "step:sum", "file:data/raw.txt"}, ids)
        edges = {(e["from"], e["to"]) for e in graph["edges"]}
        self.assertIn(("step:numbers", "step:doubled"), edges)
        self.assertIn(("file:data/raw.txt", "step:numbers"), edges)

    def test_other_formats(self):
        self.assertIn("digraph", self.pawl("graph", "--format", "dot").out)
        self.assertIn("flowchart", self.pawl("graph", "--format", "mermaid").out)
        self.assertIn("step:sum", self.pawl("graph").out)
        self.pawl("graph", "--format", "svg", status=2)


class History(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)
        self.pawl("run")

    def test_runs(self):
        self.pawl("run", "-p", "factor=3")
        self.assertEqual(len(self.pawl("runs").out.strip().splitlines()), 2)
        runs = self.pawl("--json", "runs").json["runs"]
        self.assertEqual(runs[0]["params"]["factor"], 3)

    @need_program("git")
    def test_runs_know_their_commit(self):
        for args in (["init", "-q", "-b", "topic"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
            subprocess.run(["git", *args], cwd=self.root, check=True)
        self.pawl("run", "-p", "factor=3")
        run = self.pawl("--json", "runs").json["runs"][0]
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()
        self.assertEqual(run["git"], {"commit": head, "branch": "topic"})
        self.assertIn(head[:10], self.pawl("runs").out)

    def test_a_no_op_is_no_run(self):
        self.pawl("run")
        self.assertEqual(len(self.pawl("--json", "runs").json["runs"]), 1)

    def test_diff(self):
        self.pawl("run", "-p", "factor=3")
        out = self.pawl("diff", "last~1", "last").out
        self.assertIn("factor", out)
        self.assertIn("sum", out)
        self.assertNotIn("aside", [d["step"] for d in self.pawl("--json", "diff", "last~1", "last").json["differences"] if d["what"] == "key"])
        self.pawl("diff", "last", "nosuch", status=2)

    def test_log_of_a_cached_step(self):
        self.edit("pawl.yaml", "echo aside > $", "echo spoken; echo aside > $")
        self.pawl("run")
        self.pawl("run")
        self.assertEqual(self.pawl("log", "aside").out, "spoken\n")

    def test_log_of_a_silent_and_of_an_unknown_step(self):
        self.assertEqual(self.pawl("log", "sum").out, "")
        self.pawl("log", "nosuch", status=2)

    def test_artifacts(self):
        self.assertIn("sum.total", self.pawl("artifact", "list").out)
        self.assertEqual(self.pawl("artifact", "get", "sum.total").out, "12\n")
        self.pawl("artifact", "get", "sum.total", "-o", "copy.txt")
        self.assertEqual(self.read("copy.txt"), "12\n")
        self.assertIn("step:numbers", self.pawl("artifact", "lineage", "sum.total").out)
        self.pawl("artifact", "get", "sum.nosuch", status=2)
        self.pawl("artifact", "get", "sha256:" + "0" * 64, status=3)


class Caches(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)
        self.pawl("run")
        self.ran()

    def blobs(self):
        return [f for f in (self.cache / "blobs").rglob("sha256/*") if f.is_file()]

    def damage(self):
        for blob in self.blobs():
            blob.chmod(0o644)
            data = bytearray(blob.read_bytes())
            if data:
                data[len(data) // 2] ^= 0x10
                blob.write_bytes(data)

    def test_layout(self):
        self.assertTrue((self.cache / "blobs/oci-layout").exists())
        self.assertTrue(self.blobs())

    def test_stats(self):
        answer = self.pawl("--json", "cache", "stats").json
        self.assertGreater(answer["blobs"], 3)
        self.assertIn("results", self.pawl("cache").out)

    def test_damaged_blobs_are_a_miss(self):
        self.damage()
        shutil.rmtree(self.root / "out")
        self.expect("numbers", "doubled", "sum", "aside")
        self.assertEqual(self.read("out/sum.txt"), "12\n")

    def test_verify_and_repair(self):
        self.pawl("cache", "verify")
        self.damage()
        self.pawl("cache", "verify", status=1)
        self.pawl("cache", "verify", "--repair")
        self.pawl("cache", "verify")
        self.pawl("run")
        self.assertEqual(self.read("out/sum.txt"), "12\n")

    def test_removed_blobs(self):
        for blob in self.blobs():
            blob.chmod(0o644)
            blob.unlink()
        shutil.rmtree(self.root / "out")
        plan = self.pawl("--json", "plan").json["steps"]
        self.assertEqual({s["reason"]["code"] for s in plan if s["reason"]} - {"upstream"}, {"evicted"})
        self.pawl("run")
        self.assertEqual(self.read("out/sum.txt"), "12\n")

    def test_lost_records(self):
        shutil.rmtree(self.cache / "records")
        self.expect("numbers", "doubled", "sum", "aside")

    def test_truncated_records(self):
        path = self.cache / "records/data.mdb"
        with open(path, "r+b") as f:
            f.truncate(path.stat().st_size // 2)
        self.pawl("run")
        self.assertEqual(self.read("out/sum.txt"), "12\n")

    def test_garbage_records(self):
        (self.cache / "records/data.mdb").write_bytes(b"this is no database" * 1000)
        self.pawl("run")
        self.assertEqual(self.read("out/sum.txt"), "12\n")

    def test_gc_keeps_what_is_current(self):
        self.pawl("cache", "gc")
        shutil.rmtree(self.root / "out")
        self.expect()

    def test_gc_keeps_what_a_person_wrote(self):
        self.write("out/sum.txt", "precious\n")
        text = self.pawl("run").err
        digest = [w for w in text.replace("'", " ").split() if w.startswith("sha256:")][0]
        self.pawl("cache", "gc", "--max-size", "1B", "--max-age", "1ms")
        self.assertEqual(self.pawl("artifact", "get", digest).out, "precious\n")

    def test_gc_keeps_the_newest_runs_and_they_stay_whole(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: many
            params: {n: 0}
            steps:
              once: {run: "echo once"}
              each: {run: "echo ${params.n}", params: [n]}
            """)
        for n in range(8):
            self.pawl("run", "-q", "-p", "n=%d" % n)
        runs = [r["run"] for r in self.pawl("--json", "runs").json["runs"]]
        self.assertEqual(len(runs), 8)
        said = self.pawl("--json", "cache", "gc", "--dry-run", "--keep-runs", "3").json
        self.assertEqual(said["records_removed"], 5)
        self.assertEqual(len(self.pawl("--json", "runs").json["runs"]), 8)
        self.assertIn("5 old records", self.pawl("cache", "gc", "--keep-runs", "3").out)
        self.assertEqual([r["run"] for r in self.pawl("--json", "runs").json["runs"]], runs[:3])
        differences = self.pawl("--json", "diff", "last~2", "last").json["differences"]
        self.assertEqual({(d["step"], d["what"]) for d in differences}, {("", "param n"), ("each", "key"), ("each", "param n"), ("each", "seconds")})
        self.assertEqual(self.pawl("--json", "cache", "gc").json["records_removed"], 0)
        self.pawl("cache", "gc", "--keep-runs", "0", status=2)

    def test_gc_dry_run(self):
        before = sorted(f.name for f in self.blobs())
        self.pawl("cache", "gc", "--dry-run", "--max-size", "1B", "--max-age", "0s")
        self.assertEqual(sorted(f.name for f in self.blobs()), before)

    def test_read_only_cache(self):
        other = self.top / "no folder"
        other.write_text("a file where the cache should be\n")
        outcome = self.pawl("run", env={"PAWL_CACHE": str(other / "below")}, status=None)
        self.assertIn(outcome.status, (0, 3), outcome)
        self.assertTrue(outcome.err)


class Images(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: picture
            environments:
              base: {parent: scratch, include: [app], env: {MODE: fast}}
            steps: {}
            """)
        self.write("app/a.txt", "a\n")

    def image(self, *args):
        return self.pawl("--json", *args).json["images"][0]

    def test_dry_run_of_build(self):
        self.assertEqual(self.image("build", "-n")["state"], "build")
        self.assertEqual(self.image("build")["state"], "made")
        self.assertEqual(self.image("build", "-n")["state"], "hit")

    def test_an_image_that_nobody_needs_is_unused(self):
        self.assertEqual(self.image("plan")["state"], "unused")

    def test_why_of_an_image(self):
        self.pawl("build")
        self.edit("pawl.yaml", "fast", "slow")
        out = self.pawl("why", "base").out
        self.assertIn("will be built", out)
        self.assertIn("slow", out)
        self.pawl("build")
        self.write("app/a.txt", "b\n")
        self.assertIn("app/a.txt", self.pawl("why", "base").out)

    def test_force(self):
        self.pawl("build")
        self.assertEqual(self.image("build", "--force=base")["state"], "made")

    def test_unknown_environment(self):
        self.assertIn("did you mean 'base'", self.pawl("build", "bsae", status=2).err)


class Small(PawlTest):
    def test_version(self):
        answer = self.pawl("--json", "version").json
        self.assertEqual(answer["schema"], 1)
        self.assertIn("lmdb", answer["libraries"])
        self.assertIn("step", answer["schemas"])
        self.assertTrue(self.pawl("version").out.startswith("pawl "))

    def test_stack(self):
        chain(self)
        self.assertIn("local", self.pawl("stack", "list").out)
        self.pawl("--stack", "nosuch", "stack", "show", status=2)

    def test_doctor(self):
        self.assertIn("python3", self.pawl("doctor", status=None).out)

    def test_init(self):
        self.write("train.py", "print('hello')\n")
        self.write("requirements.txt", "six\n")
        self.pawl("init")
        self.assertIn("train", self.pawl("compile").out)
        text = self.read("pawl.yaml")
        self.pawl("init", status=2)
        self.assertEqual(self.read("pawl.yaml"), text)

    def test_init_in_an_empty_folder(self):
        self.pawl("init")
        self.pawl("run")

    def test_nothing_here(self):
        self.assertIn("pawl init", self.pawl("run", status=2).err)

    def test_usage_mistakes(self):
        chain(self)
        for args, word in ((["frobnicate"], "frobnicate"), (["rnu"], "did you mean 'run'"), (["run", "--forse"], "--force"),
                           (["run", "-p", "factor"], "NAME=VALUE"), (["run", "-p", "facter=1"], "factor"), (["run", "-j", "x"], "-j"),
                           (["plan", "--push"], "--push"), (["run", "--timeout", "soon"], "soon"), (["why"], "why STEP"),
                           (["-C", "/no/such/folder", "run"], "/no/such/folder"), (["-f", "other.yaml", "run"], "other.yaml")):
            outcome = self.pawl(*args, status=2)
            self.assertIn(word, outcome.err, args)

    def test_json_errors(self):
        chain(self)
        answer = self.pawl("--json", "run", "nosuch", status=2).json
        self.assertIn("nosuch", answer["errors"][0]["message"])

    def test_help(self):
        self.assertIn("usage", self.pawl("--help").out)
        self.assertIn("--keep-going", self.pawl("run", "--help").out)
        self.pawl(status=2)

    def test_mistakes_of_the_file(self):
        self.write("pawl.yaml", "version: 1\npipeline: x\nsteps:\n  a: {rnu: echo}\n  b: {run: echo, inputs: {i: c.o}}\n  d: {run: 5, timeout: x}\n")
        outcome = self.pawl("--json", "plan", status=2)
        self.assertGreaterEqual(len(outcome.json["errors"]), 4)
        self.assertIn("pawl.yaml:4:7: error:", outcome.err)
        self.assertIn("^", outcome.err)

    def test_a_pipeline_without_steps(self):
        self.write("pawl.yaml", "version: 1\npipeline: x\nsteps: {}\n")
        self.pawl("run")
        self.assertEqual(self.pawl("--json", "plan").json["steps"], [])


class Places(PawlTest):
    """A mistake has the place in the file that it is in, for people and for programs."""

    def setUp(self):
        super().setUp()
        chain(self)

    def mistake(self, *args, **more):
        errors = self.pawl("--json", *args, status=2, **more).json["errors"]
        self.assertEqual(len(errors), 1, errors)
        return errors[0]

    def test_conflict_in_the_lock(self):
        self.write("pawl.lock", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n")
        error = self.mistake("run")
        self.assertEqual((error["file"], error["line"], error["column"], error["code"]), ("pawl.lock", 1, 1, "lock"))
        self.assertIn("pawl lock", error["hint"])
        self.assertIn("pawl.lock:1:1: error: ", self.pawl("run", status=2).err)

    def test_lock_of_another_version(self):
        self.write("pawl.lock", '{"version": 7}\n')
        error = self.mistake("run")
        self.assertEqual((error["file"], error["line"]), ("pawl.lock", None))

    def test_params_file_relative_to_the_root(self):
        self.write("p.yaml", "factr: 3\n")
        self.assertEqual(self.mistake("plan", "--params", "p.yaml")["file"], "p.yaml")

    def test_parameter_on_the_command_line(self):
        self.assertTrue(self.pawl("plan", "-p", "factr=1", status=2).err.startswith("error: -p factr=1: "))

    def test_condition_with_a_bare_parameter(self):
        self.edit("pawl.yaml", "steps:", "steps:\n  never: {run: 'true', when: params.factor}")
        self.assertIn("write '${params.factor}'", self.mistake("plan")["message"])

    def test_parent_without_python(self):
        self.edit("pawl.yaml", "steps:", "environments:\n  base: {parent: scratch, python: {requirements: [six]}}\nsteps:")
        error = self.mistake("plan")
        self.assertEqual((error["file"], error["code"]), ("pawl.yaml", "no-python"))

    def test_closed_descriptor_for_events(self):
        self.pawl("run")
        for number in range(3, 14):
            outcome = self.pawl("--events", "fd:%d" % number, "run", "--force", status=2)
            self.assertIn("no such open descriptor", outcome.err)
        self.pawl("cache", "verify")

    def test_failed_lock_is_not_up_to_date(self):
        self.edit("pawl.yaml", "steps:", "environments:\n  base: {parent: 'localhost:1/nothing:1'}\nsteps:")
        outcome = self.pawl("lock", status=3)
        self.assertNotIn("up to date", outcome.out)


class Terminals(PawlTest):
    def test_log_does_not_steer_the_terminal(self):
        self.write("pawl.yaml", r"""
            version: 1
            pipeline: t
            steps:
              noisy: {run: 'printf "\033[2J\033]0;evil\007red\n10%%\r100%%\n"'}
            """)
        self.pawl("run")
        self.assertIn("\033[2J", self.pawl("log", "noisy").out)
        master, slave = os.openpty()
        process = subprocess.Popen([PAWL, "log", "noisy"], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=slave)
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(os.read(master, 1000), b"red\r\n100%\r\n")
        os.close(slave)
        os.close(master)

    def test_the_live_line_fits_a_narrow_terminal(self):
        import fcntl
        import re
        import struct
        import termios
        self.write("pawl.yaml", "version: 1\npipeline: t\nsteps: {slow: {run: 'sleep 0.3'}}\n")
        for columns in (12, 30, 200):
            master, slave = os.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            env = dict(self.env, TERM="xterm")
            process = subprocess.Popen([PAWL, "run", "--force"], cwd=self.root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave)
            self.assertEqual(process.wait(60), 0)
            os.close(slave)
            text = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:
                    break
                if not piece:
                    break
                text += piece
            os.close(master)
            lines = [len(x) for x in re.findall(r"\r\x1b\[K( *Working[^\r\n]*)", text.decode())]
            self.assertEqual(bool(lines), columns > 21, text)
            self.assertTrue(all(n < columns for n in lines), text)
