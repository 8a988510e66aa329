/* SPDX-License-Identifier: Apache-2.0
 *
 * jail: a command in a file system of its own: overlay of folders, own mount, pid, ipc, uts (and network) namespaces. Linux 5.11 or later.
 *
 * Three processes: the caller waits; an init in the new pid namespace reaps; the command. All stay in the caller's process group, so that a
 * signal to the group reaches the command; when the caller dies, init dies (PR_SET_PDEATHSIG) and the kernel ends all in the namespace.
 *
 * The calling process itself moves into the new namespaces: jail_run belongs into a process that does nothing else afterwards.
 *
 * As root no user namespace is needed: all owners in the image are what they are, and a command of another user sees root's files in binds that it may
 * write to as its own (sys/idmap.h). Without root, or where a file system cannot do that, the one id that exists inside is the wanted one and is the
 * caller outside. Either way what the command writes into a bind belongs to the caller. Overlays inside a user namespace use user.* attributes.
 *
 * A build is what makes a root: /tmp is the root's own; the command has as many ids as can be had (sys/userns.h), and where there is but one, what
 * changes owners succeeds and does nothing (sys/fakeids.h); binds keep their owners. Beside upper/ and work0/, work1/ (one for each command on the same
 * upper folder) a file `made` gets added what mounts needed in the root and the root did not have, each path with a NUL behind it, folders before what
 * is in them.
 *
 * What the image says is not trusted: targets of binds are looked up inside the root (openat2, RESOLVE_IN_ROOT), devices of its layers are
 * dead (nodev), the command gets no_new_privs and at most the capabilities that container engines give.
 */
#ifndef PAWL_SYS_JAIL_H
#define PAWL_SYS_JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum jail_bind_type {
	JAIL_PATH,   /* a file or folder of the host: file on file, folder on folder */
	JAIL_TREE,   /* an overlay of roots, or what lies at `from` in it; what is written there is lost */
	JAIL_BYTES,  /* a file in memory with the content of fd */
	JAIL_MEMORY, /* an empty folder in memory */
};

struct jail_bind {
	enum jail_bind_type type;
	const char *from, *to;    /* absolute on the host, or in the tree; absolute inside */
	bool read_only;
	bool optional;            /* left out when `from` is not there */
	const char *const *roots; /* JAIL_TREE: absolute folders, lowest first */
	size_t nroots;
	int fd;                   /* JAIL_BYTES: read from its start */
	unsigned mode, uid, gid;  /* JAIL_BYTES, inside; JAIL_MEMORY: the mode (0: 01777) */
	unsigned long long size;  /* JAIL_MEMORY: bytes at most; 0: as the kernel likes */
};

struct jail {
	const char *const *roots; /* absolute folders, lowest first; at least one */
	size_t nroots;
	const char *upper;        /* absolute folder on an ordinary file system: takes the changes in upper/, scratch in work/; NULL: memory */
	const struct jail_bind *binds;
	size_t nbinds;
	const char *workdir;      /* inside; made if missing; NULL: "/" */
	unsigned uid, gid;
	bool build;               /* as described above */
	bool network;             /* share the host's */
	const char *hostname;
	const char *const *argv;  /* looked up by PATH of envp inside */
	const char *const *envp;
};

/* Runs it to the end: *status is its exit status, or 128 + signal; 127 and 126 when it cannot be started there, after a line on
 * stderr. -1: the jail itself could not be built. */
int jail_run(const struct jail *j, int *status, struct err *e);

/* 0: jails can be built here, as tried with an empty one in a child. */
int jail_works(struct err *e);

#endif
