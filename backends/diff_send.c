/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "backends/diff_layer.h"
#include "base/vec.h"
#include "sys/file.h"

#define ROOM ((size_t)256 << 10)
#define HEAD_MAX (UINT32_C(16) << 20) /* bytes of a record's head */

/* In the pipe: records; each a 32-bit length, then the head:
 *	u8 type (enum layer_type, END or FAILED), path, target, u32 mode uid gid, u64 size, u32 number of attributes, each name and value
 * then, of a file, its content. FAILED: u32 code, text. END: nothing. Both ends are this program. */
enum { END = 254, FAILED = 255 };

static int
send_head(int to, const struct buf *head, struct err *e)
{
	AUTO_BUF all = { 0 };
	buf_u32(&all, (uint32_t)head->n);
	buf_put(&all, buf_str(head));
	return file_write_all(to, buf_str(&all), e);
}

static int
read_part(int fd, char *to, size_t size, struct err *e)
{
	for (size_t n = 0; n < size;) {
		const ssize_t got = read(fd, to + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(e, "read");
		if (got == 0)
			return err_set(e, ERR_BUSY, "it ends before its time");
		n += (size_t)got;
	}
	return 0;
}

static int
send_entry(void *ctx, const struct layer_raw *r, int fd, struct err *e)
{
	const int to = *(const int *)ctx;
	AUTO_BUF head = { 0 };
	buf_u8(&head, (uint8_t)r->type);
	buf_text(&head, r->path);
	buf_text(&head, r->target);
	buf_u32(&head, r->mode);
	buf_u32(&head, r->uid);
	buf_u32(&head, r->gid);
	buf_u64(&head, r->size);
	buf_u32(&head, (uint32_t)r->nxattrs);
	for (size_t i = 0; i < r->nxattrs; i++) {
		buf_text(&head, r->xattrs[i].name);
		buf_text(&head, r->xattrs[i].value);
	}
	if (send_head(to, &head, e) < 0)
		return -1;
	char *room = r->type == LAYER_FILE ? mem_alloc(ROOM) : NULL;
	int bad = 0;
	for (uint64_t left = room ? r->size : 0; left > 0 && bad == 0;) {
		const size_t n = left < ROOM ? (size_t)left : ROOM;
		bad = read_part(fd, room, n, e) < 0 || file_write_all(to, (struct str){ room, n }, e) < 0 ? -1 : 0;
		left -= n;
	}
	free(room);
	return bad < 0 ? err_wrap(e, "'" STR_FMT "'", STR_ARG(r->path)) : 0;
}

int
diff_send(const struct diff_spec *s, int to, struct err *e)
{
	struct err why = { 0 };
	AUTO_BUF head = { 0 };
	if (diff_walk(s, send_entry, &to, &why) == 0) {
		buf_u8(&head, END);
	} else {
		buf_u8(&head, FAILED);
		buf_u32(&head, (uint32_t)why.code);
		buf_text(&head, str_z(why.text));
	}
	return send_head(to, &head, e);
}

/* Content from fd into the layer's spool. */
static int
spool(struct layer *l, int fd, struct layer_raw *r, struct err *e)
{
	char *room = mem_alloc(ROOM);
	int bad = 0;
	r->offset = layer_spooled(l);
	for (uint64_t left = r->size; left > 0 && bad == 0;) {
		const size_t n = left < ROOM ? (size_t)left : ROOM;
		bad = read_part(fd, room, n, e) < 0 || layer_spool(l, (struct str){ room, n }, e) < 0 ? -1 : 0;
		left -= n;
	}
	free(room);
	return bad < 0 ? err_wrap(e, "'" STR_FMT "'", STR_ARG(r->path)) : 0;
}

static int
add_entry(void *ctx, const struct layer_raw *r, int fd, struct err *e)
{
	struct layer *l = ctx;
	struct layer_raw x = *r;
	if (x.type == LAYER_FILE && spool(l, fd, &x, e) < 0)
		return -1;
	return layer_add_raw(l, &x, e);
}

int
diff_layer(const struct diff_spec *s, struct layer *into, struct err *e)
{
	return diff_walk(s, add_entry, into, e);
}

/* 1, 0 at the end, -1. */
static int
receive_one(int from, struct layer *into, struct err *e)
{
	AUTO_BUF b = { 0 };
	struct arena a = { 0 };
	char size[4];
	if (read_part(from, size, sizeof size, e) < 0)
		return -1;
	struct rd r = { .rest = { size, sizeof size } };
	const uint32_t n = rd_u32(&r);
	if (n == 0 || n > HEAD_MAX)
		return err_set(e, ERR_BUG, "its records are not understood");
	buf_reserve(&b, n);
	if (read_part(from, b.p, n, e) < 0)
		return -1;
	r = (struct rd){ .rest = { b.p, n } };
	const uint8_t type = rd_u8(&r);
	if (type == END)
		return 0;
	if (type == FAILED) {
		const uint32_t code = rd_u32(&r);
		const struct str text = rd_text(&r);
		return err_set(e, code > ERR_NONE && code <= ERR_BUG ? (enum err_code)code : ERR_BUG, STR_FMT, STR_ARG(text));
	}
	struct layer_raw x = { .type = (enum layer_type)type };
	x.path = rd_text(&r);
	x.target = rd_text(&r);
	x.mode = rd_u32(&r);
	x.uid = rd_u32(&r);
	x.gid = rd_u32(&r);
	x.size = rd_u64(&r);
	x.nxattrs = rd_u32(&r);
	struct tar_xattr *v = x.nxattrs < n ? arena_array(&a, struct tar_xattr, x.nxattrs + 1) : NULL;
	for (size_t i = 0; v && i < x.nxattrs; i++) {
		v[i].name = rd_text(&r);
		v[i].value = rd_text(&r);
	}
	x.xattrs = v;
	int bad = r.bad || !v || type > LAYER_OPAQUE ? err_set(e, ERR_BUG, "its records are not understood") : add_entry(into, &x, from, e);
	arena_done(&a);
	return bad < 0 ? -1 : 1;
}

int
diff_receive(int from, struct layer *into, struct err *e)
{
	int got;
	while ((got = receive_one(from, into, e)) == 1)
		;
	return got;
}
