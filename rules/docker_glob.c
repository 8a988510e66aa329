/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_glob.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "base/width.h"

/* DEEP: any number of folders and their slashes, none included; ALL: anything. */
enum token_kind { TOKEN_POINT, TOKEN_ONE, TOKEN_STAR, TOKEN_CLASS, TOKEN_DEEP, TOKEN_ALL };

struct range {
	uint32_t low, high;
};

struct docker_glob_token {
	enum token_kind kind;
	bool negated;
	uint32_t point;
	struct range *ranges;
	size_t nranges;
};

/* ---- reading a pattern ---- */

struct parser {
	struct str rest, whole;
	enum docker_glob_mode mode;
	struct arena *a;
	VEC(struct docker_glob_token) tokens;
	struct err *e;
};

static uint32_t
next(struct parser *p)
{
	uint32_t point;
	const struct str before = p->rest;
	if (!utf8_next(&p->rest, &point)) { /* a byte that is no UTF-8 stands for itself alone */
		p->rest = str_drop(before, 1);
		return 0x110000 + (unsigned char)before.p[0];
	}
	return point;
}

static int
refuse(struct parser *p, const char *why)
{
	return err_set(p->e, ERR_INPUT, "the pattern '" STR_FMT "' %s", STR_ARG(str_take(p->whole, 200)), why);
}

static bool
peek(const struct parser *p, char c)
{
	return p->rest.n > 0 && p->rest.p[0] == c;
}

static int
class_point(struct parser *p, uint32_t *out)
{
	if (p->rest.n == 0 || peek(p, '-') || peek(p, ']'))
		return refuse(p, "has a class that is not well-formed");
	*out = next(p);
	if (*out == '\\') {
		if (p->rest.n == 0)
			return refuse(p, "has a class that is not closed");
		*out = next(p);
	}
	return p->rest.n > 0 ? 0 : refuse(p, "has a class that is not closed");
}

static int
class(struct parser *p)
{
	struct docker_glob_token t = { .kind = TOKEN_CLASS };
	VEC(struct range) v = { 0 };
	int bad = 0;
	if (peek(p, '^')) {
		t.negated = true;
		p->rest = str_drop(p->rest, 1);
	}
	while (bad == 0 && !(peek(p, ']') && v.n > 0)) {
		struct range r;
		if ((bad = class_point(p, &r.low)) < 0)
			break;
		r.high = r.low;
		if (peek(p, '-')) {
			p->rest = str_drop(p->rest, 1);
			bad = class_point(p, &r.high);
		}
		VEC_PUSH(&v, r);
	}
	if (bad == 0) {
		p->rest = str_drop(p->rest, 1);
		t.ranges = arena_array(p->a, struct range, v.n);
		memcpy(t.ranges, v.v, v.n * sizeof *v.v);
		t.nranges = v.n;
		VEC_PUSH(&p->tokens, t);
	}
	VEC_DONE(&v);
	return bad;
}

static int
escape(struct parser *p)
{
	if (p->mode == DOCKER_GLOB_SHELL && (peek(p, '}') || peek(p, '/')))
		return 0;
	if (p->rest.n == 0)
		return refuse(p, "ends in an escape");
	const uint32_t point = next(p);
	if (p->mode == DOCKER_GLOB_SHELL && point != '*' && point != '?' && point != '\\')
		return refuse(p, "escapes what needs none; only * ? and \\ can be");
	VEC_PUSH(&p->tokens, ((struct docker_glob_token){ .kind = TOKEN_POINT, .point = point }));
	return 0;
}

static void
star(struct parser *p)
{
	enum token_kind kind = TOKEN_STAR;
	if (p->mode == DOCKER_GLOB_IGNORE && peek(p, '*')) {
		p->rest = str_drop(p->rest, 1);
		if (peek(p, '/'))
			p->rest = str_drop(p->rest, 1);
		kind = p->rest.n == 0 ? TOKEN_ALL : TOKEN_DEEP;
	}
	VEC_PUSH(&p->tokens, ((struct docker_glob_token){ .kind = kind }));
}

static int
parse(struct parser *p)
{
	while (p->rest.n > 0) {
		const uint32_t point = next(p);
		int bad = 0;
		if (point == '*')
			star(p);
		else if (point == '?')
			VEC_PUSH(&p->tokens, ((struct docker_glob_token){ .kind = TOKEN_ONE }));
		else if (point == '\\')
			bad = escape(p);
		else if (point == '[' && p->mode != DOCKER_GLOB_SHELL)
			bad = class(p);
		else
			VEC_PUSH(&p->tokens, ((struct docker_glob_token){ .kind = TOKEN_POINT, .point = point }));
		if (bad < 0)
			return -1;
	}
	return 0;
}

int
docker_glob_compile(enum docker_glob_mode mode, struct str pattern, struct arena *a, struct docker_glob *out, struct err *e)
{
	struct parser p = { .rest = pattern, .whole = pattern, .mode = mode, .a = a, .e = e };
	if (pattern.n > DOCKER_GLOB_MAX)
		return refuse(&p, "is too long");
	const int bad = parse(&p);
	if (bad == 0) {
		out->v = arena_array(a, struct docker_glob_token, p.tokens.n + 1);
		if (p.tokens.n > 0)
			memcpy(out->v, p.tokens.v, p.tokens.n * sizeof *p.tokens.v);
		out->n = p.tokens.n;
		out->barrier = mode == DOCKER_GLOB_SHELL ? '\n' : '/';
	}
	VEC_DONE(&p.tokens);
	return bad;
}

void
docker_glob_reverse(struct docker_glob *g)
{
	for (size_t i = 0; i < g->n / 2; i++) {
		const struct docker_glob_token t = g->v[i];
		g->v[i] = g->v[g->n - 1 - i];
		g->v[g->n - 1 - i] = t;
	}
}

bool
docker_glob_magic(struct str pattern)
{
	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '\\')
			i++;
		else if (memchr("*?[", pattern.p[i], 3))
			return true;
	}
	return false;
}

/* ---- matching ---- */

struct docker_points
docker_points_of(struct str text, struct arena *a)
{
	struct docker_points p = { .v = arena_array(a, uint32_t, text.n + 1), .offset = arena_array(a, size_t, text.n + 1) };
	struct str rest = text;
	while (rest.n > 0) {
		const struct str before = rest;
		p.offset[p.n] = (size_t)(rest.p - text.p);
		if (!utf8_next(&rest, &p.v[p.n])) {
			rest = str_drop(before, 1);
			p.v[p.n] = 0x110000 + (unsigned char)before.p[0];
		}
		p.n++;
	}
	p.offset[p.n] = text.n;
	return p;
}

static bool
in_class(const struct docker_glob_token *t, uint32_t c)
{
	bool in = false;
	for (size_t i = 0; i < t->nranges && !in; i++)
		in = t->ranges[i].low <= c && c <= t->ranges[i].high;
	return in != t->negated;
}

/* Two bits per place of the pattern: AT, the next token is still to be begun; IN, within a DEEP that must end with a slash. */
enum { AT = 1, IN = 2 };

static void
skip_empty(const struct docker_glob *g, uint8_t *live)
{
	for (size_t i = 0; i < g->n; i++) {
		const enum token_kind k = g->v[i].kind;
		if ((live[i] & AT) && (k == TOKEN_STAR || k == TOKEN_DEEP || k == TOKEN_ALL))
			live[i + 1] |= AT;
	}
}

/* From the last place to the first, so that what is set for the next character is not taken for what was live before. */
static bool
advance(const struct docker_glob *g, uint8_t *live, uint32_t c)
{
	bool any = false;
	live[g->n] = 0;
	for (size_t i = g->n; i-- > 0;) {
		const struct docker_glob_token *t = &g->v[i];
		const uint8_t was = live[i];
		live[i] = 0;
		if (!was)
			continue;
		switch (t->kind) {
		case TOKEN_POINT:
			live[i + 1] |= c == t->point ? AT : 0;
			break;
		case TOKEN_ONE:
			live[i + 1] |= c != g->barrier ? AT : 0;
			break;
		case TOKEN_CLASS:
			live[i + 1] |= in_class(t, c) ? AT : 0;
			break;
		case TOKEN_STAR:
			live[i] = c != g->barrier ? AT : 0;
			break;
		case TOKEN_ALL:
			live[i] = AT;
			break;
		case TOKEN_DEEP:
			live[i] = IN;
			live[i + 1] |= c == '/' ? AT : 0;
			break;
		}
	}
	skip_empty(g, live);
	for (size_t i = 0; i <= g->n && !any; i++)
		any = live[i] != 0;
	return any;
}

bool
docker_glob_ends(const struct docker_glob *g, const struct docker_points *p, size_t from, uint64_t *work, size_t *first, size_t *last)
{
	uint8_t *live = mem_zalloc(g->n + 1);
	bool found = false;
	live[0] = AT;
	skip_empty(g, live);
	for (size_t at = from;; at++) {
		if (live[g->n]) {
			*first = found ? *first : at;
			*last = at;
			found = true;
		}
		*work += g->n + 1;
		if (at == p->n || *work > DOCKER_GLOB_WORK || !advance(g, live, p->v[at]))
			break;
	}
	free(live);
	return found;
}

bool
docker_glob_match(const struct docker_glob *g, struct str text)
{
	struct arena a = { 0 };
	const struct docker_points p = docker_points_of(text, &a);
	size_t first = 0, last = 0;
	uint64_t work = 0;
	const bool yes = docker_glob_ends(g, &p, 0, &work, &first, &last) && last == p.n;
	arena_done(&a);
	return yes;
}
