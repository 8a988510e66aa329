# SPDX-License-Identifier: Apache-2.0
"""Environments of many wheels: big ones have a layer of their own, small ones share stable buckets, and one pin makes one layer again."""
import hashlib
import random

import images
import test_patched


class Buckets(images.ImageTest):
    def setUp(self):
        super().setUp()
        self.need_uv()
        test_patched.write_layout(self.root / "parent", [test_patched.root()])
        (self.root / "wheels").mkdir()

    def wheel(self, name, version, size=10):
        data = random.Random(name + version).randbytes(size)
        file, content = images.wheel(name, version, {name + "/__init__.py": "version = '%s'\n" % version, name + "/data": data}, scripts={name: name + ":main"})
        (self.root / "wheels" / file).write_bytes(content)
        return hashlib.sha256(data).hexdigest()

    def require(self, pins, layers=""):
        self.write("requirements.txt", "--no-index\n--find-links wheels\n" + "".join("%s==%s\n" % row for row in sorted(pins.items())))
        self.project("parent: oci:parent\npython:\n  requirements: [requirements.txt]\n%s" % layers)

    def test_a_hundred_wheels(self):
        pins = {"small%03d" % i: "1.0" for i in range(110)}
        for name, version in pins.items():
            self.wheel(name, version)
        pins["large"] = "1.0"
        large = self.wheel("large", "1.0", size=3 << 20)
        self.require(pins)
        first = self.build("--output", "oci:first")
        kinds = [kind for kind, _, _ in self.layers(first)]
        self.assertEqual(kinds.count("wheel"), 1)
        self.assertTrue(8 <= kinds.count("wheels") <= 16, kinds)
        image = images.Image(self.root / "first")
        lib = [path for path in image.files if path.endswith("/small007/__init__.py")][0].split("small007")[0]
        for name in pins:
            self.assertEqual(image.files[lib + name + "/__init__.py"][1], b"version = '1.0'\n")
            self.assertIn(lib + name + "-1.0.dist-info/RECORD", image.files)
            self.assertIn("usr/local/bin/" + name, image.files)
        self.assertEqual(hashlib.sha256(image.files[lib + "large/data"][1]).hexdigest(), large)

        pins["small042"] = "1.1"
        self.wheel("small042", "1.1")
        self.require(pins)
        second = self.build("--output", "oci:second")
        self.assertEqual([state for _, _, state in self.layers(second)].count("made"), 1)
        self.assertEqual([kind for kind, _, state in self.layers(second) if state == "made"], ["wheels"])
        self.assertIn(lib + "small042-1.1.dist-info/RECORD", images.Image(self.root / "second").files)

        pins["added"] = "1.0"
        self.wheel("added", "1.0")
        self.require(pins)
        third = self.build()
        self.assertEqual([state for _, _, state in self.layers(third)].count("made"), 1)

    def test_layers_are_tuned(self):
        pins = {"one": "1.0", "two": "1.0", "three": "1.0"}
        for name in pins:
            self.wheel(name, "1.0", size=2000 if name == "one" else 10)
        self.require(pins, "  layers: {each: 0, buckets: 1, big: 1500}\n")
        tuned = self.build("--output", "oci:tuned")
        self.assertEqual([(kind, name) for kind, name, _ in self.layers(tuned)][1:], [("wheel", "one"), ("wheels", "00")])
        self.assertEqual(self.layers(self.build()), [(k, n, "hit") for k, n, _ in self.layers(tuned)])
        self.require(pins)
        self.assertEqual([kind for kind, _, _ in self.layers(self.build())], ["parent", "wheel", "wheel", "wheel"])
        for layers in ("{each: no}", "{buckets: 0}", "{big: huge}", "{biggest: 1}", "[1]"):
            self.require(pins, "  layers: %s\n" % layers)
            self.assertIn("'layers' ", self.pawl("build", "base", status=2).err)
