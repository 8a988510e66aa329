/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/entry.h"

#include <string.h>

#include "base/vec.h"
#include "sys/file.h"

#define MAX_NESTED 50 /* texts of sh -c */

struct reader {
	struct arena *arena;
	struct str folder; /* of the last cd; "." at first */
	VEC(struct entry) entries;
	VEC(struct str) programs;
	VEC(struct named) words;
	VEC(struct commands) texts; /* of sh -c, still to read */
	VEC(struct script) scripts;
};

/* Commands of the shell itself: no program is started. */
static const char *const builtins[] = { ".", ":", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec",
	"exit", "export", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return",
	"set", "shift", "source", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait", "for", "case",
	"select", "function", "[[", "let", "declare", "typeset", "shopt", "builtin" };

/* Commands that start the command behind them. with_value: options that take a word of their own. words: further words before it. */
static const struct prefix {
	const char *name, *with_value;
	int words;
	const char *sub; /* the word that must follow: "run" of `uv run` */
} prefixes[] = {
	{ "env", " -u --unset -C --chdir -S --split-string ", 0, NULL },
	{ "exec", " -a ", 0, NULL },
	{ "command", "", 0, NULL },
	{ "builtin", "", 0, NULL },
	{ "time", " -f --format -o --output ", 0, NULL },
	{ "nice", " -n --adjustment ", 0, NULL },
	{ "ionice", " -c --class -n --classdata ", 0, NULL },
	{ "nohup", "", 0, NULL },
	{ "setsid", "", 0, NULL },
	{ "stdbuf", " -i -o -e --input --output --error ", 0, NULL },
	{ "timeout", " -k --kill-after -s --signal ", 1, NULL },
	{ "chronic", "", 0, NULL },
	{ "taskset", "", 1, NULL },
	{ "numactl", " -N -m -C -i -p --cpunodebind --membind --physcpubind ", 0, NULL },
	{ "xargs", " -I -n -P -L -s -d -a -E --max-args --max-procs --delimiter --arg-file ", 0, NULL },
	{ "sudo", " -u -g -C -h -p ", 0, NULL },
	{ "mpirun", " -n -np -c --np -H --host --hostfile -x -mca --mca ", 0, NULL },
	{ "mpiexec", " -n -np -c --np -H --host --hostfile -x ", 0, NULL },
	{ "srun", " -n -N -c -p -t -J ", 0, NULL },
	{ "uv", " --with --with-requirements --python -p --extra --group --project --directory --env-file --index-url --package ", 0, "run" },
	{ "poetry", " -C --directory -P --project ", 0, "run" },
	{ "pipenv", "", 0, "run" },
	{ "pdm", " -p --project ", 0, "run" },
	{ "hatch", " -e --env ", 0, "run" },
	{ "rye", "", 0, "run" },
	{ "pixi", " -e --environment ", 0, "run" },
	{ "conda", " -n --name -p --prefix ", 0, "run" },
	{ "mamba", " -n --name -p --prefix ", 0, "run" },
	{ "micromamba", " -n --name -p --prefix ", 0, "run" },
	{ "pyenv", "", 0, "exec" },
};

static bool
among(struct str word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(word, list[i]))
			return true;
	return false;
}

/* Is the word one of those in a text such as " -u -C "? */
static bool
listed(struct str word, const char *list)
{
	for (const char *p = strchr(list, '-'); p; p = strchr(p, ' ') ? strchr(strchr(p, ' '), '-') : NULL) {
		const size_t n = strcspn(p, " ");
		if (n == word.n && memcmp(p, word.p, n) == 0)
			return true;
	}
	return false;
}

static bool
starts_with(struct str s, const char *z)
{
	return str_starts(s, str_z(z));
}

bool
entry_is_python(struct str program)
{
	struct str base = path_base(program);
	if (starts_with(base, "python"))
		base = str_drop(base, 6);
	else if (starts_with(base, "pypy"))
		base = str_drop(base, 4);
	else
		return false;
	for (size_t i = 0; i < base.n; i++)
		if (!((base.p[i] >= '0' && base.p[i] <= '9') || base.p[i] == '.'))
			return false;
	return true;
}

static void
add_program(struct reader *r, struct str name)
{
	for (size_t i = 0; i < r->programs.n; i++)
		if (str_eq(r->programs.v[i], name))
			return;
	VEC_PUSH(&r->programs, name);
}

static void
add_path(struct reader *r, struct str text, bool data)
{
	if (text.n == 0 || text.n > 4000 || memchr(text.p, 0, text.n) || memchr(text.p, '\n', text.n))
		return;
	const struct named plain = { .path = path_clean(r->arena, text), .data = data };
	VEC_PUSH(&r->words, plain);
	if (!str_is(r->folder, ".") && text.p[0] != '/') {
		const struct named moved = { .path = path_clean(r->arena, path_join(r->arena, r->folder, text)), .data = data };
		VEC_PUSH(&r->words, moved);
	}
}

/* A word, and what stands behind '=' in it ("--config=conf/a.yaml", "@file"). */
static void
add_word(struct reader *r, const struct word *w, bool data)
{
	if (!w->literal)
		return;
	add_path(r, w->text, data);
	const struct str_cut c = str_cut(w->text, '=');
	if (c.ok)
		add_path(r, c.tail, data);
	if (w->text.n > 1 && w->text.p[0] == '@')
		add_path(r, str_drop(w->text, 1), data);
}

static void
add_entry(struct reader *r, enum entry_kind kind, struct str what, struct str program)
{
	if (kind == ENTRY_FILE && what.n && what.p[0] != '/' && !str_is(r->folder, "."))
		what = path_join(r->arena, r->folder, what);
	const struct entry e = { .kind = kind, .what = kind == ENTRY_FILE ? path_clean(r->arena, what) : what, .folder = r->folder,
				 .program = program };
	VEC_PUSH(&r->entries, e);
}

/* python [options] -m module | -c text | file | - : the options that end the search for one. Returns the first word of its arguments. */
static size_t
python_words(struct reader *r, const struct command *c, size_t i)
{
	const struct str program = c->v[i++].text;
	for (; i < c->n; i++) {
		const struct word *w = &c->v[i];
		if (!w->literal)
			return i + 1;
		if (w->text.n == 0 || w->text.p[0] != '-' || w->text.n == 1)
			break;
		if (w->text.p[1] == '-') {
			if (str_is(w->text, "--check-hash-based-pycs"))
				i++;
			continue;
		}
		for (size_t k = 1; k < w->text.n; k++) {
			const char o = w->text.p[k];
			if (o != 'm' && o != 'c' && o != 'W' && o != 'X' && o != 'Q')
				continue;
			struct str value = str_drop(w->text, k + 1);
			bool literal = true;
			if (value.n == 0 && i + 1 < c->n) {
				value = c->v[++i].text;
				literal = c->v[i].literal;
			}
			if (o == 'm' && literal)
				add_entry(r, ENTRY_MODULE, value, program);
			else if (o == 'c')
				add_entry(r, ENTRY_TEXT, value, program);
			if (o == 'm' || o == 'c')
				return i + 1;
			break;
		}
	}
	if (i >= c->n || str_is(c->v[i].text, "-")) {
		if (c->has_heredoc)
			add_entry(r, ENTRY_TEXT, c->heredoc, program);
		return i + 1;
	}
	add_entry(r, ENTRY_FILE, c->v[i].text, program);
	return i + 1;
}

static const struct prefix *
prefix_of(const struct command *c, size_t i)
{
	const struct str base = path_base(c->v[i].text);
	for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++)
		if (str_is(base, prefixes[k].name))
			return &prefixes[k];
	return NULL;
}

/* The word where the command begins that the one at i starts; c->n: none. */
static size_t
behind_prefix(struct reader *r, const struct command *c, size_t i, const struct prefix *p)
{
	int words = p->words;
	bool sub = p->sub == NULL;
	for (i++; i < c->n; i++) {
		const struct word *w = &c->v[i];
		if (!sub && w->text.n && w->text.p[0] != '-') {
			if (!str_is(w->text, p->sub))
				return c->n;
			sub = true;
			continue;
		}
		if (w->text.n && w->text.p[0] == '-') {
			if (str_is(w->text, "--"))
				continue;
			if (str_is(w->text, "-m") && p->sub)
				return i; /* uv run -m module: read as python's options */
			if (listed(w->text, p->with_value))
				i++;
			continue;
		}
		const struct str_cut cut = str_cut(w->text, '=');
		if (cut.ok && str_is(str_z(p->name), "env")) {
			add_word(r, w, false);
			continue;
		}
		if (words > 0) {
			words--;
			continue;
		}
		return i;
	}
	return c->n;
}

static bool
is_shell(struct str program)
{
	static const char *const shells[] = { "sh", "bash", "dash", "zsh", "ksh", "ash", "busybox" };
	return among(path_base(program), shells, sizeof shells / sizeof *shells);
}

static void
add_script(struct reader *r, const struct word *w, bool sure)
{
	if (!w->literal || w->text.n == 0 || w->text.n > 4000 || memchr(w->text.p, 0, w->text.n))
		return;
	const bool moved = w->text.p[0] != '/' && !str_is(r->folder, ".");
	const struct script s = { .path = path_clean(r->arena, moved ? path_join(r->arena, r->folder, w->text) : w->text), .folder = r->folder,
				  .sure = sure };
	VEC_PUSH(&r->scripts, s);
}

/* sh -c 'text': its commands are read later. sh FILE: so are those of the file. */
static void
shell_text(struct reader *r, const struct command *c, size_t i)
{
	for (i++; i < c->n; i++) {
		const struct str t = c->v[i].text;
		if (t.n < 2 || (t.p[0] != '-' && t.p[0] != '+')) {
			add_script(r, &c->v[i], true);
			return;
		}
		if (str_is(t, "-o") || str_is(t, "+o") || str_is(t, "--rcfile") || str_is(t, "--init-file"))
			i++;
		if (t.p[1] == '-' || t.p[0] == '+')
			continue;
		if (t.p[t.n - 1] != 'c' && str_find_char(t, 'c') == SIZE_MAX)
			continue;
		if (i + 1 < c->n && r->texts.n < MAX_NESTED) {
			struct commands inner;
			words_scan(c->v[i + 1].text, r->arena, &inner);
			VEC_PUSH(&r->texts, inner);
		}
		return;
	}
}

static bool
is_source(struct str path)
{
	return str_ends(path, STR(".py")) || str_ends(path, STR(".ipynb"));
}

/* Programs and modules that run the Python file or the notebook they are given, and do nothing else with it. */
static const char *const runners[] = { "torchrun", "accelerate", "deepspeed", "papermill", "ipython", "ipython3", "jupyter-execute", "coverage",
	"streamlit", "kernprof", "viztracer", "scalene", "py-spy", "memray", "torch.distributed.run", "torch.distributed.launch",
	"accelerate.commands.launch", "cProfile", "profile", "pdb", "trace", "IPython", "runpy" };

/* Does the program at i run the source among its arguments? Of jupyter only `jupyter execute` and `jupyter nbconvert --execute` do. */
static bool
runs(const struct command *c, size_t i, struct str program)
{
	if (among(program, runners, sizeof runners / sizeof *runners))
		return true;
	if (!str_is(program, "jupyter") && !str_is(program, "jupyter-nbconvert") && !str_is(program, "nbconvert"))
		return false;
	for (; i < c->n; i++)
		if (str_is(c->v[i].text, "execute") || str_is(c->v[i].text, "--execute"))
			return true;
	return false;
}

/* Words that are arguments; a Python file among those of another program may be run by it (torchrun train.py). A runner's first one is an entry
 * point and nothing else; behind it are the arguments of that program. */
static void
arguments(struct reader *r, const struct command *c, size_t i, bool data, bool runner)
{
	for (; i < c->n; i++) {
		const bool source = !data && c->v[i].literal && is_source(c->v[i].text);
		if (!source || !runner)
			add_word(r, &c->v[i], data);
		if (source)
			add_entry(r, ENTRY_FILE, c->v[i].text, STR("python3"));
		data = data || (source && runner);
	}
}

static void
change_folder(struct reader *r, const struct command *c, size_t i)
{
	while (i + 1 < c->n && c->v[i + 1].text.n && c->v[i + 1].text.p[0] == '-')
		i++;
	if (i + 1 >= c->n || !c->v[i + 1].literal)
		return;
	const struct str to = c->v[i + 1].text;
	r->folder = path_clean(r->arena, to.n && to.p[0] == '/' ? to : path_join(r->arena, r->folder, to));
}

static void
read_command(struct reader *r, const struct command *c, bool shell)
{
	for (size_t i = 0; i < c->nset; i++)
		add_word(r, &c->set[i], false);
	for (size_t i = 0; i < c->nredirect; i++)
		if (!c->redirect[i].written)
			add_word(r, &c->redirect[i], true);
	size_t i = 0;
	for (int depth = 0; i < c->n && c->v[i].literal && depth < 16; depth++) {
		const struct str program = c->v[i].text;
		const bool builtin = shell && among(program, builtins, sizeof builtins / sizeof *builtins);
		if (!builtin && program.n && program.p[0] != '-')
			add_program(r, program);
		if (shell && str_is(program, "cd")) {
			change_folder(r, c, i);
			return;
		}
		const struct prefix *p = prefix_of(c, i);
		if (!p)
			break;
		const size_t next = behind_prefix(r, c, i, p);
		if (p->sub && next < c->n && str_is(c->v[next].text, "-m")) {
			if (next + 1 < c->n && c->v[next + 1].literal)
				add_entry(r, ENTRY_MODULE, c->v[next + 1].text, STR("python3"));
			arguments(r, c, next + 2, false, next + 1 < c->n && runs(c, next + 2, c->v[next + 1].text));
			return;
		}
		i = next;
	}
	if (i >= c->n)
		return;
	const struct word *w = &c->v[i];
	if (w->literal && entry_is_python(w->text)) {
		const size_t before = r->entries.n;
		const size_t from = python_words(r, c, i);
		const bool module = r->entries.n > before && r->entries.v[before].kind == ENTRY_MODULE;
		arguments(r, c, from, !module, module && runs(c, from, r->entries.v[before].what));
		return;
	}
	if (w->literal && is_source(w->text))
		add_entry(r, ENTRY_FILE, w->text, STR("python3"));
	add_word(r, w, false);
	if (w->literal && is_shell(w->text))
		shell_text(r, c, i);
	else if (shell && (str_is(w->text, ".") || str_is(w->text, "source")) && i + 1 < c->n)
		add_script(r, &c->v[i + 1], true);
	else if (str_find_char(w->text, '/') != SIZE_MAX && !is_source(w->text))
		add_script(r, w, false);
	arguments(r, c, i + 1, false, w->literal && runs(c, i + 1, path_base(w->text)));
}

void
entries_of(const struct commands *c, bool shell, struct str folder, struct arena *a, struct entries *out)
{
	struct reader r = { .arena = a, .folder = folder };
	if (shell)
		add_program(&r, STR("sh"));
	for (size_t i = 0; i < c->n; i++)
		read_command(&r, &c->v[i], shell);
	for (size_t k = 0; k < r.texts.n; k++) {
		const struct commands inner = r.texts.v[k];
		r.folder = folder;
		for (size_t i = 0; i < inner.n; i++)
			read_command(&r, &inner.v[i], true);
	}
	*out = (struct entries){ .n = r.entries.n, .nprograms = r.programs.n, .nwords = r.words.n,
				  .nscripts = r.scripts.n };
	out->v = arena_array(a, struct entry, out->n);
	out->programs = arena_array(a, struct str, out->nprograms);
	out->words = arena_array(a, struct named, out->nwords);
	out->scripts = arena_array(a, struct script, out->nscripts);
	if (r.entries.v)
		memcpy(out->v, r.entries.v, out->n * sizeof *out->v);
	if (r.programs.v)
		memcpy(out->programs, r.programs.v, out->nprograms * sizeof *out->programs);
	if (r.words.v)
		memcpy(out->words, r.words.v, out->nwords * sizeof *out->words);
	if (r.scripts.v)
		memcpy(out->scripts, r.scripts.v, out->nscripts * sizeof *out->scripts);
	VEC_DONE(&r.entries);
	VEC_DONE(&r.programs);
	VEC_DONE(&r.words);
	VEC_DONE(&r.texts);
	VEC_DONE(&r.scripts);
}
