# SPDX-License-Identifier: Apache-2.0
"""Environments of a Dockerfile, without commands: what COPY takes and where it puts it, the config, what is made again after an edit, mistakes."""
import gzip
import hashlib
import http.server
import io
import os
import pathlib
import stat
import subprocess
import sys
import tarfile
import threading

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from dockerfiles import DockerfileTest, layer, texts, tree  # noqa: E402
from test_parent import write_layout  # noqa: E402


class Copying(DockerfileTest):
    CONTEXT = {"a.txt": "A\n", "b.txt": "B\n", "d/x.txt": "x\n", "d/sub/y.txt": "y\n", "d/sub/z.py": "z\n", "run.sh": "#!/bin/sh\n"}

    # (instruction, what is in the image: path -> content, None a folder)
    ROWS = [
        ("COPY a.txt /", {"a.txt": "A\n"}),
        ("COPY a.txt /t", {"t": "A\n"}),
        ("COPY a.txt /t/", {"t": None, "t/a.txt": "A\n"}),
        ("COPY /a.txt /t/u/v", {"t": None, "t/u": None, "t/u/v": "A\n"}),
        ("COPY ./a.txt t/", {"t": None, "t/a.txt": "A\n"}),
        ("COPY ../../a.txt t/", {"t": None, "t/a.txt": "A\n"}),
        ("COPY a.txt b.txt t/", {"t": None, "t/a.txt": "A\n", "t/b.txt": "B\n"}),
        ("COPY d /t", {"t": None, "t/x.txt": "x\n", "t/sub": None, "t/sub/y.txt": "y\n", "t/sub/z.py": "z\n"}),
        ("COPY d/ /", {"x.txt": "x\n", "sub": None, "sub/y.txt": "y\n", "sub/z.py": "z\n"}),
        ("COPY d/sub a.txt /t/", {"t": None, "t/a.txt": "A\n", "t/y.txt": "y\n", "t/z.py": "z\n"}),
        ("COPY *.txt /t/", {"t": None, "t/a.txt": "A\n", "t/b.txt": "B\n"}),
        ("COPY [ab].txt /t/", {"t": None, "t/a.txt": "A\n", "t/b.txt": "B\n"}),
        ("COPY [^a].txt /t/", {"t": None, "t/b.txt": "B\n"}),
        ("COPY d/*/*.py /t/", {"t": None, "t/z.py": "z\n"}),
        ("COPY d/su? /t/", {"t": None, "t/y.txt": "y\n", "t/z.py": "z\n"}),
        ("COPY nothing* a.txt /t/", {"t": None, "t/a.txt": "A\n"}),
        ("COPY [\"a.txt\", \"/with blank\"]", {"with blank": "A\n"}),
        ("COPY --parents d/sub/y.txt /t/", {"t": None, "t/d": None, "t/d/sub": None, "t/d/sub/y.txt": "y\n"}),
        ("COPY --parents d/./sub/*.py /t/", {"t": None, "t/sub": None, "t/sub/z.py": "z\n"}),
        ("COPY --exclude=*.py d/sub /t/", {"t": None, "t/y.txt": "y\n"}),
        ("COPY --exclude=**/*.txt d /t/", {"t": None, "t/sub": None, "t/sub/z.py": "z\n"}),
        ("COPY --exclude=sub d /t/", {"t": None, "t/x.txt": "x\n"}),
        ("COPY --link a.txt /t/", {"t": None, "t/a.txt": "A\n"}),
        ("ADD a.txt /t/", {"t": None, "t/a.txt": "A\n"}),
        ("ENV D=/e F=a.txt\nCOPY $F ${D}/${F%.txt}.new", {"e": None, "e/a.new": "A\n"}),
        ("WORKDIR /w/v\nCOPY a.txt .", {"w": None, "w/v": None, "w/v/a.txt": "A\n"}),
        ("WORKDIR /w\nCOPY a.txt ../u/", {"w": None, "u": None, "u/a.txt": "A\n"}),
        ("COPY <<one.txt <<'two.txt' /t/\n$HOME-${X:-y}\none.txt\n$HOME\ntwo.txt\n", {"t": None, "t/one.txt": "-y\n", "t/two.txt": "$HOME\n"}),
        ("COPY <<E /t\n\"it's\" \\$X\nE\n", {"t": "\"it's\" $X\n"}),
        ("WORKDIR /w", {"w": None}),
        ("CMD x", {}),
    ]

    def test_each_form_of_copy_puts_files_where_docker_puts_them(self):
        for instruction, expected in self.ROWS:
            with self.subTest(instruction):
                self.dockerfile("FROM scratch\n%s\n" % instruction, **{})
                for path, text in self.CONTEXT.items():
                    self.write(path, text)
                found = texts(self.image()[0])
                self.assertEqual({p: row[4] if row[0] == "f" else None for p, row in found.items()}, expected)

    def test_modes_and_owners(self):
        self.dockerfile("FROM scratch\nCOPY a.txt run.sh /n/\nCOPY --chmod=640 a.txt /m/\nCOPY --chown=7:8 a.txt /o/p/\nCOPY --chown=9 --chmod=0711 d /q/\n"
                        "COPY --link --chown=3:4 a.txt /r/\n")
        for path, text in self.CONTEXT.items():
            self.write(path, text)
        (self.root / "run.sh").chmod(0o700)
        (self.root / "a.txt").chmod(0o666)
        found = {path: row[1:4] for path, row in texts(self.image()[0]).items()}
        self.assertEqual(found["n/a.txt"], (0o644, 0, 0))
        self.assertEqual(found["n/run.sh"], (0o755, 0, 0))
        self.assertEqual((found["m"], found["m/a.txt"]), ((0o755, 0, 0), (0o640, 0, 0)))
        self.assertEqual((found["o"], found["o/p"], found["o/p/a.txt"]), ((0o755, 7, 8),) * 2 + ((0o644, 7, 8),))
        self.assertEqual((found["q/x.txt"], found["q/sub"]), ((0o711, 9, 9),) * 2)
        self.assertEqual(found["r/a.txt"], (0o644, 3, 4))

    def test_links_stay_links_inside_folders_and_are_followed_when_named(self):
        self.dockerfile("FROM scratch\nCOPY d /t/\nCOPY link /named\nCOPY dirlink /v/\n")
        for path, text in self.CONTEXT.items():
            self.write(path, text)
        (self.root / "d/l").symlink_to("x.txt")
        (self.root / "d/away").symlink_to("/etc/passwd")
        (self.root / "link").symlink_to("a.txt")
        (self.root / "dirlink").symlink_to("d/sub")
        found = texts(self.image()[0])
        self.assertEqual((found["t/l"][0], found["t/l"][4]), ("l", "x.txt"))
        self.assertEqual((found["t/away"][0], found["t/away"][4]), ("l", "/etc/passwd"))
        self.assertEqual((found["named"][0], found["named"][4]), ("f", "A\n"))
        self.assertEqual(found["v/y.txt"][4], "y\n")

    def test_nothing_outside_the_context_is_copied(self):
        (self.top / "secret.txt").write_text("secret")
        self.dockerfile("FROM scratch\nCOPY up /x\n")
        (self.root / "up").symlink_to("../secret.txt")
        self.assertIn("'up' is not in the context", self.pawl("build", "base", status=2).err)
        self.dockerfile("FROM scratch\nCOPY $X/secret.txt /x\n")
        self.edit("Dockerfile", "$X", "${X:-..}")
        self.assertIn("is not in the context", self.pawl("build", "base", status=2).err)

    def test_the_parent_decides_where_things_go(self):
        """Links on the way are followed, folders that are there keep their owners and modes, names of users are the image's."""
        write_layout(self.root / "base", [layer(("usr", None, 0o755, 0, 0), ("usr/bin", None, 0o711, 5, 6), ("bin", ("link", "usr/bin"), 0o777, 0, 0),
                                                ("home", None, 0o755, 0, 0), ("home/ann", None, 0o700, 1000, 1001), ("etc", None, 0o755, 0, 0),
                                                ("etc/passwd", "root:x:0:0::/:\nann:x:1000:1001::/home/ann:\n", 0o644, 0, 0),
                                                ("etc/group", "root:x:0:\nstaff:x:50:\n", 0o644, 0, 0), ("etc/file", "f", 0o600, 3, 3))], {})
        self.dockerfile("FROM oci:base\nCOPY tool /bin/\nCOPY tool /home/ann\nCOPY --chown=ann tool /home/ann/new/\nCOPY --chown=ann:staff tool /s\n"
                        "COPY tool etc/file\nWORKDIR /home/ann/w\n", tool="tool\n")
        image, answer = self.image()
        layers = image.layers[1:]
        rows = [[(m.name, stat.S_IMODE(m.mode), m.uid, m.gid) for m in members] for members in layers]
        self.assertEqual(rows, [
            [("usr", 0o755, 0, 0), ("usr/bin", 0o711, 5, 6), ("usr/bin/tool", 0o644, 0, 0)],
            [("home", 0o755, 0, 0), ("home/ann", 0o700, 1000, 1001), ("home/ann/tool", 0o644, 0, 0)],
            [("home", 0o755, 0, 0), ("home/ann", 0o700, 1000, 1001), ("home/ann/new", 0o755, 1000, 1001), ("home/ann/new/tool", 0o644, 1000, 1001)],
            [("s", 0o644, 1000, 50)],
            [("etc", 0o755, 0, 0), ("etc/file", 0o644, 0, 0)],
            [("home", 0o755, 0, 0), ("home/ann", 0o700, 1000, 1001), ("home/ann/w", 0o755, 0, 0)],
        ])
        self.assertEqual([l["kind"] for l in answer["layers"]], ["parent", "copy", "copy", "copy", "copy", "copy", "workdir"])

    def test_what_cannot_be_copied_there(self):
        write_layout(self.root / "base", [layer(("file", "f", 0o644, 0, 0), ("dir", None, 0o755, 0, 0), ("link", ("link", "dir"), 0o777, 0, 0))], {})
        for instruction, message in (("COPY d /file/", "is no folder in the image"), ("COPY d /file/x/", "is no folder in the image"),
                                     ("COPY e /", "'/link' is no folder in the image"), ("COPY f /", "'/dir' is a folder in the image"),
                                     ("COPY --chown=nobody d/x /y", "has no 'nobody'"), ("COPY --chmod=u+x d/x /y", "is no mode"),
                                     ("COPY d/x d/y /y", "more than one source")):
            with self.subTest(instruction):
                self.dockerfile("FROM oci:base\n%s\n" % instruction, d__x="x", d__y="y", e__link__x="x", f__dir="x")
                err = self.pawl("build", "base", status=2).err
                self.assertIn(message, err)
                self.assertIn("Dockerfile:2:", err)

    def test_from_another_stage_files_keep_owners_and_modes(self):
        self.dockerfile("FROM scratch AS one\nCOPY --chown=7:8 --chmod=750 a.txt /d/a\nCOPY b.txt /d/b\nCOPY b.txt /out\n"
                        "FROM scratch\nCOPY --from=one /d /e\nCOPY --from=0 /d/a /d/* /f/\nCOPY --from=one --chown=1:1 d/a /g\n")
        for path, text in self.CONTEXT.items():
            self.write(path, text)
        found = texts(self.image()[0])
        self.assertEqual(found["e/a"], ("f", 0o750, 7, 8, "A\n"))
        self.assertEqual(found["e/b"], ("f", 0o644, 0, 0, "B\n"))
        self.assertEqual({p for p in found if p.startswith("f/")}, {"f/a", "f/b"})
        self.assertEqual(found["g"], ("f", 0o750, 1, 1, "A\n"))
        self.assertNotIn("out", found)

    def test_from_an_image_and_a_named_folder(self):
        write_layout(self.root / "base", [layer(("bin", None, 0o755, 0, 0), ("bin/tool", "T", 0o755, 3, 4))], {})
        self.dockerfile("FROM scratch\nCOPY --from=oci:base /bin/tool /a\nCOPY --from=tools bin/tool /b\nCOPY --from=lib . /c/\n",
                        more="contexts: {tools: oci:base, lib: ./vendor}\n", vendor__v_dot_txt="v", _dot_dockerignore="vendor\n")
        found = texts(self.image()[0])
        self.assertEqual((found["a"], found["b"]), (("f", 0o755, 3, 4, "T"),) * 2)
        self.assertEqual(found["c/v.txt"][4], "v")

    def test_dockerignore(self):
        self.dockerfile("FROM scratch\nCOPY . /\n", _dot_dockerignore="*\n!d\nd/sub/*\n!d/sub/z.py\n")
        for path, text in self.CONTEXT.items():
            self.write(path, text)
        self.assertEqual({p for p, row in texts(self.image()[0]).items() if row[0] == "f"}, {"d/x.txt", "d/sub/z.py"})
        self.write("Dockerfile.dockerignore", "**\n!a.txt\n")
        self.assertEqual(set(texts(self.image()[0])), {"a.txt"})
        self.write("Dockerfile", "FROM scratch\nCOPY b.txt /\n")
        self.assertIn("left out of the context", self.pawl("build", "base", status=2).err)


class Adding(DockerfileTest):
    """What ADD can and COPY cannot."""

    def archive(self, path, mode):
        with tarfile.open(self.root / path, mode) as tar:
            for name, kind, text in (("./", tarfile.DIRTYPE, ""), ("./u", tarfile.DIRTYPE, ""), ("./u/v", tarfile.REGTYPE, "V"), ("u/hard", tarfile.LNKTYPE, "u/v"),
                                     ("u/soft", tarfile.SYMTYPE, "v")):
                info = tarfile.TarInfo(name)
                info.type, info.mode, info.uid, info.gid = kind, 0o750 if kind == tarfile.DIRTYPE else 0o640, 3, 4
                if kind == tarfile.REGTYPE:
                    info.size = len(text)
                else:
                    info.linkname = text
                tar.addfile(info, io.BytesIO(text.encode()) if info.size else None)

    def test_archives_are_unpacked_with_owners_and_modes(self):
        for name, mode in (("t.tar", "w"), ("t.tgz", "w:gz"), ("t.bz2", "w:bz2"), ("t.xz", "w:xz")):
            with self.subTest(name):
                self.dockerfile("FROM scratch\nADD %s plain /d/\nADD --chown=7:8 %s /e\nADD --unpack=false %s /f\n" % (name, name, name), plain="no archive at all")
                self.archive(name, mode)
                found = tree(self.image()[0])
                self.assertEqual({p: row[:4] for p, row in found.items() if p.startswith("d/")},
                                 {"d/plain": ("f", 0o644, 0, 0), "d/u": ("d", 0o750, 3, 4), "d/u/v": ("f", 0o640, 3, 4), "d/u/hard": ("f", 0o640, 3, 4),
                                  "d/u/soft": ("l", 0, 3, 4)})
                self.assertEqual((found["d/u/v"][4], found["d/u/hard"][4], found["e/u/v"][2:]), (b"V", b"V", (7, 8, b"V")))
                self.assertEqual(found["f"][4], (self.root / name).read_bytes())

    def test_what_only_looks_like_an_archive(self):
        self.dockerfile("FROM scratch\nADD x.gz x.tar /d/\n", **{"x_dot_tar": "not really a tar"})
        (self.root / "x.gz").write_bytes(gzip.compress(b"no tar in it"))
        self.assertEqual({p for p, row in tree(self.image()[0]).items() if row[0] == "f"}, {"d/x.gz", "d/x.tar"})

    def test_an_archive_that_leads_out_is_refused(self):
        self.dockerfile("FROM scratch\nADD t.tar /d/\n")
        with tarfile.open(self.root / "t.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo("ok"))
            tar.addfile(tarfile.TarInfo("../../out"))
        self.assertIn("Dockerfile:2:1", self.pawl("build", "base", status=None).err)

    def serve(self, files):
        """(URL, paths asked for) of a server on loopback."""
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                data = files.get(self.path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return "http://127.0.0.1:%d" % server.server_port, asked

    def test_urls(self):
        url, asked = self.serve({"/f.txt": b"content\n", "/wrong": b"other"})
        good = "sha256:" + hashlib.sha256(b"content\n").hexdigest()
        self.dockerfile("FROM scratch\nADD --checksum=%s %s/f.txt /d/\nADD --chmod=755 %s/f.txt /named\n" % (good, url, url))
        found = texts(self.image()[0])
        self.assertEqual((found["d/f.txt"], found["named"]), (("f", 0o600, 0, 0, "content\n"), ("f", 0o755, 0, 0, "content\n")))
        before = len(asked)
        self.edit("Dockerfile", "named", "again")
        self.edit("Dockerfile", "FROM scratch", "FROM scratch\nLABEL a=b")
        self.image()
        self.assertLessEqual(len(asked) - before, 1)
        self.dockerfile("FROM scratch\nADD --checksum=sha256:%s %s/wrong /x\n" % ("0" * 64, url))
        self.assertIn("has another content than --checksum says", self.pawl("build", "base", status=3).err)
        self.dockerfile("FROM scratch\nADD %s/missing /x\n" % url)
        self.assertIn("status 404", self.pawl("build", "base", status=3).err)
        self.assertIn("--offline", self.pawl("build", "base", "--offline", status=3).err)

    @harness.need_program("git")
    def test_repositories(self):
        repository = self.top / "r.git"
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
        repository.mkdir()
        subprocess.run(git + ["init", "-q", "-b", "main"], check=True)
        (repository / "sub").mkdir()
        (repository / "sub/f").write_text("1")
        (repository / "top").write_text("t")
        (repository / "top").chmod(0o755)
        subprocess.run(git + ["add", "."], check=True)
        subprocess.run(git + ["commit", "-q", "-m", "x"], check=True)
        subprocess.run(git + ["tag", "v1"], check=True)
        self.dockerfile("FROM scratch\nADD [\"file://%s#v1\", \"/a\"]\nADD [\"file://%s#main:sub\", \"/b/\"]\n" % (repository, repository))
        found = texts(self.image()[0])
        self.assertEqual({p: row[4] for p, row in found.items() if row[0] == "f"}, {"a/sub/f": "1", "a/top": "t", "b/f": "1"})
        self.assertEqual(found["a/top"][1], 0o755)


class Config(DockerfileTest):
    def test_every_setting(self):
        self.dockerfile("FROM scratch\nMAINTAINER me\nENV A=1 B=\"two words\"\nLABEL l=$A\nEXPOSE 80 81/udp\nVOLUME /data\nUSER ann\nWORKDIR /w\n"
                        "STOPSIGNAL SIGINT\nHEALTHCHECK --interval=5s CMD test -e /x\nSHELL [\"/bin/bash\", \"-c\"]\nENTRYPOINT run $A\nCMD [\"--help\"]\n"
                        "ONBUILD RUN later\n")
        config = self.image()[0].config
        self.assertEqual(config["author"], "me")
        self.assertEqual(config["config"], {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1", "B=two words"], "Labels": {"l": "1"},
            "ExposedPorts": {"80/tcp": {}, "81/udp": {}}, "Volumes": {"/data": {}}, "User": "ann", "WorkingDir": "/w", "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD-SHELL", "test -e /x"], "Interval": 5000000000}, "Shell": ["/bin/bash", "-c"],
            "Entrypoint": ["/bin/bash", "-c", "run $A"], "Cmd": ["--help"], "OnBuild": ["RUN later"]})

    def test_history_tells_instructions_and_which_made_a_layer(self):
        self.dockerfile("FROM scratch AS b\nCOPY a /a\nENV X=1\nFROM b\nWORKDIR /w\nWORKDIR /w\nLABEL a=b\n", a="a")
        config = self.image()[0].config
        self.assertEqual([(h["created_by"], h.get("empty_layer", False)) for h in config["history"]],
                         [("COPY a /a", False), ("ENV X=1", True), ("WORKDIR /w", False), ("WORKDIR /w", True), ("LABEL a=b", True)])
        self.assertEqual(len(config["rootfs"]["diff_ids"]), 2)

    def test_arguments_and_target(self):
        text = "ARG V=1\nFROM scratch AS one\nARG V\nARG W=w$V\nENV E=$W\nFROM one AS two\nARG W\nENV F=x$W\n"
        self.dockerfile(text, more="target: one\nargs: {V: 7}\n")
        self.assertIn("E=w7", self.image()[0].config["config"]["Env"])
        self.dockerfile(text, more="args: {W: given}\n")
        env = self.image()[0].config["config"]["Env"]
        self.assertIn("E=given", env)
        self.assertIn("F=xgiven", env)

    def test_the_environment_is_on_top(self):
        self.dockerfile("FROM scratch\nENV A=1 B=2\nWORKDIR /w\nUSER ann\nENTRYPOINT [\"x\"]\nCMD [\"y\"]\n", more="env: {A: \"3\"}\nworkdir: /v\ninclude: [app]\n"
                        "labels: {l: m}\n", app__m_dot_py="m")
        image, answer = self.image()
        self.assertEqual(image.config["config"]["Env"][1:], ["A=3", "B=2"])
        self.assertEqual((image.config["config"]["WorkingDir"], image.config["config"]["User"], image.config["config"]["Labels"]), ("/v", "ann", {"l": "m"}))
        self.assertIn("v/app/m.py", image.files)
        self.assertEqual([l["kind"] for l in answer["layers"]], ["workdir", "include"])

    def test_a_parent_and_a_dockerfile_on_top(self):
        write_layout(self.root / "base", [layer(("x", "x", 0o644, 0, 0))], {"Env": ["FROM=base"], "Cmd": ["sh"]})
        self.dockerfile("FROM parent\nENV B=2\n", more="parent: oci:base\n")
        image = self.image()[0]
        self.assertEqual((image.config["config"]["Env"], image.config["config"]["Cmd"]), (["FROM=base", "B=2"], ["sh"]))
        self.assertIn("x", image.files)


class Again(DockerfileTest):
    TEXT = "FROM scratch\nENV A=1\nCOPY one /one\nCOPY two /two\nLABEL l=1\n"

    def setUp(self):
        super().setUp()
        self.dockerfile(self.TEXT, one="1", two="2")
        self.first = self.build()

    def test_an_edit_makes_only_what_it_touches(self):
        self.assertEqual(self.states(self.first), ["made", "made"])
        self.assertEqual(self.build()["state"], "hit")
        self.edit("two", "2", "22")
        self.assertEqual(self.states(self.build()), ["hit", "made"])
        self.edit("one", "1", "11")
        self.assertEqual(self.states(self.build()), ["made", "hit"])
        self.edit("one", "11", "1")
        self.edit("two", "22", "2")
        again = self.build()
        self.assertEqual((again["digest"], again["state"]), (self.first["digest"], "hit"))

    def test_config_makes_no_layer(self):
        for old, new in (("A=1", "A=2"), ("l=1", "l=2")):
            self.edit("Dockerfile", old, new)
            image = self.build()
            self.assertEqual((image["state"], self.states(image)), ("made", ["hit", "hit"]))

    def test_comments_white_space_and_times_make_nothing(self):
        self.write("Dockerfile", "# hello\n" + self.TEXT.replace("COPY one /one", "COPY \\\n  # which\n  one   /one") + "\n\n")
        os.utime(self.root / "one", (1, 1))
        (self.root / "two").chmod(0o600)
        self.assertEqual(self.states(self.build()), ["hit", "hit"])

    def test_up_to_date_is_said_at_once(self):
        self.age()
        self.pawl("build", "base")
        self.assertIn("up to date", self.pawl("build", "base").out)
        self.write("Dockerfile.dockerignore", "x\n")
        self.assertNotIn("up to date", self.pawl("build", "base").out)

    def test_two_clones_give_one_digest(self):
        import shutil
        other = self.top / "elsewhere"
        shutil.copytree(self.root, other, copy_function=shutil.copy)
        (other / "one").chmod(0o640)
        image = self.pawl("--json", "build", "base", cwd=other, env={"PAWL_CACHE": str(self.top / "empty")}).json["images"][0]
        self.assertEqual(image["digest"], self.first["digest"])

    def test_a_lost_layer_is_made_again(self):
        digest = self.first["layers"][0]["digest"].split(":")[1]
        (self.cache / "blobs/blobs/sha256" / digest).unlink()
        again = self.build("--output", "oci:out")
        self.assertEqual((again["digest"], self.states(again)), (self.first["digest"], ["made", "hit"]))

    def test_a_copy_of_another_stage_that_comes_out_the_same_stops_the_wave(self):
        self.dockerfile("FROM scratch AS s\nCOPY one /x/one\nCOPY two /y/two\nFROM scratch\nCOPY --from=s /x /x\nWORKDIR /x/w\n")
        self.build()
        self.edit("two", "2", "22")
        image = self.build()
        self.assertEqual([l["digest"] for l in image["layers"]], [l["digest"] for l in self.build()["layers"]])
        self.assertEqual(image["layers"][-1]["state"], "hit")

    def test_stages_that_are_not_needed_are_never_made(self):
        self.dockerfile("FROM oci:nowhere AS bad\nNONSENSE\nCOPY missing /x\nFROM scratch AS half\nCOPY one /one\nFROM scratch\nCOPY two /two\n")
        image = self.build()
        self.assertEqual([l["name"] for l in image["layers"]], ["two /two"])

    def test_why_names_the_file(self):
        self.edit("two", "2", "22")
        self.assertIn("two", self.pawl("why", "base").out)


class Mistakes(DockerfileTest):
    def errors(self):
        return self.pawl("--json", "build", "base", status=2).json["errors"]

    def test_places(self):
        for text, line, column, code in (
            ("FROM scratch\nCPOY a b\n", 2, 1, "unknown-instruction"),
            ("FROM scratch\nCOPY --form=x a b\n", 2, 6, "unknown-flag"),
            ("FROM scratch\nCOPY \\\n  missing.txt /x\n", 3, 3, "missing-file"),
            ("FROM scratch\nRUN x <<E\nfoo\n", 2, 7, "bad-instruction"),
            ("FROM Upper Case\n", 1, 6, "bad-instruction"),
            ("FROM !\n", 1, 6, "bad-reference"),
            ("FROM scratch\nCOPY --from=$x a b\n", 2, 13, "bad-flag"),
        ):
            with self.subTest(text):
                self.dockerfile(text)
                error = self.errors()[0]
                self.assertEqual((error["file"], error["line"], error["column"], error["code"]), ("Dockerfile", line, column, code))

    def test_all_at_once_with_the_line_and_a_caret(self):
        self.dockerfile("FROM scratch\nCPOY a b\nENV x\n")
        err = self.pawl("build", "base", status=2).err
        self.assertIn("Dockerfile:2:1: error: there is no instruction 'CPOY'", err)
        self.assertIn(" 2 | CPOY a b\n   | ^~~~ did you mean 'COPY'?\n", err)
        self.assertIn("Dockerfile:3:5: error:", err)

    def test_what_shows_when_it_is_made(self):
        self.dockerfile("FROM scratch\nENV \\\n  A=\"${B:?tell me}\"\n")
        failed = self.pawl("build", "base", status=2)
        self.assertIn("Dockerfile:3:5: error: B: tell me\n 3 |   A=\"${B:?tell me}\"\n", failed.err)

    def test_keys_without_a_dockerfile(self):
        self.project("parent: scratch\ntarget: x\n")
        self.assertEqual(self.errors()[0]["code"], "missing-key")

    def test_a_missing_dockerfile(self):
        self.project("dockerfile: Nofile\n")
        self.assertEqual(self.errors()[0]["code"], "missing-file")

    def test_a_broken_dockerignore(self):
        self.dockerfile("FROM scratch\n", _dot_dockerignore="ok\n[x\n")
        error = self.errors()[0]
        self.assertEqual((error["file"], error["line"], error["code"]), (".dockerignore", 2, "bad-pattern"))


class Example(DockerfileTest):
    def test_the_example_is_read_and_only_what_it_needs_is_in_the_graph(self):
        import shutil
        shutil.copytree(pathlib.Path(__file__).resolve().parents[2] / "examples/dockerfile", self.root, dirs_exist_ok=True)
        names = {node["id"] for node in self.pawl("graph", "--format", "json").json["nodes"]}
        self.assertIn("layer:tools/table/4", names)
        self.assertIn("layer:tools/final/3", names)
        self.assertEqual([name for name in names if "/notes" in name], [])


if __name__ == "__main__":
    import unittest
    unittest.main()
