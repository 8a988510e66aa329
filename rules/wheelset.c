/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheelset.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "rules/interpreter.h"
#include "rules/otherlock.h"
#include "rules/pytags.h"
#include "sys/file.h"

struct marker_env
target_markers(const struct python_target *t, struct arena *a)
{
	struct str full = t->full.n ? t->full : arena_printf(a, STR_FMT ".0", STR_ARG(t->version));

	return (struct marker_env){
		.python_version = t->version,
		.python_full_version = full,
		.implementation_version = full,
		.platform_machine = pytags_machine(t->platform),
		.os_name = STR("posix"),
		.sys_platform = STR("linux"),
		.platform_system = STR("Linux"),
		.implementation_name = STR("cpython"),
		.platform_python_implementation = STR("CPython"),
	};
}

/* As a resolver sees the target: the question has no more of Python's version unless a marker asks for it. */
static struct marker_env
question_markers(const struct reqset *s, const struct python_target *t, struct arena *a)
{
	struct python_target plain = *t;

	if (!s->full)
		plain.full = (struct str){ 0 };
	return target_markers(&plain, a);
}

static bool
applies(const struct requirement *q, const struct marker_env *env, struct arena *a)
{
	bool value = true;
	size_t at;

	if (q->r.marker.n && marker_parse(q->r.marker, env, a, NULL, &value, &at, NULL) < 0)
		return true; /* its normal form was parsed before */
	return value;
}

struct str
target_any_patch(const struct python_target *t, struct arena *a)
{
	return t->full.n ? t->full : arena_printf(a, STR_FMT ".99", STR_ARG(t->version));
}

/* A requirement as a tool is told it: places of this machine, and secrets that its URL has. */
static struct str
told_text(const struct requirement *q, struct str root, struct arena *a)
{
	struct pep508 r = q->r;
	const struct reqref *f = &q->ref;
	const char *sub = f->subdirectory.n ? "#subdirectory=" : "";
	struct str subdirectory = reqref_encode(f->subdirectory, a);

	switch (f->kind) {
	case REQREF_NONE:
		break;
	case REQREF_PATH:
		r.url = reqref_encode(f->path.p[0] == '/' ? f->path : path_clean(a, path_join(a, root, f->path)), a);
		r.url = arena_printf(a, "file://" STR_FMT "%s" STR_FMT, STR_ARG(r.url), sub, STR_ARG(subdirectory));
		break;
	case REQREF_URL:
		r.url = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(f->secret), sub, STR_ARG(subdirectory));
		break;
	case REQREF_GIT:
		r.url = arena_printf(a, "git+" STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(f->secret), f->revision.n ? "@" : "", STR_ARG(f->revision), sub,
				     STR_ARG(subdirectory));
		break;
	}
	return pep508_text(&r, false, a);
}

static bool
is_source(const struct requirement *q)
{
	struct str where = q->ref.kind == REQREF_PATH ? q->ref.path : q->ref.plain;

	return q->ref.kind == REQREF_GIT || (q->ref.kind != REQREF_NONE && !str_ends(where, STR(".whl")));
}

static size_t
texts(const struct requirement *v, size_t n, const struct marker_env *env, struct str root, struct arena *a, const struct str **out)
{
	struct str *t = arena_array(a, struct str, n);
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (applies(&v[i], env, a))
			t[k++] = told_text(&v[i], root, a);
	*out = t;
	return k;
}

int
resolver_question_of(const struct reqset *s, const struct python_target *t, struct str root, struct arena *a, struct resolver_question *out,
		     struct err *e)
{
	const struct marker_env env = question_markers(s, t, a);
	struct resolver_question q = { .pre = s->pre, .no_deps = s->no_deps, .python = t->version, .machine = pytags_machine(t->platform),
				       .glibc = t->glibc.n ? t->glibc : STR(PYTAGS_GLIBC) };
	struct pytags platforms;

	if (s->no_deps)
		q.full = target_any_patch(t, a);
	else if (s->full)
		q.full = t->full;
	if (!q.machine.n)
		return err_set(e, ERR_INPUT, "no wheels are known for the platform '" STR_FMT "'", STR_ARG(t->platform));
	q.nrequirements = texts(s->v, s->n, &env, root, a, &q.requirements);
	q.nconstraints = texts(s->constraints, s->nconstraints, &env, root, a, &q.constraints);
	q.options = s->options;
	q.noptions = s->noptions;
	q.from_source = s->from_source;
	q.nfrom_source = s->nfrom_source;
	q.wheels_only = s->wheels_only;
	for (size_t i = 0; i < s->n; i++)
		q.sources = q.sources || (is_source(&s->v[i]) && applies(&s->v[i], &env, a));
	pytags_platforms(t->platform, t->glibc, a, &platforms);
	q.platforms = platforms.v;
	q.nplatforms = platforms.n;
	*out = q;
	return 0;
}

/* ---- choosing ---- */

struct choice {
	const struct resolver_answer *answer;
	const struct reqset *set;
	const struct python_target *target;
	const char *resolver;
	struct pytags tags;
	struct arena *a;
	struct err *e;
};

/* Do the requirements or constraints of that name allow the hash? had: they name hashes at all. */
static bool
hash_allowed(const struct choice *c, struct str name, const struct digest *d, bool *had)
{
	const struct requirement *lists[] = { c->set->v, c->set->constraints };
	const size_t sizes[] = { c->set->n, c->set->nconstraints };
	char hex[DIGEST_HEX + 1];
	bool ok = false;

	*had = false;
	digest_hex(d, hex);
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < sizes[l]; i++) {
			const struct requirement *q = &lists[l][i];
			if (!str_eq(q->r.name, name) || !q->nhashes)
				continue;
			*had = true;
			for (size_t k = 0; k < q->nhashes; k++)
				ok = ok || str_is(q->hashes[k], hex);
		}
	return ok || !*had;
}

static uint64_t
build_number(struct str build)
{
	uint64_t n = 0;
	size_t k = 0;

	while (k < build.n && build.p[k] >= '0' && build.p[k] <= '9')
		k++;
	return str_u64(str_take(build, k), &n) ? n : 0;
}

static struct str
place_of(const struct choice *c, struct str name)
{
	for (size_t i = 0; i < c->set->n; i++)
		if (str_eq(c->set->v[i].r.name, name) && c->set->v[i].at.file.n)
			return arena_printf(c->a, STR_FMT ":%u: ", STR_ARG(c->set->v[i].at.file), c->set->v[i].at.line);
	return (struct str){ 0 };
}

static int
none_fits(const struct choice *c, const struct resolver_package *p, struct str name, size_t fitting, size_t unhashed)
{
	struct str place = place_of(c, name);

	if (unhashed)
		return err_set(c->e, ERR_WORLD, STR_FMT "%.*s %.*s: the index gives no sha256 for its wheels; 'installer: pip' can compute it",
			       STR_ARG(place), STR_ARG(name), STR_ARG(p->version));
	if (fitting)
		return err_set(c->e, ERR_INPUT, STR_FMT "%.*s %.*s: no wheel that fits has one of the hashes that the requirements give; the "
						"package was changed on the index, or the hash is wrong",
			       STR_ARG(place), STR_ARG(name), STR_ARG(p->version));
	return err_set(c->e, ERR_INPUT, STR_FMT "%.*s %.*s has no wheel for Python " STR_FMT " on " STR_FMT ", and no source distribution",
		       STR_ARG(place), STR_ARG(name), STR_ARG(p->version), STR_ARG(c->target->version), STR_ARG(c->target->platform));
}

/* --no-binary */
static bool
wants_source(const struct reqset *s, struct str name)
{
	for (size_t i = 0; i < s->nfrom_source; i++)
		if (str_is(s->from_source[i], ":all:") || str_eq(s->from_source[i], name))
			return true;
	return false;
}

static int
take_source(const struct choice *c, const struct resolver_package *p, struct str name, struct str version, struct wheel_pin *out, struct str *url)
{
	const struct resolver_source *s = &p->source;
	struct wheel_pin w = { .name = name, .version = version, .source.subdirectory = s->subdirectory };
	struct str other, v;
	bool had;

	if (c->set->wheels_only)
		return err_set(c->e, ERR_INPUT, STR_FMT STR_FMT " " STR_FMT " has no wheel that fits, and --only-binary :all: forbids to build one",
			       STR_ARG(place_of(c, name)), STR_ARG(name), STR_ARG(version));
	if (s->kind == SOURCE_GIT) {
		if (!otherlock_commit(s->commit))
			return err_set(c->e, ERR_WORLD, "%s gave no commit of '" STR_FMT "'", c->resolver, STR_ARG(name));
		w.file = arena_printf(c->a, STR_FMT "-" STR_FMT ".git", STR_ARG(name), STR_ARG(version));
		w.source.kind = WHEEL_OF_GIT;
		w.source.repository = s->repository;
		w.source.commit = s->commit;
	} else {
		if (digest_is_zero(&s->file.sha256))
			return err_set(c->e, ERR_WORLD, STR_FMT " " STR_FMT ": nothing gives a sha256 of its source distribution", STR_ARG(name),
				       STR_ARG(version));
		if (!hash_allowed(c, name, &s->file.sha256, &had))
			return none_fits(c, p, name, 1, 0);
		w.file = s->file.file;
		if (!reqref_file_name(w.file, c->a, &other, &v))
			w.file = arena_printf(c->a, STR_FMT "-" STR_FMT ".tar.gz", STR_ARG(name), STR_ARG(version));
		w.size = s->file.size;
		w.source.kind = WHEEL_OF_ARCHIVE;
		w.source.sha256 = s->file.sha256;
		*url = s->file.url;
	}
	wheel_pin_source(&w, c->target, c->a);
	*out = w;
	return 0;
}

/* Indexes say how large a file is, folders do not. 0: not known. */
static uint64_t
size_here(struct str url, struct arena *a)
{
	struct file_stat st;

	if (!str_starts(url, STR("file://")) || file_stat(AT_FDCWD, wheel_path_of_url(url, a), true, &st, NULL) < 0)
		return 0;
	return st.size;
}

static int
choose_one(const struct choice *c, const struct resolver_package *p, struct wheel_pin *out, struct str *url)
{
	const struct resolver_file *best = NULL;
	size_t best_rank = SIZE_MAX, fitting = 0, unhashed = 0;
	uint64_t best_build = 0;
	struct pep440 v;
	struct str name;

	if (!pep503_name(p->name, c->a, &name) || !pep440_parse(p->version, c->a, &v))
		return err_set(c->e, ERR_WORLD, "%s named a package '" STR_FMT "' of version '" STR_FMT "', which is none", c->resolver,
			       STR_ARG(str_take(p->name, 80)), STR_ARG(str_take(p->version, 80)));
	struct str version = pep440_text(&v, c->a);
	for (size_t i = 0; i < p->n && !wants_source(c->set, name); i++) {
		struct wheel_name w;
		bool had;
		if (!wheel_name_parse(p->v[i].file, c->a, &w) || !str_eq(w.name, name) || !str_eq(w.version, version))
			continue;
		size_t rank = pytags_rank(&c->tags, &w);
		if (rank == SIZE_MAX)
			continue;
		fitting++;
		if (digest_is_zero(&p->v[i].sha256)) {
			unhashed++;
			continue;
		}
		uint64_t build = build_number(w.build);
		if (!hash_allowed(c, name, &p->v[i].sha256, &had))
			continue;
		if (best && (rank > best_rank || (rank == best_rank && build <= best_build)))
			continue;
		best = &p->v[i];
		best_rank = rank;
		best_build = build;
	}
	if (!best && p->source.kind == SOURCE_NONE)
		return none_fits(c, p, name, fitting, unhashed);
	if (!best)
		return take_source(c, p, name, version, out, url);
	*out = (struct wheel_pin){ .name = name, .version = version, .file = best->file, .sha256 = best->sha256, .size = best->size,
				    .python = c->target->version };
	if (!out->size)
		out->size = size_here(best->url, c->a);
	*url = best->url;
	return 0;
}

/* The program's answer is not taken on trust: every requirement must have its package, in a version that it allows. */
static int
check_answer(const struct choice *c, const struct wheel_set *s)
{
	const struct marker_env env = question_markers(c->set, c->target, c->a);

	for (size_t i = 0; i < c->set->n; i++) {
		const struct requirement *q = &c->set->v[i];
		const struct wheel_pin *w = NULL;
		struct pep440 v;
		if (!applies(q, &env, c->a))
			continue;
		for (size_t k = 0; k < s->n && !w; k++)
			if (str_eq(s->v[k].name, q->r.name))
				w = &s->v[k];
		bool ok = w && pep440_parse(w->version, c->a, &v);
		for (size_t k = 0; ok && k < q->r.nspecs; k++)
			ok = pep440_spec_holds(&q->r.specs[k], &v, c->a);
		if (!ok)
			return err_set(c->e, ERR_WORLD, "%s's answer does not satisfy '" STR_FMT "'", c->resolver, STR_ARG(q->text));
	}
	return 0;
}

struct pair {
	struct wheel_pin pin;
	struct str url;
};

static int
cmp_pair(const void *a, const void *b)
{
	return str_cmp(((const struct pair *)a)->pin.name, ((const struct pair *)b)->pin.name);
}

int
wheels_choose(const struct resolver_answer *r, const struct reqset *s, const struct python_target *t, const char *resolver,
	      struct arena *a, struct wheel_set *out, struct str **urls, struct err *e)
{
	struct choice c = { .answer = r, .set = s, .target = t, .resolver = resolver, .a = a, .e = e };
	struct wheel_set set = { .v = arena_array(a, struct wheel_pin, r->n), .n = r->n };
	struct pair *pair = arena_array(a, struct pair, r->n);
	struct str *u = arena_array(a, struct str, r->n);

	if (!pytags_of(t->version, t->platform, t->glibc, a, &c.tags))
		return err_set(e, ERR_INPUT, "no wheels are known for Python '" STR_FMT "' on '" STR_FMT "'", STR_ARG(t->version),
			       STR_ARG(t->platform));
	for (size_t i = 0; i < r->n; i++)
		if (choose_one(&c, &r->v[i], &pair[i].pin, &pair[i].url) < 0)
			return -1;
	if (r->n)
		qsort(pair, r->n, sizeof *pair, cmp_pair);
	for (size_t i = 0; i < r->n; i++) {
		set.v[i] = pair[i].pin;
		u[i] = pair[i].url;
		if (i && str_eq(set.v[i - 1].name, set.v[i].name))
			return err_set(e, ERR_WORLD, "%s named '" STR_FMT "' twice", resolver, STR_ARG(set.v[i].name));
	}
	if (check_answer(&c, &set) < 0)
		return -1;
	wheel_set_settle(&set, a);
	*out = set;
	*urls = u;
	return 0;
}

/* ---- around a resolver ---- */

int
resolver_choose(enum ir_installer i, const struct resolver_question *q, struct arena *a, const struct resolver **out, struct err *e)
{
	struct str program;

	if (i == INSTALLER_UV && !resolver_uv.find(q, a, &program))
		return err_set(e, ERR_MISSING, "'installer: uv', but there is no 'uv' in PATH: install it, or take that line away to use pip");
	if (i != INSTALLER_PIP && resolver_uv.find(q, a, &program)) {
		*out = &resolver_uv;
		return 0;
	}
	if (!resolver_pip.find(q, a, &program))
		return err_set(e, ERR_MISSING, "neither 'uv' nor 'python3' with pip is in PATH: install one of them");
	*out = &resolver_pip;
	return 0;
}

int
resolver_scratch(struct project *p, struct arena *a, struct str *out, struct err *e)
{
	struct str tmp = path_join(a, p->cache->folder, STR("tmp"));

	if (file_mkdirs(p->cache->fd, "tmp", NULL) == 0 && file_scratch_dir(arena_z(a, tmp), "resolve-", a, out, NULL) == 0)
		return 0;
	const char *other = project_env(p, STR("TMPDIR"));
	return file_scratch_dir(other && other[0] == '/' ? other : "/tmp", "pawl-resolve-", a, out, e);
}
