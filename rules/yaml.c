/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/vec.h"

/* One collection that is being read: its children are the scratch entries or items from `start` on. */
struct frame {
	struct yaml_node *node;
	size_t start;
	bool has_key;
	struct str key;
	struct yaml_mark key_mark;
	uint32_t weight;
};

struct reader {
	yaml_parser_t parser;
	const struct str *file;
	struct str text;
	struct arena *a;
	struct diags *d;
	struct frame frames[YAML_MAX_DEPTH];
	size_t depth;
	VEC(struct yaml_node *) items;    /* children of the open lists */
	VEC(struct yaml_entry) entries;   /* children of the open maps */
	VEC(struct yaml_node *) anchored; /* what the numbers in `anchors` point to */
	struct map anchors;
	struct yaml_node *root;
	size_t nodes, merged;
};

static struct yaml_mark
mark_of(const yaml_mark_t *start, const yaml_mark_t *end)
{
	const size_t length = end->line == start->line ? end->column - start->column : 1;

	return (struct yaml_mark){ (uint32_t)start->line + 1, (uint32_t)start->column + 1, (uint32_t)length };
}

static struct place
place_of(const struct str *file, struct yaml_mark m)
{
	return (struct place){ *file, m.line, m.column, m.length };
}

#define MISTAKE(r, mark, code, hint, ...)                                                                    \
	diags_add((r)->d, SEVERITY_ERROR, place_of((r)->file, mark), code, hint, __VA_ARGS__)

static struct yaml_mark
event_mark(const yaml_event_t *ev)
{
	return mark_of(&ev->start_mark, &ev->end_mark);
}

static struct yaml_node *
node_new(struct reader *r, const yaml_event_t *ev, enum yaml_kind kind)
{
	struct yaml_node *n = arena_new(r->a, struct yaml_node);

	n->file = r->file;
	n->mark = event_mark(ev);
	n->kind = (uint8_t)kind;
	n->weight = 1;
	return n;
}

/* Counts further nodes; the limit stands for files as well as for what aliases make of them. */
static int
count(struct reader *r, struct yaml_mark m, uint32_t weight, bool alias)
{
	r->nodes += weight;
	if (r->nodes <= YAML_MAX_NODES)
		return 0;
	if (alias)
		MISTAKE(r, m, "alias-bomb", STR("write less of it as aliases of aliases"),
			"with its aliases written out the file has more than %u values", YAML_MAX_NODES);
	else
		MISTAKE(r, m, "too-large", STR("split the pipeline, or use 'foreach'"),
			"the file has more than %u values", YAML_MAX_NODES);
	return -1;
}

static int
anchor_put(struct reader *r, const yaml_char_t *name, struct yaml_node *n)
{
	if (!name)
		return 0;
	const struct str key = arena_str(r->a, str_z((const char *)name));

	(void)map_put(&r->anchors, key,
		      (uint32_t)r->anchored.n); /* a later anchor of the name hides the earlier */
	VEC_PUSH(&r->anchored, n);
	return 0;
}

/* A finished or opened value joins the collection around it; a scalar at a key's turn becomes the key. */
static int
attach(struct reader *r, struct yaml_node *n, struct yaml_mark m)
{
	if (r->depth == 0) {
		r->root = n;
		return 0;
	}
	struct frame *f = &r->frames[r->depth - 1];

	if (f->node->kind == YAML_LIST) {
		VEC_PUSH(&r->items, n);
		return 0;
	}
	if (f->has_key) {
		VEC_PUSH(&r->entries, ((struct yaml_entry){ f->key, f->key_mark, n }));
		f->has_key = false;
		return 0;
	}
	if (n->kind >= YAML_LIST || n->kind == YAML_NULL) {
		MISTAKE(r, m, "wrong-type", STR("write it as a text"), "a key must be a text, not %s",
			yaml_kind_name(n));
		return -1;
	}
	f->has_key = true;
	f->key = n->text;
	f->key_mark = m;
	return 0;
}

/* The tag of an event against what it may be. 0: none or fitting; 1: text by tag; -1: a mistake. */
static int
check_tag(struct reader *r, const yaml_event_t *ev, const yaml_char_t *tag, const char *fitting)
{
	static const char prefix[] = "tag:yaml.org,2002:";

	if (!tag || str_is(STR("!"), (const char *)tag))
		return tag ? 1 : 0;
	const struct str t = str_z((const char *)tag);
	const bool common = str_starts(t, str_z(prefix));

	if (common) {
		const struct str kind = str_drop(t, sizeof prefix - 1);

		if (str_is(kind, fitting))
			return str_is(kind, "str");
		if (str_is(STR("str"), fitting) && (str_is(kind, "int") || str_is(kind, "float") ||
						    str_is(kind, "bool") || str_is(kind, "null")))
			return 0;
	}
	MISTAKE(r, event_mark(ev), "unknown-tag", STR("leave it out"),
		"the tag '%s" STR_FMT "' means nothing here", common ? "!!" : "",
		STR_ARG(common ? str_drop(t, sizeof prefix - 1) : t));
	return -1;
}

static int
on_scalar(struct reader *r, const yaml_event_t *ev)
{
	const int tag = check_tag(r, ev, ev->data.scalar.tag, "str");

	if (tag < 0)
		return -1;
	struct yaml_node *n = node_new(r, ev, YAML_TEXT);

	n->text =
		arena_str(r->a, (struct str){ (const char *)ev->data.scalar.value, ev->data.scalar.length });
	if (tag == 0 && (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || ev->data.scalar.tag) &&
	    !yaml_resolve(n))
		MISTAKE(r, n->mark, "bad-number", STR("put it in quotes to keep all its digits as a text"),
			"the number " STR_FMT " does not fit into 64 bits", STR_ARG(n->text));
	if (anchor_put(r, ev->data.scalar.anchor, n) < 0 || count(r, n->mark, 1, false) < 0)
		return -1;
	if (r->depth)
		r->frames[r->depth - 1].weight++;
	return attach(r, n, n->mark);
}

static int
on_alias(struct reader *r, const yaml_event_t *ev)
{
	const struct str name = str_z((const char *)ev->data.alias.anchor);
	const struct yaml_mark m = event_mark(ev);
	const uint32_t i = map_get(&r->anchors, name);

	if (i == MAP_NONE) {
		MISTAKE(r, m, "unknown-anchor", STR("an anchor (&name) stands before its aliases"),
			"there is no anchor '" STR_FMT "' for this alias", STR_ARG(name));
		return -1;
	}
	struct yaml_node *n = r->anchored.v[i];

	if (n->open) {
		MISTAKE(r, m, "alias-bomb", STR(""),
			"the alias '*" STR_FMT "' stands inside the value that it names", STR_ARG(name));
		return -1;
	}
	if (r->depth + n->height > YAML_MAX_DEPTH) {
		MISTAKE(r, m, "too-deep", STR(""),
			"with its aliases written out the file is nested deeper than %u", YAML_MAX_DEPTH);
		return -1;
	}
	if (count(r, m, n->weight, true) < 0)
		return -1;
	if (r->depth) {
		struct frame *f = &r->frames[r->depth - 1];

		f->weight += n->weight;
		if (f->node->height <= n->height)
			f->node->height = (uint8_t)(n->height + 1);
	}
	return attach(r, n, m);
}

static int
on_start(struct reader *r, const yaml_event_t *ev)
{
	const bool list = ev->type == YAML_SEQUENCE_START_EVENT;
	struct yaml_node *n = node_new(r, ev, list ? YAML_LIST : YAML_MAP);

	if (r->depth == YAML_MAX_DEPTH) {
		MISTAKE(r, n->mark, "too-deep", STR(""), "lists and maps are nested deeper than %u",
			YAML_MAX_DEPTH);
		return -1;
	}
	if (check_tag(r, ev, list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag,
		      list ? "seq" : "map") < 0 ||
	    anchor_put(r, list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor, n) < 0 ||
	    count(r, n->mark, 1, false) < 0 || attach(r, n, n->mark) < 0)
		return -1;
	n->open = true;
	n->height = 1;
	r->frames[r->depth++] =
		(struct frame){ .node = n, .start = list ? r->items.n : r->entries.n, .weight = 1 };
	return 0;
}

/* Takes the entries of `from` that are not in the map yet. seen holds the keys that are. */
static int
merge_one(struct reader *r, const struct yaml_entry *merge, const struct yaml_node *from, struct map *seen,
	  struct frame *f)
{
	if (from->kind != YAML_MAP) {
		MISTAKE(r, merge->mark, "wrong-type", STR("give it an alias of a map, or a list of them"),
			"a merge key (<<) needs a map, not %s", yaml_kind_name(from));
		return 0;
	}
	r->merged += from->n;
	if (r->merged > YAML_MAX_MERGED) {
		MISTAKE(r, merge->mark, "merge-bomb", STR(""),
			"merge keys (<<) bring in more than %u entries", YAML_MAX_MERGED);
		return -1;
	}
	for (uint32_t i = 0; i < from->n; i++) {
		const uint32_t next = (uint32_t)(r->entries.n - f->start);
		const uint32_t weight = from->entries[i].value->weight + 1;

		if (map_add(seen, from->entries[i].key, next) != next)
			continue;
		if (count(r, merge->mark, weight, true) < 0)
			return -1;
		f->weight += weight;
		VEC_PUSH(&r->entries, from->entries[i]);
	}
	return 0;
}

static int
merge_all(struct reader *r, const struct yaml_entry merge, struct map *seen, struct frame *f)
{
	const struct yaml_node *v = merge.value;

	if (v->kind != YAML_LIST)
		return merge_one(r, &merge, v, seen, f);
	for (uint32_t i = 0; i < v->n; i++)
		if (merge_one(r, &merge, v->items[i], seen, f) < 0)
			return -1;
	return 0;
}

/* Reports keys that are there twice and drops the later, then merges. Entries of small maps are compared one
 * by one. */
static int
tidy_map(struct reader *r, struct frame *f)
{
	struct map seen = { 0 };
	struct yaml_entry merge = { 0 };
	size_t kept = f->start;
	int rc = 0;

	for (size_t i = f->start; i < r->entries.n; i++) {
		const struct yaml_entry e = r->entries.v[i];
		const uint32_t next = (uint32_t)(kept - f->start), have = map_add(&seen, e.key, next);

		if (have != next) {
			const struct yaml_entry *first =
				have == MAP_NONE - 1 ? &merge : &r->entries.v[f->start + have];

			MISTAKE(r, e.mark, "duplicate-key", STR("keep one of the two"),
				"the key '" STR_FMT "' is there twice; the first is in line %u",
				STR_ARG(e.key), first->mark.line);
			continue;
		}
		if (str_is(e.key, "<<")) {
			merge = e;
			(void)map_put(&seen, e.key, MAP_NONE - 1);
			continue;
		}
		r->entries.v[kept++] = e;
	}
	r->entries.n = kept;
	if (merge.value)
		rc = merge_all(r, merge, &seen, f);
	map_done(&seen);
	return rc;
}

static int
on_end(struct reader *r, const yaml_event_t *ev)
{
	struct frame *f = &r->frames[r->depth - 1];
	struct yaml_node *n = f->node;

	if (n->kind == YAML_MAP) {
		if (tidy_map(r, f) < 0)
			return -1;
		n->n = (uint32_t)(r->entries.n - f->start);
		n->entries = arena_array(r->a, struct yaml_entry, n->n);
		if (n->n)
			memcpy(n->entries, r->entries.v + f->start, n->n * sizeof *n->entries);
		r->entries.n = f->start;
	} else {
		n->n = (uint32_t)(r->items.n - f->start);
		n->items = arena_array(r->a, struct yaml_node *, n->n);
		if (n->n)
			memcpy(n->items, r->items.v + f->start, n->n * sizeof(struct yaml_node *));
		r->items.n = f->start;
	}
	if (n->mark.line == ev->end_mark.line + 1 && ev->end_mark.column + 1 > n->mark.column)
		n->mark.length = (uint32_t)ev->end_mark.column + 1 - n->mark.column;
	n->weight = f->weight;
	n->open = false;
	r->depth--;
	if (r->depth) {
		struct frame *up = &r->frames[r->depth - 1];

		up->weight += n->weight;
		if (up->node->height <= n->height)
			up->node->height = (uint8_t)(n->height + 1);
	}
	return 0;
}

/* The line (from 1) of the text without its end. */
static struct str
line_of(struct str text, size_t line)
{
	struct str_cut c = str_cut(text, '\n');

	for (size_t i = 1; i < line && c.ok; i++)
		c = str_cut(c.tail, '\n');
	return c.head;
}

static bool
indented_by_tab(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\t')
			return true;
		if (line.p[i] != ' ' && line.p[i] != '-')
			return false;
	}
	return false;
}

/* What libyaml calls the things that it was reading. */
static const char *
in_plain_words(const char *context)
{
	static const char *const words[][2] = {
		{ "while parsing a flow sequence", "while reading a list in brackets" },
		{ "while parsing a flow mapping", "while reading a map in braces" },
		{ "while parsing a block mapping", "while reading a map" },
		{ "while parsing a block collection", "while reading a list" },
		{ "while parsing a node", "while reading a value" },
		{ "while scanning a quoted scalar", "while reading a text in quotes" },
		{ "while scanning a simple key", "while reading a key" },
		{ "while scanning a plain scalar", "while reading a text" },
		{ "while scanning a block scalar", "while reading a text of several lines" },
		{ "while scanning for the next token", "while looking for what comes next" },
	};

	for (size_t i = 0; context && i < sizeof words / sizeof *words; i++)
		if (strcmp(context, words[i][0]) == 0)
			return words[i][1];
	return context;
}

static void
report_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const struct yaml_mark m = { (uint32_t)p->problem_mark.line + 1, (uint32_t)p->problem_mark.column + 1,
				     1 };
	const char *problem = p->problem ? p->problem : "it cannot be read", *context = in_plain_words(p->context);
	const struct str line = line_of(r->text, m.line);

	if (indented_by_tab(line)) {
		const struct yaml_mark at = { m.line, (uint32_t)str_find_char(line, '\t') + 1, 1 };

		MISTAKE(r, at, "tab", STR("indent with blanks"),
			"a tab in the indentation: YAML allows only blanks there");
		return;
	}
	if (p->error == YAML_READER_ERROR || !p->context)
		MISTAKE(r, m, "syntax", STR(""), "this is not YAML: %s", problem);
	else if (p->context_mark.line != p->problem_mark.line)
		MISTAKE(r, m, "syntax", STR(""), "this is not YAML: %s, %s that begins in line %zu", problem,
			context, p->context_mark.line + 1);
	else
		MISTAKE(r, m, "syntax", STR(""), "this is not YAML: %s, %s", problem, context);
}

/* libyaml refuses bad bytes without a place; this finds the first one. */
static int
check_bytes(struct reader *r)
{
	struct yaml_mark m = { 1, 1, 1 };

	for (size_t i = 0; i < r->text.n;) {
		const unsigned char c = (unsigned char)r->text.p[i];
		const size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (c >= 0x80 && (i + want > r->text.n || !str_utf8((struct str){ r->text.p + i, want }))) {
			MISTAKE(r, m, "encoding", STR("save the file as UTF-8"),
				"the byte 0x%02x is not UTF-8", c);
			return -1;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			MISTAKE(r, m, "encoding",
				STR("in double quotes it can be written as an escape, such as \\e"),
				"the control character 0x%02x is not allowed in YAML", c);
			return -1;
		}
		m.column++;
		if (c == '\n')
			m = (struct yaml_mark){ m.line + 1, 1, 1 };
		i += want;
	}
	return 0;
}

static int
on_event(struct reader *r, const yaml_event_t *ev, size_t *documents)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return on_start(r, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r, ev);
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents == 1)
			return 0;
		MISTAKE(r, event_mark(ev), "syntax", STR("put it into a file of its own"),
			"a second document in one file");
		return -1;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int
read_events(struct reader *r)
{
	size_t documents = 0;

	for (;;) {
		yaml_event_t ev;

		if (!yaml_parser_parse(&r->parser, &ev)) {
			report_syntax(r);
			return -1;
		}
		const bool end = ev.type == YAML_STREAM_END_EVENT;
		const int rc = on_event(r, &ev, &documents);

		yaml_event_delete(&ev);
		if (rc < 0 || end)
			return rc;
	}
}

int
yaml_read(struct str file, struct str text, struct arena *a, struct diags *d, struct yaml_node **out)
{
	struct str *name = arena_new(a, struct str);

	*name = arena_str(a, file);
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_drop(text, 3);
	if (text.n > YAML_MAX_BYTES) {
		diags_add(d, SEVERITY_ERROR, (struct place){ .file = *name }, "too-large",
			  STR("split the pipeline, or use 'foreach'"), "the file is larger than %zu MiB",
			  YAML_MAX_BYTES >> 20);
		return -1;
	}
	struct reader *r = mem_zalloc(sizeof *r);
	int rc = -1;

	*r = (struct reader){ .file = name, .text = text, .a = a, .d = d };
	if (check_bytes(r) == 0 && yaml_parser_initialize(&r->parser)) {
		yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p ? text.p : ""),
					     text.n);
		rc = read_events(r);
		yaml_parser_delete(&r->parser);
	}
	if (rc == 0 && !r->root) {
		r->root = arena_new(a, struct yaml_node);
		*r->root = (struct yaml_node){
			.file = name, .mark = { 1, 1, 1 }, .kind = YAML_NULL, .weight = 1
		};
	}
	if (rc == 0)
		*out = r->root;
	VEC_DONE(&r->items);
	VEC_DONE(&r->entries);
	VEC_DONE(&r->anchored);
	map_done(&r->anchors);
	free(r);
	return rc;
}

const char *
yaml_version(void)
{
	return yaml_get_version_string();
}
