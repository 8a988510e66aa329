# SPDX-License-Identifier: Apache-2.0
"""Versions, specifiers, markers, requirements and tags, against the real `packaging` library of the environment that tools/test-venv
makes: a system's own, or the one inside its pip, may be years older and of another opinion."""
import itertools
import os
import pathlib
import random
import subprocess
import sys
import unittest

sys.path[:0] = map(str, pathlib.Path(os.environ.get("PAWL_TEST_VENV", "build/test-venv")).resolve().glob("lib/python*/site-packages"))
try:
    import packaging
    from packaging import markers, requirements, specifiers, tags, utils, version
    OLD = int(packaging.__version__.split(".")[0]) < 24
except ImportError:
    OLD = True

BUILD = pathlib.Path(os.environ.get("PAWL", "build/pawl")).resolve().parent
PROGRAM = BUILD / "tests/rules/test_oracle"

VERSIONS = """1 1.0 1.0.0 v1.0 1.0a1 1.0.alpha-1 1.0b2 1.0rc1 1.0c2 1.0-preview 1.0.dev1 1.0a1.dev2 1.0.post1 1.0-1 1.0rev3 1.0.post1.dev2
1!1.0 1.1 1.2.3 1.10 2.0 2.0a1 0.9 0.9.9 1.0+local 1.0+local.1 1.0+1 1.0+abc.10 1.0.post1+x 2.0.dev0 1.4 1.4.2 1.4.5 1.4.2.post3 1.5a1 1.04
2024.1 20.9 1.0.0.0.1 01.01 1.0.0b4.post345.dev456""".split()
NO_VERSIONS = ["", "x", "1.", ".1", "1..2", "1.0+", "1.0+a+b", "1!", "1.0a1a2", "1.0.", "1-", "a1", "1.0.dev1.post1", "1 0", "1.0+é"]
CLAUSES = ["==1.0", "==1.0.0", "==1.*", "==1.0.*", "!=1.0", "!=1.*", "!=1.4.*", "<1.0", "<1.0a2", "<2.0", "<=1.0", "<=1.4.2", ">1.0", ">1.0.post1",
           ">0.9", ">=1.0", ">=1.0a1", ">=2.0.dev0", "~=1.0", "~=1.4", "~=1.4.2", "~=1.4a1", "~=1.4.2.post1", "==1.0+local", "!=1.0+local",
           "==1.0a1", "==1!1.0", ">=1!0", "==1.0.post1", "===1.0", "< 2", ">= 1.4.2"]
NO_CLAUSES = ["1.0", "=1.0", "=>1.0", ">=1.*", "~=1", "==", "<1.0+x", "==1.0.dev1.*", "==1.0a1.*", "==1.0+x.*"]
MARKERS = ["python_version < '3.10'", "python_version >= \"3.9\"", "python_version == '3.11'", "python_version != '3.11.*'", "'3.10' <= python_version",
           "python_version in '3.10 3.11'", "python_version not in '3.8, 3.9'", "python_full_version < '3.11.1'", "os_name == 'posix'",
           "sys_platform == 'win32'", "sys_platform != 'win32'", "platform_machine == 'x86_64'", "platform_machine in 'x86_64 aarch64'",
           "platform_system == 'Linux'", "platform_python_implementation == 'CPython'", "implementation_name == 'cpython'",
           "implementation_version >= '3.9'", "'lin' in sys_platform", "os.name == 'posix'", "sys.platform == 'linux'"]
REQUIREMENTS = ["six", "Six", "a_b.c", "a[x]", "a[y,X]>=1", "a (>=1,<2)", "a>=1,<2,!=1.5", "a;python_version<'3'", "a ; (os_name=='a' or os_name=='b')",
                "a[x,y]==1.*;extra=='z'", "a~=1.4.2", "a===weird", "a==1.0+local"]
NO_REQUIREMENTS = ["", "-a", "a-", "a[", "a[x", "a>=", "a>=1 <2", "a;", "a;foo=='x'", "a;os_name", "a b", "a[x]y", "a;os_name=='a' and", "a((>1))"]


def ask(questions):
    """The answers of our code, one each."""
    text = "".join("\t".join(q) + "\n" for q in questions)
    done = subprocess.run([str(PROGRAM), "-"], input=text.encode(), stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode().split("\n")[:-1]
    assert len(answers) == len(questions)
    return answers


@unittest.skipIf(OLD, "not installed: packaging 24 or newer")
@unittest.skipUnless(PROGRAM.exists(), "'make check-unit' builds tests/rules/test_oracle first")
class PackagingOracle(unittest.TestCase):
    def compare(self, questions, expected):
        wrong = ["%s: %s, packaging says %s" % (q, got, want) for q, got, want in zip(questions, ask(questions), expected) if got != want]
        self.assertEqual(wrong[:20], [], "%d of %d differ" % (len(wrong), len(questions)))

    def test_versions_have_the_same_normal_form(self):
        self.compare([("version", v) for v in VERSIONS], [str(version.Version(v)) for v in VERSIONS])
        for v in NO_VERSIONS:
            with self.assertRaises(version.InvalidVersion):
                version.Version(v)
        self.compare([("version", v) for v in NO_VERSIONS], ["error"] * len(NO_VERSIONS))

    def test_versions_are_ordered_alike(self):
        pairs = list(itertools.product(VERSIONS, repeat=2))
        order = [(version.Version(a), version.Version(b)) for a, b in pairs]
        self.compare([("compare",) + p for p in pairs], ["<" if a < b else ">" if a > b else "=" for a, b in order])

    def test_clauses_hold_for_the_same_versions(self):
        pairs = list(itertools.product(CLAUSES, VERSIONS))
        if not hasattr(specifiers, "_fast_match"):  # older libraries see these otherwise
            pairs = [p for p in pairs if p[0][0] not in "<>" or p[0][1] == "=" or version.Version(p[0][1:]).base_version != version.Version(p[1]).base_version]
        expected = [specifiers.Specifier(c).contains(version.Version(v), prereleases=True) for c, v in pairs]
        self.compare([("holds",) + p for p in pairs], ["true" if e else "false" for e in expected])
        for c in NO_CLAUSES:
            with self.assertRaises(specifiers.InvalidSpecifier):
                specifiers.Specifier(c)
        self.compare([("holds", c, "1.0") for c in NO_CLAUSES], ["error"] * len(NO_CLAUSES))

    def test_random_versions(self):
        seed = random.SystemRandom().randrange(1 << 30)
        r = random.Random(seed)
        with self.subTest(seed=seed):
            def one():
                text = ".".join(str(r.randrange(3)) for _ in range(r.randrange(1, 4)))
                for part in ("a", "b", "rc", ".post", ".dev", "+x."):
                    if r.random() < .2:
                        text += part + str(r.randrange(3))
                return text
            made = [one() for _ in range(3000)]
            good = []
            for v in made:
                try:
                    good.append(version.Version(v))
                except version.InvalidVersion:
                    good.append(None)
            self.compare([("version", v) for v in made], [str(g) if g else "error" for g in good])
            good = [g for g in good if g]
            pairs = [(r.choice(good), r.choice(good)) for _ in range(3000)]
            self.compare([("compare", str(a), str(b)) for a, b in pairs], ["<" if a < b else ">" if a > b else "=" for a, b in pairs])
            rows, expected = [], []
            for a, b in pairs:
                op = r.choice(["==", "!=", "<", "<=", ">", ">=", "~="])
                if op in "<>" and a.base_version == b.base_version and not hasattr(specifiers, "_fast_match"):
                    continue  # libraries before version 26 judged relatives of a pre-release otherwise
                try:
                    s = specifiers.Specifier(op + str(a))
                except specifiers.InvalidSpecifier:
                    rows.append(("holds", op + str(a), str(b)))
                    expected.append("error")
                    continue
                rows.append(("holds", op + str(a), str(b)))
                expected.append("true" if s.contains(b, prereleases=True) else "false")
            self.compare(rows, expected)

    def environment(self, python):
        return {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "implementation_name": "cpython",
                "platform_python_implementation": "CPython", "platform_machine": "x86_64", "python_version": python,
                "python_full_version": python + ".0", "implementation_version": python + ".0", "platform_release": "", "platform_version": "",
                "extra": ""}

    def test_markers_have_the_same_value(self):
        texts = list(MARKERS)
        texts += ["%s and %s" % p for p in itertools.product(MARKERS, repeat=2)]
        texts += ["%s or %s and %s" % (a, b, c) for a, b, c in zip(MARKERS, MARKERS[3:], MARKERS[7:])]
        texts += ["(%s or %s) and (%s)" % (a, b, c) for a, b, c in zip(MARKERS, MARKERS[5:], MARKERS[2:])]
        for python in ("3.8", "3.9", "3.11", "3.13"):
            expected = [markers.Marker(t).evaluate(self.environment(python)) for t in texts]
            self.compare([("marker", t, python) for t in texts], ["true" if e else "false" for e in expected])

    def test_markers_of_locks_have_the_same_value(self):
        atoms = ["'x' in extras", "'y-z' in extras", "'x' not in extras", "'dev' in dependency_groups", "'dev' not in dependency_groups",
                 "python_full_version < '3.11.5'", "python_full_version >= '3.11.7'", "implementation_version != '3.11.4'", "sys_platform == 'win32'"]
        texts = atoms + ["%s %s %s" % (a, op, b) for a, b in itertools.product(atoms, repeat=2) for op in ("and", "or")]
        for full, extras, groups in itertools.product(("3.11.4", "3.11.7", "3.12.0"), ("", "x", "x y-z"), ("", "dev")):
            env = dict(self.environment(full.rsplit(".", 1)[0]), python_full_version=full, implementation_version=full, extras=set(extras.split()),
                       dependency_groups=set(groups.split()))
            expected = [markers.Marker(t).evaluate(env, context="lock_file") for t in texts]
            self.compare([("lock-marker", t, full, extras, groups) for t in texts], ["true" if e else "false" for e in expected])

    def test_names_and_wheel_files(self):
        stems = ["six", "Foo", "a_b", "a.b-c", "A__b--.c", "x1", "1x", "a-", "-a", "", "a b", "a+b", "_", "a..b"]
        expected = []
        for stem in stems:
            try:
                expected.append(utils.canonicalize_name(stem, validate=True))
            except utils.InvalidName:
                expected.append("error")
        self.compare([("name", s) for s in stems], expected)
        files, expected = [], []
        for name, v, build, tag in itertools.product(("six", "Foo_Bar", "a.b"), ("1.0", "1.0rc1", "2!1", "x"), ("", "-1", "-2b", "-b"),
                                                     ("py3-none-any", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")):
            files.append("%s-%s%s-%s.whl" % (name, v, build, tag))
        files += ["six-1.0.whl", "six-1.0-py3-none.whl", "six-1.0-py3-none-any.zip", "six.whl", "six-1.0-1-2-py3-none-any.whl", ""]
        for file in files:
            try:
                found = utils.parse_wheel_filename(file)
                build = "".join(map(str, found[2]))
                expected.append("%s %s %s" % (found[0], found[1], build))
            except (utils.InvalidWheelFilename, ValueError):
                expected.append("error")
        self.compare([("wheel", f) for f in files], expected)

    def test_normal_forms_of_requirements_mean_the_same(self):
        for text, normal in zip(REQUIREMENTS, ask([("requirement", t) for t in REQUIREMENTS])):
            with self.subTest(text):
                ours, theirs = requirements.Requirement(normal), requirements.Requirement(text)
                self.assertEqual(ours.name, utils.canonicalize_name(theirs.name))
                self.assertEqual({utils.canonicalize_name(x) for x in ours.extras}, {utils.canonicalize_name(x) for x in theirs.extras})
                self.assertEqual(ours.specifier, theirs.specifier)
                self.assertEqual(bool(ours.marker), bool(theirs.marker))
        for text in NO_REQUIREMENTS:
            with self.assertRaises(requirements.InvalidRequirement):
                requirements.Requirement(text)
        self.compare([("requirement", t) for t in NO_REQUIREMENTS], ["error"] * len(NO_REQUIREMENTS))

    def test_tags_come_in_the_same_order(self):
        for minor in (8, 9, 11, 13):
            for machine, platform, oldest in (("x86_64", "linux/amd64", 5), ("aarch64", "linux/arm64", 17)):
                platforms = []
                for m in range(36, oldest - 1, -1):
                    platforms.append("manylinux_2_%d_%s" % (m, machine))
                    old = {17: "2014", 12: "2010", 5: "1"}.get(m)
                    if old:
                        platforms.append("manylinux%s_%s" % (old, machine))
                platforms.append("linux_" + machine)
                expected = [str(t) for t in tags.cpython_tags((3, minor), ["cp3%d" % minor], platforms)]
                expected += [str(t) for t in tags.compatible_tags((3, minor), "cp3%d" % minor, platforms)]
                self.compare([("tags", "3.%d" % minor, platform, "2.36")], [" ".join(expected)])


if __name__ == "__main__":
    unittest.main()
