# SPDX-License-Identifier: Apache-2.0
"""What tests of `apt:` stand on: a Debian root with apt in it, made once and kept in build/, and a package source of our own on loopback."""
import fcntl
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading

SUITE = "bookworm"
KEPT = pathlib.Path("build/test-parents").resolve()
# Documentation and translations would only make unpacking slow; the sources are those of the tests.
TRIM = 'rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/usr/share/zoneinfo/* "$1"/var/lib/apt/lists/* "$1"/etc/apt/sources.list'


def possible():
    return all(shutil.which(x) for x in ("mmdebstrap", "dpkg-deb", "gpg"))


def layout(folder, tar, env=()):
    """An OCI layout with one image of one layer."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": list(env)},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "config.v1+json"),
                "layers": [put(gzip.compress(tar, 1, mtime=0), "layer.v1.tar+gzip")]}
    top = put(json.dumps(manifest).encode(), "manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def parent():
    """The layout's folder. Half a minute the first time."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / ("debian-" + SUITE)
    with open(KEPT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "oci-layout").exists():
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="pawl debian ") as scratch:
                tar = os.path.join(scratch, "root.tar")
                subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", "--format=tar", "--customize-hook=" + TRIM, SUITE, tar], check=True,
                               env=dict(os.environ, SOURCE_DATE_EPOCH="946684800"))
                layout(folder, pathlib.Path(tar).read_bytes(), ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    return folder


def deb(folder, name, version, files, depends="", scripts=(), arch="all"):
    """A package; its path."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="deb-", dir=folder))
    root.chmod(0o755)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: test <test@example.com>\nDescription: test\n%s"
                                         % (name, version, arch, "Depends: %s\n" % depends if depends else ""))
    for script, text in dict(scripts).items():
        (root / "DEBIAN" / script).write_text("#!/bin/sh\nset -e\n" + text)
        (root / "DEBIAN" / script).chmod(0o755)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    out = pathlib.Path(folder) / ("%s_%s_%s.deb" % (name, version.split(":")[-1], arch))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(out)], check=True, capture_output=True)
    shutil.rmtree(root)
    return out


class Source:
    """A flat package source on loopback; sign: with a key of its own, whose public half is at .key."""

    def __init__(self, sign=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-apt-"))
        self.home = tempfile.mkdtemp(prefix="gpg-") if sign else None
        self.requests = []
        source = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args):
                source.requests.append(self.path)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(self.folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        if sign:
            self.gpg("--passphrase", "", "--quick-gen-key", "test@example.com", "rsa2048", "sign", "never")
            self.key = self.gpg("--export", "--armor").stdout
        self.line = "deb %s%s ./" % ("" if sign else "[trusted=yes] ", self.url)

    def gpg(self, *args):
        return subprocess.run(["gpg", "--batch", "--yes", "--homedir", self.home, *args], check=True, capture_output=True)

    def add(self, name, version, files, **more):
        deb(self.folder, name, version, files, **more)
        self.index()

    def remove(self, pattern):
        for path in self.folder.glob(pattern):
            path.unlink()
        self.index()

    def index(self):
        text = ""
        for path in sorted(self.folder.glob("*.deb")):
            data = path.read_bytes()
            control = subprocess.run(["dpkg-deb", "--field", str(path)], check=True, capture_output=True, text=True).stdout
            text += "%sFilename: ./%s\nSize: %d\nSHA256: %s\n\n" % (control, path.name, len(data), hashlib.sha256(data).hexdigest())
        (self.folder / "Packages").write_text(text)
        release = "Suite: test\nDate: Sat, 01 Jan 2000 00:00:00 UTC\nSHA256:\n %s %d Packages\n" % (hashlib.sha256(text.encode()).hexdigest(), len(text))
        (self.folder / "Release").write_text(release)
        if self.home:
            self.gpg("--clearsign", "--output", str(self.folder / "InRelease"), str(self.folder / "Release"))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.home:
            subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], capture_output=True)
            shutil.rmtree(self.home, ignore_errors=True)


def members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: m for m in tar.getmembers()}
