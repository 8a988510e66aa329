/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/wheel_make.h"

#include <string.h>

#include "backends/resolver_run.h"
#include "sys/file.h"
#include "sys/proc.h"

#define INSIDE "/run/pawl-build" /* the scratch folder, in a sandbox */
#define INSIDE_UV "/run/pawl-uv"
#define LAST_LINES 20
#define BINDS_MAX 64

struct making {
	const struct wheel_make *m;
	struct resolver_question q; /* how programs are run */
	struct arena *a;
	struct err *e;
};

static struct str
last_lines(struct str text)
{
	size_t lines = 0;

	text = str_trim(text);
	for (size_t i = text.n; i-- > 0;)
		if (text.p[i] == '\n' && ++lines == LAST_LINES)
			return str_drop(text, i + 1);
	return text;
}

/* Runs it to its end; what: for the message. */
static int
run(struct making *k, struct resolver_args *argv, const char *what)
{
	AUTO_BUF out = { 0 }, err = { 0 };
	int status = 0;

	if (resolver_run(&k->q, argv, &out, &err, &status, k->e) < 0)
		return -1;
	if (status == 0)
		return 0;
	buf_put(&out, buf_str(&err));
	struct str said = last_lines(buf_str(&out));
	return err_set(k->e, ERR_FAILED, "%s ended with status %d:\n" STR_FMT, what, status, STR_ARG(said.n > 3000 ? str_drop(said, said.n - 3000) : said));
}

static void
push_all(struct resolver_args *argv, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(argv, v[i]);
}

/* ---- git ---- */

static int
git(struct making *k, const char *const *words, size_t n, const char *what)
{
	struct resolver_args argv = { 0 };
	struct str program;

	if (!proc_find("git", arena_z(k->a, resolver_env(&k->q, "PATH")), k->a, &program))
		return err_set(k->e, ERR_MISSING, "there is no 'git' in PATH: install it (Debian: apt install git)");
	VEC_PUSH(&argv, arena_z(k->a, program));
	push_all(&argv, words, n);
	const int bad = run(k, &argv, what);
	VEC_DONE(&argv);
	return bad;
}

/* The commit alone where the server gives single commits, else all branches. Its name is the hash of what it holds. */
static int
check_out(struct making *k, struct str *folder)
{
	char *to = arena_z(k->a, path_join(k->a, k->m->scratch, STR("repository")));
	char *url = arena_z(k->a, k->m->repository), *commit = arena_z(k->a, k->m->commit);
	const char *const init[] = { "init", "--quiet", to };
	const char *const one[] = { "-C", to, "fetch", "--quiet", "--depth", "1", "--no-tags", "--", url, commit };
	const char *const all[] = { "-C", to, "fetch", "--quiet", "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*" };
	const char *const out[] = { "-C", to, "-c", "advice.detachedHead=false", "checkout", "--quiet", commit };
	const char *const modules[] = { "-C", to, "submodule", "--quiet", "update", "--init", "--recursive" };
	struct err first = { 0 }, *e = k->e;

	if (k->m->offline)
		return err_set(e, ERR_WORLD, "--offline: the commit %.12s of " STR_FMT " is not in the cache", commit, STR_ARG(k->m->repository));
	if (git(k, init, 3, "git init") < 0)
		return -1;
	k->e = &first;
	int bad = git(k, one, sizeof one / sizeof *one, "git fetch");
	k->e = e;
	if (bad && first.code == ERR_INTERRUPTED)
		return err_set(e, first.code, "%s", first.text);
	if (bad && git(k, all, sizeof all / sizeof *all, "git fetch") < 0) {
		if (e->code == ERR_FAILED)
			e->code = ERR_WORLD;
		return err_wrap(e, "get " STR_FMT, STR_ARG(k->m->repository));
	}
	if (git(k, out, sizeof out / sizeof *out, "git checkout") < 0)
		return err_wrap(e, "commit %.12s of " STR_FMT, commit, STR_ARG(k->m->repository));
	*folder = str_z(to);
	return git(k, modules, sizeof modules / sizeof *modules, "git submodule update");
}

/* ---- the build ---- */

/* Folders of the machine that uv or pip are told of by variables, and files of certificates: they are there inside as well. */
static size_t
bind_told(struct making *k, struct sandbox_bind *v, size_t n)
{
	static const char *const names[] = { "UV_FIND_LINKS", "PIP_FIND_LINKS", "UV_CONFIG_FILE", "PIP_CONFIG_FILE", "NETRC", "SSL_CERT_FILE",
					     "REQUESTS_CA_BUNDLE", "PIP_CERT" };

	for (size_t i = 0; i < sizeof names / sizeof *names && n < BINDS_MAX; i++) {
		struct str value = resolver_env(&k->q, names[i]);
		if (value.n > 1 && value.p[0] == '/' && file_exists(AT_FDCWD, arena_z(k->a, value)) && !str_starts(value, STR("/dev/")))
			v[n++] = (struct sandbox_bind){ .from = value, .to = value, .read_only = true };
	}
	return n;
}

static bool
passed(const char *variable)
{
	static const char *const names[] = { "UV_", "PIP_", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=", "http_proxy=", "https_proxy=", "no_proxy=",
					     "SSL_CERT_FILE=", "REQUESTS_CA_BUNDLE=", "NETRC=" };

	if (!strncmp(variable, "UV_CACHE_DIR=", 13) || !strncmp(variable, "UV_PYTHON", 9))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

/* On this machine all of the caller's; inside what tells uv or pip where packages are. A build has one date. */
static const char *const *
variables(struct making *k, bool inside)
{
	VEC(const char *) v = { 0 };
	const char *const own[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" INSIDE "/home", "TMPDIR=/tmp",
				    "LC_ALL=C.UTF-8", "UV_CACHE_DIR=" INSIDE "/uv-cache", "UV_LINK_MODE=copy" };

	for (size_t i = 0; k->m->envp && k->m->envp[i]; i++)
		if (!inside || passed(k->m->envp[i]))
			VEC_PUSH(&v, k->m->envp[i]);
	for (size_t i = 0; inside && i < sizeof own / sizeof *own; i++)
		VEC_PUSH(&v, own[i]);
	VEC_PUSH(&v, "SOURCE_DATE_EPOCH=315532800");
	VEC_PUSH(&v, "GIT_TERMINAL_PROMPT=0");
	const char **out = arena_array(k->a, const char *, v.n + 1);
	memcpy(out, v.v, v.n * sizeof *out);
	VEC_DONE(&v);
	return out;
}

/* The command that builds src into out with a tool; paths are those that it sees. */
static void
build_words(struct making *k, struct str uv, struct str src, struct str out, struct resolver_args *argv)
{
	char *interpreter = arena_z(k->a, k->m->interpreter), *from = arena_z(k->a, src), *to = arena_z(k->a, out);
	const char *const by_uv[] = { arena_z(k->a, uv), "build", "--wheel", "--color", "never", "--no-progress", "--no-python-downloads", "--python",
				      interpreter, "--out-dir", to, from };
	const char *const by_pip[] = { interpreter, "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color", "wheel", "--no-deps",
				       "--wheel-dir", to, from };

	if (uv.n)
		push_all(argv, by_uv, sizeof by_uv / sizeof *by_uv);
	else
		push_all(argv, by_pip, sizeof by_pip / sizeof *by_pip);
	if (k->m->offline)
		VEC_PUSH(argv, uv.n ? "--offline" : "--no-index");
}

static struct str
inside_path(struct making *k, struct str path)
{
	return arena_printf(k->a, INSIDE STR_FMT, STR_ARG(str_drop(path, k->m->scratch.n)));
}

static int
build_inside(struct making *k, struct str uv, struct str src, struct str out)
{
	struct resolver_args words = { 0 };
	struct sandbox_bind binds[BINDS_MAX] = { { .from = k->m->scratch, .to = STR(INSIDE) } };
	struct sandbox_spec s = *k->m->sandbox;
	const char *const *argv;
	size_t n = 1;

	if (uv.n)
		binds[n++] = (struct sandbox_bind){ .from = uv, .to = STR(INSIDE_UV), .read_only = true };
	s.nbinds = bind_told(k, binds, n);
	s.binds = binds;
	s.network = !k->m->offline;
	s.workdir = STR(INSIDE);
	build_words(k, uv.n ? STR(INSIDE_UV) : uv, inside_path(k, src), inside_path(k, out), &words);
	VEC_PUSH(&words, NULL);
	int bad = file_mkdirs(AT_FDCWD, arena_z(k->a, path_join(k->a, k->m->scratch, STR("home"))), k->e) < 0 ||
		  sandbox_command(&s, words.v, variables(k, true), k->m->self, k->a, &argv, k->e) < 0;
	VEC_DONE(&words);
	struct resolver_args all = { 0 };
	for (size_t i = 0; !bad && argv[i]; i++)
		VEC_PUSH(&all, argv[i]);
	k->q.envp = variables(k, true);
	if (!bad)
		bad = run(k, &all, uv.n ? "uv build, in the image," : "pip wheel, in the image,");
	VEC_DONE(&all);
	return bad ? -1 : 0;
}

static int
build(struct making *k, struct str src, struct str out)
{
	struct resolver_args argv = { 0 };
	struct str uv = { 0 };

	(void)proc_find("uv", arena_z(k->a, resolver_env(&k->q, "PATH")), k->a, &uv); /* else pip */
	if (k->m->sandbox)
		return build_inside(k, uv, src, out);
	build_words(k, uv, src, out, &argv);
	const int bad = run(k, &argv, uv.n ? "uv build" : "pip wheel");
	VEC_DONE(&argv);
	return bad;
}

static int
the_wheel(struct making *k, struct str out, struct str *path)
{
	struct file_entry *v;
	size_t n;
	bool found = false;

	if (file_list(AT_FDCWD, arena_z(k->a, out), k->a, &v, &n, k->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!str_ends(v[i].name, STR(".whl")) || v[i].type != FILE_REGULAR)
			continue;
		if (found)
			return err_set(k->e, ERR_FAILED, "the build gave more than one wheel");
		found = true;
		*path = path_join(k->a, out, v[i].name);
	}
	return found ? 0 : err_set(k->e, ERR_FAILED, "the build gave no wheel");
}

int
wheel_make(const struct wheel_make *m, struct arena *a, struct str *path, struct err *e)
{
	struct making k = { .m = m, .a = a, .e = e, .q = { .cwd = m->cwd, .scratch = m->scratch, .stop = m->stop, .envp = m->envp } };
	struct str src = m->archive, out = path_join(a, m->scratch, STR("out"));

	k.q.envp = variables(&k, false);
	if (file_mkdirs(AT_FDCWD, arena_z(a, out), e) < 0 || (!src.n && check_out(&k, &src) < 0))
		return -1;
	if (m->subdirectory.n) {
		struct str sub = path_clean(a, m->subdirectory);
		if (m->archive.n || sub.p[0] == '/' || str_is(sub, "..") || str_starts(sub, STR("../")))
			return err_set(e, ERR_INPUT, "the subdirectory '" STR_FMT "' of %s cannot be built", STR_ARG(m->subdirectory),
				       m->archive.n ? "an archive" : "the repository");
		src = path_join(a, src, sub);
	}
	return build(&k, src, out) < 0 ? -1 : the_wheel(&k, out, path);
}
