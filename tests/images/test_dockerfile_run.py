# SPDX-License-Identifier: Apache-2.0
"""RUN: in each of its forms, with each of its mounts, what it depends on, how it fails, and the same as a peer makes of it."""
import os
import pathlib
import socket
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent)]
import harness  # noqa: E402
from dockerfiles import Buildah, RunTest, busybox, canary, settings, static, tree  # noqa: E402
from test_parent import write_layout  # noqa: E402


@unittest.skipUnless(static(), "no static busybox")
class Forms(RunTest):
    def test_each_form(self):
        self.dockerfile("""FROM base
ENV A="a b"
ARG B=b
RUN echo "$A-$B-${C:-c}" > /shell
RUN ["sh", "-c", "echo \\"$A\\" $0 > /exec", "x y"]
RUN echo one \\
  # a comment
  two > /joined
RUN <<E
echo first > /doc
echo "$A" >> /doc
E
RUN <<E
#!/bin/sh -e
echo $0 > /script
E
RUN cat <<X > /two && cat <<'Y' >> /two
$A
X
$A
Y
SHELL ["/bin/sh", "-ec"]
RUN false; echo no > /never
""".replace("RUN false; echo no > /never\n", ""))
        files = tree(self.image()[0])
        expected = {"shell": "a b-b-c\n", "exec": "a b x y\n", "joined": "one two\n", "doc": "first\na b\n", "script": "/dev/pipes/E\n", "two": "a b\n$A\n"}
        self.assertEqual({path: files[path][4].decode() for path in expected}, expected)
        self.assertEqual({files[path][1:4] for path in expected}, {(0o644, 0, 0)})

    def test_what_it_sees(self):
        self.dockerfile("""FROM base
ENV A=1
ARG HTTP_PROXY=http://proxy:1
USER ann
WORKDIR /home/ann/w
USER 1000:1001
RUN env | grep -v -e ^HTTP -e ^http -e SSL -e CERT -e CA_BUNDLE -e SHLVL | sort > /tmp/env; id > /tmp/id; pwd > /tmp/pwd; hostname > /dev/null 2>&1; true
""")
        files = tree(self.image(env={"STRANGER": "x"})[0])
        self.assertEqual(files["tmp/env"][4].decode(), "A=1\nHOME=/home/ann\nPATH=/bin\nPWD=/home/ann/w\n")
        self.assertIn("uid=1000", files["tmp/id"][4].decode())
        self.assertEqual(files["tmp/env"][2:4], (1000, 1001))

    def test_what_it_changes(self):
        self.dockerfile("""FROM base
RUN mkdir -p /d/e /gone/x && echo 1 > /d/a && echo 2 > /d/e/b && echo 3 > /gone/f && chmod 2711 /d/e && chown 7:8 /d/a
RUN rm /d/a && rm -r /gone && mkdir /gone && ln /d/e/b /d/hard && ln -s e/b /d/soft && chmod 600 /d/e/b
""")
        image = self.image()[0]
        files = tree(image, )
        self.assertEqual(sorted(p for p in files if p.startswith(("d", "gone"))), ["d", "d/e", "d/e/b", "d/hard", "d/soft", "gone"])
        self.assertEqual((files["d/e"][1], files["d/hard"], files["d/soft"][4]), (0o2711, ("f", 0o600, 0, 0, b"2\n"), "e/b"))

    def test_nothing_of_the_sandbox_is_in_the_layer(self):
        self.dockerfile("FROM base\nRUN true\nRUN echo x > /tmp/x\n")
        image, answer = self.image()
        self.assertEqual([layer["kind"] for layer in answer["layers"]], ["parent", "run"])
        self.assertEqual([m.name for m in image.layers[1]], ["tmp", "tmp/x"])
        self.assertEqual([h.get("empty_layer", False) for h in image.config["history"]][-2:], [True, False])

    def test_the_network_is_off_when_it_says_so(self):
        self.dockerfile("FROM base\nRUN --network=none cat /proc/net/dev > /none\nRUN cat /proc/net/dev > /default\n")
        files = tree(self.image()[0])
        self.assertEqual([line.split(":")[0].strip() for line in files["none"][4].decode().splitlines()[2:]], ["lo"])
        with open("/proc/net/dev") as f:
            self.assertEqual(len(files["default"][4].decode().splitlines()), len(f.read().splitlines()))
        self.dockerfile("FROM base\nRUN --network=some true\n")
        self.assertIn("Dockerfile:2:15: error: 'some' is none of", self.pawl("build", "base", status=2).err)


@unittest.skipUnless(static(), "no static busybox")
class Mounts(RunTest):
    def test_bind_of_the_context(self):
        self.dockerfile("FROM base\nENV S=src\nRUN --mount=target=/ctx --mount=type=bind,source=$S/a.txt,target=/one cat /ctx/src/a.txt /one > /out; ls /ctx > /names\n"
                        "RUN --mount=source=src,target=/s,rw echo new > /s/new && cat /s/a.txt > /again\n", src__a_dot_txt="A\n", left="x", _dot_dockerignore="left\nout\n")
        files = tree(self.image()[0])
        self.assertEqual((files["out"][4], files["again"][4]), (b"A\nA\n", b"A\n"))
        self.assertNotIn("left", files["names"][4].decode().split())
        self.assertEqual([p for p in files if p.startswith(("ctx", "one", "s/"))], [])
        self.assertFalse(self.exists("src/new"))
        self.write("left", "y")
        self.assertEqual(self.states(self.build()), ["hit", "hit", "hit"])
        self.edit("src/a.txt", "A", "B")
        self.assertEqual(self.content("out"), "B\nB\n")

    def test_bind_of_a_stage_and_of_an_image(self):
        self.dockerfile("FROM base AS one\nRUN mkdir /d && echo x > /d/x\nFROM base\nRUN --mount=from=one,source=/d,target=/m cat /m/x > /a\n"
                        "RUN --mount=from=one,source=/d/x,target=/f cat /f > /b\nRUN --mount=from=oci:base,target=/i,rw echo lost > /i/lost; ls /i/bin/busybox > /c\n")
        files = tree(self.image()[0])
        self.assertEqual((files["a"][4], files["b"][4], files["c"][4]), (b"x\n", b"x\n", b"/i/bin/busybox\n"))

    def test_cache_stays_and_is_not_in_the_image(self):
        text = "FROM base\nENV N=%d\nRUN --mount=type=cache,id=here,target=/c,mode=0750 echo $N >> /c/all; cat /c/all > /seen; stat -c %%a /c > /mode\n"
        self.dockerfile(text % 1)
        self.assertEqual(self.content("seen"), "1\n")
        self.dockerfile(text % 2)
        self.assertEqual((self.content("seen"), self.content("mode")), ("1\n2\n", "750\n"))
        self.assertNotIn("c/all", tree(self.image()[0]))

    def test_tmpfs(self):
        self.dockerfile("FROM base\nRUN --mount=type=tmpfs,target=/t,size=64k echo x > /t/x && head -c 100000 /dev/zero > /t/big 2>/dev/null && echo no > /fits; true\n")
        files = tree(self.image()[0])
        self.assertNotIn("fits", files)
        self.assertNotIn("t/x", files)

    SECRET = "hunter2-and-much-more"

    def test_secrets_reach_the_command_and_nothing_else(self):
        text = "FROM base\nRUN --mount=type=secret,id=TOKEN --mount=type=secret,id=key,target=/k,mode=0440,uid=5 --mount=type=secret,id=TOKEN,env=T " \
               "test \"$(cat /run/secrets/TOKEN)\" = \"$T\" && test \"$T\" = \"$(cat /k)\" && stat -c '%%a %%u' /k > /mode && echo \"now $T now\"%s\n"
        (self.top / "key").write_text(self.SECRET)
        self.dockerfile(text % "", more="secrets: {TOKEN: env:MY_TOKEN, key: 'file:../key'}\n")
        outcome = self.pawl("--json", "--events", str(self.top / "events"), "build", "base", "--output", "oci:out", env={"MY_TOKEN": self.SECRET})
        self.assertEqual(self.content("mode", env={"MY_TOKEN": "another"}), "440 5\n")
        self.assertIn("now *** now", outcome.err)
        self.dockerfile(text % " && false", more="secrets: {TOKEN: env:MY_TOKEN, key: 'file:../key'}\n")
        failed = self.pawl("--json", "build", "base", status=1, env={"MY_TOKEN": self.SECRET})
        self.assertIn("now *** now", failed.err)
        for text in (outcome.out, outcome.err, failed.out, failed.err, (self.top / "events").read_text()):
            self.assertNotIn(self.SECRET, text)
        self.assertEqual(canary(self.cache, self.SECRET) + canary(self.root, self.SECRET), [])

    def test_a_secret_that_nobody_gave(self):
        self.dockerfile("FROM base\nRUN --mount=type=secret,id=x test ! -e /run/secrets/x\n")
        self.image()
        self.dockerfile("FROM base\nRUN --mount=type=secret,id=x,required true\n")
        self.assertIn("Dockerfile:2:13: error: the secret 'x' is required", self.pawl("build", "base", status=2).err)

    def test_ssh(self):
        path = str(self.top / "agent")
        with socket.socket(socket.AF_UNIX) as agent:
            agent.bind(path)
            agent.listen()
            self.dockerfile("FROM base\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo yes > /has\n")
            self.assertEqual(self.content("has", env={"SSH_AUTH_SOCK": path}), "yes\n")
        self.dockerfile("FROM base\nRUN --mount=type=ssh,required true\n")
        self.assertIn("SSH_AUTH_SOCK names none", self.pawl("build", "base", status=2, env={"SSH_AUTH_SOCK": ""}).err)


@unittest.skipUnless(static(), "no static busybox")
class Again(RunTest):
    TEXT = "FROM base\nENV A=1\nCOPY in /in\nRUN cat /in > /made\nCOPY late /late\nLABEL l=1\n"

    def setUp(self):
        super().setUp()
        self.dockerfile(self.TEXT, **{"in": "1", "late": "1"})
        self.first = self.build()

    def test_a_command_depends_on_the_state_that_it_starts_from(self):
        self.assertEqual(self.states(self.first), ["hit", "made", "made", "made"])
        self.edit("late", "1", "2")
        self.assertEqual(self.states(self.build()), ["hit", "hit", "hit", "made"])
        self.edit("Dockerfile", "l=1", "l=2")
        self.assertEqual(self.states(self.build()), ["hit"] * 4)
        self.edit("in", "1", "2")
        self.assertEqual(self.states(self.build()), ["hit", "made", "made", "hit"])
        self.edit("Dockerfile", "A=1", "A=2")
        self.assertEqual(self.states(self.build())[:2], ["hit", "hit"])

    def test_a_command_that_comes_out_the_same_stops_the_wave(self):
        self.dockerfile("FROM base\nCOPY in /in\nRUN wc -c < /in > /n; rm /in\nRUN echo x > /x\n", **{"in": "a"})
        before = self.build()
        self.edit("Dockerfile", "wc -c", "wc  -c")
        after = self.build()
        self.assertEqual(after["layers"][2]["digest"], before["layers"][2]["digest"])
        self.assertEqual(after["layers"][3]["state"], "hit")

    def test_two_stages_at_once(self):
        """Each waits for the other, in a folder that both have."""
        wait = "RUN --mount=type=cache,id=meet,target=/m touch /m/%s; i=0; while test ! -e /m/%s -a $i -lt 600; do sleep 0.05; i=$((i+1)); done; test -e /m/%s\n"
        self.dockerfile("FROM base AS a\n" + wait % ("a", "b", "b") + "RUN echo a > /a\nFROM base AS b\n" + wait % ("b", "a", "a") + "RUN echo b > /b\n"
                        "FROM base\nCOPY --from=a /a /\nCOPY --from=b /b /\n")
        files = tree(self.image()[0])
        self.assertEqual((files["a"][4], files["b"][4]), (b"a\n", b"b\n"))

    def test_triggers_run_in_the_stage_on_top(self):
        self.dockerfile("FROM base AS b\nWORKDIR /w\nONBUILD COPY in /w/\nONBUILD RUN cat in > out\nFROM b\nRUN cat out > /last\n", **{"in": "T"})
        self.assertEqual(self.content("last"), "T")

    def test_triggers_of_an_image(self):
        write_layout(self.root / "onbuild", [busybox()], {"Env": ["PATH=/bin"], "OnBuild": ["COPY in /w/", "RUN cat /w/in > /out", "ENV T=1"]})
        self.dockerfile("FROM oci:onbuild\nRUN cat /out > /last; echo $T >> /last\n", **{"in": "T\n"})
        image = self.image()[0]
        self.assertEqual(tree(image)["last"][4], b"T\n1\n")
        self.assertNotIn("OnBuild", image.config["config"])

    def test_steps_and_python_find_the_environment(self):
        self.write("pawl.yaml", "version: 1\npipeline: p\nenvironments:\n  base: {dockerfile: Dockerfile, contexts: {base: oci:base}, workdir: /app}\nsteps:\n"
                                "  s: {environment: base, isolation: image, run: [sh, -c, 'cat /made > $0', '${outputs.o}'], outputs: {o: o.txt}}\n")
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), "1")
        self.assertEqual(self.run_json().states()["s"], "hit")
        self.edit("Dockerfile", "cat /in", "cat /in /in")
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), "11")


@unittest.skipUnless(static(), "no static busybox")
class Failing(RunTest):
    def test_the_command_its_last_lines_and_the_way_to_a_shell(self):
        self.dockerfile("FROM base\nENV WHO=me\nRUN echo ok > /before\nRUN for i in $(seq 1 30); do echo line $i; done; \\\n  exit 7\n")
        failed = self.pawl("build", "base", status=1)
        self.assertIn("Dockerfile:4:1: error: RUN failed with exit status 7: /bin/sh -c for i in $(seq 1 30)", failed.err)
        self.assertIn("\n  | line 11\n", failed.err)
        self.assertIn("\n  | line 30\n", failed.err)
        self.assertNotIn("\n  | line 10\n", failed.err)
        self.assertIn("'pawl build base --shell' opens a shell", failed.err)
        image = self.pawl("--json", "build", "base", status=1).json["images"][0]
        self.assertEqual(image["state"], "failed")
        self.assertIn("Dockerfile:4:1", image["error"])
        shell = subprocess.run([harness.PAWL, "-q", "build", "base", "--shell"], cwd=self.root, env=self.env, capture_output=True, text=True, timeout=60,
                               input="cat /before; echo $WHO; echo lost > /lost; exit 3\n")
        self.assertEqual(shell.returncode, 1)
        self.assertIn("ok\nme\n", shell.stdout)
        self.edit("Dockerfile", "exit 7", "true")
        self.assertNotIn("lost", tree(self.image()[0]))

    def test_in_a_stage_that_is_not_needed_it_never_runs(self):
        self.dockerfile("FROM base AS bad\nRUN false\nFROM base\nRUN true\n")
        self.image()

    def test_nothing_is_left_behind(self):
        self.dockerfile("FROM base\nRUN --mount=target=/x mkdir /new && touch /new/x && chmod 0 /new && false\n")
        self.pawl("build", "base", status=1)
        self.assertEqual([p.name for p in (self.cache / "tmp").glob("docker-*")], [])

    def test_a_program_that_is_not_there(self):
        self.dockerfile("FROM base\nRUN [\"nosuchprogram\"]\n")
        self.assertIn("exit status 127", self.pawl("build", "base", status=1).err)


def short(files):
    return {path: row[:4] + (row[4] if len(row[4]) < 200 else hash(row[4]),) for path, row in files.items()}


@unittest.skipUnless(static() and Buildah.possible(), "buildah needs root, and a static busybox is the parent")
class Peer(RunTest):
    """The same Dockerfile, made by buildah: the same files with owners, modes and contents, and the same config."""

    CORPUS = [
        "RUN mkdir -p /a/b && echo x > /a/b/c && chmod 640 /a/b/c && chown ann:ann /a/b",
        "COPY . /ctx/\nRUN rm /ctx/one.txt",
        "COPY one.txt two.txt /to/\nCOPY d /to/d\nCOPY d/ /e",
        "COPY *.txt /g/\nCOPY d/*/*.py /h/",
        "COPY --chown=ann:ann d /owned\nCOPY --chmod=700 one.txt /mode\nCOPY --chown=5:6 one.txt /n/m/",
        "ADD one.txt /plain\nADD t.tar /unpacked/\nADD t.tar.gz /gz",
        "WORKDIR /w\nCOPY one.txt .\nWORKDIR x\nRUN pwd > here",
        "USER ann\nRUN echo mine > /home/ann/f\nWORKDIR /home/ann/w",
        "ENV A=1 B=\"two words\" C=$A\nENV D=${A:-x}${E:-y}\nRUN echo $A $B $C $D > /env\nLABEL a=$A \"b c\"=d\nEXPOSE 80 81/udp\nSTOPSIGNAL SIGINT\nVOLUME /data",
        "ENTRYPOINT [\"/bin/sh\"]\nCMD [\"-c\", \"x\"]",
        "CMD echo $HOME\nHEALTHCHECK --interval=5s --retries=3 CMD true",
        "ARG V=1\nARG W\nRUN echo $V-$W > /v",
        "RUN rm -rf /home/ann && mkdir /home/ann && touch /home/ann/new",
        "RUN ln -s /etc/passwd /l && ln /bin/busybox /hard && mkdir /s && chmod 1777 /s",
        "FROM base AS two\nRUN mkdir /o && echo 1 > /o/f && chown 9:9 /o/f\nFROM base\nCOPY --from=two /o /p\nCOPY --from=two /o/f /q",
        "SHELL [\"/bin/sh\", \"-ec\"]\nRUN echo a > /a; true\nSHELL [\"/bin/sh\", \"-c\"]",
        "COPY one.txt /home/ann\nCOPY one.txt /bin/../etc/one",
    ]

    def setUp(self):
        super().setUp()
        self.store = self.top / "store"
        self.store.mkdir()
        self.peer = Buildah(self.store, self.root / "base")

    def context(self):
        import io
        import tarfile
        for path, text in {"one.txt": "1\n", "two.txt": "2\n", "d/x": "x", "d/s/y.py": "y", "d/s/z": "z"}.items():
            self.write(path, text)
        for name, mode in (("t.tar", "w"), ("t.tar.gz", "w:gz")):
            with tarfile.open(self.root / name, mode) as tar:
                for path, text in (("u/v", "V"), ("u/w", "W")):
                    info = tarfile.TarInfo(path)
                    info.size, info.mode, info.uid, info.gid = 1, 0o640, 3, 4
                    tar.addfile(info, io.BytesIO(text.encode()))
        self.write(".dockerignore", "base\nout\npawl.yaml\nDockerfile\n.dockerignore\npawl.lock\nt.*\n!t.tar*\n")

    def test_corpus(self):
        for instructions in self.CORPUS:
            with self.subTest(instructions):
                self.dockerfile(("" if instructions.startswith("FROM") else "FROM base\n") + instructions + "\n")
                self.context()
                mine = self.image()[0]
                theirs = self.peer.build(self.root)
                # buildah leaves its mount points and the folders of volumes behind, and OCI's format has neither health check nor shell
                skip = ("proc", "sys", "dev", "run", "etc/hosts", "etc/resolv.conf", "run/secrets", "root", "etc/mtab", "etc/hostname", "data")
                self.assertEqual(short(tree(mine, skip)), short(tree(theirs, skip)))
                a, b = settings(mine), settings(theirs)
                a.pop("Healthcheck", None)
                a.pop("Shell", None)
                b.get("Labels", {}).pop("io.buildah.version", None)
                if not b.get("Labels"):
                    b.pop("Labels", None)
                b.pop("ArgsEscaped", None)
                self.assertEqual(a, b)


if __name__ == "__main__":
    unittest.main()
