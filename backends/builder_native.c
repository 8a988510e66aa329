/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/builder_inside.h"

int
builder_add_files(struct layer *l, int at, const struct builder_file *files, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct builder_file *f = &files[i];
		const int bad = f->target.n > 0 ? layer_add_link(l, f->path, f->target, e) :
						  layer_add_file(l, f->path, f->exec, at, f->from, &f->content, e);
		if (bad < 0)
			return -1;
	}
	return 0;
}

int
builder_make(const struct builder_job *j, struct blobs *b, struct layer_info *out, struct err *e)
{
	struct layer *l = layer_new();
	int bad = -1;
	switch (j->part) {
	case BUILDER_WHEEL:
		layer_part(l);
		bad = wheel_add_named(b, &j->wheel, j->wheel_name, j->scheme, l, e);
		break;
	case BUILDER_FILES:
		bad = builder_add_files(l, j->at, j->files, j->nfiles, e);
		break;
	}
	if (bad == 0)
		bad = layer_write(l, b, j->compression, out, e);
	layer_free(l);
	return bad;
}

const char *
builder_identity(enum builder_part part, enum layer_compression c)
{
	(void)part;
	return layer_compressor(c);
}

const struct builder_kind builder_native = { .name = "native", .make = builder_make, .identity = builder_identity };
