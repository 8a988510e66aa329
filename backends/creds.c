/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/creds.h"

#include <string.h>

#include "base/base64.h"
#include "base/js.h"
#include "sys/file.h"
#include "sys/proc.h"

#define FILE_LIMIT ((size_t)1 << 20)
#define HELPER_LIMIT ((size_t)1 << 20)
#define HELPER_MS 30000
#define HUB "docker.io"                          /* the host that references without one mean */
#define HUB_KEY "https://index.docker.io/v1/"    /* its old name in these files */

static const char *
var(const char *const *environ_, const char *name)
{
	const size_t n = strlen(name);
	for (size_t i = 0; environ_ && environ_[i]; i++) {
		if (strncmp(environ_[i], name, n) == 0 && environ_[i][n] == '=')
			return environ_[i][n + 1] ? environ_[i] + n + 1 : NULL;
	}
	return NULL;
}

/* Keys of old files have a scheme or a path: "https://host/v1/". */
static struct str
bare(struct str key)
{
	const size_t at = str_find(key, STR("://"));
	return at == SIZE_MAX ? key : str_cut(str_drop(key, at + 3), '/').head;
}

static const struct js *
find_auth(const struct js *auths, struct str host, struct str repository, struct arena *a)
{
	struct str name = repository.n > 0 ? arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(host), STR_ARG(repository)) : host;
	for (;;) { /* the most particular first: host/team/churn, host/team, host */
		const struct js *v = js_get_str(auths, name);
		if (v || str_eq(name, host))
			break;
		name = str_rcut(name, '/').head;
	}
	const struct js *v = js_get_str(auths, name);
	if (!v && str_is(host, HUB))
		v = js_get(auths, HUB_KEY);
	for (void *it = v ? NULL : js_first(auths); it && !v; it = js_next(auths, it)) {
		if (str_eq(bare(js_key(it)), host))
			v = js_value(it);
	}
	return v;
}

static int
from_auth(const struct js *v, struct arena *a, struct creds *out, struct err *e)
{
	struct creds c = { .identity = arena_str(a, js_str(js_get(v, "identitytoken"))),
			   .bearer = arena_str(a, js_str(js_get(v, "registrytoken"))),
			   .user = arena_str(a, js_str(js_get(v, "username"))),
			   .secret = arena_str(a, js_str(js_get(v, "password"))) };
	const struct str auth = js_str(js_get(v, "auth"));
	if (auth.n > 0) {
		AUTO_BUF plain = { 0 };
		if (!base64_get(auth, &plain))
			return err_set(e, ERR_INPUT, "'auth' is no base64");
		struct str text = buf_str(&plain);
		while (text.n > 0 && text.p[text.n - 1] == '\0')
			text.n--;
		const struct str_cut cut = str_cut(text, ':');
		if (!cut.ok)
			return err_set(e, ERR_INPUT, "'auth' is not USER:PASSWORD in base64");
		c.user = arena_str(a, cut.head);
		c.secret = arena_str(a, cut.tail);
	}
	c.found = c.user.n > 0 || c.identity.n > 0 || c.bearer.n > 0;
	if (c.found)
		*out = c;
	return 0;
}

static bool
helper_name_good(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		const char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c)))
			return false;
	}
	return name.n > 0 && name.n < 100;
}

static int
from_helper(const char *const *environ_, struct str name, struct str host, struct arena *a, struct creds *out, struct err *e)
{
	if (!helper_name_good(name))
		return err_set(e, ERR_INPUT, "the credential helper's name '" STR_FMT "' is none", STR_ARG(str_take(name, 100)));
	const struct str program = arena_printf(a, "docker-credential-" STR_FMT, STR_ARG(name));
	const char *const argv[] = { program.p, "get", NULL };
	const struct proc_opts o = { .argv = argv, .envp = environ_, .group = true, .die_with_parent = true };
	const struct str question = str_is(host, HUB) ? STR(HUB_KEY) : host;
	AUTO_BUF answer = { 0 };
	AUTO_JS doc = NULL;
	struct proc_end end;
	if (proc_run(&o, question, HELPER_LIMIT, HELPER_MS, &answer, NULL, &end, e) < 0)
		return err_wrap(e, "ask the credential helper '" STR_FMT "' for " STR_FMT, STR_ARG(program), STR_ARG(host));
	if (end.status != 0) {
		/* The helpers' protocol has one text for "none"; it comes on stdout. */
		if (str_find(buf_str(&answer), STR("credentials not found")) != SIZE_MAX)
			return 0;
		return err_set(e, ERR_WORLD, "the credential helper '" STR_FMT "' failed for " STR_FMT " (exit %d); run it by hand to see why",
			       STR_ARG(program), STR_ARG(host), end.status);
	}
	if (js_parse(buf_str(&answer), "answer of the credential helper", &doc, e) < 0)
		return -1;
	struct creds c = { .user = arena_str(a, js_str(js_get(doc, "Username"))), .secret = arena_str(a, js_str(js_get(doc, "Secret"))) };
	if (str_is(c.user, "<token>")) {
		c.identity = c.secret;
		c.user = c.secret = (struct str){ 0 };
	}
	c.found = c.user.n > 0 || c.identity.n > 0;
	if (c.found)
		*out = c;
	return 0;
}

static int
from_file(const char *const *environ_, const char *path, struct str host, struct str repository, struct arena *a, struct creds *out,
	  struct err *e)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	struct err why = { 0 };
	if (file_read(AT_FDCWD, path, FILE_LIMIT, &text, &why) < 0) {
		if (why.code == ERR_MISSING)
			return 0;
		return err_set(e, why.code, "%s", why.text);
	}
	if (str_trim(buf_str(&text)).n == 0)
		return 0;
	if (js_parse(buf_str(&text), path, &doc, e) < 0)
		return -1;
	const struct str helper = js_str(js_get_str(js_get(doc, "credHelpers"), host));
	if (helper.n > 0)
		return from_helper(environ_, helper, host, a, out, e);
	const struct js *auth = find_auth(js_get(doc, "auths"), host, repository, a);
	if (from_auth(auth, a, out, e) < 0)
		return err_wrap(e, "%s: the entry of " STR_FMT, path, STR_ARG(host));
	const struct str store = js_str(js_get(doc, "credsStore"));
	if (!out->found && store.n > 0)
		return from_helper(environ_, store, host, a, out, e);
	return 0;
}

static size_t
auth_files(const char *const *environ_, const char *path[4], struct arena *a)
{
	const char *home = var(environ_, "HOME"), *docker = var(environ_, "DOCKER_CONFIG"), *explicit = var(environ_, "REGISTRY_AUTH_FILE");
	const char *runtime = var(environ_, "XDG_RUNTIME_DIR"), *config = var(environ_, "XDG_CONFIG_HOME");
	size_t n = 0;
	if (explicit)
		path[n++] = explicit;
	if (docker)
		path[n++] = arena_printf(a, "%s/config.json", docker).p;
	else if (home)
		path[n++] = arena_printf(a, "%s/.docker/config.json", home).p;
	if (runtime)
		path[n++] = arena_printf(a, "%s/containers/auth.json", runtime).p;
	if (config)
		path[n++] = arena_printf(a, "%s/containers/auth.json", config).p;
	else if (home)
		path[n++] = arena_printf(a, "%s/.config/containers/auth.json", home).p;
	return n;
}

int
creds_find(const char *const *environ_, struct str host, struct str repository, struct arena *a, struct creds *out, struct err *e)
{
	const char *path[4];
	const size_t n = auth_files(environ_, path, a);
	struct creds c = { 0 };
	for (size_t i = 0; i < n && !c.found; i++) {
		if (from_file(environ_, path[i], host, repository, a, &c, e) < 0)
			return -1;
	}
	*out = c;
	return 0;
}

void
creds_state(const char *const *environ_, struct buf *out)
{
	struct arena a = { 0 };
	const char *path[4];
	const size_t n = auth_files(environ_, path, &a);
	for (size_t i = 0; i < n; i++) {
		struct file_stat st = { 0 };
		buf_text(out, str_z(path[i]));
		if (file_stat(AT_FDCWD, path[i], true, &st, NULL) < 0)
			st = (struct file_stat){ 0 };
		buf_u64(out, st.ino);
		buf_u64(out, st.size);
		buf_u64(out, (uint64_t)st.mtime);
		buf_u64(out, (uint64_t)st.ctime);
	}
	arena_done(&a);
}
