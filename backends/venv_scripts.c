/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/venv_scripts.h"

#include <string.h>
#include <unistd.h>

#include "backends/wheel_inside.h"
#include "base/base64.h"
#include "sys/file.h"

#define SCRIPT_LIMIT ((size_t)64 << 20)
#define RECORD_LIMIT ((size_t)64 << 20)
#define HEAD "#!" VENV_PLACEHOLDER

struct fixed { /* a script that was rewritten */
	struct str name;
	struct digest digest;
	size_t size;
};

struct fixes {
	struct arena *a;
	int bin, lib;
	VEC(struct fixed) v;
	struct map names;
};

static bool
begins_with_placeholder(int at, const char *name)
{
	char head[sizeof HEAD - 1];
	AUTO_FD fd = file_open(at, name, O_RDONLY | O_NOFOLLOW, 0, NULL);

	return fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head && !memcmp(head, HEAD, sizeof head);
}

static int
fix_script(struct fixes *f, struct str name, struct str python, struct err *e)
{
	AUTO_BUF old = { 0 }, generic = { 0 }, text = { 0 };
	const char *z = arena_z(f->a, name);

	if (!begins_with_placeholder(f->bin, z))
		return 0;
	if (file_read(f->bin, z, SCRIPT_LIMIT, &old, e) < 0)
		return -1;
	buf_puts(&generic, "#!python");
	buf_put(&generic, str_drop(buf_str(&old), sizeof HEAD - 1));
	if (!wheel_script_rewrite(python, buf_str(&generic), &text))
		return 0;
	if (file_replace(f->bin, z, buf_str(&text), 0555, false, e) < 0)
		return -1;
	const struct fixed x = { .name = name, .digest = digest_of(buf_str(&text)), .size = text.n };
	(void)map_put(&f->names, name, (uint32_t)f->v.n); /* a folder has each name once */
	VEC_PUSH(&f->v, x);
	return 0;
}

/* "../../../bin/NAME,sha256=...,123": the row of a script that was rewritten, anew. */
static bool
fix_row(const struct fixes *f, struct str row, struct buf *out)
{
	const struct str prefix = STR("../../../bin/");
	struct str_cut c = str_cut(row, ',');
	struct str name = str_drop(c.head, prefix.n);

	if (!str_starts(c.head, prefix))
		return false;
	const uint32_t at = map_get(&f->names, name);
	if (at == MAP_NONE)
		return false;
	const struct fixed *x = &f->v.v[at];
	buf_printf(out, STR_FMT ",sha256=", STR_ARG(c.head));
	base64_put(out, (struct str){ (const char *)x->digest.b, sizeof x->digest.b }, true);
	buf_printf(out, ",%zu\n", x->size);
	return true;
}

static int
fix_record(struct fixes *f, struct str folder, struct err *e)
{
	const char *z = arena_z(f->a, path_join(f->a, folder, STR("RECORD")));
	AUTO_BUF old = { 0 }, text = { 0 };
	bool changed = false;

	if (file_read(f->lib, z, RECORD_LIMIT, &old, e) < 0)
		return -1;
	for (struct str rest = buf_str(&old); rest.n;) {
		struct str_cut c = str_cut(rest, '\n');
		rest = c.tail;
		if (fix_row(f, c.head, &text)) {
			changed = true;
			continue;
		}
		buf_put(&text, c.head);
		if (c.ok)
			buf_putc(&text, '\n');
	}
	return changed ? file_replace(f->lib, z, buf_str(&text), 0444, false, e) : 0;
}

static int
fix_all(struct fixes *f, struct str python, struct err *e)
{
	struct file_entry *v;
	size_t n;

	if (file_list(f->bin, ".", f->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (v[i].type == FILE_REGULAR && fix_script(f, v[i].name, python, e) < 0)
			return -1;
	if (!f->v.n)
		return 0;
	if (file_list(f->lib, ".", f->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (v[i].type == FILE_FOLDER && str_ends(v[i].name, STR(".dist-info")) && fix_record(f, v[i].name, e) < 0)
			return -1;
	return 0;
}

int
venv_scripts_fix(struct str folder, struct str lib, struct str python, struct err *e)
{
	struct arena a = { 0 };
	AUTO_FD bin = file_open_dir(AT_FDCWD, arena_z(&a, path_join(&a, folder, STR("bin"))), e);
	AUTO_FD site = bin < 0 ? -1 : file_open_dir(AT_FDCWD, arena_z(&a, path_join(&a, folder, lib)), e);
	struct fixes f = { .a = &a, .bin = bin, .lib = site };
	int bad = bin < 0 || site < 0 || fix_all(&f, python, e) < 0 ? -1 : 0;

	VEC_DONE(&f.v);
	map_done(&f.names);
	arena_done(&a);
	return bad;
}
