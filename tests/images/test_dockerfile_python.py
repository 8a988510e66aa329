# SPDX-License-Identifier: Apache-2.0
"""What a Dockerfile makes is a parent like any other: wheels, included files and code lie on top of it."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from dockerfiles import DockerfileTest, layer, tree  # noqa: E402
from images import wheel  # noqa: E402
from test_parent import write_layout  # noqa: E402


class OnTop(DockerfileTest):
    def setUp(self):
        super().setUp()
        write_layout(self.root / "base", [layer(("usr", None, 0o755, 0, 0))], {"Env": ["PATH=/bin", "PYTHON_VERSION=3.11.4"]})
        (self.root / "wheels").mkdir()
        for name, version in (("alpha", "1.0"), ("alpha", "2.0"), ("beta", "1.0")):
            file, data = wheel(name, version, {name + ".py": "V = %r\n" % version})
            (self.root / "wheels" / file).write_bytes(data)
        self.dockerfile("FROM oci:base AS one\nCOPY a /a\nFROM one\nCOPY b /b\nLABEL l=1\n", a="a", b="b", app__m_dot_py="m",
                        more="python: {requirements: [requirements.txt]}\ninclude: [app]\n")
        self.write("requirements.txt", "--find-links wheels\n./wheels/alpha-1.0-py3-none-any.whl\n./wheels/beta-1.0-py3-none-any.whl\n")

    def kinds(self, answer):
        return [(one["kind"], one["state"]) for one in answer["layers"]]

    def test_wheels_and_files_on_top(self):
        image, answer = self.image()
        self.assertEqual([one["kind"] for one in answer["layers"]], ["parent", "copy", "copy", "wheel", "wheel", "include"])
        files = tree(image)
        self.assertIn("usr/local/lib/python3.11/site-packages/alpha.py", files)
        self.assertIn("app/m.py", files)
        self.assertEqual(image.config["config"]["Labels"], {"l": "1"})

    def test_an_edit_below_keeps_the_wheels_and_an_edit_above_keeps_the_dockerfile(self):
        self.build()
        self.edit("b", "b", "c")
        self.assertEqual(self.kinds(self.build()), [("parent", "hit"), ("copy", "hit"), ("copy", "made"), ("wheel", "hit"), ("wheel", "hit"), ("include", "hit")])
        self.edit("requirements.txt", "alpha-1.0", "alpha-2.0")
        self.assertEqual(self.kinds(self.build()), [("parent", "hit"), ("copy", "hit"), ("copy", "hit"), ("wheel", "made"), ("wheel", "hit"), ("include", "hit")])
        self.edit("Dockerfile", "l=1", "l=2")
        self.assertEqual({state for _, state in self.kinds(self.build())}, {"hit"})


if __name__ == "__main__":
    import unittest
    unittest.main()
