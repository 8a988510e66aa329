/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cache/gc.h"
#include "cli/prune.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "engine/plan.h"
#include "hashing/tree.h"
#include "rules/kept.h"
#include "rules/refs.h"
#include "sys/clock.h"

static int
size_of(const char *text, uint64_t *out, struct err *e)
{
	static const struct {
		const char *unit;
		double bytes;
	} units[] = { { "KiB", 1024 },       { "MiB", 1048576 }, { "GiB", 1073741824 }, { "TiB", 1099511627776.0 },
		      { "kB", 1e3 },         { "MB", 1e6 },      { "GB", 1e9 },         { "TB", 1e12 },
		      { "B", 1 },            { "", 1 } };
	struct str s = str_z(text);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		double n;
		struct str unit = str_z(units[i].unit);
		if (str_ends(s, unit) && str_double(str_take(s, s.n - unit.n), &n) && n >= 0 && n * units[i].bytes < 9e18) {
			*out = (uint64_t)(n * units[i].bytes);
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, "'%s' is not a size; write 500MB, 10GiB ...", text);
}

struct adding {
	uint64_t bytes;
	size_t n;
};

static bool
add_blob(void *ctx, const struct digest *d, const struct file_stat *st)
{
	struct adding *a = ctx;
	(void)d;
	a->n++;
	a->bytes += st->size;
	return true;
}

/* Hits and executions over all runs in the history, of all projects. */
struct tally {
	uint64_t hit, made;
	size_t runs;
};

static bool
add_run(void *ctx, struct str key, struct str value)
{
	struct tally *t = ctx;
	struct js *run;
	(void)key;
	if (js_parse(value, "run", &run, NULL) < 0)
		return true;
	const struct js *steps = js_get(js_get(run, "summary"), "steps");
	t->runs++;
	t->hit += (uint64_t)(js_num(js_get(steps, "hit")) + js_num(js_get(steps, "restored")) +
			     js_num(js_get(steps, "cutoff")));
	t->made += (uint64_t)js_num(js_get(steps, "made"));
	js_free(run);
	return true;
}

static int
stats(struct session *s, struct err *e)
{
	struct adding blobs = { 0 };
	struct tally t = { 0 };
	struct view *v;
	struct unpacked_report unpacked;
	if (unpacked_sweep(s->cache, NULL, &unpacked, e) < 0)
		return -1;
	if (blobs_each(s->cache->blobs, add_blob, &blobs, e) < 0 || view_begin(s->cache->records, &v, e) < 0)
		return -1;
	size_t results = view_count(v, TABLE_RESULT);
	view_each(v, TABLE_RUN, (struct str){ 0 }, add_run, &t);
	view_end(v);
	double rate = t.hit + t.made ? (double)t.hit / (double)(t.hit + t.made) : 0;
	if (s->args->json) {
		struct js *o = js_set(js_map(), "schema", js_int(1));
		js_set(o, "folder", js_text(s->cache->folder));
		js_set(o, "results", js_int((int64_t)results));
		js_set(o, "blobs", js_int((int64_t)blobs.n));
		js_set(o, "bytes", js_int((int64_t)blobs.bytes));
		js_set(o, "unpacked", js_int((int64_t)unpacked.n));
		js_set(o, "unpacked_bytes", js_int((int64_t)unpacked.bytes));
		js_set(o, "runs", js_int((int64_t)t.runs));
		text_json(js_set(o, "hit_rate", js_real(rate)));
		return 0;
	}
	AUTO_BUF b = { 0 };
	buf_printf(&b, "folder    " STR_FMT "\nresults   %zu\nblobs     %zu, ", STR_ARG(s->cache->folder), results, blobs.n);
	text_bytes(&b, blobs.bytes);
	buf_printf(&b, "\nunpacked  %zu, ", unpacked.n);
	text_bytes(&b, unpacked.bytes);
	buf_printf(&b, "\nhit rate  %.0f %% of %llu steps in %zu runs\n", rate * 100, (unsigned long long)(t.hit + t.made),
		   t.runs);
	text_out(buf_str(&b));
	return 0;
}

static int
gc(struct session *s, struct err *e)
{
	struct gc_opts o = { .dry_run = s->args->dry_run, .describe = refs_describe, .prune = prune, .ctx = s };
	struct gc_report r;
	uint64_t runs;
	if (s->args->keep_runs && (!str_u64(str_z(s->args->keep_runs), &runs) || runs < 1))
		return err_set(e, ERR_INPUT, "--keep-runs takes a number from 1 on, not '%s'", s->args->keep_runs);
	o.nkeep = kept_all(s->cache, clock_real(), &s->arena, &o.keep);
	if ((s->args->max_age && args_duration(s->args->max_age, &o.max_age, e) < 0) ||
	    (s->args->max_size && size_of(s->args->max_size, &o.max_bytes, e) < 0) || gc_run(s->cache, &o, &r, e) < 0)
		return -1;
	if (s->args->json) {
		struct js *j = js_set(js_map(), "schema", js_int(1));
		js_set(j, "dry_run", js_bool(o.dry_run));
		js_set(j, "results", js_int((int64_t)r.results));
		js_set(j, "results_removed", js_int((int64_t)r.results_removed));
		js_set(j, "records_removed", js_int((int64_t)r.records_removed));
		js_set(j, "blobs", js_int((int64_t)r.blobs));
		js_set(j, "blobs_removed", js_int((int64_t)r.blobs_removed));
		js_set(j, "bytes", js_int((int64_t)r.bytes));
		js_set(j, "bytes_removed", js_int((int64_t)r.bytes_removed));
		js_set(j, "unpacked", js_int((int64_t)r.unpacked.n));
		js_set(j, "unpacked_removed", js_int((int64_t)r.unpacked.removed));
		js_set(j, "unpacked_bytes", js_int((int64_t)r.unpacked.bytes));
		text_json(js_set(j, "unpacked_bytes_removed", js_int((int64_t)r.unpacked.bytes_removed)));
		return 0;
	}
	AUTO_BUF b = { 0 };
	buf_printf(&b, "%s %zu of %zu results and %zu of %zu blobs, ", o.dry_run ? "would remove" : "removed",
		   r.results_removed, r.results, r.blobs_removed, r.blobs);
	text_bytes(&b, r.bytes_removed);
	buf_puts(&b, " of ");
	text_bytes(&b, r.bytes);
	buf_printf(&b, "; %zu of %zu unpacked folders, ", r.unpacked.removed, r.unpacked.n);
	text_bytes(&b, r.unpacked.bytes_removed);
	buf_puts(&b, " of ");
	text_bytes(&b, r.unpacked.bytes);
	if (r.records_removed) {
		buf_puts(&b, "; ");
		text_count(&b, r.records_removed, "old record");
	}
	buf_putc(&b, '\n');
	text_out(buf_str(&b));
	return 0;
}

static int
verify(struct session *s, int *status, struct err *e)
{
	struct verify_report r;
	if (cache_verify(s->cache, s->args->repair, &s->arena, &r, e) < 0)
		return -1;
	size_t damaged = r.records_damaged + r.blobs_damaged;
	*status = damaged && !s->args->repair;
	if (s->args->json) {
		struct js *o = js_set(js_map(), "schema", js_int(1)), *list = js_list();
		for (size_t i = 0; i < r.ndamaged; i++)
			js_push(list, js_text(digest_str(&r.damaged[i], &s->arena)));
		js_set(o, "records", js_int((int64_t)r.records));
		js_set(o, "records_damaged", js_int((int64_t)r.records_damaged));
		js_set(o, "blobs", js_int((int64_t)r.blobs));
		js_set(o, "blobs_damaged", js_int((int64_t)r.blobs_damaged));
		js_set(o, "repaired", js_bool(s->args->repair));
		text_json(js_set(o, "damaged", list));
		return 0;
	}
	AUTO_BUF b = { 0 };
	for (size_t i = 0; i < r.ndamaged; i++)
		buf_printf(&b, "damaged: " STR_FMT "\n", STR_ARG(digest_str(&r.damaged[i], &s->arena)));
	buf_printf(&b, "%zu records, %zu damaged; %zu blobs, ", r.records, r.records_damaged, r.blobs);
	text_bytes(&b, r.bytes);
	buf_printf(&b, ", %zu damaged%s\n", r.blobs_damaged,
		   !damaged             ? ""
		   : s->args->repair ? "; removed: what made them runs again when it is needed"
				     : "; 'pawl cache verify --repair' removes them");
	text_out(buf_str(&b));
	return 0;
}

int
verb_cache(struct args *a, struct err *e)
{
	struct session s;
	const char *what = a->words.n ? a->words.v[0] : "stats";
	int status = 0, rc;
	session_init(&s, a);
	if (a->words.n > 1 || (strcmp(what, "stats") && strcmp(what, "gc") && strcmp(what, "verify")))
		return err_set(e, ERR_INPUT, "cache has stats, gc and verify, not '%s'", a->words.v[a->words.n - 1]);
	rc = session_cache(&s, e);
	if (rc == 0)
		rc = what[0] == 's' ? stats(&s, e) : what[0] == 'g' ? gc(&s, e) : verify(&s, &status, e);
	session_done(&s);
	return rc < 0 ? -1 : status;
}
