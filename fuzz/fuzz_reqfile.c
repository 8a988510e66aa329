/* SPDX-License-Identifier: Apache-2.0
 *
 * Requirements files: nothing crashes; what is accepted has normal forms that are read to themselves; all places lie in the text.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/reqfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
read_one(void *ctx, struct str path, struct buf *out, struct err *e)
{
	const struct str *text = ctx;

	if (!str_is(path, "r.txt"))
		return err_set(e, ERR_MISSING, "no such file");
	buf_put(out, *text);
	return 0;
}

/* Also the URL of an index by alias. */
static const char *
variable(void *ctx, struct str name)
{
	(void)ctx;
	return name.n % 2 ? "https://user:secret@a.example/x" : NULL;
}

static void
check(const struct requirement *q, size_t lines, struct arena *a)
{
	struct str text = pep508_text(&q->r, true, a);
	struct pep508 again;
	size_t at;

	if (pep508_parse(text, a, &again, &at, NULL) < 0 || !str_eq(pep508_text(&again, true, a), text))
		abort();
	if (str_find(q->text, STR("user:secret@a.example/")) != SIZE_MAX && q->ref.kind == REQREF_URL && str_starts(q->ref.secret, STR("https://user:secret@")))
		abort(); /* a secret in what is stored */
	if (q->at.line < 1 || q->at.line > lines)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	const struct reqfile_source s = { .path = STR("r.txt") };
	const struct reqfile_reader r = { .read = read_one, .variable = variable, .index = variable, .root = STR("/p"), .ctx = &text };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct reqset set;
	size_t lines = 1;
	AUTO_BUF shown = { 0 };

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r';
	if (size < 20000 && reqset_read(&s, 1, &r, &a, &d, &set, NULL) == 0) {
		for (size_t i = 0; i < set.n; i++)
			check(&set.v[i], lines, &a);
		for (size_t i = 0; i < set.nconstraints; i++)
			check(&set.constraints[i], lines, &a);
	}
	diags_sort(&d);
	diags_print(&d, false, &shown);
	diags_done(&d);
	arena_done(&a);
	return 0;
}
