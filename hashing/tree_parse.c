/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "hashing/tree.h"

enum { PATH_MOST = 4095 };

/* The way back from put_escaped; false on a '\\' that leads nowhere and on a NUL, which no path has. */
static bool
unescape(struct str s, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\0')
			return false;
		if (c == '\\') {
			i++;
			if (i == s.n || (s.p[i] != 'n' && s.p[i] != '\\'))
				return false;
			c = s.p[i] == 'n' ? '\n' : '\\';
		}
		p[n++] = c;
	}
	*out = (struct str){ p, n };
	return true;
}

/* A number as tree_write prints it. */
static bool
number(struct str s, uint64_t *out)
{
	return str_u64(s, out) && (s.n == 1 || s.p[0] != '0');
}

/* Relative, of real names only. */
static bool
is_safe(struct str path)
{
	if (path.n == 0 || path.n > PATH_MOST)
		return false;
	for (bool more = true; more;) {
		const struct str_cut c = str_cut(path, '/');
		if (c.head.n == 0 || c.head.n > 255 || str_is(c.head, ".") || str_is(c.head, ".."))
			return false;
		path = c.tail;
		more = c.ok;
	}
	return true;
}

/* Takes "word " off the front. */
static bool
take_word(struct str *s, struct str *word)
{
	const struct str_cut c = str_cut(*s, ' ');
	*word = c.head;
	*s = c.tail;
	return c.ok;
}

static bool
take_file(struct str *rest, struct tree_entry *t)
{
	struct str hex, size;
	return take_word(rest, &hex) && digest_parse(hex, true, &t->digest) && take_word(rest, &size) && number(size, &t->size);
}

static bool
take_link(struct str *rest, struct arena *a, struct tree_entry *t)
{
	struct str length;
	uint64_t n;
	if (!take_word(rest, &length) || !number(length, &n) || n >= rest->n || rest->p[n] != ' ')
		return false;
	if (!unescape(str_take(*rest, n), a, &t->target) || t->target.n == 0 || t->target.n > PATH_MOST)
		return false;
	*rest = str_drop(*rest, n + 1);
	return true;
}

static bool
parse_line(struct str line, struct arena *a, struct tree_entry *t)
{
	struct str type;
	if (!take_word(&line, &type) || type.n != 1)
		return false;
	switch (type.p[0]) {
	case TREE_FILE:
	case TREE_EXEC:
		if (!take_file(&line, t))
			return false;
		break;
	case TREE_LINK:
		if (!take_link(&line, a, t))
			return false;
		break;
	case TREE_FOLDER:
		break;
	default:
		return false;
	}
	t->type = (enum tree_type)type.p[0];
	return unescape(line, a, &t->path) && is_safe(t->path);
}

/* Why entry t may not follow those before it, or NULL. A folder comes before what is in it, so that nothing is ever
 * written through a link or below a file. */
static const char *
misplaced(const struct tree_entry *last, const struct tree_entry *t, const struct map *folders)
{
	if (last && str_cmp(last->path, t->path) >= 0)
		return "is not in order";
	const struct str parent = path_dir(t->path);
	if (!str_is(parent, ".") && map_get(folders, parent) == MAP_NONE)
		return "is in no folder";
	return NULL;
}

int
tree_parse(struct str manifest, struct arena *a, struct tree *out, struct err *e)
{
	VEC(struct tree_entry) v = { 0 };
	struct map folders = { 0 };
	const char *why = NULL;
	size_t line = 1;
	for (struct str rest = manifest; rest.n && !why; line++) {
		struct tree_entry t = { 0 };
		const struct str_cut c = str_cut(rest, '\n');
		rest = c.tail;
		if (!c.ok)
			why = "has no end";
		else if (!parse_line(c.head, a, &t))
			why = "is no entry";
		else
			why = misplaced(v.n ? &v.v[v.n - 1] : NULL, &t, &folders);
		if (why)
			break;
		if (t.type == TREE_FOLDER)
			(void)map_add(&folders, t.path, 0);
		VEC_PUSH(&v, t);
	}
	if (!why) {
		struct tree_entry *entries = arena_array(a, struct tree_entry, v.n);
		if (v.n)
			memcpy(entries, v.v, v.n * sizeof *entries);
		*out = (struct tree){ .v = entries, .n = v.n };
	}
	VEC_DONE(&v);
	map_done(&folders);
	return why ? err_set(e, ERR_DAMAGED, "manifest of a folder: line %zu %s", line, why) : 0;
}
