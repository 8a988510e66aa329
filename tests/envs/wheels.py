# SPDX-License-Identifier: Apache-2.0
"""Small wheels and source distributions of our own making, and an index of packages on loopback, for tests that need no network."""
import base64
import hashlib
import http.server
import io
import os
import pathlib
import tarfile
import threading
import zipfile

import harness

BOOTSTRAP = "{bootstrap: debian, suite: bookworm, packages: [python3]}"


def wheel(name, version, requires=(), extras=(), files=None, scripts=None, tag="py3-none-any", requires_python=None):
    """(file name, bytes). Without files: a module of that name with VERSION in it."""
    module = name.replace("-", "_")
    info = "%s-%s.dist-info" % (module, version)
    files = dict(files or {module + ".py": "VERSION = %r\n" % version})
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tag
    files[info + "/METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version) + "".join(
        ["Requires-Python: %s\n" % requires_python] * bool(requires_python) + ["Provides-Extra: %s\n" % extra for extra in extras] + ["Requires-Dist: %s\n" % r for r in requires])
    if scripts:
        files[info + "/entry_points.txt"] = "[console_scripts]\n" + "".join("%s = %s\n" % row for row in scripts.items())
    record, out = "", io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(files.items()):
            data = text if isinstance(text, bytes) else text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record += "%s,sha256=%s,%d\n" % (path, digest, len(data))
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
        archive.writestr(zipfile.ZipInfo(info + "/RECORD", (2020, 1, 1, 0, 0, 0)), record + info + "/RECORD,,\n")
    return "%s-%s-%s.whl" % (module, version, tag), out.getvalue()


def sdist(name, version, files, top=None):
    """(file name, bytes) of a gzipped tar with these files."""
    top = top or "%s-%s" % (name, version)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in sorted(files.items()):
            member = tarfile.TarInfo("%s/%s" % (top, path))
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return "%s-%s.tar.gz" % (name, version), out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Index:
    """A simple index on loopback over a folder of files: PEP 503 pages with hashes. It counts, and may ask for a user and a password."""

    def __init__(self, folder, login=None):
        index = self
        self.folder, self.login, self.asked = pathlib.Path(folder), login, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.answer(self)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = "127.0.0.1:%d" % self.server.server_port
        self.url = "http://%s/simple/" % self.host

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        self.asked.append(request.path)
        if self.login:
            expected = "Basic " + base64.b64encode(self.login.encode()).decode()
            if request.headers.get("Authorization") != expected:
                return self.send(request, 401, b"no", "text/plain", {"WWW-Authenticate": 'Basic realm="wheels"'})
        parts = request.path.strip("/").split("/")
        if parts[0] == "files" and (self.folder / parts[-1]).is_file():
            return self.send(request, 200, (self.folder / parts[-1]).read_bytes(), "application/octet-stream")
        if parts[0] == "simple" and len(parts) == 2:
            rows = ["<a href=\"/files/%s#sha256=%s\">%s</a><br>" % (f.name, sha256(f.read_bytes()), f.name) for f in sorted(self.folder.iterdir())
                    if f.name.split("-")[0].lower().replace("_", "-") == parts[1]]
            if rows:
                return self.send(request, 200, ("<!DOCTYPE html><html><body>%s</body></html>" % "\n".join(rows)).encode(), "text/html")
        return self.send(request, 404, b"no", "text/plain")

    @staticmethod
    def send(request, status, body, kind, headers=None):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        for row in (headers or {}).items():
            request.send_header(*row)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)


class WheelTest(harness.PawlTest):
    """A project whose packages lie in the folder `wheels` beside it; uv and pip look nowhere else."""

    def setUp(self):
        super().setUp()
        self.need_uv()
        self.wheels = self.top / "wheels"
        self.wheels.mkdir()
        for name in list(self.env):
            if name.startswith(("UV_", "PIP_")):
                del self.env[name]
        self.write("links.toml", "no-index = true\nfind-links = [%r]\n" % str(self.wheels), root=self.top)
        self.env.update(UV_CONFIG_FILE=str(self.top / "links.toml"), PIP_NO_INDEX="1", PIP_FIND_LINKS=self.wheels.as_uri(), PIP_NO_CACHE_DIR="1",
                        UV_CACHE_DIR=str(self.top / "uv"), PIP_CONFIG_FILE=os.devnull, HOME=str(self.top), NETRC=str(self.top / ".netrc"))

    def add_wheel(self, *args, **more):
        """Put a wheel into the folder; its sha256."""
        name, data = wheel(*args, **more)
        (self.wheels / name).write_bytes(data)
        return sha256(data)

    def project(self, python, command, **more):
        """One environment, one step `s` that prints into out.txt."""
        self.write("pawl.yaml", """
            version: 1
            pipeline: wheels
            environments:
              base:
                parent: %s
                python: %s
            steps:
              s:
                environment: base
                isolation: %s
                run: [python3, -c, %r, "${outputs.o}"]
                outputs: {o: out.txt}
            """ % (more.get("parent", BOOTSTRAP), python, more.get("isolation", "venv"), "import sys; sys.stdout = open(sys.argv[1], 'w'); " + command))

    def result(self, *args, **more):
        """What the step wrote in a run."""
        self.pawl("run", *args, **more)
        return self.read("out.txt").strip()
