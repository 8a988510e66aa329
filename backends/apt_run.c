/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backends/apt_inside.h"
#include "backends/diff_lower.h"
#include "backends/sandbox.h"
#include "base/vec.h"

/* apt keeps its own state out of the image: in memory, or in the folder of archives. */
static const char CONF[] = "APT::Sandbox::User \"root\";\n"
			   "APT::Install-Recommends \"false\";\n"
			   "APT::Get::Assume-Yes \"true\";\n"
			   "Acquire::Languages \"none\";\n"
			   "Acquire::Retries \"3\";\n"
			   "Acquire::http::User-Agent-Non-Interactive \"true\";\n"
			   "Dir::State::lists \"/run/pawl/apt/lists\";\n"
			   "Dir::State::extended_states \"/run/pawl/apt/extended_states\";\n"
			   "Dir::Cache \"/run/pawl/apt/cache\";\n"
			   "Dir::Cache::archives \"/run/pawl/archives\";\n"
			   "Dir::Cache::pkgcache \"\";\n"
			   "Dir::Cache::srcpkgcache \"\";\n"
			   "Dir::Log \"/run/pawl/apt/log\";\n"
			   "Dpkg::Use-Pty \"false\";\n"
			   "Dpkg::Options { \"--force-unsafe-io\"; \"--force-confdef\"; \"--force-confold\"; };\n"
			   "Acquire::https::CaInfo \"" SANDBOX_CERTIFICATES "\";\n";

static const char BEGIN[] = "mkdir -p /run/pawl/apt/lists/partial /run/pawl/apt/cache /run/pawl/apt/log\n"
			    "[ ! -w /run/pawl/archives ] || mkdir -p /run/pawl/archives/partial\n";

static const char POLICY[] = "#!/bin/sh\nexit 101\n";

/* Does the image have a regular file there, or a folder with a name in it that ends so? Links are not followed. */
static bool
root_has(const struct lower *l, const char *path, const char *suffix, struct arena *a)
{
	struct shown in = lower_top(l, a), of;
	struct stat st;
	int at;
	for (struct str rest = str_z(path), done = { path, 0 }; rest.n;) {
		const struct str_cut c = str_cut(rest, '/');
		done.n = (size_t)(c.head.p + c.head.n - path);
		if (!lower_find(l, in, arena_z(a, done), a, &at, &st, &of))
			return false;
		in = of;
		rest = c.tail;
	}
	if (!suffix)
		return S_ISREG(st.st_mode) && st.st_size > 0;
	struct map names = { 0 };
	struct str *v;
	size_t n = 0;
	const bool listed = S_ISDIR(st.st_mode) && lower_names(l, of, path, a, &names, &v, &n, NULL) == 0;
	map_done(&names);
	for (size_t i = 0; listed && i < n; i++)
		if (str_ends(v[i], str_z(suffix)))
			return true;
	return false;
}

static int
has_sources(const struct apt_job *j, bool *yes, struct arena *a, struct err *e)
{
	struct lower l;
	if (lower_open(&l, j->roots, j->nroots, a, e) < 0)
		return -1;
	*yes = root_has(&l, "etc/apt/sources.list", NULL, a) || root_has(&l, "etc/apt/sources.list.d", ".list", a) ||
	       root_has(&l, "etc/apt/sources.list.d", ".sources", a);
	lower_close(&l);
	return 0;
}

struct mounts {
	VEC_FIELDS(struct build_mount);
};

static void
add_file(struct mounts *m, struct str to, struct str bytes, uint32_t mode)
{
	VEC_PUSH(m, ((struct build_mount){ .type = BUILD_SECRET, .to = to, .bytes = bytes, .mode = mode }));
}

/* This machine's sources with the keys that they name. */
static void
add_machine(struct mounts *m)
{
	static const struct str places[] = { STR_INIT("/etc/apt/sources.list"), STR_INIT("/etc/apt/sources.list.d"), STR_INIT("/etc/apt/trusted.gpg.d"),
					     STR_INIT("/etc/apt/keyrings"), STR_INIT("/usr/share/keyrings") };
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (file_exists(AT_FDCWD, places[i].p))
			VEC_PUSH(m, ((struct build_mount){ .type = BUILD_BIND, .from = places[i], .to = places[i], .read_only = true }));
}

static int
add_indexes(const struct apt_run *r, struct mounts *m, struct arena *a, struct err *e)
{
	const struct apt_question *q = r->question;
	AUTO_BUF lines = { 0 };
	bool own;
	if (has_sources(r->job, &own, a, e) < 0)
		return -1;
	if (!own && q->nsources == 0)
		add_machine(m);
	for (size_t i = 0; i < q->nsources; i++)
		buf_printf(&lines, STR_FMT "\n", STR_ARG(q->sources[i]));
	if (lines.n)
		add_file(m, STR("/etc/apt/sources.list.d/pawl.list"), arena_str(a, buf_str(&lines)), 0644);
	for (size_t i = 0; i < q->nkeys; i++) {
		const bool armoured = str_starts(str_trim(q->keys[i].bytes), STR("-----BEGIN"));
		add_file(m, arena_printf(a, "/etc/apt/trusted.gpg.d/pawl-%zu.%s", i, armoured ? "asc" : "gpg"), q->keys[i].bytes, 0644);
	}
	return 0;
}

/* Nothing of the caller's but its proxies, and only where the network is. */
static const char *const *
variables(const struct apt_run *r, struct arena *a)
{
	static const char *const fixed[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					     "HOME=/root",
					     "LC_ALL=C.UTF-8",
					     "TZ=UTC",
					     "APT_CONFIG=/run/pawl/apt.conf",
					     "DEBIAN_FRONTEND=noninteractive",
					     "DEBCONF_NONINTERACTIVE_SEEN=true",
					     "SOURCE_DATE_EPOCH=946684800",
					     "PYTHONHASHSEED=0",
					     "PERL_HASH_SEED=0" };
	static const char *const proxies[] = { "http_proxy=", "https_proxy=", "no_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=", "ALL_PROXY=", "all_proxy=" };
	enum { FIXED = sizeof fixed / sizeof fixed[0], PROXIES = sizeof proxies / sizeof proxies[0] };
	const char **v = arena_array(a, const char *, FIXED + PROXIES + 1);
	size_t n = 0;
	for (size_t i = 0; i < FIXED; i++)
		v[n++] = fixed[i];
	for (const char *const *x = r->network ? r->job->environ_ : NULL; x && *x; x++)
		for (size_t i = 0; i < PROXIES && n < FIXED + PROXIES; i++)
			if (strncmp(*x, proxies[i], strlen(proxies[i])) == 0)
				v[n++] = *x;
	return v;
}

static const char *const *
command(const struct apt_run *r, struct arena *a)
{
	const char **v = arena_array(a, const char *, r->nargs + 5);
	size_t n = 0;
	v[n++] = "sh";
	v[n++] = "-ec";
	v[n++] = arena_printf(a, "%s%s", BEGIN, r->script).p;
	v[n++] = "sh";
	for (size_t i = 0; i < r->nargs; i++)
		v[n++] = arena_z(a, r->args[i]);
	return v;
}

int
apt_run(const struct apt_run *r, struct arena *a, struct build_end *end, const struct apt_diff *diff, struct err *e)
{
	const struct apt_job *j = r->job;
	struct mounts m = { 0 };
	struct build *b = NULL;
	VEC_PUSH(&m, ((struct build_mount){ .type = BUILD_TMPFS, .to = STR("/run/pawl/apt"), .mode = 0755 }));
	VEC_PUSH(&m, ((struct build_mount){ .type = BUILD_BIND, .from = r->archives, .to = STR("/run/pawl/archives"), .read_only = !r->network }));
	add_file(&m, STR("/run/pawl/apt.conf"), str_z(CONF), 0644);
	add_file(&m, STR("/usr/sbin/policy-rc.d"), str_z(POLICY), 0755);
	int bad = r->network ? add_indexes(r, &m, a, e) : 0;
	if (bad == 0)
		bad = build_open(&(struct build_opts){ .roots = j->roots, .nroots = j->nroots, .scratch = j->scratch }, &b, e);
	const struct build_command c = { .argv = command(r, a), .envp = variables(r, a), .mounts = m.v, .nmounts = m.n, .network = r->network,
					 .line = j->line, .ctx = j->ctx, .stop = j->stop };
	if (bad == 0)
		bad = build_run(b, &c, a, end, e);
	if (bad == 0 && diff && end->status == 0)
		bad = build_diff(b, diff->omit, diff->nomit, diff->into, e);
	build_close(b);
	VEC_DONE(&m);
	return bad;
}
