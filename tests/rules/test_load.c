/* SPDX-License-Identifier: Apache-2.0
 *
 * Correct pipeline files: what each means, as a part of the canonical JSON.
 */
#include "rules/template.h"
#include "tests/rules/project.h"

#define HEAD "version: 1\npipeline: x\n"
#define STEPS HEAD "steps:\n"
#define ENVS HEAD "steps: {}\nenvironments:\n"

struct row {
	const char *text, *section, *name, *json; /* name NULL: the whole section */
};

static const struct row rows[] = {
	{ STEPS "  a: {run: echo}\n", "steps", "a", "{\"isolation\":\"none\",\"run\":\"echo\"}" },
	{ STEPS "  a: {run: [sleep, 5, 1.50, true, \"\"]}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"run\":[\"sleep\",\"5\",\"1.50\",\"true\",\"\"]}" },
	{ STEPS "  a: {run: \"$HOME $${x} $$ $1\"}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"run\":\"$HOME $${x} $$ $1\"}" },
	{ STEPS "  a: {run: e, inputs: {t: ./data.csv, f: folder/, g: \"folder/*.txt\"}}\n", "steps", "a",
	  "{\"inputs\":{\"f\":{\"path\":\"folder\"},\"g\":{\"glob\":\"folder/"
	  "*.txt\"},\"t\":{\"path\":\"data.csv\"}},\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS "  data: {run: e, outputs: {csv: o}}\n  a: {run: e, inputs: {x: data.csv, y: ./data.csv}}\n",
	  "steps", "a",
	  "{\"inputs\":{\"x\":{\"output\":\"csv\",\"step\":\"data\"},\"y\":{\"path\":\"data.csv\"}},"
	  "\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, inputs: {u: {uri: \"s3://b/k\", digest: "
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}}}\n",
	  "steps", "a",
	  "{\"inputs\":{\"u\":{\"digest\":\"sha256:"
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"uri\":\"s3://b/k\"}},"
	  "\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, outputs: {f: ./out//tree/, p: out/../p.txt}}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"outputs\":{\"f\":{\"folder\":true,\"path\":\"out/"
	  "tree\"},\"p\":{\"path\":\"p.txt\"}},\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, outputs: [m, k]}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"outputs\":{\"k\":{},\"m\":{}},\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, params: [q, p, q]}\nparams: {p: 1, q: 2}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"params\":[\"p\",\"q\"],\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, env: {A: yes, P: 8080, N: no, V: 3.10}, pass_env: HOME, secrets: [KEY]}\n",
	  "steps", "a",
	  "{\"env\":{\"A\":\"yes\",\"N\":\"no\",\"P\":\"8080\",\"V\":\"3.10\"},\"isolation\":\"none\",\"pass_"
	  "env\":[\"HOME\"],\"run\":\"e\",\"secrets\":[\"KEY\"]}" },
	{ STEPS "  a: {run: e, timeout: 1h30m, retry: {max: 2, delay: 1.5s, backoff: 2, on: [3, 1, 3]}}\n",
	  "steps", "a",
	  "{\"isolation\":\"none\",\"retry\":{\"backoff\":2,\"delay_ms\":1500,\"max\":2,\"on\":[1,3]},"
	  "\"run\":"
	  "\"e\",\"timeout_ms\":5400000}" },
	{ STEPS "  a: {run: e, retry: 3, cache: false}\n", "steps", "a",
	  "{\"cache\":{\"on\":false},\"isolation\":\"none\",\"retry\":{\"max\":3},\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, cache: true, retry: {}}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS
	  "  a: {run: e, params: [v], cache: {expires: 7d, salt: 1.0, ignore: [params.v]}}\nparams: {v: 1}\n",
	  "steps", "a",
	  "{\"cache\":{\"expires_ms\":604800000,\"ignore\":[\"params.v\"],\"salt\":\"1.0\"},\"isolation\":"
	  "\"none\",\"params\":[\"v\"],\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, resources: {cpus: 0.5, memory: 4GiB, gpus: 1, licence: 2}}\n", "steps", "a",
	  "{\"isolation\":\"none\",\"resources\":{\"cpus\":500,\"gpus\":1000,\"licence\":2000,\"memory\":"
	  "4294967296},\"run\":\"e\"}" },
	{ STEPS
	  "  a: {run: e, when: \" ${params.d} \", after: b}\n  b: {run: e, when: false}\nparams: {d: true}\n",
	  "steps", "a", "{\"after\":[\"b\"],\"isolation\":\"none\",\"run\":\"e\",\"when\":\"${params.d}\"}" },
	{ STEPS "  a: {run: \"echo ${item.x}\", foreach: {x: [1, b, 0.5]}}\n", "steps", "a",
	  "{\"foreach\":{\"x\":{\"list\":[1,\"b\",0.5]}},\"isolation\":\"none\",\"run\":\"echo "
	  "${item.x}\"}" },
	{ STEPS "  a: {run: e, foreach: {x: \"${params.l}\", y: {range: [0, 3]}, z: {lines: "
		"folder/lines.txt}}}\nparams: {l: [1, 2]}\n",
	  "steps", "a",
	  "{\"foreach\":{\"x\":{\"list\":[1,2]},\"y\":{\"range\":[0,3]},\"z\":{\"lines\":\"folder/"
	  "lines.txt\"}},\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, foreach: {x: b.o}}\n  b: {run: e, outputs: [o]}\n", "steps", "a",
	  "{\"foreach\":{\"x\":{\"output\":\"o\",\"step\":\"b\"}},\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS
	  "  a: {run: \"cat ${inputs.i}\", foreach: {x: [a, b]}, inputs: {i: \"folder/${item.x}.txt\"}, "
	  "outputs: {o: \"o/${item.x}\"}}\n",
	  "steps", "a",
	  "{\"foreach\":{\"x\":{\"list\":[\"a\",\"b\"]}},\"inputs\":{\"i\":{\"items\":true,\"path\":\"folder/"
	  "${item.x}.txt\"}},\"isolation\":\"none\","
	  "\"outputs\":{\"o\":{\"path\":\"o/${item.x}\"}},\"run\":\"cat ${inputs.i}\"}" },
	/* isolation by the environment */
	{ STEPS "  a: {run: e, environment: p}\nenvironments: {p: {parent: scratch, python: {requirements: "
		"[six]}}}\n",
	  "steps", "a", "{\"environment\":\"p\",\"isolation\":\"venv\",\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, environment: p, isolation: none}\nenvironments: {p: {parent: scratch, python: "
		"{requirements: [six]}}}\n",
	  "steps", "a", "{\"environment\":\"p\",\"isolation\":\"none\",\"run\":\"e\"}" },
	{ STEPS "  a: {run: e, environment: p}\nenvironments: {p: {parent: scratch}}\n", "steps", "a",
	  "{\"environment\":\"p\",\"isolation\":\"none\",\"run\":\"e\"}" },
	/* environments */
	{ ENVS "  e: {parent: {bootstrap: debian, suite: bookworm, packages: [python3, dash]}}\n",
	  "environments", "e",
	  "{\"parent\":{\"bootstrap\":\"debian\",\"packages\":[\"dash\",\"python3\"],\"suite\":\"bookworm\"}"
	  "}" },
	{ ENVS "  e: {parent: \"oci:folder:tag\"}\n", "environments", "e",
	  "{\"parent\":{\"oci\":\"folder:tag\"}}" },
	{ ENVS "  e: {parent: \"docker-archive:data.csv\"}\n", "environments", "e",
	  "{\"parent\":{\"docker_archive\":\"data.csv\"}}" },
	{ ENVS "  e: {dockerfile: ./data.csv}\n", "environments", "e",
	  "{\"context\":\".\",\"dockerfile\":\"data.csv\"}" },
	{ ENVS "  e: {parent: debian, apt: [b, a, b], include: [folder/, data.csv], user: 1000, workdir: "
	       "/app, entrypoint: [sh, -c], platform: "
	       "linux/amd64, labels: {a.b/c: 1}}\n",
	  "environments", "e",
	  "{\"apt\":[\"a\",\"b\"],\"entrypoint\":[\"sh\",\"-c\"],\"include\":[\"data.csv\",\"folder\"],"
	  "\"labels\":{\"a.b/c\":\"1\"},"
	  "\"parent\":{\"registry\":\"debian\"},\"platform\":\"linux/amd64\",\"user\":\"1000\",\"workdir\":\"/"
	  "app\"}" },
	{ ENVS "  e: {parent: scratch, python: {requirements: [six, \"Idna ==3\"], installer: uv, groups: "
	       "dev, index: [inner], layers: {each: 8, buckets: 9}}}\n",
	  "environments", "e",
	  "{\"parent\":{\"scratch\":true},\"python\":{\"groups\":[\"dev\"],\"index\":[\"inner\"],"
	  "\"installer\":\"uv\",\"layers\":\"{\\\"buckets\\\":9,\\\"each\\\":8}\","
	  "\"requirements\":[\"six\",\"Idna ==3\"]}}" },
	{ ENVS "  base: {parent: python:3.11, apt: [a], env: {A: 1, B: 1}, python: {requirements: [six], "
	       "installer: uv}}\n"
	       "  e: {extends: mid, python: {installer: pip}}\n"
	       "  mid: {extends: base, apt: [b], env: {B: 2, C: 3}}\n",
	  "environments", "e",
	  "{\"apt\":[\"b\"],\"env\":{\"A\":\"1\",\"B\":\"2\",\"C\":\"3\"},\"parent\":{\"registry\":\"python:"
	  "3."
	  "11\"},"
	  "\"python\":{\"installer\":\"pip\",\"requirements\":[\"six\"]}}" },
	{ ENVS "  base: {parent: scratch, key: abi, attest: sbom}\n  e: {extends: base, compression: zstd, attest: [sbom, provenance]}\n",
	  "environments", "e",
	  "{\"attest\":[\"provenance\",\"sbom\"],\"compression\":\"zstd\",\"key\":\"abi\",\"parent\":{\"scratch\":true}}" },
	{ ENVS "  e: {parent: scratch, key: digest, compression: gzip, attest: []}\n", "environments", "e", "{\"parent\":{\"scratch\":true}}" },
	{ ENVS "  base: {parent: scratch, python: {requirements: [six]}, env: {A: 1}}\n  e: {extends: base, "
	       "python: null}\n",
	  "environments", "e", "{\"env\":{\"A\":\"1\"},\"parent\":{\"scratch\":true}}" },
	/* stacks */
	{ HEAD "steps: {}\n", "stacks", NULL, "{}" },
	{ HEAD "steps: {}\nstacks: {c: {orchestrator: {kind: slurm, partition: p}, pools: {gpus: 4}}}\n",
	  "stacks", "c",
	  "{\"orchestrator\":{\"kind\":\"slurm\",\"partition\":\"p\"},\"pools\":{\"gpus\":4}}" },
	/* params */
	{ HEAD "steps: {}\nparams: {a: 1.0, b: [x, {c: null}], d: \"1.0\", e: true}\n", "params", NULL,
	  "{\"a\":1,\"b\":[\"x\",{\"c\":null}],\"d\":\"1.0\",\"e\":true}" },
	/* included files: see make_files */
	{ HEAD "include: [parts/*.yaml]\nparams: {rate: 5}\nsteps: {main: {run: e, after: [part]}}\n",
	  "steps", NULL,
	  "{\"deep\":{\"isolation\":\"none\",\"run\":\"deep\"},\"main\":{\"after\":[\"part\"],\"isolation\":"
	  "\"none\",\"run\":\"e\"},"
	  "\"part\":{\"isolation\":\"none\",\"run\":\"part\"}}" },
	{ HEAD "include: parts/a.yaml\nparams: {rate: 5}\nsteps:\n", "params", NULL,
	  "{\"more\":2,\"rate\":5}" },
	/* empty parts are as good as absent ones */
	{ HEAD
	  "params:\nenvironments:\nsteps:\n  a:\n    run: e\n    inputs:\n    outputs:\n    after: []\n  "
	  "  env: {}\n",
	  "steps", "a", "{\"isolation\":\"none\",\"run\":\"e\"}" },
	/* merge keys and anchors */
	{ STEPS "  a: &d {run: e, timeout: 5s}\n  b: {<<: *d, run: f}\n", "steps", "b",
	  "{\"isolation\":\"none\",\"run\":\"f\",\"timeout_ms\":5000}" },
};

static void
make_files(const struct scratch *s)
{
	scratch_write(s, "data.csv", "1\n");
	scratch_write(s, "folder/a.txt", "1\n");
	scratch_write(s, "folder/b.txt", "1\n");
	scratch_write(s, "folder/lines.txt", "one\n\n two \n");
	scratch_write(s, "parts/a.yaml",
		      "params: {rate: 1, more: 2}\nsteps: {part: {run: part}}\ninclude: [parts/deep/b.yaml, "
		      "pawl.yaml, parts/a.yaml]\n");
	scratch_write(s, "parts/deep/b.yaml", "version: 1\nsteps: {deep: {run: deep}}\n");
}

static void
every_part_means_what_the_reference_says(void **state)
{
	make_files(*state);
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_LOADED l;
		AUTO_BUF json = { 0 };
		AUTO_BUF part = { 0 };
		AUTO_JS doc = NULL;

		ROW(i, rows[i].text);
		load_text(*state, str_z(rows[i].text), NULL, 0, &l);
		if (l.rc < 0)
			print_message("row %zu:\n%s\n", i, rows[i].text);
		assert_loads(&l);
		ir_write(&l.ir, &json);
		assert_ok(js_parse(buf_str(&json), "it", &doc, &l.e), &l.e);
		const struct js *section = js_get(doc, rows[i].section);

		js_write(rows[i].name ? js_get(section, rows[i].name) : section, &part);
		assert_str(buf_str(&part), rows[i].json);
	}
}

/* The JSON of every row, read back, gives the same bytes. */
static void
the_ir_is_read_back(void **state)
{
	make_files(*state);
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_LOADED l;
		AUTO_BUF first = { 0 };
		AUTO_BUF second = { 0 };
		struct ir ir;

		load_text(*state, str_z(rows[i].text), NULL, 0, &l);
		assert_loads(&l);
		ir_write(&l.ir, &first);
		assert_ok(ir_read(buf_str(&first), &l.arena, &ir, &l.e), &l.e);
		ir_write(&ir, &second);
		assert_str(buf_str(&second), buf_z(&first));
		assert_int_equal(ir.nstacks, l.ir.nstacks);
	}
}

static void
order_comments_and_spelling_do_not_count(void **state)
{
	static const char *const texts[] = {
		"version: 1\npipeline: p\nparams: {a: 1, b: two}\nsteps:\n  x: {run: 'e ${params.a}', "
		"params: [a, b], inputs: {i: data.csv, j: y.o}}\n"
		"  y: {run: e, outputs: {o: out/y}, env: {A: b, C: d}}\nenvironments: {e: {parent: debian, "
		"apt: [b, a]}}\n",
		"# a comment\nenvironments:\n  e:\n    apt:\n    - a   # another\n    - b\n    parent: "
		"'debian'\n"
		"steps:\n  y:\n    env: {C: d, \"A\": b}\n    outputs: {o: ./out//y}\n    run: \"e\"\n"
		"  x:\n    inputs:\n      j: y.o\n      i: ./data.csv\n    params: [b, a, a]\n    run: >-\n  "
		"    e\n      ${params.a}\n"
		"params:\n  b: \"two\"\n  a: 0x1\npipeline: p\nversion: 1\n",
	};
	AUTO_BUF first = { 0 };

	make_files(*state);
	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO_LOADED l;
		AUTO_BUF b = { 0 };

		load_text(*state, str_z(texts[i]), NULL, 0, &l);
		assert_loads(&l);
		ir_write(&l.ir, &b);
		if (i == 0)
			buf_put(&first, buf_str(&b));
		assert_str(buf_str(&b), buf_z(&first));
	}
}

static void
parameters_come_from_file_then_files_then_options(void **state)
{
	static const struct {
		const char *name, *value, *json, *text;
	} options[] = {
		{ "lr", "0.5", "0.5", "0.5" },
		{ "lr", "1e-3", "0.001", "0.001" },
		{ "lr", "[1, 2]", "[1,2]", "[1,2]" },
		{ "lr", "abc", "\"abc\"", "abc" },
		{ "lr", "\"5\"", "\"5\"", "5" },
		{ "lr", "", "null", "null" },
		{ "word", "5", "\"5\"", "5" },
		{ "word", "true", "\"true\"", "true" },
		{ "word", "a: b", "\"a: b\"", "a: b" },
		{ "word", "", "\"\"", "" },
		{ "word", "it's ${x} \"q\"", "\"it's ${x} \\\"q\\\"\"", "it's ${x} \"q\"" },
		{ "flag", "false", "false", "false" },
	};
	const struct scratch *s = *state;
	static const char text[] = HEAD "steps: {}\nparams: {lr: 0.1, word: w, flag: true, other: 1}\n";

	for (size_t i = 0; i < COUNT(options); i++) {
		const struct ir_pair p = { str_z(options[i].name), str_z(options[i].value) };
		AUTO_LOADED l;
		AUTO_BUF b = { 0 };

		ROW(i, options[i].value);
		load_text(s, str_z(text), &p, 1, &l);
		assert_loads(&l);
		const struct ir_param *got = ir_param(&l.ir, p.name);

		js_write(got->value, &b);
		assert_str(buf_str(&b), options[i].json);
		assert_str(got->text, options[i].text);
	}
	scratch_write(s, "p1.yaml", "lr: 2\nword: 3\nother: 7\n");
	scratch_write(s, "p2.yaml", "lr: 4\n");
	const struct str files[] = { STR_INIT("p1.yaml"), STR_INIT("p2.yaml") };
	const struct ir_pair p[] = { { STR_INIT("flag"), STR_INIT("1") },
				     { STR_INIT("flag"), STR_INIT("2") } };
	const struct load_opts o = { s->fd, STR("pawl.yaml"), p, 2, files, 2, { 0 }, NULL };
	AUTO_LOADED l = { 0 };

	l.rc = load(&o, &l.arena, &l.diags, &l.ir, &l.e);
	assert_loads(&l);
	assert_str(ir_param(&l.ir, STR("lr"))->text, "4");
	assert_str(ir_param(&l.ir, STR("word"))->text, "3");
	assert_true(ir_param(&l.ir, STR("word"))->is_text);
	assert_str(ir_param(&l.ir, STR("other"))->text, "7");
	assert_str(ir_param(&l.ir, STR("flag"))->text, "2");
	assert_int_equal(l.ir.files.n, 3);
}

static void
unknown_parameters_are_mistakes(void **state)
{
	const struct scratch *s = *state;
	const struct ir_pair p[] = { { STR_INIT("lrr"), STR_INIT("1") }, { STR_INIT("lr"), STR_INIT("[1") } };
	const struct str files[] = { STR_INIT("p.yaml"), STR_INIT("gone.yaml") };
	const struct load_opts o = { s->fd, STR("pawl.yaml"), p, 2, files, 2, { 0 }, NULL };
	AUTO_LOADED l = { 0 };

	scratch_write(s, "pawl.yaml", HEAD "steps: {}\nparams: {lr: 1}\n");
	scratch_write(s, "p.yaml", "lr: 1\nnew: 2\n");
	l.rc = load(&o, &l.arena, &l.diags, &l.ir, &l.e);
	assert_fails(l.rc, &l.e, ERR_INPUT);
	assert_int_equal(l.diags.nerrors, 4);
	const char *const codes[] = { "unknown-param", "syntax", "missing-file",
				      "unknown-param" }; /* by file name */
	const char *const names[] = { "", "", "gone.yaml", "p.yaml" };

	for (size_t i = 0; i < 4; i++) {
		assert_str(l.diags.v[i].code, codes[i]);
		assert_str(l.diags.v[i].at.file, names[i]);
	}
	assert_str(l.diags.v[0].hint, "did you mean 'lr'?");
	assert_int_equal(l.diags.v[3].at.line, 2);
}

static void
mistakes_name_the_included_file(void **state)
{
	const struct scratch *s = *state;
	AUTO_LOADED l;

	scratch_write(s, "one.yaml", "steps: {a: {run: e}, b: {rnu: e}}\npipeline: q\n");
	scratch_write(s, "two.yaml", "steps: {a: {run: f}}\n");
	load_text(s, STR(HEAD "include: [one.yaml, two.yaml]\nsteps: {}\n"), NULL, 0, &l);
	assert_int_equal(l.rc, -1);
	assert_int_equal(l.diags.n, 3);
	assert_str(l.diags.v[0].at.file, "one.yaml");
	assert_str(l.diags.v[0].code, "unknown-key");
	assert_int_equal(l.diags.v[1].at.line, 2);
	assert_str(l.diags.v[1].code, "unknown-key");
	assert_str(l.diags.v[2].at.file, "two.yaml");
	assert_str(l.diags.v[2].code, "duplicate-name");
	assert_str(l.diags.v[2].message, "the step 'a' is there twice; the first is in one.yaml:1");
}

static void
the_stack_is_the_one_that_is_meant(void **state)
{
	static const struct {
		const char *stacks, *asked, *name, *orchestrator;
	} cases[] = {
		{ "{}", "", "local", "local" },
		{ "{c: {orchestrator: slurm}}", "", "c", "slurm" },
		{ "{c: {orchestrator: slurm}}", "local", "local", "local" },
		{ "{c: {orchestrator: slurm}, z: {}}", "", "local", "local" },
		{ "{c: {}, local: {orchestrator: docker}}", "", "local", "docker" },
		{ "{c: {}}", "d", NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF b = { 0 };
		AUTO_LOADED l;

		ROW(i, cases[i].stacks);
		buf_printf(&b, HEAD "steps: {}\nstacks: %s\n", cases[i].stacks);
		load_text(*state, buf_str(&b), NULL, 0, &l);
		assert_loads(&l);
		const struct ir_stack *got = ir_stack(&l.ir, str_z(cases[i].asked));

		if (!cases[i].name) {
			assert_null(got);
			continue;
		}
		assert_str(got->name, cases[i].name);
		assert_str(got->orchestrator, cases[i].orchestrator);
	}
}

static void
hostile_irs_are_refused(void **state)
{
	static const struct {
		const char *json, *word;
	} cases[] = {
		{ "", "the IR" },
		{ "[]", "must be a map" },
		{ "{}", "'schema'" },
		{ "{\"schema\":2,\"pipeline\":\"x\"}", "'schema'" },
		{ "{\"schema\":1,\"pipeline\":\"a/b\"}", "'pipeline'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"more\":1}", "'more'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":[]}", "'steps'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":5}}", "step 'a'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a/"
		  "b\":{\"run\":\"e\",\"isolation\":\"none\"}}}",
		  "letters" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":[],\"isolation\":\"none\"}}}",
		  "'run'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\"}}}", "'isolation'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"${x}\",\"isolation\":"
		  "\"none\"}"
		  "}}",
		  "substitution" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"timeout_ms\":-1}}}",
		  "timeout_ms" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"timeout_ms\":9e99}}}",
		  "timeout_ms" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"inputs\":{\"i\":{\"path\":\"../x\"}}}}}",
		  "inside" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"outputs\":{\"i\":{\"path\":\"/x\"}}}}}",
		  "inside" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"inputs\":{\"i\":{}}}}}",
		  "of one kind" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"after\":[\"b\"]}}}",
		  "no step" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"after\":[\"a\"]}}}",
		  "cycle" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\\u0000\",\"isolation\":"
		  "\"none\"}}}",
		  "text" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"retry\":{\"on\":[2,1]}}}}",
		  "'on'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"steps\":{\"a\":{\"run\":\"e\",\"isolation\":\"none\","
		  "\"foreach\":{\"x\":{\"range\":[0,9223372036854775807]}}}}}",
		  "1000000" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"environments\":{\"e\":{}}}", "'parent'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"environments\":{\"e\":{\"parent\":{\"registry\":\"a\","
		  "\"oci\":\"b\"}}}}",
		  "one kind" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"stacks\":{\"s\":{\"pools\":{\"cpus\":\"x\"}}}}",
		  "'pools'" },
		{ "{\"schema\":1,\"pipeline\":\"x\",\"pipeline\":\"y\"}", "duplicate" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = { 0 };
		struct ir ir;
		struct err e = { 0 };

		ROW(i, cases[i].json);
		assert_fails(ir_read(str_z(cases[i].json), &a, &ir, &e), &e, ERR_INPUT);
		if (!strstr(e.text, cases[i].word))
			print_message("row %zu: %s\n%s\n", i, cases[i].json, e.text);
		assert_non_null(strstr(e.text, cases[i].word));
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(every_part_means_what_the_reference_says),
		SCRATCH_TEST(the_ir_is_read_back),
		SCRATCH_TEST(order_comments_and_spelling_do_not_count),
		SCRATCH_TEST(parameters_come_from_file_then_files_then_options),
		SCRATCH_TEST(unknown_parameters_are_mistakes),
		SCRATCH_TEST(mistakes_name_the_included_file),
		SCRATCH_TEST(the_stack_is_the_one_that_is_meant),
		cmocka_unit_test(hostile_irs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
