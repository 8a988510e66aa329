/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/js.h"
#include "sys/file.h"
#include "sys/jail.h"

#define SPEC_VERSION 1
#define PASSWD_MAX ((size_t)1 << 20) /* bytes of an image's passwd or group file */

static struct js *
texts(const struct str *v, size_t n)
{
	struct js *list = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(list, js_text(v[i]));
	return list;
}

int
sandbox_command(const struct sandbox_spec *s, const char *const *argv, const char *const *envp, const char *self, struct arena *a,
		const char *const **out_argv, struct err *e)
{
	size_t n = 0;
	(void)envp; /* the command's variables are the program's own: it passes them on */
	if (!s->nroots)
		return err_set(e, ERR_BUG, "a sandbox without a root");
	struct js *o = js_map(), *binds = js_list();
	for (size_t i = 0; i < s->nbinds; i++) {
		struct js *b = js_set(js_map(), "from", js_text(s->binds[i].from));
		js_set(b, "to", js_text(s->binds[i].to));
		js_push(binds, js_set(b, "ro", js_bool(s->binds[i].read_only)));
	}
	js_set(o, "version", js_int(SPEC_VERSION));
	js_set(o, "roots", texts(s->roots, s->nroots));
	js_set(o, "binds", binds);
	js_set(o, "workdir", js_text(s->workdir));
	js_set(o, "user", js_text(s->user));
	js_set(o, "network", js_bool(s->network));
	js_set(o, "upper", js_text(s->upper));
	AUTO_BUF spec = { 0 };
	js_write(o, &spec);
	js_free(o);
	while (argv[n])
		n++;
	const char **v = arena_array(a, const char *, n + 4);
	v[0] = self;
	v[1] = SANDBOX_VERB;
	v[2] = arena_z(a, buf_str(&spec));
	for (size_t i = 0; i < n; i++)
		v[3 + i] = argv[i];
	*out_argv = v;
	return 0;
}

/* The third and fourth field of the line of `name` in a passwd file; of a group file the third. */
static bool
find_id(struct str text, struct str name, uint32_t *first, uint32_t *second)
{
	while (text.n) {
		struct str_cut line = str_cut(text, '\n');
		struct str_cut c = str_cut(line.head, ':'); /* name : password : id : id */
		text = line.tail;
		if (!str_eq(c.head, name))
			continue;
		uint64_t id, group = 0;
		c = str_cut(str_cut(c.tail, ':').tail, ':');
		if (!str_u64(c.head, &id) || id > UINT32_MAX)
			return false;
		*first = (uint32_t)id;
		if (second && str_u64(str_cut(c.tail, ':').head, &group) && group <= UINT32_MAX)
			*second = (uint32_t)group;
		return true;
	}
	return false;
}

/* From the uppermost root that has the file. */
static bool
read_from_roots(const struct js *roots, const char *path, struct arena *a, struct str *out)
{
	for (size_t i = js_len(roots); i-- > 0;) {
		AUTO_BUF b = { 0 };
		struct str full = path_join(a, js_str(js_at(roots, i)), str_z(path));
		struct file_stat st;
		if (file_stat(AT_FDCWD, arena_z(a, full), false, &st, NULL) < 0 || st.type != FILE_REGULAR)
			continue; /* a link could lead out of the root */
		if (file_read(AT_FDCWD, arena_z(a, full), PASSWD_MAX, &b, NULL) == 0) {
			*out = arena_str(a, buf_str(&b));
			return true;
		}
	}
	return false;
}

static int
resolve_user(const struct js *roots, struct str user, struct arena *a, struct jail *j, struct err *e)
{
	struct str text;
	uint64_t id;
	struct str_cut c = str_cut(user, ':');
	uint32_t uid = 0, gid = 0;
	if (!user.n)
		return 0;
	if (str_u64(c.head, &id) && id <= UINT32_MAX)
		uid = (uint32_t)id;
	else if (!read_from_roots(roots, "etc/passwd", a, &text) || !find_id(text, c.head, &uid, &gid))
		return err_set(e, ERR_INPUT, "the image has no user '" STR_FMT "'", STR_ARG(c.head));
	if (c.ok) {
		if (str_u64(c.tail, &id) && id <= UINT32_MAX)
			gid = (uint32_t)id;
		else if (!read_from_roots(roots, "etc/group", a, &text) || !find_id(text, c.tail, &gid, NULL))
			return err_set(e, ERR_INPUT, "the image has no group '" STR_FMT "'", STR_ARG(c.tail));
	}
	j->uid = uid;
	j->gid = gid;
	return 0;
}

static const char *
certificates(void)
{
	static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
					      "/etc/ssl/ca-bundle.pem" };
	const char *own = getenv("SSL_CERT_FILE");
	if (own && *own && file_exists(AT_FDCWD, own))
		return own;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (file_exists(AT_FDCWD, places[i]))
			return places[i];
	return NULL;
}

/* Names, hosts and certificates of the host, over the image's own. */
static size_t
add_network(struct jail_bind *v)
{
	size_t n = 0;
	const char *ca = certificates();
	v[n++] = (struct jail_bind){ .from = "/etc/resolv.conf", .to = "/etc/resolv.conf", .read_only = true, .optional = true };
	v[n++] = (struct jail_bind){ .from = "/etc/hosts", .to = "/etc/hosts", .read_only = true, .optional = true };
	if (ca)
		v[n++] = (struct jail_bind){ .from = ca, .to = "/etc/ssl/certs/ca-certificates.crt", .read_only = true, .optional = true };
	return n;
}

static const char *
z(struct arena *a, const struct js *text)
{
	struct str s = js_str(text);
	return s.n ? arena_z(a, s) : NULL;
}

static int
fill(const struct js *o, struct arena *a, struct jail *j, struct err *e)
{
	const struct js *roots = js_get(o, "roots"), *binds = js_get(o, "binds");
	if (js_num(js_get(o, "version")) != SPEC_VERSION || !js_len(roots))
		return err_set(e, ERR_BUG, "the sandbox was given what it does not understand");
	const char **r = arena_array(a, const char *, js_len(roots));
	struct jail_bind *b = arena_array(a, struct jail_bind, js_len(binds) + 3);
	size_t n = 0;
	for (size_t i = 0; i < js_len(roots); i++)
		r[i] = arena_z(a, js_str(js_at(roots, i)));
	j->network = js_true(js_get(o, "network"));
	if (j->network)
		n = add_network(b);
	for (size_t i = 0; i < js_len(binds); i++) {
		const struct js *x = js_at(binds, i);
		b[n++] = (struct jail_bind){ .from = arena_z(a, js_str(js_get(x, "from"))),
					     .to = arena_z(a, js_str(js_get(x, "to"))),
					     .read_only = js_true(js_get(x, "ro")) };
	}
	j->roots = r;
	j->nroots = js_len(roots);
	j->binds = b;
	j->nbinds = n;
	j->workdir = z(a, js_get(o, "workdir"));
	j->upper = z(a, js_get(o, "upper"));
	j->hostname = "pawl";
	return resolve_user(roots, js_str(js_get(o, "user")), a, j, e);
}

int
sandbox_main(int argc, char **argv, struct err *e)
{
	struct arena a = { 0 };
	struct jail j = { 0 };
	struct js *o = NULL;
	int status = 0;
	if (argc < 3)
		return err_set(e, ERR_INPUT, "%s is for pawl itself", SANDBOX_VERB);
	int rc = js_parse(str_z(argv[1]), "sandbox", &o, e);
	if (rc == 0)
		rc = fill(o, &a, &j, e);
	j.argv = (const char *const *)(argv + 2);
	j.envp = (const char *const *)environ;
	if (rc == 0)
		rc = jail_run(&j, &status, e);
	js_free(o);
	arena_done(&a);
	if (rc < 0)
		return err_wrap(e, "sandbox");
	_exit(status);
}

static bool
file_says(const char *path, const char *text)
{
	AUTO_BUF b = { 0 };
	return file_read(AT_FDCWD, path, 64, &b, NULL) == 0 && str_eq(str_trim(buf_str(&b)), str_z(text));
}

struct str
sandbox_lacks(struct arena *a)
{
	AUTO_BUF filesystems = { 0 };
	struct err e;
	if (file_read(AT_FDCWD, "/proc/filesystems", 1 << 16, &filesystems, NULL) == 0 &&
	    str_find(buf_str(&filesystems), STR("\toverlay\n")) == SIZE_MAX)
		return STR("the kernel has no overlay file system; load it with: modprobe overlay");
	if (geteuid() != 0 && file_says("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return STR("user namespaces are for root alone; allow them with: sysctl -w kernel.unprivileged_userns_clone=1");
	if (geteuid() != 0 && file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
		return STR("AppArmor restricts user namespaces; allow them with: sysctl -w "
			   "kernel.apparmor_restrict_unprivileged_userns=0");
	if (geteuid() != 0 && file_says("/proc/sys/user/max_user_namespaces", "0"))
		return STR("no user namespaces are allowed; allow them with: sysctl -w user.max_user_namespaces=15000");
	if (jail_works(&e) < 0)
		return arena_printf(a, "%s", e.text);
	return (struct str){ 0 };
}
