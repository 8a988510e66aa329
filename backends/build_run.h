/* SPDX-License-Identifier: Apache-2.0
 *
 * build_run: commands that make something in the file system of an image, and what they changed as a layer.
 *
 * build_open takes the unpacked layers that a command starts from (sandbox_unpack) and a folder for the changes. Each build_run starts one command on what
 * the ones before it left. build_diff adds what all of them changed to a layer (diff_layer.h says what is told), build_close removes the changes.
 *
 * As root owners and capabilities are what they are in containers. Without root the build happens in a user namespace, with the subordinate ids of
 * /etc/subuid and /etc/subgid where newuidmap is installed; else 0 is the only id, and what changes owners succeeds and does nothing. Layers that were
 * unpacked without root show all owners as 0.
 *
 * A command sees: the root with /tmp in it, /proc and a small /dev, its mounts, nothing of the host's variables, an empty stdin, no terminal, umask 022, the
 * host name "pawl", and the loopback network or the host's. With the host's network resolv.conf and hosts are the host's, and the host's CA bundle is
 * at SANDBOX_CERTIFICATES, which SSL_CERT_FILE and its like name where the command's variables do not. None of this appears in the layer.
 *
 * One thread at a time per build; several builds at once are fine, also on the same roots. Everything blocks.
 */
#ifndef PAWL_BACKENDS_BUILD_RUN_H
#define PAWL_BACKENDS_BUILD_RUN_H

#include <stdatomic.h>

#include "backends/layer.h"
#include "backends/lines.h"
#include "backends/tail.h"

struct build;

enum build_mount_type {
	BUILD_BIND,   /* `from` of the host: what is written there is the host's, unless read_only */
	BUILD_TREE,   /* several unpacked layers as one tree, or what lies at `from` in it; what is written there is lost */
	BUILD_TMPFS,  /* an empty folder in memory */
	BUILD_SECRET, /* a file in memory with these bytes; they are on no disk and on no command line */
};

struct build_mount {
	enum build_mount_type type;
	struct str from;         /* BIND: absolute on the host: a folder (a cache folder as well), file or socket; TREE: absolute in it, or empty */
	struct str to;           /* absolute inside; made when it is not there */
	bool read_only;          /* BIND, TREE */
	const struct str *roots; /* TREE: absolute folders, lowest first. One folder: a bind whose writes are lost */
	size_t nroots;
	struct str bytes;        /* SECRET */
	uint32_t mode, uid, gid; /* SECRET; TMPFS: the mode, 0: 01777 */
	uint64_t size;           /* TMPFS: bytes at most; 0: as the kernel likes */
};

struct build_opts {
	const struct str *roots; /* absolute folders of unpacked layers, lowest first, at least one; copied */
	size_t nroots;
	struct str scratch;      /* absolute folder on an ordinary file system, below which the changes lie */
};

struct build_command {
	const char *const *argv;  /* argv[0] is looked up in PATH of envp, inside */
	const char *const *envp;  /* all of the command's variables */
	const struct build_mount *mounts; /* later ones lie over earlier ones */
	size_t nmounts;
	struct str workdir;       /* absolute inside; made when it is not there; empty: "/" */
	struct str user;          /* "", "uid", "uid:gid" or a name of the image's passwd file */
	bool network;             /* the host's; else loopback alone */
	const struct masks *masks; /* what is *** in its lines; may be NULL */
	void (*line)(void *ctx, int stream, struct str text); /* for each line of output while it runs; stream 1 or 2; may be NULL */
	void *ctx;
	const atomic_bool *stop;  /* set from elsewhere: its processes get SIGTERM, and soon SIGKILL; may be NULL */
	int64_t timeout;          /* ns; 0: none */
};

#define BUILD_LAST TAIL_LINES
struct build_end {
	int status;                  /* exit status, or 128 + signal; 127 and 126: it could not be started, the last line says why */
	struct str last[BUILD_LAST]; /* its last lines, in the arena */
	size_t nlast;
	double seconds;
};

int build_open(const struct build_opts *o, struct build **out, struct err *e);
/* A command that fails is no error: end->status says it. ERR_INTERRUPTED: it was stopped; ERR_BUSY: the timeout; else it never ran. */
int build_run(struct build *b, const struct build_command *c, struct arena *a, struct build_end *end, struct err *e);
/* omit: patterns of paths that are left as they are below, as diff_layer.h says. */
int build_diff(struct build *b, const struct str *omit, size_t nomit, struct layer *into, struct err *e);
/* The folder that has upper/ with the changes: to look into from outside (as root; without root other owners may forbid it). */
struct str build_folder(const struct build *b);
void build_close(struct build *b); /* NULL is fine */

/* Remove what a build left that died, whoever its files belong to. */
int build_remove(struct str folder, struct err *e);

/* What a process of ours does in the user namespace of a build (sandbox_main calls it). */
struct js;
int build_tool(const struct js *spec, struct err *e);

#endif
