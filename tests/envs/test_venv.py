# SPDX-License-Identifier: Apache-2.0
"""`isolation: venv` with the real resolvers and small wheels: made from the lock, shared, whole, with scripts that run."""
import base64
import hashlib
import json
import os
import pathlib
import subprocess

from harness import PawlTest

PIPELINE = """
    version: 1
    pipeline: venv
    environments:
      base:
        parent: {bootstrap: debian, suite: bookworm, packages: [python3]}
        python: {requirements: [requirements.txt], installer: %s}
    steps:
      s:
        environment: base
        isolation: venv
        run: "normalizer --version > ${outputs.o}; python3 -c 'import idna, sys; print(idna.__version__, sys.prefix)' >> ${outputs.o}"
        outputs: {o: out.txt}
    """
REQUIREMENTS = "idna==3.7\ncharset-normalizer==3.3.2\n"


class Venvs(PawlTest):
    installer = "uv"

    def setUp(self):
        super().setUp()
        self.need_uv()
        self.write("pawl.yaml", PIPELINE % self.installer)
        self.write("requirements.txt", REQUIREMENTS)

    def venvs(self):
        return [p for p in (self.cache / "venvs").iterdir() if p.name != "wheels"]

    def second(self, name="second"):
        """Another project with the same files, lock included if there is one."""
        other = self.top / name
        other.mkdir()
        for file in ("pawl.yaml", "requirements.txt", "pawl.lock"):
            if (self.root / file).exists():
                (other / file).write_bytes((self.root / file).read_bytes())
        return other

    def test_scripts_run_and_record_is_right(self):
        self.pawl("run")
        self.assertIn("3.3.2", self.read("out.txt").splitlines()[0])
        folder, = self.venvs()
        self.assertEqual(self.read("out.txt").splitlines()[1], "3.7 %s" % folder)
        script = (folder / "bin/normalizer").read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(script).digest()).rstrip(b"=").decode()
        record, = folder.glob("lib/python3*/site-packages/charset_normalizer-*/RECORD")
        self.assertIn("../../../bin/normalizer,sha256=%s,%d\n" % (digest, len(script)), record.read_text())
        self.assertNotIn("/pawl/venv/python", script.decode())
        checked = subprocess.run([folder / "bin/python", "-c", "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"],
                                 stdout=subprocess.PIPE, check=True, text=True)
        self.assertEqual(checked.stdout.strip(), "['charset-normalizer', 'idna']")
        self.assertEqual(list((self.cache / "tmp").iterdir()), [], "something is left")

    def test_two_projects_share_one(self):
        self.pawl("run")
        other = self.second()
        self.pawl("run", "--locked", "--offline", cwd=other)
        self.assertEqual(len(self.venvs()), 1)
        self.assertEqual((other / "out.txt").read_text(), self.read("out.txt"))

    def test_two_makers_at_once(self):
        self.pawl("lock")
        other = self.second()
        both = [subprocess.Popen([os.environ["PAWL"], "run", "--locked"], cwd=cwd, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                for cwd in (self.root, other)]
        for process in both:
            out, _ = process.communicate()
            self.assertEqual(process.returncode, 0, out.decode())
        self.assertEqual(len(self.venvs()), 1)
        self.assertEqual(list((self.cache / "tmp").iterdir()), [])

    def test_a_venv_that_was_removed_is_made_again(self):
        self.pawl("run")
        subprocess.run(["rm", "-rf", str(self.cache / "venvs")], check=True)
        self.write("pawl.yaml", (PIPELINE % self.installer).replace("--version >", "--version  >"))
        self.pawl("run", "--offline")
        self.assertEqual(len(self.venvs()), 1)

    def test_offline_says_what_is_missing(self):
        self.pawl("lock")
        outcome = self.pawl("run", "--offline", status=3, env={"PAWL_CACHE": str(self.top / "empty")})
        self.assertIn("--offline", outcome.err)
        self.assertIn("run once without", outcome.err)

    def test_a_wrong_hash_names_package_and_line(self):
        self.write("requirements.txt", "charset-normalizer==3.3.2\nidna==3.7 --hash=sha256:%s\n" % ("0" * 64))
        outcome = self.pawl("run", status=2)
        self.assertIn("requirements.txt:2", outcome.err)
        self.assertIn("idna 3.7", outcome.err)

    def test_a_conflict_names_its_lines(self):
        self.write("requirements.txt", "charset-normalizer==3.3.2\n\nidna==3.7\n-r more.txt\n")
        self.write("more.txt", "# more\nidna<3\n")
        outcome = self.pawl("run", status=2)
        self.assertIn("requirements.txt:3: idna==3.7", outcome.err)
        self.assertIn("more.txt:2: idna<3", outcome.err)
        self.assertNotIn("Traceback", outcome.err)

    def test_a_file_of_an_index_that_is_gone_is_refused(self):
        """Lock edited to another hash of the same file: the file comes, and is another one."""
        self.pawl("lock")
        lock = json.loads(self.read("pawl.lock"))
        sha = next(w["sha256"] for entry in lock["requirements"].values() for w in entry["wheels"] if w["name"] == "idna")
        path = pathlib.Path(self.root / "pawl.lock")
        path.write_text(path.read_text().replace(sha, "ab" * 32))
        outcome = self.pawl("run", status=3, env={"PAWL_CACHE": str(self.top / "empty")})
        self.assertIn("idna-3.7-py3-none-any.whl", outcome.err)
        self.assertIn("sha256", outcome.err)

    def test_pins_of_images_and_venvs_name_no_host(self):
        self.pawl("lock")
        self.assertNotIn("://", self.read("pawl.lock"))


class VenvsByPip(Venvs):
    installer = "pip"
