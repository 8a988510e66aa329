/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/differ.h"

#include <string.h>

#include "hashing/tree.h"

enum { PIECE = 65536, MANIFEST_MAX = 1 << 30 };

/* The first byte in which two blobs differ; UINT64_MAX: one of them cannot be read, or they are the same. */
static uint64_t
first_byte(struct blobs *b, const struct digest *x, const struct digest *y)
{
	struct blob_reader *r[2] = { NULL, NULL };
	struct buf buf[2] = { { 0 }, { 0 } };
	uint64_t at = 0, found = UINT64_MAX;
	bool ok = blob_open(b, x, &r[0], NULL) == 0 && blob_open(b, y, &r[1], NULL) == 0;
	for (int i = 0; i < 2; i++)
		buf_reserve(&buf[i], PIECE);
	while (ok && found == UINT64_MAX) {
		size_t n[2] = { 0, 0 };
		for (int i = 0; i < 2 && ok; i++)
			for (size_t got = 1; n[i] < PIECE && got > 0 && ok; n[i] += got)
				ok = blob_next(r[i], buf[i].p + n[i], PIECE - n[i], &got, NULL) == 0;
		const size_t both = n[0] < n[1] ? n[0] : n[1];
		size_t same = 0;
		while (ok && same < both && buf[0].p[same] == buf[1].p[same])
			same++;
		if (ok && (same < both || n[0] != n[1]))
			found = at + same;
		at += both;
		ok = ok && both > 0;
	}
	for (int i = 0; i < 2; i++) {
		blob_close(r[i]);
		buf_done(&buf[i]);
	}
	return found;
}

static bool
contents(struct blobs *b, const struct digest *x, const struct digest *y, struct str name, struct arena *a, struct differ *out)
{
	if (digest_eq(x, y))
		return true;
	out->offset = first_byte(b, x, y);
	out->text = out->offset == UINT64_MAX ? arena_printf(a, STR_FMT " has other content", STR_ARG(name)) :
						arena_printf(a, STR_FMT " differs from byte %llu on", STR_ARG(name),
							     (unsigned long long)out->offset);
	return false;
}

static bool
read_tree(struct blobs *b, const struct digest *d, struct arena *a, struct tree *t)
{
	AUTO_BUF manifest = { 0 };
	return blobs_read(b, d, MANIFEST_MAX, &manifest, NULL) == 0 && tree_parse(buf_str(&manifest), a, t, NULL) == 0;
}

static bool
entries(struct blobs *b, const struct tree_entry *x, const struct tree_entry *y, struct str name, struct arena *a, struct differ *out)
{
	out->file = x->path;
	if (x->type != y->type)
		out->text = arena_printf(a, STR_FMT " is of another type", STR_ARG(name));
	else if (x->type == TREE_LINK && !str_eq(x->target, y->target))
		out->text = arena_printf(a, STR_FMT " leads elsewhere", STR_ARG(name));
	else if (x->type == TREE_FILE || x->type == TREE_EXEC)
		return contents(b, &x->digest, &y->digest, name, a, out);
	else
		return true;
	return false;
}

static bool
trees(struct blobs *b, const struct output *x, const struct output *y, struct arena *a, struct differ *out)
{
	struct tree t, u;
	if (digest_eq(&x->digest, &y->digest))
		return true;
	out->text = arena_printf(a, STR_FMT " has other content", STR_ARG(x->name));
	if (!read_tree(b, &x->digest, a, &t) || !read_tree(b, &y->digest, a, &u))
		return false;
	for (size_t i = 0, k = 0; i < t.n || k < u.n;) {
		const int c = i == t.n ? 1 : k == u.n ? -1 : str_cmp(t.v[i].path, u.v[k].path);
		const struct str path = c <= 0 ? t.v[i].path : u.v[k].path;
		const struct str name = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(x->name), STR_ARG(path));
		if (c) {
			out->file = path;
			out->text = arena_printf(a, STR_FMT " %s", STR_ARG(name), c < 0 ? "is missing" : "was not there before");
			return false;
		}
		if (!entries(b, &t.v[i++], &u.v[k++], name, a, out))
			return false;
	}
	return true;
}

bool
differ_results(struct blobs *b, const struct result *was, const struct result *is, const struct err *error, struct arena *a,
	       struct differ *out)
{
	*out = (struct differ){ .offset = UINT64_MAX };
	if (!is) {
		out->text = arena_printf(a, "it failed: %s", error ? error->text : "it was not executed");
		return false;
	}
	for (size_t i = 0; i < was->noutputs; i++) {
		const struct output *x = &was->outputs[i], *y = result_output(is, x->name);
		out->output = x->name;
		out->file = (struct str){ 0 };
		out->offset = UINT64_MAX;
		if (!y || x->type != y->type) {
			out->text = arena_printf(a, STR_FMT " is of another type", STR_ARG(x->name));
			return false;
		}
		if (!(x->type == OUTPUT_TREE ? trees(b, x, y, a, out) : contents(b, &x->digest, &y->digest, x->name, a, out)))
			return false;
	}
	return true;
}
