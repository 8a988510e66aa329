/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "rules/reqline.h"
#include "sys/file.h"

struct reading {
	const struct reqfile_reader *reader;
	struct arena *a;
	struct diags *d;
	struct err *e;
	VEC(struct reqfile_source) queue;
	VEC(struct requirement) found, constraints;
	VEC(struct str) files;
	bool pre;
	size_t nmistakes; /* of d, when it began */
	bool too_many;
};

static void
mistake(struct reading *r, struct place at, const char *code, const char *hint, struct str message)
{
	diags_add(r->d, SEVERITY_ERROR, at, code, str_z(hint), STR_FMT, STR_ARG(message));
}

/* ---- requirements ---- */

static int
cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool
looks_like_path(struct str t)
{
	struct str head = str_cut(t, ';').head;

	return str_starts(t, STR(".")) || str_starts(t, STR("/")) || str_starts(t, STR("~")) ||
	       (str_find_char(head, '/') != SIZE_MAX && str_find_char(head, '@') == SIZE_MAX) || str_ends(head, STR(".whl")) ||
	       str_ends(head, STR(".tar.gz")) || str_ends(head, STR(".zip"));
}

static const char *
unsupported(struct str t)
{
	struct str head = str_cut(t, ';').head;

	if (str_find(head, STR("://")) != SIZE_MAX)
		return "requirements by URL or from version control are not supported yet";
	if (looks_like_path(t))
		return "requirements by path are not supported yet: name the package and its version";
	return NULL;
}

static bool
add_hashes(struct reading *r, const struct reqline *l, struct requirement *q)
{
	if (!l->nhashes)
		return true;
	q->hashes = arena_array(r->a, struct str, l->nhashes);
	for (size_t i = 0; i < l->nhashes; i++) {
		struct digest digest;
		struct str h = l->hashes[i].value;
		struct str_cut c = str_cut(h, ':');
		if (!str_is(c.head, "sha256") || !digest_parse(c.tail, true, &digest)) {
			mistake(r, reqline_place(l, l->hashes[i].at, h.n), "requirement-hash", "expected --hash=sha256: and 64 hex digits",
				arena_printf(r->a, "'" STR_FMT "' is not a hash that can be checked", STR_ARG(str_take(h, 100))));
			return false;
		}
		q->hashes[q->nhashes++] = arena_str(r->a, c.tail);
	}
	qsort(q->hashes, q->nhashes, sizeof *q->hashes, cmp_str);
	return true;
}

static void
add_requirement(struct reading *r, const struct reqline *l, bool constraint)
{
	struct requirement q = { .at = reqline_place(l, 0, l->requirement.n) };
	struct err why = { 0 };
	size_t at;
	const char *no = unsupported(l->requirement);

	if (no) {
		mistake(r, q.at, "requirement-unsupported", "", str_z(no));
		return;
	}
	if (pep508_parse(l->requirement, r->a, &q.r, &at, &why) < 0) {
		mistake(r, reqline_place(l, at, 1), "requirement-syntax", "", str_z(why.text));
		return;
	}
	if (q.r.url.n) {
		mistake(r, q.at, "requirement-unsupported", "", STR("requirements by URL or from version control are not supported yet"));
		return;
	}
	if (constraint && q.r.nextras) {
		mistake(r, q.at, "requirement-syntax", "", STR("a constraint has no extras"));
		return;
	}
	if (!add_hashes(r, l, &q))
		return;
	AUTO_BUF text = { 0 };
	buf_put(&text, pep508_text(&q.r, true, r->a));
	for (size_t i = 0; i < q.nhashes; i++)
		buf_printf(&text, " --hash=sha256:" STR_FMT, STR_ARG(q.hashes[i]));
	q.text = arena_str(r->a, buf_str(&text));
	if (r->found.n + r->constraints.n >= REQUIREMENTS_MAX)
		r->too_many = true;
	else if (constraint)
		VEC_PUSH(&r->constraints, q);
	else
		VEC_PUSH(&r->found, q);
}

/* ---- options ---- */

enum option_kind { OPTION_FILE, OPTION_CONSTRAINT, OPTION_PRE, OPTION_FINE, OPTION_EDITABLE, OPTION_INDEX, OPTION_NO };

static const struct {
	const char *name;
	enum option_kind kind;
	bool value;
} options[] = {
	{ "-r", OPTION_FILE, true },             { "--requirement", OPTION_FILE, true },
	{ "-c", OPTION_CONSTRAINT, true },       { "--constraint", OPTION_CONSTRAINT, true },
	{ "--pre", OPTION_PRE, false },          { "--prefer-binary", OPTION_FINE, false },
	{ "--only-binary", OPTION_FINE, true },  { "--require-hashes", OPTION_FINE, false },
	{ "-e", OPTION_EDITABLE, true },         { "--editable", OPTION_EDITABLE, true },
	{ "-i", OPTION_INDEX, true },            { "--index-url", OPTION_INDEX, true },
	{ "--pypi-url", OPTION_INDEX, true },    { "--extra-index-url", OPTION_INDEX, true },
	{ "--no-index", OPTION_INDEX, false },   { "-f", OPTION_INDEX, true },
	{ "--find-links", OPTION_INDEX, true },  { "--trusted-host", OPTION_INDEX, true },
	{ "--no-binary", OPTION_NO, true },      { "--use-feature", OPTION_NO, true },
	{ "--config-settings", OPTION_NO, true }, { "--global-option", OPTION_NO, true },
};
#define NOPTIONS (sizeof options / sizeof *options)

static const char *
option_help(enum option_kind k)
{
	switch (k) {
	case OPTION_EDITABLE:
		return "editable packages are not supported yet; code of the project is found without them";
	case OPTION_INDEX:
		return "an index belongs in your pip or uv configuration, which is used as it is; here it is not supported yet";
	case OPTION_FILE:
	case OPTION_CONSTRAINT:
	case OPTION_PRE:
	case OPTION_FINE:
	case OPTION_NO:
		break;
	}
	return "not supported yet";
}

static void
add_file(struct reading *r, const struct reqline *l, bool constraint)
{
	struct str from = l->file;
	struct str path = l->value;

	if (str_find(path, STR("://")) != SIZE_MAX) {
		mistake(r, reqline_place(l, l->value_at, path.n), "requirement-unsupported", "",
			STR("requirements files by URL are not supported yet"));
		return;
	}
	if (path.p[0] != '/' && from.n)
		path = path_join(r->a, path_dir(from), path);
	struct reqfile_source s = { .path = path_clean(r->a, path), .constraint = constraint,
				    .at = reqline_place(l, l->value_at, l->value.n) };
	VEC_PUSH(&r->queue, s);
}

static void
add_option(struct reading *r, const struct reqline *l)
{
	struct str names[NOPTIONS];

	for (size_t i = 0; i < NOPTIONS; i++) {
		names[i] = str_z(options[i].name);
		if (!str_eq(l->option, names[i]))
			continue;
		if (options[i].value && !l->value.n) {
			mistake(r, reqline_place(l, 0, l->option.n), "requirement-option", "",
				arena_printf(r->a, "'%s' needs a value", options[i].name));
			return;
		}
		switch (options[i].kind) {
		case OPTION_FILE:
		case OPTION_CONSTRAINT:
			add_file(r, l, options[i].kind == OPTION_CONSTRAINT);
			return;
		case OPTION_PRE:
			r->pre = true;
			return;
		case OPTION_FINE:
			return; /* wheels alone are used in any case, and hashes are always checked */
		case OPTION_EDITABLE:
		case OPTION_INDEX:
		case OPTION_NO:
			mistake(r, reqline_place(l, 0, l->option.n), "requirement-option", "",
				arena_printf(r->a, "option '%s': %s", options[i].name, option_help(options[i].kind)));
			return;
		}
	}
	mistake(r, reqline_place(l, 0, l->option.n), "requirement-option", "",
		arena_printf(r->a, "unknown option '" STR_FMT "'", STR_ARG(str_take(l->option, 60))));
}

/* ---- files ---- */

static void
read_line(struct reading *r, const struct reqline *l, bool constraint)
{
	if (l->wrong) {
		mistake(r, reqline_place(l, l->wrong_at, 1), l->wrong_code, "", str_z(l->wrong));
		return;
	}
	if (l->option.n)
		add_option(r, l);
	else
		add_requirement(r, l, constraint);
}

static int
read_text(struct reading *r, struct str file, struct str text, bool constraint)
{
	const char *wrong = NULL;

	if (str_starts(text, STR("\xff\xfe")) || str_starts(text, STR("\xfe\xff")))
		wrong = "it is UTF-16; save it as UTF-8";
	else if (str_find_char(text, 0) != SIZE_MAX)
		wrong = "it has a NUL byte";
	else if (!str_utf8(text))
		wrong = "it is not UTF-8";
	if (wrong) {
		mistake(r, (struct place){ .file = file }, "requirements-file", "", str_z(wrong));
		return 0;
	}
	struct reqlines lines = { 0 };
	struct reqline l;
	reqlines_init(&lines, file, text, r->a);
	while (reqlines_next(&lines, &l))
		read_line(r, &l, constraint);
	return 0;
}

static int
read_source(struct reading *r, const struct reqfile_source *s)
{
	AUTO_BUF text = { 0 };
	struct err why = { 0 };

	if (!s->path.n) {
		struct reqlines lines = { 0 };
		struct reqline l;
		reqlines_init(&lines, (struct str){ 0 }, s->text, r->a);
		lines.fixed = s->at;
		while (reqlines_next(&lines, &l))
			read_line(r, &l, s->constraint);
		return 0;
	}
	if (r->reader->read(r->reader->ctx, s->path, &text, &why) < 0) {
		if (why.code != ERR_MISSING && why.code != ERR_INPUT && why.code != ERR_DENIED) {
			*r->e = why;
			return -1;
		}
		mistake(r, s->at, "requirements-file", "",
			why.code == ERR_MISSING ? arena_printf(r->a, "the file '" STR_FMT "' does not exist", STR_ARG(s->path)) :
						  arena_str(r->a, str_z(why.text)));
		return 0;
	}
	struct str kept = arena_str(r->a, buf_str(&text));
	diags_source(r->d, s->path, kept);
	VEC_PUSH(&r->files, s->path);
	return read_text(r, s->path, kept, s->constraint);
}

static int
read_queue(struct reading *r)
{
	struct map seen = { 0 };
	int bad = 0;

	for (size_t i = 0; !bad && i < r->queue.n; i++) {
		struct reqfile_source s = r->queue.v[i];
		if (s.path.n) {
			struct str key = arena_printf(r->a, "%c" STR_FMT, s.constraint ? 'c' : 'r', STR_ARG(s.path));
			if (map_put(&seen, key, 1) != MAP_NONE)
				continue;
			if (seen.n > REQFILES_MAX) {
				mistake(r, s.at, "requirements-file", "", arena_printf(r->a, "more than %d files", REQFILES_MAX));
				break;
			}
		}
		bad = read_source(r, &s);
	}
	map_done(&seen);
	return bad;
}

static int
cmp_requirement(const void *a, const void *b)
{
	const struct requirement *x = a, *y = b;
	int c = str_cmp(x->text, y->text);

	if (!c)
		c = str_cmp(x->at.file, y->at.file);
	return c ? c : x->at.line < y->at.line ? -1 : x->at.line > y->at.line;
}

static size_t
settle(struct requirement *v, size_t n, struct arena *a, struct requirement **out)
{
	size_t k = 0;

	if (n)
		qsort(v, n, sizeof *v, cmp_requirement);
	for (size_t i = 0; i < n; i++)
		if (!k || !str_eq(v[k - 1].text, v[i].text))
			v[k++] = v[i];
	*out = arena_array(a, struct requirement, k);
	if (k)
		memcpy(*out, v, k * sizeof *v);
	return k;
}

static size_t
settle_files(struct str *v, size_t n, struct arena *a, struct str **out)
{
	size_t k = 0;

	if (n)
		qsort(v, n, sizeof *v, cmp_str);
	for (size_t i = 0; i < n; i++)
		if (!k || !str_eq(v[k - 1], v[i]))
			v[k++] = v[i];
	*out = arena_array(a, struct str, k);
	if (k)
		memcpy(*out, v, k * sizeof *v);
	return k;
}

static bool
asks_full(const struct requirement *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_find(v[i].r.marker, STR("python_full_version")) != SIZE_MAX ||
		    str_find(v[i].r.marker, STR("implementation_version")) != SIZE_MAX)
			return true;
	return false;
}

int
reqset_read(const struct reqfile_source *s, size_t n, const struct reqfile_reader *reader, struct arena *a, struct diags *d,
	    struct reqset *out, struct err *e)
{
	struct err why = { 0 };
	struct reading r = { .reader = reader, .a = a, .d = d, .e = &why, .nmistakes = d->nerrors + d->over };
	struct reqset set = { 0 };

	for (size_t i = 0; i < n; i++)
		VEC_PUSH(&r.queue, s[i]);
	int bad = read_queue(&r);
	if (!bad && r.too_many)
		mistake(&r, n ? s[0].at : (struct place){ 0 }, "requirements-file", "",
			arena_printf(a, "more than %d requirements", REQUIREMENTS_MAX));
	if (!bad && d->nerrors + d->over > r.nmistakes)
		bad = err_set(&why, ERR_INPUT, "the requirements have mistakes");
	if (!bad) {
		set.n = settle(r.found.v, r.found.n, a, &set.v);
		set.nconstraints = settle(r.constraints.v, r.constraints.n, a, &set.constraints);
		set.nfiles = settle_files(r.files.v, r.files.n, a, &set.files);
		set.pre = r.pre;
		set.full = asks_full(set.v, set.n) || asks_full(set.constraints, set.nconstraints);
		*out = set;
	} else if (e) {
		*e = why;
	}
	VEC_DONE(&r.queue);
	VEC_DONE(&r.found);
	VEC_DONE(&r.constraints);
	VEC_DONE(&r.files);
	return bad;
}
