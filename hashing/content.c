/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/content.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/clock.h"

enum { CHUNK = 256 * 1024 };

int
content_of_fd(int fd, struct content *out, struct err *e)
{
	struct digest_stream *digest = digest_begin();
	struct fp_stream *fp = fp_begin();
	char *chunk = mem_alloc(CHUNK);
	uint64_t size = 0;
	ssize_t n;
	while ((n = read(fd, chunk, CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		const struct str bytes = { chunk, (size_t)n };
		digest_add(digest, bytes);
		fp_add(fp, bytes);
		size += bytes.n;
	}
	const int os = errno;
	const struct content c = { .digest = digest_end(digest), .fp = fp_end(fp), .size = size };
	free(chunk);
	errno = os;
	if (n < 0)
		return err_os(e, "read");
	*out = c;
	return 0;
}

struct stat_sig
stat_sig_of(const struct file_stat *st)
{
	return (struct stat_sig){
		.dev = st->dev,
		.ino = st->ino,
		.size = st->size,
		.mtime = st->mtime,
		.ctime = st->ctime,
		.mode = st->mode,
	};
}

bool
stat_sig_eq(const struct stat_sig *a, const struct stat_sig *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime && a->mode == b->mode;
}

bool
content_settled(const struct stat_sig *s, int64_t hashed_at)
{
	/* Two times in whole seconds come from a file system that keeps no more than that, or two seconds. */
	const bool coarse = s->mtime % NS_PER_S == 0 && s->ctime % NS_PER_S == 0;
	const int64_t margin = 2 * (coarse ? 2 * NS_PER_S : clock_tick());
	return s->mtime < hashed_at - margin && s->ctime < hashed_at - margin;
}
