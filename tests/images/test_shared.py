# SPDX-License-Identifier: Apache-2.0
"""Images that somebody else made of the same inputs, found in the registry."""
import json
import pathlib
import shutil
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
import wicked  # noqa: E402
from images import Image, ImageTest, Registry  # noqa: E402
from test_parent import write_layout  # noqa: E402
from test_patched import root  # noqa: E402


@harness.need_program("docker-registry")
@unittest.skipUnless(pathlib.Path("/bin/busybox").exists(), "not installed: busybox-static")
class Shared(ImageTest):
    @classmethod
    def setUpClass(cls):
        cls.real = Registry()
        cls.addClassCleanup(cls.real.stop)

    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top))
        self.name = self.id().split(".")[-1].replace("_", "")[:40]
        write_layout(self.root / "parent", [root()])
        self.project("parent: oci:parent\ninclude: [a.txt]\n", a_dot_txt="a\n")
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: " + self.name)
        self.edit("pawl.yaml", "steps: {}", "steps:\n  one: {run: \"/bin/busybox cat /a.txt > ${outputs.o}\", environment: base, isolation: image, outputs: {o: o.txt}}")

    def to(self, registry, more=", reuse: true"):
        self.write("pawl.yaml", self.read("pawl.yaml").split("stacks:")[0] + "stacks:\n  local: {registry: \"%s/team\"%s}\n" % (registry.host, more))
        return registry

    def wicked(self):
        server = wicked.Wicked()
        self.addCleanup(server.stop)
        return self.to(server)

    def other(self):
        """Somebody else's machine: another folder, an empty cache."""
        self.machines = getattr(self, "machines", 0) + 1
        first, self.root = self.root, self.top / ("elsewhere %d" % self.machines)
        shutil.copytree(first, self.root)
        self.env["PAWL_CACHE"] = str(self.top / ("cache %d" % self.machines))

    def test_a_real_registry(self):
        registry = self.to(self.real)
        first = self.build("--push")
        registry.requests()
        self.other()
        second = self.build()
        self.assertEqual(second["digest"], first["digest"])
        self.assertEqual([s for k, n, s in self.layers(second)], ["hit", "hit"])
        requests = registry.requests()
        self.assertEqual([method for method, path in requests], ["GET"], requests)
        self.assertIn("/manifests/pawl-", requests[0][1])
        self.assertEqual(self.build()["state"], "hit")
        self.assertEqual(registry.requests(), [])

    def test_it_is_used_like_any_other(self):
        registry = self.wicked()
        first = self.build("--push")
        self.other()
        before = len(registry.seen)
        pushed = self.build("--push")
        self.assertEqual(pushed["ref"], first["ref"])
        self.assertEqual([m for m, p in registry.requests(before)], ["GET", "PUT", "PUT"])
        self.run_json()
        self.assertEqual(self.read("o.txt"), "a\n")
        self.other()
        self.build("--output", "oci:out")
        self.assertEqual(Image(self.root / "out").digest, first["digest"])
        self.other()
        self.build()
        self.assertIn("--offline", self.pawl("build", "base", "--output", "oci:no", "--offline", status=3).err)

    def test_other_inputs_are_not_found(self):
        registry = self.wicked()
        first = self.build("--push")
        self.other()
        self.write("a.txt", "b\n")
        second = self.build()
        self.assertNotEqual(second["digest"], first["digest"])
        self.assertEqual([s for k, n, s in self.layers(second)], ["hit", "made"])
        self.assertEqual(registry.requests()[-1][0], "GET")

    def test_only_when_asked_for(self):
        registry = self.wicked()
        self.to(registry, "")
        self.build("--push")
        self.assertEqual([name for where, name in registry.manifests if name.startswith("pawl-")], [])
        before = len(registry.seen)
        self.other()
        self.build()
        self.assertEqual(registry.requests(before), [])

    def test_lies_are_as_if_there_were_nothing(self):
        registry = self.wicked()
        first = self.build("--push")
        (where, name), (kind, data) = [row for row in registry.manifests.items() if row[0][1].startswith("pawl-")][0]
        index = json.loads(data)

        def broken(change):
            document = json.loads(data)
            change(document)
            return json.dumps(document).encode()

        def layers(change):
            def edit(document):
                info = json.loads(document["annotations"]["pawl.layers"])
                change(info["layers"])
                document["annotations"]["pawl.layers"] = json.dumps(info)
            return broken(edit)
        rows = [b"", b"{}", b"[]", b"\xff", broken(lambda d: d["manifests"][0].update(data="AAAA")), broken(lambda d: d["manifests"][0].update(data="!")),
                broken(lambda d: d["annotations"].update({"pawl.config": "{}"})), broken(lambda d: d.pop("annotations")),
                broken(lambda d: d["manifests"].clear()), layers(lambda v: v.pop()), layers(lambda v: v[0].update(digest="sha256:" + "1" * 64)),
                layers(lambda v: v[0].update(size=1)), layers(lambda v: v[1].update(kind="x")), layers(lambda v: v[1].update(diff_id=v[0]["diff_id"]))]
        self.assertEqual(len(index["manifests"]), 1)
        for i, row in enumerate(rows):
            registry.manifests[where, name] = (kind, row)
            self.other()
            image = self.build()
            self.assertEqual((image["digest"], [s for k, n, s in self.layers(image)]), (first["digest"], ["hit", "made"]), (i, row[:200]))

    def test_a_layer_that_is_gone_or_forged(self):
        registry = self.wicked()
        image = self.build("--push")
        layer = image["layers"][1]["digest"]
        self.other()
        self.build()
        registry.fault("GET", layer, wicked.forged, times=9)
        self.assertIn("expected " + layer, self.pawl("build", "base", "--output", "oci:out", status=3).err)
        self.pawl("cache", "verify")
        registry.faults.clear()
        self.build("--output", "oci:out")
        Image(self.root / "out")

    def test_a_registry_that_does_not_answer_costs_nothing(self):
        self.project("parent: oci:parent\ninclude: [a.txt]\n")
        self.write("pawl.yaml", self.read("pawl.yaml") + "stacks:\n  local: {registry: \"127.0.0.1:9/x\", reuse: true}\n")
        self.build()


if __name__ == "__main__":
    unittest.main()
