/* SPDX-License-Identifier: Apache-2.0 */
#define PAWL_BASE_ERR_C
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Appends z at *at and cuts the whole with "..." at a character's border when it does not fit. */
static void
append(struct err *e, size_t *at, const char *z)
{
	const size_t room = sizeof e->text - 1 - *at;
	const size_t n = strlen(z);
	if (n <= room) {
		memcpy(e->text + *at, z, n + 1);
		*at += n;
		return;
	}
	memcpy(e->text + *at, z, room);
	size_t end = sizeof e->text - 4;
	while (end > 0 && ((unsigned char)e->text[end] & 0xc0) == 0x80)
		end--;
	memcpy(e->text + end, "...", 4);
	*at = end + 3;
}

/* Formats into e->text; returns the length. The arguments may point into e itself. */
__attribute__((format(printf, 2, 0))) static size_t
format(struct err *e, const char *fmt, va_list ap)
{
	char text[sizeof e->text + 8]; /* longer, so that a cut is seen */
	const int n = vsnprintf(text, sizeof text, fmt, ap);
	assert(n >= 0);
	size_t at = 0;
	append(e, &at, text);
	return at;
}

int
err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	assert(code != ERR_NONE);
	if (e) {
		format(e, fmt, ap);
		e->code = code;
		e->os = 0;
	}
	return -1;
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_code
code_of(int os)
{
	switch (os) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
		return ERR_FULL;
	case ENOENT:
	case ENOTDIR:
		return ERR_MISSING;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	default:
		return ERR_WORLD;
	}
}

int
err_os(struct err *e, const char *fmt, ...)
{
	const int os = errno;
	if (!e)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	size_t at = format(e, fmt, ap);
	va_end(ap);
	char why[128];
	append(e, &at, ": ");
	append(e, &at, strerror_r(os, why, sizeof why));
	e->code = code_of(os);
	e->os = os;
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -1;
	char old[sizeof e->text];
	memcpy(old, e->text, sizeof old);
	va_list ap;
	va_start(ap, fmt);
	size_t at = format(e, fmt, ap);
	va_end(ap);
	append(e, &at, ": ");
	append(e, &at, old);
	return -1;
}

int
err_status(enum err_code code)
{
	switch (code) {
#define X(name, status, text) \
	case name: \
		return status;
		ERR_CODES(X)
#undef X
	}
	return 70;
}

const char *
err_name(enum err_code code)
{
	switch (code) {
#define X(name, status, text) \
	case name: \
		return #name;
		ERR_CODES(X)
#undef X
	}
	return "ERR_BUG";
}
