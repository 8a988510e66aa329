/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/tree.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "base/vec.h"
#include "sys/pool.h"

enum { GRAIN = 8 };

struct entries {
	VEC_FIELDS(struct tree_entry);
};

static int
by_path(const void *a, const void *b)
{
	return str_cmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

/* Names and links first, in one thread; the files' contents follow in many. */
struct scan {
	int at;
	const char *path;
	const struct tree_reader *reader;
	struct arena *arena, scratch;
	struct entries found;
	VEC(struct str) todo; /* folders to list, relative to path; "" is path itself */
	const char **full;    /* per entry: its path from `at` */
	pthread_mutex_t lock;
	size_t failed;        /* least index that failed, so that the message does not depend on the threads' order */
	struct err why;
};

static int
add(struct scan *s, struct str folder, const struct file_entry *entry, struct err *e)
{
	struct tree_entry t = { .path = path_join(s->arena, folder, entry->name) };
	const char *full = arena_z(&s->scratch, path_join(&s->scratch, str_z(s->path), t.path));
	switch (entry->type) {
	case FILE_REGULAR:
		t.type = TREE_FILE;
		break;
	case FILE_FOLDER:
		t.type = TREE_FOLDER;
		VEC_PUSH(&s->todo, t.path);
		break;
	case FILE_LINK:
		t.type = TREE_LINK;
		if (file_link_read(s->at, full, s->arena, &t.target, e) < 0)
			return -1;
		break;
	case FILE_OTHER:
		return err_set(e, ERR_INPUT, "'%s' is neither a file, a folder nor a link", full);
	}
	VEC_PUSH(&s->found, t);
	return 0;
}

static int
list(struct scan *s, struct err *e)
{
	const struct str top = { 0 };
	VEC_PUSH(&s->todo, top);
	while (s->todo.n) {
		const struct str folder = s->todo.v[--s->todo.n];
		const char *full = arena_z(&s->scratch, path_join(&s->scratch, str_z(s->path), folder));
		struct file_entry *v;
		size_t n;
		if (file_list(s->at, full, &s->scratch, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (add(s, folder, &v[i], e) < 0)
				return -1;
	}
	return 0;
}

static int
read_content(int at, const char *path, struct content *out, struct err *e)
{
	AUTO_FD fd = file_open(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, e);
	if (fd < 0)
		return -1;
	return content_of_fd(fd, out, e) < 0 ? err_wrap(e, "'%s'", path) : 0;
}

static int
fill(const struct scan *s, struct tree_entry *t, const char *full, struct err *e)
{
	struct file_stat st;
	struct content c;
	if (file_stat(s->at, full, false, &st, e) < 0)
		return -1;
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_WORLD, "'%s' was replaced while it was read", full);
	const int r = s->reader ? s->reader->content(s->reader->ctx, s->at, full, &st, &c, e) : read_content(s->at, full, &c, e);
	if (r < 0)
		return -1;
	t->type = st.mode & S_IXUSR ? TREE_EXEC : TREE_FILE;
	t->digest = c.digest;
	t->size = c.size;
	return 0;
}

static void
fill_one(void *ctx, size_t i)
{
	struct scan *s = ctx;
	struct tree_entry *t = &s->found.v[i];
	struct err why;
	if (t->type != TREE_FILE || fill(s, t, s->full[i], &why) == 0)
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (i < s->failed) {
		s->failed = i;
		s->why = why;
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static int
hash_all(struct scan *s, struct err *e)
{
	const size_t n = s->found.n;
	if (n)
		qsort(s->found.v, n, sizeof *s->found.v, by_path);
	s->full = arena_array(&s->scratch, const char *, n);
	for (size_t i = 0; i < n; i++)
		s->full[i] = arena_z(&s->scratch, path_join(&s->scratch, str_z(s->path), s->found.v[i].path));
	s->failed = SIZE_MAX;
	(void)pthread_mutex_init(&s->lock, NULL);
	pool_each(n, GRAIN, 0, fill_one, s);
	(void)pthread_mutex_destroy(&s->lock);
	if (s->failed == SIZE_MAX)
		return 0;
	if (e)
		*e = s->why;
	return -1;
}

int
tree_scan(int at, const char *path, const struct tree_reader *reader, struct arena *a, struct tree *out, struct err *e)
{
	struct scan s = { .at = at, .path = path, .reader = reader, .arena = a };
	int r = list(&s, e);
	if (r == 0)
		r = hash_all(&s, e);
	if (r == 0) {
		struct tree_entry *v = arena_array(a, struct tree_entry, s.found.n);
		if (s.found.n)
			memcpy(v, s.found.v, s.found.n * sizeof *v);
		*out = (struct tree){ .v = v, .n = s.found.n };
	}
	VEC_DONE(&s.found);
	VEC_DONE(&s.todo);
	arena_done(&s.scratch);
	return r < 0 ? err_wrap(e, "read folder '%s'", path) : 0;
}

static void
put_escaped(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			buf_puts(out, "\\n");
		else if (s.p[i] == '\\')
			buf_puts(out, "\\\\");
		else
			buf_putc(out, s.p[i]);
	}
}

void
tree_write(const struct tree *t, struct buf *out)
{
	AUTO_BUF target = { 0 };
	char hex[DIGEST_HEX + 1];
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *entry = &t->v[i];
		buf_putc(out, (char)entry->type);
		buf_putc(out, ' ');
		switch (entry->type) {
		case TREE_FILE:
		case TREE_EXEC:
			digest_hex(&entry->digest, hex);
			buf_printf(out, "%s %" PRIu64 " ", hex, entry->size);
			break;
		case TREE_LINK:
			buf_reset(&target);
			put_escaped(&target, entry->target);
			buf_printf(out, "%zu %s ", target.n, buf_z(&target));
			break;
		case TREE_FOLDER:
			break;
		}
		put_escaped(out, entry->path);
		buf_putc(out, '\n');
	}
}
