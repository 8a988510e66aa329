/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/zst.h"

#include <assert.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/arena.h"

struct zst_pack {
	ZSTD_CCtx *c;
};

struct zst_unpack {
	ZSTD_DCtx *d;
	uint64_t limit, given;
	size_t hint; /* 0: between two frames */
};

struct zst_pack *
zst_pack_new(int level)
{
	struct zst_pack *z = mem_zalloc(sizeof *z);

	z->c = ZSTD_createCCtx();
	if (z->c == NULL)
		mem_none();
	ZSTD_CCtx_setParameter(z->c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(z->c, ZSTD_c_checksumFlag, 1);
	return z;
}

void
zst_pack_free(struct zst_pack *z)
{
	if (z == NULL)
		return;
	ZSTD_freeCCtx(z->c);
	free(z);
}

static void
pack(struct zst_pack *z, struct str bytes, ZSTD_EndDirective how, struct buf *out)
{
	ZSTD_inBuffer in = { bytes.p, bytes.n, 0 };
	size_t left;

	do {
		buf_reserve(out, ZSTD_CStreamOutSize());
		ZSTD_outBuffer o = { out->p + out->n, ZSTD_CStreamOutSize(), 0 };

		left = ZSTD_compressStream2(z->c, &o, &in, how);
		assert(!ZSTD_isError(left)); /* only a misuse of ours fails */
		out->n += o.pos;
		out->p[out->n] = '\0';
	} while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
}

void
zst_pack_add(struct zst_pack *z, struct str bytes, struct buf *out)
{
	if (bytes.n > 0)
		pack(z, bytes, ZSTD_e_continue, out);
}

void
zst_pack_end(struct zst_pack *z, struct buf *out)
{
	pack(z, STR(""), ZSTD_e_end, out);
}

struct zst_unpack *
zst_unpack_new(uint64_t limit)
{
	struct zst_unpack *z = mem_zalloc(sizeof *z);

	z->d = ZSTD_createDCtx();
	if (z->d == NULL)
		mem_none();
	ZSTD_DCtx_setParameter(z->d, ZSTD_d_windowLogMax, 27);
	z->limit = limit;
	return z;
}

void
zst_unpack_free(struct zst_unpack *z)
{
	if (z == NULL)
		return;
	ZSTD_freeDCtx(z->d);
	free(z);
}

int
zst_unpack_add(struct zst_unpack *z, struct str bytes, struct buf *out, struct err *e)
{
	ZSTD_inBuffer in = { bytes.p, bytes.n, 0 };
	bool full = false;

	while (in.pos < in.size || full) {
		buf_reserve(out, ZSTD_DStreamOutSize());
		ZSTD_outBuffer o = { out->p + out->n, ZSTD_DStreamOutSize(), 0 };
		const size_t r = ZSTD_decompressStream(z->d, &o, &in);

		if (ZSTD_isError(r))
			return err_set(e, ERR_DAMAGED, "unpack zstd: %s", ZSTD_getErrorName(r));
		z->hint = r;
		z->given += o.pos;
		if (z->given > z->limit)
			return err_set(e, ERR_DAMAGED, "unpack zstd: more than %llu bytes come out",
				       (unsigned long long)z->limit);
		out->n += o.pos;
		out->p[out->n] = '\0';
		full = o.pos == o.size;
	}
	return 0;
}

bool
zst_unpack_whole(const struct zst_unpack *z)
{
	return z->hint == 0;
}
