/* SPDX-License-Identifier: Apache-2.0
 *
 * RUN --mount: what a command gets beside its root. Values of secrets are here and in the sandbox's memory, and nowhere else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/sandbox.h"
#include "rules/docker_inside.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/lock.h"

#define SECRET_LIMIT ((size_t)500 << 10)
#define PRIVATE_MOST 1000

static int
expand(struct docker_mounts *m, const struct docker_mount *x, struct str text, struct str *out, struct err *e)
{
	const struct docker_word w = { text, x->at };
	struct place wrong;
	return docker_state_expand(&m->w->node->d->file, m->state, &w, &m->w->arena, out, &wrong, e);
}

static int
target_of(struct docker_mounts *m, const struct docker_mount *x, struct str *out, struct err *e)
{
	struct arena *a = &m->w->arena;
	struct str to;
	if (expand(m, x, x->target, &to, e) < 0)
		return -1;
	if (to.n == 0)
		return err_set(e, ERR_INPUT, "the target of the mount is empty");
	*out = path_clean(a, to.p[0] == '/' ? to : path_join(a, docker_state_workdir(m->state), to));
	return 0;
}

static struct build_mount *
next(struct docker_mounts *m, enum build_mount_type type, struct str to)
{
	struct build_mount *b = &m->v[m->n++];
	*b = (struct build_mount){ .type = type, .to = to };
	return b;
}

static void
add_env(struct docker_mounts *m, struct str name, struct str value)
{
	m->env[m->nenv++] = arena_printf(&m->w->arena, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
}

/* ---- folders ---- */

int
docker_scratch(struct project *p, struct arena *a, struct str *out, struct err *e)
{
	const char *tmp = arena_z(a, path_join(a, p->cache->folder, STR("tmp")));
	if (file_mkdirs(AT_FDCWD, tmp, e) < 0)
		return -1;
	return file_scratch_dir(tmp, "docker-", a, out, e);
}

static int
unpack(struct project *p, const struct digest *layers, size_t n, struct arena *a, struct str *v, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (sandbox_unpack(p->cache, &layers[i], a, &v[i], e) < 0)
			return -1;
	}
	return 0;
}

int
docker_roots(struct project *p, const struct result *files, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	struct docker_layers l;
	struct digest *layers;
	if (docker_layers_read(files, a, &l, e) < 0)
		return -1;
	struct str *v = arena_array(a, struct str, l.n + 1);
	/* A blob that turns out to be damaged is gone then, and fetched again: each of them once. */
	for (size_t tries = 0;; tries++) {
		struct err why = { 0 };
		if (docker_layers_have(p, &l, a, &layers, n, e) < 0)
			return -1;
		if (unpack(p, layers, *n, a, v, &why) == 0)
			break;
		if (why.code != ERR_DAMAGED || tries == l.n) {
			*e = why;
			return -1;
		}
	}
	*out = v;
	return 0;
}

/* ---- bind ---- */

/* The files of the project that the mount names, as a folder. */
static int
bind_project(struct docker_mounts *m, size_t i, struct build_mount *b, struct err *e)
{
	const struct docker_selection *s = m->w->mounts[i];
	struct arena *a = &m->w->arena;
	struct str folder;
	struct layer *l = layer_new();
	int bad = 0;
	for (size_t k = 0; k < s->n && bad == 0; k++) {
		const struct docker_item *x = &s->v[k];
		const struct content c = { .digest = x->digest, .size = x->size };
		if (x->type == DOCKER_ITEM_FOLDER)
			bad = layer_add_folder(l, x->to, e);
		else if (x->type == DOCKER_ITEM_LINK)
			bad = layer_add_link(l, x->to, x->target, e);
		else
			bad = layer_add_file(l, x->to, x->mode & 0100, m->w->project->fd, arena_z(a, x->from), &c, e);
	}
	if (bad == 0 && (bad = docker_scratch(m->w->project, a, &folder, e)) == 0) {
		VEC_PUSH(&m->scratch, folder);
		AUTO_FD at = file_open_dir(AT_FDCWD, arena_z(a, folder), e);
		bad = at < 0 || chmod(arena_z(a, folder), 0755) < 0 ? -1 : layer_unpack(l, m->w->project->cache->blobs, at, e);
		struct str *roots = arena_new(a, struct str);
		*roots = folder;
		b->roots = roots;
		b->nroots = 1;
		if (s->n == 1 && s->v[0].leaf)
			b->from = arena_printf(a, "/" STR_FMT, STR_ARG(s->v[0].to));
	}
	layer_free(l);
	return bad;
}

static int
bind(struct docker_mounts *m, size_t i, const struct docker_mount *x, struct err *e)
{
	struct arena *a = &m->w->arena;
	const struct result *origin = docker_input_named(&m->w->task->inputs, "origin", arena_printf(a, "%zu", i));
	struct str to, source = { 0 }, *roots;
	if (target_of(m, x, &to, e) < 0 || expand(m, x, x->source, &source, e) < 0)
		return -1;
	struct build_mount *b = next(m, BUILD_TREE, to);
	b->read_only = x->read_only;
	if (!origin)
		return bind_project(m, i, b, e);
	if (docker_roots(m->w->project, origin, a, &roots, &b->nroots, e) < 0)
		return -1;
	b->roots = roots;
	if (b->nroots == 0)
		return err_set(e, ERR_INPUT, "the mount's origin has no files");
	source = path_clean(a, source.n > 0 ? source : STR("/"));
	if (!str_is(source, "/") && !str_is(source, "."))
		b->from = source.p[0] == '/' ? source : arena_printf(a, "/" STR_FMT, STR_ARG(source));
	return 0;
}

/* ---- cache ---- */

/* Its lock; -1 with ERR_BUSY: another build has it. */
static int
try_lock(struct docker_mounts *m, struct str folder, bool shared, int ms, struct err *e)
{
	struct arena *a = &m->w->arena;
	const int fd = lock_take(AT_FDCWD, arena_printf(a, STR_FMT ".lock", STR_ARG(folder)).p, shared, ms, e);
	if (fd >= 0)
		VEC_PUSH(&m->locks, fd);
	return fd;
}

/* Several at once, one after the other, or one for each. */
static int
take_lock(struct docker_mounts *m, const struct docker_mount *x, struct str *folder, struct err *e)
{
	const struct str first = *folder;
	for (size_t k = 1;; k++) {
		struct err why = { 0 };
		if (try_lock(m, *folder, x->sharing == DOCKER_SHARED, x->sharing == DOCKER_PRIVATE ? 0 : 200, &why) >= 0)
			return 0;
		if (why.code != ERR_BUSY || (x->sharing == DOCKER_PRIVATE && k == PRIVATE_MOST)) {
			*e = why;
			return -1;
		}
		if (atomic_load(&m->w->stop))
			return err_set(e, ERR_INTERRUPTED, "ended while it waited for a cache");
		if (x->sharing == DOCKER_PRIVATE)
			*folder = arena_printf(&m->w->arena, STR_FMT ".%zu", STR_ARG(first), k);
	}
}

static int
make_cache_folder(const char *folder, const struct docker_mount *x, struct err *e)
{
	struct file_stat st;
	if (file_stat(AT_FDCWD, folder, false, &st, NULL) == 0)
		return 0;
	if (file_mkdirs(AT_FDCWD, folder, e) < 0)
		return -1;
	if (chmod(folder, x->has_mode ? x->mode : 0755) < 0)
		return err_os(e, "set the mode of '%s'", folder);
	if (geteuid() == 0 && chown(folder, x->uid, x->gid) < 0)
		return err_os(e, "give '%s' its owner", folder);
	return 0;
}

static int
cache(struct docker_mounts *m, const struct docker_mount *x, struct err *e)
{
	struct arena *a = &m->w->arena;
	const struct cache *c = m->w->project->cache;
	struct str to, id;
	char hex[DIGEST_HEX + 1];
	if (x->from.n > 0)
		return err_set(e, ERR_INPUT, "a cache that begins with the files of 'from' is not supported; copy them in the command");
	if (target_of(m, x, &to, e) < 0 || expand(m, x, x->id.n > 0 ? x->id : to, &id, e) < 0)
		return -1;
	const struct digest d = digest_of(id);
	digest_hex(&d, hex);
	struct str folder = path_join(a, c->folder, arena_printf(a, "mounts/%.32s%s", hex, geteuid() == 0 ? "" : "-user"));
	if (file_mkdirs_parent(AT_FDCWD, arena_z(a, folder), e) < 0 || take_lock(m, x, &folder, e) < 0 ||
	    make_cache_folder(arena_z(a, folder), x, e) < 0)
		return -1;
	struct build_mount *b = next(m, BUILD_BIND, to);
	b->from = folder;
	b->read_only = x->read_only;
	return 0;
}

/* ---- secret and ssh ---- */

/* False: nobody gave one of that id. */
static bool
secret_value(struct docker_mounts *m, struct str id, struct str *out, struct err *e)
{
	struct project *p = m->w->project;
	struct arena *a = &m->w->arena;
	struct str from, path;
	AUTO_BUF text = { 0 };
	if (!docker_pair_get(&m->w->node->d->env->secrets, id, &from))
		return false;
	const struct str_cut c = str_cut(from, ':');
	if (str_is(c.head, "env")) {
		const char *value = project_env(p, c.tail);
		*out = value ? arena_str(a, str_z(value)) : (struct str){ 0 };
		return value != NULL;
	}
	const char *home = project_env(p, STR("HOME"));
	path = str_starts(c.tail, STR("~/")) && home ? path_join(a, str_z(home), str_drop(c.tail, 2)) : c.tail;
	if (file_read(p->fd, arena_z(a, path), SECRET_LIMIT, &text, e) < 0)
		return false;
	*out = arena_str(a, buf_str(&text));
	return true;
}

static int
secret(struct docker_mounts *m, const struct docker_mount *x, struct err *e)
{
	struct arena *a = &m->w->arena;
	struct str id, to, value = { 0 };
	struct err why = { 0 };
	const struct str named = x->id.n > 0 ? x->id : x->source.n > 0 ? x->source : path_base(x->target);
	if (expand(m, x, named, &id, e) < 0)
		return -1;
	if (!secret_value(m, id, &value, &why)) {
		if (!x->required && why.code == ERR_NONE)
			return 0;
		if (why.code != ERR_NONE)
			return err_set(e, why.code, "the secret '" STR_FMT "': %s", STR_ARG(id), why.text);
		return err_set(e, ERR_INPUT, "the secret '" STR_FMT "' is required, and nobody gave it: 'secrets:' of the environment names where it comes "
					     "from", STR_ARG(id));
	}
	m->secrets[m->nsecrets++] = value;
	if (x->env.n > 0)
		add_env(m, x->env, value);
	if (x->env.n > 0 && x->target.n == 0)
		return 0;
	if (x->target.n == 0)
		to = path_join(a, STR("/run/secrets"), path_base(id));
	else if (target_of(m, x, &to, e) < 0)
		return -1;
	struct build_mount *b = next(m, BUILD_SECRET, to);
	b->bytes = value;
	b->mode = x->has_mode ? x->mode : 0400;
	b->uid = x->uid;
	b->gid = x->gid;
	return 0;
}

static int
ssh(struct docker_mounts *m, size_t i, const struct docker_mount *x, struct err *e)
{
	const char *socket = project_env(m->w->project, STR("SSH_AUTH_SOCK"));
	struct str to = arena_printf(&m->w->arena, "/run/buildkit/ssh_agent.%zu", i);
	struct file_stat st;
	if (!socket || !*socket || file_stat(AT_FDCWD, socket, true, &st, NULL) < 0) {
		if (!x->required)
			return 0;
		return err_set(e, ERR_INPUT, "an SSH agent is required, and SSH_AUTH_SOCK names none");
	}
	if (x->target.n > 0 && target_of(m, x, &to, e) < 0)
		return -1;
	struct build_mount *b = next(m, BUILD_BIND, to);
	b->from = arena_str(&m->w->arena, str_z(socket));
	add_env(m, STR("SSH_AUTH_SOCK"), to);
	return 0;
}

static int
tmpfs(struct docker_mounts *m, const struct docker_mount *x, struct err *e)
{
	struct str to;
	if (target_of(m, x, &to, e) < 0)
		return -1;
	next(m, BUILD_TMPFS, to)->size = x->size;
	return 0;
}

/* ---- all of them ---- */

int
docker_mounts_take(struct docker_mounts *m, struct err *e)
{
	const struct docker_instruction *in = m->w->node->in;
	struct arena *a = &m->w->arena;
	m->v = arena_array(a, struct build_mount, in->nmounts + in->nheredocs + 1);
	m->env = arena_array(a, struct str, in->nmounts + 1);
	m->secrets = arena_array(a, struct str, in->nmounts + 1);
	for (size_t i = 0; i < in->nmounts; i++) {
		const struct docker_mount *x = &in->mounts[i];
		int bad = -1;
		switch (x->type) {
		case DOCKER_MOUNT_BIND:
			bad = bind(m, i, x, e);
			break;
		case DOCKER_MOUNT_CACHE:
			bad = cache(m, x, e);
			break;
		case DOCKER_MOUNT_TMPFS:
			bad = tmpfs(m, x, e);
			break;
		case DOCKER_MOUNT_SECRET:
			bad = secret(m, x, e);
			break;
		case DOCKER_MOUNT_SSH:
			bad = ssh(m, i, x, e);
			break;
		}
		if (bad < 0)
			return docker_blame(m->w->node->d, x->at, e);
	}
	return 0;
}

void
docker_mounts_done(struct docker_mounts *m)
{
	for (size_t i = 0; i < m->scratch.n; i++)
		(void)file_remove_tree(AT_FDCWD, arena_z(&m->w->arena, m->scratch.v[i]), NULL);
	for (size_t i = 0; i < m->locks.n; i++)
		file_closep(&m->locks.v[i]);
	VEC_DONE(&m->scratch);
	VEC_DONE(&m->locks);
}
