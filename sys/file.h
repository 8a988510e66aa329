/* SPDX-License-Identifier: Apache-2.0
 *
 * file: files and folders, through descriptors and relative paths.
 *
 * `at` is a folder's descriptor or AT_FDCWD; paths are NUL-terminated. Every descriptor is close-on-exec. Failures name
 * the path and what was attempted. Interrupted calls are tried again. Any thread.
 */
#ifndef PAWL_SYS_FILE_H
#define PAWL_SYS_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define AUTO_FD __attribute__((cleanup(file_closep))) int

void file_closep(int *fd); /* closes when >= 0 and sets -1; for descriptors that were read from */
int file_close(int *fd, const char *what, struct err *e); /* after writing: an error counts; sets -1 */

enum file_type { FILE_REGULAR, FILE_FOLDER, FILE_LINK, FILE_OTHER };

struct file_stat {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* ns since 1970 */
	uint32_t mode;        /* st_mode, type included */
	uint32_t uid, gid;
	uint32_t nlink;
	enum file_type type;
};

/* Does not follow a final symlink unless follow. A missing file is ERR_MISSING. */
int file_stat(int at, const char *path, bool follow, struct file_stat *out, struct err *e);
int file_stat_fd(int fd, struct file_stat *out, struct err *e);
bool file_exists(int at, const char *path); /* symlinks not followed */

int file_open(int at, const char *path, int flags, mode_t mode, struct err *e); /* fd or -1; O_CLOEXEC is added */
int file_open_dir(int at, const char *path, struct err *e);

/* The whole file, at most limit bytes (more: ERR_INPUT). Appends to out. */
int file_read(int at, const char *path, size_t limit, struct buf *out, struct err *e);
int file_read_fd(int fd, size_t limit, struct buf *out, struct err *e);
int file_write_all(int fd, struct str data, struct err *e);
/* Replace path atomically: a temporary file beside it, written, synced when sync, renamed; the folder synced when sync. */
int file_replace(int at, const char *path, struct str data, mode_t mode, bool sync, struct err *e);

int file_mkdirs(int at, const char *path, struct err *e);              /* as mkdir -p, 0777 less umask */
int file_mkdirs_parent(int at, const char *path, struct err *e);       /* the folders above path */
int file_remove_tree(int at, const char *path, struct err *e);         /* file, link or folder with all in it; missing is fine */
int file_rename(int at, const char *from, int at2, const char *to, struct err *e);
int file_link_read(int at, const char *path, struct arena *a, struct str *out, struct err *e);

/* Copy the whole content of src: reflink if the file system can, else copy_file_range, else read and write. dst is an
 * empty file at its start. */
int file_copy_fd(int src, int dst, struct err *e);

struct file_entry {
	struct str name; /* NUL-terminated behind its end */
	enum file_type type;
};
/* Names in a folder without . and .., sorted by bytes. */
int file_list(int at, const char *path, struct arena *a, struct file_entry **out, size_t *n, struct err *e);

/* A scratch folder, mode 0700, "prefixXXXXXX" in folder; its path (absolute if folder is). */
int file_scratch_dir(const char *folder, const char *prefix, struct arena *a, struct str *path, struct err *e);

int file_sync_dir(int at, const char *path, struct err *e);

/* Lexical path arithmetic. path_join("a", "b/c"); path_clean: "./a//b/../c" -> "a/c"; "." for nothing. */
struct str path_join(struct arena *a, struct str head, struct str tail);
struct str path_clean(struct arena *a, struct str path);
/* Both clean. A path is inside itself; inside "." is every relative path that does not begin with "..". */
bool path_inside(struct str path, struct str folder);
struct str path_dir(struct str path);  /* "a/b" -> "a"; "a" -> "."; "/a" -> "/" */
struct str path_base(struct str path); /* "a/b" -> "b" */
/* Shell pattern over one clean relative path: * ? [a-z] [!a-z] do not match '/' and do match a dot in front; ** as a whole
 * name matches any number of folders, none included ("a" + "/" + "**" is what lies below a, not a itself); '\\' takes the meaning
 * off the next character; '?' is one code point. Time is at most the product of both lengths. */
bool path_match(struct str pattern, struct str path);
bool path_has_glob(struct str s); /* has one of * ? [ */

/* Files below root that match pattern (clean, relative; ** allowed), sorted by bytes, folders left out, symlinks to files
 * included as themselves. Links to folders are followed in the part before the first pattern character only. Folders named
 * .git, __pycache__ and .pawl are not entered unless the pattern names them. */
int path_glob(int root, struct str pattern, struct arena *a, struct str **out, size_t *n, struct err *e);
/* Likewise; folder is called with each folder before its names are read, also with one that is not there. */
int path_glob_through(int root, struct str pattern, void (*folder)(void *ctx, struct str path), void *ctx, struct arena *a,
		      struct str **out, size_t *n, struct err *e);

#endif
