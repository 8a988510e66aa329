# SPDX-License-Identifier: Apache-2.0
"""Rows about files, times, outputs, parameters, variables and the project as a whole."""
import os
import shutil
import signal
import subprocess
import time

from table import (ALL, ASIDE, BACK, FEATURES, FEATURES_CUT, NONE, PREPARE, PREPARE_CUT, REPORT, REPORT_BACK, TRAIN, Form, Row, verdict)

RAW = "data/raw.csv"


def stamp(place, path, seconds):
    os.utime(place.root / path, (seconds, seconds))


def nothing(place):
    pass


def touch_all(place):
    for name, path in place.kept():
        if path.is_file():
            os.utime(path)


def same_size_and_time(place):
    before = (place.root / RAW).stat()
    place.edit(RAW, "bob,1", "bob,2")
    os.utime(place.root / RAW, ns=(before.st_atime_ns, before.st_mtime_ns))


def same_times_other_code(place):
    before = (place.root / "churn/scale.py").stat()
    place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = 11")
    os.utime(place.root / "churn/scale.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def clock_behind(place):
    place.edit(RAW, "cid,2", "cid,1")
    stamp(place, RAW, 946684800)


def clock_ahead(place):
    place.edit(RAW, "bob,1", "bob,0")
    stamp(place, RAW, time.time() + 86400)


def replaced_by_a_copy(place):
    shutil.copyfile(place.root / RAW, place.root / "data/other")
    (place.root / "data/other").rename(place.root / RAW)


def link_of_the_same_content(place):
    place.rename(RAW, "store/raw-1.csv")
    (place.root / RAW).symlink_to("../store/raw-1.csv")


def renamed_input(place):
    place.rename(RAW, "data/renamed.csv")
    place.set(raw="data/renamed.csv")


def renamed_case(place):
    place.rename(RAW, "data/Raw.csv")
    place.set(raw="data/Raw.csv")


def crlf(path):
    def edit(place):
        (place.root / path).write_bytes((place.root / path).read_bytes().replace(b"\n", b"\r\n"))
    return edit


def mode(path, bits):
    return lambda place: (place.root / path).chmod(bits)


def edits(*triples):
    def edit(place):
        for path, old, new in triples:
            place.edit(path, old, new)
    return edit


def remove(*paths):
    def edit(place):
        for path in paths:
            place.remove(path)
    return edit


def two_edits_that_cancel(place):
    place.edit(RAW, "ann,3", "ann,6")
    place.edit(RAW, "ann,6", "ann,3")


def changes(**fields):
    return lambda place: place.set(**fields)


def shown(**variables):
    return lambda place: place.shown.update(variables)


# outputs

def output_touched(place):
    for path in (place.root / "out").rglob("*"):
        if path.is_file():
            os.utime(path)


def output_edited(path):
    return lambda place: (place.root / path).write_text("edited by hand\n")


# the project as a whole

def moved(place):
    target = place.top / "elsewhere" / "project"
    target.parent.mkdir(exist_ok=True)
    place.root.rename(target)
    place.root = target


def git(place, *args, cwd=None):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *args], cwd=cwd or place.root, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def committed(place):
    if not (place.root / ".git").exists():
        git(place, "init", "-q", "-b", "main")
    exclude = place.root / ".git/info/exclude"
    exclude.write_text("".join("/%s\n" % name for name in place.own()))
    git(place, "add", "-A")
    git(place, "commit", "-q", "--allow-empty", "-m", "x")


def fresh_clone(place):
    committed(place)
    clone = place.top / ("clone%d" % len(list(place.top.glob("clone*"))))
    git(place, "clone", "-q", str(place.root), str(clone), cwd=place.top)
    place.first = place.root
    place.root = clone


def checkout_back(place):
    """An edit on a branch, run there, back to main: what was known is known."""
    committed(place)
    git(place, "checkout", "-q", "-B", "work")
    place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = 3")
    committed(place)
    place.call()
    place.executed()
    git(place, "checkout", "-q", "main")


def checkout_forth(place):
    checkout_back(place)
    place.call()
    place.executed()
    git(place, "checkout", "-q", "work")
    place.saved_branch = True


def new_file_then_gone(place):
    place.write("churn/scale.py", place.text("churn/scale.py") + "\n\nX = 1\n")
    place.call()
    place.executed()
    place.write("churn/scale.py", place.text("churn/scale.py").replace("\n\nX = 1\n", ""))


def below(place):
    place.cwd = "churn"


def stale_bytecode(place):
    """Bytecode of an older text that its header calls fresh."""
    source = place.root / "churn/scale.py"
    subprocess.run(["python3", "-c", "import py_compile, sys; py_compile.compile(sys.argv[1])", str(source)], check=True, env=dict(os.environ, PATH="/usr/bin:" + os.environ["PATH"]))
    before = source.stat()
    place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = 12")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))


def failed_then_mended(place):
    place.edit("churn/scale.py", "return bounded(width)", "return bounded(widht)")
    place.call(fails=True)
    place.executed()
    place.edit("churn/scale.py", "return bounded(widht)", "return bounded(width)")


def failed_then_changed(place):
    failed_then_mended(place)
    place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = 13")


def ended_by(number):
    def edit(place):
        place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = %d" % (14 + number))
        hold = place.top / "ran hold features"
        hold.touch()
        process = place.start()
        end = time.time() + 60
        while not (place.ran_file.exists() and "features" in place.ran_file.read_text()) and time.time() < end:
            time.sleep(0.01)
        place.end(process, number)
        hold.unlink()
        place.executed()
    return edit


def two_at_once(place):
    place.edit("churn/scale.py", "FACTOR = 10", "FACTOR = 4")
    hold = place.top / "ran hold features"
    hold.touch()
    first, second = place.start(), place.start()
    end = time.time() + 60
    while not (place.ran_file.exists() and "features" in place.ran_file.read_text()) and time.time() < end:
        time.sleep(0.01)
    hold.unlink()
    for process in (first, second):
        process.communicate()
    if place.executed() != ["features", "report", "train"]:
        raise AssertionError("two at once did not share the work")


# the tool's cache

def cache_gone(place):
    shutil.rmtree(place.cache_folder())


def blob_damaged(place):
    place.damage_blobs()
    place.remove("out/model.json")


def records_damaged(place):
    place.damage_records()


def output_gone_and_input_changed(place):
    place.remove("out/model.json")
    place.edit(RAW, "#eve,9", "#eve,7")


FORMS = [
    Form("times and contents",
         Row("nothing at all", nothing, NONE),
         Row("input touched", lambda p: os.utime(p.root / RAW), NONE),
         Row("every file touched", touch_all, NONE),
         Row("time set back, same content", lambda p: stamp(p, RAW, 946684800), NONE),
         Row("time in the future, same content", lambda p: stamp(p, RAW, time.time() + 86400), NONE),
         Row("input changed, same size and time", same_size_and_time, PREPARE),
         Row("code changed, same size and time", same_times_other_code, FEATURES),
         Row("input changed, clock behind", clock_behind, PREPARE),
         Row("input changed, clock ahead", clock_ahead, PREPARE),
         Row("input grows", lambda p: p.write(RAW, p.text(RAW) + "dan,7\n"), PREPARE),
         Row("change that the first step drops", edits((RAW, "#eve,9", "#eve,8")), PREPARE_CUT),
         Row("change and change back before a run", two_edits_that_cancel, NONE),
         Row("input replaced by an equal copy", replaced_by_a_copy, NONE),
         Row("input becomes a link to the same content", link_of_the_same_content, NONE),
         Row("input with CRLF", crlf(RAW), PREPARE_CUT),
         Row("input readable by others", mode(RAW, 0o604), NONE),
         Row("input renamed", renamed_input, PREPARE_CUT),
         Row("input renamed by case alone", renamed_case, PREPARE_CUT),
         Row("file beside the input", lambda p: p.write("data/raw.csv.bak", "x\n"), NONE),
         Row("output gone, input changed without effect", output_gone_and_input_changed, verdict("rerun", "cutoff", "restore", "cutoff", "skip"))),
    Form("input that is a link",
         Row("content behind the link", edits(("store/raw-1.csv", "bob,1", "bob,2")), PREPARE),
         Row("link to an equal file", lambda p: (p.write("store/raw-2.csv", p.text("store/raw-1.csv")), p.remove(RAW), (p.root / RAW).symlink_to("../store/raw-2.csv")), NONE),
         Row("link to another file", lambda p: (p.write("store/raw-2.csv", "name,size\nzed,1\n"), p.remove(RAW), (p.root / RAW).symlink_to("../store/raw-2.csv")), PREPARE),
         prepare=link_of_the_same_content),
    Form("folder as input",
         Row("one file changed", edits(("conf/notes/a.txt", "first", "other")), REPORT),
         Row("file added", lambda p: p.write("conf/notes/c.txt", "third note\n"), REPORT),
         Row("file removed", remove("conf/notes/b.txt"), REPORT),
         Row("file renamed", lambda p: p.rename("conf/notes/b.txt", "conf/notes/z.txt"), REPORT),
         Row("file touched", lambda p: os.utime(p.root / "conf/notes/a.txt"), NONE),
         Row("two files change places", lambda p: (p.write("conf/notes/a.txt", "second note\n"), p.write("conf/notes/b.txt", "first note\n")), REPORT),
         Row("file beside the folder", lambda p: p.write("conf/other.txt", "x\n"), NONE)),
    Form("outputs",
         Row("last output deleted", remove("out/report"), REPORT_BACK),
         Row("output in the middle deleted", remove("out/table.csv"), verdict("skip", "restore", "skip", "skip", "skip")),
         Row("all outputs deleted", remove("out"), BACK),
         Row("output edited by hand", output_edited("out/model.json"), verdict("skip", "skip", "restore", "skip", "skip")),
         Row("file in an output folder edited", output_edited("out/report/notes.txt"), REPORT_BACK),
         Row("file in an output folder deleted", remove("out/report/index.txt"), REPORT_BACK),
         Row("file in an output folder that nobody made", output_edited("out/report/stray.txt"), REPORT_BACK),
         Row("outputs touched", output_touched, NONE),
         Row("output renamed in the pipeline", changes(table="out/renamed.csv"), verdict("skip", "rerun", "rerun", "cutoff", "skip"))),
    Form("parameters, variables, command",
         Row("parameter that a step binds", changes(lr="0.2"), TRAIN),
         Row("parameter that nobody binds", changes(idle="2"), NONE),
         Row("parameter written otherwise", changes(lr="0.10"), NONE),
         Row("fixed variable", changes(mode="slow"), FEATURES),
         Row("declared variable of the caller", shown(REGION="north"), TRAIN),
         Row("stray variable of the caller", shown(STRAY="x"), NONE),
         Row("locale of the caller", shown(LANG="de_DE.UTF-8", TZ="Asia/Tokyo"), NONE),
         Row("comment in the pipeline's file", changes(remark="a remark"), NONE),
         Row("order of steps and keys", changes(reverse=True), NONE),
         Row("one more option of a command", changes(option=" --quiet"), PREPARE_CUT),
         Row("a new step", changes(more=True), dict(NONE, extra="rerun")),
         Row("a step less", changes(steps=("prepare", "features", "train", "report")), {k: "skip" for k in ("prepare", "features", "train", "report")}),
         Row("retries and time limits", changes(limits="7m"), NONE)),
    Form("the project",
         Row("called from a folder below", below, NONE),
         Row("folder moved", moved, NONE),
         Row("fresh clone", fresh_clone, BACK),
         Row("branch and back", checkout_back, verdict("skip", "restore", "restore", "restore", "skip")),
         Row("branch, back and forth", checkout_forth, verdict("skip", "restore", "restore", "restore", "skip")),
         Row("definition added, run, removed", new_file_then_gone, NONE),
         Row("bytecode that is stale and looks fresh", stale_bytecode, FEATURES),
         Row("failure, then mended", failed_then_mended, verdict("skip", "restore", "skip", "skip", "skip")),
         Row("failure, then changed", failed_then_changed, FEATURES),
         Row("killed in the middle", ended_by(signal.SIGKILL), FEATURES),
         Row("interrupted in the middle", ended_by(signal.SIGINT), FEATURES),
         Row("two runs at once", two_at_once, NONE)),
    Form("the cache",
         Row("cache deleted", cache_gone, ALL),
         Row("stored results damaged, an output gone", blob_damaged, verdict("skip", "skip", "rerun", "cutoff", "skip")),
         Row("records damaged", records_damaged, ALL)),
    Form("shell scripts",
         Row("script of the command", edits(("tools/aside.sh", "say aside", "say again")), ASIDE),
         Row("script that it sources", edits(("tools/common.sh", 'echo "$1"', 'echo "<$1>"')), ASIDE),
         Row("script beside it", edits(("tools/other.sh", "other", "another")), NONE)),
]

__all__ = ["FORMS", "FEATURES_CUT"]
