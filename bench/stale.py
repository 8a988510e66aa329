#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The stale matrix (tests/stale) against peers from PyPI: stale.py [TOOL ...]

Every row starts from a copy of the form's project after a complete run with the tool, is edited, and run once more. Then
    right      every output is what a run from scratch gives, and no step was executed that pawl's row does not execute
    stale      an output is another one, or missing
    needless   outputs are right, and a step was executed that had no need to be
    fails      the tool ended with an error
FIRST=N measures the first N rows of each form only. --report writes it from what is known. Rows that say nothing about a tool (it has no such thing) are left out of its sums. Writes docs/stale.md when all tools ran; results are kept in
build/bench-stale, so that a run that was stopped goes on. pawl's own column comes from `make check`, where every row has to be right.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "stale")]
import rows_code  # noqa: E402
import rows_files  # noqa: E402
import rows_reads  # noqa: E402
import rows_traps  # noqa: E402
import stale_peers  # noqa: E402
from project import Unsupported, python  # noqa: E402

FORMS = rows_files.FORMS + rows_code.FORMS + rows_traps.FORMS + rows_reads.FORMS
KEPT = HERE.parent / "build" / "bench-stale"
PEERS = HERE.parent / "build" / "bench-peers"
FIRST = int(os.environ.get("FIRST", "0"))
VERDICTS = ("right", "stale", "needless", "fails")


def programs(tool):
    """The folder of the tool's programs; installed on first use, in a virtual environment of its own."""
    folder = PEERS / ("stale-" + tool.requirement.split("[")[0])
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["uv", "venv", "-q", "--python", python(), str(folder)], check=True, capture_output=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(folder / "bin/python"), tool.requirement], check=True, capture_output=True)
        (folder / "done").touch()
    return folder / "bin"


def version(tool):
    name = tool.requirement.split("[")[0]
    said = subprocess.run([str(programs(tool) / "python"), "-c", "import importlib.metadata as m; print(m.version(%r))" % name], stdout=subprocess.PIPE, text=True)
    return said.stdout.strip()


def verdict(place, row, began):
    """One word for one row, and what is behind it."""
    try:
        row.edit(place)
    except AssertionError:
        return "needless", "work was done twice"
    expected = {k: v for k, v in row.expected.items() if place.shell or k != "aside"}
    if not place.shell and row.expected.get("aside") == "rerun":
        raise Unsupported("a step that is a shell command")
    if getattr(place, "workspace", True) is False and any("restore" in v for v in expected.values()):
        raise Unsupported("outputs are not in the project")
    place.call()
    ran = place.executed()
    outputs, truth = place.outputs(), place.truth()
    for left in set(began) & set(outputs) - set(truth):
        del outputs[left]
    wrong = sorted(n for n in set(outputs) | set(truth) if outputs.get(n) != truth.get(n))
    if wrong:
        return "stale", ", ".join(wrong)
    needless = sorted(set(ran) - {s for s, state in expected.items() if "rerun" in state})
    return ("needless", ", ".join(needless)) if needless else ("right", ", ".join(ran))


def form_results(tool, form, rows, work):
    """row name -> [verdict, text]"""
    found = {}
    top, kept = work / "top", work / "kept"
    for folder in (top, kept):
        shutil.rmtree(folder, ignore_errors=True)
    top.mkdir()
    place = tool(top, programs(tool))
    try:
        if not place.shell and "aside" in form.definition:
            raise Unsupported("a step that is a shell command")
        place.fill(form)
        place.begin()
        place.call()
        place.executed()
        began = place.outputs()
        subprocess.run(["cp", "-a", str(top), str(kept)], check=True)
        definition = dict(place.definition.__dict__)
    except Unsupported as error:
        return {row.name: ["-", str(error)] for row in rows}
    except Exception as error:
        return {row.name: ["fails", "before the edit: %s" % error] for row in rows}
    for row in rows:
        place = tool(top, programs(tool))
        place.definition.__dict__.update(definition)
        try:
            found[row.name] = list(verdict(place, row, began))
        except Unsupported as error:
            found[row.name] = ["-", str(error)]
        except Exception as error:
            found[row.name] = ["fails", "%s: %s" % (type(error).__name__, str(error)[-600:])]
        subprocess.run(["chmod", "-R", "u+w", str(top)], check=False)
        shutil.rmtree(top)
        subprocess.run(["cp", "-a", str(kept), str(top)], check=True)
    return found


def run_tool(tool):
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / (tool.name.replace(" ", "_").replace(",", "") + ".json")
    known = json.loads(path.read_text()) if path.exists() else {}
    version_now = version(tool)
    if known.get("version") != version_now:
        known = {"version": version_now, "forms": {}}
    with tempfile.TemporaryDirectory(prefix="bench stale ") as work:
        for form in FORMS:
            there = known["forms"].setdefault(form.name, {})
            rows = [row for row in (form.rows[:FIRST] if FIRST else form.rows) if row.name not in there]
            if not rows:
                continue
            found = form_results(tool, form, rows, pathlib.Path(work))
            there.update(found)
            path.write_text(json.dumps(known, indent=1))
            print("%-28s %-40s %s" % (tool.name, form.name, " ".join(v[0] for v in found.values())), flush=True)
    return known


def report(results):
    tools = [name for name, found in results.items() if any(found["forms"].values())]
    rows = [(form, row) for form in FORMS for row in form.rows]
    lines = ["<!-- made by `make bench-stale` -->", "# Stale or needless: one table of edits, pawl and its peers", "",
             "%d edits of a pipeline of four Python steps and a shell step (`tests/stale/`). Each is made to a project that is up to date, which is then run once more." % len(rows),
             "*right*: every output is that of a run from scratch, and no step ran without need. *stale*: an output is another one or missing. *needless*: outputs are right, and a",
             "step ran that had no need to. *fails*: the tool ended with an error. –: the tool has no such thing. ·: not measured yet; sums are over the rows that were, and",
             "`make bench-stale` goes on where it stopped. pawl declares nothing beyond inputs and outputs; its rows are held by",
             "`make check`. Peers are used as their manuals show: a step declares its script and its data; *package declared* adds the folders of the code by hand.", "",
             "| | right | stale | needless | fails | rows |", "|---|---:|---:|---:|---:|---:|", "| **pawl** | **%d** | 0 | 0 | 0 | %d |" % (len(rows), len(rows))]
    for tool in tools:
        count = {v: 0 for v in VERDICTS}
        for form, row in rows:
            word = results[tool]["forms"].get(form.name, {}).get(row.name, ["?"])[0]
            if word in count:
                count[word] += 1
        lines.append("| %s %s | %s | %d |" % (tool, results[tool]["version"], " | ".join(str(count[v]) for v in VERDICTS), sum(count.values())))
    lines += ["", "| edit | pawl | %s |" % " | ".join(tools), "|---|---|%s" % ("---|" * len(tools))]
    for form in FORMS:
        lines.append("| **%s** | | %s" % (form.name, "| " * len(tools)))
        for row in form.rows:
            words = [results[tool]["forms"].get(form.name, {}).get(row.name, ["?"])[0] for tool in tools]
            lines.append("| %s | right | %s |" % (row.name.replace("|", "\\|"), " | ".join("–" if w == "-" else "·" if w == "?" else "" if w == "right" else "**stale**" if w == "stale" else w for w in words)))
    lines += ["", "An empty cell is right."]
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] == ["--report"]:
        known = {t.name: KEPT / (t.name.replace(" ", "_").replace(",", "") + ".json") for t in stale_peers.ALL}
        (HERE.parent / "docs" / "stale.md").write_text(report({name: json.loads(path.read_text()) for name, path in known.items() if path.exists()}))
        return 0
    words = [w.lower() for w in sys.argv[1:]]
    exact = [t for t in stale_peers.ALL if t.name.lower() in words]
    chosen = exact or [t for t in stale_peers.ALL if not words or any(w in t.name.lower() for w in words)]
    results = {}
    for tool in chosen:
        try:
            results[tool.name] = run_tool(tool)
        except (OSError, subprocess.CalledProcessError) as error:
            results[tool.name] = {"version": "could not be installed (%s)" % type(error).__name__, "forms": {}}
    if len(chosen) == len(stale_peers.ALL):
        (HERE.parent / "docs" / "stale.md").write_text(report(results))
        print("docs/stale.md")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PAWL", str(HERE.parent / "build" / "pawl"))
    sys.exit(main())
