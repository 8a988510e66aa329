/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives: whatever the bytes are, entries that come out have clean relative paths, links that stay inside, and sizes within the limits.
 * The first byte chooses zip and the rule for links.
 */
#include <stdint.h>
#include <stdlib.h>

#include "backends/archive.h"
#include "backends/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOTAL ((uint64_t)8 << 20)

static void
check_item(const struct archive_item *x, enum archive_links links)
{
	const char *wrong = layer_path_wrong(x->path);
	if (wrong && str_find(str_z(wrong), STR(".wh.")) == SIZE_MAX && str_find(str_z(wrong), STR("255")) == SIZE_MAX)
		abort();
	if (x->type == ARCHIVE_LINK_ENTRY && (links == ARCHIVE_LINKS_REFUSED || x->target.n == 0))
		abort();
	if (x->type == ARCHIVE_LINK_ENTRY && links == ARCHIVE_LINKS_INSIDE && x->target.p[0] == '/')
		abort();
	if (x->type == ARCHIVE_HARDLINK_ENTRY && (x->target.n == 0 || x->target.p[0] == '/'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct archive_opts o = { .zip = data[0] & 1, .links = (enum archive_links)((data[0] >> 1) % 3), .total = TOTAL, .entries = 1000 };
	struct archive_reader *r;
	struct archive_item x;
	struct err e = { 0 };
	char room[4096];
	uint64_t all = 0;
	int got;
	if (archive_open_bytes((struct str){ (const char *)data + 1, size - 1 }, "fuzz", &o, &r, &e) < 0)
		return 0;
	while ((got = archive_next(r, &x, &e)) == 1) {
		check_item(&x, o.links);
		size_t n = 0;
		do {
			got = archive_read(r, room, sizeof room, &n, &e);
			all += got == 0 ? n : 0;
		} while (got == 0 && n > 0);
		if (got < 0)
			break;
	}
	if (all > TOTAL || (got < 0 && e.text[0] == '\0'))
		abort();
	archive_close(r);
	return 0;
}
