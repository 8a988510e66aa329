/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/observed_ask.h"

#include <sys/stat.h>

#include "cache/stats.h"
#include "rules/madepaths.h"
#include "rules/snapshot.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { SMALL = 1 << 20 }; /* bytes of a young file that are hashed for the stat table, so that the next look can trust its signature */

bool
ask_hidden(struct str name)
{
	return str_is(name, ".git") || str_is(name, "__pycache__");
}

bool
ask_is_output(const struct step *s, struct str path)
{
	for (size_t i = 0; i < s->d.ir->noutputs; i++)
		if (s->outputs[i].path.n > 0 && path_inside(path, s->outputs[i].path))
			return true;
	return false;
}

static void
report_path(struct project *p, struct str path, const struct file_stat *st)
{
	struct stat_sig sig;

	if (st != NULL)
		sig = stat_sig_of(st);
	leaves_path(p->leaves, path, st != NULL ? &sig : NULL);
}

struct str
ask_file(struct project *p, struct str path, bool report, struct arena *a)
{
	const char *z = arena_z(a, path);
	struct file_stat st;
	struct content c;

	if (file_stat(p->fd, z, true, &st, NULL) < 0) {
		if (report)
			report_path(p, path, NULL);
		return STR("missing");
	}
	if (st.type == FILE_FOLDER) {
		if (report)
			leaves_folder(p->leaves, path);
		return STR("folder");
	}
	if (st.type != FILE_REGULAR)
		return STR("other");
	if (stats_content(p->cache->stats, p->fd, z, &st, &c, NULL) < 0)
		return STR("?");
	if (report)
		report_path(p, path, &st);
	return arena_printf(a, "%s" STR_FMT, st.mode & S_IXUSR ? "x " : "", STR_ARG(digest_str(&c.digest, a)));
}

struct str
ask_there(struct project *p, struct str path, bool report, struct arena *a)
{
	const char *z = arena_z(a, path);
	struct file_stat st;
	struct content c;

	if (file_stat(p->fd, z, true, &st, NULL) < 0) {
		if (report)
			report_path(p, path, NULL);
		return STR("missing");
	}
	if (st.type == FILE_FOLDER) {
		if (report)
			leaves_folder(p->leaves, path);
		return STR("folder");
	}
	if (report) {
		const struct stat_sig sig = stat_sig_of(&st);

		if (st.type == FILE_REGULAR && st.size <= SMALL && !content_settled(&sig, clock_real()))
			(void)stats_content(p->cache->stats, p->fd, z, &st, &c, NULL); /* without it the snapshot waits: no harm */
		report_path(p, path, &st);
	}
	return st.type == FILE_REGULAR ? arena_printf(a, "file %llu", (unsigned long long)st.size) : STR("other");
}

/* The step's outputs, and the folders that are made for them. */
static bool
leads_to_output(const struct step *s, struct str path)
{
	for (size_t i = 0; i < s->d.ir->noutputs; i++)
		if (s->outputs[i].path.n > 0 && (path_inside(s->outputs[i].path, path) || path_inside(path, s->outputs[i].path)))
			return true;
	return false;
}

struct str
ask_names(struct project *p, const struct step *s, struct str path, bool report, struct arena *a)
{
	struct file_entry *v;
	size_t n;

	if (report) {
		leaves_folder(p->leaves, path);
		madepaths_listed(p->made, path);
	}
	if (file_list(p->fd, arena_z(a, path), a, &v, &n, NULL) < 0)
		return STR("missing");
	struct fp_stream *stream = fp_begin();

	for (size_t i = 0; i < n; i++) {
		const struct str name = str_is(path, ".") ? v[i].name : path_join(a, path, v[i].name);

		if (!ask_hidden(v[i].name) && !leads_to_output(s, name) && !madepaths_has(p->made, name))
			fp_add(stream, (struct str){ v[i].name.p, v[i].name.n + 1 }); /* a name cannot hold a NUL: it ends each */
	}
	const struct fp fp = fp_end(stream);

	return arena_printf(a, "%016llx%016llx", (unsigned long long)fp.hi, (unsigned long long)fp.lo);
}

struct str
ask_link(struct project *p, struct str path, bool report, struct arena *a)
{
	const char *z = arena_z(a, path);
	struct file_stat st;
	struct str target;

	if (file_stat(p->fd, z, false, &st, NULL) < 0) {
		if (report)
			report_path(p, path, NULL);
		return STR("missing");
	}
	if (st.type != FILE_LINK)
		return STR("no link");
	if (report)
		report_path(p, path, &st);
	return file_link_read(p->fd, z, a, &target, NULL) < 0 ? STR("missing") : arena_printf(a, "-> " STR_FMT, STR_ARG(target));
}

struct str
observed_path(struct str question)
{
	return str_cut(question, ' ').tail;
}

/* Records may come from elsewhere: nothing outside of the project is asked for. */
static bool
safe(struct str path)
{
	struct arena a = { 0 };
	const bool ok = path.n > 0 && path.p[0] != '/' && str_find_char(path, '\0') == SIZE_MAX && str_eq(path_clean(&a, path), path) &&
			path_inside(path, STR("."));

	arena_done(&a);
	return ok;
}

int
observed_answer(struct project *p, const struct step *s, struct str question, struct arena *a, struct str *answer)
{
	const struct str path = observed_path(question);

	if (!safe(path))
		return -1;
	if (str_starts(question, STR(ASK_FILE)))
		*answer = ask_file(p, path, true, a);
	else if (str_starts(question, STR(ASK_THERE)))
		*answer = ask_there(p, path, true, a);
	else if (str_starts(question, STR(ASK_NAMES)))
		*answer = ask_names(p, s, path, true, a);
	else if (str_starts(question, STR(ASK_LINK)))
		*answer = ask_link(p, path, true, a);
	else
		return -1;
	return 0;
}
