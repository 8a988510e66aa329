# SPDX-License-Identifier: Apache-2.0
"""Random pipelines and random edits, kills and runs at the same time, against a model: after each run every output is what a run from scratch gives,
and exactly those steps ran whose command and inputs had never been seen. At the end a clean cache in a fresh clone gives the same bytes.

SOAK sets the number of cycles. A failure is made shorter by leaving cycles out as long as it fails; SEED and KEEP, which the message names, repeat it.
"""
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402

CYCLES = int(os.environ.get("SOAK", "200")) // 4
SHRINK_SECONDS = 60


class Model:
    """Steps in order; each reads source files and outputs of earlier steps, and writes its name, a word and all it read."""

    def __init__(self, dice):
        self.dice = dice
        self.sources = {"src/%d.txt" % i: "source %d\n" % i for i in range(6)}
        self.steps = {}
        self.seen, self.maybe = set(), set()
        self.param = "one"
        for _ in range(dice.randrange(4, 12)):
            self.add()

    def add(self):
        name = "s%d" % (max([int(n[1:]) for n in self.steps] or [0]) + 1)
        earlier = self.dice.sample(sorted(self.steps), min(len(self.steps), self.dice.randrange(3)))
        files = self.dice.sample(sorted(self.sources), self.dice.randrange(0, 3))
        self.steps[name] = {"word": "w%d" % self.dice.randrange(3), "steps": sorted(earlier), "files": sorted(files),
                            "param": self.dice.random() < 0.3, "short": self.dice.random() < 0.3}

    def remove(self):
        free = [n for n in self.steps if not any(n in s["steps"] for s in self.steps.values())]
        if len(self.steps) > 2:
            del self.steps[self.dice.choice(free)]

    def yaml(self, ran):
        lines = ["version: 1", "pipeline: random", "params: {p: one}", "steps:"]
        order = sorted(self.steps)
        self.dice.shuffle(order)
        for name in order:
            s = self.steps[name]
            inputs = ["i%d: %s" % (k, x) for k, x in enumerate([n + ".o" for n in s["steps"]] + s["files"])]
            cat = "".join(" ${inputs.i%d}" % k for k in range(len(inputs)))
            run = "echo %s >> '%s'; { echo %s %s%s; cat /dev/null%s; } | head -n %d > ${outputs.o}" % (
                name, ran, name, s["word"], " ${params.p}" if s["param"] else "", cat, 1 if s["short"] else 1000)
            lines += ["  %s:" % name, "    run: \"%s\"" % run, "    inputs: {%s}" % ", ".join(inputs), "    outputs: {o: out/%s.txt}" % name]
            if s["param"]:
                lines.append("    params: [p]")
        return "\n".join(lines) + "\n"

    def run(self):
        """(contents by step, steps that must run, keys by step)"""
        contents, must, keys = {}, [], {}
        for name in sorted(self.steps, key=lambda n: int(n[1:])):
            s = self.steps[name]
            read = [contents[n] for n in s["steps"]] + [self.sources[f] for f in s["files"]]
            key = (name, s["word"], s["param"] and self.param, s["short"], tuple(s["steps"]), tuple(s["files"]), tuple(read))
            lines = ["%s %s%s" % (name, s["word"], " " + self.param if s["param"] else "")] + "".join(read).splitlines()
            contents[name] = "\n".join(lines[:1 if s["short"] else 1000]) + "\n"
            keys[name] = key
            if key not in self.seen:
                must.append(name)
        return contents, must, keys


class Random(PawlTest):
    def write_all(self):
        (self.root / "pawl.yaml").write_text(self.model.yaml(self.ran_file))
        for path, text in self.model.sources.items():
            target = self.root / path
            target.parent.mkdir(exist_ok=True)
            if not target.exists() or target.read_text() != text:
                target.write_text(text)

    def edit(self):
        m, dice = self.model, self.model.dice
        kind = dice.choice(["source", "source", "source", "revert", "word", "param", "add", "remove", "delete", "spoil", "touch", "nothing", "clone"])
        if kind == "source":
            m.sources[dice.choice(sorted(m.sources))] = "text %d\n" % dice.randrange(4)
        elif kind == "revert":
            path = dice.choice(sorted(m.sources))
            m.sources[path] = "source %s\n" % path[4]
        elif kind == "word":
            m.steps[dice.choice(sorted(m.steps))]["word"] = "w%d" % dice.randrange(3)
        elif kind == "param":
            m.param = dice.choice(["one", "two"])
        elif kind == "add":
            m.add()
        elif kind == "remove":
            m.remove()
        elif kind in ("delete", "spoil"):
            target = self.root / "out" / (dice.choice(sorted(m.steps)) + ".txt")
            if target.exists():
                target.unlink() if kind == "delete" else target.write_text("spoilt\n")
        elif kind == "touch":
            os.utime(self.root / dice.choice(sorted(m.sources)))
        elif kind == "clone":
            fresh = self.top / ("clone%d" % dice.randrange(1 << 30))
            shutil.copytree(self.root, fresh, ignore=shutil.ignore_patterns("out"), copy_function=shutil.copy)
            self.root = fresh
        return kind

    def arguments(self):
        return ["run", "-p", "p=" + self.model.param] + (["--json"] if self.model.dice.random() < 0.2 else [])

    def killed(self):
        """A run is killed when it has started some steps; what they were to make may be known from then on, or not."""
        keys = self.model.run()[2]
        process = self.start(*self.arguments())
        wanted = self.model.dice.randrange(3)
        while process.poll() is None and (self.ran_file.read_text().count("\n") if self.ran_file.exists() else 0) < wanted:
            time.sleep(0.001)
        self.kill(process)
        self.model.maybe.update(keys[name] for name in self.ran())

    def twice(self):
        """A second run at the same time, in the same project: together they do what one would do."""
        both = [self.start(*self.arguments()) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, out + err)

    def cycle(self, number, say):
        """One edit or disturbance, one run, all checked."""
        m = self.model
        m.dice = random.Random("%s %d" % (self.seed, number))
        say.append(self.edit() if number else "begin")
        self.write_all()
        disturbance = m.dice.randrange(12) if number else 11
        if disturbance == 0:
            say.append("killed")
            self.killed()
        contents, must, keys = m.run()
        if disturbance == 1:
            say.append("twice")
            self.twice()
            outcome = "two at once"
        else:
            outcome = self.pawl(*self.arguments())
        said = "cycle %d: %s\n%s" % (number, " ".join(say[-12:]), outcome)
        ran = self.ran()
        self.assertEqual(sorted(n for n in ran if keys[n] not in m.maybe), sorted(n for n in must if keys[n] not in m.maybe), said)
        self.assertEqual(len(set(ran)), len(ran), said)
        m.seen.update(keys.values())
        m.maybe.difference_update(keys.values())
        for name, text in contents.items():
            self.assertEqual(self.read("out/%s.txt" % name), text, "%s of %s" % (name, said))

    def play(self, cycles):
        self.root = self.top / ("project %d" % len(list(self.top.iterdir())))
        self.root.mkdir()
        self.cache = self.root.parent / (self.root.name + " cache")
        self.env["PAWL_CACHE"] = str(self.cache)
        self.ran()
        self.model = Model(random.Random(self.seed))
        say = []
        for number in cycles:
            self.cycle(number, say)
        contents = self.model.run()[0]
        fresh = self.top / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(self.root, fresh, ignore=shutil.ignore_patterns("out"))
        self.pawl("run", "-p", "p=" + self.model.param, cwd=fresh, env={"PAWL_CACHE": str(self.top / ("clean %s" % self.root.name))})
        self.ran()
        for name, text in contents.items():
            self.assertEqual((fresh / ("out/%s.txt" % name)).read_text(), text, name)

    def fails(self, cycles):
        try:
            self.play(cycles)
        except AssertionError as error:
            return error
        return None

    def test_against_a_model(self):
        self.seed = os.environ.get("SEED") or str(random.randrange(1 << 30))
        cycles = [int(n) for n in os.environ["KEEP"].split(",")] if os.environ.get("KEEP") else list(range(CYCLES))
        error = self.fails(cycles)
        end = time.time() + (0 if os.environ.get("KEEP") else SHRINK_SECONDS)
        for number in [n for n in cycles if error and n] if error else []:
            shorter = [n for n in cycles if n != number]
            found = self.fails(shorter) if time.time() < end else None
            if found:
                cycles, error = shorter, found
        if error:
            self.fail("SEED=%s KEEP=%s: %s" % (self.seed, ",".join(map(str, cycles)), error))

    test_again = test_third = test_fourth = test_against_a_model
