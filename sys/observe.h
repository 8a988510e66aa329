/* SPDX-License-Identifier: Apache-2.0
 *
 * observe: which files a process and all that it starts open, look for, list and write; without privileges. Linux 5.0 or later.
 *
 * The child installs a seccomp filter between fork and exec; its descendants inherit it and cannot leave it. The calls that name files stop in the
 * kernel until a thread of ours has read the name from the caller's memory and says "go on": such a call costs some microseconds more, all other
 * calls cost nothing, since the kernel keeps what the filter always allows in a bitmap. Nothing is ever refused, but io_uring, which could open
 * files behind the filter: its programs fall back to ordinary calls (ENOSYS).
 *
 * The name is read while the caller waits; another thread of it may change it afterwards. So this tells what honest programs do, it holds nobody back.
 * Without CAP_SYS_ADMIN the child gets no_new_privs: programs with the setuid bit get no other user.
 * Not seen: processes of another architecture than ours (i386), names given by AT_EMPTY_PATH, what another process opens and hands over.
 *
 * One thread per observer, from observe_new to observe_end. `seen` is called on it and must not block for long: the caller waits.
 */
#ifndef PAWL_SYS_OBSERVE_H
#define PAWL_SYS_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

enum observe_what {
	OBSERVE_LOOK = 1,   /* is it there, and what is it: stat, access, open with O_PATH */
	OBSERVE_READ = 2,   /* opened to be read, or executed */
	OBSERVE_LIST = 4,   /* opened as a folder */
	OBSERVE_LINK = 8,   /* where does the link lead */
	OBSERVE_WRITE = 16, /* opened to be written; a name made, moved or removed */
	OBSERVE_FRESH = 32, /* with WRITE: nothing that was there before can be read there afterwards (O_TRUNC, a rename onto it) */
	OBSERVE_NEW = 64,   /* with WRITE: makes the name, and fails if it is there (O_EXCL, mkdir, link) */
	OBSERVE_EXEC = 128, /* a new program begins */
};

struct observe_event {
	pid_t tid;        /* thread that calls */
	unsigned what;
	size_t folder;    /* index; SIZE_MAX: outside of all (EXEC alone is told then), path is empty */
	struct str path;  /* lexically clean, relative to the folder; "." is the folder itself; NUL-terminated; valid during the call */
	bool absolute;    /* so it was named */
};

struct observe_opts {
	const struct str *folders; /* absolute, clean, as the processes name them; files outside of them are not told of. Copied. */
	size_t nfolders;
	void *ctx;
	void (*seen)(void *ctx, const struct observe_event *ev);
};

struct observer;
struct observer *observe_new(const struct observe_opts *o, struct err *e);
/* For the child: what proc_opts.observe takes. The parent calls observe_started once it was started, or could not be. */
struct observe_entry;
const struct observe_entry *observe_entry(const struct observer *o);
void observe_started(struct observer *o);
/* No further call of seen. Processes that live on (they left their group) are served by a small process of their own until they end.
 * False: the filter could not be installed (a kernel without it, or we are observed ourselves): nothing was seen. NULL is fine. */
bool observe_end(struct observer *o, struct err *why);

/* In the child, between fork and exec: system calls only. 0, or -1: then it is not observed, and the observer knows why. */
int observe_enter(const struct observe_entry *x);

#endif
