/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/file.h"

/* mkdir of one folder; one that is there is fine. */
static int
make_one(int at, const char *path, struct err *e)
{
	struct stat st;
	if (mkdirat(at, path, 0777) == 0)
		return 0;
	const int os = errno;
	/* Whatever mkdir says (EROFS, EACCES on an automounter's root): a folder that is there is all that is wanted. */
	if (fstatat(at, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return 0;
	errno = os == EEXIST ? ENOTDIR : os;
	return err_os(e, "make folder '%s'", path);
}

int
file_mkdirs(int at, const char *path, struct err *e)
{
	struct stat st;
	if (fstatat(at, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return 0;
	char *part = mem_strdup(path);
	int r = 0;
	for (char *p = part; *p && r == 0; p++) {
		if (*p != '/' || p == part || p[-1] == '/')
			continue;
		*p = '\0';
		r = make_one(at, part, e);
		*p = '/';
	}
	free(part);
	return r < 0 ? -1 : make_one(at, path, e);
}

int
file_mkdirs_parent(int at, const char *path, struct err *e)
{
	const struct str folder = path_dir(str_z(path));
	if (str_is(folder, "."))
		return 0;
	struct arena a = { 0 };
	const int r = file_mkdirs(at, arena_z(&a, folder), e);
	arena_done(&a);
	return r;
}

static enum file_type
type_of(int fd, const struct dirent *d)
{
	struct stat st;
	switch (d->d_type) {
	case DT_REG:
		return FILE_REGULAR;
	case DT_DIR:
		return FILE_FOLDER;
	case DT_LNK:
		return FILE_LINK;
	case DT_UNKNOWN: /* a file system that does not tell */
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return S_ISREG(st.st_mode)   ? FILE_REGULAR
			       : S_ISDIR(st.st_mode) ? FILE_FOLDER
			       : S_ISLNK(st.st_mode) ? FILE_LINK
						     : FILE_OTHER;
		return FILE_OTHER;
	default:
		return FILE_OTHER;
	}
}

static int
by_name(const void *a, const void *b)
{
	return str_cmp(((const struct file_entry *)a)->name, ((const struct file_entry *)b)->name);
}

int
file_list(int at, const char *path, struct arena *a, struct file_entry **out, size_t *n, struct err *e)
{
	AUTO_FD fd = file_open_dir(at, path, e);
	if (fd < 0)
		return -1;
	DIR *dir = fdopendir(fd);
	if (!dir)
		return err_os(e, "list folder '%s'", path);
	const int dirfd_of_dir = fd;
	fd = -1; /* dir owns it now */
	VEC(struct file_entry) v = { 0 };
	const struct dirent *d;
	errno = 0;
	while ((d = readdir(dir))) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0) {
			const struct file_entry entry = { arena_str(a, str_z(d->d_name)), type_of(dirfd_of_dir, d) };
			VEC_PUSH(&v, entry);
		}
		errno = 0;
	}
	const int os = errno;
	(void)closedir(dir);
	if (os) {
		VEC_DONE(&v);
		errno = os;
		return err_os(e, "list folder '%s'", path);
	}
	struct file_entry *entries = arena_array(a, struct file_entry, v.n);
	if (v.n) {
		memcpy(entries, v.v, v.n * sizeof *entries);
		qsort(entries, v.n, sizeof *entries, by_name);
	}
	*out = entries;
	*n = v.n;
	VEC_DONE(&v);
	return 0;
}

int
file_scratch_dir(const char *folder, const char *prefix, struct arena *a, struct str *path, struct err *e)
{
	const struct str template = arena_printf(a, "%s/%sXXXXXX", folder, prefix);
	char *z = arena_z(a, template);
	if (!mkdtemp(z))
		return err_os(e, "make a scratch folder '%s'", template.p);
	*path = str_z(z);
	return 0;
}
