/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/wheel_inside.h"

/* The kernel reads at most 127 bytes behind "#!" and cuts at blanks: a longer interpreter, or one with a blank, is reached through sh
 * with two lines that Python takes for a text. */
static bool
direct(struct str python, size_t more)
{
	return python.n + more < 125 && str_find_char(python, ' ') == SIZE_MAX;
}

void
wheel_first_line(struct str python, struct buf *out)
{
	if (direct(python, 0)) {
		buf_printf(out, "#!" STR_FMT "\n", STR_ARG(python));
		return;
	}
	buf_printf(out, "#!/bin/sh\n'''exec' \"" STR_FMT "\" \"$0\" \"$@\"\n' '''\n", STR_ARG(python));
}

bool
wheel_script_rewrite(struct str python, struct str script, struct buf *out)
{
	if (!str_starts(script, STR("#!python")))
		return false;
	const struct str_cut first = str_cut(script, '\n');
	struct str arguments = str_drop(first.head, strlen("#!python"));
	if (arguments.n > 0 && arguments.p[0] == 'w')
		arguments = str_drop(arguments, 1);
	arguments = str_trim(arguments);
	if (arguments.n > 0 && direct(python, arguments.n + 1))
		buf_printf(out, "#!" STR_FMT " " STR_FMT "\n", STR_ARG(python), STR_ARG(arguments));
	else if (arguments.n > 0)
		buf_printf(out, "#!/bin/sh\n'''exec' \"" STR_FMT "\" " STR_FMT " \"$0\" \"$@\"\n' '''\n", STR_ARG(python), STR_ARG(arguments));
	else
		wheel_first_line(python, out);
	buf_put(out, first.tail);
	return true;
}

/* Dotted Python identifiers; bytes beyond ASCII are left to Python. */
static bool
dotted(struct str s)
{
	bool start = true;
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c == '.') {
			if (start)
				return false;
			start = true;
			continue;
		}
		const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 128;
		if (!letter && (start || c < '0' || c > '9'))
			return false;
		start = false;
	}
	return !start;
}

static bool
script_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c == '/' || c == '\\' || c < 32 || c == 127)
			return false;
	}
	return s.n > 0 && s.n < 200 && s.p[0] != '.' && s.p[0] != '-';
}

static int
add_script(struct wheel *w, struct str name, struct str value, struct err *e)
{
	const struct str target = str_trim(str_cut(value, '[').head);
	const struct str_cut c = str_cut(target, ':');
	const struct str module = str_trim(c.head), attr = str_trim(c.tail);
	if (!script_name(name) || !c.ok || !dotted(module) || !dotted(attr))
		return err_set(e, ERR_INPUT, "%.*s: entry point '" STR_FMT " = " STR_FMT "' is no script: expected NAME = MODULE:FUNCTION",
			       STR_ARG(w->name), STR_ARG(str_take(name, 200)), STR_ARG(str_take(value, 200)));
	AUTO_BUF text = { 0 };
	wheel_first_line(w->scheme->python, &text);
	buf_printf(&text,
		   "import sys\n\n"
		   "from " STR_FMT " import " STR_FMT "\n\n"
		   "if __name__ == \"__main__\":\n"
		   "    sys.exit(" STR_FMT "())\n",
		   STR_ARG(module), STR_ARG(str_cut(attr, '.').head), STR_ARG(attr));
	const struct str path = path_join(&w->arena, w->scheme->scripts, name);
	const struct digest d = digest_of(buf_str(&text));
	if (wheel_place(w, path, &d, text.n, e) < 0)
		return -1;
	return layer_add_bytes(w->layer, path, true, buf_str(&text), e);
}

int
wheel_entry_points(struct wheel *w, struct str text, struct err *e)
{
	bool scripts = false;
	while (text.n > 0) {
		const struct str_cut line = str_cut(text, '\n');
		text = line.tail;
		const struct str s = str_trim(line.head);
		if (s.n == 0 || s.p[0] == '#' || s.p[0] == ';')
			continue;
		if (s.p[0] == '[') {
			scripts = str_is(s, "[console_scripts]") || str_is(s, "[gui_scripts]");
			continue;
		}
		const struct str_cut c = str_cut(s, '=');
		if (scripts && add_script(w, str_trim(c.head), str_trim(c.tail), e) < 0)
			return -1;
	}
	return 0;
}
