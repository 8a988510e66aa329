/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/bootstrap.h"
#include "backends/sandbox.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "rules/parent.h"
#include "sys/proc.h"

enum need { NEEDED, OPTIONAL };

static const struct {
	const char *program, *why, *mend;
	enum need need;
} programs[] = {
	{ "sh", "steps that are written as text", "apt-get install dash", NEEDED },
	{ "python3", "steps in Python, and reading what their code reaches", "apt-get install python3", NEEDED },
	{ "uv", "resolving Python requirements (pip is used without it)", "pip install uv", OPTIONAL },
	{ "pip", "resolving Python requirements where uv is not there", "apt-get install python3-pip", OPTIONAL },
	{ "mmdebstrap", "parents that are bootstrapped from distribution packages", "apt-get install mmdebstrap", OPTIONAL },
	{ "git", "provenance of builds", "apt-get install git", OPTIONAL },
};

static void
finding(struct js *list, struct buf *b, const char *state, const char *what, struct str detail, const char *mend)
{
	buf_printf(b, "%-8s %s", state, what);
	if (detail.n)
		buf_printf(b, ": " STR_FMT, STR_ARG(detail));
	buf_putc(b, '\n');
	if (mend)
		buf_printf(b, "         mend it with: %s\n", mend);
	struct js *o = js_set(js_map(), "state", js_textz(state));
	js_set(o, "what", js_textz(what));
	js_set(o, "detail", js_text(detail));
	js_push(list, js_set(o, "mend", mend ? js_textz(mend) : js_null()));
}

/* The number of things that are missing and needed. */
static size_t
check_programs(struct arena *a, struct js *list, struct buf *b)
{
	const char *path = getenv("PATH");
	size_t missing = 0;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		struct str where;
		if (proc_find(programs[i].program, path ? path : "", a, &where)) {
			finding(list, b, "ok", programs[i].program, where, NULL);
			continue;
		}
		missing += programs[i].need == NEEDED;
		finding(list, b, programs[i].need == NEEDED ? "missing" : "optional", programs[i].program,
			str_z(programs[i].why), programs[i].mend);
	}
	return missing;
}

/* mmdebstrap being there is not all: as somebody who is not root it needs ids. */
static void
check_bootstrap(struct arena *a, struct js *list, struct buf *b)
{
	struct str where, mend;
	const char *path = getenv("PATH");
	if (!proc_find("mmdebstrap", path ? path : "", a, &where))
		return; /* said already */
	const struct str lacks = bootstrap_lacks(a, &mend);
	finding(list, b, lacks.n ? "optional" : "ok", "bootstrapped parents (parent: {bootstrap: ...})", lacks, mend.n ? arena_z(a, mend) : NULL);
}

static void
check_docker(struct js *list, struct buf *b)
{
	struct stat st;
	if (stat("/var/run/docker.sock", &st) == 0 && S_ISSOCK(st.st_mode))
		finding(list, b, "ok", "docker engine", STR("/var/run/docker.sock"), NULL);
	else
		finding(list, b, "optional", "docker engine", STR("only 'build --output docker' talks to one"),
			"apt-get install docker.io");
}

/* A pin holds until somebody moves it: is there something newer? Each parent once. */
static void
check_parents(struct session *s, struct js *list, struct buf *b)
{
	struct diags held = { 0 };
	struct err e;
	s->hold = &held;
	const bool good = session_find(s, &e) == 0 && session_open(s, &e) == 0; /* what is wrong with a project, other verbs say */
	for (size_t i = 0; good && i < s->project->ir.nenvironments; i++) {
		const struct ir_environment *env = &s->project->ir.environments[i];
		bool tagged = false, behind = false, again = false;
		for (size_t k = 0; k < i; k++)
			again = again || (str_eq(s->project->ir.environments[k].parent.ref, env->parent.ref) &&
					  str_eq(s->project->ir.environments[k].platform, env->platform));
		if (again)
			continue;
		const int bad = parent_behind(s->project, env, &tagged, &behind, &e);
		const char *what = arena_printf(&s->arena, "parent " STR_FMT, STR_ARG(env->parent.ref)).p;
		const char *mend = arena_printf(&s->arena, "pawl lock --update " STR_FMT, STR_ARG(env->parent.ref)).p;
		if (bad < 0)
			finding(list, b, "unknown", what, str_z(e.text), NULL);
		else if (tagged)
			finding(list, b, behind ? "behind" : "ok", what, behind ? STR("its tag names another image now") : STR(""), behind ? mend : NULL);
	}
	diags_done(&held);
}

int
verb_doctor(struct args *a, struct err *e)
{
	struct session s;
	struct err cache_error;
	struct js *list = js_list();
	AUTO_BUF b = { 0 };
	size_t missing;
	(void)e;
	session_init(&s, a);
	if (session_cache(&s, &cache_error) < 0) {
		finding(list, &b, "missing", "cache", str_z(cache_error.text), "set PAWL_CACHE to a folder that can be written");
		missing = 1;
	} else {
		struct str notice = cache_notice(s.cache);
		finding(list, &b, notice.n ? "warning" : "ok", "cache", notice.n ? notice : s.cache->folder, NULL);
		missing = 0;
	}
	missing += check_programs(&s.arena, list, &b);
	check_bootstrap(&s.arena, list, &b);
	struct str lacks = sandbox_lacks(&s.arena);
	finding(list, &b, lacks.n ? "optional" : "ok", "sandbox (isolation: image)", lacks, NULL);
	check_docker(list, &b);
	if (!a->offline && s.cache)
		check_parents(&s, list, &b);
	if (a->json)
		text_json(js_set(js_set(js_map(), "schema", js_int(1)), "findings", js_copy(list)));
	else
		text_out(buf_str(&b));
	js_free(list);
	session_done(&s);
	return missing ? 3 : 0;
}
