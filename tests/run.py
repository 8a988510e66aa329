#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the black-box tests: run.py PAWL [WORD ...]

Every unittest class in tests/*/*.py is one unit of work; classes run side by side in processes of their own, so that a class may keep an
expensive fixture (a registry, an engine). Words choose the tests whose name contains one of them. A skipped test says why; with CI set in the
environment a skip counts as a failure, because there everything is to be had. Last line: 'N passed, N failed, N skipped'.
"""
import concurrent.futures
import importlib.util
import io
import multiprocessing
import os
import pathlib
import signal
import sys
import time
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def load(path):
    name = "pawl_tests_" + "_".join(path.relative_to(HERE).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what its tests stand on lies beside it
    spec.loader.exec_module(module)
    return module


def label(path, test):
    return "%s/%s" % (path.relative_to(HERE).with_suffix(""), test.id().split(".", 1)[-1])


def classes(words):
    """(path, class name, test names) of all that is chosen."""
    for path in sorted(HERE.glob("*/*.py")):
        module = load(path)
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__):
                continue
            names = unittest.TestLoader().getTestCaseNames(value)
            names = [n for n in names if not words or any(w in "%s/%s.%s" % (path, value.__name__, n) for w in words)]
            if names:
                yield str(path), value.__name__, names


class Lines(unittest.TestResult):
    """Collects (label, verdict, text, seconds)."""

    def __init__(self, path):
        super().__init__()
        self.path, self.rows, self.began = path, [], 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.time()

    def row(self, test, verdict, text=""):
        self.rows.append((label(self.path, test), verdict, text, time.time() - self.began))

    def addSuccess(self, test):
        self.row(test, "ok")

    def addFailure(self, test, err):
        self.row(test, "FAIL", "".join(traceback.format_exception(*err)))

    addError = addFailure

    def addSkip(self, test, reason):
        self.row(test, "skip", reason)

    def addExpectedFailure(self, test, err):
        self.row(test, "FAIL", "expected failures are not used here")

    def addSubTest(self, test, subtest, err):
        if err:
            self.row(subtest, "FAIL", "".join(traceback.format_exception(*err)))


def work(job):
    path, name, names = job
    path = pathlib.Path(path)
    result = Lines(path)
    kind = getattr(load(path), name)  # once: tests of one class share its fixture
    suite = unittest.TestSuite(kind(n) for n in names)
    output = sys.stdout
    sys.stdout = io.StringIO()
    try:
        suite.run(result)
    finally:
        sys.stdout = output
    return result.rows


def main():
    # Started in the background of a script it is ignored, and so it would be in every pawl that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    pawl = pathlib.Path(sys.argv[1]).resolve()
    if not os.access(pawl, os.X_OK):
        print("run.py: there is no program '%s'" % pawl, file=sys.stderr)
        return 2
    os.environ["PAWL"] = str(pawl)
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    strict = bool(os.environ.get("CI"))
    verbose = bool(os.environ.get("V"))
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    jobs = list(classes(sys.argv[2:]))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(int(os.environ.get("JOBS", "3")), mp_context=context) as pool:
        pending = {pool.submit(work, job): job for job in jobs}
        for future in concurrent.futures.as_completed(pending):
            try:
                rows = future.result()
            except Exception:
                rows = [("%s/%s" % pending[future][:2], "FAIL", traceback.format_exc(), 0)]
            for name, verdict, text, seconds in rows:
                if verdict == "skip" and strict:
                    verdict, text = "FAIL", "skipped, and nothing may be skipped here: " + text
                count[verdict] += 1
                if verdict == "FAIL":
                    print("FAIL %s (%.1f s)\n    %s" % (name, seconds, text.strip().replace("\n", "\n    ")), flush=True)
                elif verdict == "skip" or verbose:
                    print("%s %s (%.1f s) %s" % (verdict, name, seconds, text), flush=True)
    print("%d passed, %d failed, %d skipped" % (count["ok"], count["FAIL"], count["skip"]))
    return 1 if count["FAIL"] or not count["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
