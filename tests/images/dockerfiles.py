# SPDX-License-Identifier: Apache-2.0
"""What tests of Dockerfiles share: a busybox parent, the file system that an image's layers make, and buildah as a peer."""
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile

from images import ImageTest, Image
from test_isolation import BUSYBOX, static  # noqa: F401
from test_parent import write_layout

TOOLS = ["sh", "cat", "chmod", "chown", "cp", "date", "echo", "env", "false", "find", "grep", "head", "id", "kill", "ln", "ls", "mkdir", "mv", "nc", "pwd", "rm",
         "rmdir", "sed", "seq", "sleep", "sort", "stat", "test", "touch", "tr", "true", "wc"]


def layer(*rows):
    """A layer of (path, content, None for a folder or ("link", target), mode, uid, gid)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content, mode, uid, gid in rows:
            info = tarfile.TarInfo(path)
            info.mode, info.uid, info.gid = mode, uid, gid
            data = None
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, tuple):
                info.type, info.linkname = tarfile.SYMTYPE, content[1]
            else:
                content = content if isinstance(content, bytes) else content.encode()
                data = io.BytesIO(content)
                info.size = len(content)
            tar.addfile(info, data)
    return out.getvalue()


def busybox():
    rows = [(d, None, 0o755, 0, 0) for d in ("bin", "etc", "home", "lib")] + [("tmp", None, 0o1777, 0, 0), ("home/ann", None, 0o700, 1000, 1001)]
    rows += [("bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), 0o755, 0, 0)]
    rows += [("bin/" + name, ("link", "busybox"), 0o777, 0, 0) for name in TOOLS]
    rows += [("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n", 0o644, 0, 0), ("etc/group", "root:x:0:\nann:x:1001:\n", 0o644, 0, 0)]
    return layer(*rows)


def tree(image, skip=()):
    """path: (kind, mode, uid, gid, content or target) of what is seen when all layers lie over each other."""
    found = {}
    for descriptor in image.manifest["layers"]:
        import gzip
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(image.blob(descriptor)))) as tar:
            members = tar.getmembers()
            for m in members:
                folder, _, name = m.name.rpartition("/")
                if name == ".wh..wh..opq":
                    found = {p: row for p, row in found.items() if not p.startswith(folder + "/")}
                elif name.startswith(".wh."):
                    gone = (folder + "/" if folder else "") + name[4:]
                    found = {p: row for p, row in found.items() if p != gone and not p.startswith(gone + "/")}
            for m in members:
                if m.name.split("/")[-1].startswith(".wh.") or m.name in (".", ""):
                    continue
                path = m.name.rstrip("/")
                if not m.isdir():
                    found = {p: row for p, row in found.items() if not p.startswith(path + "/")}
                if m.isdir():
                    row = ("d", stat.S_IMODE(m.mode), m.uid, m.gid, "")
                elif m.issym():
                    row = ("l", 0, m.uid, m.gid, m.linkname)
                else:
                    row = ("f", stat.S_IMODE(m.mode), m.uid, m.gid, tar.extractfile(m).read())
                found[path] = row
    return {path: row for path, row in found.items() if path not in skip}


def texts(image):
    """The same, contents decoded."""
    return {path: row[:4] + (row[4].decode() if row[0] == "f" else row[4],) for path, row in tree(image).items()}


class DockerfileTest(ImageTest):
    def dockerfile(self, text, more="", **files):
        self.project("dockerfile: Dockerfile\n" + more, **files)
        self.write("Dockerfile", text)

    def image(self, *args, **more):
        """The image as it comes out, and what pawl says of it."""
        answer = self.build("--output", "oci:out", *args, **more)
        return Image(self.root / "out"), answer

    def states(self, answer):
        return [layer["state"] for layer in answer["layers"]]


class RunTest(DockerfileTest):
    """Dockerfiles that begin with FROM base."""

    def setUp(self):
        super().setUp()
        write_layout(self.root / "base", [busybox()], {"Env": ["PATH=/bin"]})

    def dockerfile(self, text, more="", **files):
        super().dockerfile(text, "contexts: {base: oci:base}\n" + more, **files)

    def content(self, path, *args, **more):
        """A file of the image."""
        return tree(self.image(*args, **more)[0])[path][4].decode()


class Buildah:
    """buildah with a store of its own."""

    def __init__(self, folder, base):
        self.folder = folder
        (folder / "storage.conf").write_text('[storage]\ndriver = "overlay"\ngraphroot = "%s/graph"\nrunroot = "%s/run"\n' % (folder, folder))
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.env = dict(os.environ, CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"), BUILDAH_ISOLATION="chroot")
        self.call("skopeo", "--policy", str(folder / "policy.json"), "copy", "oci:%s" % base, "containers-storage:localhost/base:latest")

    @staticmethod
    def possible():
        return os.geteuid() == 0 and shutil.which("buildah") is not None and shutil.which("skopeo") is not None

    def call(self, *argv):
        return subprocess.run(argv, env=self.env, check=True, capture_output=True, text=True)

    def build(self, context, *args):
        self.call("buildah", "bud", "--signature-policy", str(self.folder / "policy.json"), "--pull-never", "--isolation", "chroot", "-t", "localhost/out", *args,
                  str(context))
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.call("skopeo", "--policy", str(self.folder / "policy.json"), "copy", "containers-storage:localhost/out:latest", "oci:%s" % out)
        return Image(out)


def settings(image):
    """The config without what is empty."""
    return {k: v for k, v in image.config["config"].items() if v and k not in ("OnBuild",)}


def canary(folder, word):
    """Files below a folder that have the word in them, plain or within gzip."""
    import gzip
    found = []
    for place in pathlib.Path(folder).rglob("*"):
        if not place.is_file() or place.is_symlink():
            continue
        data = place.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data += gzip.decompress(data)
        if word.encode() in data:
            found.append(str(place))
    return found


__all__ = ["BUSYBOX", "Buildah", "DockerfileTest", "Image", "RunTest", "canary", "json", "layer", "settings", "static", "texts", "tree"]
