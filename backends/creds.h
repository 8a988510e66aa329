/* SPDX-License-Identifier: Apache-2.0
 *
 * creds: who we are for a registry, as Docker and Podman would resolve it.
 *
 * Files, the first that has an answer: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json or ~/.docker/config.json,
 * $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json or ~/.config/containers/auth.json. In each: credHelpers of the host,
 * then auths of host/repository, host/namespace and host, then credsStore. Helpers are programs docker-credential-NAME.
 * Secrets are never put in a message.
 */
#ifndef PAWL_BACKENDS_CREDS_H
#define PAWL_BACKENDS_CREDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct creds {
	bool found;
	struct str user, secret;
	struct str identity; /* a refresh token; then user and secret are empty */
	struct str bearer;   /* a token for the registry itself */
};

/* environ_: the caller's variables. Without an answer found is false; a broken file or helper is an error. */
int creds_find(const char *const *environ_, struct str host, struct str repository, struct arena *a, struct creds *out, struct err *e);

/* The state of the files that an answer would come from, appended: where it is the same, so is the answer. */
void creds_state(const char *const *environ_, struct buf *out);

#endif
