# SPDX-License-Identifier: Apache-2.0
"""`apt:` on a Debian parent: what is pinned, what is installed, what makes it run again, and that it comes out the same each time."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import debian
import harness
import images

NOBODY = 65534

# What real packages do that differs from run to run.
RESTLESS = {"postinst": "date > /var/log/greeting.log; date > /etc/machine-id; mkdir -p /etc/ssh; head -c 32 /dev/urandom > /etc/ssh/ssh_host_rsa_key\n"
                        "echo greeter:x:999:999::/nonexistent:/usr/sbin/nologin >> /etc/passwd; date > /tmp/left; mkdir -p /var/lib/greeting\n"
                        "chown 999:999 /var/lib/greeting; chmod 4755 /usr/bin/greet; ldconfig\n"}


class Apt(images.ImageTest):
    """One parent, one source and one cache for all: unpacking a root is what takes long."""

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="pawl apt "))
        cls.source = None
        if not debian.possible():
            return
        cls.parent = debian.parent()
        cls.source = debian.Source(sign=True)
        cls.source.add("greet", "1.0-1", {"usr/bin/greet": "#!/bin/sh\ncat /usr/share/greeting/text\n"}, depends="greeting (>= 2)", scripts=RESTLESS)
        cls.source.add("greeting", "2:2.0", {"usr/share/greeting/text": "hello\n", "usr/share/doc/greeting/copyright": "free\n"})
        cls.source.add("alone", "0.1", {"usr/share/alone/x": "x\n"})
        cls.source.add("clash", "1", {"usr/share/alone/y": "y\n"}, depends="not-there")

    @classmethod
    def tearDownClass(cls):
        if cls.source:
            cls.source.stop()
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        super().setUp()
        if not self.source:
            self.skipTest("needs mmdebstrap, dpkg-deb and gpg")
        self.cache = self.shared / "cache"
        self.env["PAWL_CACHE"] = str(self.cache)
        (self.root / "parent").symlink_to(self.parent)
        (self.root / "key.asc").write_bytes(self.source.key)

    def packages(self, packages, more=""):
        self.project("parent: oci:parent\napt: {packages: %s, sources: ['%s'], keys: [key.asc]}\n%s" % (packages, self.source.line, more))

    def lock(self):
        return json.loads(self.read("pawl.lock"))["apt"]

    def pins(self):
        (entry,) = self.lock().values()
        return {d["name"]: d["version"] for d in entry["debs"]}

    def forget(self):
        """All but the unpacked roots and the blobs."""
        shutil.rmtree(self.cache / "records", ignore_errors=True)

    def test_packages_become_one_layer_that_holds_nothing_of_the_moment(self):
        self.packages("[greet]")
        image = self.build("--output", "oci:out")
        self.assertEqual([kind for kind, _, _ in self.layers(image)], ["parent", "apt"])
        self.assertEqual(self.pins(), {"greet": "1.0-1", "greeting": "2:2.0"})
        self.assertNotIn("127.0.0.1", self.read("pawl.lock"))
        layer = {m.name: m for m in images.Image(self.root / "out").layers[-1]}
        self.assertEqual(layer["usr/bin/greet"].mode, 0o4755)
        self.assertEqual((layer["var/lib/greeting"].uid, layer["var/lib/greeting"].gid), (999, 999))
        for path in ("usr/share/greeting/text", "var/lib/dpkg/status", "var/lib/dpkg/info/greet.list", "etc/passwd"):
            self.assertIn(path, layer)
        for path in layer:
            for word in ("log/", "machine-id", "ssh_host", "tmp", "apt/lists", "archives", "aux-cache", "run", "resolv", "policy-rc.d", "-old", "sources", "pawl"):
                self.assertNotIn(word, path)
        self.assertEqual({m.mtime for m in layer.values()}, {946684800})

        self.forget()
        self.assertEqual(self.build("--locked")["digest"], image["digest"])
        self.assertEqual(self.layers(self.build("--locked", "--offline"))[1][2], "hit")

    def test_only_names_that_changed_make_it_run_again(self):
        self.packages("[greet, alone]")
        first = self.build()
        self.packages("[alone, greet, greet, alone]")
        self.assertEqual(self.build()["state"], "hit")
        self.packages("[greet, alone, greeting]")  # it is there already
        again = self.build()
        self.assertEqual(again["digest"], first["digest"])
        self.assertEqual(self.layers(again)[1][2], "hit")
        self.packages("[greet]")
        self.assertIn("Debian package alone", self.pawl("why", "base").out + self.pawl("build", "base").err)
        self.assertEqual(sorted(self.pins()), ["greet", "greeting"])

    def test_versions_stay_until_they_are_asked_to_move(self):
        self.source.add("mover", "1.0", {"usr/share/mover": "one\n"})
        self.packages("[mover]")
        self.build()
        self.source.add("mover", "1.1", {"usr/share/mover": "two\n"})
        self.forget()
        self.build()
        self.assertEqual(self.pins(), {"mover": "1.0"})
        self.pawl("lock", "--update", "mover")
        self.assertEqual(self.pins(), {"mover": "1.1"})
        self.assertEqual(self.layers(self.build())[1][2], "made")

        self.packages("['mover=1.0']")
        self.build()
        self.assertEqual(self.pins(), {"mover": "1.0"})

    def test_a_pinned_package_that_is_gone_or_another_is_said(self):
        self.source.add("going", "1.0", {"usr/share/going": "one\n"})
        self.packages("[going]")
        self.pawl("lock")
        (entry,) = self.lock().values()
        digest = entry["debs"][0]["sha256"]
        self.forget()
        for folder in ("blobs/blobs/sha256", "blobs/pending"):
            for path in (self.cache / folder).glob(digest + "*"):
                path.unlink()
        self.source.remove("going_*")
        outcome = self.pawl("build", "base", status=3)
        self.assertIn("going 1.0 is in no index any more", outcome.err)
        self.assertIn("layer:base/apt", outcome.err)
        self.source.add("going", "1.0", {"usr/share/going": "another\n"})
        self.assertIn("but pawl.lock says " + digest, self.pawl("build", "base", status=3).err)

    def test_locked_and_offline_do_not_resolve(self):
        self.packages("[alone]")
        self.assertIn("--locked forbids", self.pawl("build", "base", "--locked", status=2).err)
        self.forget()
        self.assertIn("--offline forbids", self.pawl("build", "base", "--offline", status=3).err)
        self.assertFalse(self.exists("pawl.lock"))

    def test_mistakes_are_told_in_the_words_of_apt(self):
        for packages, status, expect in (("[no-such-package]", 2, "Unable to locate package no-such-package"),
                                         ("[clash]", 2, "not-there"),
                                         ("['-y']", 2, "'-y' is no package"),
                                         ("['../x']", 2, "is no package"),
                                         ("['alone=9']", 2, "'9' for 'alone' was not found")):
            self.packages(packages)
            self.assertIn(expect, self.pawl("build", "base", status=status).err)
        self.project("parent: scratch\napt: [alone]")
        self.assertIn("nothing to install packages on", self.pawl("build", "base", status=2).err)

    def test_a_source_without_its_key_is_not_believed(self):
        self.project("parent: oci:parent\napt: {packages: [alone], sources: ['%s']}" % self.source.line)
        self.assertIn("cannot be had", self.pawl("build", "base", status=3).err)

    def test_sources_may_be_named_by_the_callers_variables(self):
        self.project("parent: oci:parent\napt: {packages: [alone], sources: [our-own], keys: [key.asc]}")
        self.assertIn("PAWL_APT_OUR_OWN is not set", self.pawl("lock", status=2).err)
        self.pawl("lock", env={"PAWL_APT_OUR_OWN": self.source.line})
        self.assertEqual(self.pins(), {"alone": "0.1"})
        self.build("--locked")

    def test_steps_depend_on_what_is_installed(self):
        self.packages("[greet]")
        with open(self.root / "pawl.yaml") as file:
            text = file.read().replace("steps: {}\n", "steps:\n  say:\n    environment: base\n    isolation: image\n"
                                                      "    run: greet > out.txt\n    outputs: {out: out.txt}\n")
        self.write("pawl.yaml", text)
        self.pawl("run")
        self.assertEqual(self.read("out.txt"), "hello\n")
        self.assertIn("up to date", self.pawl("run").out)
        self.edit("pawl.yaml", "[greet]", "[greet, greeting]")
        self.assertEqual(self.run_json().states(), {"say": "cutoff"})  # asked again, the same
        self.edit("pawl.yaml", "[greet, greeting]", "[greet, alone]")
        self.assertEqual(self.run_json().states(), {"say": "made"})

    def as_nobody(self, cache, *args, subids=None):
        """pawl as an ordinary user, with a range of ids where a file gives one."""
        words = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", str(self.top / "pawl"), *args]
        if subids:
            give = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'
            words = ["unshare", "-m", "sh", "-c", give, str(subids)] + words
        outcome = subprocess.run(words, cwd=self.root, env=dict(self.env, PAWL_CACHE=str(cache), HOME=str(cache)), capture_output=True, text=True)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertEqual(os.listdir(cache / "tmp"), [])
        return json.loads(outcome.stdout)["images"][0]["layers"][-1]["digest"]

    def test_without_root_it_is_the_same_layer_as_far_as_owners_can_be_given(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root, to become somebody else, and setpriv")
        self.packages("[greet]")
        as_root = self.build()["layers"][-1]["digest"]
        self.top.chmod(0o755)
        shutil.copy(harness.PAWL, self.top / "pawl")
        (self.root / "parent").unlink()
        shutil.copytree(self.parent, self.root / "parent")
        (self.top / "subids").write_text("%d:1000000:65536\n" % NOBODY)
        caches = [self.top / "one", self.top / "many"]
        for cache in caches:
            cache.mkdir()
        subprocess.run(["chown", "-R", "%d:%d" % (NOBODY, NOBODY), str(self.root), *map(str, caches)], check=True)
        alone = self.as_nobody(caches[0], "--json", "build", "base", "--output", "oci:out")
        self.assertNotEqual(alone, as_root)
        layer = {m.name: m for m in images.Image(self.root / "out").layers[-1]}
        self.assertEqual((layer["usr/bin/greet"].mode, layer["var/lib/greeting"].uid), (0o4755, 0))
        if shutil.which("newuidmap") and os.path.exists("/etc/subuid"):
            self.assertEqual(self.as_nobody(caches[1], "--json", "build", "base", subids=self.top / "subids"), as_root)

    def test_packages_on_a_dockerfile(self):
        self.write("Dockerfile", "FROM base\nRUN echo made > /made\n")
        self.project("dockerfile: Dockerfile\ncontexts: {base: 'oci:parent'}\napt: {packages: [greet], sources: ['%s'], keys: [key.asc]}" % self.source.line)
        first = self.build()
        self.assertEqual([kind for kind, _, _ in self.layers(first)], ["parent", "run", "apt"])
        self.assertEqual(self.build()["state"], "hit")
        self.assertEqual(sorted(self.pins()), ["greet", "greeting"])
