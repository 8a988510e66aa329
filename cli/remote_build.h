/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_build: the far end of the image builder `remote` (backends/remote_wire.h), a private verb on stdin and stdout.
 *
 * The job becomes a project in a scratch folder with one environment, which this same program builds with its native builder and this
 * machine's cache; what it prints goes back line by line. Nothing is left behind but the cache.
 */
#ifndef PAWL_CLI_REMOTE_BUILD_H
#define PAWL_CLI_REMOTE_BUILD_H

#include "base/err.h"

/* Exit status: 0 also when the build failed and the other side was told. -1: there is nobody to talk to. */
int remote_build_main(struct err *e);

#endif
