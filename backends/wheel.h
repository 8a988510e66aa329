/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel: what installing a wheel (PEP 427) would put where. A wheel is untrusted.
 *
 * Refused (ERR_INPUT, the message names wheel and entry): a file that RECORD does not list or lists with another hash or size, a listed file
 * that is missing, absolute paths and "..", links, entries twice or that differ in letter case only, two files for one place,
 * a wheel version other than 1, console scripts whose names or targets are none, and archives beyond the limits of backends/archive.h.
 *
 * The scripts' first line names the scheme's interpreter; RECORD is written anew with the installed paths; nothing is byte-compiled, so
 * that the same wheel gives the same layer everywhere.
 */
#ifndef PAWL_BACKENDS_WHEEL_H
#define PAWL_BACKENDS_WHEEL_H

#include "backends/layer.h"

#define WHEEL_FORMAT 2     /* enters keys; raised when other files would come out of the same wheel */

struct wheel_scheme {      /* relative to the image's root or to the venv: "usr/local/lib/python3.11/site-packages" */
	struct str purelib, platlib, scripts, data;
	struct str headers; /* a folder of the distribution's name is made in it */
	struct str python;  /* interpreter for the scripts' first line: "/usr/bin/python3" */
	struct str tag;     /* short name of the scheme for keys */
};

/* Add all files that installing gives (RECORD, INSTALLER "pawl", scripts included) to l. name: the wheel's file name, for messages. */
int wheel_add_named(struct blobs *b, const struct digest *wheel, struct str name, const struct wheel_scheme *s, struct layer *l,
		    struct err *e);
/* The same of a wheel in memory. */
int wheel_add_bytes(struct str wheel, struct str name, const struct wheel_scheme *s, struct layer *l, struct err *e);
int wheel_add(struct blobs *b, const struct digest *wheel, const struct wheel_scheme *s, struct layer *l, struct err *e);

#endif
