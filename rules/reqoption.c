/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reqfile_inside.h"

#include "base/suggest.h"
#include "sys/file.h"

/* The options of a requirements file. */

enum option_kind {
	OPTION_FILE, OPTION_CONSTRAINT, OPTION_PRE, OPTION_FINE, OPTION_HASHES, OPTION_EDITABLE, OPTION_INDEX, OPTION_LINKS, OPTION_PLAIN, OPTION_SOURCE,
	OPTION_WHEEL, OPTION_NO
};

static const struct {
	const char *name, *full; /* full: what a tool is told */
	enum option_kind kind;
	bool value;
} options[] = {
	{ "-r", NULL, OPTION_FILE, true },              { "--requirement", NULL, OPTION_FILE, true },
	{ "-c", NULL, OPTION_CONSTRAINT, true },        { "--constraint", NULL, OPTION_CONSTRAINT, true },
	{ "--pre", NULL, OPTION_PRE, false },           { "--prefer-binary", NULL, OPTION_FINE, false },
	{ "--require-hashes", NULL, OPTION_HASHES, false },
	{ "-e", NULL, OPTION_EDITABLE, true },          { "--editable", NULL, OPTION_EDITABLE, true },
	{ "-i", "--index-url", OPTION_INDEX, true },    { "--index-url", "--index-url", OPTION_INDEX, true },
	{ "--pypi-url", "--index-url", OPTION_INDEX, true }, { "--extra-index-url", "--extra-index-url", OPTION_INDEX, true },
	{ "--no-index", "--no-index", OPTION_PLAIN, false }, { "-f", "--find-links", OPTION_LINKS, true },
	{ "--find-links", "--find-links", OPTION_LINKS, true }, { "--trusted-host", "--trusted-host", OPTION_FINE, true },
	{ "--no-binary", "--no-binary", OPTION_SOURCE, true }, { "--only-binary", "--only-binary", OPTION_WHEEL, true },
	{ "--use-feature", NULL, OPTION_NO, true },     { "--config-settings", NULL, OPTION_NO, true },
	{ "--global-option", NULL, OPTION_NO, true },
};
#define NOPTIONS (sizeof options / sizeof *options)

static void
add_file(struct reading *r, const struct reqline *l, bool constraint)
{
	struct str from = l->file;
	struct str path = l->value;

	if (str_find(path, STR("://")) != SIZE_MAX) {
		reading_mistake(r, reqline_place(l, l->value_at, path.n), "requirement-unsupported", "get it, and name the file",
			STR("a requirements file by URL may be another one each day"));
		return;
	}
	if (path.p[0] != '/' && from.n)
		path = path_join(r->a, path_dir(from), path);
	struct reqfile_source s = { .path = path_clean(r->a, path), .constraint = constraint,
				    .at = reqline_place(l, l->value_at, l->value.n) };
	VEC_PUSH(&r->queue, s);
}

static void
add_where(struct reading *r, const char *name, struct str told, struct str plain)
{
	struct str line = arena_printf(r->a, "%s " STR_FMT, name, STR_ARG(plain));

	for (size_t i = 0; i < r->plain.n; i++)
		if (str_eq(r->plain.v[i], line))
			return;
	VEC_PUSH(&r->options, arena_printf(r->a, "%s%s" STR_FMT, name, told.n ? " " : "", STR_ARG(told)));
	VEC_PUSH(&r->plain, line);
}

/* By URL, or by a name that the user's own configuration knows. */
static void
add_index(struct reading *r, const struct reqline *l, const char *name)
{
	struct str v = l->value;

	if (str_find(v, STR("://")) != SIZE_MAX) {
		add_where(r, name, v, reqref_plain(v, r->a));
		return;
	}
	if (str_is(v, "default"))
		return; /* what uv or pip take anyway */
	const char *url = r->reader->index ? r->reader->index(r->reader->ctx, v) : NULL;
	if (!url)
		reading_mistake(r, reqline_place(l, l->value_at, v.n), "requirement-index",
			"name it in uv.toml under [[index]], or set PAWL_INDEX_NAME to its URL", arena_printf(r->a, "there is no index '" STR_FMT "'",
											     STR_ARG(str_take(v, 80))));
	else
		add_where(r, name, str_z(url), v);
}

static void
add_links(struct reading *r, const struct reqline *l)
{
	struct str v = l->value;
	struct reqref f;

	if (str_find(v, STR("://")) != SIZE_MAX && !str_starts(v, STR("file:"))) {
		add_where(r, "--find-links", v, reqref_plain(v, r->a));
		return;
	}
	if (reqref_parse(v, r->a, &f, NULL) < 0 || f.kind != REQREF_PATH) {
		reading_mistake(r, reqline_place(l, l->value_at, v.n), "requirement-option", "", STR("expected a folder or a URL"));
		return;
	}
	struct str path = reading_path(r, l, f.path);
	if (r->reader->there && !r->reader->there(r->reader->ctx, path)) {
		reading_mistake(r, reqline_place(l, l->value_at, v.n), "requirement-option", "",
			arena_printf(r->a, "the folder '" STR_FMT "' does not exist", STR_ARG(path)));
		return;
	}
	struct str whole = path.p[0] == '/' ? path : path_clean(r->a, path_join(r->a, r->reader->root, path));
	add_where(r, "--find-links", arena_printf(r->a, "file://" STR_FMT, STR_ARG(reqref_encode(whole, r->a))), path);
}

/* ":all:", ":none:", or names with ',' between. */
static void
add_names(struct reading *r, const struct reqline *l, bool source)
{
	for (struct str_cut c = { .tail = l->value, .ok = true }; c.ok;) {
		struct str name;
		c = str_cut(c.tail, ',');
		if (str_is(c.head, ":none:")) {
			if (source)
				r->from_source.n = 0;
			else
				r->wheels_only = false;
		} else if (str_is(c.head, ":all:")) {
			if (source)
				VEC_PUSH(&r->from_source, STR(":all:"));
			else
				r->wheels_only = true;
		} else if (!pep503_name(str_trim(c.head), r->a, &name)) {
			reading_mistake(r, reqline_place(l, l->value_at, l->value.n), "requirement-option", "", STR("expected names of packages, or :all:"));
			return;
		} else if (source) {
			VEC_PUSH(&r->from_source, name);
		}
	}
}

static void
take_option(struct reading *r, const struct reqline *l, size_t i, bool constraint)
{
	switch (options[i].kind) {
	case OPTION_FILE:
	case OPTION_CONSTRAINT:
		add_file(r, l, constraint || options[i].kind == OPTION_CONSTRAINT);
		return;
	case OPTION_PRE:
		r->pre = true;
		return;
	case OPTION_HASHES:
		r->require_hashes = true;
		return;
	case OPTION_FINE:
		return;
	case OPTION_EDITABLE:
		reading_reference(r, l, l->value, l->value_at, constraint);
		return;
	case OPTION_INDEX:
		add_index(r, l, options[i].full);
		return;
	case OPTION_LINKS:
		add_links(r, l);
		return;
	case OPTION_PLAIN:
		add_where(r, options[i].full, (struct str){ 0 }, (struct str){ 0 });
		return;
	case OPTION_SOURCE:
	case OPTION_WHEEL:
		add_names(r, l, options[i].kind == OPTION_SOURCE);
		return;
	case OPTION_NO:
		reading_mistake(r, reqline_place(l, l->option_at, l->option.n), "requirement-option", "",
			arena_printf(r->a, "option '%s' is not supported", options[i].name));
		return;
	}
}

void
reading_option(struct reading *r, const struct reqline *l, bool constraint)
{
	struct str names[NOPTIONS];

	for (size_t i = 0; i < NOPTIONS; i++) {
		names[i] = str_z(options[i].name);
		if (!str_eq(l->option, names[i]))
			continue;
		if (options[i].value != (l->value.n > 0))
			reading_mistake(r, reqline_place(l, l->option_at, l->option.n), "requirement-option", "",
				arena_printf(r->a, "'%s' %s a value", options[i].name, options[i].value ? "needs" : "has no"));
		else
			take_option(r, l, i, constraint);
		return;
	}
	struct str near = suggest(l->option, names, NOPTIONS);
	struct str hint = near.n ? arena_printf(r->a, "did you mean '" STR_FMT "'?", STR_ARG(near)) : near;
	diags_add(r->d, SEVERITY_ERROR, reqline_place(l, l->option_at, l->option.n), "requirement-option", hint, "unknown option '" STR_FMT "'",
		  STR_ARG(str_take(l->option, 60)));
}
