/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/remote_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/file.h"

#define LOOK_MS 50 /* how often `stop` is looked at */
#define HEAD_MAX 400
#define ROOM ((size_t)64 << 10)
#define BLOBS_MAX 2000

static const char *const names[] = { "job", "need", "blob", "line", "image", "failed" };
#define NNAMES (sizeof names / sizeof names[0])

static int
await(const struct remote_wire *w, struct err *e)
{
	struct pollfd f = { .fd = w->in, .events = POLLIN };
	while (w->stop && poll(&f, 1, LOOK_MS) <= 0) {
		if (atomic_load(w->stop))
			return err_set(e, ERR_INTERRUPTED, "the build by another pawl was ended before it was done");
	}
	return 0;
}

static int
take(struct remote_wire *w, char *to, size_t n, struct err *e)
{
	for (size_t got = 0; got < n;) {
		if (await(w, e) < 0)
			return -1;
		const ssize_t k = read(w->in, to + got, n - got);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_os(e, "read from the other pawl");
		if (k == 0)
			return err_set(e, ERR_WORLD, "the other pawl ended in the middle of the conversation");
		got += (size_t)k;
	}
	return 0;
}

int
remote_receive(struct remote_wire *w, struct remote_message *out, struct err *e)
{
	char head[HEAD_MAX];
	size_t n = 0;
	AUTO_JS doc = NULL;
	do {
		if (n == sizeof head)
			return err_set(e, ERR_WORLD, "the other pawl says what is no message");
		if (take(w, head + n, 1, e) < 0)
			return -1;
	} while (head[n++] != '\n');
	if (js_parse((struct str){ head, n - 1 }, "message", &doc, NULL) < 0)
		return err_set(e, ERR_WORLD, "the other pawl says what is no message: '" STR_FMT "'", STR_ARG(str_take((struct str){ head, n - 1 }, 100)));
	const struct str type = js_str(js_get(doc, "type"));
	const int64_t size = js_num(js_get(doc, "size"));
	*out = (struct remote_message){ .size = size > 0 ? (uint64_t)size : 0 };
	size_t i = 0;
	while (i < NNAMES && !str_is(type, names[i]))
		i++;
	if (i == NNAMES || size < 0)
		return err_set(e, ERR_WORLD, "the other pawl says '" STR_FMT "', which this version does not know", STR_ARG(str_take(type, 40)));
	out->type = (enum remote_type)i;
	if (out->type == REMOTE_BLOB && !digest_parse(js_str(js_get(doc, "digest")), false, &out->digest))
		return err_set(e, ERR_WORLD, "the other pawl sends a blob without a digest");
	return 0;
}

int
remote_text(struct remote_wire *w, const struct remote_message *m, struct buf *out, struct err *e)
{
	if (m->size > REMOTE_JSON_MAX)
		return err_set(e, ERR_WORLD, "the other pawl sends a message that is too large");
	char *room = mem_alloc((size_t)m->size + 1);
	const int bad = take(w, room, (size_t)m->size, e);
	if (bad == 0)
		buf_put(out, (struct str){ room, (size_t)m->size });
	free(room);
	return bad;
}

int
remote_js(struct remote_wire *w, const struct remote_message *m, struct js **out, struct err *e)
{
	AUTO_BUF text = { 0 };
	if (remote_text(w, m, &text, e) < 0)
		return -1;
	if (js_parse(buf_str(&text), "message", out, NULL) < 0)
		return err_set(e, ERR_WORLD, "the other pawl sends JSON that is none");
	return 0;
}

int
remote_take_blob(struct remote_wire *w, const struct remote_message *m, struct blobs *b, struct err *e)
{
	struct blob_writer *to;
	if (blob_begin(b, &to, e) < 0)
		return -1;
	char *room = mem_alloc(ROOM);
	int bad = 0;
	for (uint64_t left = m->size; left > 0 && bad == 0;) {
		const size_t n = left < ROOM ? (size_t)left : ROOM;
		bad = take(w, room, n, e);
		if (bad == 0)
			bad = blob_write(to, (struct str){ room, n }, e);
		left -= n;
	}
	free(room);
	if (bad < 0) {
		blob_abort(to);
		return -1;
	}
	return blob_commit(to, &m->digest, NULL, NULL, e);
}

static int
send_head(struct remote_wire *w, enum remote_type type, const struct digest *d, uint64_t size, struct err *e)
{
	AUTO_JS head = js_map();
	AUTO_BUF text = { 0 };
	char name[DIGEST_TEXT + 1];
	if (d) {
		digest_text(d, name);
		js_set(head, "digest", js_textz(name));
	}
	js_set(head, "size", js_int((int64_t)size));
	js_set(head, "type", js_textz(names[type]));
	js_write(head, &text);
	buf_putc(&text, '\n');
	return file_write_all(w->out, buf_str(&text), e);
}

int
remote_send(struct remote_wire *w, enum remote_type type, struct str bytes, struct err *e)
{
	if (send_head(w, type, NULL, bytes.n, e) < 0 || file_write_all(w->out, bytes, e) < 0)
		return err_wrap(e, "write to the other pawl");
	return 0;
}

int
remote_send_js(struct remote_wire *w, enum remote_type type, const struct js *doc, struct err *e)
{
	AUTO_BUF text = { 0 };
	js_write(doc, &text);
	return remote_send(w, type, buf_str(&text), e);
}

int
remote_send_blob(struct remote_wire *w, struct blobs *b, const struct digest *d, struct err *e)
{
	struct blob_reader *r;
	uint64_t size;
	size_t n;
	if (!blobs_has(b, d, &size) || blob_open(b, d, &r, e) < 0)
		return err_set(e, ERR_MISSING, "a blob that the other pawl needs is not in the store");
	char *room = mem_alloc(ROOM);
	int bad = send_head(w, REMOTE_BLOB, d, size, e);
	while (bad == 0 && (bad = blob_next(r, room, ROOM, &n, e)) == 0 && n > 0)
		bad = file_write_all(w->out, (struct str){ room, n }, e);
	free(room);
	blob_close(r);
	return bad;
}

/* ---- only what is missing ---- */

int
remote_fetch(struct remote_wire *w, struct blobs *b, const struct js *list, struct err *e)
{
	AUTO_JS need = js_list();
	if (js_len(list) > BLOBS_MAX)
		return err_set(e, ERR_WORLD, "the other pawl names more than %d blobs", BLOBS_MAX);
	for (size_t i = 0; i < js_len(list); i++) {
		const struct str name = js_str(js_get(js_at(list, i), "digest"));
		struct digest d;
		if (!digest_parse(name, false, &d))
			return err_set(e, ERR_WORLD, "the other pawl names a blob without a digest");
		if (!blobs_has(b, &d, NULL))
			js_push(need, js_text(name));
	}
	if (remote_send_js(w, REMOTE_NEED, need, e) < 0)
		return -1;
	for (size_t i = 0; i < js_len(need); i++) {
		struct remote_message m;
		struct digest d;
		(void)digest_parse(js_str(js_at(need, i)), false, &d);
		if (remote_receive(w, &m, e) < 0)
			return -1;
		if (m.type != REMOTE_BLOB || !digest_eq(&m.digest, &d))
			return err_set(e, ERR_WORLD, "the other pawl sends something else than was asked for");
		if (remote_take_blob(w, &m, b, e) < 0)
			return -1;
	}
	return 0;
}

static bool
listed(const struct js *list, struct str digest)
{
	for (size_t i = 0; i < js_len(list); i++) {
		if (str_eq(js_str(js_get(js_at(list, i), "digest")), digest))
			return true;
	}
	return false;
}

int
remote_serve(struct remote_wire *w, struct blobs *b, const struct js *list, struct err *e)
{
	struct remote_message m;
	AUTO_JS need = NULL;
	if (remote_receive(w, &m, e) < 0)
		return -1;
	if (m.type != REMOTE_NEED || remote_js(w, &m, &need, e) < 0)
		return err_set(e, ERR_WORLD, "the other pawl does not say what it needs");
	for (size_t i = 0; i < js_len(need); i++) {
		const struct str name = js_str(js_at(need, i));
		struct digest d;
		if (!digest_parse(name, false, &d) || !listed(list, name)) /* it gets nothing else of ours */
			return err_set(e, ERR_WORLD, "the other pawl asks for a blob that has nothing to do with the build");
		if (remote_send_blob(w, b, &d, e) < 0)
			return -1;
	}
	return 0;
}
