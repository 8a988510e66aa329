/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: zip files without compression and tar files with any names, for tests and fuzz targets.
 */
#ifndef PAWL_TESTS_BACKENDS_PACKED_H
#define PAWL_TESTS_BACKENDS_PACKED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "backends/tar.h"
#include "base/base64.h"
#include "hashing/digest.h"

struct member {
	const char *path;
	const char *text;   /* NULL in a tar: a folder, or a link when target is there */
	const char *target;
	uint32_t mode;      /* 0: 0644 */
	char type;          /* tar: 0 by text and target, else that character */
	const char *hash;   /* wheel: RECORD's text in place of the right one; "-": no row */
};

static inline void
le(struct buf *b, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_putc(b, (char)(v >> (8 * i) & 255));
}

static inline void
zip_put(struct buf *out, struct buf *central, const char *path, struct str text, uint32_t mode, uint16_t *n)
{
	const uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)text.p, (unsigned)text.n);
	const uint32_t at = (uint32_t)out->n;
	le(out, 0x04034b50, 4);
	for (int i = 0; i < 2; i++) {
		struct buf *b = i == 0 ? out : central;
		if (i == 1) {
			le(b, 0x02014b50, 4);
			le(b, 3 << 8 | 20, 2);
		}
		le(b, 20, 2);
		le(b, 0x800, 2); /* UTF-8 */
		le(b, 0, 2);
		le(b, 0x21 << 16, 4);
		le(b, crc, 4);
		le(b, (uint32_t)text.n, 4);
		le(b, (uint32_t)text.n, 4);
		le(b, (uint32_t)strlen(path), 2);
		le(b, 0, 2);
		if (i == 1) {
			le(b, 0, 2);
			le(b, 0, 2);
			le(b, 0, 2);
			le(b, (mode & 0170000 ? mode : 0100000 | mode) << 16, 4);
			le(b, at, 4);
		}
		buf_puts(b, path);
	}
	buf_put(out, text);
	(*n)++;
}

static inline void
zip_end(struct buf *out, const struct buf *central, uint16_t n)
{
	const uint32_t at = (uint32_t)out->n;
	buf_put(out, buf_str(central));
	le(out, 0x06054b50, 4);
	le(out, 0, 4);
	le(out, n, 2);
	le(out, n, 2);
	le(out, (uint32_t)central->n, 4);
	le(out, at, 4);
	le(out, 0, 2);
}

/* A wheel of the members, with a RECORD that fits unless a member's hash says otherwise. */
static inline void
wheel_bytes(const struct member *m, size_t n, struct buf *out)
{
	AUTO_BUF central = { 0 }, record = { 0 };
	uint16_t count = 0;
	for (size_t i = 0; i < n && m[i].path; i++) {
		const struct str text = str_z(m[i].text);
		zip_put(out, &central, m[i].path, text, m[i].mode ? m[i].mode : 0644, &count);
		if (m[i].hash && strcmp(m[i].hash, "-") == 0)
			continue;
		const struct digest d = digest_of(text);
		buf_printf(&record, "%s,", m[i].path);
		if (m[i].hash) {
			buf_puts(&record, m[i].hash);
		} else {
			buf_puts(&record, "sha256=");
			base64_put(&record, (struct str){ (const char *)d.b, 32 }, true);
		}
		buf_printf(&record, ",%zu\n", text.n);
	}
	buf_puts(&record, "x-1.dist-info/RECORD,,\n");
	zip_put(out, &central, "x-1.dist-info/RECORD", buf_str(&record), 0644, &count);
	zip_end(out, &central, count);
}

static inline void
tar_bytes(const struct member *m, size_t n, struct buf *out)
{
	static const char zero[2 * TAR_BLOCK];
	for (size_t i = 0; i < n && m[i].path; i++) {
		const struct tar_entry t = {
			.type = (enum tar_type)(m[i].type ? m[i].type : m[i].text ? '0' : m[i].target ? '2' : '5'),
			.path = str_z(m[i].path),
			.target = str_z(m[i].target),
			.size = m[i].text ? strlen(m[i].text) : 0,
			.mode = m[i].mode ? m[i].mode : 0644,
			.mtime = 1,
		};
		tar_header(&t, out);
		if (m[i].text) {
			buf_puts(out, m[i].text);
			buf_put(out, (struct str){ zero, tar_pad(t.size) });
		}
	}
	buf_put(out, (struct str){ zero, sizeof zero });
}

#endif
