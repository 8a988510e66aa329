/* SPDX-License-Identifier: Apache-2.0
 *
 * notice: changes in folders and files, as the kernel tells of them (inotify).
 *
 * The kernel puts an event into the queue while the change is made, so what happened before a name was made in a watched folder is told before that
 * name: this is how a reader proves that it has missed nothing (a cookie file). A queue that ran over says so; then anything may have changed.
 * Not told: changes by other machines on network file systems, by a mapping that is written and not closed yet, and what happens to a file by another of
 * its names, unless the file itself is watched. One thread at a time.
 */
#ifndef PAWL_SYS_NOTICE_H
#define PAWL_SYS_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct notice;

struct notice *notice_new(struct err *e);
void notice_free(struct notice *n); /* NULL is fine */
int notice_fd(const struct notice *n); /* readable when there is something */

enum notice_depth {
	NOTICE_SELF, /* only that the folder itself is moved or removed */
	NOTICE_ALL,  /* and all that happens to the names in it and to their contents and modes; of a file: to it */
};
/* The number by which events name it; the same for the same folder by another path. ERR_FULL: the kernel's limit of watches; ERR_MISSING. */
int notice_add(struct notice *n, const char *path, enum notice_depth depth, struct err *e);

struct notice_event {
	int watch;
	struct str name; /* in the folder; empty: what is watched itself */
	bool names;      /* a name came or went (else: content or mode) */
	bool folder;     /* it is a folder */
	bool gone;       /* what is watched was moved or removed, or its file system was unmounted */
};
/* All that is in the queue now. False: it ran over since the last call. */
bool notice_read(struct notice *n, void (*call)(void *ctx, const struct notice_event *ev), void *ctx);

/* Does the kernel see every change of this file system (is it a local one)? */
bool notice_covers(const char *path);

#endif
