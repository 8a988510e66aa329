# SPDX-License-Identifier: Apache-2.0
"""Edit, run, and see what was made again: files, parameters, commands, outputs."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import PawlTest  # noqa: E402
from projects import chain, one, package  # noqa: E402


class Inputs(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)
        self.expect("numbers", "doubled", "sum", "aside")

    def test_second_run_is_one_line(self):
        outcome = self.pawl("run")
        self.assertEqual(len(outcome.out.strip().splitlines()), 1)
        self.assertIn("up to date: 4 steps", outcome.out)
        self.assertEqual(self.ran(), [])

    def test_result_is_right(self):
        self.assertEqual(self.read("out/sum.txt").strip(), "12")

    def test_changed_input_runs_what_follows(self):
        self.write("data/raw.txt", "10\n")
        self.expect("numbers", "doubled", "sum")
        self.assertEqual(self.read("out/sum.txt").strip(), "20")

    def test_same_output_cuts_off(self):
        self.write("data/raw.txt", "# a remark\n1\n2\n3\n")
        outcome = self.expect("numbers")
        self.assertEqual(outcome.states(), {"numbers": "made", "doubled": "cutoff", "sum": "cutoff", "aside": "hit"})

    def test_revert_restores(self):
        self.write("data/raw.txt", "10\n")
        self.run_json()
        self.ran()
        self.write("data/raw.txt", "3\n1\n2\n")
        outcome = self.expect()
        self.assertEqual(outcome.states()["sum"], "restored")
        self.assertEqual(self.read("out/sum.txt").strip(), "12")

    def test_touch_does_nothing(self):
        self.age(-5)
        self.expect()

    def test_mode_of_an_input_counts(self):
        os.chmod(self.root / "data/raw.txt", 0o755)
        outcome = self.expect("numbers")
        self.assertEqual(outcome.reasons()["numbers"], "input")

    def test_group_and_other_modes_do_not_count(self):
        os.chmod(self.root / "data/raw.txt", 0o600)
        self.expect()

    def test_same_size_and_mtime_is_seen(self):
        stat = os.stat(self.root / "data/raw.txt")
        self.write("data/raw.txt", "3\n1\n5\n")
        os.utime(self.root / "data/raw.txt", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.expect("numbers", "doubled", "sum")

    def test_unbound_parameter_does_nothing(self):
        self.expect(args=("-p", "idle=2"))

    def test_bound_parameter_runs_its_step(self):
        outcome = self.expect("doubled", "sum", args=("-p", "factor=5"))
        self.assertEqual(outcome.reasons()["doubled"], "params")
        self.assertEqual(self.read("out/sum.txt").strip(), "30")

    def test_parameters_from_a_file(self):
        self.write("more.yaml", "factor: 5\n")
        self.expect("doubled", "sum", args=("--params", "more.yaml"))
        self.expect(args=("-p", "factor=5"))

    def test_command_line_beats_the_file(self):
        self.write("more.yaml", "factor: 5\n")
        self.expect("doubled", "sum", args=("--params", "more.yaml", "-p", "factor=7"))
        self.assertEqual(self.read("out/sum.txt").strip(), "42")

    def test_changed_command(self):
        self.edit("pawl.yaml", "echo aside > $", "echo other > $")
        self.assertEqual(self.expect("aside").reasons()["aside"], "command")

    def test_comments_and_order_of_the_file(self):
        self.edit("pawl.yaml", "params: {factor: 2, idle: 1}", "# a remark\nparams:\n  idle: 1\n  factor: 2")
        self.expect()

    def test_renamed_output_path(self):
        self.edit("pawl.yaml", "out/aside.txt", "out/beside.txt")
        self.expect("aside")
        self.assertTrue(self.exists("out/beside.txt"))

    def test_new_step_runs_alone(self):
        text = (self.root / "pawl.yaml").read_text()
        (self.root / "pawl.yaml").write_text(text + "  fresh:\n    run: \"echo fresh >> '%s'\"\n" % self.ran_file)
        self.assertEqual(self.expect("fresh").reasons()["fresh"], "new")

    def test_removed_step_is_forgotten(self):
        text = (self.root / "pawl.yaml").read_text()
        (self.root / "pawl.yaml").write_text(text[:text.index("  aside:")])
        self.assertEqual(set(self.expect().states()), {"numbers", "doubled", "sum"})

    def test_force_one(self):
        outcome = self.expect("doubled", args=("--force=doubled",))
        self.assertEqual(outcome.reasons()["doubled"], "forced")
        self.assertEqual(outcome.states()["sum"], "cutoff")

    def test_force_all(self):
        self.expect("numbers", "doubled", "sum", "aside", args=("--force",))

    def test_no_cache_runs_all_and_records(self):
        self.expect("numbers", "doubled", "sum", "aside", args=("--no-cache",))
        self.expect()

    def test_only_what_leads_there(self):
        self.write("data/raw.txt", "10\n")
        self.edit("pawl.yaml", "echo aside > $", "echo other > $")
        self.expect("numbers", "doubled", args=("doubled",))
        self.expect("sum", "aside")

    def test_fresh_clone_hits(self):
        clone = self.top / "a clone"
        shutil.copytree(self.root, clone, ignore=shutil.ignore_patterns("out"), copy_function=shutil.copy)
        outcome = self.run_json(cwd=clone)
        self.assertEqual(self.ran(), [])
        self.assertEqual(set(outcome.states().values()), {"restored"})
        self.assertEqual((clone / "out/sum.txt").read_text().strip(), "12")

    def test_moved_project_hits(self):
        self.root.rename(self.top / "moved")
        self.run_json(cwd=self.top / "moved")
        self.assertEqual(self.ran(), [])

    def test_another_cache_runs_all(self):
        self.run_json(env={"PAWL_CACHE": str(self.top / "other")})
        self.assertEqual(sorted(self.ran()), ["aside", "doubled", "numbers", "sum"])

    def test_from_a_folder_below(self):
        self.pawl("run", cwd=self.root / "data")
        self.assertEqual(self.ran(), [])


class Outputs(PawlTest):
    def setUp(self):
        super().setUp()
        chain(self)
        self.run_json()
        self.ran()

    def test_deleted_output_comes_back(self):
        (self.root / "out/sum.txt").unlink()
        self.assertEqual(self.expect().states()["sum"], "restored")
        self.assertEqual(self.read("out/sum.txt").strip(), "12")

    def test_deleted_folder_of_outputs_comes_back(self):
        shutil.rmtree(self.root / "out")
        self.expect()
        self.assertEqual(self.read("out/aside.txt").strip(), "aside")

    def test_edited_output_is_kept_and_put_back(self):
        self.write("out/doubled.txt", "precious\n")
        outcome = self.pawl("run")
        self.assertEqual(self.ran(), [])
        self.assertNotIn("precious", self.read("out/doubled.txt"))
        digest = [w for w in (outcome.out + outcome.err).replace("'", " ").split() if w.startswith("sha256:")][0]
        self.assertEqual(self.pawl("artifact", "get", digest).out, "precious\n")

    def test_edited_output_is_kept_when_its_step_runs(self):
        self.write("out/aside.txt", "precious\n")
        self.edit("pawl.yaml", "echo aside > $", "echo other > $")
        outcome = self.pawl("run")
        self.assertEqual(self.ran(), ["aside"])
        digest = [w for w in (outcome.out + outcome.err).replace("'", " ").split() if w.startswith("sha256:")][0]
        self.assertEqual(self.pawl("artifact", "get", digest).out, "precious\n")

    def test_output_replaced_by_a_folder(self):
        (self.root / "out/aside.txt").unlink()
        (self.root / "out/aside.txt").mkdir()
        self.expect()
        self.assertEqual(self.read("out/aside.txt").strip(), "aside")

    def test_output_replaced_by_a_link(self):
        (self.root / "out/aside.txt").unlink()
        (self.root / "elsewhere").write_text("aside\n")
        (self.root / "out/aside.txt").symlink_to("../elsewhere")
        self.expect()
        self.assertFalse((self.root / "out/aside.txt").is_symlink())
        self.assertEqual((self.root / "elsewhere").read_text(), "aside\n")


class Folders(PawlTest):
    def setUp(self):
        super().setUp()
        one(self, """
            run: >
              echo s >> '@RAN@'; mkdir -p ${outputs.tree}/empty ${outputs.tree}/sub; echo a > ${outputs.tree}/sub/a;
              echo b > ${outputs.tree}/b; chmod +x ${outputs.tree}/b; ln -s sub/a ${outputs.tree}/link
            outputs: {tree: out/tree/}
            """)
        self.expect("s")

    def files(self):
        tree = self.root / "out/tree"
        return sorted(str(p.relative_to(tree)) for p in tree.rglob("*"))

    def test_comes_back_whole(self):
        shutil.rmtree(self.root / "out")
        self.expect()
        self.assertEqual(self.files(), ["b", "empty", "link", "sub", "sub/a"])
        self.assertTrue(os.access(self.root / "out/tree/b", os.X_OK))
        self.assertFalse(os.access(self.root / "out/tree/sub/a", os.X_OK))
        self.assertEqual(os.readlink(self.root / "out/tree/link"), "sub/a")

    def test_stray_file_goes(self):
        self.write("out/tree/sub/stray", "x\n")
        self.expect()
        self.assertNotIn("sub/stray", self.files())

    def test_one_file_changed(self):
        self.write("out/tree/sub/a", "changed\n")
        self.expect()
        self.assertEqual(self.read("out/tree/sub/a"), "a\n")

    def test_exec_bit_comes_back(self):
        os.chmod(self.root / "out/tree/b", 0o644)
        self.expect()
        self.assertTrue(os.access(self.root / "out/tree/b", os.X_OK))

    def test_missing_empty_folder_comes_back(self):
        (self.root / "out/tree/empty").rmdir()
        self.expect()
        self.assertIn("empty", self.files())


class ManyFiles(PawlTest):
    def test_a_folder_of_ten_thousand(self):
        one(self, """
            run: "mkdir -p ${outputs.tree}; cd ${outputs.tree}; seq 1 10000 | xargs -n 500 sh -c 'for i; do echo $i > $i; done' sh"
            outputs: {tree: out/many/}
            """)
        self.pawl("run")
        shutil.rmtree(self.root / "out")
        self.assertEqual(self.run_json().states(), {"s": "restored"})
        self.assertEqual(len(os.listdir(self.root / "out/many")), 10000)
        self.assertEqual(self.read("out/many/777"), "777\n")
        self.assertIn("up to date", self.pawl("run").out)

    def test_six_thousand_inputs_in_one_command(self):
        one(self, """
            run: "cat ${inputs.parts} | wc -l > ${outputs.n}"
            inputs: {parts: "parts/**/*.txt"}
            outputs: {n: out/n.txt}
            """)
        for i in range(6000):
            path = self.root / "parts" / ("a rather long folder name to make the command long %d" % (i % 50)) / ("%d.txt" % i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("%d\n" % i)
        self.pawl("run")
        self.assertEqual(self.read("out/n.txt").strip(), "6000")


class Globs(PawlTest):
    def setUp(self):
        super().setUp()
        one(self, """
            run: "echo s >> '@RAN@'; cat ${inputs.parts} > ${outputs.o}"
            inputs: {parts: "parts/*.txt"}
            outputs: {o: out/all.txt}
            """)
        self.write("parts/a.txt", "a\n")
        self.write("parts/b.txt", "b\n")
        self.expect("s")

    def test_one_more_file(self):
        self.write("parts/c.txt", "c\n")
        self.expect("s")
        self.assertEqual(self.read("out/all.txt"), "a\nb\nc\n")

    def test_one_file_less(self):
        (self.root / "parts/b.txt").unlink()
        self.expect("s")

    def test_renamed_file(self):
        (self.root / "parts/a.txt").rename(self.root / "parts/z.txt")
        self.expect("s")
        self.assertEqual(self.read("out/all.txt"), "b\na\n")

    def test_a_file_that_does_not_match(self):
        self.write("parts/c.csv", "c\n")
        self.expect()

    def test_changed_file(self):
        self.write("parts/a.txt", "A\n")
        self.expect("s")

    def test_a_folder_as_input(self):
        one(self, """
            run: "echo s >> '@RAN@'; cat ${inputs.parts}/* > ${outputs.o}"
            inputs: {parts: parts}
            outputs: {o: out/all.txt}
            """)
        self.expect("s")
        self.write("parts/c.csv", "c\n")
        self.expect("s")
        self.expect()


class Code(PawlTest):
    def setUp(self):
        super().setUp()
        package(self)
        self.expect("first", "second")

    def test_comment(self):
        self.edit("lib/words.py", "def greet", "# a remark\ndef greet")
        self.expect()

    def test_blank_lines_and_formatting(self):
        self.edit("lib/words.py", "return 'hello ' + who + MARK", "return ('hello '\n            + who + MARK)")
        self.expect()

    def test_docstring(self):
        self.edit("lib/shout.py", "def shout(text):\n", 'def shout(text):\n    """Loud."""\n')
        self.expect()

    def test_helper(self):
        self.edit("lib/words.py", "hello", "good morning")
        outcome = self.expect("first", "second")
        self.assertEqual(outcome.reasons()["first"], "code")

    def test_helper_two_imports_away(self):
        self.edit("lib/marks.py", "'!'", "'?'")
        self.expect("first", "second")

    def test_helper_of_the_second_alone(self):
        self.edit("lib/shout.py", "upper", "title")
        self.expect("second")

    def test_module_that_nobody_imports(self):
        self.edit("lib/alone.py", "1", "2")
        self.expect()

    def test_new_module_that_nobody_imports(self):
        self.write("lib/fresh.py", "Y = 1\n")
        self.expect()

    def test_revert(self):
        self.edit("lib/shout.py", "upper", "title")
        self.expect("second")
        self.edit("lib/shout.py", "title", "upper")
        self.assertEqual(self.expect().states()["second"], "restored")

    def test_why_names_the_file(self):
        self.edit("lib/marks.py", "'!'", "'?'")
        self.assertIn("lib/marks.py", self.pawl("why", "first").out)
        reason = self.pawl("--json", "plan").json["steps"][0]["reason"]
        self.assertEqual((reason["code"], reason["file"]), ("code", "lib/marks.py"))

    def test_no_bytecode_in_the_project(self):
        self.assertEqual(list(self.root.rglob("__pycache__")), [])

    def test_syntax_error_in_a_helper_runs_and_fails(self):
        self.edit("lib/shout.py", "return text.upper()", "return text.upper(")
        outcome = self.pawl("--json", "run", status=1)
        self.assertEqual(outcome.states()["second"], "failed")
        self.edit("lib/shout.py", "return text.upper(", "return text.upper()")
        self.expect()

    def test_stale_bytecode_is_not_run(self):
        stat = os.stat(self.root / "lib/shout.py")
        self.edit("lib/shout.py", "upper", "lower")
        os.utime(self.root / "lib/shout.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.expect("second")
        self.assertEqual(self.read("out/second.txt"), "hello world!")

    def test_module_shadowed_by_a_new_package(self):
        self.write("lib/shout/__init__.py", "def shout(text):\n    return text.title()\n")
        self.expect("second")
        self.assertEqual(self.read("out/second.txt"), "Hello World!")


class NamedFiles(PawlTest):
    def setUp(self):
        super().setUp()
        one(self, """
            run: "echo s >> '@RAN@'; sh tools/count.sh > ${outputs.o}"
            outputs: {o: out.txt}
            """)
        self.write("tools/count.sh", "echo 1\n")
        self.expect("s")

    def test_named_script(self):
        self.write("tools/count.sh", "echo 2\n")
        self.assertEqual(self.expect("s").reasons()["s"], "code")

    def test_file_beside_it(self):
        self.write("tools/other.sh", "echo 2\n")
        self.expect()

    def test_code_globs(self):
        one(self, """
            run: "echo s >> '@RAN@'; cat conf/*.ini > ${outputs.o}"
            code: ["conf/*.ini"]
            outputs: {o: out.txt}
            """)
        self.write("conf/a.ini", "a\n")
        self.expect("s")
        self.write("conf/b.ini", "b\n")
        self.expect("s")
        self.write("conf/c.txt", "b\n")
        self.expect()


class Tools(PawlTest):
    def test_a_program_of_the_path(self):
        one(self, """
            run: "echo s >> '@RAN@'; mytool > ${outputs.o}"
            outputs: {o: out.txt}
            """)
        tool = self.write("bin/mytool", "#!/bin/sh\necho one\n", 0o755, root=self.top)
        env = {"PATH": "%s:%s" % (tool.parent, os.environ["PATH"])}
        self.pawl("run", env=env)
        self.assertEqual(self.ran(), ["s"])
        self.pawl("run", env=env)
        self.assertEqual(self.ran(), [])
        self.write("bin/mytool", "#!/bin/sh\necho two\n", 0o755, root=self.top)
        self.assertEqual(self.pawl("--json", "run", env=env).reasons()["s"], "tool")
        self.assertEqual(self.ran(), ["s"])

    def test_a_program_that_is_found_earlier(self):
        one(self, """
            run: "echo s >> '@RAN@'; mytool > ${outputs.o}"
            outputs: {o: out.txt}
            """)
        self.write("two/mytool", "#!/bin/sh\necho two\n", 0o755, root=self.top)
        path = "%s:%s:%s" % (self.top / "one", self.top / "two", os.environ["PATH"])
        self.pawl("run", env={"PATH": path})
        self.write("one/mytool", "#!/bin/sh\necho one\n", 0o755, root=self.top)
        self.pawl("run", env={"PATH": path})
        self.assertEqual(self.read("out.txt"), "one\n")

    def test_the_same_program_in_another_folder(self):
        one(self, """
            run: "echo s >> '@RAN@'; mytool > ${outputs.o}"
            outputs: {o: out.txt}
            """)
        for folder in "one", "two":
            self.write(folder + "/mytool", "#!/bin/sh\necho same\n", 0o755, root=self.top)
            self.pawl("run", env={"PATH": "%s:%s" % (self.top / folder, os.environ["PATH"])})
        self.assertEqual(self.ran(), ["s"])
