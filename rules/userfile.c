/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/userfile.h"

#include "sys/file.h"

const char *
userfile_obstacle(int root, const char *path, const struct err *why)
{
	struct file_stat st;

	if (file_stat(root, path, true, &st, NULL) == 0 && st.type == FILE_FOLDER)
		return "is a folder";
	if (file_stat(root, path, true, &st, NULL) == 0 && st.type != FILE_REGULAR)
		return "is no file";
	switch (why->code) {
	case ERR_MISSING:
		return file_exists(root, path) ? "is a link to nothing" : "is not there";
	case ERR_DENIED:
		return "may not be read by this user";
	case ERR_INPUT:
		return "is too large";
	default:
		return NULL;
	}
}
