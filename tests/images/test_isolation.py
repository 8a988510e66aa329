# SPDX-License-Identifier: Apache-2.0
"""Steps with `isolation: image`, seen from outside: as who calls, and once more as somebody without privileges."""
import io
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from test_parent import tar_of, write_layout  # noqa: E402

BUSYBOX = shutil.which("busybox")
TOOLS = ["sh", "cat", "cp", "echo", "env", "id", "kill", "ls", "mkdir", "mv", "pwd", "rm", "sleep", "stat", "test", "touch"]
NOBODY = 65534


def static():
    """Does busybox stand alone? It is all that is in the image."""
    return BUSYBOX is not None and b"ld-linux" not in pathlib.Path(BUSYBOX).read_bytes()[:4096]


def entry(name, kind, mode=0o755, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, mode, target
    return name, info


def busybox_layer():
    out = io.BytesIO()
    data = pathlib.Path(BUSYBOX).read_bytes()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("open", 0o777)):
            tar.addfile(entry(name, tarfile.DIRTYPE, mode)[1])
        info = entry("bin/busybox", tarfile.REGTYPE)[1]
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
        for name in TOOLS:
            tar.addfile(entry("bin/" + name, tarfile.SYMTYPE, 0o777, "busybox")[1])
    return out.getvalue()


@unittest.skipUnless(static(), "no static busybox")
class Isolation(harness.PawlTest):
    """Each test: an environment of two layers, busybox and a file, and the steps that it asks for."""

    folder = "project"

    def setUp(self):
        super().setUp()
        self.mark = "mark-%s" % self.top.name.replace(" ", "-")
        write_layout(self.root / "base", [busybox_layer(), tar_of([("etc/hello", "from the image\n")])], {"Env": ["PATH=/bin"]})
        self.mounts = self.mounted()

    def tearDown(self):
        self.wait_for(lambda: not self.living(), "processes that stay")
        self.assertEqual(self.mounted(), self.mounts)
        scratch = self.cache / "tmp"
        self.assertEqual([p.name for p in scratch.glob("*") if not p.name.startswith("run-")] if scratch.is_dir() else [], [])

    def kill_left(self):
        for pid in self.living():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        super().kill_left()

    def mounted(self):
        return sorted(line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if line.startswith("pawl ") or self.top.name.split()[-1] in line)

    def living(self):
        """Processes that name the test's folder or mark: a process in an image has no working folder that is seen from here."""
        found = []
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (place / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if (self.mark in line or str(self.root) in line) and int(place.name) != os.getpid():
                found.append(int(place.name))
        return found

    def project(self, steps, more=""):
        text = "version: 1\npipeline: box\nenvironments:\n  base:\n    parent: oci:base\n    workdir: /app\n"
        for line in more.splitlines():
            text += "    %s\n" % line
        text += "steps:\n"
        for name, body in steps.items():
            text += "  %s:\n    environment: base\n    isolation: image\n" % name
            for line in body.strip().splitlines():
                text += "    %s\n" % line
        self.write("pawl.yaml", text)

    def shell(self, script, rest=""):
        return "run: [sh, -c, %s]\n%s" % (json.dumps(script), rest)

    def owner(self):
        return os.geteuid(), os.getegid()

    def begun(self):
        """Wait until the step has said so by a file."""
        self.wait_for(lambda: self.exists("begun"), "the step's beginning")

    def steady(self):
        """Content of all unpacked layers."""
        return {str(p): (p.lstat().st_mode, p.lstat().st_size) for p in (self.cache / "roots").rglob("*")}

    # what it sees

    def test_what_it_reads_without_declaring_it_counts(self):
        self.write("conf/a.txt", "1\n")
        self.write("conf/b.txt", "1\n")
        self.project({"a": self.shell("f=conf/a; cat $f.txt > out.txt; cd conf; g=none; test -e $g.txt; cat /etc/hello >> ../out.txt", "outputs: {o: out.txt}")})
        self.pawl("run")
        self.assertIn("up to date", self.pawl("run").out)
        for path, text, runs in (("conf/b.txt", "2\n", False), ("conf/a.txt", "2\n", True), ("conf/none.txt", "x\n", True)):
            self.write(path, text)
            step = self.pawl("--json", "plan").json["steps"][0]
            self.assertEqual((step["state"], (step["reason"] or {}).get("code")), ("run", "observed") if runs else ("hit", None), (path, step))
            self.pawl("run")
        self.assertEqual(self.read("out.txt"), "2\nfrom the image\n")

    def test_the_project_is_its_working_folder_and_outputs_are_the_callers(self):
        self.write("in.txt", "mine\n")
        self.project({"a": self.shell("pwd > out.txt; cat in.txt /etc/hello >> out.txt; mkdir -p d/e; echo x > d/e/f",
                                      "inputs: {i: in.txt}\noutputs: {o: out.txt, d: d/}")})
        self.pawl("run")
        self.assertEqual(self.read("out.txt"), "/app\nmine\nfrom the image\n")
        for path in ("out.txt", "d", "d/e", "d/e/f"):
            found = (self.root / path).stat()
            self.assertEqual((found.st_uid, found.st_gid), self.owner(), path)
        self.assertIn("up to date", self.pawl("run").out)
        (self.root / "out.txt").unlink()
        shutil.rmtree(self.root / "d")
        self.assertEqual(self.run_json().states()["a"], "restored")
        self.assertEqual(self.read("d/e/f"), "x\n")

    def test_variables_of_the_environment(self):
        self.project({"a": self.shell("echo $MODE $OTHER $PATH > out.txt", "env: {OTHER: step}\noutputs: {o: out.txt}")}, "env: {MODE: fast}")
        self.pawl("run", env={"MODE": "of the caller", "STRANGER": "x"})
        self.assertEqual(self.read("out.txt"), "fast step /bin\n")

    def test_a_user_by_number(self):
        self.project({"a": self.shell("id -u > out.txt; id -g >> out.txt; echo $HOME >> out.txt", "outputs: {o: out.txt}")}, 'user: "1000"')
        self.pawl("run")
        self.assertEqual(self.read("out.txt").split()[0], "1000")
        found = (self.root / "out.txt").stat()
        self.assertEqual((found.st_uid, found.st_gid), self.owner())

    def test_a_user_finds_its_own_files_in_the_image(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, kind, mode, uid in (("home", tarfile.DIRTYPE, 0o755, 0), ("home/me", tarfile.DIRTYPE, 0o700, 1000), ("home/me/mine", tarfile.REGTYPE, 0o600, 1000)):
                info = entry(name, kind, mode)[1]
                info.uid = info.gid = uid
                tar.addfile(info, io.BytesIO(b""))
        shutil.rmtree(self.root / "base")
        write_layout(self.root / "base", [busybox_layer(), out.getvalue()], {"Env": ["PATH=/bin"]})
        script = "stat -c %u /home/me/mine . > out.txt; stat -c %u /bin/busybox > root.txt; echo x > /home/me/new; cat /home/me/mine; mkdir d; echo y > d/f; " \
                 "echo z > /tmp/z; touch '${run.dir}/t'"
        self.project({"a": self.shell(script, "outputs: {o: out.txt, r: root.txt, d: d/}")}, 'user: "1000"')
        self.pawl("run")
        self.assertEqual(self.read("out.txt").split()[0], "1000")
        self.assertNotIn("65534", self.read("out.txt"))
        if self.owner()[0] == 0:
            self.assertEqual(self.read("out.txt").split()[1], "1000", "the project is the user's own as well")
            self.assertEqual(self.read("root.txt"), "0\n")
        for path in ("out.txt", "d", "d/f"):
            found = (self.root / path).stat()
            self.assertEqual((found.st_uid, found.st_gid), self.owner(), path)

    def test_a_user_that_is_not_there(self):
        self.project({"a": self.shell("echo x > out.txt", "outputs: {o: out.txt}")}, "user: nosuch")
        self.assertIn("the image has no user 'nosuch'", self.pawl("run", status=None).err)

    def test_nothing_outside_changes(self):
        secret = self.top / "outside.txt"
        secret.write_text("as it was")
        self.project({"a": self.shell("echo no > /etc/hello; rm -f /bin/ls; echo x > /open/x; mkdir -p '%s' && echo bad > '%s'; echo x > out.txt"
                                      % (self.top, secret), "outputs: {o: out.txt}"),
                      "b": self.shell("cat /etc/hello > b.txt; ls /open >> b.txt; test ! -e /open/x", "after: [a]\noutputs: {o: b.txt}")})
        self.pawl("build", "base")
        self.pawl("run")
        before = self.steady()
        self.assertEqual(self.read("b.txt"), "from the image\n")
        self.assertEqual(secret.read_text(), "as it was")
        self.pawl("run", "--force")
        self.assertEqual(self.steady(), before)
        self.assertFalse(os.path.lexists("/open"))

    def test_two_steps_at_once_have_nothing_in_common(self):
        script = ("echo %s > /open/mine; echo %s > /tmp/mine; touch met.%s; i=0; while test ! -e met.%s -a $i -lt 1000; do sleep 0.01; i=$((i+1)); done; "
                  "test -e met.%s && cat /open/mine /tmp/mine > %s.txt")
        rows = {me: self.shell(script % (me, me, me, other, other, me), "outputs: {o: %s.txt}" % me) for me, other in (("a", "b"), ("b", "a"))}
        self.project(rows)
        self.pawl("run", "-j", "2")
        self.assertEqual((self.read("a.txt"), self.read("b.txt")), ("a\na\n", "b\nb\n"))

    # how it ends

    def test_exit_statuses(self):
        for script, expected in (("exit 7", "exit status 7"), ("kill -9 $$", "exit status 137"), ("nosuchthing", "exit status 127")):
            self.project({"a": self.shell(script, "outputs: {o: out.txt}")})
            self.assertIn(expected, self.pawl("run", status=1).err, script)
        self.project({"a": "run: [nosuchthing]\noutputs: {o: out.txt}"})
        failed = self.pawl("run", status=1)
        self.assertIn("'nosuchthing' cannot be started in the image", failed.err + failed.out)

    def test_a_process_left_behind_ends_with_the_step(self):
        self.project({"a": self.shell("sh -c 'sleep 1000; echo %s' & echo x > out.txt" % self.mark, "outputs: {o: out.txt}")})
        self.pawl("run", timeout=60)
        self.assertEqual(self.read("out.txt"), "x\n")

    def waiting(self, rest=""):
        self.project({"a": self.shell("echo half > out.txt; touch begun; sh -c 'sleep 1000; echo %s'; echo" % self.mark, "outputs: {o: out.txt}\n" + rest)})

    def test_a_timeout(self):
        self.waiting("timeout: 1s")
        self.assertIn("timeout of 1s", self.pawl("run", status=1, timeout=60).err)
        self.assertFalse(self.exists("out.txt"))

    def test_interrupt(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            self.waiting()
            process = self.start("run")
            self.begun()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, status, out + err)
            self.wait_for(lambda: not self.living(), "processes that stay after signal %d" % number)
            self.assertFalse(self.exists("out.txt"))
            (self.root / "begun").unlink()

    def test_killed(self):
        self.waiting()
        process = self.start("run")
        self.begun()
        process.kill()
        process.communicate(timeout=60)
        self.wait_for(lambda: not self.living(), "processes that stay")
        self.project({"a": self.shell("echo whole > out.txt", "outputs: {o: out.txt}")})
        self.pawl("run")
        self.assertEqual(self.read("out.txt"), "whole\n")
        self.assertEqual(list((self.cache / "tmp").glob("run-*")), [])

    def test_secrets_are_masked(self):
        self.project({"a": self.shell("echo before $TOKEN after; test -n \"$TOKEN\" && echo x > out.txt",
                                      "secrets: [TOKEN]\noutputs: {o: out.txt}")})
        outcome = self.pawl("run", env={"TOKEN": "hunter2-and-more"})
        log = self.pawl("log", "a").out
        self.assertIn("before ", log)
        for text in (outcome.out, outcome.err, log):
            self.assertNotIn("hunter2", text)

    # what is damaged is made again

    def roots(self):
        return sorted(p for p in (self.cache / "roots").iterdir() if p.is_dir())

    def test_unpacked_layers_that_are_lost_or_damaged(self):
        self.project({"a": self.shell("cat /etc/hello > out.txt", "outputs: {o: out.txt}")})
        self.pawl("run")
        roots = self.cache / "roots"
        shutil.rmtree(roots)
        self.pawl("run", "--force")
        hello = next(roots.glob("*/etc/hello"))
        hello.unlink()
        self.pawl("run", "--force")
        self.assertEqual(self.read("out.txt"), "from the image\n")
        next(roots.glob("*/etc/hello")).write_text("from somebody else\n")
        self.pawl("run", "--force")
        self.assertEqual(self.read("out.txt"), "from the image\n")
        for folder in self.roots():
            shutil.rmtree(folder)
            folder.mkdir()
        self.pawl("run", "--force")
        self.assertEqual(self.read("out.txt"), "from the image\n")
        for folder in self.roots():
            shutil.rmtree(folder)
            folder.write_text("no folder")
        self.pawl("run", "--force")

    def test_layers_that_are_lost_or_damaged(self):
        self.project({"a": self.shell("cat /etc/hello > out.txt", "outputs: {o: out.txt}")})
        self.pawl("run")
        for damage in ("gone", "short", "changed"):
            for folder in self.roots():
                blob = self.cache / "blobs/blobs/sha256" / folder.name[:64]
                shutil.rmtree(folder)
                data = blob.read_bytes()
                blob.chmod(0o600)
                blob.unlink()
                if damage != "gone":
                    blob.write_bytes(data[:100] if damage == "short" else data[:-20] + bytes(20))
            self.pawl("run", "--force")

    # what nobody needs any more goes

    def test_gc_removes_unpacked_folders(self):
        self.project({"a": self.shell("cat /etc/hello > out.txt", "outputs: {o: out.txt}")})
        self.pawl("run")
        self.assertEqual(len(self.roots()), 2)
        for place in ("roots/" + "ab" * 32, "venvs/old", "venvs/wheels/old", "pyc/old"):
            (self.cache / place / "d").mkdir(parents=True)
            (self.cache / place / "d/f").write_text("x" * 100000)
            (self.cache / place / "d").chmod(0o555)
            os.utime(self.cache / place, (1e9, 1e9))
        (self.cache / "pyc/young").mkdir()
        stats = self.pawl("--json", "cache", "stats").json
        self.assertEqual(stats["unpacked"], 8)
        self.assertGreater(stats["unpacked_bytes"], 400000)
        for dry in (["--dry-run"], []):
            report = self.pawl("--json", "cache", "gc", *dry).json
            self.assertEqual((report["unpacked"], report["unpacked_removed"]), (8, 4), report)
            self.assertGreaterEqual(report["unpacked_bytes_removed"], 400000)
            self.assertEqual((self.cache / "venvs/old").exists(), bool(dry))
        self.assertEqual(sorted(p.name for p in (self.cache / "pyc").glob("[!0-9a-f]*")), ["young"])
        self.assertEqual(len(self.roots()), 2)
        self.assertIn("unpacked", self.pawl("cache", "gc").out)

    def test_gc_leaves_what_a_running_step_uses(self):
        self.waiting()
        process = self.start("run")
        self.begun()
        for place in self.roots():
            (self.cache / "blobs/blobs/sha256" / place.name[:64]).unlink(missing_ok=True)
        before = self.roots()
        self.pawl("cache", "gc", "--max-age", "1s")
        self.assertEqual(self.roots(), before)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        # the lease may be held for a moment after pawl itself has ended
        self.wait_for(lambda: self.pawl("cache", "gc", "--max-age", "1s") and not self.roots(), "what nobody uses any more is gone")


def may_be_somebody():
    return os.geteuid() == 0 and shutil.which("setpriv") is not None


@unittest.skipUnless(may_be_somebody(), "only root can become somebody else")
class IsolationWithoutPrivileges(Isolation):
    """The same by a user whom nobody gave anything but the project, a home and a cache."""

    def owner(self):
        return NOBODY, NOBODY

    def start(self, *args, env=None, cwd=None, **more):
        home = self.top / "home"
        home.mkdir(exist_ok=True)
        # only what is not theirs yet: a change of owner, even to the same, is a change
        subprocess.run(["find", str(self.top), "!", "-uid", str(NOBODY), "-exec", "chown", "-h", "%d:%d" % self.owner(), "{}", "+"], check=True)
        return subprocess.Popen(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", os.path.abspath(harness.PAWL), *args],
                                cwd=cwd or self.root, env=dict(self.env, HOME=str(home), **(env or {})), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True, **more)


if __name__ == "__main__":
    unittest.main()
