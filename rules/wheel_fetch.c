/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/http.h"
#include "backends/pycreds.h"
#include "base/base64.h"
#include "base/vec.h"
#include "rules/interpreter.h"
#include "rules/pytags.h"
#include "rules/reqref.h"
#include "rules/wheel_build.h"
#include "rules/wheelset.h"
#include "sys/file.h"
#include "sys/pool.h"

/*
 * From pins to files. In this order, each for what is still missing:
 *	the store -> where it was found when it was resolved -> the resolver is asked where that version's files are -> pip downloads them
 */

#define AT_A_TIME 8 /* downloads */
#define BUILDS_AT_A_TIME 2

struct fetch {
	struct project *p;
	struct arena *a;             /* of the caller's thread */
	VEC(struct wheel_pin) missing; /* sha256: of the file, also of a source's archive */
	const struct wheel_workshop *at;
	size_t n;                    /* of all that was missing */
	pthread_mutex_t mu;
	size_t done;
	uint64_t bytes;
	struct str *urls;            /* by position of missing; empty: not known */
	struct err *errs;            /* by position of missing; why the last try failed */
	bool *wrong;                 /* a file came that is another one: nothing else is tried */
	atomic_bool *stop;
};

static void
look_for_missing(struct fetch *f, const struct wheel_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct wheel_pin w = s->v[i];
		struct digest blob;
		struct str file;
		if (w.source.kind != WHEEL_READY && wheel_built(f->p, &w, f->a, &blob, &file))
			continue;
		if (w.source.kind == WHEEL_OF_GIT)
			continue;
		if (w.source.kind == WHEEL_OF_ARCHIVE)
			w.sha256 = w.source.sha256;
		struct str bytes;
		struct digest d;
		if (blobs_has(f->p->cache->blobs, &w.sha256, NULL) ||
		    (wheel_bytes_get(f->p, &w.sha256, &bytes) && blobs_put(f->p->cache->blobs, bytes, &d, NULL) == 0))
			continue;
		VEC_PUSH(&f->missing, w);
	}
	f->n = f->missing.n;
}

/* One more is here. */
static void
arrived(struct fetch *f, uint64_t bytes)
{
	pthread_mutex_lock(&f->mu); /* in order */
	f->done++;
	f->bytes += bytes;
	if (f->at && f->at->progress)
		f->at->progress(f->at->ctx, f->done, f->n, f->bytes);
	pthread_mutex_unlock(&f->mu);
}

/* ---- by URL ---- */

static int
other_file(const struct wheel_pin *w, struct str from, const struct digest *got, struct err *e)
{
	char expected[DIGEST_HEX + 1], have[DIGEST_HEX + 1];

	digest_hex(&w->sha256, expected);
	digest_hex(got, have);
	return err_set(e, ERR_WORLD,
		       STR_FMT " " STR_FMT ": the file '" STR_FMT "' from " STR_FMT " has sha256 %s, but the lock says %s; the file was "
			       "changed there, or the lock was edited ('pawl lock --update " STR_FMT "' resolves it anew where it is pawl.lock)",
		       STR_ARG(w->name), STR_ARG(w->version), STR_ARG(w->file), STR_ARG(from), have, expected, STR_ARG(w->name));
}

static struct str
host_of(struct str url)
{
	size_t at = str_find(url, STR("://"));

	return at == SIZE_MAX ? url : str_cut(str_drop(url, at + 3), '/').head;
}

static const char *
ca_file(const struct project *p)
{
	static const char *const names[] = { "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = project_env(p, str_z(names[i]));
		if (v && *v && file_exists(AT_FDCWD, v))
			return v;
	}
	return NULL;
}

static int
from_file(struct fetch *f, const struct wheel_pin *w, const char *path, bool *wrong, struct err *e)
{
	struct content c;

	if (blobs_put_file(f->p->cache->blobs, AT_FDCWD, path, NULL, &c, e) < 0)
		return -1;
	if (digest_eq(&c.digest, &w->sha256)) {
		arrived(f, c.size);
		return 0;
	}
	*wrong = true;
	return other_file(w, str_z(path), &c.digest, e);
}

/* 1 and the header's value, or 0. Indexes that the requirements themselves name are asked first. */
static size_t
authorization(struct fetch *f, struct str url, struct arena *a, struct str *value)
{
	struct pycreds c;
	struct str *indexes;
	AUTO_BUF both = { 0 }, b = { 0 };
	const size_t n = wheel_indexes(f->p, a, &indexes);
	for (size_t i = 0; i < n; i++)
		indexes[i] = str_cut(indexes[i], ' ').tail;

	if (!pycreds_find(f->p->opts.environ_, indexes, n, url, a, &c))
		return 0;
	buf_printf(&both, STR_FMT ":" STR_FMT, STR_ARG(c.user), STR_ARG(c.secret));
	buf_puts(&b, "Basic ");
	base64_put(&b, buf_str(&both), false);
	*value = arena_str(a, buf_str(&b));
	return 1;
}

static int
from_web(struct fetch *f, const struct wheel_pin *w, struct str url, struct arena *a, bool *wrong, struct err *e)
{
	struct blob_writer *to = NULL;
	struct http_answer answer;
	struct digest got;
	uint64_t size;
	int bad;

	struct http *h = http_new(e);
	if (!h)
		return -1;
	if (blob_begin(f->p->cache->blobs, &to, e) < 0) {
		http_free(h);
		return -1;
	}
	struct http_header who = { STR("Authorization"), { 0 } };
	const struct http_request r = { .method = "GET", .url = url, .redirects = true, .to = to, .ca_file = ca_file(f->p), .headers = &who,
					.nheaders = authorization(f, url, a, &who.value), .stop = f->stop };
	bad = http_do(h, &r, a, &answer, e);
	if (!bad && answer.status != 200)
		bad = err_set(e, ERR_WORLD, "the server answers %d", answer.status);
	http_free(h);
	if (bad) {
		blob_abort(to);
		return bad;
	}
	if (blob_commit(to, NULL, &got, &size, e) < 0)
		return -1;
	if (digest_eq(&got, &w->sha256)) {
		arrived(f, size);
		return 0;
	}
	*wrong = true;
	return other_file(w, host_of(url), &got, e);
}

/* What a tool wrote may have %-sequences, what we did has none. */
char *
wheel_path_of_url(struct str url, struct arena *a)
{
	char *plain = arena_z(a, str_drop(url, 7));

	if (file_exists(AT_FDCWD, plain))
		return plain;
	return arena_z(a, reqref_decode(str_drop(url, 7), a));
}

static void
fetch_one(void *ctx, size_t i)
{
	struct fetch *f = ctx;
	const struct wheel_pin *w = &f->missing.v[i];
	struct arena a = { 0 };
	struct str url = f->urls[i];

	f->errs[i] = (struct err){ 0 };
	if (!url.n)
		(void)err_set(&f->errs[i], ERR_MISSING, "nobody knows where it is");
	else if (f->stop && atomic_load(f->stop))
		(void)err_set(&f->errs[i], ERR_INTERRUPTED, "ended before it was done");
	else if (str_starts(url, STR("file://")))
		(void)from_file(f, w, wheel_path_of_url(url, &a), &f->wrong[i], &f->errs[i]);
	else
		(void)from_web(f, w, url, &a, &f->wrong[i], &f->errs[i]);
	arena_done(&a);
}

static int
fetch_known(struct fetch *f, struct err *e)
{
	size_t n = f->missing.n, left = 0;

	f->errs = arena_array(f->a, struct err, n);
	f->wrong = arena_array(f->a, bool, n);
	pool_each(n, 1, AT_A_TIME, fetch_one, f);
	for (size_t i = 0; i < n; i++) {
		if (!f->errs[i].code)
			continue;
		if (f->wrong[i] || f->errs[i].code == ERR_INTERRUPTED || f->errs[i].code == ERR_FULL) {
			if (e)
				*e = f->errs[i];
			return -1;
		}
		f->missing.v[left] = f->missing.v[i];
		f->errs[left++] = f->errs[i];
	}
	f->missing.n = left;
	return 0;
}

/* ---- by the tools ---- */

/* The target of a wheel by its file name and the Python that it was chosen for: enough for a resolver to find that very file again. */
static bool
target_of_file(const struct wheel_pin *w, struct arena *a, struct python_target *out)
{
	static const struct {
		const char *machine;
		struct str platform;
	} table[] = {
		{ "x86_64", STR_INIT("linux/amd64") }, { "aarch64", STR_INIT("linux/arm64") },     { "i686", STR_INIT("linux/386") },
		{ "armv7l", STR_INIT("linux/arm/v7") }, { "ppc64le", STR_INIT("linux/ppc64le") }, { "s390x", STR_INIT("linux/s390x") },
	};
	struct python_target t = { .version = STR("3.12"), .platform = STR("linux/amd64"), .glibc = STR("2.40") };
	struct wheel_name n;
	uint64_t minor;

	if (w->source.kind != WHEEL_READY) {
		t.version = w->python.n ? w->python : t.version;
		*out = t;
		return true;
	}
	if (!wheel_name_parse(w->file, a, &n))
		return false;
	if (w->python.n)
		t.version = w->python;
	else if (str_starts(n.python, STR("cp3")) && str_u64(str_cut(str_drop(n.python, 3), '.').head, &minor))
		t.version = arena_printf(a, "3.%llu", (unsigned long long)minor);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_find(n.platform, str_z(table[i].machine)) != SIZE_MAX)
			t.platform = table[i].platform;
	if (str_find(n.platform, STR("musllinux")) != SIZE_MAX)
		t.glibc = STR("musl");
	*out = t;
	return true;
}

static void
fill_question(struct fetch *f, const struct python_target *t, struct resolver_question *q)
{
	struct pytags platforms;

	pytags_platforms(t->platform, t->glibc, f->a, &platforms);
	*q = (struct resolver_question){ .python = t->version, .machine = pytags_machine(t->platform), .glibc = t->glibc, .pre = true,
					 .no_deps = true, .platforms = platforms.v, .nplatforms = platforms.n,
					 .envp = f->p->opts.environ_, .cwd = f->p->fd, .stop = f->stop,
					 .full = target_any_patch(t, f->a) };
	struct str *options;
	q->noptions = wheel_indexes(f->p, f->a, &options);
	for (size_t i = 0; i < q->noptions; i++) /* of several sets: each is one more */
		if (str_starts(options[i], STR("--index-url ")))
			options[i] = arena_printf(f->a, "--extra-index-url " STR_FMT, STR_ARG(str_drop(options[i], 12)));
	if (q->noptions)
		q->options = options;
}

static bool
same_target(const struct python_target *a, const struct python_target *b)
{
	return str_eq(a->version, b->version) && str_eq(a->platform, b->platform) && str_eq(a->glibc, b->glibc);
}

static void
take_urls(struct fetch *f, const struct resolver_answer *r)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t m = 0; m < f->missing.n; m++) {
			for (size_t k = 0; k < r->v[i].n; k++)
				if (str_eq(f->missing.v[m].file, r->v[i].v[k].file))
					f->urls[m] = r->v[i].v[k].url;
			if (r->v[i].source.kind == SOURCE_ARCHIVE && str_eq(f->missing.v[m].file, r->v[i].source.file.file))
				f->urls[m] = r->v[i].source.file.url;
		}
}

/* Missing files by target (a wheel of an image and one of this machine may be in one set): one question each. */
static int
ask_where(struct fetch *f, struct str scratch, struct err *e)
{
	struct str *lines = arena_array(f->a, struct str, f->missing.n);
	bool *asked = arena_array(f->a, bool, f->missing.n);
	int bad = 0;

	for (size_t i = 0; i < f->missing.n; i++) {
		struct python_target t, u;
		size_t n = 0;
		bool sources = false;
		if (asked[i] || !target_of_file(&f->missing.v[i], f->a, &t))
			continue;
		for (size_t k = i; k < f->missing.n; k++) {
			if (asked[k] || !target_of_file(&f->missing.v[k], f->a, &u) || !same_target(&t, &u))
				continue;
			asked[k] = true;
			lines[n++] = arena_printf(f->a, STR_FMT "==" STR_FMT, STR_ARG(f->missing.v[k].name), STR_ARG(f->missing.v[k].version));
			sources = sources || f->missing.v[k].source.kind != WHEEL_READY;
		}
		struct resolver_question q;
		struct resolver_answer answer;
		const struct resolver *r;
		fill_question(f, &t, &q);
		q.requirements = lines;
		q.nrequirements = n;
		q.scratch = scratch;
		q.sources = sources;
		if (resolver_choose(INSTALLER_DEFAULT, &q, f->a, &r, e) < 0 || r->resolve(&q, f->a, &answer, e) < 0)
			bad = -1;
		else
			take_urls(f, &answer);
	}
	return bad;
}

static int
download(struct fetch *f, struct str scratch, struct err *e)
{
	struct str folder = path_join(f->a, scratch, STR("wheels"));
	int bad = 0;

	for (size_t i = 0; i < f->missing.n && !bad; i++) {
		const struct wheel_pin *w = &f->missing.v[i];
		struct python_target t;
		struct resolver_question q;
		char hex[DIGEST_HEX + 1];
		bool wrong;
		if (!target_of_file(w, f->a, &t))
			continue;
		fill_question(f, &t, &q);
		q.scratch = scratch;
		digest_hex(&w->sha256, hex);
		struct str line = arena_printf(f->a, STR_FMT "==" STR_FMT " --hash=sha256:%s", STR_ARG(w->name), STR_ARG(w->version), hex);
		bad = pip_download(&q, &line, 1, folder, f->a, e);
		if (!bad)
			bad = from_file(f, w, arena_z(f->a, path_join(f->a, folder, w->file)), &wrong, e);
	}
	return bad;
}

static int
by_tools(struct fetch *f, struct err *e)
{
	struct err first = { 0 }, second = { 0 };
	struct str scratch;

	if (resolver_scratch(f->p, f->a, &scratch, e) < 0)
		return -1;
	f->urls = arena_array(f->a, struct str, f->missing.n);
	int bad = ask_where(f, scratch, &first);
	if (first.code != ERR_INTERRUPTED)
		bad = fetch_known(f, e);
	if (!bad && f->missing.n && download(f, scratch, &second) < 0) {
		const struct wheel_pin *w = &f->missing.v[0];
		bad = err_set(e, second.code == ERR_INTERRUPTED ? ERR_INTERRUPTED : ERR_WORLD, STR_FMT " " STR_FMT ": get '" STR_FMT "': %s",
			      STR_ARG(w->name), STR_ARG(w->version), STR_ARG(w->file),
			      f->errs[0].code && f->errs[0].code != ERR_MISSING ? f->errs[0].text : first.code ? first.text : second.text);
	}
	(void)file_remove_tree(AT_FDCWD, arena_z(f->a, scratch), NULL); /* it is in tmp/ */
	return bad;
}

static int
fetch_all(struct fetch *f, struct err *e)
{
	if (f->p->opts.offline) {
		const struct wheel_pin *w = &f->missing.v[0];
		return err_set(e, ERR_WORLD, "--offline: " STR_FMT " " STR_FMT " ('" STR_FMT "')%s is not in the cache; run once without --offline",
			       STR_ARG(w->name), STR_ARG(w->version), STR_ARG(w->file), f->missing.n > 1 ? " and others" : "");
	}
	f->urls = arena_array(f->a, struct str, f->missing.n);
	for (size_t i = 0; i < f->missing.n; i++)
		(void)wheel_url_get(f->p, &f->missing.v[i].sha256, f->a, &f->urls[i]); /* else the tools are asked */
	if (fetch_known(f, e) < 0)
		return -1;
	return f->missing.n ? by_tools(f, e) : 0;
}

/* ---- sources ---- */

struct building {
	struct fetch *f;
	VEC(const struct wheel_pin *) pins;
	struct err *errs;
};

static void
build_one(void *ctx, size_t i)
{
	struct building *b = ctx;

	if (b->f->stop && atomic_load(b->f->stop))
		(void)err_set(&b->errs[i], ERR_INTERRUPTED, "ended before it was done");
	else
		(void)wheel_build(b->f->p, b->pins.v[i], b->f->at, b->f->stop, &b->errs[i]);
}

static int
build_all(struct fetch *f, const struct wheel_set *s, struct err *e)
{
	struct building b = { .f = f };
	struct digest blob;
	struct str file;
	int bad = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].source.kind != WHEEL_READY && !wheel_built(f->p, &s->v[i], f->a, &blob, &file))
			VEC_PUSH(&b.pins, &s->v[i]);
	b.errs = arena_array(f->a, struct err, b.pins.n);
	pool_each(b.pins.n, 1, BUILDS_AT_A_TIME, build_one, &b);
	for (size_t i = 0; i < b.pins.n && !bad; i++)
		if (b.errs[i].code) {
			bad = -1;
			if (e)
				*e = b.errs[i];
		}
	VEC_DONE(&b.pins);
	return bad;
}

int
wheels_fetch(struct project *p, const struct wheel_set *s, const struct wheel_workshop *w, atomic_bool *stop, struct err *e)
{
	struct arena a = { 0 };
	struct fetch f = { .p = p, .a = &a, .at = w, .stop = stop };
	int bad = 0;

	(void)pthread_mutex_init(&f.mu, NULL);
	look_for_missing(&f, s);
	if (f.missing.n)
		bad = fetch_all(&f, e);
	if (!bad)
		bad = build_all(&f, s, e);
	VEC_DONE(&f.missing);
	(void)pthread_mutex_destroy(&f.mu);
	arena_done(&a);
	return bad;
}

int
wheel_blob(struct project *p, const struct wheel_pin *w, struct arena *a, struct digest *blob, struct str *file, struct err *e)
{
	if (w->source.kind == WHEEL_READY) {
		*blob = w->sha256;
		*file = w->file;
		if (blobs_has(p->cache->blobs, blob, NULL))
			return 0;
	} else if (wheel_built(p, w, a, blob, file)) {
		return 0;
	}
	return err_set(e, ERR_MISSING, STR_FMT " " STR_FMT " is not in the cache", STR_ARG(w->name), STR_ARG(w->version));
}
