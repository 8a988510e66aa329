/* SPDX-License-Identifier: Apache-2.0
 *
 * build_tool: reading and removing what a build changed. Root does it itself; without root a process of ours does it that is root of the user
 * namespace that the build's ids belong to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/build_inside.h"
#include "backends/diff_layer.h"
#include "backends/sandbox.h"
#include "base/js.h"
#include "sys/proc.h"
#include "sys/userns.h"

static struct js *
texts(const struct str *v, size_t n)
{
	struct js *list = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(list, js_text(v[i]));
	return list;
}

static struct str *
read_texts(const struct js *list, struct arena *a)
{
	struct str *v = arena_array(a, struct str, js_len(list) + 1);
	for (size_t i = 0; i < js_len(list); i++)
		v[i] = js_str(js_at(list, i));
	return v;
}

/* Starts the process; its stdout is a pipe. */
static int
start(const struct js *spec, struct arena *a, struct proc *p, int *from, struct err *e)
{
	AUTO_BUF text = { 0 };
	const char *self;
	int ends[2];
	js_write(spec, &text);
	if (build_self(a, &self, e) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	const char *const argv[] = { self, SANDBOX_VERB, arena_z(a, buf_str(&text)), "-", NULL };
	const struct proc_opts o = { .argv = argv, .in = -1, .out = ends[1], .err = STDERR_FILENO, .group = true, .die_with_parent = true };
	const int bad = proc_spawn(&o, p, e);
	close(ends[1]);
	*from = ends[0];
	if (bad < 0)
		file_closep(from);
	return bad;
}

static int
finish(struct proc *p, const char *what, struct err *e)
{
	struct proc_end end;
	if (proc_reap(p, &end, e) < 0)
		return -1;
	return end.status == 0 ? 0 : err_set(e, ERR_WORLD, "%s: the process in the user namespace ended with %d", what, end.status);
}

static int
diff_elsewhere(const struct diff_spec *s, struct layer *into, struct err *e)
{
	struct arena a = { 0 };
	struct proc p;
	AUTO_FD from = -1;
	AUTO_JS spec = js_map();
	js_set(spec, "tool", js_textz("diff"));
	js_set(spec, "folder", js_text(s->folder));
	js_set(spec, "roots", texts(s->roots, s->nroots));
	js_set(spec, "omit", texts(s->omit, s->nomit));
	int bad = start(spec, &a, &p, &from, e);
	if (bad == 0) {
		bad = diff_receive(from, into, e);
		file_closep(&from); /* it ends, however far it is */
		if (finish(&p, "take what was changed", bad == 0 ? e : NULL) < 0)
			bad = -1;
	}
	arena_done(&a);
	return bad;
}

int
build_diff(struct build *b, const struct str *omit, size_t nomit, struct layer *into, struct err *e)
{
	const struct diff_spec s = { .roots = b->roots, .nroots = b->nroots, .folder = b->folder, .omit = omit, .nomit = nomit };
	return geteuid() == 0 ? diff_layer(&s, into, e) : diff_elsewhere(&s, into, e);
}

int
build_remove(struct str folder, struct err *e)
{
	struct arena a = { 0 };
	struct proc p;
	AUTO_FD from = -1;
	const char *path = arena_z(&a, folder);
	int bad = file_remove_tree(AT_FDCWD, path, e);
	if (bad < 0 && geteuid() != 0) { /* files of other ids of ours */
		AUTO_JS spec = js_map();
		js_set(spec, "tool", js_textz("remove"));
		js_set(spec, "folder", js_text(folder));
		bad = start(spec, &a, &p, &from, e);
		if (bad == 0)
			bad = finish(&p, "remove what a build left", e);
	}
	arena_done(&a);
	return bad;
}

void
build_close(struct build *b)
{
	if (!b)
		return;
	(void)build_remove(b->folder, NULL); /* the next one that looks for leftovers finds it */
	arena_done(&b->arena);
	free(b);
}

int
build_tool(const struct js *spec, struct err *e)
{
	struct arena a = { 0 };
	bool many;
	int bad = userns_enter(&many, e);
	const struct str folder = js_str(js_get(spec, "folder"));
	const struct js *roots = js_get(spec, "roots"), *omit = js_get(spec, "omit");
	const struct diff_spec s = { .roots = read_texts(roots, &a), .nroots = js_len(roots), .folder = folder, .omit = read_texts(omit, &a),
				     .nomit = js_len(omit) };
	if (bad == 0 && str_is(js_str(js_get(spec, "tool")), "diff"))
		bad = diff_send(&s, STDOUT_FILENO, e);
	else if (bad == 0)
		bad = file_remove_tree(AT_FDCWD, arena_z(&a, folder), e);
	arena_done(&a);
	return bad;
}
