/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/diff_layer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/diff_lower.h"
#include "base/vec.h"
#include "sys/file.h"

#define ROOM ((size_t)64 << 10)
#define XATTR_NAMES_MAX ((size_t)64 << 10)
#define MADE_MAX ((size_t)16 << 20)

struct item {
	struct layer_raw raw;
	dev_t dev;
	ino_t ino;
	bool shared; /* a file with several names */
	bool same;   /* as below */
};

/* A folder of the upper one whose names are still to be looked at. */
struct folder {
	struct str path;
	struct shown below; /* what the roots show of it, or would if it were not opaque */
	bool opaque;
};

struct diff {
	const struct diff_spec *s;
	struct arena arena;
	struct lower lower;
	int upper;
	VEC(struct item) items;
	VEC(struct folder) todo;
	struct map folders; /* path to index in items */
	char *room;         /* 2 * ROOM */
};

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static bool
told(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int
read_xattrs(struct diff *d, int at, const char *path, const struct tar_xattr **out, size_t *n, struct err *e)
{
	struct arena *a = &d->arena;
	const char *full = arena_printf(a, "/proc/self/fd/%d/%s", at, path).p;
	char *names = d->room;
	VEC(struct tar_xattr) v = { 0 };
	*out = NULL;
	*n = 0;
	const ssize_t size = llistxattr(full, names, XATTR_NAMES_MAX);
	if (size < 0)
		return errno == ENOTSUP ? 0 : err_os(e, "list the attributes of '%s'", path);
	for (ssize_t i = 0; i < size; i += (ssize_t)strlen(names + i) + 1) {
		const char *name = names + i;
		if (!told(name))
			continue;
		const ssize_t len = lgetxattr(full, name, d->room + ROOM, ROOM);
		if (len < 0) {
			VEC_DONE(&v);
			return err_os(e, "read the attribute %s of '%s'", name, path);
		}
		VEC_PUSH(&v, ((struct tar_xattr){ arena_str(a, str_z(name)), arena_str(a, (struct str){ d->room + ROOM, (size_t)len }) }));
	}
	if (v.n > 1)
		qsort(v.v, v.n, sizeof v.v[0], by_name);
	if (v.n > 0) {
		struct tar_xattr *kept = arena_array(a, struct tar_xattr, v.n);
		memcpy(kept, v.v, v.n * sizeof *kept);
		*out = kept;
		*n = v.n;
	}
	VEC_DONE(&v);
	return 0;
}

/* ---- comparing ------------------------------------------------------------------------------------------------- */

static ssize_t
read_some(int fd, char *to)
{
	size_t n = 0;
	while (n < ROOM) {
		const ssize_t got = read(fd, to + n, ROOM - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static int
same_content(struct diff *d, const char *path, int at, bool *same, struct err *e)
{
	AUTO_FD x = file_open(d->upper, path, O_RDONLY | O_NOFOLLOW, 0, e);
	AUTO_FD y = x < 0 ? -1 : file_open(at, path, O_RDONLY | O_NOFOLLOW, 0, e);
	if (x < 0 || y < 0)
		return -1;
	for (;;) {
		const ssize_t n = read_some(x, d->room), m = read_some(y, d->room + ROOM);
		if (n < 0 || m < 0)
			return err_os(e, "read '%s'", path);
		*same = n == m && memcmp(d->room, d->room + ROOM, (size_t)n) == 0;
		if (!*same || n == 0)
			return 0;
	}
}

static bool
same_xattrs(const struct layer_raw *x, const struct tar_xattr *v, size_t n)
{
	if (x->nxattrs != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(x->xattrs[i].name, v[i].name) || !str_eq(x->xattrs[i].value, v[i].value))
			return false;
	return true;
}

/* Is the item what the root `at` has there? st: the root's. */
static int
compare(struct diff *d, struct item *x, const char *path, const struct stat *own, int at, const struct stat *st, struct err *e)
{
	const struct tar_xattr *v;
	struct str target;
	size_t n;
	x->same = own->st_mode == st->st_mode && own->st_uid == st->st_uid && own->st_gid == st->st_gid;
	if (!x->same)
		return 0;
	if (S_ISLNK(st->st_mode)) {
		if (file_link_read(at, path, &d->arena, &target, e) < 0)
			return -1;
		x->same = str_eq(target, x->raw.target);
		return 0;
	}
	if (read_xattrs(d, at, path, &v, &n, e) < 0)
		return -1;
	x->same = same_xattrs(&x->raw, v, n) && (!S_ISREG(st->st_mode) || own->st_size == st->st_size);
	return x->same && S_ISREG(st->st_mode) ? same_content(d, path, at, &x->same, e) : 0;
}

/* ---- collecting ------------------------------------------------------------------------------------------------ */

static bool
omitted(const struct diff *d, struct str path, bool folder)
{
	for (size_t i = 0; i < d->s->nomit; i++) {
		const struct str x = d->s->omit[i];
		const bool below = x.n > 0 && x.p[x.n - 1] == '/';
		if (below ? !folder && str_starts(path, x) : path_match(x, path))
			return true;
	}
	return false;
}

static void
add_gone(struct diff *d, struct str path, enum layer_type type)
{
	if (type == LAYER_WHITEOUT && omitted(d, path, false))
		return;
	VEC_PUSH(&d->items, ((struct item){ .raw = { .type = type, .path = path } }));
}

/* The names that an opaque folder hides: each a whiteout, or the one mark when nothing of what was there is there again. */
static int
hide_rest(struct diff *d, struct folder *f, const struct map *have, struct err *e)
{
	struct map names = { 0 };
	struct str *v;
	size_t n, again = 0;
	const char *path = f->path.n ? arena_z(&d->arena, f->path) : ".";
	const int bad = lower_names(&d->lower, f->below, path, &d->arena, &names, &v, &n, e);
	map_done(&names);
	if (bad < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		again += map_get(have, v[i]) != MAP_NONE;
	if (n > 0 && again == 0) {
		add_gone(d, f->path, LAYER_OPAQUE);
		f->below = (struct shown){ 0 };
	}
	for (size_t i = 0; i < n && again > 0; i++)
		if (map_get(have, v[i]) == MAP_NONE)
			add_gone(d, path_join(&d->arena, f->path, v[i]), LAYER_WHITEOUT);
	return 0;
}

static int
look_at_type(struct diff *d, struct item *x, const char *path, const struct stat *st, struct err *e)
{
	struct layer_raw *r = &x->raw;
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		r->type = LAYER_FILE;
		r->size = (uint64_t)st->st_size;
		x->shared = st->st_nlink > 1;
		break;
	case S_IFDIR:
		r->type = LAYER_FOLDER;
		break;
	case S_IFLNK:
		r->type = LAYER_LINK;
		return file_link_read(d->upper, path, &d->arena, &r->target, e);
	case S_IFIFO:
		r->type = LAYER_FIFO;
		break;
	default:
		return err_set(e, ERR_INPUT, "the command left a device at '/%s', and devices cannot be in a layer", path);
	}
	return read_xattrs(d, d->upper, path, &r->xattrs, &r->nxattrs, e);
}

static int
look_at(struct diff *d, const struct folder *f, struct str name, struct err *e)
{
	const struct str path = path_join(&d->arena, f->path, name);
	const char *z = arena_z(&d->arena, path);
	struct stat st, low;
	struct shown below;
	int at = -1;
	if (fstatat(d->upper, z, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(e, "look at '/%s'", z);
	if (omitted(d, path, S_ISDIR(st.st_mode)))
		return 0;
	const bool found = lower_find(&d->lower, f->below, z, &d->arena, &at, &low, &below);
	if (S_ISSOCK(st.st_mode) || overlay_whiteout(d->upper, z, &st)) {
		if (found && !S_ISSOCK(low.st_mode))
			add_gone(d, path, LAYER_WHITEOUT);
		return 0;
	}
	struct item x = { .raw = { .path = path, .mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid }, .dev = st.st_dev,
			  .ino = st.st_ino };
	if (look_at_type(d, &x, z, &st, e) < 0 || (found && compare(d, &x, z, &st, at, &low, e) < 0))
		return -1;
	if (x.raw.type == LAYER_FOLDER) {
		const bool opaque = below.n > 0 && (f->opaque || overlay_opaque(d->upper, z));
		map_put(&d->folders, path, (uint32_t)d->items.n);
		VEC_PUSH(&d->todo, ((struct folder){ path, below, opaque }));
	}
	VEC_PUSH(&d->items, x);
	return 0;
}

static int
look_into(struct diff *d, struct folder f, struct err *e)
{
	struct file_entry *v;
	struct map have = { 0 };
	size_t n;
	int bad = file_list(d->upper, f.path.n ? arena_z(&d->arena, f.path) : ".", &d->arena, &v, &n, e);
	if (bad == 0 && f.opaque) {
		for (size_t i = 0; i < n; i++)
			map_put(&have, v[i].name, 1);
		bad = hide_rest(d, &f, &have, e);
	}
	for (size_t i = 0; i < n && bad == 0; i++)
		bad = look_at(d, &f, v[i].name, e);
	map_done(&have);
	return bad;
}

/* ---- choosing and telling -------------------------------------------------------------------------------------- */

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct item *)a)->raw.path, ((const struct item *)b)->raw.path);
}

static int
by_inode(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return str_cmp(x->raw.path, y->raw.path);
}

/* Of the names of one file the first becomes the file and the others its links; all are told when one is. */
static void
join_names(struct diff *d)
{
	VEC(struct item *) v = { 0 };
	for (size_t i = 0; i < d->items.n; i++)
		if (d->items.v[i].shared)
			VEC_PUSH(&v, &d->items.v[i]);
	if (v.n > 1)
		qsort(v.v, v.n, sizeof v.v[0], by_inode);
	for (size_t i = 0, end; i < v.n; i = end) {
		bool same = true;
		for (end = i; end < v.n && v.v[end]->ino == v.v[i]->ino && v.v[end]->dev == v.v[i]->dev; end++)
			same &= v.v[end]->same;
		for (size_t k = i; k < end && !same; k++) {
			v.v[k]->same = false;
			if (k == i)
				continue;
			v.v[k]->raw.type = LAYER_HARDLINK;
			v.v[k]->raw.target = v.v[i]->raw.path;
			v.v[k]->raw.size = 0;
		}
	}
	VEC_DONE(&v);
}

static void
tell_folders_above(struct diff *d)
{
	for (size_t i = 0; i < d->items.n; i++) {
		if (d->items.v[i].same)
			continue;
		const struct str path = d->items.v[i].raw.path;
		for (struct str up = path_dir(path); up.n < path.n && !str_is(up, "."); up = path_dir(up)) {
			const uint32_t at = map_get(&d->folders, up);
			if (at != MAP_NONE)
				d->items.v[at].same = false;
		}
		const uint32_t self = d->items.v[i].raw.type == LAYER_OPAQUE ? map_get(&d->folders, path) : MAP_NONE;
		if (self != MAP_NONE)
			d->items.v[self].same = false;
	}
}

static int
tell(struct diff *d, diff_entry *entry, void *ctx, struct err *e)
{
	join_names(d);
	tell_folders_above(d);
	if (d->items.n > 1)
		qsort(d->items.v, d->items.n, sizeof d->items.v[0], by_path);
	for (size_t i = 0; i < d->items.n; i++) {
		const struct layer_raw *r = &d->items.v[i].raw;
		if (d->items.v[i].same)
			continue;
		AUTO_FD fd = -1;
		if (r->type == LAYER_FILE && (fd = file_open(d->upper, arena_z(&d->arena, r->path), O_RDONLY | O_NOFOLLOW, 0, e)) < 0)
			return -1;
		if (entry(ctx, r, fd, e) < 0)
			return -1;
	}
	return 0;
}

/* What the sandbox made for its mounts goes, unless somebody filled it. */
static int
remove_made(const struct diff_spec *s, int upper, struct arena *a, struct err *e)
{
	AUTO_BUF made = { 0 };
	struct stat st;
	const char *path = arena_z(a, path_join(a, s->folder, STR("made")));
	if (!file_exists(AT_FDCWD, path))
		return 0;
	if (file_read(AT_FDCWD, path, MADE_MAX, &made, e) < 0)
		return -1;
	for (size_t end = made.n; end > 0;) { /* from the last: what is in a folder before the folder */
		size_t from = --end;
		while (from > 0 && made.p[from - 1] != '\0')
			from--;
		const char *inside = made.p + from;
		end = from;
		while (*inside == '/')
			inside++;
		if (!*inside || fstatat(upper, inside, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			(void)unlinkat(upper, inside, AT_REMOVEDIR); /* filled: it stays */
		else if (S_ISREG(st.st_mode) && st.st_size == 0)
			(void)unlinkat(upper, inside, 0);
	}
	return 0;
}

int
diff_walk(const struct diff_spec *s, diff_entry *entry, void *ctx, struct err *e)
{
	struct diff d = { .s = s, .upper = -1, .room = mem_alloc(2 * ROOM) };
	const char *upper = arena_z(&d.arena, path_join(&d.arena, s->folder, STR("upper")));
	int bad = d.upper = file_open_dir(AT_FDCWD, upper, e);
	if (bad >= 0)
		bad = remove_made(s, d.upper, &d.arena, e);
	if (bad == 0)
		bad = lower_open(&d.lower, s->roots, s->nroots, &d.arena, e);
	if (bad == 0)
		VEC_PUSH(&d.todo, ((struct folder){ .below = lower_top(&d.lower, &d.arena) }));
	while (bad == 0 && d.todo.n > 0)
		bad = look_into(&d, d.todo.v[--d.todo.n], e);
	if (bad == 0)
		bad = tell(&d, entry, ctx, e);
	lower_close(&d.lower);
	file_closep(&d.upper);
	map_done(&d.folders);
	VEC_DONE(&d.todo);
	VEC_DONE(&d.items);
	free(d.room);
	arena_done(&d.arena);
	return bad < 0 ? err_wrap(e, "take what was changed") : 0;
}
