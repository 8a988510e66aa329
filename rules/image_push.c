/* SPDX-License-Identifier: Apache-2.0
 *
 * In this order: what the registry lacks, the manifest under its tag [registry_push]; then what only refers to it: documents, and the name made of the key.
 */
#include <string.h>

#include "backends/layout.h"
#include "rules/dockerfile.h"
#include "rules/image_attest.h"
#include "rules/image_inside.h"

struct pushing {
	struct project *project;
	const struct ir_environment *env;
	const struct result *result;
};

static int
have(void *ctx, const struct registry_item *i, struct err *e)
{
	const struct pushing *x = ctx;
	(void)i;
	return image_have(x->project, x->env, x->result, e);
}

int
image_reference(struct project *p, const struct ir_environment *env, struct str prefix, struct arena *a, struct registry_ref *out, struct err *e)
{
	while (prefix.n > 0 && prefix.p[prefix.n - 1] == '/')
		prefix.n--;
	const struct str name = image_part_name(p->ir.pipeline, false, a), tag = image_part_name(env->name, true, a);
	return registry_ref_parse(arena_printf(a, STR_FMT "/" STR_FMT ":" STR_FMT, STR_ARG(prefix), STR_ARG(name), STR_ARG(tag)), a, out, e);
}

/* Layers of a parent in the same registry are mounted from its repository. */
static struct str
mounted_from(struct project *p, const struct ir_environment *env, const struct registry_ref *to, struct arena *a)
{
	struct registry_ref parent;
	if (env->dockerfile.n > 0)
		env = dockerfile_base(p, env);
	if (!env || env->parent.kind != PARENT_REGISTRY || registry_ref_parse(env->parent.ref, a, &parent, NULL) < 0 || !str_eq(parent.host, to->host))
		return (struct str){ 0 };
	return parent.repository;
}

/* What refers to the image: when it is there and can be used. */
static int
push_documents(struct project *p, const struct pushing *x, const struct layout_image *i, const struct registry_ref *to, struct registry *r, bool doubt,
	       struct batch *seen, struct err *e)
{
	static const struct {
		const char *output, *media, *predicate;
	} rows[] = { { "sbom", ATTEST_SPDX, NULL }, { "provenance", ATTEST_IN_TOTO, ATTEST_SLSA } };
	struct registry_referrer d[2];
	size_t n = 0;
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
		const struct output *o = result_output(x->result, str_z(rows[k].output));
		if (!o)
			continue;
		d[n++] = (struct registry_referrer){ .subject = i->manifest, .subject_size = i->manifest_size, .media = rows[k].media,
						     .predicate = rows[k].predicate, .blob = o->digest, .size = o->size };
	}
	return n > 0 ? registry_refer(r, to, d, n, doubt, p->cache->blobs, seen, e) : 0;
}

static int
push(struct project *p, const struct pushing *x, const struct layout_image *i, const struct registry_ref *to, struct registry *r, struct batch *seen,
     struct arena *a, struct err *e)
{
	struct registry_item *items = arena_array(a, struct registry_item, i->parts.nlayers + 1);
	struct image_layers l;
	size_t n = 0;
	AUTO_BUF manifest = { 0 };
	if (image_info_read(x->result, a, &l, e) < 0 || blobs_read(p->cache->blobs, &i->manifest, OCI_JSON_LIMIT, &manifest, e) < 0)
		return -1;
	for (size_t k = 0; k < i->parts.nlayers; k++) {
		items[n++] = (struct registry_item){ .digest = i->parts.layers[k].digest, .size = i->parts.layers[k].size };
		if (strcmp(l.v[k].kind, "parent") == 0)
			items[n - 1].from = mounted_from(p, x->env, to, a);
	}
	items[n++] = (struct registry_item){ .digest = i->parts.config, .size = i->parts.config_size };
	struct pushing ctx = *x;
	const struct registry_push job = { .to = to, .items = items, .nitems = n, .manifest = buf_str(&manifest), .blobs = p->cache->blobs, .have = have,
					   .ctx = &ctx, .seen = seen };
	struct registry_pushed done;
	int bad = registry_push(r, &job, &done, e);
	if (bad == 0)
		bad = push_documents(p, x, i, to, r, done.mended, seen, e);
	if (bad == 0 && p->stack->reuse)
		bad = image_reuse_leave(p, x->result, i, to, r, done.mended, seen, e);
	return bad;
}

/* Each platform's image by its digest, then the index under the tag. */
static int
push_index(struct project *p, const struct image_one *v, const struct layout_image *i, const struct registry_ref *to, struct registry *r,
	   struct batch *seen, struct arena *a, struct err *e)
{
	AUTO_BUF index = { 0 };
	struct registry_ref by_digest = *to;
	by_digest.tag = (struct str){ 0 };
	for (size_t k = 0; k <= i->nothers; k++) {
		const struct pushing x = { p, v[k].env, v[k].result };
		if (push(p, &x, k == 0 ? i : &i->others[k - 1], &by_digest, r, seen, a, e) < 0)
			return err_wrap(e, "platform " STR_FMT, STR_ARG(environment_platform(v[k].env)));
	}
	if (blobs_read(p->cache->blobs, &i->index, OCI_JSON_LIMIT, &index, e) < 0)
		return -1;
	return registry_put(r, to, OCI_INDEX, buf_str(&index), e);
}

static int
push_all(struct project *p, const struct image_one *v, size_t n, struct str prefix, struct batch *seen, struct arena *a, struct str *ref, struct err *e)
{
	const struct registry_opts o = project_registry(p, NULL, a);
	const struct pushing x = { p, v[0].env, v[0].result };
	struct layout_image i;
	struct registry_ref to;
	if (image_as_index(p, v, n, a, &i, e) < 0 || image_reference(p, v[0].env, prefix, a, &to, e) < 0)
		return -1;
	struct registry *r = registry_new(&o, e);
	if (!r)
		return -1;
	const int bad = n > 1 ? push_index(p, v, &i, &to, r, seen, a, e) : push(p, &x, &i, &to, r, seen, a, e);
	registry_free(r);
	const struct digest *d = n > 1 ? &i.index : &i.manifest;
	if (bad == 0)
		*ref = arena_printf(a, STR_FMT "/" STR_FMT "@" STR_FMT, STR_ARG(to.host), STR_ARG(to.repository), STR_ARG(digest_str(d, a)));
	return bad;
}

int
image_push(struct project *p, const struct image_one *v, size_t n, struct str prefix, struct arena *a, struct str *ref, struct err *e)
{
	struct arena tmp = { 0 };
	struct batch seen = { 0 };
	struct str name;
	const int bad = p->opts.offline ? err_set(e, ERR_WORLD, "pushing needs the network, and --offline forbids it")
					: push_all(p, v, n, prefix, &seen, &tmp, &name, e);
	if (bad == 0) {
		*ref = arena_str(a, name);
		if (seen.n > 0)
			(void)cache_commit(p->cache, &seen, NULL); /* forgotten: the next push asks more */
	}
	batch_done(&seen);
	arena_done(&tmp);
	return bad;
}
