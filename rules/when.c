/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/when.h"

#include <assert.h>
#include <string.h>

#include "base/vec.h"
#include "rules/template.h"
#include "rules/yaml.h"

enum { OPS_MOST = 1000 };

/* Postfix: values push, the others take theirs off. The order of the first group is its binding, loosest
 * first. */
enum op_kind {
	OP_OPEN,
	OP_OR,
	OP_AND,
	OP_NOT,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE, /* on the parser's stack */
	OP_VALUE,
	OP_REF,
};

struct when_op {
	enum op_kind kind;
	const struct js *value; /* OP_VALUE */
	size_t ref;             /* OP_REF: index into refs */
};

enum token_kind { TOKEN_END, TOKEN_VALUE, TOKEN_REF, TOKEN_OP, TOKEN_NOT, TOKEN_OPEN, TOKEN_CLOSE };

struct token {
	enum token_kind kind;
	enum op_kind op;
	struct js *value;
	struct ir_piece ref;
};

struct parser {
	struct str rest;
	struct arena *a;
	VEC(struct when_op) out;
	VEC(enum op_kind) stack;
	VEC(struct ir_piece) refs;
};

static const struct {
	const char *text;
	struct token token;
} words[] = {
	{ "==", { TOKEN_OP, .op = OP_EQ } }, { "!=", { TOKEN_OP, .op = OP_NE } },
	{ "<=", { TOKEN_OP, .op = OP_LE } }, { ">=", { TOKEN_OP, .op = OP_GE } },
	{ "<", { TOKEN_OP, .op = OP_LT } },  { ">", { TOKEN_OP, .op = OP_GT } },
	{ "(", { .kind = TOKEN_OPEN } },     { ")", { .kind = TOKEN_CLOSE } },
};

static bool
word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.' || c == '+' || c == '-';
}

static int
read_quoted(struct parser *p, struct token *t, struct err *e)
{
	const size_t end = str_find_char(str_drop(p->rest, 1), p->rest.p[0]);

	if (end == SIZE_MAX)
		return err_set(e, ERR_INPUT, "the text %.20s lacks its closing quote",
			       arena_z(p->a, p->rest));
	*t = (struct token){ TOKEN_VALUE, .value = js_text(str_take(str_drop(p->rest, 1), end)) };
	p->rest = str_drop(p->rest, end + 2);
	return 0;
}

static int
read_ref(struct parser *p, struct token *t, struct err *e)
{
	const size_t end = str_find_char(p->rest, '}');
	struct ir_template cut;

	if (end == SIZE_MAX)
		return err_set(e, ERR_INPUT, "'${' lacks its '}'");
	if (template_cut(str_take(p->rest, end + 1), p->a, &cut, e) < 0)
		return -1;
	if (cut.n != 1 ||
	    (cut.v[0].kind != PIECE_PARAM && cut.v[0].kind != PIECE_ITEM && cut.v[0].kind != PIECE_INPUT))
		return err_set(
			e, ERR_INPUT,
			"'" STR_FMT
			"' cannot stand in a condition: it may name ${params.N}, ${item.N} and ${inputs.N}",
			STR_ARG(str_take(p->rest, end + 1)));
	*t = (struct token){ TOKEN_REF, .ref = cut.v[0] };
	p->rest = str_drop(p->rest, end + 1);
	return 0;
}

static int
read_word(struct parser *p, struct token *t, struct err *e)
{
	size_t n = 0;

	while (n < p->rest.n && word_char(p->rest.p[n]))
		n++;
	const struct str word = str_take(p->rest, n);

	if (n == 0)
		return err_set(e, ERR_INPUT, "'%.1s' does not belong into a condition",
			       arena_z(p->a, p->rest));
	p->rest = str_drop(p->rest, n);
	if (str_is(word, "and") || str_is(word, "or"))
		*t = (struct token){ TOKEN_OP, .op = word.n == 3 ? OP_AND : OP_OR };
	else if (str_is(word, "not"))
		*t = (struct token){ TOKEN_NOT, .op = OP_NOT };
	else {
		struct yaml_node n2 = { .text = arena_str(p->a, word) };

		if (!yaml_resolve(&n2) || n2.kind == YAML_TEXT)
			return err_set(e, ERR_INPUT,
				       "the word '" STR_FMT "' means nothing here: write '${params." STR_FMT
				       "}' for a parameter, or quotes around a text",
				       STR_ARG(str_take(word, 60)),
				       STR_ARG(str_take(str_starts(word, STR("params.")) ? str_drop(word, 7) : word, 60)));
		*t = (struct token){ TOKEN_VALUE, .value = yaml_js(&n2) };
	}
	return 0;
}

static int
next(struct parser *p, struct token *t, struct err *e)
{
	p->rest = str_trim(p->rest);
	*t = (struct token){ .kind = TOKEN_END };
	if (p->rest.n == 0)
		return 0;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!str_starts(p->rest, str_z(words[i].text)))
			continue;
		*t = words[i].token;
		p->rest = str_drop(p->rest, strlen(words[i].text));
		return 0;
	}
	if (p->rest.p[0] == '\'' || p->rest.p[0] == '"')
		return read_quoted(p, t, e);
	if (str_starts(p->rest, STR("${")))
		return read_ref(p, t, e);
	return read_word(p, t, e);
}

static void
emit(struct parser *p, enum op_kind kind)
{
	VEC_PUSH(&p->out, ((struct when_op){ .kind = kind }));
}

static bool
compares(enum op_kind kind)
{
	return kind >= OP_EQ && kind <= OP_GE;
}

/* Moves what binds at least as tightly from the stack to the output. */
static void
unwind(struct parser *p, enum op_kind least)
{
	while (p->stack.n && p->stack.v[p->stack.n - 1] != OP_OPEN && p->stack.v[p->stack.n - 1] >= least)
		emit(p, p->stack.v[--p->stack.n]);
}

static int
on_operand(struct parser *p, struct token *t, bool *want_operand, struct err *e)
{
	switch (t->kind) {
	case TOKEN_VALUE:
		emit(p, OP_VALUE);
		p->out.v[p->out.n - 1].value = js_keep(p->a, t->value);
		*want_operand = false;
		return 0;
	case TOKEN_REF:
		emit(p, OP_REF);
		p->out.v[p->out.n - 1].ref = p->refs.n;
		VEC_PUSH(&p->refs, t->ref);
		*want_operand = false;
		return 0;
	case TOKEN_NOT:
	case TOKEN_OPEN:
		VEC_PUSH(&p->stack, t->kind == TOKEN_NOT ? OP_NOT : OP_OPEN);
		return 0;
	case TOKEN_OP:
	case TOKEN_CLOSE:
	case TOKEN_END:
		break;
	}
	return err_set(e, ERR_INPUT, "a value is missing %s",
		       t->kind == TOKEN_END ? "at the end" : "in front of an operator or ')'");
}

static int
on_operator(struct parser *p, const struct token *t, bool *want_operand, struct err *e)
{
	if (t->kind == TOKEN_CLOSE) {
		unwind(p, OP_OR);
		if (p->stack.n == 0)
			return err_set(e, ERR_INPUT, "a ')' without its '('");
		p->stack.n--;
		return 0;
	}
	if (t->kind != TOKEN_OP)
		return err_set(e, ERR_INPUT,
			       "an operator (==, !=, <, <=, >, >=, and, or) is missing between two values");
	if (compares(t->op)) {
		if (p->stack.n && compares(p->stack.v[p->stack.n - 1]))
			return err_set(e, ERR_INPUT, "two comparisons in a row: join them with 'and'");
	} else {
		unwind(p, t->op);
	}
	VEC_PUSH(&p->stack, t->op);
	*want_operand = true;
	return 0;
}

static int
parse(struct parser *p, struct err *e)
{
	bool want_operand = true;

	for (;;) {
		struct token t;

		if (p->out.n + p->stack.n > OPS_MOST)
			return err_set(e, ERR_INPUT, "the condition is too long");
		if (next(p, &t, e) < 0)
			return -1;
		if (t.kind == TOKEN_END && !want_operand)
			break;
		if ((want_operand ? on_operand(p, &t, &want_operand, e)
				  : on_operator(p, &t, &want_operand, e)) < 0) {
			if (t.kind == TOKEN_VALUE && !want_operand)
				js_free(t.value);
			return -1;
		}
	}
	unwind(p, OP_OR);
	return p->stack.n ? err_set(e, ERR_INPUT, "a '(' without its ')'") : 0;
}

int
when_parse(struct str source, struct arena *a, struct when *out, struct err *e)
{
	struct parser p = { .rest = source, .a = a };
	int rc = 0;

	if (str_trim(source).n == 0) {
		*out = (struct when){ 0 };
		return 0;
	}
	if (str_find_char(source, '\0') != SIZE_MAX)
		rc = err_set(e, ERR_INPUT, "a NUL byte does not belong into a condition");
	if (rc == 0)
		rc = parse(&p, e);
	if (rc == 0) {
		*out = (struct when){ arena_array(a, struct when_op, p.out.n), p.out.n,
				      arena_array(a, struct ir_piece, p.refs.n), p.refs.n };
		memcpy(out->ops, p.out.v, p.out.n * sizeof *out->ops);
		if (p.refs.n)
			memcpy(out->refs, p.refs.v, p.refs.n * sizeof *out->refs);
	}
	VEC_DONE(&p.out);
	VEC_DONE(&p.stack);
	VEC_DONE(&p.refs);
	return rc;
}

/* On the stack of the evaluation: a value, or what comparisons and and/or/not made. */
struct slot {
	bool is_truth;
	enum when_truth truth;
	const struct js *value; /* NULL: not known */
};

static enum when_truth
truth_of(const struct slot *s)
{
	const struct js *v = s->value;

	if (s->is_truth)
		return s->truth;
	switch (js_type(v)) {
	case JS_NONE:
		return WHEN_UNKNOWN;
	case JS_NULL:
		return WHEN_FALSE;
	case JS_BOOL:
		return js_true(v) ? WHEN_TRUE : WHEN_FALSE;
	case JS_INT:
	case JS_REAL:
		return js_double(v) != 0 ? WHEN_TRUE : WHEN_FALSE;
	case JS_TEXT: {
		const struct str t = str_trim(js_str(v));

		return t.n == 0 || str_is(t, "false") || str_is(t, "0") ? WHEN_FALSE : WHEN_TRUE;
	}
	case JS_LIST:
	case JS_MAP:
		return js_len(v) ? WHEN_TRUE : WHEN_FALSE;
	}
	return WHEN_UNKNOWN;
}

static bool
number(const struct js *v)
{
	return js_type(v) == JS_INT || js_type(v) == JS_REAL;
}

/* -1, 0, 1 in *order for two numbers or two texts; false for others. */
static bool
order(const struct js *a, const struct js *b, int *out)
{
	if (js_type(a) == JS_INT && js_type(b) == JS_INT) {
		*out = (js_num(a) > js_num(b)) - (js_num(a) < js_num(b));
		return true;
	}
	if (number(a) && number(b)) {
		*out = (js_double(a) > js_double(b)) - (js_double(a) < js_double(b));
		return true;
	}
	if (js_type(a) != JS_TEXT || js_type(b) != JS_TEXT)
		return false;
	const int c = str_cmp(js_str(a), js_str(b));

	*out = (c > 0) - (c < 0);
	return true;
}

static bool
holds(enum op_kind op, int c)
{
	return (op == OP_EQ && c == 0) || (op == OP_NE && c != 0) || (op == OP_LT && c < 0) ||
	       (op == OP_LE && c <= 0) || (op == OP_GT && c > 0) || (op == OP_GE && c >= 0);
}

static const char *
kind_name(const struct js *v)
{
	static const char *const names[] = { "nothing",  "null",   "true or false", "a number",
					     "a number", "a text", "a list",        "a map" };

	return names[js_type(v)];
}

static int
compare(enum op_kind op, const struct slot *a, const struct slot *b, struct slot *out, struct err *e)
{
	int c;

	*out = (struct slot){ .is_truth = true, .truth = WHEN_UNKNOWN };
	if (a->is_truth || b->is_truth) {
		const enum when_truth x = truth_of(a), y = truth_of(b);

		if (op != OP_EQ && op != OP_NE)
			return err_set(e, ERR_INPUT, "true and false have no order");
		if (x != WHEN_UNKNOWN && y != WHEN_UNKNOWN)
			out->truth = (x == y) == (op == OP_EQ) ? WHEN_TRUE : WHEN_FALSE;
		return 0;
	}
	if (!a->value || !b->value)
		return 0;
	if (order(a->value, b->value, &c))
		out->truth = holds(op, c) ? WHEN_TRUE : WHEN_FALSE;
	else if (op == OP_EQ || op == OP_NE)
		out->truth = js_equal(a->value, b->value) == (op == OP_EQ) ? WHEN_TRUE : WHEN_FALSE;
	else
		return err_set(e, ERR_INPUT, "%s and %s have no order", kind_name(a->value),
			       kind_name(b->value));
	return 0;
}

static struct slot
join(enum op_kind op, enum when_truth a, enum when_truth b)
{
	const enum when_truth decides = op == OP_AND ? WHEN_FALSE : WHEN_TRUE;
	enum when_truth t = op == OP_AND ? WHEN_TRUE : WHEN_FALSE;

	if (a == decides || b == decides)
		t = decides;
	else if (a == WHEN_UNKNOWN || b == WHEN_UNKNOWN)
		t = WHEN_UNKNOWN;
	return (struct slot){ .is_truth = true, .truth = t };
}

static int
apply(enum op_kind op, struct slot *stack, size_t *n, struct err *e)
{
	assert(*n >= (op == OP_NOT ? 1 : 2)); /* the parser keeps count of the operands */
	struct slot *top = &stack[*n - 1];

	if (op == OP_NOT) {
		const enum when_truth t = truth_of(top);

		*top = (struct slot){ .is_truth = true,
				      .truth = t == WHEN_UNKNOWN ? t
					       : t == WHEN_TRUE  ? WHEN_FALSE
								 : WHEN_TRUE };
		return 0;
	}
	struct slot *under = top - 1;

	--*n;
	if (op == OP_AND || op == OP_OR) {
		*under = join(op, truth_of(under), truth_of(top));
		return 0;
	}
	return compare(op, &(struct slot){ under->is_truth, under->truth, under->value }, top, under, e);
}

int
when_eval(const struct when *w, when_lookup *lookup, void *ctx, enum when_truth *out, struct err *e)
{
	struct slot stack[OPS_MOST + 2] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < w->nops; i++) {
		const struct when_op *op = &w->ops[i];
		const struct js *v = op->value;

		if (op->kind == OP_REF && lookup(ctx, &w->refs[op->ref], &v, e) < 0)
			return -1;
		if (op->kind >= OP_VALUE)
			stack[n++] = (struct slot){ .value = v };
		else if (apply(op->kind, stack, &n, e) < 0)
			return -1;
	}
	*out = n ? truth_of(&stack[0]) : WHEN_TRUE;
	return 0;
}

struct js *
when_value(struct str text, struct arena *scratch)
{
	struct yaml_node n = { .text = arena_str(scratch, str_trim(text)) };

	if (!yaml_resolve(&n))
		n.kind = YAML_TEXT;
	return yaml_js(&n);
}
