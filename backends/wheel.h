/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel: what installing a wheel (PEP 427) would put where. A wheel is untrusted: sizes, paths, hashes of RECORD are checked.
 */
#ifndef PAWL_BACKENDS_WHEEL_H
#define PAWL_BACKENDS_WHEEL_H

#include "backends/layer.h"

#define WHEEL_FORMAT 1

struct wheel_scheme {      /* relative to the image's root or to the venv: "usr/local/lib/python3.11/site-packages" */
	struct str purelib, platlib, scripts, data, headers;
	struct str python; /* interpreter for the scripts' first line: "/usr/bin/python3" */
	struct str tag;    /* short name of the scheme for keys */
};

/* Add all files that installing gives (RECORD, INSTALLER "pawl", scripts included) to l. */
int wheel_add(struct blobs *b, const struct digest *wheel, const struct wheel_scheme *s, struct layer *l, struct err *e);

#endif
