/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/git.h"

#include <git2.h>
#include <stdbool.h>

#include "sys/library.h"

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

int
git_head_of(const char *folder, struct arena *a, struct git_head *out, struct err *e)
{
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
