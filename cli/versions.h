/* SPDX-License-Identifier: Apache-2.0
 *
 * versions: of pawl and of the libraries that it was built with and runs with. Libraries are asked behind their doors.
 */
#ifndef PAWL_CLI_VERSIONS_H
#define PAWL_CLI_VERSIONS_H

#include <stddef.h>

#define PAWL_VERSION "0.1.0"

struct version_entry {
	const char *name, *version; /* static texts */
};
size_t versions(struct version_entry *out, size_t max);

#endif
