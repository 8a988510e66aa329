/* SPDX-License-Identifier: Apache-2.0
 *
 * apt: packages of Debian and Ubuntu on the file system of an image, with the image's own apt, in builds (build_run.h).
 *
 *	apt_resolve  [network]  the image's indexes -> the .debs that are missing in it, stored as blobs
 *	apt_fetch    [network]  .debs that are known already
 *	apt_install  [nothing]  the image and those .debs -> what changed, as entries of a layer
 *
 * Indexes are those of the image's own sources; where it has none and none are given, this machine's. Signatures are checked by apt, contents against
 * the digests that are pinned. Recommended packages are left out, and nothing is removed. No service is started.
 *
 * Installing twice gives the same entries: clocks, hash seeds and locales are fixed, and what differs from run to run or from machine to machine is left as
 * it was (APT_OMITTED in apt.c): logs, caches, machine ids, host keys, backups.
 */
#ifndef PAWL_BACKENDS_APT_H
#define PAWL_BACKENDS_APT_H

#include "backends/build_run.h"
#include "cache/blobs.h"

#define APT_RECIPE 1 /* enters keys; raised when the same packages would give another layer */

struct apt_deb {
	struct str name, version, arch;
	struct digest sha256;
	uint64_t size;
};

struct apt_key {
	struct str bytes; /* an OpenPGP key, armoured or not */
};

struct apt_question {
	const struct str *packages; /* as apt-get install takes them: "libgomp1", "curl=7.88.1-10", "libc6:i386" */
	size_t npackages;
	const struct str *sources;  /* beside the image's own: lines of sources.list */
	size_t nsources;
	const struct apt_key *keys;
	size_t nkeys;
};

struct apt_job {
	struct blobs *blobs;
	const struct str *roots;    /* of the image, lowest first */
	size_t nroots;
	struct str scratch;         /* absolute folder */
	const char *const *environ_; /* the caller's variables: proxies are taken from them; may be NULL */
	const atomic_bool *stop;
	void (*line)(void *ctx, int stream, struct str text); /* as in build_run.h; may be NULL */
	void *ctx;
};

/* Sorted by name, then architecture. ERR_INPUT: apt has no answer, with its words; ERR_WORLD: an index cannot be had. */
int apt_resolve(const struct apt_job *j, const struct apt_question *q, struct arena *a, struct apt_deb **out, size_t *n, struct err *e);
/* Those that are not in the store. ERR_WORLD: no index has one of them any more, or one that is another file. */
int apt_fetch(const struct apt_job *j, const struct apt_question *q, const struct apt_deb *debs, size_t n, struct err *e);
int apt_install(const struct apt_job *j, const struct apt_deb *debs, size_t n, struct layer *into, struct err *e);

/* May it be asked for? NULL, or what is wrong with it. */
const char *apt_package_wrong(struct str package);
/* "NAME_VERSION_ARCH.deb" as apt names files; false: it is none. */
bool apt_deb_parse(struct str file, struct arena *a, struct apt_deb *out);
struct str apt_deb_file(const struct apt_deb *d, struct arena *a);

#endif
