# SPDX-License-Identifier: Apache-2.0
"""The same work written for pawl, ninja, make, Snakemake and DVC."""
import json
import pathlib
import shutil


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def copies(root, n):
    """n files, each copied by a step of its own: 2 n files in all."""
    root = pathlib.Path(root)
    for i in range(n):
        _write(root / "in" / ("%d.txt" % i), "%d\n" % i)
    (root / "out").mkdir(exist_ok=True)
    _write(root / "build.ninja", "rule copy\n  command = cp $in $out\n" + "".join("build out/%d.txt: copy in/%d.txt\n" % (i, i) for i in range(n)))
    _write(root / "Makefile", "all: %s\nout/%%.txt: in/%%.txt\n\tcp $< $@\n" % " ".join("out/%d.txt" % i for i in range(n)))
    _write(root / "pawl.yaml", "version: 1\npipeline: copies\nsteps:\n" + "".join(
        "  s%d: {run: \"cp ${inputs.i} ${outputs.o}\", inputs: {i: in/%d.txt}, outputs: {o: pawl-out/%d.txt}}\n" % (i, i, i) for i in range(n)))


def trivial(root, n):
    """n steps that write a file each, without inputs."""
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / "out").mkdir(exist_ok=True)
    _write(root / "build.ninja", "rule make\n  command = echo $n > $out\n" + "".join("build out/%d.txt: make\n  n = %d\n" % (i, i) for i in range(n)))
    _write(root / "pawl.yaml", "version: 1\npipeline: trivial\nsteps:\n" + "".join(
        "  s%d: {run: \"echo %d > ${outputs.o}\", outputs: {o: pawl-out/%d.txt}}\n" % (i, i, i) for i in range(n)))


def mapped(root, n):
    """The n steps of trivial() as one step over a range."""
    root = pathlib.Path(root)
    _write(root / "pawl.yaml", "version: 1\npipeline: mapped\nsteps:\n  s: {foreach: {i: {range: [0, %d]}}, run: \"echo ${item.i} > ${outputs.o}\", "
           "outputs: {o: \"pawl-out/${item.i}.txt\"}}\n" % n)


def imports(root, python):
    """One Python step that imports much of the standard library and then works for about a second."""
    root = pathlib.Path(root)
    names = ("asyncio unittest http.server email.mime.multipart xml.dom.minidom concurrent.futures multiprocessing.pool sqlite3 decimal fractions logging.config "
             "urllib.request ssl ctypes pydoc doctest json csv zipfile tarfile statistics imaplib smtplib ftplib xmlrpc.server html.parser argparse configparser "
             "difflib gettext glob hashlib inspect pickle platform plistlib random shelve socketserver tempfile").split()
    _write(root / "heavy.py", "import sys\n" + "".join("import %s\n" % name for name in names) +
           "total = sum(i * i % 7 for i in range(6000000))\nopen(sys.argv[1], 'w').write(str(total))\n")
    _write(root / "pawl.yaml", "version: 1\npipeline: imports\nsteps:\n  s: {run: [%s, heavy.py, \"${outputs.o}\"], outputs: {o: o.txt}}\n" % json.dumps(str(python)))


def snakemake(root, n):
    root = pathlib.Path(root)
    for i in range(n):
        _write(root / "in" / ("%d.txt" % i), "%d\n" % i)
    _write(root / "Snakefile", "rule all:\n    input: expand('out/{i}.txt', i=range(%d))\nrule copy:\n    input: 'in/{i}.txt'\n"
           "    output: 'out/{i}.txt'\n    shell: 'cp {input} {output}'\n" % n)


def dvc(root, n):
    root = pathlib.Path(root)
    for i in range(n):
        _write(root / "in" / ("%d.txt" % i), "%d\n" % i)
    _write(root / "dvc.yaml", "stages:\n" + "".join(
        "  s%d:\n    cmd: mkdir -p out && cp in/%d.txt out/%d.txt\n    deps: [in/%d.txt]\n    outs: [out/%d.txt]\n" % (i, i, i, i, i) for i in range(n)))


def dvc_outputs(root, n):
    (pathlib.Path(root) / "out").mkdir()
    for i in range(n):
        shutil.copyfile(pathlib.Path(root) / "in" / ("%d.txt" % i), pathlib.Path(root) / "out" / ("%d.txt" % i))
