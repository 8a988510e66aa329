/* SPDX-License-Identifier: Apache-2.0
 *
 * layer_entry: the inside of a layer that is being collected, and the order in which it is written. Only for backends/layer*.c.
 */
#ifndef PAWL_BACKENDS_LAYER_ENTRY_H
#define PAWL_BACKENDS_LAYER_ENTRY_H

#include "backends/layer.h"
#include "backends/squeeze.h"
#include "base/map.h"
#include "base/vec.h"

enum layer_source { SOURCE_BYTES, SOURCE_BLOB, SOURCE_PATH, SOURCE_SPOOL };

struct layer_entry {
	enum layer_type type;
	enum layer_source source;
	struct str path, target;
	struct str bytes;        /* SOURCE_BYTES: the content; SOURCE_PATH: the path to read */
	struct digest digest;    /* SOURCE_BLOB, SOURCE_PATH */
	int at;                  /* SOURCE_PATH: folder's descriptor, borrowed */
	uint64_t offset, size;
	uint32_t mode, uid, gid;
	bool raw;                /* owners and mode are what they shall be */
	struct tar_xattr *xattrs;
	size_t nxattrs;
};

struct layer {
	struct arena arena;
	VEC(struct layer_entry *) entries; /* NULL: replaced by a later one of the same path */
	struct map paths;                  /* path to index in entries */
	int spool;                         /* file without a name; -1: none yet */
	uint64_t spooled;
	bool part;                         /* layer_part */
};

enum squeeze_kind layer_squeeze(enum layer_compression c);

/* Adds the missing parent folders, checks that nothing lies below what is no folder, sorts by path, makes the first name of a file with
 * several the file and the others its hard links. *v lives in the layer's arena. */
int layer_order(struct layer *l, struct layer_entry ***v, size_t *n, struct err *e);

#endif
