/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/venv.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/layer.h"
#include "backends/venv_scripts.h"
#include "backends/wheel.h"
#include "cache/unpacked.h"
#include "sys/file.h"
#include "sys/pool.h"

#define WHEELS "venvs/wheels"

/* What is being made. Paths are absolute: the cache's folder is. */
struct making {
	struct cache *c;
	const struct venv_spec *s;
	struct arena arena;
	struct str series_lib;    /* "lib/python3.11/site-packages" */
	struct str *unpacked;     /* by wheel: its final folder */
	struct str *fresh;        /* by wheel: where it was unpacked now; empty: it was there */
	struct err *errs;         /* by wheel */
	struct str folder;        /* of the venv while it is built */
};

struct str
venv_path(const struct cache *c, struct str name, struct arena *a)
{
	return arena_printf(a, STR_FMT "/venvs/" STR_FMT, STR_ARG(c->folder), STR_ARG(name));
}

bool
venv_there(const struct cache *c, struct str name)
{
	struct arena a = { 0 };
	struct str path = venv_path(c, name, &a);
	struct file_stat st;
	bool there = file_stat(AT_FDCWD, arena_z(&a, path_join(&a, path, STR("bin/python"))), true, &st, NULL) == 0 &&
		     file_exists(AT_FDCWD, arena_z(&a, path_join(&a, path, STR("pyvenv.cfg"))));

	arena_done(&a);
	return there;
}

static bool
stopped(const struct making *m)
{
	return m->s->stop && atomic_load(m->s->stop);
}

/* ---- wheels ---- */

static int
unpack(struct making *m, const struct venv_wheel *w, struct str folder, struct err *e)
{
	const struct wheel_scheme scheme = {
		.purelib = m->series_lib, .platlib = m->series_lib, .scripts = STR("bin"), .data = { 0 },
		.headers = STR("include/site"), .python = STR(VENV_PLACEHOLDER), .tag = STR("venv"),
	};
	struct arena a = { 0 };
	struct layer *l = layer_new();
	AUTO_FD at = file_open_dir(AT_FDCWD, arena_z(&a, folder), e);

	int bad = at < 0 || wheel_add_named(m->c->blobs, &w->digest, w->file, &scheme, l, e) < 0 || layer_unpack(l, m->c->blobs, at, e) < 0;
	layer_free(l);
	arena_done(&a);
	return bad ? -1 : 0;
}

static void
unpack_one(void *ctx, size_t i)
{
	struct making *m = ctx;
	struct err *e = &m->errs[i];

	if (!m->fresh[i].n)
		return;
	if (stopped(m))
		(void)err_set(e, ERR_INTERRUPTED, "ended before it was done");
	else
		(void)unpack(m, &m->s->wheels[i], m->fresh[i], e);
}

static int
scratch(struct making *m, const char *prefix, struct str *out, struct err *e)
{
	struct str tmp = path_join(&m->arena, m->c->folder, STR("tmp"));

	if (file_mkdirs(m->c->fd, "tmp", e) < 0)
		return -1;
	return file_scratch_dir(arena_z(&m->arena, tmp), prefix, &m->arena, out, e);
}

static int
plan_wheels(struct making *m, struct err *e)
{
	const struct venv_spec *s = m->s;

	m->unpacked = arena_array(&m->arena, struct str, s->nwheels);
	m->fresh = arena_array(&m->arena, struct str, s->nwheels);
	m->errs = arena_array(&m->arena, struct err, s->nwheels);
	if (file_mkdirs(m->c->fd, WHEELS, e) < 0)
		return -1;
	for (size_t i = 0; i < s->nwheels; i++) {
		char hex[DIGEST_HEX + 1];
		digest_hex(&s->wheels[i].digest, hex);
		m->unpacked[i] = arena_printf(&m->arena, STR_FMT "/" WHEELS "/%s-py" STR_FMT "-%d.%d", STR_ARG(m->c->folder), hex,
					      STR_ARG(s->series), WHEEL_FORMAT, VENV_FORMAT);
		if (file_exists(AT_FDCWD, m->unpacked[i].p)) {
			unpacked_use(m->c, m->unpacked[i].p + m->c->folder.n + 1);
			continue;
		}
		if (scratch(m, "wheel-", &m->fresh[i], e) < 0)
			return -1;
	}
	return 0;
}

/* What was written is on the disk before its name is; a folder that somebody else finished first is as good. */
static int
publish(struct making *m, struct str from, struct str to, struct err *e)
{
	struct err why = { 0 };
	const char *z = arena_z(&m->arena, to);

	if (chmod(arena_z(&m->arena, from), 0755) < 0)
		return err_os(e, "set the mode of '" STR_FMT "'", STR_ARG(from));
	if (file_rename(AT_FDCWD, arena_z(&m->arena, from), AT_FDCWD, z, &why) == 0)
		return 0;
	if (file_exists(AT_FDCWD, z))
		return file_remove_tree(AT_FDCWD, arena_z(&m->arena, from), e);
	if (e)
		*e = why;
	return -1;
}

static int
sync_all(struct making *m, struct err *e)
{
	return syncfs(m->c->fd) < 0 ? err_os(e, "write the cache to the disk") : 0;
}

static int
unpack_wheels(struct making *m, struct err *e)
{
	bool any = false;

	if (plan_wheels(m, e) < 0)
		return -1;
	pool_each(m->s->nwheels, 1, 0, unpack_one, m);
	for (size_t i = 0; i < m->s->nwheels; i++) {
		if (m->errs[i].code) {
			if (e)
				*e = m->errs[i];
			return -1;
		}
		any = any || m->fresh[i].n;
	}
	if (any && sync_all(m, e) < 0)
		return -1;
	for (size_t i = 0; i < m->s->nwheels; i++) {
		if (!m->fresh[i].n)
			continue;
		if (publish(m, m->fresh[i], m->unpacked[i], e) < 0)
			return -1;
		m->fresh[i].n = 0;
	}
	return 0;
}

/* ---- the venv ---- */

static int
copy_file(const char *from, const char *to, mode_t mode, struct err *e)
{
	AUTO_FD in = file_open(AT_FDCWD, from, O_RDONLY | O_NOFOLLOW, 0, e);
	int out = in < 0 ? -1 : file_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL, 0600, e);

	if (out < 0)
		return -1;
	int bad = file_copy_fd(in, out, e);
	if (!bad && fchmod(out, mode & 0111 ? 0555 : 0444) < 0)
		bad = err_os(e, "set the mode of '%s'", to);
	if (file_close(&out, to, bad ? NULL : e) < 0)
		bad = -1;
	return bad;
}

static int
link_file(const FTSENT *f, const char *to, struct err *e)
{
	if (link(f->fts_accpath, to) == 0)
		return 0;
	if (errno == EEXIST) { /* two wheels have the path: the later wins */
		struct stat st;
		if (lstat(to, &st) == 0 && S_ISLNK(st.st_mode))
			return err_set(e, ERR_INPUT, "it would replace the interpreter '%s'", to);
		if (unlink(to) < 0)
			return err_os(e, "replace '%s'", to);
		if (link(f->fts_accpath, to) == 0)
			return 0;
	}
	if (errno != EXDEV && errno != EMLINK && errno != EPERM && errno != EOPNOTSUPP)
		return err_os(e, "link '%s'", to);
	return copy_file(f->fts_accpath, to, f->fts_statp->st_mode, e);
}

static int
place(struct making *m, const FTSENT *f, size_t skip, struct err *e)
{
	struct arena a = { 0 };
	const char *to = arena_z(&a, path_join(&a, m->folder, str_z(f->fts_path + skip)));
	int bad = 0;

	switch (f->fts_info) {
	case FTS_D:
		if (f->fts_level > 0 && mkdir(to, 0755) < 0 && errno != EEXIST)
			bad = err_os(e, "make the folder '%s'", to);
		break;
	case FTS_F:
		bad = link_file(f, to, e);
		break;
	case FTS_DP:
		break;
	default:
		bad = err_set(e, ERR_DAMAGED, "'%s' in the cache is neither file nor folder", f->fts_path);
	}
	arena_done(&a);
	return bad;
}

/* Everything of an unpacked wheel. Scripts and RECORD are rewritten afterwards (venv_scripts_fix). */
static int
place_wheel(struct making *m, struct str from, struct err *e)
{
	char *paths[] = { arena_z(&m->arena, from), NULL };
	FTS *t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int bad = 0;

	if (!t)
		return err_os(e, "read '" STR_FMT "'", STR_ARG(from));
	for (;;) {
		errno = 0;
		const FTSENT *f = fts_read(t);
		if (!f)
			break;
		bad = place(m, f, from.n + (f->fts_level > 0), e);
		if (bad)
			break;
	}
	if (!bad && errno)
		bad = err_os(e, "read '" STR_FMT "'", STR_ARG(from));
	(void)fts_close(t); /* it was only read */
	return bad;
}

static int
skeleton(struct making *m, struct err *e)
{
	const struct venv_spec *s = m->s;
	struct arena *a = &m->arena;
	AUTO_FD at = file_open_dir(AT_FDCWD, arena_z(a, m->folder), e);
	struct str series = arena_printf(a, "bin/python" STR_FMT, STR_ARG(s->series));

	if (at < 0 || file_mkdirs(at, "bin", e) < 0 || file_mkdirs(at, arena_z(a, m->series_lib), e) < 0)
		return -1;
	if (symlinkat("lib", at, "lib64") < 0 || symlinkat(arena_z(a, s->executable), at, "bin/python") < 0 ||
	    symlinkat("python", at, "bin/python3") < 0 || symlinkat("python", at, series.p) < 0)
		return err_os(e, "make the links to the interpreter");
	struct str cfg = arena_printf(a, "home = " STR_FMT "\ninclude-system-site-packages = false\nversion = " STR_FMT "\nexecutable = " STR_FMT
					 "\n", STR_ARG(path_dir(s->executable)), STR_ARG(s->version), STR_ARG(s->executable));
	return file_replace(at, "pyvenv.cfg", cfg, 0444, false, e);
}

static int
build(struct making *m, struct err *e)
{
	struct str final = venv_path(m->c, m->s->name, &m->arena);
	struct str python = path_join(&m->arena, final, STR("bin/python"));

	if (unpack_wheels(m, e) < 0 || scratch(m, "venv-", &m->folder, e) < 0 || skeleton(m, e) < 0)
		return -1;
	for (size_t i = 0; i < m->s->nwheels; i++) {
		if (stopped(m))
			return err_set(e, ERR_INTERRUPTED, "ended before it was done");
		if (place_wheel(m, m->unpacked[i], e) < 0)
			return err_wrap(e, STR_FMT, STR_ARG(m->s->wheels[i].file));
	}
	if (venv_scripts_fix(m->folder, m->series_lib, python, e) < 0 || sync_all(m, e) < 0)
		return -1;
	/* One that lost its interpreter is in the way. */
	if (!venv_there(m->c, m->s->name) && file_remove_tree(AT_FDCWD, arena_z(&m->arena, final), e) < 0)
		return -1;
	return publish(m, m->folder, final, e);
}

int
venv_make(struct cache *c, const struct venv_spec *s, struct err *e)
{
	struct making m = { .c = c, .s = s };

	unpacked_use(c, arena_z(&m.arena, path_join(&m.arena, STR("venvs"), s->name)));
	if (venv_there(c, s->name)) {
		arena_done(&m.arena);
		return 0;
	}
	m.series_lib = arena_printf(&m.arena, "lib/python" STR_FMT "/site-packages", STR_ARG(s->series));
	int bad = build(&m, e);
	if (bad) {
		for (size_t i = 0; m.fresh && i < s->nwheels; i++)
			if (m.fresh[i].n)
				(void)file_remove_tree(AT_FDCWD, m.fresh[i].p, NULL); /* tmp/ is swept */
		if (m.folder.n)
			(void)file_remove_tree(AT_FDCWD, m.folder.p, NULL);
		(void)err_wrap(e, "make a virtual environment in the cache");
	}
	arena_done(&m.arena);
	return bad;
}
