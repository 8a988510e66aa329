/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/tar.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Offsets and widths of POSIX.1-1988 ustar. */
struct field {
	size_t at, n;
};
static const struct field NAME = { 0, 100 }, MODE = { 100, 8 }, UID = { 108, 8 }, GID = { 116, 8 }, SIZE = { 124, 12 },
			  MTIME = { 136, 12 }, SUM = { 148, 8 }, TYPE = { 156, 1 }, LINK = { 157, 100 }, MAGIC = { 257, 8 },
			  PREFIX = { 345, 155 };

#define SIZE_MAX_USTAR UINT64_C(077777777777)
#define ID_MAX_USTAR 07777777u

size_t
tar_pad(uint64_t size)
{
	return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

static void
put_number(char *block, struct field f, uint64_t v)
{
	char text[24];
	const int n = snprintf(text, sizeof text, "%0*llo", (int)f.n - 1, (unsigned long long)v);
	assert(n == (int)f.n - 1);
	memcpy(block + f.at, text, (size_t)n);
}

static void
put_text(char *block, struct field f, struct str s)
{
	assert(s.n <= f.n);
	if (s.n > 0)
		memcpy(block + f.at, s.p, s.n);
}

/* Where a long path is cut into prefix and name; SIZE_MAX: it cannot be. */
static size_t
split(struct str path)
{
	for (size_t i = path.n < PREFIX.n + 1 ? path.n : PREFIX.n + 1; i-- > 1;) {
		if (path.p[i] == '/' && path.n - i - 1 <= NAME.n && path.n - i - 1 > 0)
			return i;
	}
	return SIZE_MAX;
}

static void
header_block(const struct tar_entry *t, char type, struct str path, uint64_t size, struct buf *out)
{
	char block[TAR_BLOCK] = { 0 };
	const size_t cut = path.n > NAME.n ? split(path) : SIZE_MAX;
	if (cut != SIZE_MAX) {
		put_text(block, PREFIX, str_take(path, cut));
		path = str_drop(path, cut + 1);
	}
	put_text(block, NAME, str_take(path, NAME.n));
	put_number(block, MODE, t->mode & 07777);
	put_number(block, UID, t->uid <= ID_MAX_USTAR ? t->uid : 0);
	put_number(block, GID, t->gid <= ID_MAX_USTAR ? t->gid : 0);
	put_number(block, SIZE, size <= SIZE_MAX_USTAR ? size : 0);
	put_number(block, MTIME, t->mtime > 0 ? (uint64_t)t->mtime & SIZE_MAX_USTAR : 0);
	block[TYPE.at] = type;
	put_text(block, LINK, str_take(t->target, LINK.n));
	memcpy(block + MAGIC.at, "ustar\00000", 8);
	memset(block + SUM.at, ' ', SUM.n);
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof block; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + SUM.at, SUM.n, "%06o", sum);
	buf_put(out, (struct str){ block, sizeof block });
}

/* "LENGTH key=value\n", where LENGTH counts its own digits. */
static void
pax_record(struct buf *out, const char *key, struct str value)
{
	const size_t rest = 1 + strlen(key) + 1 + value.n + 1;
	size_t digits = 1, total = rest + 1;
	for (;;) {
		char text[24];
		const size_t n = (size_t)snprintf(text, sizeof text, "%zu", total);
		if (n == digits)
			break;
		digits = n;
		total = rest + digits;
	}
	buf_printf(out, "%zu %s=", total, key);
	buf_put(out, value);
	buf_putc(out, '\n');
}

static void
pax_number(struct buf *out, const char *key, uint64_t v)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	pax_record(out, key, str_z(text));
}

void
tar_header(const struct tar_entry *t, struct buf *out)
{
	AUTO_BUF name = { 0 };
	buf_put(&name, t->path);
	if (t->type == TAR_FOLDER)
		buf_putc(&name, '/');
	const struct str path = buf_str(&name);
	AUTO_BUF pax = { 0 };
	for (size_t i = 0; i < t->nxattrs; i++) {
		AUTO_BUF key = { 0 };
		buf_printf(&key, "SCHILY.xattr." STR_FMT, STR_ARG(t->xattrs[i].name));
		pax_record(&pax, buf_z(&key), t->xattrs[i].value);
	}
	if (t->gid > ID_MAX_USTAR)
		pax_number(&pax, "gid", t->gid);
	if (t->target.n > LINK.n)
		pax_record(&pax, "linkpath", t->target);
	if (path.n > NAME.n && split(path) == SIZE_MAX)
		pax_record(&pax, "path", path);
	if (t->size > SIZE_MAX_USTAR)
		pax_number(&pax, "size", t->size);
	if (t->uid > ID_MAX_USTAR)
		pax_number(&pax, "uid", t->uid);
	if (pax.n > 0) {
		const struct tar_entry x = { .mode = 0644, .mtime = t->mtime };
		header_block(&x, 'x', STR("pax"), pax.n, out);
		buf_put(out, buf_str(&pax));
		for (size_t i = tar_pad(pax.n); i > 0; i--)
			buf_putc(out, '\0');
	}
	header_block(t, (char)t->type, path, t->type == TAR_FILE ? t->size : 0, out);
}
