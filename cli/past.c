/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cli/text.h"
#include "hashing/fp.h"

static struct str
name_key(struct arena *a, struct str root, struct str file)
{
	const struct str parts[] = { root, file };
	const struct fp fp = fp_of_list(parts, 2);
	return arena_printf(a, "pipeline %016llx%016llx", (unsigned long long)fp.hi, (unsigned long long)fp.lo);
}

void
past_put(struct session *s, struct batch *b)
{
	batch_put(b, TABLE_MISC, name_key(&s->arena, s->root, s->file), s->project->ir.pipeline);
}

/* The pipeline that the last recorded run of this root and file had. */
static bool
recall(struct session *s, struct str root)
{
	struct view *v;
	struct str pipeline = { 0 };
	if (!s->cache || !s->cache->records || view_begin(s->cache->records, &v, NULL) < 0)
		return false;
	if (view_get(v, TABLE_MISC, name_key(&s->arena, root, s->file), &pipeline)) {
		s->root = arena_str(&s->arena, root);
		s->id = project_name(root, pipeline, &s->arena);
	}
	view_end(v);
	return s->id.n > 0;
}

/* By the root; where the file is gone, by the nearest folder that had one. */
static bool
recall_any(struct session *s)
{
	if (s->root.n)
		return recall(s, s->root);
	for (struct str at = session_folder(s);; at = path_dir(at))
		if (recall(s, at) || at.n <= 1)
			return s->id.n > 0;
}

static void
tell(const struct session *s, const struct err *why)
{
	AUTO_BUF b = { 0 };
	if (s->project)
		buf_printf(&b, "note: %s", why->text);
	else
		buf_printf(&b, "note: '" STR_FMT "' is gone from '" STR_FMT "'", STR_ARG(s->file), STR_ARG(s->root));
	buf_puts(&b, "; this is what earlier runs have recorded\n");
	text_err(buf_str(&b));
}

int
past_open(struct session *s, struct err *e)
{
	struct err why = { 0 };
	struct diags held = { 0 };
	s->hold = &held;
	int rc = session_open(s, &why);
	s->hold = NULL;
	if (rc < 0 && why.code == ERR_INPUT && recall_any(s)) {
		if (!s->args->quiet)
			tell(s, &why);
		project_close(s->project);
		s->project = NULL;
		rc = 0;
	} else {
		session_mistakes(s, &held);
		if (rc < 0)
			*e = why;
		if (held.nerrors)
			e->text[0] = '\0'; /* all is said */
	}
	diags_done(&held);
	return rc;
}

struct collecting {
	VEC_FIELDS(struct past_node);
	struct session *s;
	struct view *view;
};

static bool
collect(void *ctx, struct str key, struct str value)
{
	struct collecting *c = ctx;
	struct arena *a = &c->s->arena;
	struct past_node n = { 0 };
	struct str bytes;
	struct result r;
	if (key.n <= sizeof(struct fp) || key.p[sizeof(struct fp)] == (char)0xff || last_decode(value, a, &n.last, NULL) < 0)
		return true; /* of a name that is too long to be kept whole */
	n.name = arena_str(a, str_drop(key, sizeof(struct fp)));
	if (!n.last.failed && view_get(c->view, TABLE_RESULT, (struct str){ (const char *)n.last.key_digest.b, sizeof n.last.key_digest.b }, &bytes) &&
	    result_decode(bytes, a, &r, NULL) == 0) {
		n.result = arena_new(a, struct result);
		*n.result = r;
	}
	VEC_PUSH(c, n);
	return true;
}

int
past_nodes(struct session *s, struct past_node **out, size_t *n, struct err *e)
{
	struct collecting c = { .s = s };
	struct buf prefix = { 0 };
	if (view_begin(s->cache->records, &c.view, e) < 0)
		return -1;
	last_prefix(s->id, &prefix);
	view_each(c.view, TABLE_LAST, buf_str(&prefix), collect, &c); /* keys come in order, so names do */
	view_end(c.view);
	buf_done(&prefix);
	*out = arena_array(&s->arena, struct past_node, c.n);
	if (c.n)
		memcpy(*out, c.v, c.n * sizeof *c.v);
	*n = c.n;
	VEC_DONE(&c);
	return 0;
}

static int
by_name(const void *name, const void *node)
{
	return str_cmp(*(const struct str *)name, ((const struct past_node *)node)->name);
}

const struct past_node *
past_find(const struct past_node *v, size_t n, struct str name)
{
	return n ? bsearch(&name, v, n, sizeof *v, by_name) : NULL;
}

const struct past_node *
past_giver(const struct past_node *v, size_t n, const struct key_field *f)
{
	struct digest d;
	if (!f->has_value || !digest_parse(f->value, false, &d))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (digest_eq(&v[i].last.result_digest, &d))
			return &v[i];
		for (size_t k = 0; v[i].result && k < v[i].result->noutputs; k++)
			if (digest_eq(&v[i].result->outputs[k].digest, &d))
				return &v[i];
	}
	return NULL;
}
