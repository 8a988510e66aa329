/* SPDX-License-Identifier: Apache-2.0
 *
 * userfile: why a file of the project that the user wrote cannot be read, in plain words. Such a file is the user's mistake, not the world's.
 */
#ifndef PAWL_RULES_USERFILE_H
#define PAWL_RULES_USERFILE_H

#include "base/err.h"

/* "is a folder", "is not there", "may not be read by this user"; NULL: what happened is nothing that the user could have written otherwise.
 * why: what reading it ended in. path: relative to root. */
const char *userfile_obstacle(int root, const char *path, const struct err *why);

#endif
