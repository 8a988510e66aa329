/* SPDX-License-Identifier: Apache-2.0
 *
 * watch_cover: what must be watched so that a snapshot stays true, and which of the notices matter.
 *
 * For each leaf its folder is watched, a missing folder by the nearest one above it; the target of a link, and a file that has several names, themselves;
 * and that no folder above is moved away. A notice matters when it is about a leaf, about a folder that leads to one, or when the names of a listed folder
 * change. Without a snapshot the whole project is watched, less hidden folders. One thread.
 */
#ifndef PAWL_CLI_WATCH_COVER_H
#define PAWL_CLI_WATCH_COVER_H

#include "base/map.h"
#include "base/vec.h"
#include "sys/notice.h"

enum { WATCH_COOKIES = 64 };

struct watch_place {
	struct str path; /* relative to the root, or absolute */
	uint32_t next;   /* another path of the same watch, plus 1; 0: none */
	bool file;
};

struct watch_cover {
	struct str root;          /* absolute */
	struct notice *notice;
	struct arena arena;
	struct map leaves;        /* by path: 1 leaf or way to one, 2 its names count as well */
	struct map folders;       /* by path: 1 watched, 2 for itself alone */
	struct map devices;       /* by device number as text */
	VEC(struct watch_place) places;
	VEC(uint32_t) by_watch;   /* place of a watch, plus 1 */
	bool lacks;               /* something could not be watched: no notice means nothing */
	struct err why;
	bool tree;                /* the whole project is watched */
	/* what came */
	uint64_t generation;      /* grows with each notice that matters */
	bool gone;                /* what is watched is no longer where it was: begin anew */
	VEC(struct str) changed;  /* paths, up to some; in the arena */
	int cookies;              /* watch of the folder of cookies */
	char heard[WATCH_COOKIES][64]; /* names that were made there, the last ones */
	unsigned nheard;
};

int cover_init(struct watch_cover *c, struct str root, const char *cookies, struct err *e);
void cover_done(struct watch_cover *c);
int cover_again(struct watch_cover *c, const char *cookies, struct err *e); /* forget all, with a new queue; generation grows */
void cover_leaf(struct watch_cover *c, struct str path, bool listing);
void cover_tree(struct watch_cover *c);
void cover_read(struct watch_cover *c); /* everything that the kernel has to tell */
bool cover_met(const struct watch_cover *c, struct str cookie); /* was this name made in the folder of cookies? */

#endif
