# SPDX-License-Identifier: Apache-2.0
"""Registries that fail, for a moment or for good: what passes is survived, what does not is said, and nothing half-done stays anywhere."""
import base64
import json
import pathlib
import random
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import wicked  # noqa: E402
from images import ImageTest  # noqa: E402
from test_parent import tar_of, write_layout  # noqa: E402

BIG = 3000000


class WickedTest(ImageTest):
    def setUp(self):
        super().setUp()
        self.env.update(HOME=str(self.top), DOCKER_CONFIG=str(self.top))
        for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
            self.env.pop(name, None)
        self.registry = self.serve()

    def impatient(self):
        self.env["PAWL_HTTP_RETRIES"] = "1"

    def serve(self):
        server = wicked.Wicked()
        self.addCleanup(server.stop)
        return server

    def whole(self):
        """Cache and registry: every blob is what its name says, and nothing waits."""
        self.pawl("cache", "verify")
        for digest, data in self.registry.blobs.items():
            self.assertEqual(digest, "sha256:" + wicked.hashlib.sha256(data).hexdigest())
        for kind, data in self.registry.manifests.values():
            document = json.loads(data)
            for part in [document["config"]] + document["layers"] if "layers" in document else []:
                self.assertIn(part["digest"], self.registry.blobs)


class Pushing(WickedTest):
    def setUp(self):
        super().setUp()
        self.project("parent: scratch\ninclude: [data.bin]\n")
        (self.root / "data.bin").write_bytes(random.Random(1).randbytes(BIG))
        self.write("pawl.yaml", self.read("pawl.yaml") + "stacks:\n  local: {registry: \"%s/team\"}\n" % self.registry.host)

    def push(self, status=0):
        outcome = self.pawl("--json", "build", "base", "--push", status=status)
        if status == 0:
            image = outcome.json["images"][0]
            self.assertIn(("/v2/team/picture", image["digest"]), self.registry.manifests)
        self.whole()
        return outcome

    def forget(self):
        self.registry.faults.clear()
        self.registry.blobs.clear()
        self.registry.manifests.clear()

    def sent(self):
        """Bytes of bodies that came in."""
        return sum(int(headers.get("Content-Length") or 0) for method, path, headers in self.registry.seen if method in ("PUT", "PATCH"))

    def test_asked_to_wait(self):
        rows = [("POST", "/blobs/uploads/"), ("PUT", "/blobs/uploads/"), ("PUT", "/manifests/")]
        for status in (429, 500, 503):
            for method, part in rows:
                self.registry.fault(method, part, wicked.answer(status, {"Retry-After": "0"}))
        self.registry.fault("PUT", "/manifests/", wicked.answer(502, {"Retry-After": "Thu, 01 Jan 1998 00:00:00 GMT"}))
        self.push()
        self.assertTrue(all(row[3] == 0 for row in self.registry.faults), self.registry.faults)

    def test_a_wait_can_be_interrupted(self):
        import signal
        self.registry.fault("PUT", "/manifests/", wicked.answer(429, {"Retry-After": "50"}), times=9)
        for which in (signal.SIGINT, signal.SIGTERM):
            before = len(self.registry.seen)
            process = self.start("build", "base", "--push")
            self.wait_for(lambda: [p for m, p in self.registry.requests(before) if "manifests" in p], "a refusal")
            process.send_signal(which)
            process.communicate(timeout=20)
            self.assertIn(process.returncode, (128 + which, -which))
        self.registry.faults.clear()
        self.push()

    def test_without_retry_after_it_waits_by_itself(self):
        self.registry.fault("PUT", "/manifests/", wicked.answer(500))
        self.push()

    def test_it_does_not_wait_for_ever(self):
        self.registry.fault("PUT", "/manifests/", wicked.answer(429, {"Retry-After": "86400"}))
        self.assertIn("the registry answers 429", self.push(status=3).err)
        self.assertEqual([m for m, p in self.registry.requests() if "manifests" in p], ["PUT"], "a day is not waited for")
        self.registry.fault("PUT", "/manifests/", wicked.answer(503, {"Retry-After": "0"}), times=100)
        self.assertIn("the registry answers 503", self.push(status=3).err)
        self.registry.faults.clear()
        self.push()

    def test_a_reset_in_an_upload_goes_on_where_it_was(self):
        layer = self.build()["layers"][0]["digest"]
        self.registry.fault("PUT", layer, wicked.die_after(2000000))
        self.push()
        requests = [m for m, p in self.registry.requests()]
        self.assertIn("PATCH", requests)
        ranges = [headers["Content-Range"] for method, path, headers in self.registry.seen if method == "PATCH"]
        self.assertEqual([r.split("-")[0] for r in ranges], ["2000000"])
        self.assertLess(self.sent(), BIG + 1200000 + 5000, "what was there is not sent again")

    def test_a_reset_of_an_upload_that_is_forgotten_begins_anew(self):
        def forget(handler):
            handler.server.uploads.clear()
            return wicked.hang_up(handler)
        self.registry.fault("PUT", "/blobs/uploads/", forget)
        self.push()

    def test_an_answer_that_was_lost(self):
        def lose(handler):
            handler.wfile.flush()
            real, handler.wfile = handler.wfile, open("/dev/null", "wb")
            path, _, query = handler.path.partition("?")
            handler.upload(path, wicked.urllib.parse.parse_qs(query))
            handler.wfile.close()
            handler.wfile = real
            return wicked.hang_up(handler)
        layer = self.build()["layers"][0]["digest"]
        self.registry.fault("PUT", layer, lose)
        self.push()
        self.assertLess(self.sent(), 2 * BIG, "it had arrived")

    def test_a_large_blob_goes_in_pieces_and_on_at_the_last(self):
        (self.root / "data.bin").write_bytes(b"".join(random.Random(2).randbytes(1 << 20) for i in range(40)))
        layer = self.build()["layers"][0]
        cut = [2]

        def second(handler):
            cut[0] -= 1
            return cut[0] == 0 and wicked.die_after(1 << 20)(handler)
        self.registry.fault("PATCH", "/blobs/uploads/", second, times=1000)
        self.push()
        ranges = [headers["Content-Range"].split("-")[0] for method, path, headers in self.registry.seen if method == "PATCH"]
        self.assertEqual(ranges, ["0", str(32 << 20), str(33 << 20)])
        self.assertLess(self.sent(), layer["size"] + (9 << 20))

    def test_refusals_are_said(self):
        self.impatient()
        quota = b'{"errors": [{"code": "DENIED", "message": "quota of project team exceeded"}]}'
        rows = [
            ("PUT", "/blobs/uploads/", wicked.answer(507), "no room left"),
            ("POST", "/blobs/uploads/", wicked.answer(403, {}, quota), "quota of project team exceeded"),
            ("PUT", "/manifests/", wicked.answer(400, {}, b'{"errors": [{"code": "MANIFEST_INVALID", "message": "no"}]}'), "MANIFEST_INVALID: no"),
            ("PUT", "/blobs/uploads/", wicked.hang_up, "after"),
        ]
        for method, part, what, expect in rows:
            self.registry.fault(method, part, what, times=100)
            self.assertIn(expect, self.push(status=3).err)
            self.forget()
        self.push()

    def test_too_large_at_once_goes_in_pieces(self):
        def limit(handler):
            if int(handler.headers.get("Content-Length") or 0) <= 1 << 20:
                return False
            handler.drain()
            handler.reply(413, {})
            return True
        for method in ("PUT", "PATCH"):
            self.registry.fault(method, "/blobs/uploads/", limit, times=1000)
        self.push()
        self.assertEqual(len([m for m, p in self.registry.requests() if m == "PATCH"]), 3)
        self.forget()
        for method in ("PUT", "PATCH"):
            self.registry.fault(method, "/blobs/uploads/", wicked.answer(413), times=1000)
        self.assertIn("larger than the registry", self.push(status=3).err)

    def test_a_place_for_uploads_elsewhere_gets_no_credentials(self):
        other = self.serve()
        (self.top / "config.json").write_text(json.dumps({"auths": {self.registry.host: {"auth": base64.b64encode(b"ann:secret").decode()}}}))

        def guard(handler):
            if handler.headers.get("Authorization"):
                return False
            handler.drain()
            handler.reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
            return True

        def elsewhere(handler):
            if guard(handler):
                return True
            other.uploads["there"] = bytearray()
            handler.reply(202, {"Location": "http://%s/v2/team/picture/blobs/uploads/there" % other.host})
            return True
        self.registry.fault("POST", "/blobs/uploads/", elsewhere, times=100)
        for method in ("GET", "HEAD", "PUT"):
            self.registry.fault(method, "/", guard, times=100)
        self.registry.fault("PUT", "/manifests/", wicked.answer(201), times=1)
        self.pawl("build", "base", "--push", status=None)
        self.assertTrue(other.seen)
        self.assertFalse([row for row in other.seen if "Authorization" in row[2]])

    def test_a_blob_that_another_repository_has_is_mounted(self):
        self.push()
        self.edit("pawl.yaml", "pipeline: picture", "pipeline: second")
        before = self.sent()
        outcome = self.pawl("--json", "build", "base", "--push")
        self.assertTrue(outcome.json["images"][0]["ref"].startswith(self.registry.host + "/team/second@"))
        self.assertTrue([p for m, p in self.registry.requests() if m == "POST" and "from=team/picture" in p])
        self.assertLess(self.sent() - before, 100000, "nothing but small things went over")
        self.registry.mounts = False
        self.edit("pawl.yaml", "pipeline: second", "pipeline: third")
        self.pawl("build", "base", "--push")


class Tokens(WickedTest):
    """A registry that wants bearer tokens, and a server that gives them."""

    def setUp(self):
        super().setUp()
        self.project("parent: scratch\ninclude: [a.txt]\n", a_dot_txt="a\n")
        self.write("pawl.yaml", self.read("pawl.yaml") + "stacks:\n  local: {registry: \"%s/team\"}\n" % self.registry.host)
        (self.top / "config.json").write_text(json.dumps({"auths": {self.registry.host: {"auth": base64.b64encode(b"ann:secret").decode()}}}))
        self.given, self.seconds = [], 300
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
            self.registry.fault(method, "/v2/", self.guard, times=10**6)
        self.registry.fault("GET", "/token", self.give, times=10**6)

    def give(self, handler):
        self.given.append("token-%d" % len(self.given))
        handler.reply(200, {}, json.dumps({"token": self.given[-1], "expires_in": self.seconds}).encode())
        return True

    def guard(self, handler):
        if handler.headers.get("Authorization") in ["Bearer " + token for token in self.given]:
            return False
        handler.drain()
        handler.reply(401, {"WWW-Authenticate": 'Bearer realm="http://%s/token",service="s"' % self.registry.host})
        return True

    def again(self):
        """The requests of another push of something new."""
        before = len(self.registry.seen)
        self.write("a.txt", self.read("a.txt") + "x")
        self.pawl("build", "base", "--push")
        return self.registry.requests(before)

    def test_kept_as_long_as_they_last(self):
        self.again()
        self.assertFalse([path for method, path in self.again() if "token" in path], "no request before the first")
        files = list((self.cache / "tokens").iterdir())
        self.assertTrue(files)
        for path in files:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertNotIn("secret", path.read_text())
        self.given.clear()
        self.assertTrue([path for method, path in self.again() if "token" in path], "the registry forgot them")
        (self.top / "config.json").write_text(json.dumps({"auths": {self.registry.host: {"auth": base64.b64encode(b"bob:secret").decode()}}}))
        self.assertTrue([path for method, path in self.again() if "token" in path], "somebody else logged in")

    def test_short_ones_are_not_kept(self):
        self.seconds = 5
        self.again()
        self.assertFalse((self.cache / "tokens").exists())
        self.assertTrue([path for method, path in self.again() if "token" in path])

    def test_a_damaged_file(self):
        self.again()
        for content in (b"", b"x", b"99999999999999999999\nBearer x", b"9000000000000000000\nBasic x", b"9000000000000000000\nBearer x\r\nEvil: y"):
            for path in (self.cache / "tokens").iterdir():
                path.write_bytes(content)
            self.again()
        self.assertFalse([row for row in self.registry.seen if "Evil" in row[2]])

    def test_the_server_of_tokens_may_stumble(self):
        self.registry.faults.insert(0, ["GET", "/token", wicked.answer(503, {"Retry-After": "0"}), 1])
        self.again()


class Pulling(WickedTest):
    def setUp(self):
        super().setUp()
        write_layout(self.root / "parent", [tar_of([("etc/hello", "hi\n" * 500000)])])
        import gzip
        index = json.loads((self.root / "parent/index.json").read_text())
        for blob in (self.root / "parent/blobs/sha256").iterdir():
            self.registry.blobs["sha256:" + blob.name] = blob.read_bytes()
        digest = index["manifests"][0]["digest"]
        manifest = json.loads(self.registry.blobs.pop(digest))
        layer = manifest["layers"][0]
        data = gzip.compress(gzip.decompress(self.registry.blobs.pop(layer["digest"])), 0, mtime=0)  # large on the way
        layer.update(digest="sha256:" + wicked.hashlib.sha256(data).hexdigest(), size=len(data))
        self.layer, self.data = layer["digest"], data
        self.registry.blobs[self.layer] = data
        self.manifest = json.dumps(manifest).encode()
        self.registry.manifests["/v2/x/y", "1"] = ("application/vnd.oci.image.manifest.v1+json", self.manifest)
        self.project("parent: %s/x/y:1\n" % self.registry.host)

    def pull(self, status=0):
        outcome = self.pawl("--json", "build", "base", "--output", "oci:out", status=status)
        self.whole()
        if status == 0:
            self.assertEqual((self.root / "out/blobs/sha256" / self.layer.split(":")[1]).read_bytes(), self.data)
        else:
            self.assertFalse((self.root / "out/index.json").exists())
            self.assertFalse((self.cache / "blobs/blobs/sha256" / self.layer.split(":")[1]).exists())
        return outcome

    def ranges(self):
        return [headers.get("Range") for method, path, headers in self.registry.seen if self.layer in path]

    def test_what_broke_off_goes_on(self):
        self.registry.fault("GET", self.layer, wicked.truncated(1000000))
        self.registry.fault("GET", self.layer, wicked.answer(503, {"Retry-After": "0"}))
        self.pull()
        self.assertEqual(self.ranges(), [None, "bytes=1000000-", "bytes=1000000-"])

    def test_an_orderly_end_too_early_goes_on(self):
        self.registry.fault("GET", self.layer, wicked.truncated(400000, orderly=True))
        self.pull()
        self.assertEqual(self.ranges(), [None, "bytes=400000-"])

    def test_a_server_without_ranges_sends_it_again(self):
        self.registry.ranges = False
        self.registry.fault("GET", self.layer, wicked.truncated(1000000))
        self.pull()

    def test_another_part_than_asked_for(self):
        def wrong(handler):
            handler.reply(206, {"Content-Range": "bytes 5-9/1500000"}, b"12345")
            return True
        self.registry.fault("GET", self.layer, wicked.truncated(1000000))
        self.registry.fault("GET", self.layer, wrong)
        self.assertIn("another part", self.pull(status=3).err)

    def test_lies_are_found_while_it_is_read(self):
        self.impatient()
        rows = [(wicked.forged, "sha256:"), (wicked.endless, "sends more than"), (wicked.truncated(10, orderly=True), "sends 10 of"),
                (wicked.truncated(0), "after"), (wicked.answer(404), "404"), (wicked.hang_up, "after")]
        for what, expect in rows:
            self.registry.fault("GET", self.layer, what, times=100)
            if what is rows[2][0]:
                self.registry.ranges = False
            self.assertIn(expect, self.pull(status=3).err)
            self.registry.faults.clear()
        self.pull()

    def test_a_stall_is_noticed(self):
        self.registry.fault("GET", self.layer, wicked.stalled, times=100)
        self.impatient()
        self.env["PAWL_HTTP_STALL"] = "1"
        self.assertIn("less than 100 bytes a second for 1 s", self.pull(status=3).err)

    def test_a_redirect_to_another_place_is_followed(self):
        other = self.serve()
        other.blobs.update(self.registry.blobs)
        self.registry.fault("GET", self.layer, wicked.answer(307, {"Location": "http://%s/v2/x/blobs/%s" % (other.host, self.layer)}), times=9)
        other.fault("GET", self.layer, wicked.truncated(300000))
        self.pull()
        self.assertEqual([row[2].get("Range") for row in other.seen], [None, "bytes=300000-"])

    def test_layers_come_side_by_side(self):
        import gzip
        import threading
        manifest = json.loads(self.manifest)
        config = json.loads(self.registry.blobs[manifest["config"]["digest"]])
        for i in range(3):
            tar = tar_of([("etc/more%d" % i, "%d\n" % i)])
            data = gzip.compress(tar, mtime=0)
            digest = "sha256:" + wicked.hashlib.sha256(data).hexdigest()
            self.registry.blobs[digest] = data
            manifest["layers"].append(dict(manifest["layers"][0], digest=digest, size=len(data)))
            config["rootfs"]["diff_ids"].append("sha256:" + wicked.hashlib.sha256(tar).hexdigest())
        data = json.dumps(config).encode()
        digest = "sha256:" + wicked.hashlib.sha256(data).hexdigest()
        self.registry.blobs[digest] = data
        manifest["config"].update(digest=digest, size=len(data))
        self.registry.manifests["/v2/x/y", "1"] = ("application/vnd.oci.image.manifest.v1+json", json.dumps(manifest).encode())
        together = threading.Barrier(4, timeout=30)

        def meet(handler):
            together.wait()
            return False
        for layer in manifest["layers"]:
            self.registry.fault("GET", layer["digest"], meet)
        self.pull()

    def test_a_refused_pull_leaves_the_pin_for_next_time(self):
        self.registry.fault("GET", self.layer, wicked.forged, times=1)
        self.pull(status=3)
        self.pull()


if __name__ == "__main__":
    import unittest
    unittest.main()
