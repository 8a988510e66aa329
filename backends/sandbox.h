/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox: a command in the file system of an image. Overlay of unpacked layers, own mount, pid, ipc and uts namespaces, no daemon; as root, or
 * without root in a user namespace. Used by steps with `isolation: image` and by builds that run something.
 *
 * Layers are unpacked once each to CACHE/roots/DIGEST (sandbox_unpack) and shared by overlay. Hostile layers (paths that escape, links
 * out of the root, devices) are refused.
 */
#ifndef PAWL_BACKENDS_SANDBOX_H
#define PAWL_BACKENDS_SANDBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "cache/cache.h"
#include "sys/jail.h"

struct sandbox_bind {        /* as sys/jail.h says */
	enum jail_bind_type type;
	struct str from, to;     /* absolute on the host, or in the tree; absolute inside */
	bool read_only;
	const struct str *roots; /* JAIL_TREE */
	size_t nroots;
	int fd;                  /* JAIL_BYTES: kept open for the sandbox under this number */
	uint32_t mode, uid, gid;
	uint64_t size;
};

struct sandbox_spec {
	const struct str *roots;          /* absolute folders of unpacked layers, lowest first */
	size_t nroots;
	const struct sandbox_bind *binds;
	size_t nbinds;
	struct str workdir;               /* inside; absolute */
	struct str user;                  /* "", "uid", "uid:gid" or a name of the image's passwd file */
	bool network;                     /* share the host's network, resolv.conf, hosts and CA bundle (bound over the image's) */
	struct str upper;                 /* absolute folder that takes the changes (with a sibling work folder); empty: thrown away */
	bool build;                       /* as sys/jail.h says; the host's CA bundle is at SANDBOX_CERTIFICATES then, over nothing of the image's */
};
#define SANDBOX_CERTIFICATES "/run/pawl/ca-certificates.crt"
bool sandbox_has_certificates(void); /* has the host a CA bundle? */

/* The unpacked form of a layer blob: made if missing or not as it was made; its folder. ERR_DAMAGED: the blob was damaged, and is removed. Any thread; two at
 * once share the work. */
int sandbox_unpack(struct cache *c, const struct digest *layer, struct arena *a, struct str *folder, struct err *e);
/* The command line that runs argv inside: our own program again with a private verb, that sets the namespaces up and then
 * executes. Its argv and the descriptors it needs are in the arena. self: absolute path of the running program. */
int sandbox_command(const struct sandbox_spec *s, const char *const *argv, const char *const *envp, const char *self, struct arena *a,
		    const char *const **out_argv, struct err *e);
#define SANDBOX_VERB "__sandbox"
/* The same for builds: what the sandbox is told and the command's variables lie in files without names, whose descriptors have to stay open in the
 * child under their numbers (2 of them; the caller closes them). Nobody reads a secret off a command line. */
int sandbox_command_private(const struct sandbox_spec *s, const char *const *argv, const char *const *envp, const char *self, struct arena *a,
			    const char *const **out_argv, int fds[2], struct err *e);
/* After it has ended: 0, or -1 and why the command was never started. told: fds[0]. */
int sandbox_reported(int told, struct err *e);
/* The private verb's main, argv[0] is SANDBOX_VERB: never returns on success. */
int sandbox_main(int argc, char **argv, struct err *e);
/* What this machine lacks for it: a text for `pawl doctor`, empty when all is there. */
struct str sandbox_lacks(struct arena *a);

#endif
