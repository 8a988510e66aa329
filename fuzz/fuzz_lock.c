/* SPDX-License-Identifier: Apache-2.0
 *
 * pawl.lock from a stranger: it is refused or read; what is read is written to a form that is read to the same; wheels of it are sound.
 */
#include <stdint.h>
#include <stdlib.h>

#include "rules/lock.h"
#include "rules/pytags.h"
#include "rules/wheelset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct js *entry)
{
	struct arena a = { 0 };
	struct wheel_set s;

	if (wheel_set_of_entry(entry, &a, &s, NULL) == 0)
		for (size_t i = 0; i < s.n; i++) {
			struct wheel_name w;
			if ((s.v[i].source.kind == WHEEL_READY && !wheel_name_parse(s.v[i].file, &a, &w)) || str_find_char(s.v[i].file, '/') != SIZE_MAX)
				abort();
		}
	arena_done(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lock l = { 0 }, again = { 0 };
	AUTO_BUF first = { 0 }, second = { 0 };

	if (lock_read((struct str){ (const char *)data, size }, &l, NULL) < 0)
		return 0;
	const struct js *all = js_get(l.doc, "requirements");
	for (void *it = js_first(all); it; it = js_next(all, it))
		check(js_value(it));
	lock_write(&l, &first);
	if (lock_read(buf_str(&first), &again, NULL) < 0)
		abort();
	lock_write(&again, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	lock_done(&l);
	lock_done(&again);
	return 0;
}
