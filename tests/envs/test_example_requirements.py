# SPDX-License-Identifier: Apache-2.0
"""examples/requirements: one environment for each way of keeping requirements, without a network."""
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import wheels  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/requirements"


class Example(wheels.WheelTest):
    def test_every_way(self):
        shutil.copytree(EXAMPLE, self.root, dirs_exist_ok=True)
        for name in ("UV_CONFIG_FILE", "PIP_FIND_LINKS"):
            del self.env[name]
        self.env["UV_DEFAULT_INDEX"] = (self.top / "nothing").as_uri()  # whoever asks an index fails
        (self.top / "nothing").mkdir()
        self.pawl("run")
        said = {f.stem: f.read_text().strip() for f in (self.root / "out").iterdir()}
        tone = ", tone of the project)"
        self.assertEqual(said, {
            "txt": "good day, world (greet 1.0, words 2.0, shout 1.0" + tone,
            "constraints": "hello, world (greet 1.0, words 1.0, shout 1.0" + tone,
            "list": "good day, world (greet 1.0, words 2.0, shout 1.0)",
            "pyproject": "hello, world (greet 1.0, words 1.0, shout 1.0)",
            "uv": "hello, world (greet 1.0, words 1.0, shout 1.0)",
            "pylock": "good day, world (greet 1.0, words 2.0, shout 1.0)",
            "poetry": "hello, world (greet 1.0, words 1.0, shout 1.0)",
            "pipfile": "hello, world (greet 1.0, words 1.0)",
            "hashes": "hello, world (greet 1.0, words 1.0)"})
        self.assertNotIn("://", self.read("pawl.lock"))
        self.assertIn("up to date", self.pawl("run", "--locked", "--offline").out)
        self.edit("lib/src/tone/__init__.py", 'text + "!"', 'text + "!!"')
        self.assertIn("up to date", self.pawl("run").out)
        self.edit("lib/src/tone/__init__.py", "of the project", "again")
        self.expect_made("constraints", "txt")

    def expect_made(self, *names):
        self.assertEqual(sorted(name for name, state in self.run_json().states().items() if state == "made"), sorted(names))
