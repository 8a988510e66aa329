/* SPDX-License-Identifier: Apache-2.0
 *
 * otherlock: lock files of other tools, taken as they are: uv.lock, pylock.toml (PEP 751), poetry.lock, Pipfile.lock, and requirements with hashes.
 *
 * The first three name files and hashes: otherlock_select walks them for a target (markers, extras, groups; nothing of this machine) and gives
 * each package's files, from which the target's tags choose. The last two name versions and hashes only: otherlock_lines gives them as lines of a
 * requirements file, whose files an index has to name; no version is left to choose.
 * Packages that are folders are code of the project, not wheels: they come out as folders.
 * A lock file is the user's, but hostile all the same: every text and list is checked. Results live in the arena. Any thread.
 */
#ifndef PAWL_RULES_OTHERLOCK_H
#define PAWL_RULES_OTHERLOCK_H

#include "backends/resolver.h"
#include "base/js.h"
#include "base/vec.h"
#include "rules/pep508.h"

#define OTHERLOCK_PACKAGES 20000
#define OTHERLOCK_FILES 5000 /* of one package */

enum otherlock_kind { OTHERLOCK_UV, OTHERLOCK_PYLOCK, OTHERLOCK_POETRY, OTHERLOCK_PIPFILE, OTHERLOCK_REQUIREMENTS };

struct otherlock {
	enum otherlock_kind kind;
	struct str path, folder;    /* relative to the project root, clean */
	const struct js *doc;       /* NULL: requirements */
	const struct js *pyproject; /* of the folder; NULL: there is none. Set by the caller before otherlock_select; only poetry's needs it */
};

struct otherlock_question {
	const struct marker_env *env;
	const struct str *groups;   /* names of groups and extras, as the user wrote them */
	size_t ngroups;
	struct str member;          /* the folder whose project is meant, relative to the project root; empty: the lock's folder */
	struct str root;            /* absolute path of the project root, for URLs of files in it */
};

/* A package that is a folder. */
struct otherlock_folder {
	struct str name, path;      /* path: relative to the project root, clean; may begin with "../" */
};

struct otherlock_answer {
	struct resolver_answer packages; /* a file without sha256 lies in a folder (its url is file://) */
	struct otherlock_folder *folders;
	size_t nfolders;
};

/* By its name, or else by what is in it. */
enum otherlock_kind otherlock_kind_of(struct str path, struct str text);
/* ERR_INPUT, with *at where it is known. The result's doc lives as long as the arena. */
int otherlock_read(struct str path, struct str text, struct arena *a, struct otherlock *out, struct js_place *at, struct err *e);
/* ERR_INPUT: it is broken, not for this target, or lacks a group. */
int otherlock_select(const struct otherlock *l, const struct otherlock_question *q, struct arena *a, struct otherlock_answer *out, struct err *e);
/* Only OTHERLOCK_PIPFILE: "name==version ; marker --hash=..." each. */
int otherlock_lines(const struct otherlock *l, const struct otherlock_question *q, struct arena *a, struct str **lines, size_t *n,
		    struct otherlock_answer *folders, struct err *e);

/* ---- inside: what the formats share ---- */

struct otherlock_walk {
	const struct otherlock *lock;
	const struct otherlock_question *q;
	struct marker_env env;      /* the question's, with extras and groups */
	struct arena *a;
	struct err *e;
	VEC(struct resolver_package) packages;
	VEC(struct otherlock_folder) folders;
};

int otherlock_uv(struct otherlock_walk *w);
int otherlock_pylock(struct otherlock_walk *w);
int otherlock_poetry(struct otherlock_walk *w);

/* Is the marker true (an empty one is)? ERR_INPUT: it is none. */
int otherlock_marker(struct otherlock_walk *w, struct str marker, bool *value);
/* Does a text such as ">=3.9,<4" hold for the target's Python? An empty one does. */
int otherlock_python(struct otherlock_walk *w, struct str clauses, bool *value);
/* A file of a package: by URL, or by path relative to the folder `from` (relative to the project root). hash: "sha256:..." or empty. */
int otherlock_file(struct otherlock_walk *w, struct str url, struct str from, struct str path, struct str name, struct str hash, int64_t size,
		   struct resolver_file *out);
/* A path of the lock, relative to the project root; an absolute one stays. */
struct str otherlock_path(const struct otherlock_walk *w, struct str path);
void otherlock_add_folder(struct otherlock_walk *w, struct str name, struct str path);
bool otherlock_commit(struct str s); /* 40 or 64 hex digits */
/* ERR_INPUT with what would have been near. */
int otherlock_no_group(struct otherlock_walk *w, struct str group, const struct str *known, size_t n);

#endif
