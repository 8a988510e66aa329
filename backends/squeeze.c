/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/squeeze.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "sys/pool.h"

#define PIECE ((size_t)1 << 20) /* part of the format: another size gives other bytes */
#define PIECES 8                /* compressed at once */
#define GZIP_LEVEL 1
#define ZSTD_LEVEL 3
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

struct piece {
	char *out;
	size_t n; /* 0: failed */
	struct libdeflate_compressor *deflate;
	ZSTD_CCtx *zstd;
};

struct squeeze {
	enum squeeze_kind kind;
	struct blob_writer *to;
	struct digest_stream *plain;
	uint64_t plain_size;
	char *in;
	size_t n;   /* bytes in `in` */
	struct piece piece[PIECES];
};

int
squeeze_begin(struct blobs *b, enum squeeze_kind kind, struct squeeze **out, struct err *e)
{
	struct blob_writer *to;
	if (blob_begin(b, &to, e) < 0)
		return -1;
	struct squeeze *s = mem_zalloc(sizeof *s);
	s->kind = kind;
	s->to = to;
	s->plain = digest_begin();
	s->in = mem_alloc(PIECE * PIECES);
	*out = s;
	return 0;
}

static void
release(struct squeeze *s)
{
	for (size_t i = 0; i < PIECES; i++) {
		free(s->piece[i].out);
		if (s->piece[i].deflate)
			libdeflate_free_compressor(s->piece[i].deflate);
		(void)ZSTD_freeCCtx(s->piece[i].zstd);
	}
	free(s->in);
	free(s);
}

void
squeeze_abort(struct squeeze *s)
{
	if (!s)
		return;
	blob_abort(s->to);
	digest_drop(s->plain);
	release(s);
}

static size_t
piece_size(const struct squeeze *s, size_t i)
{
	const size_t rest = s->n - i * PIECE;
	return rest < PIECE ? rest : PIECE;
}

static void
piece_gzip(struct piece *p, const char *in, size_t n)
{
	if (!p->deflate)
		p->deflate = libdeflate_alloc_compressor(GZIP_LEVEL);
	if (!p->deflate)
		return;
	const size_t cap = libdeflate_gzip_compress_bound(p->deflate, PIECE);
	if (!p->out)
		p->out = mem_alloc(cap);
	p->n = libdeflate_gzip_compress(p->deflate, in, n, p->out, cap);
}

static void
piece_zstd(struct piece *p, const char *in, size_t n)
{
	const size_t cap = ZSTD_compressBound(PIECE);
	if (!p->zstd)
		p->zstd = ZSTD_createCCtx();
	if (!p->zstd)
		return;
	if (!p->out)
		p->out = mem_alloc(cap);
	(void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	(void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
	const size_t got = ZSTD_compress2(p->zstd, p->out, cap, in, n);
	p->n = ZSTD_isError(got) ? 0 : got;
}

/* Index 0 takes the digest of the plain bytes; the others compress a piece each. */
static void
squeeze_one(void *ctx, size_t i)
{
	struct squeeze *s = ctx;
	if (i == 0) {
		digest_add(s->plain, (struct str){ s->in, s->n });
		return;
	}
	struct piece *p = &s->piece[i - 1];
	const char *in = s->in + (i - 1) * PIECE;
	p->n = 0;
	if (s->kind == SQUEEZE_GZIP)
		piece_gzip(p, in, piece_size(s, i - 1));
	else
		piece_zstd(p, in, piece_size(s, i - 1));
}

static int
flush(struct squeeze *s, struct err *e)
{
	const size_t n = (s->n + PIECE - 1) / PIECE;
	if (s->kind == SQUEEZE_NONE) {
		digest_add(s->plain, (struct str){ s->in, s->n });
		if (s->n > 0 && blob_write(s->to, (struct str){ s->in, s->n }, e) < 0)
			return -1;
	} else {
		pool_each(n + 1, 1, n < 2 ? 1 : 0, squeeze_one, s);
		for (size_t i = 0; i < n; i++) {
			if (s->piece[i].n == 0)
				return err_set(e, ERR_WORLD, "cannot compress: out of memory");
			if (blob_write(s->to, (struct str){ s->piece[i].out, s->piece[i].n }, e) < 0)
				return -1;
		}
	}
	s->plain_size += s->n;
	s->n = 0;
	return 0;
}

int
squeeze_write(struct squeeze *s, struct str bytes, struct err *e)
{
	while (bytes.n > 0) {
		const size_t room = PIECE * PIECES - s->n;
		const size_t n = bytes.n < room ? bytes.n : room;
		memcpy(s->in + s->n, bytes.p, n);
		s->n += n;
		bytes = str_drop(bytes, n);
		if (s->n == PIECE * PIECES && flush(s, e) < 0)
			return -1;
	}
	return 0;
}

int
squeeze_cut(struct squeeze *s, struct err *e)
{
	return s->n > 0 ? flush(s, e) : 0;
}

int
squeeze_bytes(enum squeeze_kind kind, struct str in, struct buf *out, struct err *e)
{
	struct piece p = { 0 };
	assert(in.n > 0 && in.n <= PIECE);
	if (kind == SQUEEZE_NONE) {
		buf_put(out, in);
		return 0;
	}
	if (kind == SQUEEZE_GZIP)
		piece_gzip(&p, in.p, in.n);
	else
		piece_zstd(&p, in.p, in.n);
	if (p.n > 0)
		buf_put(out, (struct str){ p.out, p.n });
	free(p.out);
	if (p.deflate)
		libdeflate_free_compressor(p.deflate);
	(void)ZSTD_freeCCtx(p.zstd);
	return p.n > 0 ? 0 : err_set(e, ERR_WORLD, "cannot compress: out of memory");
}

int
squeeze_end(struct squeeze *s, struct digest *blob, uint64_t *size, struct digest *plain, uint64_t *plain_size, struct err *e)
{
	if (s->n > 0 && flush(s, e) < 0) {
		squeeze_abort(s);
		return -1;
	}
	struct digest d;
	uint64_t n;
	const int bad = blob_commit(s->to, NULL, &d, &n, e);
	const struct digest p = digest_end(s->plain);
	const uint64_t plain_n = s->plain_size;
	release(s);
	if (bad < 0)
		return -1;
	*blob = d;
	*size = n;
	*plain = p;
	if (plain_size)
		*plain_size = plain_n;
	return 0;
}

const char *
squeeze_name(enum squeeze_kind kind)
{
	switch (kind) {
	case SQUEEZE_GZIP:
		return "libdeflate " LIBDEFLATE_VERSION_STRING " level " TEXT(GZIP_LEVEL) ", 1 MiB";
	case SQUEEZE_ZSTD:
		return "zstd " ZSTD_VERSION_STRING " level " TEXT(ZSTD_LEVEL) ", 1 MiB";
	case SQUEEZE_NONE:
		return "none";
	}
	return "none";
}
