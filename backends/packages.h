/* SPDX-License-Identifier: Apache-2.0
 *
 * packages: what a root file system has installed, by the state of its package manager: dpkg (var/lib/dpkg/status and status.d/, as distroless images
 * have it) and apk. Others give an empty list. What is read is hostile: limits, and entries with impossible names are left out.
 */
#ifndef PAWL_BACKENDS_PACKAGES_H
#define PAWL_BACKENDS_PACKAGES_H

#include "backends/oci.h"
#include "cache/blobs.h"

struct package {
	struct str name, version, arch;
};

struct packages {
	struct package *v;       /* sorted by name, then architecture and version */
	size_t n;
	const char *manager;     /* "deb", "apk"; NULL: none was found. Static */
	struct str distribution; /* ID of etc/os-release, "debian"; empty: unknown */
	struct str release;      /* VERSION_ID, "12" */
};

/* Reads the layers, lowest first; their blobs are in the store. */
int packages_of_layers(struct blobs *b, const struct oci_layer *layers, size_t n, struct arena *a, struct packages *out, struct err *e);
/* The same from the texts of dpkg's status or apk's installed; appended in the order of the text. */
size_t packages_parse(struct str text, bool apk, struct arena *a, struct package **out);
/* May it be a package's name or version? Letters, digits and + - . : ~ _ alone. */
bool packages_word(struct str s);

#endif
