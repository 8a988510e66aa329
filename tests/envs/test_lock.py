# SPDX-License-Identifier: Apache-2.0
"""pawl.lock: resolved once, comments and order count nothing, one package moves alone. With the real resolvers."""
import json

from harness import PawlTest


class Locks(PawlTest):
    installer = "uv"

    def setUp(self):
        super().setUp()
        self.need_uv()
        self.write("pawl.yaml", """
            version: 1
            pipeline: lock
            environments:
              base:
                parent: {bootstrap: debian, suite: bookworm, packages: [python3]}
                python: {requirements: [requirements.txt], installer: %s}
            steps:
              s:
                environment: base
                run: [python3, -c, "import six, idna, sys; open(sys.argv[1], 'w').write(six.__version__ + idna.__version__)", "${outputs.o}"]
                outputs: {o: out.txt}
            """ % self.installer)
        self.write("requirements.txt", "six==1.16.0\nidna>=3.5,<3.8\n")

    def wheels(self):
        lock = json.loads(self.read("pawl.lock"))
        return {w["name"]: w["version"] for entry in lock["requirements"].values() for w in entry["wheels"]}

    def sha(self, text):
        return next(w["sha256"] for entry in json.loads(text)["requirements"].values() for w in entry["wheels"] if w["name"] == "six")

    def test_once(self):
        self.assertEqual(self.run_json().states(), {"s": "made"})
        self.assertEqual(self.read("out.txt"), "1.16.03.7")
        text = self.read("pawl.lock")
        self.assertNotIn("://", text)
        self.assertIn("sha256", text)
        self.write("requirements.txt", "# remark\nIDNA >= 3.5, <3.8   # why\n\nsix == 1.16.0\n")
        self.assertEqual(self.run_json("--offline", "--locked").states(), {"s": "hit"})
        self.assertEqual(self.read("pawl.lock"), text)

    def test_locked_and_offline(self):
        self.assertIn("--locked", self.pawl("run", "--locked", status=2).err)
        self.assertFalse(self.exists("pawl.lock"))
        self.pawl("lock")
        self.write("requirements.txt", "six==1.15.0\nidna>=3.5,<3.8\n")
        self.assertIn("pawl lock", self.pawl("run", "--locked", status=2).err)

    def test_an_edit_moves_one_package(self):
        self.write("requirements.txt", "six==1.16.0\nidna==3.6\n")
        self.pawl("lock")
        self.write("requirements.txt", "six==1.16.0\nidna>=3.5,<3.8\n")
        self.pawl("lock")
        self.assertEqual(self.wheels(), {"six": "1.16.0", "idna": "3.6"})
        self.pawl("lock", "--update", "idna")
        self.assertEqual(self.wheels(), {"six": "1.16.0", "idna": "3.7"})
        self.assertIn("did you mean 'idna'", self.pawl("lock", "--update", "idn", status=2).err)

    def test_all(self):
        self.write("requirements.txt", "six==1.16.0\nidna==3.6\n")
        self.pawl("lock")
        self.write("requirements.txt", "six==1.16.0\nidna>=3.5,<3.8\n")
        self.pawl("lock")
        text = self.read("pawl.yaml")
        self.write("pawl.yaml", text)
        self.pawl("lock", "--all")
        self.assertEqual(self.wheels()["idna"], "3.7")

    def test_another_version_runs_the_step_again(self):
        self.pawl("run")
        self.write("requirements.txt", "six==1.15.0\nidna==3.7\n")
        outcome = self.run_json()
        self.assertEqual(outcome.states(), {"s": "made"})
        self.assertEqual(outcome.reasons(), {"s": "environment"})
        self.assertEqual(self.read("out.txt"), "1.15.03.7")

    def test_a_conflict_is_explained(self):
        self.write("requirements.txt", "six==1.16.0\nsix==1.15.0\n")
        outcome = self.pawl("run", status=2)
        self.assertIn("six", outcome.err)

    def test_broken_lines_have_a_place(self):
        self.write("requirements.txt", "six==1.16.0\nidna=>3\n")
        self.assertIn("requirements.txt:2:", self.pawl("run", status=2).err)

    def test_a_damaged_lock(self):
        self.pawl("lock")
        text = self.read("pawl.lock")
        (self.root / "pawl.lock").write_text("<<<<<<< ours\n" + text)
        self.assertIn("pawl.lock", self.pawl("run", status=2).err)
        (self.root / "pawl.lock").write_text(text.replace('"sha256":"', '"sha256":"00', 1))
        self.assertIn("sha256 of 64 hex digits", self.pawl("run", status=2).err)
        (self.root / "pawl.lock").write_text(text.replace(self.sha(text), "0" * 64))
        self.assertIn("six", self.pawl("run", status=3).err)

    def test_a_fresh_clone_needs_no_resolver(self):
        self.pawl("lock")
        text = self.read("pawl.lock")
        outcome = self.pawl("--json", "run", "--locked", env={"PAWL_CACHE": str(self.top / "empty")})
        self.assertEqual(outcome.states(), {"s": "made"})
        self.assertEqual(self.read("pawl.lock"), text)


class LocksByPip(Locks):
    installer = "pip"

    def test_all(self):
        """One of them is enough for a resolver that takes seconds."""
