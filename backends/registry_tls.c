/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom we trust for a registry, as Docker, Podman and their relatives keep it: DIR/HOST[:PORT]/ with *.crt (authorities of its own, beside the
 * system's) and NAME.cert with NAME.key (our certificate). The first folder that is there counts.
 */
#include <string.h>

#include "backends/registry_inside.h"
#include "sys/file.h"

#define CERT_LIMIT ((size_t)1 << 20)

/* The caller's variable; NULL: not set or empty. */
static const char *
var(const struct registry *r, const char *name)
{
	const size_t n = strlen(name);
	for (const char *const *v = r->opts.environ_; v && *v; v++) {
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=' && (*v)[n + 1])
			return *v + n + 1;
	}
	return NULL;
}

/* A CA bundle of the caller's own, as other tools take it from the environment; NULL: the system's. */
const char *
registry_ca(const struct registry *r)
{
	const char *file = var(r, "SSL_CERT_FILE");
	return file ? file : var(r, "CURL_CA_BUNDLE");
}

/* A whole number from 1 in a variable; 0: there is none. */
static unsigned
number(const struct registry *r, const char *name)
{
	uint64_t n;
	const char *text = var(r, name);
	return text && str_u64(str_z(text), &n) && n < 100000 ? (unsigned)n : 0;
}

int
registry_stall(const struct registry *r)
{
	return (int)number(r, "PAWL_HTTP_STALL");
}

struct retry
registry_retry(const struct registry *r)
{
	return (struct retry){ .stop = r->opts.stop, .most = number(r, "PAWL_HTTP_RETRIES") };
}

static size_t
folders(const struct registry *r, struct str host, const char *v[4], struct arena *a)
{
	const char *home = var(r, "HOME"), *config = var(r, "XDG_CONFIG_HOME");
	size_t n = 0;
	if (!config && home)
		config = arena_printf(a, "%s/.config", home).p;
	if (config) {
		v[n++] = arena_printf(a, "%s/containers/certs.d/" STR_FMT, config, STR_ARG(host)).p;
		v[n++] = arena_printf(a, "%s/docker/certs.d/" STR_FMT, config, STR_ARG(host)).p;
	}
	v[n++] = arena_printf(a, "/etc/containers/certs.d/" STR_FMT, STR_ARG(host)).p;
	v[n++] = arena_printf(a, "/etc/docker/certs.d/" STR_FMT, STR_ARG(host)).p;
	return n;
}

static int
read_folder(const char *folder, const struct file_entry *v, size_t n, struct arena *a, struct registry_tls *out, struct err *e)
{
	AUTO_BUF all = { 0 };
	for (size_t i = 0; i < n; i++) {
		const char *path = arena_printf(a, "%s/" STR_FMT, folder, STR_ARG(v[i].name)).p;
		if (str_ends(v[i].name, STR(".crt"))) {
			if (file_read(AT_FDCWD, path, CERT_LIMIT, &all, e) < 0)
				return err_wrap(e, "read the certificates of a registry");
			buf_putc(&all, '\n');
		} else if (str_ends(v[i].name, STR(".cert"))) {
			out->cert_file = path;
			out->key_file = arena_printf(a, "%s/" STR_FMT ".key", folder, STR_ARG(str_take(v[i].name, v[i].name.n - 5))).p;
			if (!file_exists(AT_FDCWD, out->key_file))
				return err_set(e, ERR_WORLD, "'%s' needs its key '%s'", path, out->key_file);
		}
	}
	out->ca = arena_str(a, buf_str(&all));
	return 0;
}

static int
look(const struct registry *r, struct str host, struct arena *a, struct registry_tls *out, struct err *e)
{
	const char *v[4];
	const size_t n = folders(r, host, v, a);
	for (size_t i = 0; i < n; i++) {
		struct file_entry *entries;
		size_t nentries;
		if (file_list(AT_FDCWD, v[i], a, &entries, &nentries, NULL) == 0)
			return read_folder(v[i], entries, nentries, a, out, e);
	}
	return 0;
}

int
registry_tls(struct registry *r, struct str host, const struct registry_tls **out, struct err *e)
{
	for (size_t i = 0; i < r->ntls; i++) {
		if (str_eq(r->tls[i].host, host)) {
			*out = &r->tls[i];
			return 0;
		}
	}
	struct registry_tls t = { .host = arena_str(&r->arena, host) };
	if (look(r, host, &r->arena, &t, e) < 0)
		return -1;
	struct registry_tls *slot = &r->tls[r->ntls < sizeof r->tls / sizeof r->tls[0] ? r->ntls++ : 0]; /* few hosts are asked in one session */
	*slot = t;
	*out = slot;
	return 0;
}
