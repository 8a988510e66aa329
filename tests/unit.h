/* SPDX-License-Identifier: Apache-2.0
 *
 * unit: what every unit test includes first. cmocka with the headers that it wants in front of it, and a few claims about
 * our own types that print both sides.
 */
#ifndef PAWL_TESTS_UNIT_H
#define PAWL_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Which row of a table is at work, for the message of a failure. */
#define ROW(i, what)                                                                    \
	do {                                                                            \
		if (getenv("UNIT_ROWS"))                                                \
			print_message("# row %zu: %s\n", (size_t)(i), (what));          \
	} while (0)

static inline void
unit_str(struct str have, const char *want, const char *file, int line)
{
	if (str_is(have, want))
		return;
	print_error("%s:%d: expected [%s]\n%s:%d: got      [" STR_FMT "]\n", file, line, want, file, line, STR_ARG(have));
	_fail(file, line);
}
#define assert_str(have, want) unit_str((have), (want), __FILE__, __LINE__)

/* The call succeeded; else prints what e says. */
static inline void
unit_ok(int r, const struct err *e, const char *file, int line)
{
	if (r >= 0)
		return;
	print_error("%s:%d: %s: %s\n", file, line, err_name(e->code), e->text);
	_fail(file, line);
}
#define assert_ok(call, e) unit_ok((call), (e), __FILE__, __LINE__)

/* The call failed with that code. */
static inline void
unit_fails(int r, const struct err *e, enum err_code code, const char *file, int line)
{
	if (r == -1 && e->code == code)
		return;
	print_error("%s:%d: expected %s, got %s: %s\n", file, line, err_name(code), r < 0 ? err_name(e->code) : "success",
		    r < 0 ? e->text : "");
	_fail(file, line);
}
#define assert_fails(call, e, code) unit_fails((call), (e), (code), __FILE__, __LINE__)

#endif
