# SPDX-License-Identifier: Apache-2.0
"""Lock files of other tools are taken as they are: no resolver is asked, markers, extras and groups are the target's, folders are code."""
import json
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import wheels  # noqa: E402

PRINT = "import alpha; print('alpha', alpha.VERSION)\nimport importlib.util as u; print(*[n for n in ('beta', 'delta', 'old') if u.find_spec(n)])"


class OtherLocks(wheels.WheelTest):
    def setUp(self):
        super().setUp()
        self.sha = {name: self.add_wheel(name, version) for name, version in
                    (("alpha", "1.0"), ("beta", "1.5"), ("delta", "2.0"), ("old", "1"))}
        self.sha["alpha2"] = self.add_wheel("alpha", "2.0")
        self.env["PATH"] = "%s:%s" % (self.top / "no-tools", self.env["PATH"])
        for tool in ("uv", "pip", "poetry"):  # whoever asks a resolver fails
            self.write("no-tools/" + tool, "#!/bin/sh\necho 'no resolver may be asked' >&2\nexit 99\n", mode=0o755, root=self.top)

    def file(self, name, version):
        return "%s-%s-py3-none-any.whl" % (name, version)

    UV = """
        version = 1
        revision = 3
        requires-python = ">=3.9"

        [[package]]
        name = "alpha"
        version = "1.0"
        source = { registry = "../wheels" }
        dependencies = [
            { name = "beta" },
            { name = "old", marker = "python_full_version < '3.9'" },
        ]
        wheels = [ { path = "alpha-1.0-py3-none-any.whl" } ]

        [package.optional-dependencies]
        d = [ { name = "delta" } ]

        [[package]]
        name = "beta"
        version = "1.5"
        source = { registry = "../wheels" }
        wheels = [ { path = "beta-1.5-py3-none-any.whl", hash = "sha256:%(beta)s" } ]

        [[package]]
        name = "delta"
        version = "2.0"
        source = { registry = "../wheels" }
        wheels = [ { path = "delta-2.0-py3-none-any.whl", hash = "sha256:%(delta)s" } ]

        [[package]]
        name = "old"
        version = "1"
        source = { registry = "../wheels" }
        wheels = [ { path = "old-1-py3-none-any.whl", hash = "sha256:%(old)s" } ]

        [[package]]
        name = "proj"
        version = "0.1"
        source = { virtual = "." }
        dependencies = [ { name = "alpha" } ]

        [package.optional-dependencies]
        more = [ { name = "alpha", extra = ["d"] } ]

        [package.dev-dependencies]
        dev = [ { name = "old" } ]
        """

    def test_uv(self):
        self.write("uv.lock", self.UV % self.sha)
        self.project("{lock: uv.lock}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta")
        self.assertFalse(self.exists("pawl.lock") and json.loads(self.read("pawl.lock"))["requirements"])
        self.assertIn("up to date", self.pawl("run").out)
        self.edit("uv.lock", "revision = 3", "# a remark\nrevision = 3")
        self.assertEqual(self.run_json().states(), {"s": "hit"})
        self.project("{lock: uv.lock, groups: [more]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta")
        self.project("{lock: uv.lock, groups: [dev]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta old")
        self.edit("pawl.yaml", "[dev]", "[dew]")
        self.assertIn("did you mean 'dev'", self.pawl("run", status=2).err)

    def test_another_wheel_in_the_lock_runs_the_step_again(self):
        self.write("uv.lock", self.UV % self.sha)
        self.project("{lock: uv.lock}", PRINT)
        self.pawl("run")
        text = self.read("uv.lock")
        self.write("uv.lock", text.replace('name = "alpha"\nversion = "1.0"', 'name = "alpha"\nversion = "2.0"').replace("alpha-1.0", "alpha-2.0"))
        outcome = self.run_json()
        self.assertEqual(outcome.reasons(), {"s": "environment"})
        self.assertEqual(self.read("out.txt"), "alpha 2.0\nbeta\n")

    def test_a_wrong_hash(self):
        self.write("uv.lock", (self.UV % self.sha).replace(self.sha["beta"], "1" * 64))
        self.project("{lock: uv.lock}", PRINT)
        outcome = self.pawl("run", status=3)
        self.assertIn("beta-1.5-py3-none-any.whl", outcome.err)
        self.assertIn("1" * 64, outcome.err)
        self.write("uv.lock", (self.UV % self.sha).replace(self.sha["beta"], "0" * 64))
        self.assertIn("is not sha256: and 64 hex digits", self.pawl("run", status=2).err)
        self.write("uv.lock", self.UV % self.sha)
        self.assertEqual(self.result(), "alpha 1.0\nbeta")

    def test_pylock(self):
        self.write("pylock.toml", """
            lock-version = "1.0"
            created-by = "us"
            requires-python = ">=3.9"
            extras = ["more"]
            dependency-groups = ["dev", "docs"]
            default-groups = ["docs"]

            [[packages]]
            name = "alpha"
            version = "1.0"
            wheels = [{ path = "../wheels/alpha-1.0-py3-none-any.whl", hashes = { sha256 = "%(alpha)s" } }]

            [[packages]]
            name = "alpha"
            version = "2.0"
            marker = "python_version < '3'"
            wheels = [{ path = "../wheels/alpha-2.0-py3-none-any.whl", hashes = { sha256 = "%(alpha2)s" } }]

            [[packages]]
            name = "beta"
            version = "1.5"
            marker = "'docs' in dependency_groups"
            wheels = [{ path = "../wheels/beta-1.5-py3-none-any.whl", hashes = { sha256 = "%(beta)s" } }]

            [[packages]]
            name = "delta"
            version = "2.0"
            marker = "'more' in extras and sys_platform == 'linux'"
            archive = { path = "../wheels/delta-2.0-py3-none-any.whl", hashes = { sha256 = "%(delta)s" } }

            [[packages]]
            name = "old"
            version = "1"
            marker = "'dev' in dependency_groups"
            wheels = [{ path = "../wheels/old-1-py3-none-any.whl", hashes = { sha256 = "%(old)s" } }]
            """ % self.sha)
        self.project("{lock: pylock.toml}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta")
        self.project("{lock: pylock.toml, groups: [more]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta")
        self.project("{lock: pylock.toml, groups: [dev]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta old")
        self.edit("pylock.toml", ">=3.9", "<3")
        self.assertIn("pylock.toml: error: it is for Python <3", self.pawl("run", status=2).err)

    def test_a_broken_lock_has_a_place(self):
        self.write("pylock.toml", "lock-version = \"1.0\"\n[[packages]\n")
        self.project("{lock: pylock.toml}", PRINT)
        self.assertIn("pylock.toml:2:", self.pawl("run", status=2).err)

    def test_poetry_with_groups(self):
        self.write("poetry.lock", """
            [[package]]
            name = "alpha"
            version = "1.0"
            optional = false
            python-versions = ">=3.9"
            groups = ["main"]
            files = [ {file = "alpha-1.0-py3-none-any.whl", hash = "sha256:%(alpha)s"} ]
            [package.source]
            type = "file"
            url = "../wheels/alpha-1.0-py3-none-any.whl"

            [[package]]
            name = "delta"
            version = "2.0"
            optional = true
            python-versions = "*"
            groups = ["main", "dev"]
            markers = {main = "extra == \\"more\\""}
            files = [ {file = "delta-2.0-py3-none-any.whl", hash = "sha256:%(delta)s"} ]
            [package.source]
            type = "file"
            url = "../wheels/delta-2.0-py3-none-any.whl"

            [extras]
            more = ["delta"]

            [metadata]
            lock-version = "2.1"
            python-versions = ">=3.9,<4"
            content-hash = "00"
            """ % self.sha)
        self.project("{lock: poetry.lock}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0")
        self.project("{lock: poetry.lock, groups: [more]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\ndelta")
        self.project("{lock: poetry.lock, groups: [dev]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\ndelta")

    def test_no_wheel_for_the_target(self):
        name, data = wheels.wheel("alpha", "3.0", tag="cp311-cp311-win_amd64")
        (self.wheels / name).write_bytes(data)
        self.write("pylock.toml", """
            lock-version = "1.0"
            created-by = "us"
            [[packages]]
            name = "alpha"
            version = "3.0"
            wheels = [{ path = "../wheels/%s", hashes = { sha256 = "%s" } }]
            """ % (name, wheels.sha256(data)))
        self.project("{lock: pylock.toml}", PRINT)
        self.assertIn("alpha 3.0 has no wheel for Python", self.pawl("run", status=2).err)


class LocksWithoutFiles(wheels.WheelTest):
    """Versions and hashes: an index says where the files are, nothing is resolved, the answer is kept in pawl.lock."""

    def setUp(self):
        super().setUp()
        self.sha = {name: self.add_wheel(name, version, requires) for name, version, requires in
                    (("alpha", "1.0", ["beta"]), ("beta", "1.5", []), ("delta", "2.0", []))}
        self.sha["alpha2"] = self.add_wheel("alpha", "2.0")
        self.index = wheels.Index(self.wheels)
        self.addCleanup(self.index.close)
        for name in ("UV_CONFIG_FILE", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
            del self.env[name]
        self.env.update(UV_DEFAULT_INDEX=self.index.url, PIP_INDEX_URL=self.index.url)

    def test_requirements_with_hashes(self):
        self.write("requirements.lock.txt", """
            alpha==1.0 \\
                --hash=sha256:%(alpha)s \\
                --hash=sha256:%(delta)s
            delta==2.0 ; python_version < "3" --hash=sha256:%(delta)s
            """ % self.sha)
        self.project("{lock: requirements.lock.txt}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0")
        lock = json.loads(self.read("pawl.lock"))
        self.assertEqual([w["sha256"] for r in lock["requirements"].values() for w in r["wheels"]], [self.sha["alpha"]])
        self.assertNotIn(self.index.host, self.read("pawl.lock"))
        self.assertEqual(self.run_json("--offline", "--locked").states(), {"s": "hit"})
        self.edit("requirements.lock.txt", self.sha["alpha"], "0" * 64)
        self.assertIn("requirements.lock.txt:1: alpha 1.0: no wheel that fits has one of the hashes", self.pawl("run", status=2).err)
        self.write("requirements.lock.txt", "alpha==1.0\nbeta>=1 --hash=sha256:%(beta)s\n" % self.sha)
        err = self.pawl("run", status=2).err
        self.assertIn("requirements.lock.txt:1:1: error", err)
        self.assertIn("requirements.lock.txt:2:1: error", err)

    def test_fetched_once_for_all_projects(self):
        for name in ("one", "two", "three"):
            self.sha[name] = self.add_wheel(name, "1")
        self.write("requirements.lock.txt", "alpha==1.0 --hash=sha256:%(alpha)s\none==1 --hash=sha256:%(one)s\ntwo==1 --hash=sha256:%(two)s\n"
                   "three==1 --hash=sha256:%(three)s\n" % self.sha)
        self.project("{lock: requirements.lock.txt}", PRINT)
        outcome = self.pawl("run")
        self.assertIn("fetched 4 of 4 packages", outcome.err)
        other = self.top / "other"
        shutil.copytree(self.root, other)
        (other / "out.txt").unlink()
        asked = len(self.index.asked)
        self.pawl("run", "--locked", cwd=other)
        self.assertEqual((other / "out.txt").read_text(), "alpha 1.0\n\n")
        self.assertEqual(self.index.asked[asked:], [])

    def test_a_changed_file_on_the_index(self):
        self.write("requirements.lock.txt", "alpha==1.0 --hash=sha256:%(alpha)s\n" % self.sha)
        self.project("{lock: requirements.lock.txt}", PRINT)
        self.pawl("run")
        file = self.wheels / "alpha-1.0-py3-none-any.whl"
        good = file.read_bytes()
        file.write_bytes(wheels.wheel("alpha", "1.0", files={"alpha.py": "VERSION = 'evil'\n"})[1])
        empty = {"PAWL_CACHE": str(self.top / "empty")}
        outcome = self.pawl("run", "--force", status=3, env=empty)
        self.assertIn("alpha 1.0: the file 'alpha-1.0-py3-none-any.whl' from %s has sha256" % self.index.host, outcome.err)
        file.write_bytes(good)
        self.assertEqual(self.result("--locked", env=empty), "alpha 1.0")

    def test_a_version_that_needs_a_later_patch_of_python(self):
        patch = ".".join(map(str, sys.version_info[:3]))
        name, data = wheels.wheel("late", "1")
        data = wheels.wheel("late", "1", requires_python=">=" + patch)[1]
        (self.wheels / name).write_bytes(data)
        self.write("requirements.lock.txt", "late==1 --hash=sha256:%s\nalpha==1.0 ; python_full_version >= '%s' --hash=sha256:%s\n" %
                   (wheels.sha256(data), patch, self.sha["alpha"]))
        self.project("{lock: requirements.lock.txt}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0")

    def test_pipfile(self):
        self.write("Pipfile.lock", json.dumps({
            "_meta": {"hash": {"sha256": "00"}, "pipfile-spec": 6, "requires": {}, "sources": []},
            "default": {"alpha": {"hashes": ["sha256:" + self.sha["alpha"]], "version": "==1.0", "markers": "python_version >= '3'"},
                        "beta": {"hashes": ["sha256:" + self.sha["beta"]], "version": "==1.5", "markers": "sys_platform == 'win32'"}},
            "develop": {"delta": {"hashes": ["sha256:" + self.sha["delta"]], "version": "==2.0"}}}, indent=4))
        self.project("{lock: Pipfile.lock}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0")
        self.project("{lock: Pipfile.lock, groups: [dev]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\ndelta")

    def test_poetry_before_groups(self):
        self.write("pyproject.toml", """
            [tool.poetry]
            name = "p"
            [tool.poetry.dependencies]
            python = "^3.9"
            alpha = "^1.0"
            [tool.poetry.group.dev.dependencies]
            delta = "*"
            """)
        self.write("poetry.lock", """
            [[package]]
            name = "alpha"
            version = "1.0"
            optional = false
            python-versions = "*"
            files = [{file = "alpha-1.0-py3-none-any.whl", hash = "sha256:%(alpha)s"}, {file = "alpha-1.0.tar.gz", hash = "sha256:%(beta)s"}]
            [package.dependencies]
            beta = {version = ">=1", markers = "python_version >= \\"3\\""}

            [[package]]
            name = "alpha"
            version = "2.0"
            optional = false
            python-versions = "*"
            files = [{file = "alpha-2.0-py3-none-any.whl", hash = "sha256:%(alpha2)s"}]

            [[package]]
            name = "beta"
            version = "1.5"
            optional = false
            python-versions = "*"
            files = [{file = "beta-1.5-py3-none-any.whl", hash = "sha256:%(beta)s"}]

            [[package]]
            name = "delta"
            version = "2.0"
            optional = false
            python-versions = "*"
            files = [{file = "delta-2.0-py3-none-any.whl", hash = "sha256:%(delta)s"}]

            [metadata]
            lock-version = "2.0"
            python-versions = "^3.9"
            content-hash = "00"
            """ % self.sha)
        self.project("{lock: poetry.lock}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta")
        self.project("{lock: poetry.lock, groups: [dev]}", PRINT)
        self.assertEqual(self.result(), "alpha 1.0\nbeta delta")
