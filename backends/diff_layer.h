/* SPDX-License-Identifier: Apache-2.0
 *
 * diff_layer: what a command changed in a root, as entries of a layer.
 *
 * The upper folder of an overlay is compared with what the roots below it show. Told are: new and changed files, folders and links with owners, modes, set-id
 * bits and extended attributes (security.capability and those of users), fifos, hard links between what is told, and what is gone (whiteouts; an opaque folder
 * where nothing of the one below is left). Every folder above something told is told as well, as it is. Overlay's marks are read in both forms, root's
 * (trusted.*) and those of user namespaces (user.*).
 *
 * Not told: what is as it was but for times; sockets; what the sandbox made for its mounts and nobody filled; what matches a pattern of `omit`. A device is
 * refused, as are names that begin with ".wh.".
 *
 * The upper folder must be at rest. Who calls it must be able to read all of it: root, or root of the user namespace that filled it.
 */
#ifndef PAWL_BACKENDS_DIFF_LAYER_H
#define PAWL_BACKENDS_DIFF_LAYER_H

#include "backends/layer.h"

struct diff_spec {
	const struct str *roots; /* absolute folders of unpacked layers, lowest first */
	size_t nroots;
	struct str folder;       /* absolute; has upper/ and, of a build, `made` (sys/jail.h) */
	const struct str *omit;  /* patterns as path_match takes them, from the top: "etc/machine-id"; "var/log/": all that is no folder below it */
	size_t nomit;
};

/* Called for each entry, sorted by path. fd: a file's content, from its start, r->size bytes; r->offset means nothing. */
typedef int diff_entry(void *ctx, const struct layer_raw *r, int fd, struct err *e);

int diff_walk(const struct diff_spec *s, diff_entry *entry, void *ctx, struct err *e);
/* Adds all of it to a layer. */
int diff_layer(const struct diff_spec *s, struct layer *into, struct err *e);

/* The same through a pipe, for a process of another namespace: diff_send at its end, diff_receive at ours. A failure travels as well. */
int diff_send(const struct diff_spec *s, int to, struct err *e);
int diff_receive(int from, struct layer *into, struct err *e);

#endif
