/* SPDX-License-Identifier: Apache-2.0
 *
 * bootstrap: a small root file system from a distribution's packages, by mmdebstrap, as one canonical layer.
 *
 * Packages are unpacked, not configured: what a root needs to run programs (accounts, the loader's cache, /bin/sh, CA bundle) is made by hand, and
 * documentation and translations are left out. The same package versions give the same bytes. Packages come from where the machine's own apt gets
 * them. Blocks for seconds; any thread.
 */
#ifndef PAWL_BACKENDS_BOOTSTRAP_H
#define PAWL_BACKENDS_BOOTSTRAP_H

#include <stdatomic.h>

#include "backends/layer.h"

#define BOOTSTRAP_RECIPE 1 /* enters keys; raised when the recipe would give other files */

struct bootstrap_spec {
	struct str distribution;    /* "debian", "ubuntu" */
	struct str suite;           /* "bookworm" */
	const struct str *packages; /* what the user names; a few essentials are added */
	size_t npackages;
	struct str platform;        /* "linux/amd64" */
	enum layer_compression compression;
	const char *scratch;        /* absolute folder for what is big and short-lived */
	const char *const *environ_;
	const atomic_bool *stop;    /* NULL, or: once it is true mmdebstrap is ended, ERR_INTERRUPTED */
};

struct bootstrap_package {
	struct str name, version, arch;
};

struct bootstrap_made {
	struct layer_info layer;
	struct bootstrap_package *packages; /* sorted by name */
	size_t npackages;
};

/* What mmdebstrap lacks to run as this user, and the command that mends it (empty: none is known); empty: nothing. */
struct str bootstrap_lacks(struct arena *a, struct str *mend);
/* Does a file like /etc/subuid give the user a range that is large enough? */
bool bootstrap_ids_allowed(struct str text, struct str name, unsigned uid);

/* ERR_INPUT: a distribution or name that cannot be; ERR_WORLD with mmdebstrap's last words; ERR_MISSING: mmdebstrap is not installed. */
int bootstrap_make(const struct bootstrap_spec *s, struct blobs *b, struct arena *a, struct bootstrap_made *out, struct err *e);

#endif
