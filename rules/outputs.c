/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/outputs.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cache/stats.h"
#include "hashing/fp.h"
#include "rules/kept.h"
#include "rules/notes.h"
#include "rules/snapshot.h"
#include "rules/workspace.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { NOTES_PER_FOLDER = 5, SMALL = 65536 };

/* A link that somebody put in an output's place is not it, whatever it leads to: who writes to it would write elsewhere. */
bool
outputs_there(struct project *p, const struct output *o, struct arena *a)
{
	struct workspace_item now;
	struct file_stat st;

	if (file_stat(p->fd, arena_z(a, o->path), false, &st, NULL) == 0 && st.type == FILE_LINK)
		return false;
	return workspace_look(p, p->fd, o->path, REPORT_OWN, a, &now, NULL) == 0 && now.type == o->type &&
	       digest_eq(&now.digest, &o->digest);
}

bool
outputs_in_place(struct project *p, const struct result *r, bool *evicted)
{
	bool all = true;

	for (size_t i = 0; i < r->noutputs; i++) {
		const struct output *o = &r->outputs[i];
		struct arena a = { 0 };
		const bool good = o->path.n > 0 ? outputs_there(p, o, &a) : blobs_has(p->cache->blobs, &o->digest, NULL);

		arena_done(&a);
		if (good)
			continue;
		all = false;
		if (!blobs_has(p->cache->blobs, &o->digest, NULL))
			*evicted = true;
	}
	return all;
}

/* Stores one file that a person wrote: 1. Already there: 0. It is durable after the next blobs_flush. */
static int
keep_file(struct project *p, const char *path, const struct digest *d, bool tell, struct err *e)
{
	struct content c;
	struct err why = { 0 };
	char text[DIGEST_TEXT + 1];

	if (blobs_has(p->cache->blobs, d, NULL))
		return 0;
	if (p->cache->degraded) {
		notes_add(p->notes, "%s held other content and is replaced; it could not be kept, since nothing is", path);
		return 0;
	}
	if (blobs_put_file(p->cache->blobs, p->fd, path, NULL, &c, &why) == 0) {
		digest_text(&c.digest, text);
		kept_add(p, &c.digest);
		if (tell)
			notes_add(p->notes, "%s held other content, perhaps edited by hand; it is kept: pawl artifact get %s", path, text);
		return 1;
	}
	if (why.code != ERR_FULL)
		return err_set(e, why.code, "keep '%s', which was edited by hand: %s", path, why.text);
	notes_add(p->notes, "%s held other content, perhaps edited by hand, and is replaced; it could not be kept: %s", path, why.text);
	return 0;
}

/* How many files were stored, or -1. */
static int
keep_folder(struct project *p, struct str path, const struct workspace_item *now, struct arena *a, struct err *e)
{
	int kept = 0;

	if (blobs_has(p->cache->blobs, &now->digest, NULL))
		return 0;
	for (size_t i = 0; i < now->tree.n; i++) {
		const struct tree_entry *f = &now->tree.v[i];

		if (f->type != TREE_FILE && f->type != TREE_EXEC)
			continue;
		const int r = keep_file(p, path_join(a, path, f->path).p, &f->digest, kept < NOTES_PER_FOLDER, e);

		if (r < 0)
			return -1;
		kept += r;
	}
	if (kept <= NOTES_PER_FOLDER)
		return kept;
	AUTO_BUF manifest = { 0 };
	struct digest d;
	char text[DIGEST_TEXT + 1];

	tree_write(&now->tree, &manifest);
	if (blobs_put(p->cache->blobs, buf_str(&manifest), &d, NULL) < 0)
		return kept; /* the files are there; only their list is not */
	digest_text(&d, text);
	kept_add(p, &d);
	notes_add(p->notes, STR_FMT ": %d files held other content, perhaps edited by hand; the list of all of them is kept: pawl artifact get %s",
		  STR_ARG(path), kept, text);
	return kept;
}

int
outputs_keep(struct project *p, struct str path, struct err *e)
{
	struct arena a = { 0 };
	struct workspace_item now;
	struct err why = { 0 };
	int ret = workspace_look(p, p->fd, path, REPORT_NOT, &a, &now, &why);

	if (ret < 0)
		/* Not there; or a device, a socket: nothing that has content. */
		ret = why.code == ERR_MISSING || why.code == ERR_INPUT ? 0 : err_set(e, why.code, "%s", why.text);
	else if (now.type == OUTPUT_TREE)
		ret = keep_folder(p, path, &now, &a, e);
	else
		ret = keep_file(p, arena_z(&a, path), &now.digest, true, e);
	arena_done(&a);
	/* On the disk before the only other copy goes. */
	if (ret > 0 && blobs_flush(p->cache->blobs, &why) < 0 && why.code != ERR_FULL)
		return err_set(e, why.code, "keep '" STR_FMT "', which was edited by hand: %s", STR_ARG(path), why.text);
	return ret < 0 ? -1 : 0;
}

int
outputs_clear(struct project *p, const struct out_spec *v, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct arena a = { 0 };
		const char *path = arena_z(&a, v[i].path);
		int ret = 0;

		if (v[i].path.n > 0 && file_exists(p->fd, path)) {
			ret = outputs_keep(p, v[i].path, e);
			if (ret == 0)
				ret = file_remove_tree(p->fd, path, e);
		}
		if (ret == 0 && v[i].path.n > 0)
			ret = file_mkdirs_parent(p->fd, path, e);
		arena_done(&a);
		if (ret < 0)
			return err_wrap(e, "make room for output '" STR_FMT "'", STR_ARG(v[i].name));
	}
	return 0;
}

void
outputs_remove(struct project *p, const struct out_spec *v, size_t n)
{
	struct arena a = { 0 };
	struct err e;

	for (size_t i = 0; i < n; i++)
		if (v[i].path.n > 0 && file_remove_tree(p->fd, arena_z(&a, v[i].path), &e) < 0)
			notes_add(p->notes, "a failed step's output could not be removed: %s", e.text);
	arena_done(&a);
}

/* Storing while reading: the scan of a folder asks for each file's content, and this stores it in the same read. */
struct store {
	struct project *p;
	bool inside; /* of the project: leaves and stat table */
	bool folder; /* the output is one: others may have its files as theirs */
	bool unstored;
	pthread_mutex_t mutex;
};

/* A small file through memory: one read, and no copy at all of what the store has already. */
static int
store_bytes(struct store *s, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	AUTO_BUF bytes = { 0 };

	if (st->size > SMALL)
		return blobs_put_file(s->p->cache->blobs, at, path, NULL, out, e);
	if (file_read(at, path, 2 * SMALL, &bytes, e) < 0)
		return -1;
	out->fp = fp_of(buf_str(&bytes));
	out->size = bytes.n;
	return blobs_put(s->p->cache->blobs, buf_str(&bytes), &out->digest, e);
}

static int
store_file(void *ctx, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e)
{
	struct store *s = ctx;
	struct project *p = s->p;
	struct err why = { 0 };
	const struct stat_sig before = stat_sig_of(st);
	const int64_t began = clock_real();
	struct file_stat after;

	if (store_bytes(s, at, path, st, out, &why) < 0) {
		if (why.code != ERR_FULL)
			return err_set(e, why.code, "%s", why.text);
		pthread_mutex_lock(&s->mutex);
		s->unstored = true;
		pthread_mutex_unlock(&s->mutex);
		if (stats_content(p->cache->stats, at, path, st, out, e) < 0)
			return -1;
	}
	if (file_stat(at, path, true, &after, e) < 0)
		return -1;
	const struct stat_sig sig = stat_sig_of(&after);

	if (!stat_sig_eq(&before, &sig))
		return err_set(e, ERR_FAILED, "'%s' was still being written when the step had ended", path);
	if (s->inside) {
		stats_know(p->cache->stats, &after, out, began);
		(s->folder ? leaves_path : leaves_own)(p->leaves, str_z(path), &sig);
	}
	return 0;
}

static void
report_tree(struct project *p, struct str path, const struct tree *t)
{
	struct arena a = { 0 };

	leaves_folder(p->leaves, path);
	for (size_t i = 0; i < t->n; i++) {
		const struct str full = path_join(&a, path, t->v[i].path);
		struct file_stat st;

		if (t->v[i].type == TREE_FOLDER) {
			leaves_folder(p->leaves, full);
		} else if (t->v[i].type == TREE_LINK && file_stat(p->fd, full.p, false, &st, NULL) == 0) {
			const struct stat_sig sig = stat_sig_of(&st);

			leaves_path(p->leaves, full, &sig);
		}
	}
	arena_done(&a);
}

static int
store_folder(struct store *s, int at, const char *path, struct arena *a, struct output *out, struct err *e)
{
	AUTO_BUF manifest = { 0 };
	struct err why = { 0 };
	struct tree t;

	s->folder = true;
	if (tree_scan(at, path, &(struct tree_reader){ .content = store_file, .ctx = s }, a, &t, e) < 0)
		return -1;
	if (s->inside)
		report_tree(s->p, str_z(path), &t);
	tree_write(&t, &manifest);
	out->type = OUTPUT_TREE;
	out->digest = digest_of(buf_str(&manifest));
	for (size_t i = 0; i < t.n; i++)
		out->size += t.v[i].size;
	if (blobs_put(s->p->cache->blobs, buf_str(&manifest), &out->digest, &why) == 0)
		return 0;
	s->unstored = true;
	return why.code == ERR_FULL ? 0 : err_set(e, why.code, "%s", why.text);
}

static int
collect_one(struct store *s, const struct out_spec *o, int run_dir, struct arena *a, struct output *out, struct err *e)
{
	const int at = o->path.n > 0 ? s->p->fd : run_dir;
	const char *path = arena_z(a, o->path.n > 0 ? o->path : o->name);
	struct file_stat st;
	struct err why = { 0 };
	struct content c;

	*out = (struct output){ .name = o->name, .path = o->path };
	s->inside = o->path.n > 0;
	s->folder = false;
	if (file_stat(at, path, true, &st, &why) < 0) {
		if (why.code != ERR_MISSING)
			return err_set(e, why.code, "%s", why.text);
		return err_set(e, ERR_FAILED, "ended well but did not write its output '%s'%s", path,
			       s->inside ? "" : " in ${run.dir}");
	}
	if (s->inside && o->folder != (st.type == FILE_FOLDER))
		return err_set(e, ERR_FAILED, "output '" STR_FMT "' is declared as a %s ('%s%s'), but the step wrote a %s", STR_ARG(o->name),
			       o->folder ? "folder" : "file", path, o->folder ? "/" : "", o->folder ? "file" : "folder");
	if (st.type == FILE_FOLDER)
		return store_folder(s, at, path, a, out, e);
	if (st.type != FILE_REGULAR)
		return err_set(e, ERR_FAILED, "output '" STR_FMT "' is neither a file nor a folder", STR_ARG(o->name));
	if (store_file(s, at, path, &st, &c, e) < 0)
		return -1;
	out->type = st.mode & S_IXUSR ? OUTPUT_EXEC : OUTPUT_FILE;
	out->digest = c.digest;
	out->size = c.size;
	return 0;
}

int
outputs_collect(struct project *p, const struct out_spec *v, size_t n, struct str run_dir, struct arena *a, struct output **out,
		bool *unstored, struct err *e)
{
	struct store s = { .p = p };
	struct output *o = arena_array(a, struct output, n);
	int ret = 0;
	AUTO_FD dir = run_dir.n > 0 ? file_open_dir(AT_FDCWD, arena_z(a, run_dir), e) : -1;

	if (run_dir.n > 0 && dir < 0)
		return -1;
	pthread_mutex_init(&s.mutex, NULL);
	for (size_t i = 0; i < n && ret == 0; i++)
		ret = collect_one(&s, &v[i], dir, a, &o[i], e);
	pthread_mutex_destroy(&s.mutex);
	if (ret < 0)
		return -1;
	*unstored = s.unstored;
	*out = o;
	return 0;
}
