/* SPDX-License-Identifier: Apache-2.0
 *
 * The three stored blocks of a question: the whole one, the later one, the table of parts. Their heads are made to fit, so that what they
 * say (offsets, indexes, counts, texts) is what is wrong; whatever it is, a look at them ends, inside their bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/records.h"
#include "rules/part_inside.h"
#include "rules/snapshot_block.h"
#include "sys/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID 7

/* Bytes of the input, and then zeros without end. */
struct feed {
	const uint8_t *p;
	size_t n;
};

static uint8_t
byte(struct feed *f)
{
	if (!f->n)
		return 0;
	f->n--;
	return *f->p++;
}

/* Mostly small numbers, which are the ones that lead somewhere. */
static uint32_t
number(struct feed *f, uint32_t most)
{
	const uint8_t how = byte(f);
	const uint32_t small = byte(f);
	if (how < 250)
		return most ? small % most : small;
	return small << 24 | (uint32_t)byte(f) << 8 | byte(f);
}

static void
put(struct buf *out, const void *p, size_t n)
{
	buf_put(out, (struct str){ p, n });
}

static void
put_numbers(struct feed *f, uint32_t n, uint32_t most, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t x = number(f, most);
		put(out, &x, sizeof x);
	}
}

/* Texts with a NUL at their end, and many inside. */
static void
put_texts(struct feed *f, uint32_t n, struct buf *out)
{
	static const char letters[] = "ab/.\0\0..";
	for (uint32_t i = 0; i + 1 < n; i++)
		buf_putc(out, letters[byte(f) % (sizeof letters - 1)]);
	buf_putc(out, '\0');
}

static void
make_block(struct feed *f, struct buf *out)
{
	const struct snapshot_head h = { .version = SNAPSHOT_VERSION, .nfolders = number(f, 6), .nleaves = number(f, 12), .nvars = number(f, 3),
					 .nskips = number(f, 6), .answer_n = number(f, 40), .texts_n = number(f, 60) + 1,
					 .expiry = byte(f) % 4 ? 0 : INT64_MAX, .id = ID };
	if (h.nfolders > 1000 || h.nleaves > 1000 || h.nvars > 1000 || h.nskips > 1000 || h.answer_n > 1000 || h.texts_n > 1000)
		return put(out, &h, sizeof h); /* too short for what it says */
	put(out, &h, sizeof h);
	put_numbers(f, h.nfolders, h.texts_n, out);
	for (uint32_t i = 0; i < h.nleaves; i++) {
		const struct stored_leaf x = { .folder = number(f, h.nfolders + 1), .name = number(f, h.texts_n),
					       .kind = number(f, 6) | (byte(f) % 2 ? SNAPSHOT_SHARED : 0),
					       .mode = number(f, 0), .size = byte(f), .mtime = byte(f), .hi = byte(f) };
		put(out, &x, sizeof x);
	}
	for (uint32_t i = 0; i < h.nvars; i++) {
		const struct stored_var x = { .name = number(f, h.texts_n), .set = byte(f) % 3, .hi = byte(f) };
		put(out, &x, sizeof x);
	}
	put_numbers(f, h.nskips, h.nleaves + 1, out);
	for (uint32_t i = 0; i < h.answer_n; i++)
		buf_putc(out, (char)byte(f));
	put_texts(f, h.texts_n, out);
}

static const char stored_json[] = "{\"cache\":{\"on\":true},\"run\":\"true\"}", rest_json[] = "{\"pipeline\":\"p\",\"version\":1}";

static void
make_parts(struct feed *f, struct buf *out)
{
	const struct part_head h = { .version = PART_VERSION, .nnodes = number(f, 12), .nedges = number(f, 24), .nouts = number(f, 8), .npaths = number(f, 12),
				     .nsteps = number(f, 40), .nfiles = number(f, 3), .rest_n = sizeof rest_json - 1, .steps_n = sizeof stored_json - 1,
				     .texts_n = number(f, 60) + 1, .id = ID };
	put(out, &h, sizeof h);
	if (h.nnodes > 1000 || h.nedges > 1000 || h.nouts > 1000 || h.npaths > 1000 || h.nsteps > 1000 || h.nfiles > 1000 || h.texts_n > 1000)
		return;
	for (uint32_t i = 0; i < h.nnodes; i++) {
		const struct part_node x = {
					       .kind = number(f, 5), .step = byte(f) % 2 ? number(f, h.nsteps + 1) : UINT32_MAX, .name = number(f, h.texts_n),
					     .in = number(f, h.nedges + 1), .nin = number(f, 4), .out = number(f, h.nedges + 1), .nout = number(f, 4),
					     .outs = number(f, h.nouts + 1), .nouts = number(f, 3) };
		put(out, &x, sizeof x);
	}
	put_numbers(f, h.nedges, h.nnodes + 1, out);
	put_numbers(f, h.nedges, h.nnodes + 1, out);
	put_numbers(f, h.nouts, h.texts_n, out);
	for (uint32_t i = 0; i < h.npaths; i++) {
		const struct part_path x = { .path = number(f, h.texts_n), .node = number(f, h.nnodes + 1) };
		put(out, &x, sizeof x);
	}
	for (uint32_t i = 0; i < h.nsteps; i++) {
		const struct part_step x = { .name = number(f, h.texts_n), .json = byte(f) % 4 ? 0 : number(f, 50),
					       .njson = byte(f) % 4 ? h.steps_n : number(f, 50),
					     .first = number(f, h.nnodes + 1), .n = number(f, 3) };
		put(out, &x, sizeof x);
	}
	put_numbers(f, h.nfiles, h.texts_n, out);
	put(out, rest_json, h.rest_n);
	put(out, stored_json, h.steps_n);
	put_texts(f, h.texts_n, out);
}

static void
store(struct records *r, const struct snapshot_key *k, char what, const struct buf *value)
{
	struct batch b = { 0 };
	AUTO_BUF key = { 0 };
	snapshot_record(k, what, &key);
	batch_put(&b, TABLE_SNAPSHOT, buf_str(&key), buf_str(value));
	(void)records_commit(r, &b, false, 1000, NULL);
	batch_done(&b);
}

static char place[] = "/tmp/fuzz-snapshot-XXXXXX";

static void
remove_store(void)
{
	(void)file_remove_tree(AT_FDCWD, place, NULL);
}

/* One store for all inputs: each writes over what the one before it left. */
static struct records *
open_store(int *root)
{
	static struct records *r;
	static int folder = -1;
	struct err e;
	if (!r) {
		if (!mkdtemp(place) || atexit(remove_store) || records_open_sized(place, false, 8 << 20, &r, &e) < 0)
			abort();
		folder = file_open_dir(AT_FDCWD, place, NULL);
	}
	*root = folder;
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const no_variables[] = { "A=1", NULL };
	const struct snapshot_key k = { STR("/root"), STR("run") };
	struct feed f = { data, size };
	struct arena a = { 0 };
	struct snapshot_seen seen = { 0 };
	struct part part;
	struct view *v;
	AUTO_BUF whole = { 0 };
	AUTO_BUF later = { 0 };
	AUTO_BUF parts = { 0 };
	int root;
	struct records *r = open_store(&root);
	const bool raw = byte(&f) % 8 == 0; /* heads that do not fit either */
	if (raw)
		put(&whole, f.p, f.n);
	else
		make_block(&f, &whole);
	make_block(&f, &later);
	make_parts(&f, &parts);
	store(r, &k, SNAPSHOT_WHOLE, &whole);
	store(r, &k, SNAPSHOT_LATER, &later);
	store(r, &k, SNAPSHOT_PARTS, &parts);
	if (view_begin(r, &v, NULL) < 0)
		return 0;
	(void)snapshot_look(v, &k, root, no_variables, &a, &seen);
	seen.id = ID;
	if (!seen.nchanged) { /* some path of the table's */
		seen.changed[0] = STR("a");
		seen.nchanged = 1;
	}
	(void)part_find(v, &k, &seen, &a, &part);
	view_end(v);
	arena_done(&a);
	return 0;
}
