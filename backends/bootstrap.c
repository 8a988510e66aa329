/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bootstrap.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backends/archive.h"
#include "base/vec.h"
#include "sys/file.h"
#include "sys/proc.h"

#define LIST "pawl-packages" /* where the hook leaves names and versions, in the root's top folder */
#define WORDS_LIMIT ((size_t)1 << 20)
#define LOOK_MS 100  /* how often the stop flag is looked at */
#define PATIENCE 30  /* looks between TERM and KILL */
#define ROOM ((size_t)256 << 10)

/* What every root gets, and what comes with Python: numpy's wheels need libstdc++6, TLS needs certificates. */
static const char ESSENTIALS[] = "base-files,base-passwd,coreutils,dash,diffutils,findutils,grep,gzip,libc-bin,mawk,sed,tar";
static const char WITH_PYTHON[] = ",ca-certificates,libstdc++6,openssl";

/* Runs after unpacking, before anything is configured (and nothing ever is). */
static const char HOOK[] =
	"set -e; cd \"$1\"; "
	"for d in var/cache/apt/archives/*.deb; do dpkg-deb -W --showformat '${Package} ${Version} ${Architecture}\\n' \"$d\"; done > " LIST "; "
	"cp usr/share/base-passwd/passwd.master etc/passwd; cp usr/share/base-passwd/group.master etc/group; "
	"ln -sf dash usr/bin/sh; ln -sf mawk usr/bin/awk; "
	"if [ -d usr/share/ca-certificates ]; then mkdir -p etc/ssl/certs; "
	"find usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | xargs cat > etc/ssl/certs/ca-certificates.crt; fi; "
	"chroot . ldconfig; "
	"rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info var/cache/apt/* var/lib/apt/lists/* var/cache/ldconfig/* "
	"var/log/apt var/lib/dpkg/lock* etc/apt/sources.list etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap etc/hostname "
	"etc/resolv.conf";

static const struct {
	const char *platform, *arch;
} ARCHES[] = {
	{ "linux/amd64", "amd64" }, { "linux/arm64", "arm64" },	    { "linux/arm/v7", "armhf" },
	{ "linux/386", "i386" },    { "linux/ppc64le", "ppc64el" }, { "linux/s390x", "s390x" },
};

/* Names of packages and suites go into a command's arguments. */
static bool
name_good(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && (i == 0 || c == '\0' || !strchr("+-.~=:", c)))
			return false;
	}
	return s.n > 0 && s.n < 200;
}

static int
check(const struct bootstrap_spec *s, const char **arch, struct err *e)
{
	if (!str_is(s->distribution, "debian") && !str_is(s->distribution, "ubuntu"))
		return err_set(e, ERR_INPUT, "cannot bootstrap '" STR_FMT "': only debian and ubuntu are known", STR_ARG(s->distribution));
	if (!name_good(s->suite))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no name of a suite", STR_ARG(s->suite));
	for (size_t i = 0; i < s->npackages; i++) {
		if (!name_good(s->packages[i]))
			return err_set(e, ERR_INPUT, "'" STR_FMT "' is no name of a package", STR_ARG(s->packages[i]));
	}
	*arch = NULL;
	for (size_t i = 0; i < sizeof ARCHES / sizeof ARCHES[0]; i++) {
		if (str_is(s->platform, ARCHES[i].platform))
			*arch = ARCHES[i].arch;
	}
	if (!*arch)
		return err_set(e, ERR_INPUT, "cannot bootstrap for the platform '" STR_FMT "'", STR_ARG(s->platform));
	return 0;
}

static bool
has_python(const struct bootstrap_spec *s)
{
	for (size_t i = 0; i < s->npackages; i++) {
		if (str_starts(s->packages[i], STR("python3")))
			return true;
	}
	return false;
}

/* The last lines that say something. */
static struct str
last_words(struct str text)
{
	text = str_trim(text);
	size_t from = text.n > 800 ? text.n - 800 : 0;
	while (from > 0 && from < text.n && text.p[from - 1] != '\n')
		from++;
	return str_drop(text, from);
}

static const char *const *
with_epoch(const char *const *environ_, struct arena *a)
{
	size_t n = 0;
	while (environ_ && environ_[n])
		n++;
	const char **v = arena_array(a, const char *, n + 3);
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ_[i], "SOURCE_DATE_EPOCH=", 18) != 0 && strncmp(environ_[i], "TMPDIR=", 7) != 0 &&
		    strncmp(environ_[i], "LC_ALL=", 7) != 0)
			v[k++] = environ_[i];
	}
	v[k++] = "SOURCE_DATE_EPOCH=946684800";
	v[k++] = "LC_ALL=C.UTF-8";
	return v;
}

/* Until it has ended, or somebody raises the stop flag: then its group ends as well. words: what it said on stderr. */
static int
attend(const struct bootstrap_spec *s, const char *const *argv, const char *log, struct arena *a, struct buf *words, struct proc_end *end,
       struct err *e)
{
	struct proc p;
	AUTO_FD fd = file_open(AT_FDCWD, log, O_RDWR | O_CREAT | O_TRUNC, 0600, e);
	const struct proc_opts o = { .argv = argv, .envp = with_epoch(s->environ_, a), .in = -1, .out = -1, .err = fd, .group = true,
				     .die_with_parent = true };
	if (fd < 0 || proc_spawn(&o, &p, e) < 0)
		return -1;
	struct pollfd f = { .fd = p.pidfd, .events = POLLIN };
	unsigned asked = 0;
	while (poll(&f, 1, LOOK_MS) <= 0) {
		if (!s->stop || !atomic_load(s->stop))
			continue;
		if (asked == 0)
			proc_kill_group(p.pid, SIGTERM);
		if (asked++ == PATIENCE)
			proc_kill_group(p.pid, SIGKILL);
	}
	if (proc_reap(&p, end, e) < 0)
		return -1;
	if (asked > 0)
		return err_set(e, ERR_INTERRUPTED, "mmdebstrap was ended before it was done");
	return file_read(AT_FDCWD, log, WORDS_LIMIT, words, e);
}

static int
run(const struct bootstrap_spec *s, const char *arch, const char *tar, struct arena *a, struct err *e)
{
	AUTO_BUF include = { 0 }, words = { 0 };
	struct proc_end end;
	buf_printf(&include, "--include=%s%s", ESSENTIALS, has_python(s) ? WITH_PYTHON : "");
	for (size_t i = 0; i < s->npackages; i++)
		buf_printf(&include, "," STR_FMT, STR_ARG(s->packages[i]));
	const char *const argv[] = { "mmdebstrap",
				     "--quiet",
				     "--variant=extract",
				     "--format=tar",
				     buf_z(&include),
				     arena_printf(a, "--architectures=%s", arch).p,
				     "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
				     arena_printf(a, "--extract-hook=%s", HOOK).p,
				     arena_z(a, s->suite),
				     tar,
				     NULL };
	if (attend(s, argv, arena_printf(a, "%s.words", tar).p, a, &words, &end, e) < 0) {
		if (e && e->code == ERR_MISSING)
			return err_set(e, ERR_MISSING, "mmdebstrap is not installed; bootstrapping a parent needs it: apt-get install mmdebstrap");
		return -1;
	}
	if (end.status != 0) {
		struct str why = last_words(buf_str(&words)), mend;
		const struct str lacks = bootstrap_lacks(a, &mend);
		if (lacks.n)
			why = arena_printf(a, STR_FMT "\n" STR_FMT "%s" STR_FMT, STR_ARG(why), STR_ARG(lacks), mend.n ? "; mend it with: " : "", STR_ARG(mend));
		return err_set(e, ERR_WORLD, "mmdebstrap failed (exit %d) for " STR_FMT " " STR_FMT ":\n" STR_FMT, end.status, STR_ARG(s->distribution),
			       STR_ARG(s->suite), STR_ARG(why));
	}
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct bootstrap_package *)a)->name, ((const struct bootstrap_package *)b)->name);
}

static void
read_packages(struct str text, struct arena *a, struct bootstrap_made *out)
{
	VEC(struct bootstrap_package) v = { 0 };
	while (text.n > 0) {
		const struct str_cut line = str_cut(text, '\n'), name = str_cut(line.head, ' '), version = str_cut(name.tail, ' ');
		text = line.tail;
		if (version.ok)
			VEC_PUSH(&v, ((struct bootstrap_package){ arena_str(a, name.head), arena_str(a, version.head), arena_str(a, version.tail) }));
	}
	if (v.n > 0)
		qsort(v.v, v.n, sizeof v.v[0], by_name);
	out->packages = arena_array(a, struct bootstrap_package, v.n + 1);
	out->npackages = v.n;
	for (size_t i = 0; i < v.n; i++)
		out->packages[i] = v.v[i];
	VEC_DONE(&v);
}

static int
add_entry(struct layer *l, struct archive_reader *r, const struct archive_item *x, char *room, struct err *e)
{
	static const enum layer_type type[] = { LAYER_FILE, LAYER_FOLDER, LAYER_LINK, LAYER_HARDLINK };
	struct layer_raw raw = { .type = type[x->type], .path = x->path, .target = x->target, .mode = x->mode, .uid = x->uid, .gid = x->gid,
				 .offset = layer_spooled(l) };
	size_t n = 0;
	do {
		if (x->type != ARCHIVE_FILE_ENTRY)
			break;
		if (archive_read(r, room, ROOM, &n, e) < 0 || layer_spool(l, (struct str){ room, n }, e) < 0)
			return -1;
	} while (n > 0);
	raw.size = layer_spooled(l) - raw.offset;
	return layer_add_raw(l, &raw, e);
}

static int
repack(const char *tar, struct layer *l, struct arena *a, struct bootstrap_made *out, struct err *e)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	struct archive_reader *r;
	struct archive_item x;
	if (archive_open_file(tar, &o, &r, e) < 0)
		return -1;
	char *room = mem_alloc(ROOM);
	int got;
	while ((got = archive_next(r, &x, e)) == 1) {
		if (str_is(x.path, LIST)) {
			AUTO_BUF text = { 0 };
			if ((got = archive_read_all(r, WORDS_LIMIT, &text, e)) < 0)
				break;
			read_packages(buf_str(&text), a, out);
		} else if ((got = add_entry(l, r, &x, room, e)) < 0) {
			break;
		}
	}
	free(room);
	archive_close(r);
	return got;
}

int
bootstrap_make(const struct bootstrap_spec *s, struct blobs *b, struct arena *a, struct bootstrap_made *out, struct err *e)
{
	const char *arch;
	struct str scratch;
	struct bootstrap_made made = { 0 };
	if (check(s, &arch, e) < 0 || file_scratch_dir(s->scratch, "bootstrap-", a, &scratch, e) < 0)
		return -1;
	const char *folder = arena_z(a, scratch), *tar = arena_printf(a, "%s/root.tar", folder).p;
	struct layer *l = layer_new();
	const int bad = run(s, arch, tar, a, e) < 0 || repack(tar, l, a, &made, e) < 0 ||
			layer_write(l, b, s->compression, &made.layer, e) < 0;
	layer_free(l);
	(void)file_remove_tree(AT_FDCWD, folder, NULL);
	if (bad)
		return -1;
	*out = made;
	return 0;
}
