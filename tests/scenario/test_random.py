# SPDX-License-Identifier: Apache-2.0
"""Random pipelines and random edits, against a model: after each run every output is what a run from scratch gives, and exactly those steps
ran whose command and inputs had never been seen. SEED repeats a failure, CYCLES sets its length."""
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402

CYCLES = int(os.environ.get("CYCLES", "60"))


class Model:
    """Steps in order; each reads source files and outputs of earlier steps, and writes its name, a word and all it read."""

    def __init__(self, dice):
        self.dice = dice
        self.sources = {"src/%d.txt" % i: "source %d\n" % i for i in range(6)}
        self.steps = {}
        self.seen = set()
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
        """(contents by step, steps that must run)"""
        contents, must = {}, []
        for name in sorted(self.steps, key=lambda n: int(n[1:])):
            s = self.steps[name]
            read = [contents[n] for n in s["steps"]] + [self.sources[f] for f in s["files"]]
            key = (name, s["word"], s["param"] and self.param, s["short"], tuple(s["steps"]), tuple(s["files"]), tuple(read))
            lines = ["%s %s%s" % (name, s["word"], " " + self.param if s["param"] else "")] + "".join(read).splitlines()
            contents[name] = "\n".join(lines[:1 if s["short"] else 1000]) + "\n"
            if key not in self.seen:
                self.seen.add(key)
                must.append(name)
        return contents, must


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

    def test_against_a_model(self):
        seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
        self.model = Model(random.Random(seed))
        trace = []
        for cycle in range(CYCLES):
            trace.append(self.edit() if cycle else "begin")
            self.write_all()
            contents, must = self.model.run()
            outcome = self.pawl("run", "-p", "p=" + self.model.param, *(["--json"] if self.model.dice.random() < 0.2 else []))
            said = "SEED=%d cycle %d: %s\n%s" % (seed, cycle, " ".join(trace[-12:]), outcome)
            self.assertEqual(sorted(self.ran()), sorted(must), said)
            for name, text in contents.items():
                self.assertEqual(self.read("out/%s.txt" % name), text, "%s of %s" % (name, said))

    test_again = test_third = test_fourth = test_against_a_model
