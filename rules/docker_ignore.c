/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_ignore.h"

#include "sys/file.h"

int
docker_ignore_add(struct docker_ignore *g, struct str pattern, struct arena *a, struct err *e)
{
	struct docker_ignore_line line = { 0 };
	pattern = str_trim(pattern);
	line.back = str_starts(pattern, STR("!"));
	if (line.back)
		pattern = str_trim(str_drop(pattern, 1));
	if (pattern.n == 0)
		return line.back ? err_set(e, ERR_INPUT, "'!' has no pattern behind it") : 0;
	line.text = path_clean(a, pattern);
	while (line.text.n > 1 && line.text.p[0] == '/')
		line.text = str_drop(line.text, 1);
	if (docker_glob_compile(DOCKER_GLOB_IGNORE, line.text, a, &line.glob, e) < 0)
		return -1;
	g->has_back = g->has_back || line.back;
	g->v[g->n++] = line;
	return 0;
}

int
docker_ignore_read(struct str file, struct str text, struct arena *a, struct diags *d, struct docker_ignore *out, struct err *e)
{
	struct docker_ignore g = { 0 };
	size_t lines = 1, wrong = 0;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	if (text.n > DOCKER_IGNORE_LIMIT || lines > DOCKER_IGNORE_MAX)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' has too many patterns", STR_ARG(file));
	g.v = arena_array(a, struct docker_ignore_line, lines);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_drop(text, 3);
	struct str rest = text;
	for (uint32_t n = 1; rest.n > 0; n++) {
		const struct str_cut c = str_cut(rest, '\n');
		struct err why = { 0 };
		rest = c.tail;
		if (str_starts(c.head, STR("#")) || docker_ignore_add(&g, c.head, a, &why) == 0)
			continue;
		const struct str shown = str_trim(c.head);
		diags_add(d, SEVERITY_ERROR, (struct place){ file, n, (uint32_t)(shown.p - c.head.p) + 1, (uint32_t)str_points(shown) }, "bad-pattern",
			  (struct str){ 0 }, "%s", why.text);
		wrong++;
	}
	if (wrong > 0)
		return err_set(e, ERR_INPUT, "'" STR_FMT "' has %zu mistake%s", STR_ARG(file), wrong, wrong == 1 ? "" : "s");
	*out = g;
	return 0;
}

/* The path itself, or a folder above it. */
static bool
reaches(const struct docker_glob *g, struct str path)
{
	if (docker_glob_match(g, path))
		return true;
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/' && docker_glob_match(g, str_take(path, i)))
			return true;
	}
	return false;
}

bool
docker_ignored(const struct docker_ignore *g, struct str path)
{
	bool out = false;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].back == out && reaches(&g->v[i].glob, path))
			out = !g->v[i].back;
	}
	return out;
}

/* As long as '!' lines have wildcards they may mean anything; else they must lead below the folder. */
bool
docker_ignore_enters(const struct docker_ignore *g, struct str folder)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct str t = g->v[i].text;
		if (g->v[i].back && (docker_glob_magic(t) || (path_inside(t, folder) && t.n > folder.n)))
			return true;
	}
	return false;
}
