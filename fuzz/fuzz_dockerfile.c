/* SPDX-License-Identifier: Apache-2.0
 *
 * Dockerfiles: every text is read to its end; places of mistakes lie in the text; words that were accepted expand or are refused; patterns match or
 * do not.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/docker_config.h"
#include "rules/docker_ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_places(const struct diags *d, struct str text)
{
	uint32_t lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].at.line > lines || d->v[i].message.n == 0)
			abort();
}

static void
apply(const struct docker_file *f, struct arena *a)
{
	for (size_t i = 0; i < f->nstages; i++) {
		AUTO_JS state = docker_state_of_image(NULL);

		for (size_t k = 0; k < f->stages[i].n; k++) {
			struct place wrong;
			struct err e;

			if (f->stages[i].v[k]->kind != DOCKER_BROKEN && docker_state_apply(f, &f->stages[i], f->stages[i].v[k], state, a, &wrong, &e) < 0)
				break;
		}
		(void)docker_state_run_digest(state, a);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = { (const char *)data, size };
	const struct docker_settings s = { .platform = STR("linux/amd64"), .build_platform = STR("linux/amd64") };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct docker_file f;
	struct docker_ignore g;
	struct err e;
	AUTO_BUF shown = { 0 };

	if (docker_file_read(STR("Dockerfile"), text, &s, &a, &d, &f, &e) == 0)
		apply(&f, &a);
	check_places(&d, text);
	diags_print(&d, false, &shown);
	if (docker_ignore_read(STR(".dockerignore"), text, &a, &d, &g, &e) == 0)
		(void)docker_ignored(&g, STR("a/b/c.txt"));
	diags_done(&d);
	arena_done(&a);
	return 0;
}
