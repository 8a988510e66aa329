# SPDX-License-Identifier: Apache-2.0
"""What black-box tests stand on: a project in a temporary folder with a cache of its own, edits, invocations of pawl, and what really ran.

A step of a test appends its name to the file $RAN (outside the project, written into its command by `@RAN@`), so that a test knows what was executed
without asking pawl. Standard library only.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import unittest

PAWL = os.environ.get("PAWL", "build/pawl")


class Outcome:
    """What an invocation said: status, out, err, and the JSON object on stdout."""

    def __init__(self, args, status, out, err):
        self.args, self.status, self.out, self.err = args, status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def states(self):
        return {step["name"]: step["state"] for step in self.json["steps"]}

    def reasons(self):
        return {step["name"]: (step["reason"] or {}).get("code") for step in self.json["steps"]}

    def __str__(self):
        return "pawl %s: exit %s\n--- stdout\n%s\n--- stderr\n%s" % (" ".join(self.args), self.status, self.out[-3000:], self.err[-3000:])


class PawlTest(unittest.TestCase):
    """Each test gets self.root (an empty project), self.cache, self.top (both inside)."""

    folder = "a project"  # its name has a blank on purpose

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="pawl test "))
        self.addCleanup(self.remove)
        self.root = self.top / self.folder
        self.root.mkdir()
        self.cache = self.top / "cache"
        self.ran_file = self.top / "ran"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PAWL", "PYTHON", "MAKE")) and k not in ("CI", "MFLAGS")}
        self.env.update(PAWL_CACHE=str(self.cache), NO_COLOR="1")

    def need_uv(self):
        """Put uv first in PATH, from the virtual environment of tools/test-venv."""
        self.env["PATH"] = "%s/bin:%s" % (os.environ.get("PAWL_TEST_VENV", "build/test-venv"), self.env["PATH"])
        if not shutil.which("uv", path=self.env["PATH"]):
            self.skipTest("not installed: uv")

    def remove(self):
        self.kill_left()
        subprocess.run(["chmod", "-R", "u+w", str(self.top)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top, ignore_errors=True)

    # files

    def write(self, path, text, mode=None, root=None):
        target = (root or self.root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text).lstrip("\n").replace("@RAN@", str(self.ran_file)))
        if mode is not None:
            target.chmod(mode)
        return target

    def edit(self, path, old, new):
        target = self.root / path
        text = target.read_text()
        self.assertIn(old, text, "the test is wrong")
        target.write_text(text.replace(old, new, 1))

    def read(self, path):
        return (self.root / path).read_text()

    def exists(self, path):
        return os.path.lexists(self.root / path)

    def age(self, seconds=60):
        """Make every file look old enough for its time stamp to be trusted."""
        stamp = time.time() - seconds
        for path in self.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                os.utime(path, (stamp, stamp))

    def snapshot(self):
        """Everything in the project: path, type, content or target, mtime."""
        rows = {}
        for path in sorted(self.root.rglob("*")):
            stat = path.lstat()
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            rows[str(path.relative_to(self.root))] = (stat.st_mode, what, stat.st_mtime_ns)
        return rows

    # invocations

    def start(self, *args, env=None, cwd=None, **more):
        return subprocess.Popen([PAWL, *args], cwd=cwd or self.root, env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True, **more)

    def pawl(self, *args, status=0, env=None, cwd=None, timeout=300, **more):
        process = self.start(*args, env=env, cwd=cwd, **more)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill(process)
            self.fail("pawl %s: not done after %s s" % (" ".join(args), timeout))
        outcome = Outcome(args, process.returncode, out, err)
        for mark in ("AddressSanitizer", "ThreadSanitizer", "runtime error:", "LeakSanitizer"):
            self.assertNotIn(mark, err, outcome)
        if status is not None:
            self.assertEqual(process.returncode, status, outcome)
        return outcome

    def run_json(self, *args, **more):
        return self.pawl("--json", "run", *args, **more)

    def expect(self, *names, args=(), **more):
        """`pawl --json run` executes exactly these steps."""
        outcome = self.run_json(*args, **more)
        self.assertEqual(sorted(self.ran()), sorted(names), outcome)
        return outcome

    def ran(self):
        """Names of the steps executed since the last call, in order."""
        if not self.ran_file.exists():
            return []
        names = self.ran_file.read_text().split()
        self.ran_file.unlink()
        return names

    # processes

    def left(self):
        """Living processes whose working folder is in this test's folder."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                cwd = os.readlink("/proc/%s/cwd" % entry) if entry.isdigit() else ""
            except OSError:
                continue
            if cwd.startswith(str(self.top)) and int(entry) != os.getpid():
                found.append(int(entry))
        return found

    def kill(self, process):
        """SIGKILL to pawl and all that it started."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.kill_left()
        process.communicate()

    def kill_left(self):
        while self.left():
            for pid in self.left():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)

    def wait_for(self, condition, what, seconds=30):
        end = time.time() + seconds
        while not condition():
            self.assertLess(time.time(), end, "waited in vain: " + what)
            time.sleep(0.02)


def need_program(*names):
    """Skip a test class or function unless these programs are there."""
    missing = [name for name in names if not shutil.which(name)]
    return unittest.skipIf(missing, "not installed: " + ", ".join(missing))
