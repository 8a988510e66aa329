/* SPDX-License-Identifier: Apache-2.0
 *
 * pycreds: who we are for a server that has Python packages, as pip, uv and netrc are set up: user and password in a URL of an index (variables,
 * pip.conf, uv.toml), UV_INDEX_NAME_USERNAME and _PASSWORD, $NETRC or ~/.netrc.
 *
 * An index's credentials serve its own origin (scheme, host and port) only. Secrets are never put in a message.
 */
#ifndef PAWL_BACKENDS_PYCREDS_H
#define PAWL_BACKENDS_PYCREDS_H

#include "base/arena.h"

struct pycreds {
	struct str user, secret;
};

/* environ_: the caller's variables; further: URLs of indexes that the user named elsewhere. False: nobody knows any. */
bool pycreds_find(const char *const *environ_, const struct str *further, size_t nfurther, struct str url, struct arena *a, struct pycreds *out);

#endif
