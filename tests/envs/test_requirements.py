# SPDX-License-Identifier: Apache-2.0
"""Requirements as people keep them: files in their full grammar, pyproject.toml, local packages that are code, sources that are built, what is installed."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import harness  # noqa: E402
import wheels  # noqa: E402

PRINT = "import alpha; print('alpha', alpha.VERSION)\nimport importlib.util as u; print(*[n for n in ('beta', 'delta', 'old') if u.find_spec(n)])"
BACKEND = '''
import base64, hashlib, os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    info, files = "foo-1.2.dist-info", {}
    files["foo.py"] = "VERSION = '1.2'\\n"
    files[info + "/METADATA"] = "Metadata-Version: 2.1\\nName: foo\\nVersion: 1.2\\nRequires-Dist: beta\\n"
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    record = "".join("%s,sha256=%s,%d\\n" % (k, base64.urlsafe_b64encode(hashlib.sha256(v.encode()).digest()).decode().rstrip("="), len(v))
                     for k, v in files.items())
    files[info + "/RECORD"] = record + info + "/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(folder, "foo-1.2-py3-none-any.whl"), "w") as archive:
        for k, v in files.items():
            archive.writestr(zipfile.ZipInfo(k, (2020, 1, 1, 0, 0, 0)), v)
    return "foo-1.2-py3-none-any.whl"
def build_sdist(folder, config_settings=None):
    raise SystemExit("nobody asks for it")
'''
FOO = {"pyproject.toml": '[project]\nname = "foo"\nversion = "1.2"\ndependencies = ["beta"]\n[build-system]\nrequires = []\n'
                         'build-backend = "backend"\nbackend-path = ["."]\n', "backend.py": BACKEND,
       "PKG-INFO": "Metadata-Version: 2.2\nName: foo\nVersion: 1.2\nRequires-Dist: beta\n"}


class Case(wheels.WheelTest):
    def setUp(self):
        super().setUp()
        self.sha = {}
        for name, version, requires, extras in (("alpha", "1.0", ["beta", "delta; extra == 'd'"], ["d"]), ("alpha", "2.0rc1", [], []), ("beta", "1.5", [], []),
                                                ("beta", "1.0", [], []), ("delta", "2.0", [], []), ("old", "1", [], [])):
            self.sha[name + version] = self.add_wheel(name, version, requires, extras)

    def lock(self):
        return {w["name"]: w for entry in json.loads(self.read("pawl.lock"))["requirements"].values() for w in entry["wheels"]}


class Files(Case):
    def test_the_grammar(self):
        self.write("deps/base.txt", "\ufeffalpha [D] \\\r\n  >= 1.0 ; python_version > '3' # why\r\n-c limits.txt\r\n")
        self.write("deps/limits.txt", "beta<1.5\n")
        self.write("requirements.txt", "-r deps/base.txt\nold ; sys_platform == 'win32'\n")
        self.project("{requirements: [requirements.txt]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta")
        self.assertEqual(self.lock()["beta"]["version"], "1.0")
        (self.root / "pawl.lock").unlink()
        self.write("requirements.txt", "--pre\n-r deps/base.txt\n")
        self.assertEqual(self.result(), "alpha 2.0rc1")

    def test_strings_and_constraints(self):
        self.write("limits.txt", "beta==1.0\n")
        self.project('{requirements: ["alpha[d]==1.0", old], constraints: [limits.txt]}', PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta old")
        self.assertEqual(self.lock()["beta"]["version"], "1.0")

    def test_wheels_by_path_and_links(self):
        self.write("more/.keep", "")
        name, data = wheels.wheel("alpha", "3.0", ["extra-one"])
        (self.root / "more" / name).write_bytes(data)
        name, data = wheels.wheel("extra-one", "1")
        (self.root / "more" / name).write_bytes(data)
        self.write("requirements.txt", "--find-links more\n./more/alpha-3.0-py3-none-any.whl\n")
        self.project("{requirements: [requirements.txt]}", PRINT.replace("'old'", "'extra_one'"))
        self.assertEqual(self.result(), "alpha 3.0\nextra_one")
        self.assertNotIn(str(self.root), self.read("pawl.lock"))
        self.assertEqual(self.run_json("--locked", "--offline").states(), {"s": "hit"})
        self.write("requirements.txt", "--find-links=more\nalpha @ file:more/alpha-3.0-py3-none-any.whl   # the same\n")
        self.assertEqual(self.run_json("--locked").states(), {"s": "hit"})
        name, data = wheels.wheel("alpha", "3.0", files={"alpha.py": "VERSION = 'three'\n"})
        (self.root / "more" / name).write_bytes(data)
        self.assertEqual(self.result(), "alpha three")

    def test_a_fresh_clone_finds_files_by_path(self):
        (self.root / "alpha-1.0-py3-none-any.whl").write_bytes((self.wheels / "alpha-1.0-py3-none-any.whl").read_bytes())
        (self.wheels / "alpha-1.0-py3-none-any.whl").unlink()
        self.write("requirements.txt", "./alpha-1.0-py3-none-any.whl\n")
        self.project("{requirements: [requirements.txt]}", PRINT)
        self.pawl("lock")
        self.assertEqual(self.result("--locked", env={"PAWL_CACHE": str(self.top / "empty")}), "alpha 1.0\nbeta")

    def test_variables_and_indexes_by_alias(self):
        index = wheels.Index(self.wheels, login="me:pass%word")
        self.addCleanup(index.close)
        for name in ("UV_CONFIG_FILE", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
            del self.env[name]
        self.write("requirements.txt", "--index-url corp\nalpha==${ALPHA}\n")
        self.project("{requirements: [requirements.txt]}", PRINT)
        self.assertIn("requirements.txt:1:13: error: there is no index 'corp'", self.pawl("run", status=2).err)
        self.env["PAWL_INDEX_CORP"] = index.url.replace("http://", "http://me:pass%25word@")
        self.assertIn("requirements.txt:2:8: error: this variable is not set", self.pawl("run", status=2).err)
        self.env["ALPHA"] = "1.0"
        outcome = self.pawl("-v", "run")
        self.assertEqual(self.read("out.txt"), "alpha 1.0\nbeta\n")
        for text in (outcome.err, outcome.out, self.read("pawl.lock")):
            self.assertNotIn("pass%", text)
            self.assertNotIn(index.host, text)
        self.env["PAWL_CACHE"] = str(self.top / "another")  # from the lock alone, with netrc
        self.env["PAWL_INDEX_CORP"] = index.url
        (self.top / ".netrc").write_text("machine 127.0.0.1\n  login me\n  password pass%word\n")
        self.assertEqual(self.result("--locked"), "alpha 1.0\nbeta")

    def test_mistakes_come_at_once_with_their_places(self):
        self.write("requirements.txt", "alpha==\n--nonsense\n-e ./nowhere\nbeta --hash=md5:1\n${NOBODY}\n")
        self.project("{requirements: [requirements.txt]}", PRINT)
        err = self.pawl("run", status=2).err
        for place in ("requirements.txt:1:6:", "requirements.txt:2:1:", "requirements.txt:4:13:", "requirements.txt:5:1:"):
            self.assertIn(place, err)

    def test_a_wrong_hash_of_a_file(self):
        self.write("requirements.txt", "%s/alpha-1.0-py3-none-any.whl --hash=sha256:%s\n" % ("../wheels", "1" * 64))
        self.project("{requirements: [requirements.txt]}", PRINT)
        self.assertIn("none of those given", self.pawl("run", status=2).err)

    def test_a_conflict_names_its_lines(self):
        self.add_wheel("gamma", "1", ["beta<1.2"])
        self.write("requirements.txt", "# first\ngamma\nbeta>=1.5\n")
        self.project("{requirements: [requirements.txt]}", PRINT)
        err = self.pawl("run", status=2).err
        self.assertIn("requirements.txt:2: gamma", err)
        self.assertIn("requirements.txt:3: beta>=1.5", err)
        self.assertLess(len(err.splitlines()), 14, err)


class FilesByPip(Case):
    def test_strings_links_paths_and_sources(self):
        name, data = wheels.wheel("extra-one", "1")
        self.write("more/.keep", "")
        (self.root / "more" / name).write_bytes(data)
        name, data = wheels.sdist("foo", "1.2", FOO)
        (self.root / name).write_bytes(data)
        self.write("requirements.txt", "-f more\nextra_one\n./foo-1.2.tar.gz\nalpha[d] ; python_version > '3'\n")
        self.project("{requirements: [requirements.txt], installer: pip}", PRINT.replace("'old'", "'extra_one', 'foo'"))
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta extra_one foo")
        self.assertEqual(self.lock()["foo"]["source"], "archive")

    def test_a_conflict_names_its_lines(self):
        self.add_wheel("gamma", "1", ["beta<1.2"])
        self.write("requirements.txt", "# first\ngamma\nbeta>=1.5\n")
        self.project("{requirements: [requirements.txt], installer: pip}", PRINT)
        err = self.pawl("run", status=2).err
        self.assertIn("requirements.txt:2: gamma", err)
        self.assertIn("requirements.txt:3: beta>=1.5", err)


class Pyproject(Case):
    TEXT = """
        [project]
        name = "p"
        version = "0"
        dependencies = ["alpha<2"]
        [project.optional-dependencies]
        more = ["delta"]
        [dependency-groups]
        test = ["old", {include-group = "Base"}]
        base = ["beta<1.2"]
        """

    def test_dependencies_extras_and_groups(self):
        self.write("pyproject.toml", self.TEXT)
        self.project("{pyproject: .}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta")
        self.assertEqual(self.lock()["beta"]["version"], "1.5")
        self.project("{pyproject: ., groups: [more]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta")
        self.project("{pyproject: pyproject.toml, groups: [test]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta old")
        self.assertEqual(self.lock()["beta"]["version"], "1.0")

    def test_mistakes(self):
        self.write("pyproject.toml", self.TEXT)
        self.project("{pyproject: ., groups: [tset]}", PRINT)
        self.assertIn("did you mean 'test'", self.pawl("run", status=2).err)
        self.write("pyproject.toml", self.TEXT.replace('"alpha<2"', '"alpha<2",\n  "be ta"'))
        self.project("{pyproject: .}", PRINT)
        outcome = self.pawl("run", status=2)
        self.assertIn("pyproject.toml:5:1: error: 'ta' is not a version clause", outcome.err, outcome)
        self.write("pyproject.toml", self.TEXT.replace('"Base"', '"bass"'))
        self.project("{pyproject: ., groups: [test]}", PRINT)
        self.assertIn("pyproject.toml:8:", self.pawl("run", status=2).err)
        self.write("pyproject.toml", '[project]\nname = "p"\ndynamic = ["dependencies"]\n')
        self.assertIn("dynamic", self.pawl("run", status=2).err)
        self.write("pyproject.toml", "[project\n")
        self.assertIn("pyproject.toml:1:", self.pawl("run", status=2).err)
        self.project("{pyproject: ., lock: uv.lock, requirements: [alpha]}", PRINT)
        self.write("uv.lock", "version = 1\n")
        self.assertIn("exclude each other", self.pawl("run", status=2).err)


class Local(Case):
    """Local packages are code: no wheel, an edit is a code change, and what nobody reaches is no change."""

    USE = "import mylib, beta; print(mylib.answer(), beta.VERSION)"

    def lib(self, where, requires='["beta"]'):
        self.write(where + "/pyproject.toml", '[project]\nname = "my-lib"\nversion = "1"\ndependencies = %s\n' % requires)
        self.write(where + "/src/mylib/__init__.py", "from .inner import answer\n\ndef unused():\n    return 1\n")
        self.write(where + "/src/mylib/inner.py", "def answer():\n    return 'forty-two'\n")

    def check(self, where):
        self.assertEqual(self.result(), "forty-two 1.5")
        self.assertNotIn("my-lib", self.read("pawl.lock") if self.exists("pawl.lock") else "")
        self.assertEqual(self.run_json().states(), {"s": "hit"})
        self.edit(where + "/src/mylib/inner.py", "forty-two", "42")
        outcome = self.run_json()
        self.assertEqual((outcome.states(), outcome.reasons()), ({"s": "made"}, {"s": "code"}))
        self.assertEqual(self.read("out.txt"), "42 1.5\n")
        self.edit(where + "/src/mylib/__init__.py", "return 1", "return 2  # nobody calls it")
        self.assertEqual(self.run_json().states(), {"s": "hit"})
        self.assertIn("up to date", self.pawl("run").out)

    def test_editable_in_the_project(self):
        self.lib("libs/mylib")
        self.write("services/requirements.txt", "-e ../libs/mylib\n")
        self.project("{requirements: [services/requirements.txt]}", self.USE)
        self.check("libs/mylib")

    def test_editable_beside_the_project(self):
        self.lib("../mylib")
        self.write("requirements.txt", "-e ../mylib\n")
        self.project("{requirements: [requirements.txt]}", self.USE)
        self.check("../mylib")

    def test_a_uv_workspace(self):
        self.lib("packages/mylib")
        self.write("pyproject.toml", """
            [project]
            name = "top"
            version = "0"
            dependencies = ["my-lib"]
            [tool.uv.workspace]
            members = ["packages/*"]
            [tool.uv.sources]
            my-lib = {workspace = true}
            """)
        self.project("{pyproject: .}", self.USE)
        self.check("packages/mylib")

    def test_in_a_lock_of_uv(self):
        self.lib("../mylib")
        self.write("uv.lock", """
            version = 1
            requires-python = ">=3.8"
            [[package]]
            name = "beta"
            version = "1.5"
            source = { registry = "../wheels" }
            wheels = [ { path = "beta-1.5-py3-none-any.whl" } ]
            [[package]]
            name = "my-lib"
            version = "1"
            source = { editable = "../mylib" }
            dependencies = [ { name = "beta" } ]
            [[package]]
            name = "p"
            version = "0"
            source = { virtual = "." }
            dependencies = [ { name = "my-lib" } ]
            """)
        self.project("{lock: uv.lock}", self.USE)
        self.check("../mylib")

    def test_what_a_local_package_requires_is_wanted(self):
        self.lib("mylib", requires='["other", "beta>=1.5"]')
        self.write("mylib/pyproject.toml", '[project]\nname = "my-lib"\ndependencies = ["other"]\n[tool.uv.sources]\nother = {path = "../other"}\n')
        self.write("other/pyproject.toml", '[project]\nname = "other"\ndependencies = ["my-lib"]\n[project.optional-dependencies]\nx = ["beta>=1.5"]\n')
        self.write("requirements.txt", "./mylib\n-e other[x]\nmy_lib\n")
        self.project("{requirements: [requirements.txt]}", self.USE)
        self.assertEqual(self.result(), "forty-two 1.5")
        self.edit("other/pyproject.toml", "beta>=1.5", "beta<1.5")
        self.assertEqual(self.result(), "forty-two 1.0")

    def test_metadata_and_console_scripts(self):
        self.lib("../mylib")
        with open(self.root / "../mylib/pyproject.toml", "a") as file:
            file.write('[project.scripts]\nmy-tool = "mylib.inner:main"\n')
        with open(self.root / "../mylib/src/mylib/inner.py", "a") as file:
            file.write("\ndef main():\n    import importlib.metadata, sys\n"
                       "    open(sys.argv[1], 'w').write(answer() + ' ' + importlib.metadata.version('my-lib'))\n")
        self.write("requirements.txt", "-e ../mylib\n")
        self.project("{requirements: [requirements.txt]}", "pass")
        text = self.read("pawl.yaml")
        start, end = text.index("run: ["), text.index("outputs: {o")
        (self.root / "pawl.yaml").write_text(text[:start] + 'run: [my-tool, "${outputs.o}"]\n    ' + text[end:])
        self.pawl("run")
        self.assertEqual(self.read("out.txt"), "forty-two 1")
        self.assertNotIn("my-lib", self.read("pawl.lock"))
        self.assertIn("up to date", self.pawl("run").out)
        self.edit("../mylib/src/mylib/inner.py", "forty-two", "42")
        outcome = self.run_json()
        self.assertEqual((outcome.reasons(), self.read("out.txt")), ({"s": "code"}, "42 1"))
        self.edit("../mylib/pyproject.toml", 'version = "1"', 'version = "2"')
        outcome = self.run_json()
        self.assertEqual((outcome.reasons(), self.read("out.txt")), ({"s": "environment"}, "42 2"))

    def test_no_folder(self):
        self.write("requirements.txt", "beta\n-e ../nowhere\n")
        self.project("{requirements: [requirements.txt]}", self.USE)
        self.assertIn("requirements.txt:2:4: error: there is no folder '../nowhere'", self.pawl("run", status=2).err)


class Sources(Case):
    USE = "import foo, beta; print(foo.VERSION, beta.VERSION)"

    def setUp(self):
        super().setUp()
        name, data = wheels.sdist("foo", "1.2", FOO)
        self.sdist = self.wheels / name
        self.sdist.write_bytes(data)

    def test_an_index_that_has_no_wheel(self):
        self.project("{requirements: [foo]}", self.USE)
        self.assertEqual(self.result(), "1.2 1.5")
        pin = self.lock()["foo"]
        self.assertEqual((pin["source"], pin["file"], pin["sha256"]), ("archive", "foo-1.2.tar.gz", wheels.sha256(self.sdist.read_bytes())))
        self.assertEqual(self.run_json("--locked", "--offline").states(), {"s": "hit"})
        self.assertEqual(self.result("--locked", env={"PAWL_CACHE": str(self.top / "empty")}), "1.2 1.5")
        self.project('{requirements: ["--only-binary :all:", foo]}', self.USE)
        self.assertIn("foo", self.pawl("run", status=2).err)

    def test_by_path(self):
        (self.root / "foo-1.2.tar.gz").write_bytes(self.sdist.read_bytes())
        self.write("requirements.txt", "foo-1.2.tar.gz\n")
        self.sdist.unlink()
        self.project("{requirements: [requirements.txt]}", self.USE)
        self.assertEqual(self.result(), "1.2 1.5")

    def test_no_binary(self):
        self.add_wheel("foo", "1.2", ["beta"], files={"foo.py": "VERSION = 'of a wheel'\n"})
        self.project('{requirements: [foo, beta]}', self.USE)
        self.assertEqual(self.result(), "of a wheel 1.5")
        self.project('{requirements: ["--no-binary foo", foo]}', self.USE)
        self.assertEqual(self.result(), "1.2 1.5")

    @harness.need_program("git")
    def test_a_repository(self):
        repository = self.top / "foo.git work"
        for name, text in FOO.items():
            self.write("py/" + name, text, root=repository)
        run = dict(cwd=repository, check=True, capture_output=True)
        subprocess.run(["git", "init", "-q", "-b", "main"], **run)
        subprocess.run(["git", "add", "."], **run)
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "one"], **run)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], text=True, **run).stdout.strip()
        url = repository.as_uri()
        self.write("requirements.txt", "foo @ git+%s@main#subdirectory=py\n" % url)
        self.project("{requirements: [requirements.txt]}", self.USE)
        self.assertEqual(self.result(), "1.2 1.5")
        pin = self.lock()["foo"]
        self.assertEqual((pin["source"], pin["commit"], pin["subdirectory"]), ("git", commit, "py"))
        self.assertEqual(self.result("--locked", env={"PAWL_CACHE": str(self.top / "empty")}), "1.2 1.5")

    def test_one_that_does_not_build(self):
        broken = dict(FOO, **{"backend.py": "def build_wheel(*a, **k):\n    raise RuntimeError('no compiler today')\n"})
        name, data = wheels.sdist("foo", "1.2", broken)
        self.sdist.write_bytes(data)
        self.project("{requirements: [foo]}", self.USE)
        outcome = self.pawl("run", status=1)
        self.assertIn("build foo 1.2", outcome.err)
        self.assertIn("no compiler today", outcome.err)


class Installed(Case):
    def test_replicate(self):
        venv = self.top / "mine"
        uv = ["uv", "--no-progress", "-q"]
        subprocess.run(uv + ["venv", str(venv)], check=True, env=self.env)
        self.write("../mine-lib/pyproject.toml", '[project]\nname = "minelib"\nversion = "1"\n[build-system]\nrequires = []\n'
                   'build-backend = "backend"\nbackend-path = ["."]\n')
        subprocess.run(uv + ["pip", "install", "--python", str(venv), "alpha", "old"], check=True, env=self.env)
        packages = next((venv / "lib").glob("python*/site-packages"))
        info = packages / "minelib-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: minelib\nVersion: 1\n")
        (info / "RECORD").write_text("")
        (info / "direct_url.json").write_text(json.dumps({"url": (self.top / "mine-lib").as_uri(), "dir_info": {"editable": True}}))
        self.write("../mine-lib/minelib.py", "WORD = 'mine'\n")
        self.project("{replicate: true}", PRINT + "\nimport minelib; print(minelib.WORD)")
        self.env["PATH"] = "%s/bin:%s" % (venv, self.env["PATH"])
        self.add_wheel("beta", "1.9")  # newer than what is installed
        self.assertEqual(self.result(), "alpha 1.0\nbeta old\nmine")
        self.assertEqual({n: w["version"] for n, w in self.lock().items()}, {"alpha": "1.0", "beta": "1.5", "old": "1"})
        subprocess.run(uv + ["pip", "install", "--python", str(venv), "delta"], check=True, env=self.env)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta old\nmine")


class Images(Case):
    """One environment with a source that is built in the image's own sandbox, and a package beside the project in its code layer."""

    @unittest.skipIf(os.geteuid() != 0, "not root: bootstrapping needs it")
    def test_a_source_and_a_local_package(self):
        name, data = wheels.sdist("foo", "1.2", FOO)
        (self.wheels / name).write_bytes(data)
        self.env["UV_FIND_LINKS"] = str(self.wheels)
        self.write("../mylib/pyproject.toml", '[project]\nname = "my-lib"\nversion = "1"\ndependencies = ["beta"]\n')
        self.write("../mylib/src/mylib/__init__.py", "def answer():\n    return 'forty-two'\n")
        self.write("requirements.txt", "-e ../mylib\nfoo\n")
        self.write("use.py", "import sys, foo, beta, mylib\nopen(sys.argv[1], 'w').write(foo.VERSION + beta.VERSION + mylib.answer())\n")
        self.write("pawl.yaml", """
            version: 1
            pipeline: image
            environments:
              base:
                parent: %s
                python: {requirements: [requirements.txt]}
                workdir: /srv
            steps:
              s:
                environment: base
                isolation: image
                run: [python3, use.py, "${outputs.o}"]
                outputs: {o: out.txt}
            """ % wheels.BOOTSTRAP)
        outcome = self.run_json(timeout=580)
        self.assertEqual(self.read("out.txt"), "1.21.5forty-two", outcome)
        layers = outcome.json["images"][0]["layers"]
        self.assertIn("code", [layer["kind"] for layer in layers])
        self.edit("../mylib/src/mylib/__init__.py", "forty-two", "42")
        outcome = self.run_json()
        self.assertEqual(self.read("out.txt"), "1.21.542", outcome)
        self.assertEqual([layer["kind"] for layer in outcome.json["images"][0]["layers"] if layer["state"] == "made"], ["code"])
        self.assertEqual(outcome.reasons(), {"s": "code"})
