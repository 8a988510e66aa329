/* SPDX-License-Identifier: Apache-2.0
 *
 * err: why something failed, for a person to read.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *e` last. On failure its outputs are untouched and e is
 * filled in; on success e is untouched. Whoever knows more puts it in front on the way up (err_wrap). A code exists for a
 * caller that acts on it, never for precision. Texts begin in lower case, quote the user's names in '...', have no full
 * stop at the end. Plain data; zero value: no error.
 */
#ifndef PAWL_BASE_ERR_H
#define PAWL_BASE_ERR_H

#include <stdarg.h>

/* code, exit status of the program, meaning */
#define ERR_CODES(X)                                                                                       \
	X(ERR_NONE, 0, "no error")                                                                         \
	X(ERR_INPUT, 2, "the usage, the pipeline or another file of the user is invalid")                  \
	X(ERR_WORLD, 3, "disk, network, registry or another program failed")                               \
	X(ERR_FAILED, 1, "a step or a build of the user failed")                                           \
	X(ERR_MISSING, 3, "what was asked for is not there; the caller may go on without")                 \
	X(ERR_DAMAGED, 3, "stored bytes are not what they were; the caller makes them again")              \
	X(ERR_FULL, 3, "the disk is full or read-only; the caller goes on without the cache")              \
	X(ERR_BUSY, 3, "somebody else holds it past the deadline")                                         \
	X(ERR_DENIED, 3, "a server or the kernel refuses; the caller may try with credentials")            \
	X(ERR_INTERRUPTED, 130, "the user ended it")                                                       \
	X(ERR_BUG, 70, "a mistake of ours")

enum err_code {
#define X(code, status, text) code,
	ERR_CODES(X)
#undef X
};

struct err {
	enum err_code code;
	int os;          /* errno where one was the cause, else 0 */
	char text[1500]; /* NUL-terminated; a longer text is cut with "..." */
};

/* Each returns -1, so that `return err_set(e, ...)` is the whole failure path. e may be NULL: nobody wants to know. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
/* From errno: appends ": No such file or directory" and the like. ENOSPC, EDQUOT, EROFS give ERR_FULL, ENOENT and ENOTDIR
 * ERR_MISSING, EACCES and EPERM ERR_DENIED, all else ERR_WORLD. */
int err_os(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "fmt: " in front of what e says; the code stays. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* clang's analyser looks at one file at a time: it has to be told what each of them returns. */
#if defined(__clang_analyzer__) && !defined(PAWL_BASE_ERR_C)
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_vset(...) (err_vset(__VA_ARGS__), -1)
#define err_os(...) (err_os(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#endif

int err_status(enum err_code code);        /* exit status, see the table */
const char *err_name(enum err_code code);  /* "ERR_INPUT" */

#endif
