/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pyfiles.h"

#include <stdlib.h>
#include <string.h>

#include "cache/stats.h"
#include "rules/notes.h"
#include "rules/snapshot.h"
#include "rules/wants.h"
#include "sys/clock.h"

#define TRIES 3 /* a file that changes while it is read */

void
pyfiles_done(struct pyfiles *f)
{
	VEC_DONE(&f->v);
	map_done(&f->by_path);
}

static struct pyfile *
add(struct pyfiles *f, struct str path)
{
	struct pyfile *x = arena_new(f->arena, struct pyfile);
	x->path = arena_str(f->arena, path);
	x->made_by = NODE_NONE;
	map_put(&f->by_path, x->path, (uint32_t)f->v.n);
	VEC_PUSH(&f->v, x);
	return x;
}

/* Signature and content as they are now, reported. A link is reported as itself and as what it leads to. */
static void
look(struct pyfiles *f, struct pyfile *x)
{
	struct project *p = f->project;
	const char *path = arena_z(f->arena, x->path);
	struct file_stat link, st;
	struct stat_sig sig;
	x->type = PYFILE_MISSING;
	if (file_stat(p->fd, path, false, &link, NULL) < 0) {
		leaves_path(p->leaves, x->path, NULL);
		return;
	}
	st = link;
	if (link.type == FILE_LINK && file_stat(p->fd, path, true, &st, NULL) < 0) {
		sig = stat_sig_of(&link);
		leaves_path(p->leaves, x->path, &sig);
		return;
	}
	if (st.type == FILE_FOLDER) {
		x->type = PYFILE_FOLDER;
		return; /* what lies in it is reported file by file */
	}
	if (st.type != FILE_REGULAR || stats_content(p->cache->stats, p->fd, path, &st, &x->content, NULL) < 0)
		return;
	x->type = PYFILE_FILE;
	sig = stat_sig_of(&link);
	leaves_path(p->leaves, x->path, &sig);
	if (link.type == FILE_LINK) {
		struct str target;
		sig = stat_sig_of(&st);
		if (file_link_read(p->fd, path, f->arena, &target, NULL) == 0)
			leaves_path(p->leaves, target.n && target.p[0] == '/' ? target :
				path_clean(f->arena, path_join(f->arena, path_dir(x->path), target)), &sig);
	}
}

static uint32_t
made_by(const struct mades *m, struct str path)
{
	const uint32_t i = m ? map_get(&m->by_path, path) : MAP_NONE;
	if (i != MAP_NONE || !m)
		return i;
	for (size_t k = 0; k < m->folders.n; k++)
		if (path_inside(path, m->v.v[m->folders.v[k]].path))
			return m->folders.v[k];
	return MAP_NONE;
}

struct pyfile *
pyfiles_look(struct pyfiles *f, struct str path)
{
	const uint32_t i = map_get(&f->by_path, path);
	if (i != MAP_NONE)
		return f->v.v[i];
	struct pyfile *x = add(f, path);
	const uint32_t made = made_by(f->mades, path);
	if (made != MAP_NONE) {
		x->made_by = f->mades->v.v[made].node;
		x->port = f->mades->v.v[made].port;
	}
	x->made_below = f->mades && map_get(&f->mades->parents, path) != MAP_NONE;
	const bool outside = str_is(path, "..") || str_starts(path, STR("../"));
	if (path.n && path.p[0] != '/' && (!outside || wants_outside(f->project, path)))
		look(f, x);
	return x;
}

struct pyfile *
pyfiles_text(struct pyfiles *f, struct str text)
{
	const struct fp fp = fp_of(text);
	const struct str name = arena_printf(f->arena, "<command %016llx>", (unsigned long long)fp.lo);
	const uint32_t i = map_get(&f->by_path, name);
	if (i != MAP_NONE)
		return f->v.v[i];
	struct pyfile *x = add(f, name);
	x->is_text = true;
	x->text = str_take(text, str_find_char(text, 0));
	x->type = PYFILE_FILE;
	x->content = (struct content){ .digest = digest_of(x->text), .fp = fp_of(x->text), .size = x->text.n };
	return x;
}

void
pyfiles_want(struct pyfiles *f, struct pyfile *x)
{
	if (x->wanted || !f->host || x->type != PYFILE_FILE)
		return;
	x->wanted = true;
	f->nwanted++;
}

/* scanner and version | series | kind of file | digest */
static struct str
facts_key(const struct pyfiles *f, const struct pyfile *x)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(&x->content.digest, hex);
	return arena_printf(f->arena, "py-%d %.20s%.20s %c %s", PYFACTS_VERSION, arena_z(f->arena, f->host->implementation),
			    arena_z(f->arena, f->host->series), str_ends(x->path, STR(".ipynb")) ? 'n' : 'p', hex);
}

static bool
accept(struct pyfiles *f, struct pyfile *x, struct str json)
{
	struct pyfacts *facts = arena_new(f->arena, struct pyfacts);
	if (pyfacts_parse(json, f->arena, facts, NULL) < 0 || facts->missing || !digest_eq(&facts->digest, &x->content.digest))
		return false;
	x->facts = facts;
	f->nwanted--;
	return true;
}

static void
from_cache(struct pyfiles *f)
{
	struct view *v = NULL;
	if (!f->project->cache->records || view_begin(f->project->cache->records, &v, NULL) < 0)
		return;
	for (size_t i = 0; i < f->v.n; i++) {
		struct str json;
		struct pyfile *x = f->v.v[i];
		if (x->wanted && !x->facts && view_get(v, TABLE_FACTS, facts_key(f, x), &json))
			(void)accept(f, x, json);
	}
	view_end(v);
}

/* One run for all that are still unknown. */
static int
from_python(struct pyfiles *f, struct batch *b, struct err *e)
{
	VEC(struct pysource) sources = { 0 };
	VEC(struct pyfile *) asked = { 0 };
	for (size_t i = 0; i < f->v.n; i++) {
		struct pyfile *x = f->v.v[i];
		if (!x->wanted || x->facts)
			continue;
		const struct pysource s = { .path = x->is_text ? STR("") : x->path, .text = x->text };
		VEC_PUSH(&sources, s);
		VEC_PUSH(&asked, x);
	}
	struct str *lines = arena_array(f->arena, struct str, sources.n + 1);
	const int rc = pyfacts_ask(f->project, f->host->executable, sources.v, sources.n, f->arena, lines, e);
	for (size_t i = 0; rc == 0 && i < sources.n; i++) {
		if (accept(f, asked.v[i], lines[i]))
			batch_put(b, TABLE_FACTS, facts_key(f, asked.v[i]), lines[i]);
		else if (!asked.v[i]->is_text)
			look(f, asked.v[i]); /* it changed meanwhile, or went away */
		if (asked.v[i]->type != PYFILE_FILE && asked.v[i]->wanted) {
			asked.v[i]->wanted = false;
			f->nwanted--;
		}
	}
	VEC_DONE(&sources);
	VEC_DONE(&asked);
	return rc;
}

int
pyfiles_read(struct pyfiles *f, struct err *e)
{
	struct batch b = { 0 };
	struct err why = { 0 };
	int rc = 0;
	if (f->nwanted)
		from_cache(f);
	for (int i = 0; f->nwanted && rc == 0 && i < TRIES; i++)
		rc = from_python(f, &b, &why);
	if (b.n && f->project->cache->records)
		(void)records_commit(f->project->cache->records, &b, false, 1000, NULL); /* else they are found again */
	batch_done(&b);
	if (rc == 0 && f->nwanted == 0)
		return 0;
	if (rc == 0)
		return err_set(e, ERR_BUSY, "read the project's Python files: some of them change all the time");
	/* An interpreter that cannot tell: contents count from here on. */
	notes_add(f->project->notes, "%s; whole files count as code", why.text);
	for (size_t i = 0; i < f->v.n; i++)
		f->v.v[i]->wanted = f->v.v[i]->facts != NULL;
	f->nwanted = 0;
	f->host = NULL;
	return 0;
}
