/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/joblog.h"

#include <stdlib.h>
#include <string.h>

#include "backends/zst.h"
#include "sys/clock.h"

#define KEEP 262144 /* bytes of text in memory before they are packed */

struct joblog {
	struct blobs *blobs;
	struct buf text, packed;
	struct zst_pack *zst;     /* made when text is packed for the first time */
	struct blob_writer *blob; /* likewise */
	int64_t start;
	uint64_t bytes;           /* of text, in all */
	uint64_t left_out;        /* lines */
	bool lost;                /* it cannot be stored */
};

struct joblog *
joblog_new(struct blobs *b)
{
	struct joblog *l = mem_zalloc(sizeof *l);

	l->blobs = b;
	l->lost = b == NULL;
	return l;
}

void
joblog_drop(struct joblog *l)
{
	if (l == NULL)
		return;
	blob_abort(l->blob);
	zst_pack_free(l->zst);
	buf_done(&l->text);
	buf_done(&l->packed);
	free(l);
}

/* Packs what is there; what was packed goes to the blob. */
static void
flush(struct joblog *l, bool end)
{
	if (l->lost)
		return;
	if (l->zst == NULL)
		l->zst = zst_pack_new(3);
	zst_pack_add(l->zst, buf_str(&l->text), &l->packed);
	buf_reset(&l->text);
	if (end)
		zst_pack_end(l->zst, &l->packed);
	if (l->blob == NULL && blob_begin(l->blobs, &l->blob, NULL) < 0)
		l->lost = true;
	else if (blob_write(l->blob, buf_str(&l->packed), NULL) < 0)
		l->lost = true;
	buf_reset(&l->packed);
}

static void
put(struct joblog *l, int stream, int64_t at, struct str text)
{
	const size_t before = l->text.n;

	if (l->bytes == 0) {
		l->start = at;
		buf_printf(&l->text, "pawl-log 1 %lld\n", (long long)at);
	}
	/* The clock may have been set back meanwhile; times in a log never are. */
	const int64_t us = at > l->start ? (at - l->start) / 1000 : 0;

	buf_printf(&l->text, "%lld %d ", (long long)us, stream);
	buf_put(&l->text, text);
	buf_putc(&l->text, '\n');
	l->bytes += l->text.n - before;
	if (l->text.n >= KEEP)
		flush(l, false);
}

void
joblog_line(struct joblog *l, int stream, int64_t at, struct str text)
{
	if (l->lost)
		return;
	if (l->bytes >= JOBLOG_MAX)
		l->left_out++;
	else
		put(l, stream, at, text);
}

struct digest
joblog_end(struct joblog *l)
{
	struct digest d = { 0 };

	if (l->left_out > 0) {
		AUTO_BUF b = { 0 };

		buf_printf(&b, "(pawl: %llu further lines are left out: a log keeps %llu bytes)",
			   (unsigned long long)l->left_out, (unsigned long long)JOBLOG_MAX);
		put(l, 2, clock_real(), buf_str(&b));
	}
	if (l->bytes > 0)
		flush(l, true);
	if (!l->lost && l->blob != NULL) {
		struct digest got;

		if (blob_commit(l->blob, NULL, &got, NULL, NULL) == 0)
			d = got;
		l->blob = NULL;
	}
	joblog_drop(l);
	return d;
}

struct reading {
	bool (*call)(void *ctx, int stream, int64_t at, struct str text);
	void *ctx;
	int64_t start;
	bool begun, stopped;
};

static bool
read_head(struct reading *r, struct str line)
{
	const struct str head = STR("pawl-log 1 ");
	uint64_t ns;

	if (!str_starts(line, head) || !str_u64(str_drop(line, head.n), &ns) || ns > INT64_MAX)
		return false;
	r->start = (int64_t)ns;
	r->begun = true;
	return true;
}

static bool
read_line(struct reading *r, struct str line)
{
	if (!r->begun)
		return read_head(r, line);
	const struct str_cut time = str_cut(line, ' ');
	const struct str_cut stream = str_cut(time.tail, ' ');
	uint64_t us;

	if (!time.ok || !stream.ok || !str_u64(time.head, &us) || us > INT64_MAX / 2000)
		return false;
	if (!str_is(stream.head, "1") && !str_is(stream.head, "2"))
		return false;
	r->stopped = !r->call(r->ctx, stream.head.p[0] - '0', r->start + (int64_t)us * 1000, stream.tail);
	return true;
}

/* Gives out the whole lines in text and keeps the rest. */
static int
read_lines(struct reading *r, struct buf *text, struct err *e)
{
	struct str rest = buf_str(text);

	while (!r->stopped) {
		const struct str_cut c = str_cut(rest, '\n');

		if (!c.ok)
			break;
		if (!read_line(r, c.head))
			return err_set(e, ERR_DAMAGED, "a line of the log is not understood");
		rest = c.tail;
	}
	const size_t n = rest.n;

	if (n > 0)
		memmove(text->p, rest.p, n);
	text->n = n;
	return 0;
}

int
joblog_read(struct blobs *b, const struct digest *d, bool (*call)(void *ctx, int stream, int64_t at, struct str text),
	    void *ctx, struct err *e)
{
	struct reading r = { .call = call, .ctx = ctx };
	struct blob_reader *blob;
	AUTO_BUF text = { 0 };
	char piece[16384];
	size_t n = 0;
	int ret;

	if (blob_open(b, d, &blob, e) < 0)
		return err_wrap(e, "read a log");
	struct zst_unpack *z = zst_unpack_new(JOBLOG_MAX * 2);

	while ((ret = blob_next(blob, piece, sizeof piece, &n, e)) == 0 && n > 0 && !r.stopped) {
		ret = zst_unpack_add(z, (struct str){ piece, n }, &text, e);
		if (ret == 0)
			ret = read_lines(&r, &text, e);
		if (ret < 0)
			break;
	}
	if (ret == 0 && !r.stopped && (!zst_unpack_whole(z) || text.n > 0))
		ret = err_set(e, ERR_DAMAGED, "the log ends too early");
	zst_unpack_free(z);
	blob_close(blob);
	return ret < 0 ? err_wrap(e, "read a log") : 0;
}

struct tail {
	struct joblog_line *ring;
	struct buf *text; /* one per place */
	size_t size, n;
};

static bool
tail_line(void *ctx, int stream, int64_t at, struct str text)
{
	struct tail *t = ctx;
	const size_t i = t->n++ % t->size;

	buf_reset(&t->text[i]);
	buf_put(&t->text[i], text);
	t->ring[i] = (struct joblog_line){ .stream = stream, .at = at };
	return true;
}

int
joblog_tail(struct blobs *b, const struct digest *d, size_t n, struct arena *a, struct joblog_line **out, size_t *nout,
	    struct err *e)
{
	struct tail t = { .size = n };

	*nout = 0;
	if (n == 0)
		return 0;
	t.ring = arena_array(a, struct joblog_line, n);
	t.text = mem_zalloc(n * sizeof *t.text);
	const int ret = joblog_read(b, d, tail_line, &t, e);
	const size_t have = t.n < n ? t.n : n;
	struct joblog_line *lines = arena_array(a, struct joblog_line, have > 0 ? have : 1);

	for (size_t i = 0; i < have; i++) {
		const size_t from = (t.n - have + i) % n;

		lines[i] = t.ring[from];
		lines[i].text = arena_str(a, buf_str(&t.text[from]));
	}
	for (size_t i = 0; i < n; i++)
		buf_done(&t.text[i]);
	free(t.text);
	if (ret < 0)
		return -1;
	*out = lines;
	*nout = have;
	return 0;
}
