/* SPDX-License-Identifier: Apache-2.0
 *
 * place: nodes: where in the image a COPY, ADD or WORKDIR puts things. What lies below decides about links on the way, about whether a destination
 * is a folder, about owners and modes of folders that stay, and about what users' names mean; the result says that and nothing else, so
 * that a layer does not depend on anything more of the image below it.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/docker_add.h"
#include "sys/file.h"

#define ACCOUNTS_LIMIT ((size_t)4 << 20)

struct placing {
	struct docker_work *w;
	struct docker_tree tree;
	const struct docker_selection *s;
	struct docker_operands o;
	struct docker_place p;
	struct docker_added added;
	VEC(struct docker_place_folder) there;
	struct map seen;
	struct err *e;
};

struct str
docker_item_path(const struct docker_place *p, const struct docker_item *x, bool into, struct arena *a)
{
	if (!into)
		return p->dest;
	if (x->to.n == 0)
		return p->dest;
	return str_is(p->dest, ".") ? x->to : path_join(a, p->dest, x->to);
}

static bool
number(struct str s, uint32_t *out)
{
	uint64_t v;
	if (!str_u64(s, &v) || v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* --chown in numbers; a user's number alone is the group's as well. */
static bool
numbers(struct str chown, uint32_t *uid, uint32_t *gid)
{
	const struct str_cut c = str_cut(chown, ':');
	if (!number(c.head, uid))
		return false;
	*gid = *uid;
	return c.tail.n == 0 || number(c.tail, gid);
}

void
docker_place_plain(const struct docker_operands *o, struct docker_place *out)
{
	*out = (struct docker_place){ .dest = o->dest.n > 1 ? str_drop(o->dest, 1) : STR("."), .folder = o->dest_folder };
	out->chown = numbers(o->chown, &out->uid, &out->gid);
}

bool
docker_place_needed(const struct docker_instruction *in)
{
	const struct docker_flag *chown = docker_flag(in, "chown");
	uint32_t uid, gid;
	return !docker_flag_on(in, "link") || in->kind == DOCKER_ADD || (chown && !numbers(chown->value.text, &uid, &gid));
}

/* ---- folders ---- */

static int
folder_there(struct placing *x, struct str path)
{
	const struct docker_tree_entry *at = docker_tree_get(&x->tree, path);
	if (!at || map_get(&x->seen, at->path) != MAP_NONE)
		return 0;
	if (at->type != ARCHIVE_FOLDER_ENTRY)
		return err_set(x->e, ERR_INPUT, "'/" STR_FMT "' is no folder in the image, and cannot become one", STR_ARG(path));
	(void)map_put(&x->seen, at->path, 1);
	VEC_PUSH(&x->there, ((struct docker_place_folder){ at->path, at->mode, at->uid, at->gid }));
	return 0;
}

/* The folders above a path, and itself. */
static int
folders_to(struct placing *x, struct str path, bool itself)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/' && folder_there(x, str_take(path, i)) < 0)
			return -1;
	}
	return itself && !str_is(path, ".") ? folder_there(x, path) : 0;
}

static int
items(struct placing *x)
{
	for (size_t i = 0; i < x->s->n; i++) {
		const struct docker_item *item = &x->s->v[i];
		const struct str path = docker_item_path(&x->p, item, x->p.folder, &x->w->arena);
		const bool folder = item->type == DOCKER_ITEM_FOLDER;
		if (folders_to(x, path, folder) < 0)
			return -1;
		const struct docker_tree_entry *at = docker_tree_get(&x->tree, path);
		if (!folder && at && at->type == ARCHIVE_FOLDER_ENTRY)
			return err_set(x->e, ERR_INPUT, "'/" STR_FMT "' is a folder in the image, and is not replaced by a file", STR_ARG(path));
	}
	return 0;
}

/* ---- owners ---- */

/* NAME:x:ID:GROUP... of passwd, NAME:x:ID of group. */
static int
account(struct placing *x, const char *file, struct str name, uint32_t *id, uint32_t *group)
{
	AUTO_BUF text = { 0 };
	struct err why = { 0 };
	if (docker_tree_file(x->w->project->cache->blobs, &x->tree, str_z(file), ACCOUNTS_LIMIT, &text, &why) < 0 && why.code != ERR_MISSING &&
	    why.code != ERR_INPUT) {
		*x->e = why;
		return -1;
	}
	for (struct str rest = buf_str(&text); rest.n > 0;) {
		const struct str_cut line = str_cut(rest, '\n'), first = str_cut(line.head, ':'), second = str_cut(first.tail, ':'),
				     third = str_cut(second.tail, ':'), fourth = str_cut(third.tail, ':');
		uint32_t n = 0;
		rest = line.tail;
		if (!str_eq(first.head, name) || !number(third.head, id))
			continue;
		if (group && number(fourth.head, &n))
			*group = n;
		return 0;
	}
	return err_set(x->e, ERR_INPUT, "the image's /%s has no '" STR_FMT "'", file, STR_ARG(str_take(name, 100)));
}

static int
owners(struct placing *x)
{
	const struct str_cut c = str_cut(x->o.chown, ':');
	if (x->o.chown.n == 0)
		return 0;
	x->p.chown = true;
	if (number(c.head, &x->p.uid))
		x->p.gid = x->p.uid; /* as BuildKit: a number alone is both */
	else if (c.head.n > 0 && account(x, "etc/passwd", c.head, &x->p.uid, &x->p.gid) < 0)
		return -1;
	if (c.tail.n == 0 || number(c.tail, &x->p.gid))
		return 0;
	return account(x, "etc/group", c.tail, &x->p.gid, NULL);
}

/* ---- the result ---- */

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct docker_place_folder *)a)->path, ((const struct docker_place_folder *)b)->path);
}

static void
give(struct placing *x)
{
	AUTO_JS v = js_map();
	AUTO_BUF b = { 0 };
	struct js *list = js_list();
	if (x->there.n > 1)
		qsort(x->there.v, x->there.n, sizeof *x->there.v, by_path);
	for (size_t i = 0; i < x->there.n; i++) {
		struct js *f = js_map();
		js_set(f, "path", js_text(x->there.v[i].path));
		js_set(f, "mode", js_int(x->there.v[i].mode));
		js_set(f, "uid", js_int(x->there.v[i].uid));
		js_set(f, "gid", js_int(x->there.v[i].gid));
		js_push(list, f);
	}
	js_set(v, "there", list);
	js_set(v, "dest", js_text(x->p.dest));
	js_set(v, "folder", js_bool(x->p.folder));
	if (x->p.chown) {
		js_set(v, "uid", js_int(x->p.uid));
		js_set(v, "gid", js_int(x->p.gid));
	}
	struct js *fetched = x->added.fetched.n > 0 ? js_map() : NULL;
	for (size_t i = 0; i < x->added.fetched.n; i++)
		js_set_str(fetched, x->added.fetched.v[i].name, js_text(x->added.fetched.v[i].value));
	js_set(v, "fetched", fetched);
	js_write(v, &b);
	x->w->result = (struct result){ .info = arena_str(&x->w->arena, buf_str(&b)) };
	x->w->result.digest = digest_of(x->w->result.info);
}

static uint32_t
small(const struct js *v, const char *key)
{
	const int64_t n = js_num(js_get(v, key));
	return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

int
docker_place_read(const struct result *place, struct arena *a, struct docker_place *out, struct err *e)
{
	AUTO_JS v = NULL;
	if (!place)
		return err_set(e, ERR_BUG, "a copy without its place");
	if (js_parse(place->info, "the place of a copy", &v, e) < 0)
		return -1;
	const struct js *list = js_get(v, "there");
	struct docker_place p = { .dest = arena_str(a, js_str(js_get(v, "dest"))), .folder = js_true(js_get(v, "folder")), .n = js_len(list) };
	p.chown = js_get(v, "uid") != NULL;
	p.uid = small(v, "uid");
	p.gid = small(v, "gid");
	p.there = arena_array(a, struct docker_place_folder, p.n + 1);
	for (size_t i = 0; i < p.n; i++) {
		const struct js *f = js_at(list, i);
		p.there[i] = (struct docker_place_folder){ arena_str(a, js_str(js_get(f, "path"))), small(f, "mode"), small(f, "uid"), small(f, "gid") };
	}
	const struct js *fetched = js_get(v, "fetched");
	p.fetched.v = arena_array(a, struct ir_pair, js_len(fetched) + 1);
	for (void *it = js_first(fetched); it; it = js_next(fetched, it))
		p.fetched.v[p.fetched.n++] = (struct ir_pair){ arena_str(a, js_key(it)), arena_str(a, js_str(js_value(it))) };
	if (p.dest.n == 0)
		return err_set(e, ERR_DAMAGED, "the place of a copy is not understood");
	*out = p;
	return 0;
}

/* ---- the node ---- */

static int
read_below(struct placing *x)
{
	struct docker_layers l;
	struct digest *v;
	size_t n;
	const struct result *files = docker_input(&x->w->task->inputs, "files");
	return docker_layers_read(files, &x->w->arena, &l, x->e) < 0 || docker_layers_have(x->w->project, &l, &x->w->arena, &v, &n, x->e) < 0 ?
		       -1 :
		       docker_tree_read(x->w->project->cache->blobs, v, n, &x->w->arena, &x->tree, x->e);
}

static int
destination(struct placing *x, struct str dest)
{
	if (docker_tree_resolve(&x->tree, dest, true, &x->w->arena, &x->p.dest, x->e) < 0)
		return -1;
	const struct docker_tree_entry *at = docker_tree_get(&x->tree, x->p.dest);
	x->p.folder = x->p.folder || str_is(x->p.dest, ".") || (at && at->type == ARCHIVE_FOLDER_ENTRY);
	return folders_to(x, x->p.dest, x->p.folder);
}

static int
place_workdir(struct placing *x)
{
	AUTO_JS state = NULL;
	if (docker_input_js(&x->w->task->inputs, "config", &state, x->e) < 0)
		return -1;
	x->p.folder = true;
	x->o.chown = arena_str(&x->w->arena, docker_state_user(state));
	struct err why = { 0 }, *e = x->e;
	x->e = &why;
	if (owners(x) < 0)
		x->p.chown = false; /* a user whom the image does not know says nothing of its folders */
	x->e = e;
	if (why.code != ERR_NONE && why.code != ERR_INPUT)
		return err_set(e, why.code, "%s", why.text);
	return destination(x, arena_str(&x->w->arena, docker_state_workdir(state)));
}

static int
place_copy(struct placing *x)
{
	if (docker_operands_read(docker_input(&x->w->task->inputs, "copy"), &x->w->arena, &x->o, x->e) < 0)
		return -1;
	if (x->w->node->in->kind == DOCKER_ADD) {
		if (docker_add_items(x->w, &x->o, x->s, &x->added, x->e) < 0)
			return -1;
		x->s = &x->added.files;
	}
	x->p.folder = x->o.dest_folder || x->s->many || x->s->n == 0;
	for (size_t i = 0; i < x->s->n && !x->p.folder; i++)
		x->p.folder = !x->s->v[i].leaf;
	return destination(x, x->o.dest) < 0 || items(x) < 0 || owners(x) < 0 ? -1 : 0;
}

static int
make(struct docker_work *w, struct err *e)
{
	struct placing x = { .w = w, .e = e };
	struct docker_tree from = { 0 };
	struct docker_selection s = { 0 };
	const struct result *origin = docker_input(&w->task->inputs, "origin");
	struct docker_operands o;
	int bad = read_below(&x);
	x.s = w->selected ? w->selected : &s;
	if (bad == 0 && origin)
		bad = docker_operands_read(docker_input(&w->task->inputs, "copy"), &w->arena, &o, e) < 0 ||
				      docker_select_origin(w->project, origin, &o, &w->arena, &from, &s, e) < 0 ?
			      -1 :
			      0;
	if (bad == 0)
		bad = w->node->in->kind == DOCKER_WORKDIR ? place_workdir(&x) : place_copy(&x);
	if (bad == 0)
		give(&x);
	docker_added_done(&x.added, &w->arena);
	docker_tree_done(&from);
	docker_tree_done(&x.tree);
	map_done(&x.seen);
	VEC_DONE(&x.there);
	return bad < 0 ? docker_blame(w->node->d, w->node->in->at, e) : 0;
}

static void
start(struct task *t)
{
	docker_work_start(t, make);
}

static int
fields(void *ctx, const struct inputs *in, struct key *k, struct err *e)
{
	(void)ctx;
	(void)in;
	(void)e;
	key_num(k, "format", STR("place"), 1);
	return 0;
}

const struct rule rule_docker_place = { .kind = "place", .schema = 1, .fields = fields, .start = start, .stop = docker_work_stop,
					.explain = docker_explain };
