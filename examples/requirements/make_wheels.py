# SPDX-License-Identifier: Apache-2.0
"""Makes the packages of this example, always the same bytes: python3 make_wheels.py"""
import base64
import hashlib
import pathlib
import zipfile

PACKAGES = [("greet", "1.0", 'from words import WORD\n\n\ndef greet(name):\n    return "%s, %s" % (WORD, name)\n', ["words", 'shout; extra == "loud"'], ["loud"]),
            ("words", "1.0", 'WORD = "hello"\n', [], []),
            ("words", "2.0", 'WORD = "good day"\n', [], []),
            ("shout", "1.0", "def shout(text):\n    return text.upper()\n", [], [])]

for name, version, code, requires, extras in PACKAGES:
    info = "%s-%s.dist-info/" % (name, version)
    metadata = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    metadata += ["Provides-Extra: " + e for e in extras] + ["Requires-Dist: " + r for r in requires]
    files = {name + ".py": code + "\nVERSION = %r\n" % version, info + "METADATA": "\n".join(metadata) + "\n",
             info + "WHEEL": "Wheel-Version: 1.0\nGenerator: make_wheels\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += "%s,sha256=%s,%d\n" % (path, digest, len(text.encode()))
    files[info + "RECORD"] = record + info + "RECORD,,\n"
    target = pathlib.Path(__file__).parent / "wheels" / ("%s-%s-py3-none-any.whl" % (name, version))
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    print("%s  %s" % (hashlib.sha256(target.read_bytes()).hexdigest(), target.name))
