/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch: a blob store in a folder of its own: what the tests of archives, layers and wheels stand on.
 */
#ifndef PAWL_TESTS_BACKENDS_SCRATCH_H
#define PAWL_TESTS_BACKENDS_SCRATCH_H

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* rows leave out what is not special about them */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/blobs.h"
#include "sys/file.h"
#include "tests/backends/packed.h"

struct scratch {
	struct arena arena;
	char *folder;
	struct blobs *blobs;
};

static inline void
scratch_open(struct scratch *s)
{
	struct err e = { 0 };
	*s = (struct scratch){ 0 };
	struct str path;
	if (file_scratch_dir("/tmp", "pawl-test-", &s->arena, &path, &e) < 0)
		fail_msg("%s", e.text);
	s->folder = arena_z(&s->arena, path);
	struct str layout = path_join(&s->arena, path, STR("blobs"));
	if (blobs_open(arena_z(&s->arena, layout), false, &s->blobs, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void
scratch_close(struct scratch *s)
{
	blobs_close(s->blobs);
	(void)file_remove_tree(AT_FDCWD, s->folder, NULL);
	arena_done(&s->arena);
}

#endif
