/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/resolver_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/toml.h"
#include "sys/file.h"
#include "sys/proc.h"

#define PACKAGES_MAX 20000
#define WHEELS_MAX 5000 /* of one package */
#define ANSWER "pylock.toml"

static bool
find(const struct resolver_question *q, struct arena *a, struct str *program)
{
	return proc_find("uv", arena_z(a, resolver_env(q, "PATH")), a, program);
}

/* uv knows certain C libraries by name only: the newest that is no newer than the target's. */
static char *
platform(const struct resolver_question *q, struct arena *a)
{
	static const struct {
		uint64_t minor;
		const char *name;
	} known[] = {
		{ 40, "manylinux_2_40" }, { 39, "manylinux_2_39" }, { 38, "manylinux_2_38" }, { 37, "manylinux_2_37" }, { 36, "manylinux_2_36" },
		{ 35, "manylinux_2_35" }, { 34, "manylinux_2_34" }, { 33, "manylinux_2_33" }, { 32, "manylinux_2_32" }, { 31, "manylinux_2_31" },
		{ 28, "manylinux_2_28" }, { 0, "manylinux_2_17" },
	};
	struct str_cut c = str_cut(q->glibc, '.');
	uint64_t minor = 0;
	size_t i = 0;

	if (str_starts(q->glibc, STR("musl")))
		return arena_z(a, arena_printf(a, STR_FMT "-unknown-linux-musl", STR_ARG(q->machine)));
	if (!str_u64(c.tail, &minor))
		minor = 17;
	if (!str_is(q->machine, "x86_64") && !str_is(q->machine, "aarch64"))
		return arena_z(a, arena_printf(a, STR_FMT "-unknown-linux-gnu", STR_ARG(q->machine)));
	while (known[i].minor > minor)
		i++;
	return arena_z(a, arena_printf(a, STR_FMT "-%s", STR_ARG(q->machine), known[i].name));
}

/* An earlier answer in the form that uv keeps versions of. */
static int
put_preferences(const struct resolver_question *q, struct arena *a, struct str *path, struct err *e)
{
	VEC(struct str) lines = { 0 };

	/* uv reads this file in any case, and an empty one is a mistake to it */
	VEC_PUSH(&lines, q->nprefer ? STR("lock-version = \"1.0\"\ncreated-by = \"pawl\"")
				    : STR("lock-version = \"1.0\"\ncreated-by = \"pawl\"\npackages = []"));
	for (size_t i = 0; i < q->nprefer; i++) {
		struct str_cut c = str_cut(q->prefer[i], '=');
		struct str version = str_drop(c.tail, 1);
		VEC_PUSH(&lines, arena_printf(a, "[[packages]]\nname = \"" STR_FMT "\"\nversion = \"" STR_FMT "\"", STR_ARG(c.head),
					      STR_ARG(version)));
	}
	int bad = resolver_lines(q, ANSWER, lines.v, lines.n, a, path, e);
	VEC_DONE(&lines);
	return bad;
}

/* Options, then requirements: uv reads them as pip does. */
static int
put_requirements(const struct resolver_question *q, struct arena *a, struct str *path, struct err *e)
{
	struct str *lines = arena_array(a, struct str, q->noptions + q->nrequirements);

	if (q->noptions)
		memcpy(lines, q->options, q->noptions * sizeof *lines);
	if (q->nrequirements)
		memcpy(lines + q->noptions, q->requirements, q->nrequirements * sizeof *lines);
	return resolver_lines(q, "requirements.in", lines, q->noptions + q->nrequirements, a, path, e);
}

static int
command(const struct resolver_question *q, bool sources, struct arena *a, struct resolver_args *argv, struct err *e)
{
	struct str program, requirements, constraints, answer;

	if (!find(q, a, &program))
		return err_set(e, ERR_WORLD, "there is no 'uv' in PATH: install it, or set 'installer: pip'");
	if (put_requirements(q, a, &requirements, e) < 0 ||
	    resolver_lines(q, "constraints.txt", q->constraints, q->nconstraints, a, &constraints, e) < 0 ||
	    put_preferences(q, a, &answer, e) < 0)
		return -1;
	const char *const fixed[] = { arena_z(a, program), "pip", "compile", "--quiet", "--color", "never", "--format", "pylock.toml",
				      "--no-python-downloads", "--python-version", arena_z(a, q->full.n ? q->full : q->python),
				      "--python-platform", platform(q, a), "--constraints", arena_z(a, constraints), "--output-file",
				      arena_z(a, answer) };
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		VEC_PUSH(argv, fixed[i]);
	if (!sources) {
		VEC_PUSH(argv, "--only-binary");
		VEC_PUSH(argv, ":all:");
	}
	for (size_t i = 0; i < q->nfrom_source; i++) {
		VEC_PUSH(argv, "--no-binary");
		VEC_PUSH(argv, arena_z(a, q->from_source[i]));
	}
	if (q->interpreter.n) {
		VEC_PUSH(argv, "--python");
		VEC_PUSH(argv, arena_z(a, q->interpreter));
	}
	if (q->pre) {
		VEC_PUSH(argv, "--prerelease");
		VEC_PUSH(argv, "allow");
	}
	if (q->no_deps)
		VEC_PUSH(argv, "--no-deps");
	if (q->offline)
		VEC_PUSH(argv, "--offline");
	VEC_PUSH(argv, arena_z(a, requirements));
	return 0;
}

/* Its sentences without its indentation, and without what it says of its own options. */
static struct str
sentences(struct str text, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (struct str_cut c = { .tail = text, .ok = true }; c.ok;) {
		c = str_cut(c.tail, '\n');
		struct str line = str_trim(c.head);
		if (str_starts(line, STR("hint: ")))
			break;
		if (line.n)
			buf_printf(&b, "%s" STR_FMT, b.n ? "\n  " : "", STR_ARG(line));
	}
	return arena_str(a, buf_str(&b));
}

static int
refused(const struct resolver_question *q, struct str said, int status, struct err *e)
{
	struct str text = str_trim(said);
	bool unsolvable = str_find(text, STR("No solution found")) != SIZE_MAX;
	bool offline = q->offline || str_find(text, STR("network was disabled")) != SIZE_MAX;
	size_t because = str_find(text, STR("cause: "));

	if (unsolvable && !offline) {
		struct arena a = { 0 };
		struct str why = sentences(because == SIZE_MAX ? text : str_drop(text, because + 7), &a);
		(void)err_set(e, ERR_INPUT, "uv: no set of versions satisfies all of them:\n  " STR_FMT "%s", STR_ARG(str_take(why, 1000)),
			      why.n > 1000 ? "..." : "");
		arena_done(&a);
		return -1;
	}
	if (str_starts(text, STR("error: ")))
		text = str_drop(text, 7);
	if (offline)
		return err_set(e, ERR_WORLD, "uv, without the network: " STR_FMT "\nrun once without --offline, or commit pawl.lock",
			       STR_ARG(str_take(text, 900)));
	return err_set(e, ERR_WORLD, "uv ended with status %d: " STR_FMT, status, STR_ARG(str_take(text, 1000)));
}

static void
read_file(const struct resolver_question *q, const struct js *w, struct arena *a, struct resolver_file *out)
{
	struct str url = js_str(js_get(w, "url")), path = js_str(js_get(w, "path")), name = js_str(js_get(w, "name"));

	if (!url.n && path.n)
		url = arena_printf(a, "file://" STR_FMT, STR_ARG(path.p[0] == '/' ? path : path_join(a, q->scratch, path)));
	out->url = resolver_url_plain(url, a);
	out->file = name.n ? arena_str(a, name) : resolver_url_file(url, a);
	out->size = js_num(js_get(w, "size")) > 0 ? (uint64_t)js_num(js_get(w, "size")) : 0;
	(void)digest_parse(js_str(js_get(js_get(w, "hashes"), "sha256")), true, &out->sha256); /* stays zero: unknown */
}

/* A file by itself is the only wheel, or what one is built from; a repository is built from. */
static void
read_source(const struct resolver_question *q, const struct js *p, struct arena *a, struct resolver_package *out)
{
	const struct js *sdist = js_get(p, "sdist"), *archive = js_get(p, "archive"), *vcs = js_get(p, "vcs");

	if (js_type(vcs) == JS_MAP) {
		out->source = (struct resolver_source){ .kind = SOURCE_GIT, .repository = resolver_url_plain(js_str(js_get(vcs, "url")), a),
							.commit = arena_str(a, js_str(js_get(vcs, "commit-id"))),
							.subdirectory = arena_str(a, js_str(js_get(vcs, "subdirectory"))) };
		return;
	}
	if (js_type(archive) != JS_MAP && js_type(sdist) != JS_MAP)
		return;
	read_file(q, js_type(archive) == JS_MAP ? archive : sdist, a, &out->source.file);
	out->source.subdirectory = arena_str(a, js_str(js_get(archive, "subdirectory")));
	if (str_ends(out->source.file.file, STR(".whl"))) {
		out->v[out->n++] = out->source.file;
		out->source = (struct resolver_source){ 0 };
	} else {
		out->source.kind = SOURCE_ARCHIVE;
	}
}

static int
read_answer(const struct resolver_question *q, struct arena *a, struct resolver_answer *out, struct err *e)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;

	if (resolver_read(q, ANSWER, &text, e) < 0 || toml_parse(buf_str(&text), "uv's " ANSWER, &doc, e) < 0)
		return -1;
	const struct js *list = js_get(doc, "packages");
	size_t n = js_len(list);
	if (n > PACKAGES_MAX)
		return err_set(e, ERR_INPUT, "uv's answer has more than %d packages", PACKAGES_MAX);
	struct resolver_answer r = { .v = arena_array(a, struct resolver_package, n), .n = n };
	for (size_t i = 0; i < n; i++) {
		const struct js *p = js_at(list, i), *wheels = js_get(p, "wheels");
		r.v[i].name = arena_str(a, js_str(js_get(p, "name")));
		r.v[i].version = arena_str(a, js_str(js_get(p, "version")));
		r.v[i].n = js_len(wheels);
		if (r.v[i].n > WHEELS_MAX)
			return err_set(e, ERR_INPUT, "uv's answer has more than %d wheels of one package", WHEELS_MAX);
		r.v[i].v = arena_array(a, struct resolver_file, r.v[i].n + 1);
		for (size_t k = 0; k < r.v[i].n; k++)
			read_file(q, js_at(wheels, k), a, &r.v[i].v[k]);
		read_source(q, p, a, &r.v[i]);
	}
	*out = r;
	return 0;
}

static int
attempt(const struct resolver_question *q, bool sources, struct arena *a, struct resolver_answer *out, bool *no_wheels, struct err *e)
{
	struct resolver_args argv = { 0 };
	AUTO_BUF o = { 0 }, err = { 0 };
	int status = 0;

	int bad = command(q, sources, a, &argv, e);
	if (!bad)
		bad = resolver_run(q, &argv, &o, &err, &status, e);
	VEC_DONE(&argv);
	if (bad)
		return bad;
	if (status == 0)
		return read_answer(q, a, out, e);
	*no_wheels = str_find(buf_str(&err), STR("uilding from source is disabled")) != SIZE_MAX ||
		     str_find(buf_str(&err), STR("uilding source distributions is disabled")) != SIZE_MAX ||
		     str_find(buf_str(&err), STR("no usable wheels")) != SIZE_MAX;
	return refused(q, buf_str(&err), status, e);
}

/* Wheels alone first: nothing of anybody runs then. Only what has none is built. */
static int
resolve(const struct resolver_question *q, struct arena *a, struct resolver_answer *out, struct err *e)
{
	const bool sources = q->sources || q->nfrom_source;
	struct err why = { 0 };
	bool no_wheels = false;

	if (attempt(q, sources, a, out, &no_wheels, &why) == 0 || (!sources && no_wheels && !q->wheels_only && attempt(q, true, a, out, &no_wheels, &why) == 0))
		return 0;
	if (e)
		*e = why;
	return -1;
}

const struct resolver resolver_uv = { .name = "uv", .find = find, .resolve = resolve };
