/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/resolver_run.h"

#include <string.h>

#include "base/js.h"
#include "sys/file.h"
#include "sys/proc.h"

#define REPORT "report.json"
#define PACKAGES_MAX 20000

static bool
find(const struct resolver_question *q, struct arena *a, struct str *program)
{
	return proc_find("python3", arena_z(a, resolver_env(q, "PATH")), a, program);
}

/* What makes pip choose for the target and not for the Python that it runs on. */
static void
target(const struct resolver_question *q, struct arena *a, struct resolver_args *argv)
{
	struct str_cut c = str_cut(q->python, '.');
	const char *const fixed[] = { "--implementation", "cp", "--python-version", arena_z(a, q->full.n ? q->full : q->python), "--abi",
				      arena_z(a, arena_printf(a, "cp" STR_FMT STR_FMT, STR_ARG(c.head), STR_ARG(c.tail))), "--abi", "abi3",
				      "--abi", "none" };

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		VEC_PUSH(argv, fixed[i]);
	for (size_t i = 0; i < q->nplatforms; i++) {
		VEC_PUSH(argv, "--platform");
		VEC_PUSH(argv, arena_z(a, q->platforms[i]));
	}
}

/* pip builds for the Python that it runs on only. */
static int
choose_kind(const struct resolver_question *q, bool sources, struct arena *a, struct resolver_args *argv, struct err *e)
{
	if (sources && !q->native)
		return err_set(e, ERR_INPUT, "pip cannot look at source distributions for another Python than its own: install uv");
	for (size_t i = 0; i < q->nfrom_source; i++) {
		VEC_PUSH(argv, "--no-binary");
		VEC_PUSH(argv, arena_z(a, q->from_source[i]));
	}
	if (sources)
		return 0;
	VEC_PUSH(argv, "--only-binary");
	VEC_PUSH(argv, ":all:");
	target(q, a, argv);
	return 0;
}

static int
begin(const struct resolver_question *q, const char *verb, bool sources, struct arena *a, struct resolver_args *argv, struct err *e)
{
	struct str program;

	if (!find(q, a, &program))
		return err_set(e, ERR_MISSING, "neither 'uv' nor 'python3' with pip is in PATH: install one of them");
	const char *const fixed[] = { arena_z(a, program), "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color", verb };
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		VEC_PUSH(argv, fixed[i]);
	return choose_kind(q, sources, a, argv, e);
}

/* pip's lines that begin with ERROR:, and the block that says who wants what. */
static struct str
explanation(struct str out, struct str err, struct arena *a)
{
	AUTO_BUF b = { 0 };
	size_t at = str_find(out, STR("The conflict is caused by:"));

	if (at != SIZE_MAX) {
		struct str block = str_drop(out, at);
		size_t end = str_find(block, STR("\n\n"));
		buf_put(&b, str_trim(end == SIZE_MAX ? block : str_take(block, end)));
	}
	for (struct str rest = err; rest.n;) {
		struct str_cut c = str_cut(rest, '\n');
		rest = c.tail;
		if (!str_starts(c.head, STR("ERROR: ")))
			continue;
		struct str line = str_drop(c.head, 7);
		if (str_find(line, STR("ResolutionImpossible")) != SIZE_MAX || str_find(line, STR("No matching distribution")) != SIZE_MAX)
			continue; /* both repeat what was said */
		buf_printf(&b, "%s" STR_FMT "%s", b.n ? "\n  " : "", STR_ARG(str_take(line, 400)), line.n > 400 ? "..." : "");
	}
	if (!b.n)
		buf_put(&b, str_trim(str_take(err, 900)));
	return arena_str(a, str_take(buf_str(&b), 1000));
}

static int
refused(const struct resolver_question *q, struct str out, struct str err, int status, struct err *e)
{
	struct arena a = { 0 };
	struct str why = explanation(out, err, &a);
	bool unsolvable = str_find(err, STR("ResolutionImpossible")) != SIZE_MAX || str_find(err, STR("No matching distribution")) != SIZE_MAX;
	bool network = str_find(err, STR("Retrying (Retry")) != SIZE_MAX || str_find(err, STR("Could not fetch URL")) != SIZE_MAX;
	int r;

	if (str_find(err, STR("No module named pip")) != SIZE_MAX)
		r = err_set(e, ERR_MISSING, "the Python in PATH has no pip, and 'uv' is not there: install one of them (Debian: apt install "
					    "python3-pip)");
	else if (str_find(err, STR("no such option")) != SIZE_MAX)
		r = err_set(e, ERR_WORLD, "this pip is too old (22.2 or newer is needed): " STR_FMT, STR_ARG(why));
	else if (q->offline)
		r = err_set(e, ERR_WORLD, "pip, without the network: " STR_FMT "\nrun once without --offline, or commit pawl.lock", STR_ARG(why));
	else if (network)
		r = err_set(e, ERR_WORLD, "pip could not reach the package index: " STR_FMT, STR_ARG(str_take(str_trim(err), 900)));
	else if (unsolvable)
		r = err_set(e, ERR_INPUT, "pip: no set of versions satisfies all of them:\n  " STR_FMT, STR_ARG(why));
	else
		r = err_set(e, ERR_WORLD, "pip ended with status %d: " STR_FMT, status, STR_ARG(why));
	arena_done(&a);
	return r;
}

/* A wheel, or what one is built from. */
static void
read_origin(const struct js *from, struct arena *a, struct resolver_package *k)
{
	const struct js *vcs = js_get(from, "vcs_info");
	struct str sub = arena_str(a, js_str(js_get(from, "subdirectory")));

	if (js_type(vcs) == JS_MAP) {
		k->n = 0;
		k->source = (struct resolver_source){ .kind = SOURCE_GIT, .repository = k->v->url, .commit = arena_str(a, js_str(js_get(vcs, "commit_id"))),
						      .subdirectory = sub };
	} else if (!str_ends(k->v->file, STR(".whl"))) {
		k->n = 0;
		k->source = (struct resolver_source){ .kind = SOURCE_ARCHIVE, .file = *k->v, .subdirectory = sub };
	}
}

static void
read_digest(const struct js *archive, struct digest *out)
{
	struct str hash = js_str(js_get(archive, "hash"));

	if (digest_parse(js_str(js_get(js_get(archive, "hashes"), "sha256")), true, out))
		return;
	if (str_starts(hash, STR("sha256=")))
		(void)digest_parse(str_drop(hash, 7), true, out); /* stays zero: unknown */
}

static int
read_report(const struct resolver_question *q, struct arena *a, struct resolver_answer *out, struct err *e)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;

	if (resolver_read(q, REPORT, &text, e) < 0 || js_parse(buf_str(&text), "pip's report", &doc, e) < 0)
		return -1;
	const struct js *list = js_get(doc, "install");
	size_t n = js_len(list);
	if (n > PACKAGES_MAX)
		return err_set(e, ERR_INPUT, "pip's report has more than %d packages", PACKAGES_MAX);
	struct resolver_answer r = { .v = arena_array(a, struct resolver_package, n), .n = n };
	for (size_t i = 0; i < n; i++) {
		const struct js *p = js_at(list, i), *meta = js_get(p, "metadata"), *from = js_get(p, "download_info");
		struct resolver_package *k = &r.v[i];
		k->name = arena_str(a, js_str(js_get(meta, "name")));
		k->version = arena_str(a, js_str(js_get(meta, "version")));
		k->v = arena_new(a, struct resolver_file);
		k->n = 1;
		k->v->url = resolver_url_plain(js_str(js_get(from, "url")), a);
		k->v->file = resolver_url_file(k->v->url, a);
		read_digest(js_get(from, "archive_info"), &k->v->sha256);
		read_origin(from, a, k);
	}
	*out = r;
	return 0;
}

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
attempt(const struct resolver_question *q, bool sources, const struct str *constraints, size_t nconstraints, struct arena *a,
	struct resolver_answer *out, struct err *e)
{
	struct resolver_args argv = { 0 };
	struct str requirements, constraint_file;
	AUTO_BUF o = { 0 }, err = { 0 };
	int status = 0;

	int bad = begin(q, "install", sources, a, &argv, e) < 0 || put_requirements(q, a, &requirements, e) < 0 ||
		  resolver_lines(q, "constraints.txt", constraints, nconstraints, a, &constraint_file, e) < 0;
	if (!bad) {
		const char *const rest[] = { "--dry-run", "--ignore-installed", "--report",
					     arena_z(a, path_join(a, q->scratch, STR(REPORT))), "--target",
					     arena_z(a, path_join(a, q->scratch, STR("target"))), "-r", arena_z(a, requirements), "-c",
					     arena_z(a, constraint_file) };
		for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
			VEC_PUSH(&argv, rest[i]);
		if (q->pre)
			VEC_PUSH(&argv, "--pre");
		if (q->no_deps)
			VEC_PUSH(&argv, "--no-deps");
		if (q->offline)
			VEC_PUSH(&argv, "--no-index");
		bad = resolver_run(q, &argv, &o, &err, &status, e);
	}
	VEC_DONE(&argv);
	if (bad)
		return -1;
	if (status != 0)
		return refused(q, buf_str(&o), buf_str(&err), status, e);
	return read_report(q, a, out, e);
}

/* pip knows no preferences: they are constraints at first, and dropped when they contradict the requirements. */
static int
prefer(const struct resolver_question *q, bool sources, struct arena *a, struct resolver_answer *out, struct err *e)
{
	if (q->nprefer) {
		size_t n = q->nconstraints + q->nprefer;
		struct str *both = arena_array(a, struct str, n);
		struct err why = { 0 };
		if (q->nconstraints)
			memcpy(both, q->constraints, q->nconstraints * sizeof *both);
		memcpy(both + q->nconstraints, q->prefer, q->nprefer * sizeof *both);
		if (attempt(q, sources, both, n, a, out, &why) == 0)
			return 0;
		if (why.code != ERR_INPUT) {
			if (e)
				*e = why;
			return -1;
		}
	}
	return attempt(q, sources, q->constraints, q->nconstraints, a, out, e);
}

/* Wheels alone first: nothing of anybody runs then. */
static int
resolve(const struct resolver_question *q, struct arena *a, struct resolver_answer *out, struct err *e)
{
	const bool sources = q->sources || q->nfrom_source;
	struct err why = { 0 };

	if (prefer(q, sources, a, out, &why) == 0 ||
	    (why.code == ERR_INPUT && !sources && !q->wheels_only && q->native && prefer(q, true, a, out, NULL) == 0))
		return 0;
	if (e)
		*e = why;
	return -1;
}

int
pip_download(const struct resolver_question *q, const struct str *lines, size_t nlines, struct str folder, struct arena *a, struct err *e)
{
	struct resolver_args argv = { 0 };
	struct str file;
	AUTO_BUF o = { 0 }, err = { 0 };
	int status = 0;

	int bad = begin(q, "download", false, a, &argv, e) < 0 || resolver_lines(q, "download.txt", lines, nlines, a, &file, e) < 0;
	if (!bad) {
		const char *const rest[] = { "--no-deps", "--require-hashes", "--dest", arena_z(a, folder), "-r", arena_z(a, file) };
		for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
			VEC_PUSH(&argv, rest[i]);
		bad = resolver_run(q, &argv, &o, &err, &status, e);
	}
	VEC_DONE(&argv);
	if (bad)
		return -1;
	return status == 0 ? 0 : refused(q, buf_str(&o), buf_str(&err), status, e);
}

const struct resolver resolver_pip = { .name = "pip", .find = find, .resolve = resolve };
