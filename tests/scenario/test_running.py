# SPDX-License-Identifier: Apache-2.0
"""How steps run: environment, quoting, secrets, failures, retries, time limits, interrupts, order, pools, side by side."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402
from projects import chain, one  # noqa: E402


class Environment(PawlTest):
    def test_closed(self):
        one(self, """
            run: "echo s >> '@RAN@'; env > ${outputs.o}"
            env: {FIXED: "a b"}
            pass_env: [PASSED]
            outputs: {o: env.txt}
            """)
        self.pawl("run", env={"PASSED": "p", "STRAY": "x"})
        lines = self.read("env.txt").splitlines()
        self.assertIn("FIXED=a b", lines)
        self.assertIn("PASSED=p", lines)
        self.assertIn("LC_ALL=C.UTF-8", lines)
        self.assertIn("TZ=UTC", lines)
        self.assertFalse([line for line in lines if line.startswith("STRAY")])

    def test_passed_variable_counts_stray_one_does_not(self):
        one(self, """
            run: "echo s >> '@RAN@'; echo \\"$${PASSED-}\\" > ${outputs.o}"
            pass_env: [PASSED]
            outputs: {o: o.txt}
            """)
        self.pawl("run", env={"PASSED": "1"})
        self.pawl("run", env={"PASSED": "1", "STRAY": "x", "HOME": "/tmp"})
        self.assertEqual(self.ran(), ["s"])
        outcome = self.pawl("--json", "run", env={"PASSED": "2"})
        self.assertEqual(outcome.reasons()["s"], "env-var")
        self.pawl("--json", "run")  # not set at all
        self.assertEqual(self.ran(), ["s", "s"])

    def test_substitution_of_env(self):
        one(self, """
            run: "printf %s ${env.GREETING} > ${outputs.o}"
            env: {GREETING: "it's $HOME"}
            outputs: {o: o.txt}
            """)
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), "it's $HOME")

    def test_empty_stdin_and_project_root(self):
        one(self, 'run: "cat > ${outputs.o}; pwd >> ${outputs.o}"\noutputs: {o: sub/o.txt}')
        self.pawl("run", cwd=self.root)
        self.assertEqual(self.read("sub/o.txt").strip(), os.path.realpath(self.root))

    def test_quoting(self):
        nasty = "it's $(touch pwned) \"x\" `touch pwned`; ${outputs.o} \\ \u00e9 *"
        one(self, """
            run: "printf '%s' ${params.w} > ${outputs.o}"
            params: [w]
            outputs: {o: "a folder/an output.txt"}
            """, head="params: {w: a}\n")
        self.pawl("run", "-p", "w=" + nasty)
        self.assertEqual(self.read("a folder/an output.txt"), nasty)
        self.assertFalse(self.exists("pwned"))

    def test_list_goes_through_no_shell(self):
        one(self, """
            run: [sh, -c, 'printf "%s|" "$@" > "$0"', "${outputs.o}", "$HOME", "a b", "x${params.w}y"]
            params: [w]
            outputs: {o: o.txt}
            """, head="params: {w: \"1 2\"}\n")
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), "$HOME|a b|x1 2y|")

    def test_literal_dollar_brace(self):
        one(self, "run: \"x=y; echo $${x} > ${outputs.o}\"\noutputs: {o: o.txt}")
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), "y\n")

    def test_types_of_parameters(self):
        one(self, """
            run: [sh, -c, 'printf "%s|" "$@" > "$0"', "${outputs.o}", "${params.i}", "${params.f}", "${params.b}", "${params.l}"]
            params: [i, f, b, l]
            outputs: {o: o.txt}
            """, head="params: {i: 3, f: 0.10, b: true, l: [1, two]}\n")
        self.pawl("run")
        self.assertEqual(self.read("o.txt"), '3|0.1|true|[1,"two"]|')

    def test_run_dir_and_outputs_without_path(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: scratch
            steps:
              make:
                run: "echo make >> '@RAN@'; echo ${run.dir} > ${outputs.where}; echo x > ${run.dir}/stray"
                outputs: [where]
              use:
                run: "cat ${inputs.i} > ${outputs.o}"
                inputs: {i: make.where}
                outputs: {o: o.txt}
            """)
        self.pawl("run")
        scratch = self.read("o.txt").strip()
        self.assertFalse(scratch.startswith(str(self.root)))
        self.assertFalse(os.path.exists(scratch))
        self.expect_nothing()
        self.assertEqual(self.pawl("artifact", "get", "make.where").out.strip(), scratch)

    def expect_nothing(self):
        self.ran()
        self.expect()


class Secrets(PawlTest):
    canary = "CANARY" + "5d1c09"

    def setUp(self):
        super().setUp()
        one(self, """
            run: "echo s >> '@RAN@'; test -n \\"$TOKEN\\"; echo token $TOKEN; printf CAN >&2; echo done > ${outputs.o}"
            secrets: [TOKEN]
            outputs: {o: o.txt}
            """)

    def test_nowhere_to_be_found(self):
        outcome = self.pawl("-v", "--events", str(self.top / "events"), "run", env={"TOKEN": self.canary})
        log = self.pawl("log", "s")
        self.assertIn("token ***", log.out)
        self.assertNotIn(self.canary, outcome.out + outcome.err + log.out)
        for path in self.top.rglob("*"):
            if path.is_file():
                self.assertNotIn(self.canary.encode(), path.read_bytes(), path)

    def test_value_is_not_in_the_key(self):
        self.pawl("run", env={"TOKEN": self.canary})
        self.pawl("run", env={"TOKEN": "another"})
        self.assertEqual(self.ran(), ["s"])

    def test_missing_secret(self):
        outcome = self.pawl("run", status=None)
        self.assertNotEqual(outcome.status, 0)
        self.assertIn("TOKEN", outcome.err)
        self.assertEqual(self.ran(), [])


class Failures(PawlTest):
    def test_exit_status_and_log(self):
        one(self, 'run: "echo so long; echo a reason >&2; exit 7"\noutputs: {o: o.txt}')
        outcome = self.pawl("--json", "run", status=1)
        step = outcome.json["steps"][0]
        self.assertEqual((step["state"], step["exit"], outcome.json["status"]), ("failed", 7, "failed"))
        self.assertIn("a reason", self.pawl("log", "s").out)
        self.assertIn("so long", self.pawl("log", "s").out)

    def test_a_failure_runs_again(self):
        one(self, "run: \"echo s >> '@RAN@'; exit 1\"")
        self.pawl("run", status=1)
        outcome = self.pawl("--json", "run", status=1)
        self.assertEqual(self.ran(), ["s", "s"])
        self.assertEqual(outcome.reasons()["s"], "failed-before")

    def test_half_an_output_is_removed(self):
        one(self, 'run: "echo half > ${outputs.o}; exit 1"\noutputs: {o: o.txt}')
        self.pawl("run", status=1)
        self.assertFalse(self.exists("o.txt"))

    def test_output_of_before_is_removed_first(self):
        one(self, """
            run: "echo ${params.w} >> ${outputs.o}"
            params: [w]
            outputs: {o: o.txt}
            """, head="params: {w: one}\n")
        self.pawl("run")
        self.pawl("run", "-p", "w=two")
        self.assertEqual(self.read("o.txt"), "two\n")

    def test_missing_output(self):
        one(self, 'run: "true"\noutputs: {o: never.txt}')
        self.assertIn("never.txt", self.pawl("run", status=1).err)

    def test_file_where_a_folder_was_declared(self):
        one(self, 'run: "echo x > out"\noutputs: {o: out/}')
        self.assertIn("out", self.pawl("run", status=1).err)

    def test_written_input(self):
        one(self, 'run: "echo more >> ${inputs.i}; echo x > ${outputs.o}"\ninputs: {i: data/i.txt}\noutputs: {o: o.txt}')
        self.write("data/i.txt", "1\n")
        outcome = self.pawl("run", status=1)
        self.assertIn("data/i.txt", outcome.err)
        self.assertFalse(self.exists("o.txt"))

    def test_program_that_is_not_there(self):
        one(self, "run: [no-such-program-anywhere]")
        outcome = self.pawl("run", status=None)
        self.assertNotEqual(outcome.status, 0)
        self.assertIn("no-such-program-anywhere", outcome.err)

    def test_signal(self):
        one(self, 'run: "kill -9 $$"')
        self.assertEqual(self.pawl("--json", "run", status=1).json["steps"][0]["exit"], 137)

    def forked(self, *args):
        self.write("pawl.yaml", """
            version: 1
            pipeline: fork
            steps:
              a_bad: {run: "echo a_bad >> '@RAN@'; exit 3", outputs: {o: a.txt}}
              after: {run: "cat ${inputs.i}", inputs: {i: a_bad.o}}
              good: {run: "echo good >> '@RAN@'; echo 1 > ${outputs.o}", outputs: {o: g.txt}}
              later: {run: "echo later >> '@RAN@'; cat ${inputs.i}", inputs: {i: good.o}}
            """)
        return self.pawl("--json", "run", "-j1", *args, status=1).states()

    def test_keep_going(self):
        self.assertEqual(self.forked("-k"), {"a_bad": "failed", "after": "skipped", "good": "made", "later": "made"})

    def test_stops_without_keep_going(self):
        states = self.forked()
        self.assertEqual((states["a_bad"], states["after"]), ("failed", "skipped"))
        self.assertIn("cancelled", states.values())

    def test_mended_failure(self):
        one(self, 'run: "exit 1"')
        self.pawl("run", status=1)
        self.edit("pawl.yaml", "exit 1", "exit 0")
        self.assertEqual(self.run_json().states(), {"s": "made"})


class Retries(PawlTest):
    def test_third_attempt(self):
        one(self, """
            run: "echo try >> '@RAN@'; test $(wc -l < '@RAN@') -ge 3"
            retry: {max: 5, delay: 10ms, backoff: 2}
            """)
        step = self.run_json().json["steps"][0]
        self.assertEqual((step["state"], step["attempts"]), ("made", 3))

    def test_gives_up(self):
        one(self, "run: \"echo try >> '@RAN@'; exit 4\"\nretry: {max: 2, delay: 1ms}")
        self.pawl("run", status=1)
        self.assertEqual(len(self.ran()), 3)

    def test_only_on_listed_codes(self):
        one(self, "run: \"echo try >> '@RAN@'; exit 4\"\nretry: {max: 2, delay: 1ms, on: [75]}")
        self.pawl("run", status=1)
        self.assertEqual(len(self.ran()), 1)

    def test_timeout_ends_the_whole_group(self):
        one(self, 'run: "sleep 300 & sleep 300"\ntimeout: 300ms')
        outcome = self.pawl("--json", "run", status=1, timeout=60)
        self.assertEqual(outcome.states(), {"s": "failed"})
        self.assertEqual(self.left(), [])


class Interrupts(PawlTest):
    def interrupted(self, number, body):
        one(self, body)
        process = self.start("run")
        self.wait_for(lambda: self.exists("o.txt") and self.ran_file.exists(), "the step")
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=40)
        self.wait_for(lambda: not self.left(), "the end of all processes", 5)
        self.assertFalse(self.exists("o.txt"))
        return process.returncode

    simple = "run: \"echo s >> '@RAN@'; echo half > ${outputs.o}; sleep 300 & sleep 300\"\noutputs: {o: o.txt}"

    def test_sigint(self):
        self.assertEqual(self.interrupted(signal.SIGINT, self.simple), 130)

    def test_sigterm(self):
        self.assertEqual(self.interrupted(signal.SIGTERM, self.simple), 143)

    def test_second_sigint_kills_at_once(self):
        one(self, "run: \"trap '' TERM INT; echo s >> '@RAN@'; echo half > ${outputs.o}; while :; do sleep 1; done\"\noutputs: {o: o.txt}")
        process = self.start("run")
        self.wait_for(lambda: self.exists("o.txt") and self.ran_file.exists(), "the step")
        began = time.time()
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=40)
        self.assertLess(time.time() - began, 8)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.left(), [])

    def test_what_was_finished_stays_done(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: half
            steps:
              a: {run: "echo a >> '@RAN@'; echo 1 > ${outputs.o}", outputs: {o: a.txt}}
              b: {run: "echo b >> '@RAN@'; cp ${inputs.i} ${outputs.o}; sleep 300", inputs: {i: a.o}, outputs: {o: b.txt}}
            """)
        process = self.start("run")
        self.wait_for(lambda: self.ran_file.exists() and "b" in self.ran_file.read_text(), "step b")
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=40)
        self.ran()
        plan = self.pawl("--json", "plan").json
        self.assertEqual([s["state"] for s in plan["steps"]], ["hit", "run"])


class Order(PawlTest):
    def test_after(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: order
            steps:
              a_last: {run: "echo a_last >> '@RAN@'", after: [b, c]}
              b: {run: "sleep 0.2; echo b >> '@RAN@'"}
              c: {run: "echo c >> '@RAN@'", after: [b]}
            """)
        self.pawl("run", "-j4")
        self.assertEqual(self.ran(), ["b", "c", "a_last"])
        self.pawl("run")
        self.assertEqual(self.ran(), [])

    def meet(self, head, resources):
        body = "touch @RAN@.%s; n=0; while [ ! -e @RAN@.%s ]; do n=$((n+1)); [ $n -lt 20 ] || exit 9; sleep 0.05; done"
        self.write("pawl.yaml", "version: 1\npipeline: meet\n%ssteps:\n" % head + "".join(
            "  %s: {run: \"cd '%s'; %s\"%s}\n" % (name, self.top, (body % (name, other)).replace("@RAN@", "ran"), resources)
            for name, other in (("left", "right"), ("right", "left"))))

    def test_side_by_side(self):
        self.meet("", "")
        self.pawl("run", "-j2")

    def test_one_at_a_time(self):
        self.meet("", "")
        self.pawl("run", "-j1", status=1)

    def test_a_pool_of_one(self):
        self.meet("stacks: {local: {orchestrator: local, pools: {gpus: 1}}}\n", ", resources: {gpus: 1}")
        self.pawl("run", "-j4", status=1)

    def test_two_runs_share_the_work(self):
        chain(self)
        self.edit("pawl.yaml", "grep -v", "sleep 0.7; grep -v")
        processes = [self.start("run") for _ in range(3)]
        outputs = [p.communicate(timeout=120) for p in processes]
        self.assertEqual([p.returncode for p in processes], [0, 0, 0], outputs)
        self.assertEqual(sorted(self.ran()), ["aside", "doubled", "numbers", "sum"])

    def test_two_projects_share_a_cache(self):
        chain(self)
        self.edit("pawl.yaml", "grep -v", "sleep 0.7; grep -v")
        first = self.start("run")
        other = self.top / "other"
        other.mkdir()
        (other / "data").mkdir()
        for name in "pawl.yaml", "data/raw.txt":
            (other / name).write_bytes((self.root / name).read_bytes())
        second = self.start("run", cwd=other)
        outputs = [p.communicate(timeout=120) for p in (first, second)]
        self.assertEqual((first.returncode, second.returncode), (0, 0), outputs)
        self.assertEqual(sorted(self.ran()), ["aside", "doubled", "numbers", "sum"])
        self.assertEqual((other / "out/sum.txt").read_text().strip(), "12")


class Caching(PawlTest):
    def test_never(self):
        one(self, "run: \"echo s >> '@RAN@'\"\ncache: false")
        self.expect("s")
        self.assertEqual(self.expect("s").reasons()["s"], "expired")

    def test_salt(self):
        one(self, "run: \"echo s >> '@RAN@'\"\ncache: {salt: one}")
        self.expect("s")
        self.edit("pawl.yaml", "salt: one", "salt: two")
        self.expect("s")
        self.edit("pawl.yaml", "salt: two", "salt: one")
        self.expect()

    def test_expires(self):
        one(self, "run: \"echo s >> '@RAN@'\"\ncache: {expires: 1s}")
        self.expect("s")
        time.sleep(1.2)
        self.expect("s")

    def test_ignored_parameter(self):
        one(self, """
            run: "echo s >> '@RAN@'; echo ${params.loud} ${params.lr}"
            params: [loud, lr]
            cache: {ignore: [params.loud]}
            """, head="params: {loud: 1, lr: 2}\n")
        self.expect("s")
        self.expect(args=("-p", "loud=2"))
        self.expect("s", args=("-p", "lr=3"))

    def test_step_without_outputs_runs_once(self):
        one(self, "run: \"echo s >> '@RAN@'\"")
        self.expect("s")
        self.expect()

    def test_time_limits_and_retries_are_not_in_the_key(self):
        one(self, "run: \"echo s >> '@RAN@'\"\ntimeout: 5s")
        self.expect("s")
        one(self, "run: \"echo s >> '@RAN@'\"\ntimeout: 50s\nretry: {max: 3}\nresources: {cpus: 1}")
        self.expect()


class Maps(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: maps
            params: {rates: [1, 2, 3]}
            steps:
              fit:
                foreach: {rate: "${params.rates}"}
                run: "echo fit-${item.rate} >> '@RAN@'; echo ${item.rate} > ${outputs.o}"
                outputs: {o: "out/${item.rate}.txt"}
              best:
                run: "echo best >> '@RAN@'; cat ${inputs.all} > ${outputs.o}"
                inputs: {all: fit.o}
                outputs: {o: best.txt}
            """)

    def test_elements(self):
        outcome = self.expect("fit-1", "fit-2", "fit-3", "best")
        self.assertEqual(set(outcome.states()), {"fit[rate=1]", "fit[rate=2]", "fit[rate=3]", "best"})
        self.assertEqual(self.read("best.txt"), "1\n2\n3\n")

    def test_one_more(self):
        self.run_json()
        self.ran()
        self.edit("pawl.yaml", "[1, 2, 3]", "[1, 2, 3, 9]")
        self.expect("fit-9", "best")

    def test_another_order(self):
        self.run_json()
        self.ran()
        self.edit("pawl.yaml", "[1, 2, 3]", "[3, 1]")
        self.expect("best")
        self.assertEqual(self.read("best.txt"), "3\n1\n")

    def test_lines_of_a_file(self):
        self.edit("pawl.yaml", '"${params.rates}"', "{lines: rates.txt}")
        self.write("rates.txt", "1\n2\n")
        self.expect("fit-1", "fit-2", "best")
        self.pawl("run")
        self.write("rates.txt", "1\n2\n5\n")
        self.pawl("run")
        self.assertEqual(sorted(self.ran()), ["best", "fit-5"])

    def test_one_element_alone(self):
        self.pawl("run", "fit[rate=2]")
        self.assertEqual(self.ran(), ["fit-2"])

    def test_condition(self):
        self.write("pawl.yaml", """
            version: 1
            pipeline: conditions
            params: {deploy: false}
            steps:
              a: {run: "echo a >> '@RAN@'; echo 1 > ${outputs.o}", outputs: {o: a.txt}}
              b: {run: "echo b >> '@RAN@'; cat ${inputs.i}", inputs: {i: a.o}, when: "${params.deploy}"}
            """)
        self.assertEqual(self.expect("a").states(), {"a": "made", "b": "skipped"})
        self.assertEqual(self.expect("b", args=("-p", "deploy=true")).states(), {"a": "hit", "b": "made"})


class Shown(PawlTest):
    def test_what_programs_print_does_not_disturb(self):
        one(self, r"""
            run: [printf, 'one\rtwo\rthree\n\033[31mred\033[0m\033[2J\033]0;title\007 \377\376 bytes\a\n']
            """)
        outcome = self.pawl("run")
        lines = [line for line in outcome.err.splitlines() if line.startswith("s | ")]
        self.assertEqual(lines[0], "s | three")
        self.assertTrue(lines[1].startswith("s | red"), lines)
        self.assertFalse([c for c in outcome.err if ord(c) < 32 and c != "\n"], repr(outcome.err))
        coloured = self.pawl("--color", "always", "run", "--force", env={"NO_COLOR": ""})
        self.assertIn("\033[31mred", coloured.err)
        self.assertNotIn("\033[2J", coloured.err)

    def test_very_long_lines(self):
        one(self, 'run: "head -c 300000 /dev/zero | tr \'\\\\0\' x; echo; echo end"')
        self.pawl("run")
        self.assertEqual(self.pawl("log", "s").out.replace("\n", ""), "x" * 300000 + "end")

    def test_what_never_began_is_not_listed(self):
        self.write("pawl.yaml", "version: 1\npipeline: many\nsteps:\n  a: {run: exit 1, outputs: {o: a.txt}}\n" + "".join(
            "  b%d: {run: 'true', inputs: {i: a.o}}\n" % i for i in range(50)))
        outcome = self.pawl("run", status=1)
        self.assertLess(len(outcome.err.splitlines()), 10, outcome.err)
        self.assertIn("50 skipped", outcome.out)


class Events(PawlTest):
    def test_stream(self):
        chain(self)
        self.pawl("--events", "events.jsonl", "run")
        events = [json.loads(line) for line in self.read("events.jsonl").splitlines()]
        self.assertTrue(all(e["schema"] == 1 and e["t"] > 1e9 for e in events))
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("run.start", "run.end"))
        ends = {e["node"]: e["state"] for e in events if e["event"] == "node.end"}
        self.assertEqual(ends["step:doubled"], "made")

    def test_a_descriptor(self):
        one(self, 'run: "echo out; echo err >&2"')
        read, write = os.pipe()
        self.pawl("--events", "fd:%d" % write, "run", pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as stream:
            logs = [(e["stream"], e["text"]) for e in map(json.loads, stream) if e["event"] == "log"]
        self.assertEqual(sorted(logs), [(1, "out"), (2, "err")])

    def test_no_such_descriptor(self):
        one(self, 'run: "true"')
        self.pawl("--events", "fd:77", "run", status=2)
