/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheel_build.h"

#include <stdlib.h>
#include <unistd.h>

#include "backends/wheel_make.h"
#include "rules/parent.h"
#include "rules/pytags.h"
#include "rules/wheelset.h"
#include "sys/file.h"

/* TABLE_MISC "wheel-built:IDENTITY" -> "SHA256 FILE" */
static struct str
built_key(const struct wheel_pin *w, struct arena *a)
{
	char hex[DIGEST_HEX + 1];

	digest_hex(&w->sha256, hex);
	return arena_printf(a, "wheel-built:%s", hex);
}

bool
wheel_built(struct project *p, const struct wheel_pin *w, struct arena *a, struct digest *blob, struct str *file)
{
	struct view *v = NULL;
	struct str value;

	if (view_begin(p->cache->records, &v, NULL) < 0)
		return false;
	bool ok = view_get(v, TABLE_MISC, built_key(w, a), &value);
	if (ok) {
		struct str_cut c = str_cut(value, ' ');
		ok = digest_parse(c.head, true, blob) && c.tail.n;
		*file = arena_str(a, c.tail);
	}
	view_end(v);
	return ok && blobs_has(p->cache->blobs, blob, NULL);
}

/* The file's name must say that it is the package, for this Python. */
static int
check(const struct wheel_pin *w, struct str file, struct arena *a, struct err *e)
{
	struct wheel_name n;

	if (!wheel_name_parse(file, a, &n) || !str_eq(n.name, w->name))
		return err_set(e, ERR_FAILED, "the build gave '" STR_FMT "', which is no wheel of " STR_FMT, STR_ARG(file), STR_ARG(w->name));
	if (!str_eq(n.version, w->version))
		return err_set(e, ERR_FAILED, "the build gave version " STR_FMT ", expected " STR_FMT, STR_ARG(n.version), STR_ARG(w->version));
	return 0;
}

static int
keep(struct project *p, const struct wheel_pin *w, struct str path, struct arena *a, struct err *e)
{
	struct batch b = { 0 };
	struct content c;
	char hex[DIGEST_HEX + 1];

	if (check(w, path_base(path), a, e) < 0 || blobs_put_file(p->cache->blobs, AT_FDCWD, arena_z(a, path), NULL, &c, e) < 0)
		return -1;
	digest_hex(&c.digest, hex);
	batch_put(&b, TABLE_MISC, built_key(w, a), arena_printf(a, "%s " STR_FMT, hex, STR_ARG(path_base(path))));
	const int bad = records_commit(p->cache->records, &b, false, 10000, e);
	batch_done(&b);
	return bad;
}

/* The archive with its own name: its ending says what it is. */
static int
put_archive(struct project *p, const struct wheel_pin *w, struct str scratch, struct arena *a, struct str *path, struct err *e)
{
	struct str name = path_base(w->file);

	*path = path_join(a, scratch, name);
	return blobs_checkout(p->cache->blobs, &w->source.sha256, AT_FDCWD, arena_z(a, *path), 0600, NULL, e);
}

static int
image_of(struct project *p, const struct wheel_workshop *at, struct arena *a, struct sandbox_spec *s, struct err *e)
{
	const struct parent_info *i = at->parent;
	struct str *roots = arena_array(a, struct str, i->nlayers + 1);

	if (parent_fetch(p, at->env, i, e) < 0)
		return -1;
	for (size_t k = 0; k < i->nlayers; k++)
		if (sandbox_unpack(p->cache, &i->layers[k].digest, a, &roots[k], e) < 0)
			return -1;
	*s = (struct sandbox_spec){ .roots = roots, .nroots = i->nlayers };
	return 0;
}

static int
build(struct project *p, const struct wheel_pin *w, const struct wheel_workshop *at, struct str scratch, atomic_bool *stop, struct arena *a, struct err *e)
{
	struct wheel_make m = { .repository = w->source.repository, .commit = w->source.commit, .subdirectory = w->source.subdirectory,
				.interpreter = at->interpreter, .envp = p->opts.environ_, .cwd = p->fd, .scratch = scratch, .offline = p->opts.offline,
				.stop = stop };
	struct sandbox_spec sandbox;
	struct str path;
	char *self = NULL;

	if (w->source.kind == WHEEL_OF_ARCHIVE && put_archive(p, w, scratch, a, &m.archive, e) < 0)
		return -1;
	if (!at->interpreter.n) {
		if (image_of(p, at, a, &sandbox, e) < 0)
			return -1;
		self = realpath("/proc/self/exe", NULL);
		if (!self)
			return err_os(e, "find the running program in /proc/self/exe");
		m.interpreter = at->parent->interpreter;
		m.sandbox = &sandbox;
		m.self = arena_z(a, str_z(self));
		free(self);
	}
	return wheel_make(&m, a, &path, e) < 0 ? -1 : keep(p, w, path, a, e);
}

int
wheel_build(struct project *p, const struct wheel_pin *w, const struct wheel_workshop *at, atomic_bool *stop, struct err *e)
{
	struct arena a = { 0 };
	struct str scratch;

	if (!at || (!at->interpreter.n && !at->parent))
		return err_set(e, ERR_BUG, STR_FMT " has to be built, and nobody says where", STR_ARG(w->name));
	int bad = resolver_scratch(p, &a, &scratch, e);
	if (!bad) {
		bad = build(p, w, at, scratch, stop, &a, e);
		(void)file_remove_tree(AT_FDCWD, arena_z(&a, scratch), NULL); /* it is in tmp/ */
	}
	arena_done(&a);
	return bad ? err_wrap(e, "build " STR_FMT " " STR_FMT, STR_ARG(w->name), STR_ARG(w->version)) : 0;
}
