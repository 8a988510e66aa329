/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/sandbox.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/build_run.h"
#include "base/buf.h"
#include "base/js.h"
#include "sys/file.h"
#include "sys/jail.h"

#define SPEC_VERSION 1
#define SPEC_MAX ((size_t)64 << 20)      /* bytes of what a sandbox is told */
#define PASSWD_MAX ((size_t)1 << 20) /* bytes of an image's passwd or group file */

static struct js *
texts(const struct str *v, size_t n)
{
	struct js *list = js_list();
	for (size_t i = 0; i < n; i++)
		js_push(list, js_text(v[i]));
	return list;
}

static struct js *
bind_js(const struct sandbox_bind *x)
{
	struct js *b = js_set(js_map(), "from", js_text(x->from));
	js_set(b, "type", js_int(x->type));
	js_set(b, "to", js_text(x->to));
	js_set(b, "ro", js_bool(x->read_only));
	if (x->type == JAIL_TREE)
		js_set(b, "roots", texts(x->roots, x->nroots));
	if (x->type == JAIL_PATH || x->type == JAIL_TREE)
		return b;
	js_set(b, "fd", js_int(x->fd));
	js_set(b, "mode", js_int(x->mode));
	js_set(b, "uid", js_int(x->uid));
	js_set(b, "gid", js_int(x->gid));
	return js_set(b, "size", js_int((int64_t)x->size));
}

static int
spec_text(const struct sandbox_spec *s, int envfd, struct buf *out, struct err *e)
{
	if (!s->nroots)
		return err_set(e, ERR_BUG, "a sandbox without a root");
	AUTO_JS o = js_map();
	struct js *binds = js_list();
	for (size_t i = 0; i < s->nbinds; i++)
		js_push(binds, bind_js(&s->binds[i]));
	js_set(o, "version", js_int(SPEC_VERSION));
	js_set(o, "roots", texts(s->roots, s->nroots));
	js_set(o, "binds", binds);
	js_set(o, "workdir", js_text(s->workdir));
	js_set(o, "user", js_text(s->user));
	js_set(o, "network", js_bool(s->network));
	js_set(o, "build", js_bool(s->build));
	js_set(o, "env", js_int(envfd));
	js_set(o, "upper", js_text(s->upper));
	js_write(o, out);
	return 0;
}

/* The program, its private verb, what it is told, and the command. */
static const char *const *
command_of(const char *self, const char *told, const char *const *argv, struct arena *a)
{
	size_t n = 0;
	while (argv[n])
		n++;
	const char **v = arena_array(a, const char *, n + 4);
	v[0] = self;
	v[1] = SANDBOX_VERB;
	v[2] = told;
	for (size_t i = 0; i < n; i++)
		v[3 + i] = argv[i];
	return v;
}

int
sandbox_command(const struct sandbox_spec *s, const char *const *argv, const char *const *envp, const char *self, struct arena *a,
		const char *const **out_argv, struct err *e)
{
	AUTO_BUF spec = { 0 };
	(void)envp; /* the command's variables are the program's own: it passes them on */
	if (spec_text(s, -1, &spec, e) < 0)
		return -1;
	*out_argv = command_of(self, arena_z(a, buf_str(&spec)), argv, a);
	return 0;
}

/* A file without a name; its descriptor. */
static int
file_of(struct str bytes, struct err *e)
{
	AUTO_FD fd = memfd_create("sandbox", MFD_CLOEXEC);
	if (fd < 0)
		return err_os(e, "make a file in memory");
	if (file_write_all(fd, bytes, e) < 0)
		return -1;
	const int r = fd;
	fd = -1;
	return r;
}

int
sandbox_command_private(const struct sandbox_spec *s, const char *const *argv, const char *const *envp, const char *self, struct arena *a,
			const char *const **out_argv, int fds[2], struct err *e)
{
	AUTO_BUF spec = { 0 }, env = { 0 };
	for (; *envp; envp++) {
		buf_puts(&env, *envp);
		buf_putc(&env, '\0');
	}
	AUTO_FD envfd = file_of(buf_str(&env), e);
	if (envfd < 0 || spec_text(s, envfd, &spec, e) < 0)
		return -1;
	AUTO_FD told = file_of(buf_str(&spec), e);
	if (told < 0)
		return -1;
	*out_argv = command_of(self, arena_printf(a, "@%d", told).p, argv, a);
	fds[0] = told;
	fds[1] = envfd;
	told = envfd = -1;
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

bool
sandbox_has_certificates(void)
{
	return certificates() != NULL;
}

/* Names, hosts and certificates of the host, over the image's own. A build may write the image's own certificates. */
static size_t
add_network(struct jail_bind *v, bool build)
{
	size_t n = 0;
	const char *ca = certificates();
	v[n++] = (struct jail_bind){ .from = "/etc/resolv.conf", .to = "/etc/resolv.conf", .read_only = true, .optional = true };
	v[n++] = (struct jail_bind){ .from = "/etc/hosts", .to = "/etc/hosts", .read_only = true, .optional = true };
	if (ca && build)
		v[n++] = (struct jail_bind){ .from = ca, .to = SANDBOX_CERTIFICATES, .read_only = true, .optional = true };
	else if (ca)
		v[n++] = (struct jail_bind){ .from = ca, .to = "/etc/ssl/certs/ca-certificates.crt", .read_only = true, .optional = true };
	return n;
}

static const char *
z(struct arena *a, const struct js *text)
{
	struct str s = js_str(text);
	return s.n ? arena_z(a, s) : NULL;
}

static struct jail_bind
read_bind(const struct js *x, struct arena *a)
{
	const struct js *roots = js_get(x, "roots");
	const char **r = arena_array(a, const char *, js_len(roots) + 1);
	for (size_t i = 0; i < js_len(roots); i++)
		r[i] = arena_z(a, js_str(js_at(roots, i)));
	return (struct jail_bind){ .type = (enum jail_bind_type)js_num(js_get(x, "type")),
				   .from = arena_z(a, js_str(js_get(x, "from"))),
				   .to = arena_z(a, js_str(js_get(x, "to"))),
				   .read_only = js_true(js_get(x, "ro")),
				   .roots = r,
				   .nroots = js_len(roots),
				   .fd = (int)js_num(js_get(x, "fd")),
				   .mode = (unsigned)js_num(js_get(x, "mode")),
				   .uid = (unsigned)js_num(js_get(x, "uid")),
				   .gid = (unsigned)js_num(js_get(x, "gid")),
				   .size = (unsigned long long)js_num(js_get(x, "size")) };
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
	j->build = js_true(js_get(o, "build"));
	j->network = js_true(js_get(o, "network"));
	if (j->network)
		n = add_network(b, j->build);
	for (size_t i = 0; i < js_len(binds); i++)
		b[n++] = read_bind(js_at(binds, i), a);
	j->roots = r;
	j->nroots = js_len(roots);
	j->binds = b;
	j->nbinds = n;
	j->workdir = z(a, js_get(o, "workdir"));
	j->upper = z(a, js_get(o, "upper"));
	j->hostname = "pawl";
	return resolve_user(roots, js_str(js_get(o, "user")), a, j, e);
}

/* The spec itself, or "@FD". */
static int
parse_spec(const char *told, struct js **o, struct err *e)
{
	AUTO_BUF text = { 0 };
	uint64_t fd;
	if (*told != '@')
		return js_parse(str_z(told), "sandbox", o, e);
	if (!str_u64(str_z(told + 1), &fd) || fd > INT_MAX || lseek((int)fd, 0, SEEK_SET) < 0 || file_read_fd((int)fd, SPEC_MAX, &text, e) < 0)
		return err_set(e, ERR_BUG, "the sandbox was not told what to do");
	(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* not for the command */
	return js_parse(buf_str(&text), "sandbox", o, e);
}

/* The command's variables: of a build those in the file, else ours. Nothing of ours stays open for it. */
static int
find_env(const struct js *o, struct arena *a, const char *const **out, struct err *e)
{
	AUTO_BUF text = { 0 };
	const int fd = (int)js_num(js_get(o, "env"));
	*out = (const char *const *)environ;
	if (fd < 0)
		return 0;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < js_len(js_get(o, "binds")); i++) {
		const struct js *x = js_at(js_get(o, "binds"), i);
		if (js_num(js_get(x, "type")) == JAIL_BYTES)
			(void)fcntl((int)js_num(js_get(x, "fd")), F_SETFD, FD_CLOEXEC);
	}
	if (lseek(fd, 0, SEEK_SET) < 0 || file_read_fd(fd, SPEC_MAX, &text, e) < 0)
		return err_set(e, ERR_BUG, "the sandbox was not told the command's variables");
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\0';
	const char **v = arena_array(a, const char *, n + 1);
	n = 0;
	for (struct str rest = arena_str(a, buf_str(&text)); rest.n;) {
		v[n++] = rest.p;
		rest = str_drop(rest, strlen(rest.p) + 1);
	}
	*out = v;
	return 0;
}

/* Why a sandbox told by descriptor never started its command, for who told it: "!CODE TEXT" in place of what was told. */
static void
report(const char *told, const struct err *e)
{
	AUTO_BUF text = { 0 };
	uint64_t fd;
	if (*told != '@' || !str_u64(str_z(told + 1), &fd) || fd > INT_MAX || ftruncate((int)fd, 0) < 0)
		return;
	buf_printf(&text, "!%d %s", e->code, e->text);
	(void)!pwrite((int)fd, text.p, text.n, 0); /* it is in memory */
}

int
sandbox_reported(int told, struct err *e)
{
	AUTO_BUF text = { 0 };
	uint64_t code;
	if (lseek(told, 0, SEEK_SET) < 0 || file_read_fd(told, SPEC_MAX, &text, e) < 0)
		return err_wrap(e, "sandbox");
	if (!str_starts(buf_str(&text), STR("!")))
		return 0;
	const struct str_cut c = str_cut(str_drop(buf_str(&text), 1), ' ');
	const bool known = str_u64(c.head, &code) && code > ERR_NONE && code <= ERR_BUG;
	return err_set(e, known ? (enum err_code)code : ERR_BUG, STR_FMT, STR_ARG(c.tail));
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
	int rc = parse_spec(argv[1], &o, e);
	if (rc == 0 && js_get(o, "tool")) {
		rc = build_tool(o, e);
		js_free(o);
		if (rc < 0)
			return err_wrap(e, "sandbox");
		_exit(0);
	}
	if (rc == 0)
		rc = fill(o, &a, &j, e);
	j.argv = (const char *const *)(argv + 2);
	if (rc == 0)
		rc = find_env(o, &a, &j.envp, e);
	if (rc == 0)
		rc = jail_run(&j, &status, e);
	js_free(o);
	arena_done(&a);
	if (rc < 0) {
		report(argv[1], e);
		return err_wrap(e, "sandbox");
	}
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
