/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/interpreter.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/stats.h"
#include "rules/pytags.h"
#include "rules/snapshot.h"
#include "sys/file.h"
#include "sys/proc.h"

#define ANSWER_LIMIT 65536
#define ASK_MS 60000
#define FACTS "python-1"

static const char question[] =
	"import json, os, platform, sys, sysconfig\n"
	"exe = getattr(sys, '_base_executable', None) or sys.executable\n"
	"libc = ' '.join(platform.libc_ver(os.path.realpath(exe))).strip()\n"
	"print(json.dumps({'executable': os.path.realpath(exe), 'version': platform.python_version(),\n"
	"    'implementation': sys.implementation.name, 'soabi': sysconfig.get_config_var('SOABI') or '',\n"
	"    'machine': platform.machine(), 'libc': libc}))\n";

struct python_state *
python_state(struct project *p)
{
	if (!p->python)
		p->python = arena_new(&p->arena, struct python_state);
	return p->python;
}

static int
read_facts(struct str json, struct arena *a, struct interpreter *out, struct err *e)
{
	AUTO_JS v = NULL;
	struct interpreter i = { 0 };

	if (js_parse(json, "its answer", &v, e) < 0)
		return -1;
	i.executable = arena_str(a, js_str(js_get(v, "executable")));
	i.version = arena_str(a, js_str(js_get(v, "version")));
	i.implementation = arena_str(a, js_str(js_get(v, "implementation")));
	i.soabi = arena_str(a, js_str(js_get(v, "soabi")));
	i.machine = arena_str(a, js_str(js_get(v, "machine")));
	i.libc = arena_str(a, js_str(js_get(v, "libc")));
	struct str_cut major = str_cut(i.version, '.'), minor = str_cut(major.tail, '.');
	uint64_t n;
	if (!i.executable.n || i.executable.p[0] != '/' || !minor.ok || !str_u64(major.head, &n) || !str_u64(minor.head, &n))
		return err_set(e, ERR_WORLD, "its answer makes no sense: " STR_FMT, STR_ARG(str_take(json, 200)));
	i.series = arena_str(a, str_take(i.version, major.head.n + 1 + minor.head.n));
	*out = i;
	return 0;
}

/* Is it a program itself, whose answer is always the same? */
static bool
is_program(const char *path)
{
	AUTO_FD fd = file_open(AT_FDCWD, path, O_RDONLY, 0, NULL);
	char magic[4];

	return fd >= 0 && pread(fd, magic, 4, 0) == 4 && !memcmp(magic, "\177ELF", 4);
}

static int
ask(struct project *p, const char *path, struct buf *answer, struct err *e)
{
	const char *const argv[] = { path, "-I", "-c", question, NULL };
	const struct proc_opts o = { .argv = argv, .envp = p->opts.environ_, .cwd = p->fd, .die_with_parent = true };
	AUTO_BUF err = { 0 };
	struct proc_end end;

	if (proc_run(&o, (struct str){ 0 }, ANSWER_LIMIT, ASK_MS, answer, &err, &end, e) < 0)
		return -1;
	if (end.status == 0)
		return 0;
	struct str said = str_trim(buf_str(&err));
	struct str_cut last = str_rcut(said, '\n');
	return err_set(e, ERR_WORLD, "it ended with status %d: " STR_FMT, end.status, STR_ARG(str_take(last.ok ? last.tail : said, 400)));
}

static void
report_leaf(struct project *p, struct str path)
{
	struct file_stat st;
	struct stat_sig sig;

	if (file_stat(AT_FDCWD, arena_z(&p->arena, path), true, &st, NULL) < 0) {
		leaves_path(p->leaves, path, NULL);
		return;
	}
	sig = stat_sig_of(&st);
	leaves_path(p->leaves, path, &sig);
}

/* What a shim of pyenv looks at besides itself. */
static void
report_shim(struct project *p)
{
	struct str name = STR("PYENV_VERSION"), file = STR(".python-version");
	struct file_stat st;

	leaves_var(p->leaves, name, project_env(p, name));
	if (file_stat(p->fd, ".python-version", true, &st, NULL) < 0) {
		leaves_path(p->leaves, file, NULL);
	} else {
		struct stat_sig sig = stat_sig_of(&st);
		leaves_path(p->leaves, file, &sig);
	}
}

static int
facts(struct project *p, const char *path, struct interpreter *out, struct err *e)
{
	AUTO_BUF answer = { 0 }, key = { 0 };
	struct content c;
	struct view *v = NULL;
	struct str known;
	bool program = is_program(path);

	if (program && stats_content(p->cache->stats, AT_FDCWD, path, NULL, &c, e) < 0)
		return -1;
	if (program) {
		/* The answer names the program's path: two copies of one program are two. */
		buf_printf(&key, FACTS "\n%s\n", path);
		buf_put(&key, (struct str){ (const char *)c.digest.b, sizeof c.digest.b });
		if (key.n <= RECORD_KEY_MAX && view_begin(p->cache->records, &v, NULL) == 0 &&
		    view_get(v, TABLE_FACTS, buf_str(&key), &known))
			buf_put(&answer, known);
		view_end(v);
	}
	if (answer.n && read_facts(buf_str(&answer), &p->arena, out, NULL) == 0)
		return 0;
	buf_reset(&answer);
	if (ask(p, path, &answer, e) < 0 || read_facts(buf_str(&answer), &p->arena, out, e) < 0)
		return -1;
	if (program && key.n <= RECORD_KEY_MAX) {
		struct batch b = { 0 };
		batch_put(&b, TABLE_FACTS, buf_str(&key), buf_str(&answer));
		(void)records_commit(p->cache->records, &b, false, 1000, NULL); /* else it is asked again */
		batch_done(&b);
	}
	return 0;
}

static int
look(struct project *p, struct interpreter *out, struct err *e)
{
	const char *path = project_env(p, STR("PATH"));
	struct str found;
	struct content c;

	leaves_var(p->leaves, STR("PATH"), path);
	if (!proc_find("python3", path ? path : "", &p->arena, &found))
		return err_set(e, ERR_MISSING, "there is no 'python3' in PATH; a virtual environment needs one (Debian: apt install python3)");
	/* A virtual environment's python3 is a link to the real one: its own folder decides, so the path counts, not the target's. */
	if (facts(p, arena_z(&p->arena, found), out, e) < 0)
		return err_wrap(e, "ask '" STR_FMT "' what it is", STR_ARG(found));
	report_leaf(p, found);
	report_leaf(p, out->executable);
	if (!is_program(arena_z(&p->arena, found)))
		report_shim(p);
	if (stats_content(p->cache->stats, AT_FDCWD, arena_z(&p->arena, out->executable), NULL, &c, e) < 0)
		return -1;
	out->content = c.digest;
	uint64_t minor = 0;
	if (!str_is(out->implementation, "cpython") || !str_starts(out->series, STR("3.")) || !str_u64(str_drop(out->series, 2), &minor) ||
	    minor < 8)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is " STR_FMT " " STR_FMT "; virtual environments are made for CPython 3.8 or newer",
			       STR_ARG(found), STR_ARG(out->implementation), STR_ARG(out->version));
	return 0;
}

int
interpreter_find(struct project *p, const struct interpreter **out, struct err *e)
{
	struct python_state *s = python_state(p);

	if (!s->has_interpreter && look(p, &s->interpreter, e) < 0)
		return -1;
	s->has_interpreter = true;
	*out = &s->interpreter;
	return 0;
}
