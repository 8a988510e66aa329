/* SPDX-License-Identifier: Apache-2.0
 *
 * pyroot: the Python of a root file system, found from the files of its layers.
 */
#ifndef PAWL_BACKENDS_PYROOT_H
#define PAWL_BACKENDS_PYROOT_H

#include "backends/oci.h"
#include "backends/wheel.h"
#include "cache/blobs.h"

struct pyroot {
	struct str version;     /* "3.11"; empty: there is none */
	struct str interpreter; /* "/usr/bin/python3" */
	struct str scheme;      /* "debian", "local" */
	struct str glibc;       /* "2.36"; "musl"; empty: unknown */
};

/* Reads the layers, lowest first; their blobs are in the store. */
int pyroot_of_layers(struct blobs *b, const struct oci_layer *layers, size_t n, struct arena *a, struct pyroot *out, struct err *e);
/* What an image's config says: images of Python itself name their version in PYTHON_VERSION. False: it says nothing. */
bool pyroot_of_config(const struct js *config, struct arena *a, struct pyroot *out);
/* Where pip would install to. */
struct wheel_scheme pyroot_scheme(const struct pyroot *p, struct arena *a);

#endif
