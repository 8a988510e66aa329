/* SPDX-License-Identifier: Apache-2.0
 *
 * copy: nodes: the words of COPY and ADD with their values, and the files of the context that they name. A source: looked at each time.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/docker_add.h"
#include "sys/file.h"

struct looking {
	const struct docker_node *n;
	const struct js *state;
	struct arena *a;
	struct docker_operands o;
	struct err *e;
};

static int
expand(struct looking *l, const struct docker_word *w, struct str *out)
{
	struct place wrong;
	if (docker_state_expand(&l->n->d->file, l->state, w, l->a, out, &wrong, l->e) == 0)
		return 0;
	return docker_blame(l->n->d, wrong, l->e);
}

static bool
octal(struct str s, uint32_t *out)
{
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7' || s.n > 5)
			return false;
		v = v * 8 + (uint32_t)(s.p[i] - '0');
	}
	*out = v;
	return s.n > 0 && v <= 07777;
}

static int
read_flags(struct looking *l)
{
	const struct docker_instruction *in = l->n->in;
	struct str mode = { 0 };
	l->o.exclude = arena_array(l->a, struct str, in->nflags + 1);
	l->o.link = docker_flag_on(in, "link");
	l->o.parents = docker_flag_on(in, "parents");
	l->o.keep_git = docker_flag_on(in, "keep-git-dir");
	l->o.unpack = !docker_flag(in, "unpack") ? -1 : docker_flag_on(in, "unpack");
	for (size_t i = 0; i < in->nflags; i++) {
		const struct docker_flag *f = &in->flags[i];
		if (str_is(f->name, "exclude") && expand(l, &f->value, &l->o.exclude[l->o.nexclude++]) < 0)
			return -1;
		if (str_is(f->name, "checksum") && expand(l, &f->value, &l->o.checksum) < 0)
			return -1;
		if (str_is(f->name, "chown") && expand(l, &f->value, &l->o.chown) < 0)
			return -1;
		if (!str_is(f->name, "chmod"))
			continue;
		if (expand(l, &f->value, &mode) < 0)
			return -1;
		l->o.has_mode = octal(mode, &l->o.mode);
		if (!l->o.has_mode)
			return docker_fail(l->n->d, f->value.at, ERR_INPUT, l->e, "'" STR_FMT "' is no mode: expected octal digits such as 755",
					   STR_ARG(str_take(mode, 40)));
	}
	return 0;
}

static int
read_words(struct looking *l)
{
	const struct docker_instruction *in = l->n->in;
	const struct docker_word *last = &in->words[in->nwords - 1];
	struct str dest;
	if (expand(l, last, &dest) < 0)
		return -1;
	if (dest.n == 0)
		return docker_fail(l->n->d, last->at, ERR_INPUT, l->e, "the destination is empty");
	l->o.dest_folder = str_ends(dest, STR("/")) || str_is(dest, ".") || str_is(dest, "..") || str_ends(dest, STR("/.")) || str_ends(dest, STR("/.."));
	if (dest.p[0] != '/')
		dest = path_join(l->a, docker_state_workdir(l->state), dest);
	l->o.dest = path_clean(l->a, dest);
	l->o.sources = arena_array(l->a, struct str, in->nwords);
	l->o.remotes = arena_array(l->a, struct str, in->nwords);
	for (size_t i = 0; i + 1 < in->nwords; i++) {
		struct docker_heredoc h;
		if (in->nheredocs > 0 && docker_heredoc_word(in->words[i].text, l->a, &h))
			continue; /* its text is taken, not its word */
		struct str source;
		if (expand(l, &in->words[i], &source) < 0)
			return -1;
		if (in->kind == DOCKER_ADD && docker_remote(source))
			l->o.remotes[l->o.nremotes++] = source;
		else
			l->o.sources[l->o.nsources++] = source;
	}
	if (l->o.checksum.n > 0 && l->o.nremotes != 1)
		return docker_fail(l->n->d, in->at, ERR_INPUT, l->e, "--checksum is for one URL");
	if (l->o.nsources + l->o.nremotes + in->nheredocs > 1 && !l->o.dest_folder)
		return docker_fail(l->n->d, last->at, ERR_INPUT, l->e, "with more than one source the destination is a folder, and ends with '/'");
	return 0;
}

/* ---- files ---- */

static int
take_heredocs(struct looking *l, struct docker_selection *s)
{
	const struct docker_instruction *in = l->n->in;
	struct docker_item *v = arena_array(l->a, struct docker_item, s->n + in->nheredocs + 1);
	if (in->nheredocs == 0)
		return 0;
	if (s->n > 0)
		memcpy(v, s->v, s->n * sizeof *v);
	s->v = v;
	for (size_t i = 0; i < in->nheredocs; i++) {
		struct str text = in->heredocs[i].content;
		if (in->heredocs[i].expand && docker_state_expand_text(l->state, text, l->a, &text, l->e) < 0)
			return docker_blame(l->n->d, in->at, l->e);
		s->v[s->n++] = (struct docker_item){ .type = DOCKER_ITEM_FILE, .to = in->heredocs[i].name, .leaf = true, .mode = 0644,
						     .digest = digest_of(text), .size = text.n, .bytes = text };
	}
	s->many = s->many || l->o.nsources + in->nheredocs > 1;
	docker_selection_sort(s);
	return 0;
}

static int
excludes(struct looking *l, struct docker_ignore *out)
{
	out->v = arena_array(l->a, struct docker_ignore_line, l->o.nexclude + 1);
	for (size_t i = 0; i < l->o.nexclude; i++) {
		if (docker_ignore_add(out, l->o.exclude[i], l->a, l->e) < 0)
			return docker_blame(l->n->d, l->n->in->at, l->e);
	}
	return 0;
}

static struct str
root_of(const struct docker_node *n)
{
	struct str folder;
	if (n->origin.kind == DOCKER_NAMED && docker_pair_get(&n->d->file.settings.contexts, n->origin.name, &folder))
		return path_clean(n->d->file.text.a, folder);
	return n->d->env->context;
}

static int
select_files(struct project *p, struct looking *l, struct docker_selection *out)
{
	struct docker_ignore exclude = { 0 };
	size_t wrong = 0, k = 0;
	if (excludes(l, &exclude) < 0)
		return -1;
	const struct docker_select s = { .sources = l->o.sources, .nsources = l->o.nsources, .parents = l->o.parents,
					 .ignore = l->n->origin.kind == DOCKER_CONTEXT && l->n->d->ignore.n > 0 ? &l->n->d->ignore : NULL,
					 .exclude = exclude.n > 0 ? &exclude : NULL };
	if (docker_select_files(p, root_of(l->n), &s, l->a, out, &wrong, l->e) == 0)
		return take_heredocs(l, out);
	for (size_t i = 0; i + 1 < l->n->in->nwords; i++) {
		struct docker_heredoc h;
		if (l->n->in->nheredocs > 0 && docker_heredoc_word(l->n->in->words[i].text, l->a, &h))
			continue;
		if (k++ == wrong)
			return docker_blame(l->n->d, l->n->in->words[i].at, l->e);
	}
	return docker_blame(l->n->d, l->n->in->at, l->e);
}

/* ---- as JSON ---- */

static struct js *
texts_js(const struct str *v, size_t n)
{
	struct js *list = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(list, js_text(v[i]));
	return list;
}

static struct str
operands_text(const struct docker_operands *o, const struct digest *files, struct arena *a)
{
	AUTO_JS v = js_map();
	AUTO_BUF b = { 0 };
	js_set(v, "dest", js_text(o->dest));
	js_set(v, "folder", js_bool(o->dest_folder));
	js_set(v, "sources", texts_js(o->sources, o->nsources));
	js_set(v, "exclude", texts_js(o->exclude, o->nexclude));
	js_set(v, "chown", js_text(o->chown));
	js_set(v, "chmod", o->has_mode ? js_int(o->mode) : js_null());
	if (o->nremotes > 0)
		js_set(v, "remotes", texts_js(o->remotes, o->nremotes));
	if (o->checksum.n > 0)
		js_set(v, "checksum", js_text(o->checksum));
	js_set(v, "keep_git", js_bool(o->keep_git));
	js_set(v, "unpack", js_int(o->unpack));
	js_set(v, "link", js_bool(o->link));
	js_set(v, "parents", js_bool(o->parents));
	if (files)
		js_set(v, "files", js_text(digest_str(files, a)));
	js_write(v, &b);
	return arena_str(a, buf_str(&b));
}

static int
texts_of(const struct js *list, struct arena *a, struct str **out, size_t *n)
{
	*n = js_len(list);
	*out = arena_array(a, struct str, *n + 1);
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = arena_str(a, js_str(js_at(list, i)));
	return js_type(list) == JS_LIST ? 0 : -1;
}

int
docker_operands_read(const struct result *copy, struct arena *a, struct docker_operands *out, struct err *e)
{
	AUTO_JS v = NULL;
	struct docker_operands o = { 0 };
	if (!copy)
		return err_set(e, ERR_BUG, "a copy without its words");
	if (js_parse(copy->info, "the words of a copy", &v, e) < 0)
		return -1;
	if (texts_of(js_get(v, "sources"), a, &o.sources, &o.nsources) < 0 || texts_of(js_get(v, "exclude"), a, &o.exclude, &o.nexclude) < 0)
		return err_set(e, ERR_DAMAGED, "the words of a copy are not understood");
	o.dest = arena_str(a, js_str(js_get(v, "dest")));
	o.dest_folder = js_true(js_get(v, "folder"));
	o.chown = arena_str(a, js_str(js_get(v, "chown")));
	o.has_mode = js_type(js_get(v, "chmod")) == JS_INT;
	o.mode = (uint32_t)js_num(js_get(v, "chmod"));
	if (js_get(v, "remotes") && texts_of(js_get(v, "remotes"), a, &o.remotes, &o.nremotes) < 0)
		return err_set(e, ERR_DAMAGED, "the words of a copy are not understood");
	o.checksum = arena_str(a, js_str(js_get(v, "checksum")));
	o.keep_git = js_true(js_get(v, "keep_git"));
	o.unpack = (int)js_num(js_get(v, "unpack"));
	o.link = js_true(js_get(v, "link"));
	o.parents = js_true(js_get(v, "parents"));
	*out = o;
	return 0;
}

/* ---- the node ---- */

/* Outputs: "shape", where things go, without the contents. */
static int
look(void *ctx, const struct inputs *in, struct arena *a, struct result *out, struct err *e)
{
	struct project *p = ctx;
	struct docker_node *n = docker_node_of(in);
	struct docker_selected *s = mem_zalloc(sizeof *s);
	AUTO_JS state = NULL;
	const bool here = n->origin.kind == DOCKER_CONTEXT || docker_origin_is_folder(n);
	s->older = p->docker->selected;
	p->docker->selected = s;
	if (docker_input_js(in, "config", &state, e) < 0)
		return -1;
	struct looking l = { .n = n, .state = state, .a = &s->arena, .e = e };
	if (read_flags(&l) < 0 || read_words(&l) < 0 || (here && select_files(p, &l, &s->files) < 0))
		return -1;
	s->digest = docker_selection_digest(&s->files);
	/* Where an archive's files go is only known from its content. */
	const struct digest shape = n->in->kind == DOCKER_ADD ? s->digest : docker_selection_shape(&s->files);
	const struct str words = operands_text(&l.o, NULL, a);
	struct output *v = arena_array(a, struct output, 1);
	v[0] = (struct output){ .name = STR("shape"), .type = OUTPUT_VALUE,
				.digest = digest_of(arena_printf(a, STR_FMT STR_FMT, STR_ARG(words), STR_ARG(digest_str(&shape, a)))) };
	*out = (struct result){ .outputs = v, .noutputs = 1, .info = operands_text(&l.o, here ? &s->digest : NULL, a) };
	out->digest = digest_of(out->info);
	n->selected = s;
	return 0;
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	const struct docker_node *n = docker_node_of(in);
	(void)ctx;
	(void)e;
	/* For explanations: which file it was. */
	for (size_t i = 0; n->selected && i < n->selected->files.n && i < 10000; i++) {
		const struct docker_item *x = &n->selected->files.v[i];
		if (x->type == DOCKER_ITEM_FILE)
			key_digest(k, "file", x->to, &x->digest);
	}
	return 0;
}

static void
explain(void *ctx, node_id id, const struct key_change *c, struct arena *a, struct reason *out)
{
	const struct project *p = ctx;
	const struct docker_node *n = p->graph.node[id.i].data;
	const struct key_field *f = c->b ? c->b : c->a;
	if (!str_is(f->tag, "file")) {
		docker_explain(ctx, id, c, a, out);
		return;
	}
	out->code = REASON_ENVIRONMENT;
	for (size_t i = 0; n->selected && i < n->selected->files.n; i++) {
		if (str_eq(n->selected->files.v[i].to, f->name))
			out->file = arena_str(a, n->selected->files.v[i].from);
	}
	out->text = arena_printf(a, STR_FMT " %s", STR_ARG(out->file.n > 0 ? out->file : f->name), !c->a ? "is new" : !c->b ? "is gone" : "changed");
}

const struct rule rule_docker_copy = { .kind = "copy", .schema = 1, .source = true, .look = look, .fields = fields, .explain = explain };

/* ---- for those who make something of it ---- */

int
docker_selected_of(const struct task *t, node_id node, const struct result *r, const struct docker_selection **out, struct err *e)
{
	return docker_selected_was(t->inputs.graph->node[node.i].data, r, out, e);
}

int
docker_selected_was(const struct docker_node *copy, const struct result *r, const struct docker_selection **out, struct err *e)
{
	AUTO_JS v = NULL;
	struct digest was;
	if (!r)
		return err_set(e, ERR_BUG, "a copy without its words");
	if (js_parse(r->info, "the words of a copy", &v, e) < 0)
		return -1;
	if (!copy->selected || !digest_parse(js_str(js_get(v, "files")), false, &was) || !digest_eq(&was, &copy->selected->digest))
		return err_set(e, ERR_BUSY, "files of the context changed while they were copied; run again");
	*out = &copy->selected->files;
	return 0;
}

int
docker_select_origin(struct project *p, const struct result *files, const struct docker_operands *o, struct arena *a, struct docker_tree *tree,
		     struct docker_selection *out, struct err *e)
{
	struct docker_layers l;
	struct docker_ignore exclude = { .v = arena_array(a, struct docker_ignore_line, o->nexclude + 1) };
	struct digest *v;
	size_t n, wrong;
	for (size_t i = 0; i < o->nexclude; i++) {
		if (docker_ignore_add(&exclude, o->exclude[i], a, e) < 0)
			return -1;
	}
	const struct docker_select s = { .sources = o->sources, .nsources = o->nsources, .parents = o->parents,
					 .exclude = exclude.n > 0 ? &exclude : NULL };
	if (docker_layers_read(files, a, &l, e) < 0 || docker_layers_have(p, &l, a, &v, &n, e) < 0 ||
	    docker_tree_read(p->cache->blobs, v, n, a, tree, e) < 0)
		return -1;
	if (docker_select_tree(tree, &s, a, out, &wrong, e) == 0)
		return 0;
	docker_tree_done(tree);
	return -1;
}
