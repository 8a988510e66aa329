/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rules/pep508.h"

/*
 * Two stacks, no recursion: operands hold their normal form as texts, so that no tree is needed.
 *
 *	marker = or;  or = and { "or" and };  and = one { "and" one };  one = value op value | "(" marker ")"
 */

#define STACK_MAX 256
#define PARTS_MAX 512

enum join { JOIN_NONE, JOIN_AND, JOIN_OR }; /* what holds the parts of an operand together */

struct operand {
	enum join join;
	struct str *part;
	size_t n;
	bool value;
};

enum op { OP_OPEN, OP_OR, OP_AND }; /* by binding */

struct parser {
	struct str text;
	size_t at;
	const struct marker_env *env;
	struct arena *a;
	struct err *e;
	struct operand operand[STACK_MAX];
	size_t noperand;
	enum op op[STACK_MAX];
	size_t nop;
};

/* A side of a comparison: a variable, or a quoted text. */
struct side {
	struct str text;
	bool is_variable;
	bool is_version; /* compared as a version where both sides are one */
	bool is_set;     /* extras, dependency_groups */
	struct str value;
};

static const struct {
	const char *name, *old; /* old: what PEP 345 called it */
	size_t offset;
	bool is_version;
} variables[] = {
#define V(field, old, version) { #field, old, offsetof(struct marker_env, field), version }
	V(python_version, NULL, true),
	V(python_full_version, NULL, true),
	V(platform_machine, "platform.machine", false),
	V(os_name, "os.name", false),
	V(sys_platform, "sys.platform", false),
	V(platform_system, NULL, false),
	V(implementation_name, NULL, false),
	V(platform_python_implementation, "platform.python_implementation", false),
	V(implementation_version, NULL, true),
	V(platform_release, NULL, true),
	V(platform_version, "platform.version", false),
	V(extra, NULL, false),
#undef V
};
#define NVARIABLES (sizeof variables / sizeof *variables)

static int
fail(struct parser *p, const char *what)
{
	struct str rest = str_take(str_drop(p->text, p->at), 30);

	if (!rest.n)
		return err_set(p->e, ERR_INPUT, "the marker ends where %s is expected", what);
	return err_set(p->e, ERR_INPUT, "expected %s in the marker in front of '" STR_FMT "'", what, STR_ARG(rest));
}

static void
blanks(struct parser *p)
{
	while (p->at < p->text.n && (p->text.p[p->at] == ' ' || p->text.p[p->at] == '\t'))
		p->at++;
}

static bool
word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static struct str
peek_word(struct parser *p)
{
	blanks(p);
	size_t n = p->at;
	while (n < p->text.n && word_char(p->text.p[n]))
		n++;
	return (struct str){ p->text.p + p->at, n - p->at };
}

static bool
take_word(struct parser *p, const char *word)
{
	struct str w = peek_word(p);

	if (!str_is(w, word))
		return false;
	p->at += w.n;
	return true;
}

static bool
take(struct parser *p, char c)
{
	blanks(p);
	if (p->at >= p->text.n || p->text.p[p->at] != c)
		return false;
	p->at++;
	return true;
}

static int
side(struct parser *p, struct side *out)
{
	struct side s = { 0 };

	blanks(p);
	char c = p->at < p->text.n ? p->text.p[p->at] : 0;
	if (c == '\'' || c == '"') {
		struct str_cut t = str_cut(str_drop(p->text, p->at + 1), c);
		if (!t.ok)
			return fail(p, "a quoted text that ends");
		p->at += t.head.n + 2;
		s.value = t.head;
		c = str_find_char(t.head, '"') == SIZE_MAX ? '"' : '\'';
		s.text = arena_printf(p->a, "%c" STR_FMT "%c", c, STR_ARG(t.head), c);
		*out = s;
		return 0;
	}
	struct str w = peek_word(p);
	if (str_is(w, "extras") || str_is(w, "dependency_groups")) {
		p->at += w.n;
		s.is_variable = s.is_set = true;
		s.text = str_is(w, "extras") ? STR("extras") : STR("dependency_groups");
		*out = s;
		return 0;
	}
	for (size_t i = 0; i < NVARIABLES; i++) {
		bool old = variables[i].old && str_is(w, variables[i].old);
		if (i == 7 && str_is(w, "python_implementation"))
			old = true;
		if (!old && !str_is(w, variables[i].name))
			continue;
		p->at += w.n;
		s.is_variable = true;
		s.is_version = variables[i].is_version;
		s.text = str_z(variables[i].name);
		if (p->env)
			memcpy(&s.value, (const char *)p->env + variables[i].offset, sizeof s.value);
		*out = s;
		return 0;
	}
	return fail(p, "a variable such as python_version, or a quoted text,");
}

static const char *const ops[] = { "===", "==", "~=", "!=", "<=", ">=", "<", ">" };

static const char *
comparison(struct parser *p)
{
	blanks(p);
	struct str rest = str_drop(p->text, p->at);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (str_starts(rest, str_z(ops[i]))) {
			p->at += strlen(ops[i]);
			return ops[i];
		}
	if (take_word(p, "in"))
		return "in";
	size_t back = p->at;
	if (take_word(p, "not") && take_word(p, "in"))
		return "not in";
	p->at = back;
	return NULL;
}

static bool
compare_text(struct str l, const char *op, struct str r)
{
	int c = str_cmp(l, r);

	if (!strcmp(op, "in"))
		return str_find(r, l) != SIZE_MAX;
	if (!strcmp(op, "not in"))
		return str_find(r, l) == SIZE_MAX;
	if (!strcmp(op, "==") || !strcmp(op, "==="))
		return c == 0;
	if (!strcmp(op, "!="))
		return c != 0;
	if (!strcmp(op, "<"))
		return c < 0;
	if (!strcmp(op, ">"))
		return c > 0;
	return !strcmp(op, "<=") ? c <= 0 : !strcmp(op, ">=") && c >= 0;
}

/* Is the name, as it is or normalised, in the set? */
static bool
in_names(struct str name, const struct str *v, size_t n, struct arena *a)
{
	struct str norm = name;

	(void)pep503_name(name, a, &norm); /* what is no name is compared as it is */
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], norm) || str_eq(v[i], name))
			return true;
	return false;
}

static bool
compare_set(const struct side *l, const char *op, const struct side *r, const struct marker_env *env, struct arena *a)
{
	const bool in = str_is(r->text, "extras") ? in_names(l->value, env->extras, env->nextras, a) :
						    in_names(l->value, env->groups, env->ngroups, a);

	return in == !strcmp(op, "in");
}

static bool
compare(const struct side *l, const char *op, const struct side *r, const struct marker_env *env, struct arena *a)
{
	struct pep440_spec spec;
	struct pep440 v;

	if (r->is_set)
		return compare_set(l, op, r, env, a);
	if (env->nextras && str_is(l->text, "extra") && !r->is_variable && (!strcmp(op, "==") || !strcmp(op, "!=")))
		return in_names(r->value, env->extras, env->nextras, a) == !strcmp(op, "==");
	if ((l->is_version || r->is_version) &&
	    pep440_spec_parse(arena_printf(a, "%s" STR_FMT, op, STR_ARG(r->value)), a, &spec) && pep440_parse(l->value, a, &v))
		return pep440_spec_holds(&spec, &v, a);
	struct str x = l->value, y = r->value;
	if (str_is(l->text, "extra") || str_is(r->text, "extra")) {
		(void)pep503_name(x, a, &x); /* what is no name is compared as it is */
		(void)pep503_name(y, a, &y);
	}
	return compare_text(x, op, y);
}

static int
atom(struct parser *p)
{
	struct side l = { 0 }, r = { 0 };

	if (side(p, &l) < 0)
		return -1;
	const char *op = comparison(p);
	if (!op)
		return fail(p, "a comparison");
	if (side(p, &r) < 0)
		return -1;
	if (l.is_set || (r.is_set && (l.is_variable || (strcmp(op, "in") && strcmp(op, "not in")))))
		return err_set(p->e, ERR_INPUT, "expected a quoted name and 'in' or 'not in' in front of extras or dependency_groups");
	if (!l.is_variable && !r.is_variable)
		return err_set(p->e, ERR_INPUT, "a comparison without a variable in the marker");
	if (p->noperand == STACK_MAX)
		return err_set(p->e, ERR_INPUT, "the marker is too long");
	struct operand *o = &p->operand[p->noperand++];
	*o = (struct operand){ .part = arena_new(p->a, struct str), .n = 1 };
	o->part[0] = arena_printf(p->a, STR_FMT " %s " STR_FMT, STR_ARG(l.text), op, STR_ARG(r.text));
	o->value = p->env && compare(&l, op, &r, p->env, p->a);
	return 0;
}

static int
cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str
operand_text(const struct operand *o, struct arena *a)
{
	AUTO_BUF b = { 0 };

	for (size_t i = 0; i < o->n; i++)
		buf_printf(&b, "%s" STR_FMT, i ? o->join == JOIN_AND ? " and " : " or " : "", STR_ARG(o->part[i]));
	return arena_str(a, buf_str(&b));
}

static void
add_parts(struct operand *to, const struct operand *o, struct arena *a)
{
	if (o->join == JOIN_NONE || o->join == to->join) {
		memcpy(to->part + to->n, o->part, o->n * sizeof *o->part);
		to->n += o->n;
		return;
	}
	struct str t = operand_text(o, a);
	to->part[to->n++] = to->join == JOIN_AND ? arena_printf(a, "(" STR_FMT ")", STR_ARG(t)) : t;
}

static int
reduce(struct parser *p)
{
	enum op op = p->op[--p->nop];
	struct operand *r = &p->operand[--p->noperand], *l = &p->operand[p->noperand - 1];
	struct operand o = { .join = op == OP_AND ? JOIN_AND : JOIN_OR };

	if (l->n + r->n > PARTS_MAX)
		return err_set(p->e, ERR_INPUT, "the marker is too long");
	o.part = arena_array(p->a, struct str, l->n + r->n);
	o.value = op == OP_AND ? l->value && r->value : l->value || r->value;
	add_parts(&o, l, p->a);
	add_parts(&o, r, p->a);
	qsort(o.part, o.n, sizeof *o.part, cmp_str);
	size_t n = 0;
	for (size_t i = 0; i < o.n; i++)
		if (!n || !str_eq(o.part[n - 1], o.part[i]))
			o.part[n++] = o.part[i];
	o.n = n;
	if (n == 1 && l->n == 1)
		o.join = l->join;
	*l = o;
	return 0;
}

static int
push(struct parser *p, enum op op)
{
	while (op != OP_OPEN && p->nop && p->op[p->nop - 1] >= op)
		if (reduce(p) < 0)
			return -1;
	if (p->nop == STACK_MAX)
		return err_set(p->e, ERR_INPUT, "the marker is nested too deeply");
	p->op[p->nop++] = op;
	return 0;
}

/* One operand with all opening parentheses in front of it and all closing ones behind it. */
static int
one(struct parser *p, size_t *open)
{
	while (take(p, '(')) {
		if (push(p, OP_OPEN) < 0)
			return -1;
		++*open;
	}
	if (atom(p) < 0)
		return -1;
	while (*open && take(p, ')')) {
		while (p->op[p->nop - 1] != OP_OPEN)
			if (reduce(p) < 0)
				return -1;
		p->nop--;
		--*open;
	}
	return 0;
}

static int
parse(struct parser *p)
{
	size_t open = 0;

	for (;;) {
		if (one(p, &open) < 0)
			return -1;
		if (take_word(p, "and")) {
			if (push(p, OP_AND) < 0)
				return -1;
		} else if (take_word(p, "or")) {
			if (push(p, OP_OR) < 0)
				return -1;
		} else {
			break;
		}
	}
	blanks(p);
	if (open)
		return fail(p, "')'");
	if (p->at < p->text.n)
		return fail(p, "'and', 'or' or the end");
	while (p->nop)
		if (reduce(p) < 0)
			return -1;
	return 0;
}

int
marker_parse(struct str text, const struct marker_env *env, struct arena *a, struct str *norm, bool *value, size_t *at,
	     struct err *e)
{
	struct parser *p = arena_new(a, struct parser);

	*p = (struct parser){ .text = text, .env = env, .a = a, .e = e };
	*at = 0;
	if (text.n > PEP508_MAX)
		return err_set(e, ERR_INPUT, "a marker of more than %d bytes", PEP508_MAX);
	if (parse(p) < 0) {
		*at = p->at;
		return -1;
	}
	if (norm)
		*norm = operand_text(&p->operand[0], a);
	if (value)
		*value = p->operand[0].value;
	return 0;
}
