# SPDX-License-Identifier: Apache-2.0
"""What tests of images stand on: OCI layouts read and checked by hand, real registries, a real Docker engine, small wheels of our own making."""
import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.request
import zipfile

import harness

DOCKER = "/usr/bin/docker"  # another client may come first in PATH


class Image:
    """The one image of an OCI layout folder; every digest and size is checked on the way."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        assert json.loads((self.folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
        self.index = json.loads((self.folder / "index.json").read_text())
        assert len(self.index["manifests"]) == 1, self.index
        self.digest = self.index["manifests"][0]["digest"]
        self.name = self.index["manifests"][0].get("annotations", {}).get("org.opencontainers.image.ref.name")
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.layers = []  # lists of tarfile members, lowest first
        self.files = {}   # path to (member, content) of what is seen at last
        diff_ids = self.config["rootfs"]["diff_ids"]
        assert len(diff_ids) == len(self.manifest["layers"])
        for descriptor, diff_id in zip(self.manifest["layers"], diff_ids):
            data = gzip.decompress(self.blob(descriptor))
            assert "sha256:" + hashlib.sha256(data).hexdigest() == diff_id
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                members = tar.getmembers()
                self.layers.append(members)
                for m in members:
                    self.files[m.name] = (m, tar.extractfile(m).read() if m.isfile() else None)

    def blob(self, descriptor):
        algorithm, name = descriptor["digest"].split(":")
        data = (self.folder / "blobs" / algorithm / name).read_bytes()
        assert hashlib.new(algorithm, data).hexdigest() == name and len(data) == descriptor["size"]
        return data


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(server, port):
    end = time.time() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
            return
        except OSError:
            assert time.time() < end and server.process.poll() is None, (server.folder / "log").read_text()
            time.sleep(0.02)


class Server:
    """A process that belongs to a test class, in a folder of its own."""

    def __init__(self, argv, folder):
        self.folder = folder
        self.log = open(folder / "log", "ab")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Registry(Server):
    """docker-registry on loopback; user and password turn basic authentication on."""

    def __init__(self, user=None, password=None, tls=None, port=None):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl registry "))
        self.host = "127.0.0.1:%d" % int(port or free_port())
        self.data = folder / "data"
        text = "version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\n" \
               "storage: {filesystem: {rootdirectory: '%s'}, delete: {enabled: true}}\nhttp: {addr: '%s'}\n" % (self.data, self.host)
        if user:
            subprocess.run(["htpasswd", "-Bbc", str(folder / "users"), user, password], check=True, capture_output=True)
            text += "auth: {htpasswd: {realm: pawl, path: '%s'}}\n" % (folder / "users")
        if tls:
            text = text.replace("http: {", "http: {tls: {certificate: '%s', key: '%s'}, " % tls)
        (folder / "registry.yml").write_text(text)
        super().__init__(["docker-registry", "serve", str(folder / "registry.yml")], folder)
        wait_for_port(self, self.host.split(":")[1])

    def requests(self):
        """(method, path) of all requests since the last call. The log is written before the answer goes out."""
        text = (self.folder / "log").read_text(errors="replace")
        seen = getattr(self, "seen", 0)
        self.seen = len(text)
        lines = [line.split('"')[1].split() for line in text[seen:].splitlines() if "HTTP/1.1" in line and line.count('"') > 2]
        return [(parts[0], parts[1]) for parts in lines if len(parts) > 1 and parts[1].startswith("/v2")]

    def get(self, path, accept="application/vnd.oci.image.manifest.v1+json"):
        request = urllib.request.Request("http://%s%s" % (self.host, path), headers={"Accept": accept})
        with urllib.request.urlopen(request) as answer:
            return answer.read()


def push_layout(registry, folder, repository, tag):
    """Upload the one image of an OCI layout as it is; its digest."""
    def send(method, url, data=None, kind="application/octet-stream"):
        request = urllib.request.Request(url if "://" in url else "http://%s%s" % (registry.host, url), method=method, data=data,
                                         headers={"Content-Type": kind})
        with urllib.request.urlopen(request) as answer:
            return answer.headers.get("Location")

    def blob(descriptor):
        data = (folder / "blobs/sha256" / descriptor["digest"].split(":")[1]).read_bytes()
        place = send("POST", "/v2/%s/blobs/uploads/" % repository, b"")
        send("PUT", "%s%sdigest=%s" % (place, "&" if "?" in place else "?", descriptor["digest"]), data)
    top = json.loads((folder / "index.json").read_text())["manifests"][0]
    data = (folder / "blobs/sha256" / top["digest"].split(":")[1]).read_bytes()
    manifest = json.loads(data)
    for descriptor in manifest["layers"] + [manifest["config"]]:
        blob(descriptor)
    send("PUT", "/v2/%s/manifests/%s" % (repository, tag), data, top["mediaType"])
    return top["digest"]


class Engine(Server):
    """dockerd without network, on a socket of its own."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-dockerd-"))
        self.host = "unix://%s/docker.sock" % folder
        super().__init__(["dockerd", "--data-root", "%s/data" % folder, "--exec-root", "%s/exec" % folder, "--pidfile", "%s/pid" % folder,
                          "--iptables=false", "--ip6tables=false", "--bridge=none", "-H", self.host], folder)
        end = time.time() + 30
        while self.docker("version", check=False).returncode:
            assert time.time() < end and self.process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)

    def docker(self, *args, check=True):
        return subprocess.run([DOCKER, *args], env=dict(os.environ, DOCKER_HOST=self.host), check=check, capture_output=True, text=True)

    @staticmethod
    def possible():
        return os.geteuid() == 0 and os.path.exists(DOCKER) and shutil.which("dockerd") is not None


def wheel(name, version, files, tag="py3-none-any", scripts=None, pure=True):
    """(file name, bytes) of a small wheel."""
    info = "%s-%s.dist-info" % (name, version)
    files = dict(files)
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: %s\nTag: %s\n" % (str(pure).lower(), tag)
    files[info + "/METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    if scripts:
        files[info + "/entry_points.txt"] = "[console_scripts]\n" + "".join("%s = %s\n" % row for row in scripts.items())
    record = ""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(files.items()):
            data = text if isinstance(text, bytes) else text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
        archive.writestr(zipfile.ZipInfo(info + "/RECORD", (2020, 1, 1, 0, 0, 0)), record + info + "/RECORD,,\n")
    return "%s-%s-%s.whl" % (name, version, tag), out.getvalue()


class ImageTest(harness.PawlTest):
    """A project with one environment."""

    def project(self, environment, **files):
        self.write("pawl.yaml", "version: 1\npipeline: picture\nenvironments:\n  base:\n" +
                   "".join("    %s\n" % line for line in environment.strip().split("\n")) + "steps: {}\n")
        for path, text in files.items():
            self.write(path.replace("__", "/").replace("_dot_", "."), text)

    def build(self, *args, **more):
        return self.pawl("--json", "build", "base", *args, **more).json["images"][0]

    def layers(self, image):
        return [(layer["kind"], layer["name"], layer["state"]) for layer in image["layers"]]
