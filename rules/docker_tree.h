/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_tree: the file system that a stack of layers makes, as a sorted list, read from the layers' blobs.
 *
 * Owners and modes are as the layers say, whoever runs pawl. Names in it are hostile: links are followed by docker_tree_resolve alone, which
 * stays inside. Immutable once read; any thread.
 */
#ifndef PAWL_RULES_DOCKER_TREE_H
#define PAWL_RULES_DOCKER_TREE_H

#include "backends/archive.h"
#include "backends/layer.h"
#include "base/map.h"
#include "cache/blobs.h"

struct docker_tree_entry {
	enum archive_type type;    /* of a hard link: ARCHIVE_FILE_ENTRY, with the file that has the content in `content` */
	struct str path;           /* clean, relative */
	struct str target;         /* of a link */
	struct str content;        /* path in its layer of the entry that has the bytes */
	uint32_t layer;            /* index */
	uint32_t mode, uid, gid;
	uint64_t size;
	bool gone;                 /* private */
};

struct docker_tree {
	struct docker_tree_entry *v; /* sorted by path */
	size_t n;
	struct map by_path;
	const struct digest *layers;
	size_t nlayers;
};

/* layers: digests of blobs that are in the store, lowest first. Blocks. */
int docker_tree_read(struct blobs *b, const struct digest *layers, size_t n, struct arena *a, struct docker_tree *out, struct err *e);
void docker_tree_done(struct docker_tree *t); /* the map; the rest is the arena's */

const struct docker_tree_entry *docker_tree_get(const struct docker_tree *t, struct str path); /* NULL: not there; "." is never there */
/* The path without links in it, relative to the root, "." for the root; what is not there stays as it is. follow: the last name as well. ERR_INPUT: links
 * in a circle, or below something that is no folder. */
int docker_tree_resolve(const struct docker_tree *t, struct str path, bool follow, struct arena *a, struct str *out, struct err *e);
/* The entries below a folder (clean path or "."): v[first .. first + n), the folder itself not among them; of "a" also "a.b" may lie
 * between, so check with path_inside. */
void docker_tree_below(const struct docker_tree *t, struct str folder, size_t *first, size_t *n);
/* Bytes of a small file (passwd, group); ERR_MISSING. */
int docker_tree_file(struct blobs *b, const struct docker_tree *t, struct str path, size_t limit, struct buf *out, struct err *e);

/* Walk layer `layer` once: call gets each entry that is a file; it may archive_read_all from r. */
int docker_tree_walk(struct blobs *b, const struct docker_tree *t, uint32_t layer,
		     int (*call)(void *ctx, const struct archive_item *item, struct archive_reader *r, struct err *e), void *ctx, struct err *e);

#endif
