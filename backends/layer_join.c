/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers whose ends are members of their own (layer_part) become one without being compressed again: their members one after the other, and one end.
 */
#include <string.h>

#include "backends/inflate.h"
#include "backends/layer_entry.h"
#include "backends/squeeze.h"
#include "backends/tar.h"
#include "backends/zst.h"

#define ROOM ((size_t)256 << 10)
#define PLAIN_MAX (UINT64_C(64) << 30)

struct join {
	struct blob_writer *to;
	struct digest_stream *plain;
	uint64_t plain_size;
	struct inflate *gzip;
	struct zst_unpack *zstd;
	struct buf end, held, unpacked; /* the end as it is stored; bytes that may be one */
};

static void
take_plain(void *ctx, struct str bytes)
{
	struct join *j = ctx;
	digest_add(j->plain, bytes);
	j->plain_size += bytes.n;
}

static int
put(struct join *j, struct str bytes, struct err *e)
{
	if (blob_write(j->to, bytes, e) < 0)
		return -1;
	if (j->gzip)
		return inflate_add(j->gzip, bytes, e);
	if (j->zstd) {
		buf_reset(&j->unpacked);
		if (zst_unpack_add(j->zstd, bytes, &j->unpacked, e) < 0)
			return -1;
		bytes = buf_str(&j->unpacked);
	}
	take_plain(j, bytes);
	return 0;
}

/* All of a layer but its end, which stays in `held`. */
static int
copy(struct join *j, struct blob_reader *r, struct err *e)
{
	char *room = mem_alloc(ROOM);
	size_t n;
	int bad;
	buf_reset(&j->held);
	while ((bad = blob_next(r, room, ROOM, &n, e)) == 0 && n > 0) {
		buf_put(&j->held, (struct str){ room, n });
		if (j->held.n <= j->end.n)
			continue;
		const size_t over = j->held.n - j->end.n;
		if ((bad = put(j, (struct str){ j->held.p, over }, e)) < 0)
			break;
		memmove(j->held.p, j->held.p + over, j->end.n);
		j->held.n = j->end.n;
	}
	free(room);
	if (bad == 0 && !str_eq(buf_str(&j->held), buf_str(&j->end)))
		bad = err_set(e, ERR_DAMAGED, "a layer that shall be joined to others does not end as it must");
	return bad;
}

static int
join_all(struct join *j, struct blobs *b, const struct digest *layers, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct blob_reader *r;
		if (blob_open(b, &layers[i], &r, e) < 0)
			return -1;
		const int bad = copy(j, r, e);
		blob_close(r);
		if (bad < 0)
			return -1;
	}
	if (put(j, buf_str(&j->end), e) < 0)
		return -1;
	const bool whole = j->gzip ? inflate_whole(j->gzip) : !j->zstd || zst_unpack_whole(j->zstd);
	return whole ? 0 : err_set(e, ERR_DAMAGED, "layers that were joined do not end where a member ends");
}

int
layer_join(struct blobs *b, enum layer_compression c, const struct digest *layers, size_t n, struct layer_info *out, struct err *e)
{
	static const char zero[TAR_END];
	struct join j = { .plain = digest_begin() };
	struct layer_info info = { .media = layer_media(c) };
	int bad = squeeze_bytes(layer_squeeze(c), (struct str){ zero, sizeof zero }, &j.end, e);
	if (c == LAYER_GZIP)
		j.gzip = inflate_new(take_plain, &j);
	else if (c == LAYER_ZSTD)
		j.zstd = zst_unpack_new(PLAIN_MAX);
	if (bad == 0)
		bad = blob_begin(b, &j.to, e);
	if (bad == 0)
		bad = join_all(&j, b, layers, n, e);
	info.diff_id = digest_end(j.plain);
	info.tar_size = j.plain_size;
	if (bad == 0)
		bad = blob_commit(j.to, NULL, &info.digest, &info.size, e);
	else
		blob_abort(j.to);
	inflate_free(j.gzip);
	zst_unpack_free(j.zstd);
	buf_done(&j.end);
	buf_done(&j.held);
	buf_done(&j.unpacked);
	if (bad < 0)
		return err_wrap(e, "join layers");
	*out = info;
	return 0;
}
