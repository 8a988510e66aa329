/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/git.h"

#include <git2.h>
#include <stdbool.h>

#include "base/buf.h"
#include "sys/file.h"
#include "sys/library.h"

enum { LINE_MAX_BYTES = 4096 };
enum quick { QUICK_NONE, QUICK_FOUND, QUICK_UNKNOWN };

/* libgit2's functions, by name without "git_". */
#define FUNCTIONS(X)                                                                                          \
	X(libgit2_init)                                                                                       \
	X(libgit2_opts) X(repository_open_ext) X(repository_free) X(repository_head) X(repository_head_detached) \
	X(reference_free) X(reference_shorthand) X(reference_target) X(oid_tostr)

static struct {
#define X(f) __typeof__(git_##f) *f;
	FUNCTIONS(X)
#undef X
} lib;

static int
begin(struct err *e)
{
	if (lib.libgit2_init() < 1)
		return err_set(e, ERR_MISSING, "libgit2 cannot be started");
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		(void)lib.libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, ""); /* only narrows what is read */
	/* Whose files they are is no matter when two names are read and nothing is run. */
	(void)lib.libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	return 0;
}

static const struct library_function functions[] = {
#define X(f) { "git_" #f, &lib.f },
	FUNCTIONS(X)
#undef X
};
static struct library libgit2 = LIBRARY("libgit2.so." LIBGIT2_SOVERSION, "libgit2", functions, begin);

static bool
is_hex(struct str s)
{
	if (s.n != GIT_OID_HEXSZ)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

static bool
line_of(const char *folder, struct str file, struct arena *a, struct str *out)
{
	AUTO_BUF b = { 0 };
	if (file_read(AT_FDCWD, arena_z(a, path_join(a, str_z(folder), file)), LINE_MAX_BYTES, &b, NULL) < 0)
		return false;
	*out = arena_str(a, str_trim(buf_str(&b)));
	return true;
}

/* A branch with a file of its own, or a bare id: what HEAD nearly always is. */
static enum quick
read_head(const char *git, struct arena *a, struct git_head *out)
{
	static const char heads[] = "ref: refs/heads/";
	struct str head, commit;
	if (!line_of(git, STR("HEAD"), a, &head))
		return QUICK_UNKNOWN;
	if (is_hex(head)) {
		*out = (struct git_head){ .commit = head };
		return QUICK_FOUND;
	}
	if (!str_starts(head, str_z(heads)) || !line_of(git, str_drop(head, 5), a, &commit) || !is_hex(commit))
		return QUICK_UNKNOWN;
	*out = (struct git_head){ .commit = commit, .branch = str_drop(head, sizeof heads - 1) };
	return QUICK_FOUND;
}

/* What the files say without libgit2, whose start costs more than all the rest of a short run. It is asked where they do not say it plainly:
 * work trees, packed references, other formats. */
static enum quick
look(const char *folder, struct arena *a, struct git_head *out)
{
	for (struct str at = str_z(folder);; at = path_dir(at)) {
		const char *git = arena_z(a, path_join(a, at, STR(".git")));
		struct file_stat st;
		if (file_stat(AT_FDCWD, git, false, &st, NULL) == 0)
			return st.type == FILE_FOLDER ? read_head(git, a, out) : QUICK_UNKNOWN;
		if (at.n <= 1)
			return QUICK_NONE;
	}
}

int
git_head_of(const char *folder, struct arena *a, struct git_head *out, struct err *e)
{
	switch (look(folder, a, out)) {
	case QUICK_FOUND:
		return 0;
	case QUICK_NONE:
		return err_set(e, ERR_MISSING, "'%s' is in no git repository", folder);
	case QUICK_UNKNOWN:
		break;
	}
	git_repository *repository = NULL;
	git_reference *head = NULL;
	char hex[GIT_OID_HEXSZ + 1];
	if (library_use(&libgit2, e) < 0)
		return -1;
	int rc = lib.repository_open_ext(&repository, folder, 0, NULL);
	if (rc == 0)
		rc = lib.repository_head(&head, repository);
	const git_oid *id = rc == 0 ? lib.reference_target(head) : NULL;
	if (id) {
		bool detached = lib.repository_head_detached(repository) == 1;
		out->commit = arena_str(a, str_z(lib.oid_tostr(hex, sizeof hex, id)));
		out->branch = detached ? (struct str){ 0 } : arena_str(a, str_z(lib.reference_shorthand(head)));
	}
	lib.reference_free(head);
	lib.repository_free(repository);
	return id ? 0 : err_set(e, ERR_MISSING, "'%s' is in no git repository with a commit", folder);
}
