/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/builder.h"

static const struct builder_kind *const KINDS[] = { &builder_native, &builder_docker, &builder_buildah, &builder_buildkit, &builder_kaniko, &builder_remote };
#define NKINDS (sizeof KINDS / sizeof KINDS[0])

const struct builder_kind *
builder_find(struct str name, struct err *e)
{
	AUTO_BUF names = { 0 };
	if (name.n == 0)
		return &builder_native;
	for (size_t i = 0; i < NKINDS; i++) {
		if (str_is(name, KINDS[i]->name))
			return KINDS[i];
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", KINDS[i]->name);
	}
	(void)err_set(e, ERR_INPUT, "there is no image builder '" STR_FMT "'; there is: %s", STR_ARG(name), buf_z(&names));
	return NULL;
}
