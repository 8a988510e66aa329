/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/bytecode.h"

#include "base/map.h"
#include "sys/file.h"

/* "scale" of "scale.cpython-311.pyc" and "scale.cpython-311.opt-1.pyc". */
static struct str
module_of(struct str pyc)
{
	return str_cut(pyc, '.').head;
}

static void
sweep_folder(int root, struct str folder, struct arena *a)
{
	const struct str cache = path_join(a, folder, STR("__pycache__"));
	struct file_entry *v;
	size_t n;

	if (file_list(root, cache.p, a, &v, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct str pyc = path_join(a, cache, v[i].name);
		struct file_stat code, source;

		if (v[i].type != FILE_REGULAR || !str_ends(v[i].name, STR(".pyc")))
			continue;
		const struct str py = arena_printf(a, STR_FMT ".py", STR_ARG(path_join(a, folder, module_of(v[i].name))));

		if (file_stat(root, pyc.p, false, &code, NULL) < 0 || file_stat(root, py.p, true, &source, NULL) < 0)
			continue;
		if (code.mtime <= source.mtime || code.mtime <= source.ctime)
			(void)file_remove_tree(root, pyc.p, NULL); /* where it may not be removed, it may not be written either */
	}
}

void
bytecode_sweep(int root, const struct str *files, size_t n)
{
	struct arena a = { 0 };
	struct map seen = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct str folder = path_dir(files[i]);

		if (str_ends(files[i], STR(".py")) && map_put(&seen, folder, 1) == MAP_NONE)
			sweep_folder(root, folder, &a);
	}
	map_done(&seen);
	arena_done(&a);
}
