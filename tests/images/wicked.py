# SPDX-License-Identifier: Apache-2.0
"""A registry of our own that follows the distribution specification (chunked uploads that resume, ranges, the referrers API) until it is told not to.

    registry = Wicked()
    registry.fault("PUT", "/blobs/uploads/", answer(503, {"Retry-After": "0"}), times=2)

A fault is a function of the request handler; it returns True when it has answered (or hung up) itself. Standard library only.
"""
import hashlib
import http.server
import json
import socket
import struct
import threading
import urllib.parse


def answer(status, headers=None, body=b""):
    def fault(handler):
        handler.drain()
        handler.reply(status, headers or {}, body)
        return True
    return fault


def hang_up(handler):
    """Reset the connection: an RST and not an orderly end."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
    return True


def die_after(count):
    """Keep so many bytes of the upload, then reset the connection."""
    def fault(handler):
        upload = handler.server.uploads[handler.path.split("?")[0].rsplit("/", 1)[1]]
        upload.extend(handler.rfile.read(count))
        return hang_up(handler)
    return fault


def truncated(count, orderly=False):
    """Say the whole length, send so many bytes, and end."""
    def fault(handler):
        body = handler.found()
        handler.send_response(200)
        if not orderly:
            handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body[:count])
        handler.wfile.flush()
        handler.close_connection = True
        return True
    return fault


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return True


def stalled(handler):
    """Begin an answer and never go on; the test ends it."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b"x")
    handler.wfile.flush()
    handler.server.ending.wait(60)
    return hang_up(handler)


def forged(handler):
    body = handler.found()
    handler.reply(200, {}, bytes([body[0] ^ 1]) + body[1:])
    return True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def drain(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def found(self):
        name = self.path.rsplit("/", 1)[1]
        return self.server.blobs.get(name) or self.server.manifests.get(tuple(self.path.split("/manifests/")), ("", b""))[1]

    def handle_one(self):
        server = self.server
        with server.lock:
            server.seen.append((self.command, self.path, dict(self.headers)))
            chosen = None
            for row in server.faults:
                if row[0] == self.command and row[1] in self.path and row[3] > 0:
                    row[3] -= 1
                    chosen = row[2]
                    break
        if chosen and chosen(self):
            return
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qs(query)
        if "/blobs/uploads/" in path:
            self.upload(path, query)
        elif "/blobs/" in path:
            self.blob(path.rsplit("/", 1)[1])
        elif "/manifests/" in path:
            self.manifest(*path.split("/manifests/"))
        elif "/referrers/" in path and server.referrers_api:
            self.referrers(*path.split("/referrers/"))
        else:
            self.drain()
            self.reply(404, {})

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_one

    def upload(self, path, query):
        server, body = self.server, self.drain()
        repository, name = path.split("/blobs/uploads/")
        if self.command == "POST":
            if query.get("mount", [""])[0] in server.blobs and server.mounts:
                return self.reply(201, {"Location": "%s/blobs/%s" % (repository, query["mount"][0])})
            name = "u%d" % len(server.seen)
            server.uploads[name] = bytearray()
            return self.reply(202, {"Location": "%s/blobs/uploads/%s" % (repository, name)})
        if name not in server.uploads:
            return self.reply(404, {}, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}')
        upload, place = server.uploads[name], {"Location": path}
        if self.command == "GET":
            return self.reply(204, dict(place, Range="0-%d" % max(len(upload) - 1, 0)))
        if self.command == "PATCH":
            if self.headers.get("Content-Range") != "%d-%d" % (len(upload), len(upload) + len(body) - 1):
                return self.reply(416, {})
            upload.extend(body)
            return self.reply(202, dict(place, Range="0-%d" % (len(upload) - 1)))
        data, digest = bytes(upload) + body, query.get("digest", [""])[0]
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            return self.reply(400, {}, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
        del server.uploads[name]
        server.blobs[digest] = data
        return self.reply(201, {"Location": "%s/blobs/%s" % (repository, digest)})

    def blob(self, digest):
        data = self.server.blobs.get(digest)
        self.drain()
        if data is None:
            return self.reply(404, {}, b'{"errors": [{"code": "BLOB_UNKNOWN"}]}')
        wanted = self.headers.get("Range")
        if wanted and self.server.ranges:
            first = int(wanted.split("=")[1].split("-")[0])
            return self.reply(206, {"Content-Range": "bytes %d-%d/%d" % (first, len(data) - 1, len(data))}, data[first:])
        return self.reply(200, {}, data)

    def manifest(self, repository, name):
        server, body = self.server, self.drain()
        if self.command == "PUT":
            document = json.loads(body)
            for part in [document["config"]] + document["layers"] if "layers" in document else []:
                if part["digest"] not in server.blobs:
                    return self.reply(404, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]}')
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            headers = {}
            for key in (name, digest):
                server.manifests[repository, key] = (self.headers["Content-Type"], body)
            if "subject" in document and server.referrers_api:
                headers["OCI-Subject"] = document["subject"]["digest"]
            return self.reply(201, headers)
        if (repository, name) not in server.manifests:
            return self.reply(404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        kind, data = server.manifests[repository, name]
        return self.reply(200, {"Content-Type": kind, "Docker-Content-Digest": "sha256:" + hashlib.sha256(data).hexdigest()}, data)

    def referrers(self, repository, subject):
        rows = []
        for (where, name), (kind, data) in sorted(self.server.manifests.items()):
            document = json.loads(data)
            if where == repository and name.startswith("sha256:") and document.get("subject", {}).get("digest") == subject:
                rows.append({"mediaType": kind, "digest": name, "size": len(data), "artifactType": document.get("artifactType")})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": rows}
        return self.reply(200, {"Content-Type": index["mediaType"]}, json.dumps(index).encode())


class Wicked(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = "127.0.0.1:%d" % self.server_address[1]
        self.blobs, self.uploads, self.manifests = {}, {}, {}
        self.seen, self.faults = [], []
        self.ranges = self.mounts = self.referrers_api = True
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def handle_error(self, *args):
        """A client that had enough hangs up."""

    def fault(self, method, part, what, times=1):
        self.faults.append([method, part, what, times])

    def requests(self, since=0):
        return [(method, path) for method, path, headers in self.seen[since:]]

    def stop(self):
        self.ending.set()
        self.shutdown()
        self.thread.join()
        self.server_close()
