#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of pawl beside its peers, measured in one run: run.py PAWL [WORD ...]

Words choose benchmarks by name. Writes bench/RESULTS.md when all of them ran. Peers from PyPI live in build/bench-peers, each in a virtual
environment of its own. A peer that cannot be had is named in the results.
"""
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import engines  # noqa: E402
import projects  # noqa: E402
from measure import Failed, alternate, once, seconds, with_memory  # noqa: E402

PEERS = HERE.parent / "build" / "bench-peers"
BENCHMARKS = []


def benchmark(function):
    BENCHMARKS.append(function)
    return function


class Rows:
    """Lines of the results: title, goal, then a row per contestant."""

    def __init__(self, work):
        self.work, self.lines, self.verdicts = work, [], []

    def add(self, title, results, goal, met, note=""):
        self.lines.append("## %s\n\nGoal: %s\n\n| | wall | CPU | wall of pawl / wall | CPU / CPU of pawl |\n|---|---|---|---|---|" % (title, goal))
        wall, cpu = results["pawl"]
        for name, (w, c) in results.items():
            self.lines.append("| %s | %s | %s | %.2f | %.0f |" % (name, seconds(w), seconds(c), wall / w, c / max(cpu, 1e-4)))
        self.lines.append("\n%s %s\n" % ("Reached." if met else "**Not reached.**", note))
        self.verdicts.append((title, met))
        print("%-60s %s" % (title, "reached" if met else "NOT reached"), flush=True)
        for name, (w, c) in results.items():
            print("    %-12s wall %10s  cpu %10s" % (name, seconds(w), seconds(c)), flush=True)

    def missing(self, title, why):
        self.lines.append("## %s\n\nNot measured: %s\n" % (title, why))
        print("%-60s not measured: %s" % (title, why), flush=True)


def environment(work, name):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PAWL", "MAKE")) and k not in ("MFLAGS", "CI")}
    env["PAWL_CACHE"] = str(work / ("cache " + name))
    return env


def peer(name, *requirements):
    """The folder of programs of a peer from PyPI; installed on first use."""
    folder = PEERS / name
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        subprocess.run([str(folder / "bin/pip"), "install", "-q", *requirements], check=True, capture_output=True)
        (folder / "done").touch()
    return folder / "bin"


@benchmark
def no_op_and_edit_of_10000_files(pawl, rows):
    n = 5000
    root = rows.work / "copies"
    projects.copies(root, n)
    env = environment(rows.work, "copies")
    for command in (["ninja", "-j2"], ["make", "-s", "-j2"], [pawl, "-q", "run"], [pawl, "-q", "run"]):
        once(command, root, env)
    contest = {"pawl": lambda t: once([pawl, "run"], root, env), "ninja": lambda t: once(["ninja"], root, env),
               "make": lambda t: once(["make", "-s"], root, env)}
    results = alternate(contest, 15)
    rows.add("No-op, 10,000 files in 5,000 steps", results, "at most 0.5 of ninja's time", results["pawl"][0] <= 0.5 * results["ninja"][0])

    def edited(command, name):
        def contestant(turn):
            (root / "in" / "77.txt").write_text("%s %d\n" % (name, turn))
            return once(command, root, env)
        return contestant

    results = alternate({"pawl": edited([pawl, "-q", "run"], "pawl"), "ninja": edited(["ninja"], "ninja"), "make": edited(["make", "-s"], "make")}, 9)
    rows.add("Edit one of 10,000 files, to the end of the run", results, "at most ninja's time", results["pawl"][0] <= results["ninja"][0])


@benchmark
def no_op_beside_watch(pawl, rows):
    root = rows.work / "watched"
    projects.copies(root, 5000)
    env = environment(rows.work, "watched")
    for command in (["ninja", "-j2"], [pawl, "-q", "run"]):
        once(command, root, env)
    watch = subprocess.Popen([pawl, "-q", "watch"], cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while b"watched" not in subprocess.run([pawl, "-v", "run"], cwd=root, env=env, capture_output=True).stdout:
            if time.monotonic() > end or watch.poll() is not None:
                raise Failed("pawl watch does not answer")
            time.sleep(0.1)
        results = alternate({"pawl": lambda t: once([pawl, "run"], root, env), "ninja": lambda t: once(["ninja"], root, env)}, 15)
    finally:
        watch.terminate()
        watch.wait()
    rows.add("No-op beside pawl watch, 10,000 files in 5,000 steps", results, "at most 3 ms", results["pawl"][0] <= 0.003)


@benchmark
def observed_python_step(pawl, rows):
    # The time of the step itself, from its start to its end, beside the same command alone. Both take turns; the least of many is what the machine can do.
    root = rows.work / "observed"
    projects.imports(root, sys.executable)
    env = dict(environment(rows.work, "observed"), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8", TZ="UTC")
    alone, observed = [], []
    for _ in range(21):
        answer = subprocess.run([pawl, "--json", "run", "--force"], cwd=root, env=env, capture_output=True, check=True).stdout
        step = json.loads(answer)["steps"][0]
        observed.append((step["seconds"], 0.0))
        alone.append(once([sys.executable, "heavy.py", "alone.txt"], root, env))
    least = {"pawl": min(observed), "python alone": min(alone)}
    more = least["pawl"][0] / least["python alone"][0] - 1
    rows.add("A Python step that imports 40 modules and computes for a moment, observed", least, "at most 3 % of its time", more <= 0.03, "%+.1f %%" % (more * 100))


@benchmark
def cold_run_of_1000_steps(pawl, rows):
    n = 1000

    # Nothing is removed in between: ext4 passes over inodes that were freed moments ago one by one, which would be measured instead.
    def fresh(name, command):
        def contestant(turn):
            root = rows.work / ("trivial %s %d" % (name, turn))
            projects.trivial(root, n)
            os.sync()
            return once(command, root, environment(rows.work, "trivial %d" % turn))
        return contestant

    results = alternate({"pawl": fresh("pawl", [pawl, "-q", "run", "-j2"]), "ninja": fresh("ninja", ["ninja", "-j2"])}, 5)
    rows.add("Cold run of 1,000 trivial steps, durable", results, "at most 1.5 of ninja's time", results["pawl"][0] <= 1.5 * results["ninja"][0])


@benchmark
def hundred_thousand_steps(pawl, rows):
    n = 100_000
    steps, mapped = rows.work / "steps", rows.work / "mapped"
    projects.trivial(steps, n)
    projects.mapped(mapped, n)
    env = environment(rows.work, "many")
    results = alternate({"pawl": lambda t: once([pawl, "compile", "--digest"], steps, env),
                         "pawl, foreach": lambda t: once([pawl, "compile", "--digest"], mapped, env)}, 3)
    rows.add("Compile 100,000 steps", results, "at most 2 s, once", all(w <= 2 for w, _ in results.values()))
    results = alternate({"pawl": lambda t: once([pawl, "plan", "--json"], steps, env),
                         "ninja -n": lambda t: once(["ninja", "-n"], steps, env)}, 3)
    rows.add("Plan 100,000 steps that are all to run", results, "at most 0.5 s with 1,000 of them to run", results["pawl"][0] <= 0.5,
             "Peak memory: pawl %d MB, ninja %d MB (goal: half of it)." % (with_memory([pawl, "plan"], steps, env)[2] >> 20,
                                                                           with_memory(["ninja", "-n"], steps, env)[2] >> 20))


@benchmark
def no_op_against_workflow_tools(pawl, rows):
    n = 1000
    title = "No-op of 1,000 steps against Snakemake and DVC"
    try:
        snakemake, dvc = peer("snakemake", "snakemake") / "snakemake", peer("dvc", "dvc") / "dvc"
    except subprocess.CalledProcessError as error:
        rows.missing(title, "a peer could not be installed: %s" % error.stderr.decode()[-300:])
        return
    base = rows.work / "tools"
    env = environment(rows.work, "tools")
    env.update(DVC_NO_ANALYTICS="1", HOME=str(rows.work))
    projects.copies(base / "pawl", n)
    projects.snakemake(base / "snakemake", n)
    projects.dvc(base / "dvc", n)
    subprocess.run(["git", "init", "-q"], cwd=base / "dvc", check=True)
    subprocess.run([dvc, "init", "-q"], cwd=base / "dvc", check=True, env=env)
    once([pawl, "-q", "run"], base / "pawl", env)
    once([pawl, "-q", "run"], base / "pawl", env)
    once([snakemake, "-q", "--cores", "2"], base / "snakemake", env)
    # 1,000 first runs take DVC a quarter of an hour: the outputs are made here and taken over by it, after which its no-op is the same.
    projects.dvc_outputs(base / "dvc", n)
    once([dvc, "commit", "-q", "-f"], base / "dvc", env)
    results = alternate({"pawl": lambda t: once([pawl, "run"], base / "pawl", env),
                         "Snakemake": lambda t: once([snakemake, "-q", "--cores", "2"], base / "snakemake", env),
                         "DVC": lambda t: once([dvc, "repro", "-q"], base / "dvc", env)}, 3)
    # The CPU time of one call of pawl is near the clock's resolution: the mean of many is used.
    cpu = sum(once([pawl, "run"], base / "pawl", env)[1] for _ in range(40)) / 40
    results["pawl"] = (results["pawl"][0], cpu)
    met = results["Snakemake"][1] >= 300 * cpu and results["DVC"][1] >= 2000 * cpu
    rows.add(title, results, "300 times less CPU than Snakemake, 2,000 times less than DVC", met)


@benchmark
def edit_to_registry(pawl, rows):
    title = "Edit one line of code to image in a registry"
    lacking = engines.have("docker-registry", "dockerd", "buildah", "/usr/bin/docker")
    if lacking or os.geteuid() != 0:
        rows.missing(title, "needs root and " + ", ".join(lacking or ["nothing else"]))
        return
    base = rows.work / "images"
    registry = engines.Registry(base / "registry")
    try:
        docker = engines.Docker(base / "docker")
        try:
            images(pawl, rows, title, base, registry, docker)
        finally:
            docker.stop()
    finally:
        registry.stop()


def images(pawl, rows, title, base, registry, docker):
    root = base / "project"
    (root / "app").mkdir(parents=True)
    for i in range(20):
        (root / "app" / ("module%d.py" % i)).write_text("VALUE = %d\n" % i * 50)
    big = base / "big"
    big.mkdir()
    (big / "payload").write_bytes(os.urandom(30_000_000))
    (root / "big").mkdir()
    shutil.copy(big / "payload", root / "big" / "payload")
    env = environment(rows.work, "images")
    # All three start from the same parent: one layer of 30 MB, made and pushed before the clock starts.
    (root / "pawl.yaml").write_text("version: 1\npipeline: parent\nenvironments: {base: {parent: scratch, include: [big]}}\nsteps: {}\n"
                                    "stacks: {local: {registry: '%s/bench'}}\n" % registry.host)
    parent = subprocess.run([pawl, "--json", "build", "base", "--push"], cwd=root, env=env, check=True, capture_output=True)
    import json
    reference = json.loads(parent.stdout)["images"][0]["ref"]
    (root / "pawl.yaml").write_text("version: 1\npipeline: edit\nenvironments: {base: {parent: '%s', include: [app], workdir: /app}}\nsteps: {}\n"
                                    "stacks: {local: {registry: '%s/bench'}}\n" % (reference, registry.host))
    shutil.rmtree(root / "big")
    (root / "Dockerfile").write_text("FROM %s\nWORKDIR /app\nCOPY app app\n" % reference)
    storage = base / "storage.conf"
    storage.write_text("[storage]\ndriver = 'overlay'\ngraphroot = '%s'\nrunroot = '%s'\n" % (base / "graph", base / "runroot"))
    denv = dict(docker.env)
    benv = dict(env, CONTAINERS_STORAGE_CONF=str(storage), BUILDAH_ISOLATION="chroot")
    tag = registry.host + "/bench/%s:latest"

    def edit(turn, name):
        (root / "app" / "module7.py").write_text("VALUE = '%s %d'\n" % (name, turn))

    def by_pawl(turn):
        edit(turn, "pawl")
        return once([pawl, "-q", "build", "base", "--push"], root, env)

    def by_docker(turn):
        edit(turn, "docker")
        one = once([docker.client, "build", "-q", "-t", tag % "docker", "."], root, denv)
        two = once([docker.client, "push", "-q", tag % "docker"], root, denv)
        return one[0] + two[0], one[1] + two[1]

    def by_buildah(turn):
        edit(turn, "buildah")
        one = once(["buildah", "bud", "--runtime", "runc", "--layers", "--tls-verify=false", "-q", "-t", tag % "buildah", "."], root, benv)
        two = once(["buildah", "push", "-q", "--tls-verify=false", tag % "buildah"], root, benv)
        return one[0] + two[0], one[1] + two[1]

    contest = {"pawl": by_pawl, "docker build && docker push": by_docker, "buildah bud && buildah push": by_buildah}
    for name, function in contest.items():
        function(-1)
    results = alternate(contest, 7)
    wall = results["pawl"][0]
    rows.add(title, results, "10 times less time than either", all(w >= 10 * wall for n, (w, _) in results.items() if n != "pawl"))
    once([pawl, "-q", "build", "base"], root, env)
    once([pawl, "-q", "build", "base"], root, env)
    results = alternate({"pawl": lambda t: once([pawl, "build", "base"], root, env),
                         "docker build": lambda t: once([docker.client, "build", "-q", "-t", tag % "docker", "."], root, denv)}, 15)
    rows.add("No-op image", results, "at most 5 ms", results["pawl"][0] <= 0.005)


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    pawl = str(pathlib.Path(sys.argv[1]).resolve())
    words = sys.argv[2:]
    work = pathlib.Path(tempfile.mkdtemp(prefix="pawl-bench-"))
    rows = Rows(work)
    try:
        for function in BENCHMARKS:
            if words and not any(w in function.__name__ for w in words):
                continue
            try:
                function(pawl, rows)
            except Failed as error:
                rows.missing(function.__name__.replace("_", " "), str(error))
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(work)], stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)
    if not words:
        version = subprocess.run([pawl, "version"], capture_output=True, text=True).stdout.strip()
        head = ("# Figures\n\nWritten by `make bench`; medians of runs that take turns on one machine; do not edit.\n\n%s, %s, %d CPUs, %s\n\n"
                % (version, datetime.date.today().isoformat(), os.cpu_count(), platform.release()))
        (HERE / "RESULTS.md").write_text(head + "\n".join(rows.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
