# SPDX-License-Identifier: Apache-2.0
"""Image builders other than the native one: one contract (tests/backends/contract.c) for all, with the real engines."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent)]
import harness  # noqa: E402
from images import Engine, Image, Registry  # noqa: E402

CONTRACT = pathlib.Path(os.environ.get("PAWL", "build/pawl")).resolve().parent / "tests" / "backends" / "contract"


def busybox_layout(folder):
    """An OCI layout with one image: busybox and the names of its applets."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("tmp", 0o1777), ("etc", 0o755), ("run", 0o755), ("root", 0o700)):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        program = pathlib.Path(shutil.which("busybox")).read_bytes()
        info = tarfile.TarInfo("bin/busybox")
        info.mode, info.size = 0o755, len(program)
        tar.addfile(info, io.BytesIO(program))
        for applet in ("sh", "cat", "echo", "rm", "wc", "ls", "mkdir", "test", "true", "false", "id", "chmod"):
            info = tarfile.TarInfo("bin/" + applet)
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
        text = b"root:x:0:0:root:/root:/bin/sh\n"
        info = tarfile.TarInfo("etc/passwd")
        info.mode, info.size = 0o644, len(text)
        tar.addfile(info, io.BytesIO(text))
    plain = out.getvalue()
    layer = gzip.compress(plain, 1, mtime=0)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, media):
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": media, "digest": "sha256:" + name, "size": len(data)}

    config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
              "history": [{"created_by": "busybox"}],  # buildah wants one line a layer
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [put(layer, "application/vnd.oci.image.layer.v1.tar+gzip")]}
    index = {"schemaVersion": 2, "manifests": [put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")]}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps(index))


class Builders(unittest.TestCase):

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="pawl-builders-"))
        self.addCleanup(shutil.rmtree, self.top, True)
        if not shutil.which("busybox"):
            self.skipTest("not installed: busybox-static")
        busybox_layout(self.top / "parent")

    def contract(self, kind, settings, *more, env=None):
        scratch = self.top / "scratch"
        scratch.mkdir()
        argv = [str(CONTRACT), kind, json.dumps(settings), str(self.top / "parent"), str(scratch), *more]
        done = subprocess.run(argv, env=dict(os.environ, **(env or {})), capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stdout[-6000:] + done.stderr[-3000:])

    def test_docker_with_buildkit(self):
        if not Engine.possible():
            self.skipTest("not here: root and dockerd")
        engine = Engine()
        self.addCleanup(engine.stop)
        self.contract("docker", {"kind": "docker", "network": "none"}, "without-secrets", env={"DOCKER_HOST": engine.host})

    def test_docker_classic(self):
        if not Engine.possible():
            self.skipTest("not here: root and dockerd")
        engine = Engine()
        self.addCleanup(engine.stop)
        self.contract("docker", {"kind": "docker", "network": "none", "buildkit": False}, "without-secrets", env={"DOCKER_HOST": engine.host})

    def test_buildah(self):
        if os.geteuid() != 0 or not shutil.which("buildah"):
            self.skipTest("not here: root and buildah")
        conf = self.top / "storage.conf"
        conf.write_text('[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' % (self.top, self.top))
        self.contract("buildah", {"kind": "buildah", "isolation": "chroot", "network": "host"}, env={"CONTAINERS_STORAGE_CONF": str(conf)})

    def test_native_at_the_end_of_a_wire(self):
        far = "PAWL_CACHE='%s' exec '%s' __remote-build" % (self.top / "far", pathlib.Path(harness.PAWL).resolve())
        self.contract("remote", {"kind": "remote", "command": ["sh", "-c", far]})

    def fake(self, name, script):
        """A program of that name, first in PATH, in the place of one that cannot be had here: it notes what it is asked for."""
        folder = self.top / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("#!/usr/bin/env python3\nimport json, os, pathlib, shutil, sys\nTOP = pathlib.Path(%r)\n" % str(self.top) + textwrap.dedent(script))
        (folder / name).chmod(0o755)
        return {"PATH": "%s:%s" % (folder, os.environ["PATH"])}

    def one_row(self, kind, settings, row, env):
        scratch = self.top / "scratch"
        scratch.mkdir(exist_ok=True)
        return subprocess.run([str(CONTRACT), kind, json.dumps(settings), str(self.top / "parent"), str(scratch), row], env=dict(os.environ, **env),
                              capture_output=True, text=True, timeout=60)

    def test_what_buildctl_is_asked_for(self):
        env = self.fake("buildctl", """
            options = dict(part.split("=", 1) for part in sys.argv[sys.argv.index("--output") + 1].split(","))
            folders = dict(sys.argv[i + 1].split("=", 1) for i, a in enumerate(sys.argv) if a == "--local")
            layout = dict(sys.argv[i + 1].split("=", 1) for i, a in enumerate(sys.argv) if a == "--oci-layout")
            secret = [sys.argv[i + 1] for i, a in enumerate(sys.argv) if a == "--secret"]
            (TOP / "asked").write_text(json.dumps({
                "argv": sys.argv[1:], "files": sorted(os.listdir(folders["context"])),
                "dockerfile": pathlib.Path(folders["dockerfile"], "Dockerfile").read_text(),
                "layout": sorted(os.listdir(layout["parent0"])), "secret": [open(s.split("src=")[1]).read() for s in secret]}))
            shutil.copytree(TOP / "parent", options["dest"])
            """)
        settings = {"kind": "buildkit", "address": "tcp://build.example:1234", "tls": {"ca": "ca.pem", "cert": "c.pem", "key": "k.pem"}}
        self.one_row("buildkit", settings, "argument", env)
        asked = json.loads((self.top / "asked").read_text())
        argv = asked["argv"]
        pairs = list(zip(argv, argv[1:]))
        self.assertEqual(argv[:2], ["--addr", "tcp://build.example:1234"])
        for pair in (("--tlscacert", "ca.pem"), ("--tlscert", "c.pem"), ("--tlskey", "k.pem"), ("--opt", "build-arg:WHO=me too"),
                     ("--opt", "platform=linux/amd64"), ("--opt", "filename=Dockerfile")):
            self.assertIn(pair, pairs)
        self.assertTrue(any(a.startswith("context:localhost/pawl-parent:contract=oci-layout://parent0@sha256:") for a in argv), argv)
        self.assertEqual(asked["files"], ["a.txt", "link", "run.sh"])
        self.assertIn("ARG WHO", asked["dockerfile"])
        self.assertEqual(asked["layout"], ["blobs", "index.json", "oci-layout"])
        self.one_row("buildkit", settings, "a secret", env)
        self.assertEqual(json.loads((self.top / "asked").read_text())["secret"], ["canary-7788"])

    def test_what_kubectl_is_asked_for(self):
        if not shutil.which("docker-registry") or not shutil.which("skopeo"):
            self.skipTest("not installed: docker-registry, skopeo")
        registry = Registry()
        self.addCleanup(registry.stop)
        env = self.fake("kubectl", """
            import io, subprocess, tarfile
            pod = json.loads(sys.argv[sys.argv.index("--overrides") + 1])
            names = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())).getnames()
            (TOP / "asked").write_text(json.dumps({"argv": sys.argv[1:], "pod": pod, "names": names}))
            to = [a.split("=", 1)[1] for a in pod["spec"]["containers"][0]["args"] if a.startswith("--destination=")][0]
            subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:%s" % (TOP / "parent"), "docker://" + to], check=True)
            """)
        settings = {"kind": "kaniko", "image": "k.example/executor:1", "repository": registry.host + "/builds", "namespace": "ml"}
        done = self.one_row("kaniko", settings, "copy", env)
        self.assertIn("kaniko pulls parents from a registry only", done.stdout)
        done = self.one_row("kaniko", settings, "scratch", env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)  # what the pod pushed came back
        asked = json.loads((self.top / "asked").read_text())
        self.assertEqual(asked["argv"][0], "run")
        self.assertIn(("--namespace", "ml"), list(zip(asked["argv"], asked["argv"][1:])))
        self.assertEqual(sorted(asked["names"]), ["Dockerfile.pawl", "a.txt", "link", "run.sh"])
        (self.top / "asked").unlink()
        shutil.rmtree(self.top / "scratch")
        done = self.one_row("kaniko", settings, "scratch", env)  # another client finds it by its tag
        self.assertEqual((done.returncode, (self.top / "asked").exists()), (0, False))


class Environments(harness.PawlTest):
    """A Dockerfile environment by each builder: made when what it is made of changed, and only then; layers of our own on top."""

    PAWL_YAML = """
        version: 1
        pipeline: p
        environments:
          base:
            dockerfile: docker/Dockerfile
            context: .
            args: {WHO: me}
            contexts: {bb: "oci:parent"}
            include: [extra.txt]
            workdir: /srv
        steps: {}
        stacks:
          other: {builder: %s}
        """
    DOCKERFILE = """
        FROM bb AS unneeded
        RUN exit 3
        FROM bb
        ARG WHO
        COPY a.txt /d/
        RUN echo $WHO > /who && cat /d/a.txt >> /who
        FROM bb AS last
        COPY --from=1 /who /who
        ENV COLOUR=blue
        """

    def setUp(self):
        super().setUp()
        if not shutil.which("busybox"):
            self.skipTest("not installed: busybox-static")

    def story(self, builder, dockerfile=DOCKERFILE, made="me\na\n"):
        busybox_layout(self.root / "parent")
        self.write("pawl.yaml", self.PAWL_YAML % json.dumps(builder))
        self.write("docker/Dockerfile", dockerfile)
        self.write("a.txt", "a\n")
        self.write("extra.txt", "x\n")
        self.write("unused.txt", "u\n")
        self.age()
        first = self.image("made")
        image = Image(self.root / "out")
        self.assertEqual((image.files["who"][1], image.files["srv/extra.txt"][1]), (made.encode(), b"x\n"))
        self.assertIn("COLOUR=blue", image.config["config"]["Env"])
        self.assertEqual(self.image("hit"), first)
        self.edit("docker/Dockerfile", "RUN exit 3", "RUN exit 4  # nobody needs it")
        self.write("unused.txt", "other\n")
        self.assertEqual(self.image("hit"), first)
        self.write("extra.txt", "y\n")
        self.assertEqual(self.ran(), ["image:base"])
        self.write("a.txt", "b\n")
        self.assertEqual(self.ran(), ["dockerfile:base", "image:base"])
        self.assertIn(b"b\n", Image(self.root / "out").files["who"][1])

    def image(self, state):
        image = self.pawl("--stack", "other", "--json", "build", "base", "--output", "oci:out").json["images"][0]
        self.assertEqual(image["state"], state)
        return image["digest"]

    def ran(self):
        events = self.top / "events"
        self.pawl("--stack", "other", "--events", str(events), "build", "base", "--output", "oci:out")
        rows = [json.loads(line) for line in events.read_text().splitlines()]
        return sorted(r["node"] for r in rows if r["event"] == "node.start")

    def test_buildah(self):
        if os.geteuid() != 0 or not shutil.which("buildah"):
            self.skipTest("not here: root and buildah")
        self.write("storage.conf", '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' % (self.top, self.top))
        self.env["CONTAINERS_STORAGE_CONF"] = str(self.root / "storage.conf")
        self.story({"kind": "buildah", "isolation": "chroot", "network": "host"})

    def test_docker(self):
        if not Engine.possible():
            self.skipTest("not here: root and dockerd")
        engine = Engine()
        self.addCleanup(engine.stop)
        self.env["DOCKER_HOST"] = engine.host
        self.story({"kind": "docker", "network": "none"})

    def test_another_pawl(self):
        talk = self.top / "talk"
        far = "PAWL_CACHE='%s' exec '%s' __remote-build" % (self.top / "far", pathlib.Path(harness.PAWL).resolve())
        builder = {"kind": "remote", "command": ["sh", "-c", "tee '%s' | (%s)" % (talk, far)]}
        self.story(builder)
        # The parent went over once, when the other side lacked it.
        self.assertLess(talk.stat().st_size, (self.root / "parent").stat().st_size + 20000)

    def test_a_builder_that_is_not_there(self):
        busybox_layout(self.root / "parent")
        self.write("pawl.yaml", self.PAWL_YAML % '{"kind": "remote", "command": ["no-such-program"]}')
        self.write("docker/Dockerfile", "FROM bb\nRUN true\n")
        self.write("extra.txt", "x\n")
        self.assertIn("no-such-program", self.pawl("--stack", "other", "build", "base", status=3).err)
        self.write("pawl.yaml", self.PAWL_YAML % '{"kind": "remote"}')
        self.assertIn("needs an address", self.pawl("--stack", "other", "build", "base", status=2).err)
        self.write("pawl.yaml", self.PAWL_YAML % '{"kind": "docker"}')
        self.env["DOCKER_HOST"] = "unix:///nowhere.sock"
        self.assertIn("nowhere.sock", self.pawl("--stack", "other", "build", "base", status=3).err)

    def test_a_command_that_fails(self):
        if os.geteuid() != 0 or not shutil.which("buildah"):
            self.skipTest("not here: root and buildah")
        busybox_layout(self.root / "parent")
        self.write("storage.conf", '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' % (self.top, self.top))
        self.env["CONTAINERS_STORAGE_CONF"] = str(self.root / "storage.conf")
        self.write("pawl.yaml", self.PAWL_YAML % '{"kind": "buildah", "isolation": "chroot", "network": "host"}')
        self.write("docker/Dockerfile", "FROM bb\nRUN echo the last words && exit 7\n")
        self.write("extra.txt", "x\n")
        outcome = self.pawl("--stack", "other", "build", "base", status=1)
        self.assertIn("the last words", outcome.err)
