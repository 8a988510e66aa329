# SPDX-License-Identifier: Apache-2.0
"""house: what the checks in this folder share: the sources, their includes, and a record of what passed already."""
import hashlib
import json
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUFFIXES = (".c", ".h", ".cc")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def sources(suffixes=SUFFIXES):
    """Every C source that git knows or would add, relative to the top, sorted."""
    args = ["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked release
        names = [os.path.relpath(os.path.join(d, f), TOP) for d, _, fs in os.walk(TOP) for f in fs]
        names = [n for n in names if not n.startswith((".", "build"))]
    return sorted(n for n in set(names) if n.endswith(suffixes) and os.path.isfile(os.path.join(TOP, n)))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def without_comments(text):
    """The same text with comments and the insides of literals blanked; lines and columns stay."""
    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[-1]
        return re.sub(r"[^\n]", " ", s)
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def includes(text):
    """[(line, kind, name)]: kind is '<' or '"'."""
    return [(text.count("\n", 0, m.start()) + 1, m.group(1), m.group(2)) for m in INCLUDE.finditer(text)]


class Passed:
    """What passed a check stays passed until it, or a header below it, changes: build/lint-NAME.json."""

    def __init__(self, name, extra):
        self.path = os.path.join(TOP, "build", f"lint-{name}.json")
        self.extra = extra
        self.texts = {}
        self.now = {}
        try:
            with open(self.path, encoding="utf-8") as f:
                self.old = json.load(f)
        except (OSError, ValueError):
            self.old = {}

    def _text(self, path):
        if path not in self.texts:
            self.texts[path] = read(path) if os.path.isfile(os.path.join(TOP, path)) else ""
        return self.texts[path]

    def key(self, path):
        seen, todo = set(), [path]
        while todo:
            p = todo.pop()
            if p not in seen:
                seen.add(p)
                todo += [n for _, kind, n in includes(self._text(p)) if kind == '"']
        h = hashlib.sha256(self.extra.encode())
        for p in sorted(seen):
            h.update(p.encode() + b"\0" + self._text(p).encode() + b"\0")
        return h.hexdigest()

    def has(self, path):
        k = self.key(path)
        if self.old.get(path) != k:
            return False
        self.now[path] = k
        return True

    def add(self, path):
        self.now[path] = self.key(path)

    def save(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(self.now, f, indent=0, sort_keys=True)
        os.replace(temporary, self.path)


def in_parallel(function, items):
    """[function(i)] in order, on all CPUs; the functions start programs and wait for them."""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(function, items))
