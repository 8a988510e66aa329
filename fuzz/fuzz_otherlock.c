/* SPDX-License-Identifier: Apache-2.0
 *
 * Lock files of other tools: nothing crashes; what is selected has names, files without folders, and hashes or a place on this machine. The first byte says
 * which tool's.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/otherlock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_file(const struct resolver_file *f)
{
	if (!f->file.n || (digest_is_zero(&f->sha256) && f->url.n && !str_starts(f->url, STR("file://"))))
		abort();
}

static void
check(const struct otherlock_answer *r)
{
	for (size_t i = 0; i < r->packages.n; i++) {
		const struct resolver_package *p = &r->packages.v[i];
		for (size_t k = 0; k < p->n; k++)
			check_file(&p->v[k]);
		if (p->source.kind == SOURCE_ARCHIVE)
			check_file(&p->source.file);
		if (p->source.kind == SOURCE_GIT && !otherlock_commit(p->source.commit))
			abort();
	}
	for (size_t i = 0; i < r->nfolders; i++)
		if (!r->folders[i].path.n)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock" };
	const struct marker_env env = { .python_version = STR("3.11"), .python_full_version = STR("3.11.7"), .implementation_version = STR("3.11.7"),
					.platform_machine = STR("x86_64"), .os_name = STR("posix"), .sys_platform = STR("linux"),
					.platform_system = STR("Linux"), .implementation_name = STR("cpython"),
					.platform_python_implementation = STR("CPython") };
	const struct str groups[] = { STR("dev"), STR("x") };
	const struct otherlock_question q = { .env = &env, .groups = groups, .ngroups = size % 3, .root = STR("/p") };
	struct arena a = { 0 };
	struct otherlock l;
	struct otherlock_answer r = { 0 };
	struct js_place at;
	struct str *lines;
	size_t n;

	if (size < 2 || size > 20000)
		return 0;
	struct str text = { (const char *)data + 1, size - 1 };
	if (otherlock_read(str_z(paths[data[0] % 4]), text, &a, &l, &at, NULL) == 0) {
		l.pyproject = l.doc;
		if (l.kind == OTHERLOCK_PIPFILE ? otherlock_lines(&l, &q, &a, &lines, &n, &r, NULL) == 0 : otherlock_select(&l, &q, &a, &r, NULL) == 0)
			check(&r);
	}
	arena_done(&a);
	return 0;
}
