/* SPDX-License-Identifier: Apache-2.0
 *
 * reqref: where a requirement says its package is: a URL, a path, a repository. The part behind the '@' of "name @ WHERE", or a whole line.
 *
 *	./lib   ../wheels/x-1.0-py3-none-any.whl   file:///srv/x.whl   https://HOST/x.whl#sha256=...   git+https://HOST/x.git@v1#egg=x&subdirectory=py
 * User and password of a URL stay in `secret` form for the tool that fetches; `plain` never has them. All in the arena. Any thread.
 */
#ifndef PAWL_RULES_REQREF_H
#define PAWL_RULES_REQREF_H

#include "base/arena.h"
#include "base/err.h"

enum reqref_kind { REQREF_NONE, REQREF_PATH, REQREF_URL, REQREF_GIT };

struct reqref {
	enum reqref_kind kind;
	struct str path;         /* as written, "file:" off and %-sequences decoded: of a file or a folder */
	struct str plain, secret; /* URL without fragment; of git without "git+" and revision */
	struct str revision;     /* git: branch, tag or commit; empty: the default branch */
	struct str subdirectory; /* of the fragment */
	struct str egg;          /* the package's name in the fragment, as written */
	struct str sha256;       /* hex of the fragment; empty: none */
};

/* Does a whole requirement look like a reference instead of "name ..."? */
bool reqref_is(struct str text);
/* ERR_INPUT: a scheme or a version control that is not known. */
int reqref_parse(struct str text, struct arena *a, struct reqref *out, struct err *e);
/* Parts of a line that is a reference: "WHERE[extras] ; marker". Borrowed. */
struct reqref_line {
	struct str where, extras, marker; /* extras with their brackets */
};
struct reqref_line reqref_split(struct str line);
bool reqref_is_archive(struct str path); /* a wheel or a source distribution by its name */
/* The package's name and version by a file's name: "x-1.0.tar.gz", "x-1.0-py3-none-any.whl". */
bool reqref_file_name(struct str path, struct arena *a, struct str *name, struct str *version);
struct str reqref_decode(struct str s, struct arena *a); /* %-sequences */
struct str reqref_encode(struct str path, struct arena *a); /* a path for a URL */
struct str reqref_plain(struct str url, struct arena *a); /* without "user:password@" */

#endif
