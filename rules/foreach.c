/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/foreach.h"

#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "rules/template.h"
#include "sys/file.h"

enum { NAME_MOST = 60, LINES_MOST = 64 << 20 };

/* The texts that one name runs through. */
struct values {
	VEC_FIELDS(struct str);
	bool unknown;
};

struct expansion {
	const struct ir_step *step;
	const struct foreach_source *from;
	struct arena *a;
	struct values *values; /* by position in step->foreach */
	struct map *seen;      /* texts of the name at hand: a value that is there twice counts once */
};

static int
put_text(struct expansion *x, struct values *v, struct str text, struct err *e)
{
	const uint32_t next = (uint32_t)v->n;

	if (v->n >= FOREACH_MAX)
		return err_set(e, ERR_INPUT, "more than %u values", FOREACH_MAX);
	if (map_add(x->seen, text, next) == next)
		VEC_PUSH(v, text);
	return 0;
}

static int
put_list(struct expansion *x, struct values *v, const struct js *list, struct err *e)
{
	if (js_type(list) != JS_LIST)
		return err_set(e, ERR_INPUT, "its values are not a list");
	for (size_t i = 0; i < js_len(list); i++) {
		const struct js *item = js_at(list, i);
		AUTO_BUF b = { 0 };

		if (js_type(item) == JS_TEXT)
			buf_put(&b, js_str(item));
		else
			js_write(item, &b);
		if (put_text(x, v, arena_str(x->a, buf_str(&b)), e) < 0)
			return -1;
	}
	return 0;
}

static int
put_range(struct expansion *x, struct values *v, const struct ir_foreach *f, struct err *e)
{
	for (int64_t i = f->from; i < f->to; i++)
		if (put_text(x, v, arena_printf(x->a, "%lld", (long long)i), e) < 0)
			return -1;
	return 0;
}

/* One value a line; empty lines are none. */
static int
put_lines(struct expansion *x, struct values *v, const struct ir_foreach *f, struct err *e)
{
	AUTO_BUF b = { 0 };

	if (file_read(x->from->root, arena_z(x->a, f->file), LINES_MOST, &b, e) < 0)
		return -1;
	if (!str_utf8(buf_str(&b)))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is not UTF-8", STR_ARG(f->file));
	struct str_cut c = { .tail = arena_str(x->a, buf_str(&b)), .ok = true };

	while (c.ok) {
		c = str_cut(c.tail, '\n');
		const struct str line = str_trim(c.head);

		if (line.n && put_text(x, v, line, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_upstream(struct expansion *x, struct values *v, const struct ir_foreach *f, struct err *e)
{
	const struct unfold_output *o = unfold_find(x->from->unfold, f->step, f->output);
	const struct js *list = NULL;

	v->unknown = !o;
	if (!o || o->empty)
		return 0;
	if (unfold_list(o->text, x->a, &list, e) < 0)
		return err_wrap(e, "output '" STR_FMT "." STR_FMT "'", STR_ARG(f->step), STR_ARG(f->output));
	return put_list(x, v, list, e);
}

static int
collect(struct expansion *x, struct values *v, const struct ir_foreach *f, struct err *e)
{
	switch (f->kind) {
	case FOREACH_LIST:
		return put_list(x, v, f->values, e);
	case FOREACH_RANGE:
		return put_range(x, v, f, e);
	case FOREACH_LINES:
		return put_lines(x, v, f, e);
	case FOREACH_STEP:
		return put_upstream(x, v, f, e);
	}
	return 0;
}

/* Letters, digits and a few marks stand for themselves; every other byte is %XX, so that two values never
 * look alike. */
static void
put_name(struct buf *out, struct str text)
{
	static const char plain[] = "._+-@~";
	const size_t start = out->n;

	for (size_t i = 0; i < text.n; i++) {
		const unsigned char c = (unsigned char)text.p[i];
		const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				    (c >= '0' && c <= '9') || c >= 0x80;

		if (letter || (c && strchr(plain, c)))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
		if (out->n - start > NAME_MOST)
			break;
	}
	if (out->n - start <= NAME_MOST)
		return;
	const struct digest d = digest_of(text);
	char hex[DIGEST_HEX + 1];
	size_t keep = start + 40;

	while (keep > start && ((unsigned char)out->p[keep] & 0xc0) == 0x80)
		keep--;
	digest_hex(&d, hex);
	out->n = keep;
	buf_printf(out, "~%.12s", hex);
}

static struct str
element_name(struct expansion *x, const struct ir_pairs *items)
{
	AUTO_BUF b = { 0 };

	buf_put(&b, x->step->name);
	for (size_t i = 0; i < items->n; i++) {
		buf_putc(&b, i ? ',' : '[');
		buf_put(&b, items->v[i].name);
		buf_putc(&b, '=');
		put_name(&b, items->v[i].value);
	}
	buf_putc(&b, ']');
	return arena_str(x->a, buf_str(&b));
}

/* The step with the items put into the paths of its inputs. */
static int
element_step(struct expansion *x, const struct ir_pairs *items, const struct ir_step **out, struct err *e)
{
	struct ir_step *s = NULL;

	for (size_t i = 0; i < x->step->ninputs; i++) {
		const struct ir_input *in = &x->step->inputs[i];

		if (in->item_path.n == 0)
			continue;
		if (!s) {
			s = arena_new(x->a, struct ir_step);
			*s = *x->step;
			s->inputs = arena_array(x->a, struct ir_input, s->ninputs);
			memcpy(s->inputs, x->step->inputs, s->ninputs * sizeof *s->inputs);
		}
		if (template_path(&in->item_path, NULL, items, x->a, &s->inputs[i].path, e) < 0)
			return err_wrap(e, "input '" STR_FMT "'", STR_ARG(in->name));
		s->inputs[i].item_path = (struct ir_template){ 0 };
	}
	*out = s ? s : x->step;
	return 0;
}

static int
make_element(struct expansion *x, size_t number, struct foreach_element *out, struct err *e)
{
	const size_t n = x->step->nforeach;
	struct ir_pairs items = { arena_array(x->a, struct ir_pair, n), n };

	for (size_t i = n; i-- > 0;) {
		items.v[i] =
			(struct ir_pair){ x->step->foreach[i].name, x->values[i].v[number % x->values[i].n] };
		number /= x->values[i].n;
	}
	out->items = items;
	out->name = element_name(x, &items);
	return element_step(x, &items, &out->step, e);
}

static int
make_elements(struct expansion *x, struct foreach_element **out, size_t *n, struct err *e)
{
	size_t total = 1;

	for (size_t i = 0; i < x->step->nforeach; i++) {
		if (x->values[i].unknown) {
			*out = NULL;
			*n = 0;
			return 0;
		}
		if (__builtin_mul_overflow(total, x->values[i].n, &total) || total > FOREACH_MAX)
			return err_set(e, ERR_INPUT, "step '" STR_FMT "': more than %u elements",
				       STR_ARG(x->step->name), FOREACH_MAX);
	}
	struct foreach_element *v = arena_array(x->a, struct foreach_element, total + 1);

	for (size_t i = 0; i < total; i++)
		if (make_element(x, i, &v[i], e) < 0)
			return err_wrap(e, "step '" STR_FMT "'", STR_ARG(x->step->name));
	*out = v;
	*n = total;
	return 0;
}

int
foreach_expand(const struct ir_step *s, const struct foreach_source *from, struct arena *a,
	       struct foreach_element **out, size_t *n, struct err *e)
{
	if (s->nforeach == 0) {
		*out = arena_new(a, struct foreach_element);
		**out = (struct foreach_element){ .name = s->name, .step = s };
		*n = 1;
		return 0;
	}
	struct expansion x = {
		.step = s, .from = from, .a = a, .values = mem_zalloc(s->nforeach * sizeof *x.values)
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->nforeach; i++) {
		struct map seen = { 0 };

		x.seen = &seen;
		rc = collect(&x, &x.values[i], &s->foreach[i], e);
		if (rc < 0)
			(void)err_wrap(e, "step '" STR_FMT "': foreach '" STR_FMT "'", STR_ARG(s->name),
				       STR_ARG(s->foreach[i].name));
		map_done(&seen);
	}
	if (rc == 0)
		rc = make_elements(&x, out, n, e);
	for (size_t i = 0; i < s->nforeach; i++)
		VEC_DONE(&x.values[i]);
	free(x.values);
	return rc;
}

const struct str *
foreach_item(const struct ir_pairs *items, struct str name)
{
	for (size_t i = 0; i < items->n; i++)
		if (str_eq(items->v[i].name, name))
			return &items->v[i].value;
	return NULL;
}

bool
foreach_dynamic(const struct ir_step *s)
{
	for (size_t i = 0; i < s->nforeach; i++)
		if (s->foreach[i].kind == FOREACH_STEP)
			return true;
	return false;
}
