/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/codetext.h"

#include <string.h>

#include "base/js.h"

#define COLUMN 34 /* where reasons begin */

static void
line(struct buf *out, struct str text, struct str reason)
{
	buf_put(out, text);
	for (size_t i = text.n; i < COLUMN; i++)
		buf_putc(out, ' ');
	buf_printf(out, " " STR_FMT "\n", STR_ARG(reason));
}

static void
print_item(const struct code_item *x, struct buf *out)
{
	AUTO_BUF b = { 0 };
	if (x->line == 0) {
		buf_printf(&b, "  " STR_FMT, STR_ARG(x->file.n ? x->file : x->name.n ? x->name : STR("(command)")));
	} else {
		buf_printf(&b, "    %-5u" STR_FMT "%s", x->line, STR_ARG(x->name.n ? x->name : str_z(x->kind)), strcmp(x->kind, "def") == 0 ? "()" : "");
	}
	line(out, buf_str(&b), x->reason);
}

static size_t
count(const struct code_item *v, size_t n, bool in)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		k += v[i].in == in;
	return k;
}

/* A file is named once before its definitions, also where it is not itself an item of that part. */
static void
part(const struct code_item *v, size_t n, bool in, struct buf *out)
{
	struct str last = { 0 };
	for (size_t i = 0; i < n; i++) {
		if (v[i].in != in)
			continue;
		if (v[i].line && !str_eq(last, v[i].file))
			buf_printf(out, "  " STR_FMT "\n", STR_ARG(v[i].file.n ? v[i].file : STR("(command)")));
		last = v[i].file;
		print_item(&v[i], out);
	}
}

void
codetext_print(struct str name, const struct code_item *v, size_t n, struct buf *out)
{
	buf_printf(out, "code:" STR_FMT ": %zu in, %zu out\n\nin\n", STR_ARG(name), count(v, n, true), count(v, n, false));
	part(v, n, true, out);
	buf_puts(out, "\nout\n");
	part(v, n, false, out);
}

static struct js *
item_js(const struct code_item *x)
{
	struct js *o = js_map();
	js_set(o, "kind", js_textz(x->kind));
	js_set(o, "file", x->file.n ? js_text(x->file) : js_null());
	js_set(o, "line", x->line ? js_int(x->line) : js_null());
	js_set(o, "name", x->name.n ? js_text(x->name) : js_null());
	js_set(o, "reason", js_text(x->reason));
	if (x->from.n) {
		struct js *path = js_list();
		js_push(path, js_text(x->from));
		for (struct str_cut c = { .tail = x->via }; c.tail.n;) {
			c = str_cut(c.tail, ',');
			js_push(path, js_text(str_trim(c.head)));
		}
		js_set(o, "path", path);
	}
	return o;
}

void
codetext_json(struct str name, const struct code_item *v, size_t n, struct buf *out)
{
	AUTO_JS o = js_map();
	struct js *in = js_list(), *rest = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(v[i].in ? in : rest, item_js(&v[i]));
	js_set(o, "schema", js_int(1));
	js_set(o, "code", js_text(name));
	js_set(o, "in", in);
	js_set(o, "out", rest);
	js_write(o, out);
	buf_putc(out, '\n');
}
