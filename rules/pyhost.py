# SPDX-License-Identifier: Apache-2.0
"""Who this interpreter is, for pawl: `who` prints its identity, `dists` what is installed for it. One JSON object; Python 3.6 and later."""
import ast
import json
import os
import re
import site
import sys

DEVELOPMENT = re.compile(r"^(test|tests|testing|dev|develop|development|doc|docs|lint|typing|types|ci|bench|benchmark|build|release|style|all|full)\b")
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def who():
    import importlib.machinery
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    folders = list(site.getsitepackages()) if hasattr(site, "getsitepackages") else []
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return {"executable": sys.executable, "real": base, "version": "%d.%d.%d" % sys.version_info[:3],
            "implementation": sys.implementation.name, "suffixes": importlib.machinery.EXTENSION_SUFFIXES, "folders": folders}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(lines):
    found = []
    for line in lines or ():
        text, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        name = NAME.match(text)
        if name and not (extra and DEVELOPMENT.match(extra.group(1).lower())):
            found.append(normal(name.group(1)))
    return sorted(set(found))


def editable(folder):
    """Where the finders of editable installations lead: folders to search."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.startswith("__editable__") and name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                mapping = re.search(r"^MAPPING[^=]*= (\{.*\})$", file.read(), re.M)
            try:
                found += [os.path.dirname(path) for path in ast.literal_eval(mapping.group(1)).values()] if mapping else []
            except (ValueError, SyntaxError):
                pass
    return found


def distribution(folder, name):
    path = os.path.join(folder, name)
    top, requires, scripts, points, title, version = set(), [], [], [], "", ""
    from email.parser import HeaderParser
    metadata = os.path.join(path, "METADATA") if name.endswith(".dist-info") else os.path.join(path, "PKG-INFO")
    with open(metadata, encoding="utf-8", errors="replace") as file:
        headers = HeaderParser().parse(file)
    title, version, requires = headers.get("Name", ""), headers.get("Version", ""), headers.get_all("Requires-Dist") or []
    for listing in ("RECORD", "installed-files.txt"):
        try:
            with open(os.path.join(path, listing), encoding="utf-8", errors="replace") as file:
                for line in file:
                    first = line.split(",")[0].strip().strip('"')
                    head = first.split("/")[0]
                    if first.startswith("..") or head.endswith((".dist-info", ".egg-info", ".data")) or head == "__pycache__":
                        continue
                    if "/" in first:
                        top.add(head)
                    elif head.endswith((".py", ".so", ".pyd")):
                        top.add(head.split(".")[0])
        except OSError:
            pass
    try:
        with open(os.path.join(path, "top_level.txt"), encoding="utf-8", errors="replace") as file:
            top.update(file.read().split())
    except OSError:
        pass
    try:
        with open(os.path.join(path, "entry_points.txt"), encoding="utf-8", errors="replace") as file:
            section = ""
            for line in file:
                if line.startswith("["):
                    section = line.strip()
                elif "=" in line and section == "[console_scripts]":
                    scripts.append(line.split("=")[0].strip())
                elif "=" in line and section != "[gui_scripts]":
                    points.append(line.partition("=")[2].strip())
    except OSError:
        pass
    return {"name": normal(title), "version": version, "folder": path, "requires": requirements(requires), "top": sorted(top),
            "scripts": sorted(scripts), "points": sorted(points)}


def dists():
    inside = os.path.dirname(os.path.realpath(os.__file__))
    paths, found, seen = [], [], set()
    for path in sys.path:
        real = os.path.realpath(path)
        if not path or not os.path.isdir(real) or real == inside or real in seen or path.endswith("lib-dynload"):
            continue
        seen.add(real)
        paths.append(path)
    for folder in list(paths):
        for name in sorted(os.listdir(folder)):
            if name.endswith((".dist-info", ".egg-info")) and os.path.isdir(os.path.join(folder, name)):
                try:
                    found.append(distribution(folder, name))
                except (OSError, ValueError):
                    pass
        paths += editable(folder)
    return {"paths": paths, "dists": found}


sys.stdout.write(json.dumps({"who": who, "dists": dists}[sys.argv[1]](), sort_keys=True) + "\n")
