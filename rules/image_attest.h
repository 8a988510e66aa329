/* SPDX-License-Identifier: Apache-2.0
 *
 * image_attest: what an image is made of and how, as documents that refer to it: an SPDX 2.3 list of what is in it and an in-toto statement with SLSA
 * provenance 1. Both depend on the image's inputs alone: no times, no names of machines, the same bytes wherever it is built.
 */
#ifndef PAWL_RULES_IMAGE_ATTEST_H
#define PAWL_RULES_IMAGE_ATTEST_H

#include "hashing/key.h"
#include "rules/image.h"
#include "rules/wheels.h"

#define ATTEST_FORMAT 1 /* enters keys; raised when the documents would change for the same image */
#define ATTEST_SPDX "application/spdx+json"
#define ATTEST_IN_TOTO "application/vnd.in-toto+json"
#define ATTEST_SLSA "https://slsa.dev/provenance/v1"

struct attest {
	struct str name;                  /* "churn:base" */
	struct str pipeline, environment;
	struct str builder;               /* "native" */
	struct digest manifest;           /* of the image */
	const struct parent_info *parent;
	const struct wheel_set *wheels;   /* may be empty */
	const struct key *key;            /* that the image was made under */
	struct digest key_digest;
};

void attest_sbom(const struct attest *x, struct buf *out);       /* canonical JSON */
void attest_provenance(const struct attest *x, struct buf *out);

#endif
