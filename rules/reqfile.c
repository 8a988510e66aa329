/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqfile_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "sys/file.h"


void
reading_mistake(struct reading *r, struct place at, const char *code, const char *hint, struct str message)
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
			reading_mistake(r, reqline_place(l, l->hashes[i].at, h.n), "requirement-hash", "expected --hash=sha256: and 64 hex digits",
				arena_printf(r->a, "'" STR_FMT "' is not a hash that can be checked", STR_ARG(str_take(h, 100))));
			return false;
		}
		q->hashes[q->nhashes++] = arena_str(r->a, c.tail);
	}
	qsort(q->hashes, q->nhashes, sizeof *q->hashes, cmp_str);
	return true;
}

/* A path of a file, relative to that file; where nothing is there, to the root, as pip has it when it is run there. */
struct str
reading_path(struct reading *r, const struct reqline *l, struct str path)
{
	struct str near = path_clean(r->a, path.n && path.p[0] == '/' ? path : path_join(r->a, l->file.n ? path_dir(l->file) : STR("."), path));
	struct str root = path_clean(r->a, path);

	if (r->reader->there && !r->reader->there(r->reader->ctx, near) && r->reader->there(r->reader->ctx, root))
		return root;
	return near;
}

static void
push_requirement(struct reading *r, struct requirement *q, bool constraint)
{
	AUTO_BUF text = { 0 };

	buf_put(&text, pep508_text(&q->r, true, r->a));
	for (size_t i = 0; i < q->nhashes; i++)
		buf_printf(&text, " --hash=sha256:" STR_FMT, STR_ARG(q->hashes[i]));
	q->text = arena_str(r->a, buf_str(&text));
	if (r->found.n + r->constraints.n >= REQUIREMENTS_MAX)
		r->too_many = true;
	else if (constraint)
		VEC_PUSH(&r->constraints, *q);
	else
		VEC_PUSH(&r->found, *q);
}

/* What the requirement's URL is in the set: no secrets, nothing of this machine. */
static struct str
reference_text(const struct reqref *f, struct arena *a)
{
	const char *sub = f->subdirectory.n ? "#subdirectory=" : "";
	struct str path = f->kind == REQREF_PATH ? reqref_encode(f->path, a) : f->path, subdirectory = reqref_encode(f->subdirectory, a);

	switch (f->kind) {
	case REQREF_PATH:
		return path.p[0] == '/' ? path : arena_printf(a, "./" STR_FMT, STR_ARG(path));
	case REQREF_URL:
		return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(f->plain), sub, STR_ARG(subdirectory));
	case REQREF_GIT:
		return arena_printf(a, "git+" STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(f->plain), f->revision.n ? "@" : "", STR_ARG(f->revision), sub,
				    STR_ARG(subdirectory));
	case REQREF_NONE:
		break;
	}
	return (struct str){ 0 };
}

static void
add_folder(struct reading *r, const struct requirement *q)
{
	const struct reqset_folder f = { .path = q->ref.path, .extras = q->r.extras, .nextras = q->r.nextras, .marker = q->r.marker, .at = q->at };

	VEC_PUSH(&r->folders, f);
}

/* q has all but its reference, which is `where` at offset `at` of the line. */
static void
add_reference(struct reading *r, const struct reqline *l, struct requirement *q, struct str where, size_t at, bool constraint)
{
	struct err why = { 0 };
	struct digest d;
	struct str version;

	if (reqref_parse(where, r->a, &q->ref, &why) < 0) {
		reading_mistake(r, reqline_place(l, at, where.n), "requirement-unsupported", "", str_z(why.text));
		return;
	}
	for (size_t i = 0; q->ref.kind != REQREF_PATH && i < where.n; i++)
		if ((unsigned char)where.p[i] <= ' ') {
			reading_mistake(r, reqline_place(l, at + i, 1), "requirement-syntax", "write %20", STR("a URL has no blanks"));
			return;
		}
	if (q->ref.kind == REQREF_PATH) {
		q->ref.path = reading_path(r, l, q->ref.path);
		if (!reqref_is_archive(q->ref.path)) {
			if (constraint)
				reading_mistake(r, q->at, "requirement-syntax", "", STR("a constraint is no folder"));
			else
				add_folder(r, q);
			return;
		}
	}
	if (!q->r.name.n && q->ref.egg.n)
		(void)pep503_name(q->ref.egg, r->a, &q->r.name);
	if (!q->r.name.n && q->ref.kind != REQREF_GIT)
		(void)reqref_file_name(q->ref.kind == REQREF_PATH ? q->ref.path : q->ref.plain, r->a, &q->r.name, &version);
	if (!q->r.name.n) {
		reading_mistake(r, reqline_place(l, at, where.n), "requirement-syntax", "write 'NAME @ ' in front of it", STR("it does not say which package it is"));
		return;
	}
	if (q->ref.sha256.n && !q->nhashes) {
		if (!digest_parse(q->ref.sha256, true, &d)) {
			reading_mistake(r, reqline_place(l, at, where.n), "requirement-hash", "expected 64 hex digits behind #sha256=", STR("it is not a hash that can be checked"));
			return;
		}
		q->hashes = arena_new(r->a, struct str);
		q->hashes[q->nhashes++] = q->ref.sha256;
	}
	q->r.url = reference_text(&q->ref, r->a);
	push_requirement(r, q, constraint);
}

void
reading_reference(struct reading *r, const struct reqline *l, struct str text, size_t at, bool constraint)
{
	struct requirement q = { .at = reqline_place(l, at, text.n) };
	struct reqref_line parts = reqref_split(text);
	struct err why = { 0 };
	size_t in_marker = 0;

	if (parts.extras.n) {
		struct pep508 x;
		size_t where;
		if (pep508_parse(arena_printf(r->a, "x" STR_FMT, STR_ARG(parts.extras)), r->a, &x, &where, &why) < 0) {
			reading_mistake(r, reqline_place(l, at + (size_t)(parts.extras.p - text.p), parts.extras.n), "requirement-syntax", "", str_z(why.text));
			return;
		}
		q.r.extras = x.extras;
		q.r.nextras = x.nextras;
	}
	if (parts.marker.n && marker_parse(parts.marker, NULL, r->a, &q.r.marker, NULL, &in_marker, &why) < 0) {
		reading_mistake(r, reqline_place(l, at + (size_t)(parts.marker.p - text.p) + in_marker, 1), "requirement-syntax", "", str_z(why.text));
		return;
	}
	if (!add_hashes(r, l, &q))
		return;
	add_reference(r, l, &q, parts.where, at, constraint);
}

static void
add_requirement(struct reading *r, const struct reqline *l, bool constraint)
{
	struct requirement q = { .at = reqline_place(l, 0, l->requirement.n) };
	struct err why = { 0 };
	size_t at;

	if (reqref_is(l->requirement)) {
		reading_reference(r, l, l->requirement, 0, constraint);
		return;
	}
	if (pep508_parse(l->requirement, r->a, &q.r, &at, &why) < 0) {
		reading_mistake(r, reqline_place(l, at, 1), "requirement-syntax", "", str_z(why.text));
		return;
	}
	if (constraint && q.r.nextras) {
		reading_mistake(r, q.at, "requirement-syntax", "", STR("a constraint has no extras"));
		return;
	}
	if (!add_hashes(r, l, &q))
		return;
	if (!q.r.url.n) {
		push_requirement(r, &q, constraint);
		return;
	}
	struct str where = q.r.url;
	size_t from = str_find(l->requirement, where);
	add_reference(r, l, &q, where, from == SIZE_MAX ? 0 : from, constraint);
}

/* ---- files ---- */

static void
read_line(struct reading *r, const struct reqline *l, bool constraint)
{
	if (l->wrong) {
		reading_mistake(r, reqline_place(l, l->wrong_at, 1), l->wrong_code, "", str_z(l->wrong));
		return;
	}
	if (l->option.n)
		reading_option(r, l, constraint);
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
		reading_mistake(r, (struct place){ .file = file }, "requirements-file", "", str_z(wrong));
		return 0;
	}
	struct reqlines lines = { 0 };
	struct reqline l;
	reqlines_init(&lines, file, text, r->a);
	lines.variable = r->reader->variable;
	lines.ctx = r->reader->ctx;
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
		reading_mistake(r, s->at, "requirements-file", "",
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
				reading_mistake(r, s.at, "requirements-file", "", arena_printf(r->a, "more than %d files", REQFILES_MAX));
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
settle_texts(struct str *v, size_t n, struct arena *a, struct str **out)
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

static struct str *
copy_texts(const struct str *v, size_t n, struct arena *a)
{
	struct str *out = arena_array(a, struct str, n);

	if (n)
		memcpy(out, v, n * sizeof *v);
	return out;
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
	for (size_t i = 0; !bad && r.require_hashes && i < r.found.n; i++)
		if (!r.found.v[i].nhashes && r.found.v[i].ref.kind != REQREF_PATH)
			reading_mistake(&r, r.found.v[i].at, "requirement-hash", "add --hash=sha256:...",
					STR("--require-hashes is on, and this requirement has none"));
	if (!bad && r.too_many)
		reading_mistake(&r, n ? s[0].at : (struct place){ 0 }, "requirements-file", "",
			arena_printf(a, "more than %d requirements", REQUIREMENTS_MAX));
	if (!bad && d->nerrors + d->over > r.nmistakes)
		bad = err_set(&why, ERR_INPUT, "the requirements have mistakes");
	if (!bad) {
		set.n = settle(r.found.v, r.found.n, a, &set.v);
		set.nconstraints = settle(r.constraints.v, r.constraints.n, a, &set.constraints);
		set.nfiles = settle_texts(r.files.v, r.files.n, a, &set.files);
		set.nfrom_source = settle_texts(r.from_source.v, r.from_source.n, a, &set.from_source);
		set.options = copy_texts(r.options.v, r.options.n, a);
		set.plain = copy_texts(r.plain.v, r.plain.n, a);
		set.noptions = r.options.n;
		set.folders = arena_array(a, struct reqset_folder, r.folders.n);
		if (r.folders.n)
			memcpy(set.folders, r.folders.v, r.folders.n * sizeof *set.folders);
		set.nfolders = r.folders.n;
		set.pre = r.pre;
		set.wheels_only = r.wheels_only;
		set.full = asks_full(set.v, set.n) || asks_full(set.constraints, set.nconstraints);
		*out = set;
	} else if (e) {
		*e = why;
	}
	VEC_DONE(&r.queue);
	VEC_DONE(&r.found);
	VEC_DONE(&r.constraints);
	VEC_DONE(&r.files);
	VEC_DONE(&r.folders);
	VEC_DONE(&r.options);
	VEC_DONE(&r.plain);
	VEC_DONE(&r.from_source);
	return bad;
}
