# SPDX-License-Identifier: Apache-2.0
"""Bytecode: that of packages is made once, that of the project never."""
import os

from harness import PawlTest


class Bytecode(PawlTest):
    def setUp(self):
        super().setUp()
        self.need_uv()
        self.write("pawl.yaml", """
            version: 1
            pipeline: bytecode
            environments:
              base: {parent: {bootstrap: debian, suite: bookworm, packages: [python3]}, python: {requirements: ["six==1.16.0"]}}
            steps:
              s:
                environment: base
                run: python3 -m app.main ${outputs.o}
                outputs: {o: out.txt}
            """)
        self.write("app/__init__.py", "")
        self.write("app/main.py", """
            import sys
            import six
            from app.helper import word

            open("@RAN@", "a").write("s\\n")
            open(sys.argv[1], "w").write(word() + six.__version__)
            """)
        self.write("app/helper.py", "def word():\n    return 'one '\n")

    def kept(self, name):
        return [str(p.relative_to(self.cache)) for p in self.cache.rglob("%s.cpython-*.pyc" % name)]

    def test_of_packages_and_not_of_the_project(self):
        self.expect("s")
        self.assertTrue(self.kept("six"))
        self.assertEqual(self.kept("main") + self.kept("helper"), [])
        self.assertEqual(list(self.root.rglob("__pycache__")), [])
        stat = os.stat(self.root / "app/helper.py")
        self.edit("app/helper.py", "one", "two")
        os.utime(self.root / "app/helper.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.expect("s")
        self.assertEqual(self.read("out.txt"), "two 1.16.0")
