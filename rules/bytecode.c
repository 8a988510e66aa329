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

bool
bytecode_home(struct str home, struct str project)
{
	struct arena a = { 0 };
	struct file_stat st;
	const char *bar = arena_z(&a, arena_printf(&a, STR_FMT STR_FMT, STR_ARG(home), STR_ARG(project)));
	bool ok = project.n > 1 && file_mkdirs(AT_FDCWD, arena_z(&a, home), NULL) == 0;

	if (ok && file_stat(AT_FDCWD, bar, false, &st, NULL) == 0) {
		ok = st.type == FILE_REGULAR;
	} else if (ok && file_mkdirs_parent(AT_FDCWD, bar, NULL) == 0) {
		AUTO_FD fd = file_open(AT_FDCWD, bar, O_WRONLY | O_CREAT | O_NOFOLLOW, 0444, NULL);

		ok = fd >= 0;
	} /* else a project above this one has its bar: that holds for all below it */
	arena_done(&a);
	return ok;
}
