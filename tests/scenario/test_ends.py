# SPDX-License-Identifier: Apache-2.0
"""What happens around the end of steps and runs: `always`, hooks; and what `cache:` says of results."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402


class Always(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: ends
            params: {bad: 1}
            steps:
              train: {run: "echo train >> '@RAN@'; exit ${params.bad}", params: [bad]}
              other: {run: "echo other >> '@RAN@'", after: [train]}
              clean: {run: "echo clean >> '@RAN@'", after: [train, other], always: true, cache: false}
              told: {run: "echo told >> '@RAN@'", after: [clean], always: true, cache: false}
            """)

    def test_after_a_failure(self):
        for args in ((), ("-k",)):
            outcome = self.run_json(*args, status=1)
            self.assertEqual(outcome.states(), {"train": "failed", "other": "skipped" if args else outcome.states()["other"], "clean": "made", "told": "made"})
            self.assertEqual(self.ran(), ["train", "clean", "told"])

    def test_after_success(self):
        self.pawl("run", "-p", "bad=0")
        self.assertEqual(self.ran(), ["train", "other", "clean", "told"])
        self.pawl("run", "-p", "bad=0")
        self.assertEqual(self.ran(), ["clean", "told"])

    def test_not_for_data(self):
        self.edit("pawl.yaml", "after: [clean], always: true", "inputs: {i: data.o}, always: true")
        self.edit("pawl.yaml", "steps:\n", "steps:\n  data: {run: 'false', outputs: [o]}\n")
        self.assertEqual(self.run_json("-k", status=1).states()["told"], "skipped")

    def test_it_fails_itself(self):
        self.edit("pawl.yaml", "echo clean", "false; echo clean")
        outcome = self.run_json("-p", "bad=0", status=1)
        self.assertEqual((outcome.states()["clean"], outcome.states()["told"]), ("failed", "made"))

    def test_not_after_an_interrupt(self):
        self.edit("pawl.yaml", "exit ${params.bad}", "sleep 100; exit ${params.bad}")
        process = self.start("run")
        self.wait_for(self.ran_file.exists, "the step")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.ran(), ["train"])

    def test_it_is_no_part_of_the_key(self):
        self.edit("pawl.yaml", "always: true, cache: false}\n  told", "always: true}\n  told")
        self.pawl("run", "-p", "bad=0")
        self.edit("pawl.yaml", "always: true}\n  told", "always: false}\n  told")
        self.ran()
        self.pawl("run", "-p", "bad=0")
        self.assertEqual(self.ran(), ["told"])


class Hooks(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: hooked
            params: {bad: 0}
            hooks:
              success: "echo run $PAWL_STATUS $PAWL_PIPELINE ${PAWL_STEP:-none} >> hooks.txt"
              failure: "echo run $PAWL_STATUS >> hooks.txt"
            steps:
              one:
                run: "exit ${params.bad}"
                params: [bad]
                hooks: {success: "echo $PAWL_STEP $PAWL_STATUS >> hooks.txt", failure: "echo $PAWL_STEP $PAWL_STATUS >> hooks.txt"}
              two: {run: "true"}
            """)

    def hooked(self):
        lines = self.read("hooks.txt").splitlines() if self.exists("hooks.txt") else []
        if lines:
            (self.root / "hooks.txt").unlink()
        return lines

    def test_success_and_nothing(self):
        self.pawl("run")
        self.assertEqual(self.hooked(), ["one made", "run ok hooked none"])
        self.pawl("run")
        self.assertEqual(self.hooked(), [])
        self.pawl("run", "--force=two")
        self.assertEqual(self.hooked(), ["run ok hooked none"])

    def test_failure(self):
        self.pawl("run", "-p", "bad=3", status=1)
        self.assertEqual(self.hooked(), ["one failed", "run failed"])

    def test_one_that_fails_changes_nothing(self):
        self.edit("pawl.yaml", "{success: \"echo $PAWL_STEP", "{success: \"echo told; exit 4; echo $PAWL_STEP")
        said = self.pawl("run").err
        self.assertIn("hook | told", said)
        self.assertIn("the hook of step 'one' ended with exit status 4", said)

    def test_they_touch_no_key(self):
        self.pawl("run")
        self.edit("pawl.yaml", "echo $PAWL_STEP $PAWL_STATUS", "echo changed")
        self.edit("pawl.yaml", "echo run $PAWL_STATUS", "echo changed")
        self.assertIn("up to date", self.pawl("run").out)
        found = [(m["line"], m["code"]) for m in self.pawl("--json", "plan", "-f", str(self.write("x.yaml", "version: 1\npipeline: x\nhooks: {succes: x}\nsteps: {}\n")), status=2).json["errors"]]
        self.assertEqual(found, [(3, "unknown-key")])


class CachePolicies(PawlTest):
    def setUp(self):
        super().setUp()
        self.write("pawl.yaml", """
            version: 1
            pipeline: policies
            params: {lr: 1, verbose: 0}
            steps:
              kept: {run: "echo kept >> '@RAN@'; echo ${params.lr} ${params.verbose}", params: [lr, verbose], cache: {ignore: [params.verbose], salt: v1}}
              short: {run: "echo short >> '@RAN@'", cache: {expires: 100ms}}
              never: {run: "echo never >> '@RAN@'", cache: false}
            """)

    def test_expiry(self):
        self.pawl("run")
        self.ran()
        time.sleep(0.15)  # what is tested is the time that passes
        plan = {s["name"]: (s["state"], (s["reason"] or {}).get("code")) for s in self.pawl("--json", "plan").json["steps"]}
        self.assertEqual(plan["short"], ("run", "expired"))
        self.assertEqual(plan["never"], ("run", "expired"))
        self.assertEqual(plan["kept"], ("hit", None))
        self.pawl("run")
        self.assertEqual(sorted(self.ran()), ["never", "short"])

    def test_a_long_expiry_is_no_bar_to_doing_nothing(self):
        self.edit("pawl.yaml", "100ms", "1h")
        self.edit("pawl.yaml", "cache: false", "cache: true")
        self.pawl("run")
        self.ran()
        self.assertIn("up to date", self.pawl("run").out)
        self.edit("pawl.yaml", "1h", "1ms")
        self.expect("short")

    def test_salt(self):
        self.edit("pawl.yaml", "cache: false", "cache: true")
        self.edit("pawl.yaml", "100ms", "1h")
        self.pawl("run")
        self.ran()
        self.edit("pawl.yaml", "salt: v1", "salt: v2")
        self.assertIn("cache.salt v1 -> v2", self.pawl("why", "kept").out)
        self.expect("kept")
        self.edit("pawl.yaml", "salt: v2", "salt: v1")
        self.expect()

    def test_ignored_parameters(self):
        self.edit("pawl.yaml", "cache: false", "cache: true")
        self.edit("pawl.yaml", "100ms", "1h")
        self.pawl("run")
        self.ran()
        self.expect(args=("-p", "verbose=1"))
        self.expect("kept", args=("-p", "lr=2"))
        found = self.pawl("--json", "plan", "-f", str(self.write("x.yaml", "version: 1\npipeline: x\nsteps: {a: {run: 'true', cache: {ignore: [params.zz]}}}\n")), status=2)
        self.assertEqual(found.json["errors"][0]["code"], "unknown-ignore")
