/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_select: which files a COPY or ADD takes, from a folder of the project or from the file system of a stage or an image.
 *
 * Sources are paths or patterns (docker_glob.h, FILE), looked up below the origin's root, never outside. Of a folder its content is taken, of
 * anything else the thing itself; a link that is named is followed, one that is found in a folder stays a link. Files are known by content; modes
 * of the project's files are 0755 where there is an exec bit, else 0644, and folders' 0755, as a fresh clone has them anywhere.
 */
#ifndef PAWL_RULES_DOCKER_SELECT_H
#define PAWL_RULES_DOCKER_SELECT_H

#include "rules/docker_ignore.h"
#include "rules/docker_tree.h"
#include "rules/project.h"

#define DOCKER_ITEMS_MAX 1000000

enum docker_item_type { DOCKER_ITEM_FILE, DOCKER_ITEM_FOLDER, DOCKER_ITEM_LINK };

struct docker_item {
	enum docker_item_type type;
	struct str to;          /* relative to the destination; of a leaf its own name */
	struct str from;        /* path in the project; in a tree */
	struct str target;      /* of a link */
	bool leaf;              /* named by a source: the destination may be its name */
	uint32_t mode, uid, gid;
	struct digest digest;   /* of a file of the project, or of bytes */
	uint64_t size;
	struct str bytes;       /* a here-document: from is empty */
	const struct docker_tree_entry *entry; /* in a tree */
	struct digest archive;  /* blob that has it under `from`; zero: none */
	bool blob;              /* its bytes are the blob `digest` */
};

struct docker_selection {
	struct docker_item *v;  /* sorted by `to`; of equals the last one counts */
	size_t n;
	bool many;              /* more than one thing was named: the destination is a folder */
};

struct docker_select {
	const struct str *sources; /* as written, expanded */
	size_t nsources;
	const struct docker_ignore *ignore;  /* of the context; NULL: nothing is left out */
	const struct docker_ignore *exclude; /* --exclude; NULL */
	bool parents;              /* --parents: paths are kept */
};

/* From the project: root is a clean folder of it. Every path that was looked at is reported to the leaves. *wrong: index of the source that is
 * not there (ERR_INPUT). */
int docker_select_files(struct project *p, struct str root, const struct docker_select *s, struct arena *a, struct docker_selection *out,
			size_t *wrong, struct err *e);
int docker_select_tree(const struct docker_tree *t, const struct docker_select *s, struct arena *a, struct docker_selection *out, size_t *wrong,
		       struct err *e);

/* Of names, kinds and link targets (folders only: no content); of all of it. */
struct digest docker_selection_shape(const struct docker_selection *s);
struct digest docker_selection_digest(const struct docker_selection *s);

/* Shared by both: a source's path below the root, "." for the root itself; and the part of it that --parents keeps. */
struct str docker_source_path(struct str source, struct arena *a, struct str *kept);
/* Is it left out? in: relative to the source's folder; whole: relative to the origin. */
bool docker_excluded(const struct docker_select *s, struct str in, struct str whole);
void docker_selection_sort(struct docker_selection *s);

#endif
