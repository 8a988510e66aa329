/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel_inside: parts of wheels. Only for backends/wheel*.c.
 */
#ifndef PAWL_BACKENDS_WHEEL_INSIDE_H
#define PAWL_BACKENDS_WHEEL_INSIDE_H

#include "backends/wheel.h"
#include "base/map.h"
#include "base/vec.h"

struct wheel_file {
	struct str path;      /* in the archive */
	uint64_t offset, size;
	struct digest digest;
	bool exec;
	bool recorded;        /* RECORD lists it, with the right hash and size */
};

struct wheel_row {            /* of the RECORD that is written */
	struct str path;      /* in the image */
	struct digest digest;
	uint64_t size;
};

struct wheel {
	struct arena arena;
	struct str name;      /* for messages */
	const struct wheel_scheme *scheme;
	struct layer *layer;
	VEC(struct wheel_file) files;
	struct map paths;     /* by path */
	struct map folded;    /* by path in lower case */
	struct str info;      /* "six-1.16.0.dist-info" */
	struct str stem;      /* "six-1.16.0" */
	struct str lib;       /* where what is not in .data goes */
	VEC(struct wheel_row) rows;
	struct map placed;    /* places in the image, in lower case */
};

/* wheel_record.c: RECORD in, every file checked against it; RECORD out. */
int wheel_record_check(struct wheel *w, struct str record, struct err *e);
void wheel_record_write(struct wheel *w, struct buf *out);
/* A place in the image for a file that is known by digest: refused when it is taken. */
int wheel_place(struct wheel *w, struct str path, const struct digest *d, uint64_t size, struct err *e);

/* wheel_script.c: the first line of a script for an interpreter; entry points to scripts. */
void wheel_first_line(struct str python, struct buf *out);
bool wheel_script_rewrite(struct str python, struct str script, struct buf *out); /* false: not "#!python": leave it */
int wheel_entry_points(struct wheel *w, struct str text, struct err *e);

#endif
