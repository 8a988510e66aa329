/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"

#define ROOM ((size_t)64 << 10)
#define GZIP_ONLY (15 + 16) /* windowBits of zlib: the largest window, gzip headers */

struct inflate {
	z_stream z;
	void (*out)(void *ctx, struct str bytes);
	void *ctx;
	bool whole;
	char room[ROOM];
};

struct inflate *
inflate_new(void (*out)(void *ctx, struct str bytes), void *ctx)
{
	struct inflate *z = mem_zalloc(sizeof *z);
	z->out = out;
	z->ctx = ctx;
	z->whole = true;
	if (inflateInit2(&z->z, GZIP_ONLY) != Z_OK)
		mem_none();
	return z;
}

void
inflate_free(struct inflate *z)
{
	if (!z)
		return;
	(void)inflateEnd(&z->z);
	free(z);
}

int
inflate_add(struct inflate *z, struct str bytes, struct err *e)
{
	z->z.next_in = (unsigned char *)(uintptr_t)bytes.p; /* it is only read */
	z->z.avail_in = (unsigned)bytes.n;
	while (z->z.avail_in > 0 || z->z.avail_out == 0) {
		if (z->whole && z->z.avail_in == 0)
			break;
		z->z.next_out = (unsigned char *)z->room;
		z->z.avail_out = (unsigned)ROOM;
		const int r = inflate(&z->z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return err_set(e, ERR_DAMAGED, "not a gzip stream");
		z->out(z->ctx, (struct str){ z->room, ROOM - z->z.avail_out });
		z->whole = r == Z_STREAM_END;
		if (z->whole && inflateReset(&z->z) != Z_OK)
			return err_set(e, ERR_DAMAGED, "not a gzip stream");
		if (r == Z_BUF_ERROR)
			break;
	}
	return 0;
}

bool
inflate_whole(const struct inflate *z)
{
	return z->whole;
}
