/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/part.h"

#include <stdlib.h>
#include <string.h>

#include "base/js.h"
#include "base/vec.h"
#include "rules/part_inside.h"

enum { AFFECTED_MOST = 256 }; /* steps; more are as well decided with all the others */

/* A stored table that was taken apart; everything points into it. */
struct parts {
	struct part_head h;
	const char *nodes, *in, *out, *outs, *paths, *steps, *files, *json, *texts;
	struct str rest;
};

static const char *
take(struct str *rest, uint64_t n)
{
	const char *p = rest->p;

	if (p == NULL || n > rest->n)
		return rest->p = NULL;
	*rest = str_drop(*rest, (size_t)n);
	return p;
}

static bool
take_apart(struct str bytes, uint64_t id, struct parts *t)
{
	const char *head = take(&bytes, sizeof t->h);

	if (head == NULL)
		return false;
	memcpy(&t->h, head, sizeof t->h);
	if (t->h.version != PART_VERSION || t->h.id != id)
		return false;
	t->nodes = take(&bytes, (uint64_t)t->h.nnodes * sizeof(struct part_node));
	t->in = take(&bytes, (uint64_t)t->h.nedges * 4);
	t->out = take(&bytes, (uint64_t)t->h.nedges * 4);
	t->outs = take(&bytes, (uint64_t)t->h.nouts * 4);
	t->paths = take(&bytes, (uint64_t)t->h.npaths * sizeof(struct part_path));
	t->steps = take(&bytes, (uint64_t)t->h.nsteps * sizeof(struct part_step));
	t->files = take(&bytes, (uint64_t)t->h.nfiles * 4);
	t->rest = (struct str){ take(&bytes, t->h.rest_n), t->h.rest_n };
	t->json = take(&bytes, t->h.steps_n);
	t->texts = bytes.p;
	return bytes.p != NULL && bytes.n == t->h.texts_n && bytes.n > 0 && bytes.p[bytes.n - 1] == '\0';
}

static struct str
text(const struct parts *t, uint32_t at)
{
	return str_z(at < t->h.texts_n ? t->texts + at : "");
}

static uint32_t
number(const char *list, size_t i)
{
	uint32_t n;

	memcpy(&n, list + i * sizeof n, sizeof n);
	return n;
}

static struct part_node
node_at(const struct parts *t, uint32_t i)
{
	struct part_node x;

	memcpy(&x, t->nodes + (size_t)i * sizeof x, sizeof x);
	return x;
}

static struct part_path
path_at(const struct parts *t, uint32_t i)
{
	struct part_path x;

	memcpy(&x, t->paths + (size_t)i * sizeof x, sizeof x);
	return x;
}

static struct part_step
step_at(const struct parts *t, uint32_t i)
{
	struct part_step x;

	memcpy(&x, t->steps + (size_t)i * sizeof x, sizeof x);
	return x;
}

/* The one node that has the path; UINT32_MAX: none, or several. */
static uint32_t
owner(const struct parts *t, struct str path)
{
	uint32_t low = 0, high = t->h.npaths;

	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;

		if (str_cmp(text(t, path_at(t, mid).path), path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->h.npaths || !str_eq(text(t, path_at(t, low).path), path) ||
	    (low + 1 < t->h.npaths && str_eq(text(t, path_at(t, low + 1).path), path)))
		return UINT32_MAX;
	return path_at(t, low).node;
}

struct finding {
	struct parts t;
	struct arena *a;
	uint8_t *ahead, *behind; /* bool, by node: reached forward, backward */
	uint8_t *chosen;         /* bool, by step of the IR */
	uint32_t nchosen;
	VEC(uint32_t) stack;
	VEC(uint32_t) affected;  /* step nodes */
	VEC(struct str) own;
};

static bool
reach(struct finding *f, uint8_t *seen, uint32_t n)
{
	if (n >= f->t.h.nnodes)
		return false;
	if (!seen[n]) {
		seen[n] = true;
		VEC_PUSH(&f->stack, n);
	}
	return true;
}

/* From what changed to all steps that it reaches. False: it reaches something else, or too much. */
static bool
go_ahead(struct finding *f)
{
	while (f->stack.n) {
		const uint32_t n = f->stack.v[--f->stack.n];
		const struct part_node x = node_at(&f->t, n);

		if ((x.kind != PART_FILE && x.kind != PART_STEP) || (uint64_t)x.out + x.nout > f->t.h.nedges ||
		    (uint64_t)x.outs + x.nouts > f->t.h.nouts || f->affected.n == AFFECTED_MOST)
			return false;
		if (x.kind == PART_STEP)
			VEC_PUSH(&f->affected, n);
		for (uint32_t i = 0; i < x.nouts; i++) {
			const struct str path = text(&f->t, number(f->t.outs, x.outs + i));

			if (owner(&f->t, path) != n)
				return false;
			VEC_PUSH(&f->own, path);
		}
		for (uint32_t i = 0; i < x.nout; i++)
			if (!reach(f, f->ahead, number(f->t.out, x.out + i)))
				return false;
	}
	return f->affected.n > 0;
}

/* All elements of a step of the IR. */
static bool
choose(struct finding *f, uint32_t step)
{
	if (step >= f->t.h.nsteps)
		return false;
	if (f->chosen[step])
		return true;
	const struct part_step s = step_at(&f->t, step);

	f->chosen[step] = true;
	f->nchosen++;
	for (uint32_t i = 0; i < s.n; i++)
		if (!reach(f, f->behind, s.first + i))
			return false;
	return true;
}

/* What the chosen steps stand on is chosen as well. */
static bool
go_back(struct finding *f)
{
	while (f->stack.n) {
		const struct part_node x = node_at(&f->t, f->stack.v[--f->stack.n]);

		if (x.kind == PART_IMAGE || (uint64_t)x.in + x.nin > f->t.h.nedges || f->nchosen > f->t.h.nsteps / 4)
			return false;
		if (x.step != UINT32_MAX && !choose(f, x.step))
			return false;
		for (uint32_t i = 0; i < x.nin; i++)
			if (!reach(f, f->behind, number(f->t.in, x.in + i)))
				return false;
	}
	return true;
}

static bool
read_ir(struct finding *f, struct ir *out)
{
	AUTO_BUF b = { 0 };
	bool first = true;

	if (f->t.rest.n < 3)
		return false;
	buf_puts(&b, "{\"steps\":{");
	for (uint32_t i = 0; i < f->t.h.nsteps; i++) {
		if (!f->chosen[i])
			continue;
		const struct part_step s = step_at(&f->t, i);

		if ((uint64_t)s.json + s.njson > f->t.h.steps_n)
			return false;
		AUTO_JS name = js_text(text(&f->t, s.name));

		buf_puts(&b, first ? "" : ",");
		js_write(name, &b);
		buf_putc(&b, ':');
		buf_put(&b, (struct str){ f->t.json + s.json, s.njson });
		first = false;
	}
	buf_puts(&b, "},");
	buf_put(&b, str_drop(f->t.rest, 1));
	if (ir_read(buf_str(&b), f->a, out, NULL) < 0)
		return false;
	out->files.v = arena_array(f->a, struct str, f->t.h.nfiles);
	out->files.n = f->t.h.nfiles;
	for (uint32_t i = 0; i < f->t.h.nfiles; i++)
		out->files.v[i] = arena_str(f->a, text(&f->t, number(f->t.files, i)));
	return true;
}

static bool
find(struct finding *f, const struct snapshot_seen *seen)
{
	for (size_t i = 0; i < seen->nchanged; i++) {
		const uint32_t n = owner(&f->t, seen->changed[i]);

		if (n == UINT32_MAX || n >= f->t.h.nnodes || node_at(&f->t, n).kind != PART_FILE)
			return false; /* an output that somebody edited is none of these */
		VEC_PUSH(&f->own, seen->changed[i]);
		if (!reach(f, f->ahead, n))
			return false;
	}
	if (!go_ahead(f))
		return false;
	for (size_t i = 0; i < f->affected.n; i++)
		if (!choose(f, node_at(&f->t, f->affected.v[i]).step))
			return false;
	return go_back(f) && f->nchosen <= f->t.h.nsteps / 4;
}

static void
answer(struct finding *f, const struct snapshot_seen *seen, struct part *out)
{
	struct str *own = arena_array(f->a, struct str, f->own.n);

	out->targets = arena_array(f->a, struct str, f->affected.n);
	out->ntargets = f->affected.n;
	for (size_t i = 0; i < f->affected.n; i++)
		out->targets[i] = arena_str(f->a, text(&f->t, node_at(&f->t, f->affected.v[i]).name));
	for (size_t i = 0; i < f->own.n; i++)
		own[i] = arena_str(f->a, f->own.v[i]);
	out->own = (struct snapshot_part){ .id = seen->id, .checked_at = seen->checked_at, .own = own, .nown = f->own.n };
}

bool
part_find(struct view *v, const struct snapshot_key *k, const struct snapshot_seen *seen, struct arena *a, struct part *out)
{
	struct finding f = { .a = a };
	AUTO_BUF key = { 0 };
	struct str bytes;

	snapshot_record(k, SNAPSHOT_PARTS, &key);
	if (!view_get(v, TABLE_SNAPSHOT, buf_str(&key), &bytes) || !take_apart(bytes, seen->id, &f.t))
		return false;
	f.ahead = mem_zalloc((size_t)f.t.h.nnodes + 1);
	f.behind = mem_zalloc((size_t)f.t.h.nnodes + 1);
	f.chosen = mem_zalloc((size_t)f.t.h.nsteps + 1);
	const bool ok = find(&f, seen) && snapshot_exclusive(v, k, f.own.v, f.own.n) && read_ir(&f, &out->ir);

	if (ok)
		answer(&f, seen, out);
	free(f.ahead);
	free(f.behind);
	free(f.chosen);
	VEC_DONE(&f.stack);
	VEC_DONE(&f.affected);
	VEC_DONE(&f.own);
	return ok;
}
