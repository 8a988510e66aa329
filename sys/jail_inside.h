/* SPDX-License-Identifier: Apache-2.0
 *
 * jail_inside: the inside of a jail under construction. Only for sys/jail*.c.
 */
#ifndef PAWL_SYS_JAIL_INSIDE_H
#define PAWL_SYS_JAIL_INSIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "sys/jail.h"

/* A tmpfs, our working folder meanwhile, holds the links to the roots, the upper folder and the merged root "m". */
struct jail_build {
	const struct jail *j;
	struct arena arena;
	bool user_ns;
	bool one_id;     /* owners cannot be given */
	const char *upper, *work;
	const char *base; /* where the tmpfs is */
	int root;        /* descriptor of the merged root */
	int *copies;     /* by bind: its mounts with other owners (sys/idmap.h), or -1; NULL: none has any */
	struct buf made; /* what mounts needed and the root did not have: paths inside, each with a NUL behind it, in the order they were made */
};

/* In the new namespaces, as their init: everything up to the new root. */
int jail_build_root(struct jail_build *b, struct err *e);

/* ---- jail_mount.c: what is mounted into the root ---- */
int jail_mount_at(const char *what, const char *where, const char *type, unsigned long flags, const char *data, struct err *e);
/* Opens a path inside the root; links never lead out. */
int jail_open_inside(struct jail_build *b, const char *path, uint64_t flags, uint64_t mode);
int jail_mkdirs_inside(struct jail_build *b, const char *path, struct err *e);
/* A file system of the kernel's at a folder of the root. */
int jail_mount_inside(struct jail_build *b, const char *where, const char *type, unsigned long flags, const char *data, struct err *e);
/* i: the number of the bind, or SIZE_MAX for one of our own. */
int jail_bind_one(struct jail_build *b, const struct jail_bind *bind, size_t i, struct err *e);
/* Mounts an overlay of roots, lowest first, at the folder `at` (made); upper and work are folders. name: of its links, a letter. */
int jail_overlay(struct jail_build *b, const char *const *roots, size_t n, const char *name, const char *upper, const char *work,
		 const char *at, struct err *e);

#endif
