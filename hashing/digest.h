/* SPDX-License-Identifier: Apache-2.0
 *
 * digest: SHA-256, the name of what is stored and shared. The one door to OpenSSL's libcrypto for hashing, which is loaded by the first digest.
 */
#ifndef PAWL_HASHING_DIGEST_H
#define PAWL_HASHING_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/js.h"
#include "base/str.h"

#define DIGEST_HEX 64                       /* characters without the prefix */
#define DIGEST_TEXT (7 + DIGEST_HEX)        /* "sha256:" + hex */

struct digest {
	uint8_t b[32];
};

struct digest digest_of(struct str bytes);
bool digest_eq(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d); /* the zero value means "none" */
int digest_cmp(const struct digest *a, const struct digest *b);

void digest_hex(const struct digest *d, char out[DIGEST_HEX + 1]);
void digest_text(const struct digest *d, char out[DIGEST_TEXT + 1]); /* "sha256:..." */
struct str digest_str(const struct digest *d, struct arena *a);      /* "sha256:..." */
/* "sha256:" + 64 hex digits in lower case, or the hex alone when bare. */
bool digest_parse(struct str text, bool bare, struct digest *out);

struct js *digest_js(const struct digest *d);                        /* the same; the caller's */

struct digest_stream; /* heap */
struct digest_stream *digest_begin(void);
void digest_add(struct digest_stream *s, struct str bytes);
struct digest digest_end(struct digest_stream *s); /* frees s */
void digest_drop(struct digest_stream *s);         /* frees s without a result; NULL is fine */

const char *digest_version(void); /* of libcrypto */

#endif
