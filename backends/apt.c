/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/apt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/apt_inside.h"
#include "backends/packages.h"
#include "backends/sandbox.h"
#include "base/vec.h"

#define KEYS_MAX 100
#define DEBS_MAX 20000
#define NO_INDEX 33 /* exit of the scripts: the indexes cannot be had */

/* ---- names ---- */

const char *
apt_package_wrong(struct str package)
{
	const char first = package.n ? package.p[0] : '-';
	if (!((first >= 'a' && first <= 'z') || (first >= '0' && first <= '9')))
		return "does not begin with a small letter or a digit";
	for (size_t i = 0; i < package.n; i++) {
		const char c = package.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("+-.:=~_/", c)))
			return "has a character that no package's name has";
	}
	const char last = package.p[package.n - 1];
	const bool versioned = str_find_char(package, '=') != SIZE_MAX;
	if (package.n > 300)
		return "is too long";
	/* apt reads "name-" as: remove it */
	return last == '-' && !versioned ? "ends in '-'" : NULL;
}

bool
apt_deb_parse(struct str file, struct arena *a, struct apt_deb *out)
{
	if (!str_ends(file, STR(".deb")))
		return false;
	const struct str_cut name = str_cut(str_take(file, file.n - 4), '_'), version = str_cut(name.tail, '_');
	AUTO_BUF v = { 0 };
	for (size_t i = 0; i < version.head.n; i++) { /* a ':' is "%3a" */
		const bool escaped = str_starts(str_drop(version.head, i), STR("%3a"));
		buf_putc(&v, escaped ? ':' : version.head.p[i]);
		i += escaped ? 2 : 0;
	}
	struct apt_deb d = { .name = arena_str(a, name.head), .version = arena_str(a, buf_str(&v)), .arch = arena_str(a, version.tail) };
	if (!version.ok || !packages_word(d.name) || !packages_word(d.version) || !packages_word(d.arch))
		return false;
	*out = d;
	return true;
}

struct str
apt_deb_file(const struct apt_deb *d, struct arena *a)
{
	AUTO_BUF b = { 0 };
	buf_printf(&b, STR_FMT "_", STR_ARG(d->name));
	for (size_t i = 0; i < d->version.n; i++) {
		if (d->version.p[i] == ':')
			buf_puts(&b, "%3a");
		else
			buf_putc(&b, d->version.p[i]);
	}
	buf_printf(&b, "_" STR_FMT ".deb", STR_ARG(d->arch));
	return arena_str(a, buf_str(&b));
}

static int
by_name(const void *a, const void *b)
{
	const struct apt_deb *x = a, *y = b;
	const int c = str_cmp(x->name, y->name);
	return c ? c : str_cmp(x->arch, y->arch);
}

/* ---- what a failure says ---- */

/* The lines of apt that begin with "E:", or the last ones. */
static struct str
words_of(const struct build_end *end, struct arena *a)
{
	AUTO_BUF b = { 0 };
	bool errors = false;
	for (size_t i = 0; i < end->nlast; i++)
		errors = errors || str_starts(end->last[i], STR("E: "));
	for (size_t i = 0; i < end->nlast; i++)
		if (!errors || str_starts(end->last[i], STR("E: ")) || str_starts(end->last[i], STR(" ")))
			buf_printf(&b, "%s" STR_FMT, b.n ? "\n" : "", STR_ARG(end->last[i]));
	return arena_str(a, buf_str(&b));
}

static bool
said(const struct build_end *end, const char *what)
{
	for (size_t i = 0; i < end->nlast; i++)
		if (str_find(end->last[i], str_z(what)) != SIZE_MAX)
			return true;
	return false;
}

static int
failed(const struct build_end *end, const char *doing, struct arena *a, struct err *e)
{
	static const char *const mistakes[] = { "Unable to locate package", "has no installation candidate", "unmet dependencies", "was not found",
						"Packages need to be removed", "Couldn't find any package" };
	const struct str words = words_of(end, a);
	if (end->status == 127)
		return err_set(e, ERR_INPUT, "%s: the parent has no apt-get; 'apt:' needs one of Debian or Ubuntu with apt in it", doing);
	if (end->status == NO_INDEX)
		return err_set(e, ERR_WORLD, "%s: the package indexes cannot be had (apt-get update failed):\n" STR_FMT, doing, STR_ARG(words));
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
		if (said(end, mistakes[i]))
			return err_set(e, ERR_INPUT, "%s:\n" STR_FMT, doing, STR_ARG(words));
	return err_set(e, ERR_WORLD, "%s: apt-get failed (exit %d):\n" STR_FMT, doing, end->status, STR_ARG(words));
}

/* ---- the folder that .debs travel through ---- */

static int
open_archives(const struct apt_job *j, struct arena *a, struct str *folder, struct err *e)
{
	const char *scratch = arena_z(a, j->scratch);
	return file_mkdirs(AT_FDCWD, scratch, e) < 0 ? -1 : file_scratch_dir(scratch, "debs-", a, folder, e);
}

/* What apt left in it, as blobs. */
static int
take_debs(const struct apt_job *j, const char *folder, struct arena *a, struct apt_deb **out, size_t *n, struct err *e)
{
	struct file_entry *v;
	size_t names;
	AUTO_FD at = file_open_dir(AT_FDCWD, folder, e);
	if (at < 0 || file_list(at, ".", a, &v, &names, e) < 0)
		return -1;
	struct apt_deb *debs = arena_array(a, struct apt_deb, names + 1);
	size_t count = 0;
	for (size_t i = 0; i < names && count < DEBS_MAX; i++) {
		struct content c;
		if (v[i].type != FILE_REGULAR || !apt_deb_parse(v[i].name, a, &debs[count]))
			continue;
		if (blobs_put_file(j->blobs, at, v[i].name.p, NULL, &c, e) < 0)
			return -1;
		debs[count].sha256 = c.digest;
		debs[count++].size = c.size;
	}
	if (count > 1)
		qsort(debs, count, sizeof debs[0], by_name);
	*out = debs;
	*n = count;
	return 0;
}

/* ---- the three ---- */

static const char RESOLVE[] = "apt-get -q update || exit 33\n"
			      "exec apt-get -q install -y --download-only --no-install-recommends --no-remove -- \"$@\"\n";

static int
resolve_into(const struct apt_job *j, const struct apt_question *q, struct str folder, struct arena *a, struct apt_deb **out, size_t *n, struct err *e)
{
	struct build_end end;
	const struct apt_run r = { .job = j, .question = q, .archives = folder, .script = RESOLVE, .args = q->packages, .nargs = q->npackages,
				   .network = true };
	if (apt_run(&r, a, &end, NULL, e) < 0)
		return -1;
	if (end.status != 0)
		return failed(&end, "resolve 'apt:'", a, e);
	return take_debs(j, arena_z(a, folder), a, out, n, e);
}

int
apt_resolve(const struct apt_job *j, const struct apt_question *q, struct arena *a, struct apt_deb **out, size_t *n, struct err *e)
{
	struct str folder;
	if (q->nkeys > KEYS_MAX)
		return err_set(e, ERR_INPUT, "'apt:' has %zu keys, at most %d are taken", q->nkeys, KEYS_MAX);
	if (open_archives(j, a, &folder, e) < 0)
		return -1;
	const int bad = resolve_into(j, q, folder, a, out, n, e);
	(void)build_remove(folder, NULL);
	return bad;
}

static const char FETCH[] = "apt-get -q update || exit 33\n"
			    "cd /run/pawl/archives\n"
			    "exec apt-get -q download -- \"$@\"\n";

static int
check_fetched(const struct apt_job *j, const struct apt_deb *want, const struct apt_deb *got, size_t ngot, struct err *e)
{
	char expected[DIGEST_HEX + 1], have[DIGEST_HEX + 1];
	if (blobs_has(j->blobs, &want->sha256, NULL))
		return 0;
	digest_hex(&want->sha256, expected);
	for (size_t i = 0; i < ngot; i++) {
		if (by_name(&got[i], want) != 0 || !str_eq(got[i].version, want->version))
			continue;
		digest_hex(&got[i].sha256, have);
		return err_set(e, ERR_WORLD, "package " STR_FMT " " STR_FMT " has sha256 %s, but pawl.lock says %s; it was changed there, or the lock was edited",
			       STR_ARG(want->name), STR_ARG(want->version), have, expected);
	}
	return err_set(e, ERR_WORLD, "package " STR_FMT " " STR_FMT " is in no index any more; 'pawl lock --update " STR_FMT "' takes the present one",
		       STR_ARG(want->name), STR_ARG(want->version), STR_ARG(want->name));
}

static int
fetch_into(const struct apt_job *j, const struct apt_question *q, const struct apt_deb *debs, size_t n, struct str folder, struct arena *a,
	   struct err *e)
{
	struct build_end end;
	struct apt_deb *got;
	size_t ngot, nargs = 0;
	struct str *args = arena_array(a, struct str, n + 1);
	for (size_t i = 0; i < n; i++)
		if (!blobs_has(j->blobs, &debs[i].sha256, NULL))
			args[nargs++] = str_is(debs[i].arch, "all") ? arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(debs[i].name), STR_ARG(debs[i].version)) :
								      arena_printf(a, STR_FMT ":" STR_FMT "=" STR_FMT, STR_ARG(debs[i].name),
										   STR_ARG(debs[i].arch), STR_ARG(debs[i].version));
	const struct apt_run r = { .job = j, .question = q, .archives = folder, .script = FETCH, .args = args, .nargs = nargs, .network = true };
	if (apt_run(&r, a, &end, NULL, e) < 0 || take_debs(j, arena_z(a, folder), a, &got, &ngot, e) < 0)
		return -1;
	if (end.status == NO_INDEX || end.status == 127)
		return failed(&end, "fetch packages of 'apt:'", a, e);
	for (size_t i = 0; i < n; i++)
		if (check_fetched(j, &debs[i], got, ngot, e) < 0)
			return -1;
	return 0;
}

int
apt_fetch(const struct apt_job *j, const struct apt_question *q, const struct apt_deb *debs, size_t n, struct err *e)
{
	struct arena a = { 0 };
	struct str folder;
	size_t missing = 0;
	for (size_t i = 0; i < n; i++)
		missing += !blobs_has(j->blobs, &debs[i].sha256, NULL);
	int bad = missing > 0 ? open_archives(j, &a, &folder, e) : 0;
	if (missing > 0 && bad == 0) {
		bad = fetch_into(j, q, debs, n, folder, &a, e);
		(void)build_remove(folder, NULL);
	}
	arena_done(&a);
	return bad;
}

static const char INSTALL[] = "exec apt-get -q install -y --no-install-recommends --no-remove --allow-downgrades /run/pawl/archives/*.deb\n";

/* What a run leaves that another run, or the same on another machine or day, leaves otherwise, and what must not be in an image. */
static const struct str APT_OMITTED[] = {
	STR_INIT("var/log/"),
	STR_INIT("var/lib/apt/"),
	STR_INIT("var/cache/apt/"),
	STR_INIT("var/cache/ldconfig/"),
	STR_INIT("var/cache/man/"),
	STR_INIT("var/cache/fontconfig/"),
	STR_INIT("var/cache/debconf/*-old"),
	STR_INIT("var/lib/dpkg/*-old"),
	STR_INIT("var/lib/dpkg/lock*"),
	STR_INIT("var/lib/dpkg/triggers/Lock"),
	STR_INIT("var/lib/ucf/*.[0-9]"),
	STR_INIT("var/lib/systemd/random-seed"),
	STR_INIT("var/lib/dbus/machine-id"),
	STR_INIT("etc/machine-id"),
	STR_INIT("etc/.pwd.lock"),
	STR_INIT("etc/passwd-"),
	STR_INIT("etc/group-"),
	STR_INIT("etc/shadow-"),
	STR_INIT("etc/gshadow-"),
	STR_INIT("etc/subuid-"),
	STR_INIT("etc/subgid-"),
	STR_INIT("etc/ssh/ssh_host_*"),
	STR_INIT("etc/ssl/private/ssl-cert-snakeoil.key"),
	STR_INIT("etc/ssl/certs/ssl-cert-snakeoil.pem"),
	STR_INIT("tmp/**"),
	STR_INIT("var/tmp/**"),
	STR_INIT("run/**"),
	STR_INIT("root/.gnupg/**"),
};

static int
put_debs(const struct apt_job *j, const struct apt_deb *debs, size_t n, struct str folder, struct arena *a, struct err *e)
{
	AUTO_FD at = file_open_dir(AT_FDCWD, arena_z(a, folder), e);
	if (at >= 0 && file_mkdirs(at, "partial", e) < 0) /* apt wants it, even where it downloads nothing */
		return -1;
	for (size_t i = 0; i < n && at >= 0; i++) {
		struct file_stat st;
		if (blobs_checkout(j->blobs, &debs[i].sha256, at, arena_z(a, apt_deb_file(&debs[i], a)), 0644, &st, e) < 0)
			return err_wrap(e, "package " STR_FMT, STR_ARG(debs[i].name));
	}
	return at < 0 ? -1 : 0;
}

int
apt_install(const struct apt_job *j, const struct apt_deb *debs, size_t n, struct layer *into, struct err *e)
{
	struct arena a = { 0 };
	struct str folder;
	struct build_end end;
	const struct apt_diff d = { .into = into, .omit = APT_OMITTED, .nomit = sizeof APT_OMITTED / sizeof APT_OMITTED[0] };
	int bad = open_archives(j, &a, &folder, e);
	if (bad == 0) {
		bad = put_debs(j, debs, n, folder, &a, e);
		const struct apt_run r = { .job = j, .archives = folder, .script = INSTALL };
		if (bad == 0)
			bad = apt_run(&r, &a, &end, &d, e);
		if (bad == 0 && end.status != 0)
			bad = failed(&end, "install 'apt:'", &a, e);
		(void)build_remove(folder, NULL);
	}
	arena_done(&a);
	return bad;
}
