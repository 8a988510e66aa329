/* SPDX-License-Identifier: Apache-2.0
 *
 * Triggers (ONBUILD) of an image that a stage stands on, as far as its config is known before anything is made: a pinned image whose config is in the
 * store, or a layout of the project.
 */
#include <string.h>

#include "backends/layout.h"
#include "rules/docker_inside.h"
#include "sys/file.h"

static int
checked_file(struct project *p, const char *folder, const struct digest *d, struct buf *out)
{
	struct arena a = { 0 };
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	const int bad = file_read(p->fd, arena_printf(&a, "%s/blobs/sha256/%s", folder, hex).p, OCI_JSON_LIMIT, out, NULL);
	const struct digest have = digest_of(buf_str(out));
	arena_done(&a);
	return bad == 0 && digest_eq(&have, d) ? 0 : -1;
}

static int
layout_config(struct project *p, const struct ir_environment *env, struct arena *a, struct buf *out)
{
	const struct str_cut c = str_rcut(env->parent.ref, ':');
	const bool whole = !c.ok || file_exists(p->fd, arena_z(a, env->parent.ref));
	const char *folder = arena_z(a, whole ? env->parent.ref : c.head);
	struct digest manifest;
	struct oci_manifest m;
	AUTO_BUF text = { 0 };
	if (layout_digest(p->fd, folder, whole ? (struct str){ 0 } : c.tail, environment_platform(env), &manifest, NULL) < 0 ||
	    checked_file(p, folder, &manifest, &text) < 0 || oci_manifest_read(buf_str(&text), folder, a, &m, NULL) < 0)
		return -1;
	return checked_file(p, folder, &m.config, out);
}

static int
pinned_config(struct project *p, const struct ir_environment *env, struct arena *a, struct buf *out)
{
	struct parent_info i;
	if (!parent_locked(p, env, a, &i) || digest_is_zero(&i.config) || !blobs_has(p->cache->blobs, &i.config, NULL))
		return -1;
	return blobs_read(p->cache->blobs, &i.config, OCI_JSON_LIMIT, out, NULL);
}

static const struct docker_instruction *
read_trigger(struct docker_env *d, struct str text)
{
	struct arena *a = &d->project->arena;
	struct docker_text *t = arena_new(a, struct docker_text);
	size_t n;
	docker_lex((struct str){ 0 }, text, a, t);
	const struct docker_instruction *v = docker_parse(t, &n);
	return n == 1 && t->mistakes.n == 0 && v[0].kind != DOCKER_FROM && v[0].kind != DOCKER_ONBUILD ? v : NULL;
}

int
docker_triggers_of(struct docker_env *d, struct docker_stage *s, const struct ir_environment *parent, struct ir_texts *out, struct err *e)
{
	struct project *p = d->project;
	struct arena *a = &p->arena;
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	*out = (struct ir_texts){ 0 };
	const int bad = parent->parent.kind == PARENT_OCI	? layout_config(p, parent, a, &text) :
			parent->parent.kind == PARENT_REGISTRY ? pinned_config(p, parent, a, &text) :
								 -1;
	if (bad < 0 || js_parse(buf_str(&text), "config", &doc, NULL) < 0)
		return 0; /* not known now: from: finds them */
	const struct js *list = js_get(js_get(doc, "config"), "OnBuild");
	const size_t n = js_len(list);
	if (n == 0 || n > 1000)
		return 0;
	const struct docker_instruction **v = arena_array(a, const struct docker_instruction *, s->n + n);
	out->v = arena_array(a, struct str, n);
	for (; out->n < n; out->n++) {
		out->v[out->n] = arena_str(a, js_str(js_at(list, out->n)));
		v[out->n] = read_trigger(d, out->v[out->n]);
		if (!v[out->n])
			return err_set(e, ERR_INPUT, "the trigger 'ONBUILD " STR_FMT "' of the image is not understood", STR_ARG(str_take(out->v[out->n], 200)));
	}
	memcpy(v + n, s->v, s->n * sizeof *v);
	s->v = v;
	s->n += n;
	return 0;
}
