/* SPDX-License-Identifier: Apache-2.0
 *
 * tree: a folder as one content-addressed value.
 *
 * Canonical manifest: one line per entry, sorted by path bytes, '\n' at the end of each:
 *	f <sha256 hex> <size> <path>      regular file
 *	x <sha256 hex> <size> <path>      regular file with an exec bit for its owner
 *	l <length of target> <target> <path>
 *	d <path>                          a folder (every folder, so that empty ones come back)
 * Paths are relative, '/' between names; a '\n' or '\\' in a path or target is written "\n" or "\\\\"; the length of a target
 * counts its bytes as they are written. The digest of the tree is the digest of the manifest's bytes. Other file types are
 * refused (ERR_INPUT).
 */
#ifndef PAWL_HASHING_TREE_H
#define PAWL_HASHING_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "hashing/content.h"
#include "sys/file.h"

enum tree_type { TREE_FILE = 'f', TREE_EXEC = 'x', TREE_LINK = 'l', TREE_FOLDER = 'd' };

struct tree_entry {
	enum tree_type type;
	struct str path;
	struct digest digest; /* of a file */
	uint64_t size;
	struct str target;    /* of a link */
};

struct tree {
	struct tree_entry *v; /* sorted by path */
	size_t n;
};

/* How a file's content is found: the stat table's answer or a read. Called on pool threads, several at once. */
struct tree_reader {
	int (*content)(void *ctx, int at, const char *path, const struct file_stat *st, struct content *out, struct err *e);
	void *ctx;
};

/* All below path. reader NULL: reads every file. Hashing runs in parallel. */
int tree_scan(int at, const char *path, const struct tree_reader *reader, struct arena *a, struct tree *out, struct err *e);
void tree_write(const struct tree *t, struct buf *out); /* the canonical manifest */
int tree_parse(struct str manifest, struct arena *a, struct tree *out, struct err *e); /* ERR_DAMAGED; refuses paths that escape */

#endif
