/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/load.h"

#include <string.h>

#include "base/vec.h"
#include "rules/check.h"
#include "rules/lower.h"
#include "rules/schema.h"
#include "rules/userfile.h"
#include "sys/file.h"

enum { FILES_MOST = 1000 };

struct loader {
	struct lower l;
	VEC(const struct yaml_node *) roots;
	VEC(struct str) files;
	struct map by_file;
	bool broken; /* a file has no tree: what it would have brought is unknown, so references are not
			checked */
};

static void
too_large(struct loader *ld, struct str path)
{
	LOWER_ERROR(&ld->l, (struct place){ .file = path }, "too-large",
		    STR("split the pipeline, or use 'foreach'"), "the file is larger than %zu MiB",
		    YAML_MAX_BYTES >> 20);
}

/* Reads and checks one file. -1: the world, or it has no tree (then d says why). */
static int
read_file(struct loader *ld, struct str path, const struct schema_section *section, struct err *e)
{
	struct lower *l = &ld->l;
	struct file_stat st;
	struct yaml_node *root;
	AUTO_BUF b = { 0 };

	if (file_stat(l->o->root, arena_z(l->a, path), true, &st, e) < 0)
		return -1;
	if (st.type != FILE_REGULAR) /* a pipe would block, a device might not end */
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no file", STR_ARG(path));
	VEC_PUSH(&ld->files, path);
	if (st.size > YAML_MAX_BYTES) {
		too_large(ld, path);
		ld->broken = true;
		return 0;
	}
	if (file_read(l->o->root, arena_z(l->a, path), YAML_MAX_BYTES, &b, e) < 0)
		return -1;
	const struct str text = arena_str(l->a, buf_str(&b));

	diags_source(l->d, path, text);
	if (yaml_read(path, text, l->a, l->d, &root) < 0) {
		ld->broken = true;
		return 0;
	}
	schema_check(root, section, l->d);
	VEC_PUSH(&ld->roots, root);
	return 0;
}

/* A path that would be right if it began at the including file. */
static struct str
include_hint(struct lower *l, const struct yaml_node *at, struct str path)
{
	const struct str beside = path_clean(l->a, path_join(l->a, path_dir(*at->file), path));

	if (!file_exists(l->o->root, arena_z(l->a, path)) && !str_eq(beside, path) && file_exists(l->o->root, arena_z(l->a, beside)))
		return arena_printf(l->a, "write '" STR_FMT "': paths are relative to the project root", STR_ARG(beside));
	return STR("paths are relative to the project root, the folder of the pipeline file");
}

static void
include_file(struct loader *ld, const struct yaml_node *at, struct str path)
{
	struct lower *l = &ld->l;
	struct err e;

	if (map_put(&ld->by_file, path, 0) != MAP_NONE)
		return; /* there already, by another way */
	if (ld->files.n >= FILES_MOST) {
		LOWER_ERROR(l, yaml_at(at), "too-large", STR(""), "more than %d files are included",
			    FILES_MOST);
		ld->broken = true;
		return;
	}
	if (read_file(ld, path, &schema_included, &e) < 0) {
		const char *obstacle = userfile_obstacle(l->o->root, arena_z(l->a, path), &e);
		LOWER_ERROR(l, yaml_at(at), "missing-file", include_hint(l, at, path),
			    "'" STR_FMT "' cannot be included: it %s", STR_ARG(path), obstacle ? obstacle : e.text);
		ld->broken = true;
	}
}

static void
include_pattern(struct loader *ld, const struct yaml_node *at)
{
	struct lower *l = &ld->l;
	struct str path, *found;
	size_t n = 0;
	struct err e;

	if (!yaml_is(at, YAML_TEXT) || !lower_path(l, at, at->text, &path))
		return;
	if (!path_has_glob(path)) {
		include_file(ld, at, path);
		return;
	}
	if (path_glob(l->o->root, path, l->a, &found, &n, &e) < 0 || n == 0)
		LOWER_ERROR(l, yaml_at(at), "missing-file", STR(""), "no file matches '" STR_FMT "'",
			    STR_ARG(path));
	for (size_t i = 0; i < n; i++)
		include_file(ld, at, found[i]);
}

/* The steps that dynamic steps have written, as if their outputs were included. */
static void
include_written(struct loader *ld)
{
	struct lower *l = &ld->l;
	const struct unfold *u = l->o->unfold;

	for (size_t i = 0; u && i < u->n; i++) {
		const struct unfold_output *o = &u->v[i];
		struct yaml_node *root;
		const struct str name = o->path.n ? o->path
						  : arena_printf(l->a, STR_FMT "." STR_FMT, STR_ARG(o->step), STR_ARG(o->output));

		if (!o->dynamic || o->empty)
			continue;
		diags_source(l->d, name, o->text);
		if (yaml_read(name, o->text, l->a, l->d, &root) < 0) {
			ld->broken = true;
			continue;
		}
		schema_check(root, &schema_written, l->d);
		VEC_PUSH(&ld->roots, root);
	}
}

/* Files in the order in which they are met; one that includes stands in front of what it includes. */
static void
include_all(struct loader *ld)
{
	for (size_t i = 0; i < ld->roots.n; i++) {
		const struct yaml_node *n = yaml_get(ld->roots.v[i], "include");

		if (yaml_is(n, YAML_TEXT))
			include_pattern(ld, n);
		for (uint32_t k = 0; yaml_is(n, YAML_LIST) && k < n->n; k++)
			include_pattern(ld, n->items[k]);
	}
}

static void
lower_all(struct loader *ld, struct ir *out)
{
	struct lower *l = &ld->l;

	l->roots = ld->roots.v;
	l->nroots = ld->roots.n;
	lower_collect(l);
	for (size_t i = 0; i < l->o->nparams_files; i++)
		VEC_PUSH(&ld->files, l->o->params_files[i]);
	out->files = (struct ir_texts){ arena_array(l->a, struct str, ld->files.n), ld->files.n };
	for (size_t i = 0; i < ld->files.n; i++)
		out->files.v[i] = ld->files.v[i];
	out->pipeline = lower_text(yaml_get(ld->roots.v[0], "pipeline"));
	out->hooks = lower_hooks(yaml_get(ld->roots.v[0], "hooks"));
	lower_params(l);
	lower_environments(l);
	lower_steps(l);
	lower_stacks(l);
}

static void
check_all(struct loader *ld)
{
	struct arena scratch = { 0 };
	struct check c = { ld->l.ir,       &scratch,         ld->l.d,
			   ld->l.o->root, ld->l.step_nodes, ld->l.environment_nodes, ld->l.o->unfold };

	check_ir(&c);
	arena_done(&scratch);
}

static int
summary(const struct load_opts *o, struct diags *d, struct err *e)
{
	diags_sort(d);
	if (d->nerrors == 0)
		return 0;
	return err_set(e, ERR_INPUT, "'" STR_FMT "' has %zu mistake%s", STR_ARG(o->file), d->nerrors,
		       d->nerrors == 1 ? "" : "s");
}

/* The user's configuration, if there is one. */
static void
read_user(struct loader *ld)
{
	struct lower *l = &ld->l;
	const struct str file = l->o->user_file;
	struct yaml_node *root;
	struct file_stat st;
	AUTO_BUF b = { 0 };
	struct err e;

	if (!file.n)
		return;
	VEC_PUSH(&ld->files, file); /* also one that is not there: it may come */
	if (file_stat(AT_FDCWD, arena_z(l->a, file), true, &st, NULL) < 0)
		return;
	if (file_read(AT_FDCWD, arena_z(l->a, file), YAML_MAX_BYTES, &b, &e) < 0) {
		LOWER_ERROR(l, (struct place){ .file = file }, "unreadable-file", STR(""), "the user's configuration cannot be read: %s", e.text);
		return;
	}
	const struct str text = arena_str(l->a, buf_str(&b));

	diags_source(l->d, file, text);
	if (yaml_read(file, text, l->a, l->d, &root) < 0 || root->kind == YAML_NULL)
		return;
	schema_check(root, &schema_user, l->d);
	l->user = root;
}

/* The pipeline file itself. */
static int
read_main(struct loader *ld, struct str file, struct err *e)
{
	struct lower *l = &ld->l;
	struct err why;

	if (read_file(ld, file, &schema_file, &why) == 0)
		return 0;
	const char *obstacle = userfile_obstacle(l->o->root, arena_z(l->a, file), &why);

	if (!obstacle) {
		*e = why;
		return -1;
	}
	LOWER_ERROR(l, (struct place){ .file = file }, "unreadable-file", STR(""), "the pipeline file cannot be read: it %s", obstacle);
	return err_set(e, ERR_INPUT, "'" STR_FMT "' cannot be read: it %s", STR_ARG(file), obstacle);
}

int
load(const struct load_opts *o, struct arena *a, struct diags *d, struct ir *out, struct err *e)
{
	struct ir ir = { .arena = a };
	struct loader ld = { .l = { .a = a, .d = d, .o = o, .ir = &ir } };
	const struct str file = path_clean(a, o->file);
	int rc;

	(void)map_put(&ld.by_file, file, 0);
	rc = read_main(&ld, file, e);
	if (rc == 0)
		read_user(&ld);
	if (rc == 0)
		include_all(&ld), include_written(&ld);
	if (rc == 0 && ld.roots.n && !ld.broken && ld.roots.v[0]->kind == YAML_MAP) {
		lower_all(&ld, &ir);
		check_all(&ld);
	}
	lower_entries_done(&ld.l);
	VEC_DONE(&ld.roots);
	VEC_DONE(&ld.files);
	map_done(&ld.by_file);
	if (rc == 0)
		rc = summary(o, d, e);
	if (rc == 0)
		*out = ir;
	return rc;
}
