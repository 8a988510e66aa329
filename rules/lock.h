/* SPDX-License-Identifier: Apache-2.0
 *
 * lock: pawl.lock, what was resolved once: parents to digests, requirements to wheels with hashes, bootstrap packages to versions.
 *
 * Canonical, pretty JSON, made for version control: sorted, one thing a line, no times, no host names, indexes by alias.
 *	{"version": 1,
 *	 "parents": {"python:3.11-slim@linux/amd64": {"digest": "sha256:...", "config": "sha256:...",
 *	   "layers": [{"digest", "diff_id", "size", "media"}], "python": "3.11"}},
 *	 "bootstraps": {"<sha256 of its definition>": {"distribution", "suite", "packages": [{"name","version","arch"}],
 *	   "digest": layer digest, "diff_id", "size"}},
 *	 "requirements": {"<sha256 of the normalised set, options, target>": {"target": {...}, "requires": [...],
 *	   "wheels": [{"name","version","file","sha256","size","index"}]}}}
 * Changes are collected and written once, atomically, by lock_save (not at all under --locked: ERR_INPUT names what would change).
 */
#ifndef PAWL_RULES_LOCK_H
#define PAWL_RULES_LOCK_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/js.h"

struct lock {
	struct js *doc;   /* the document; maps "parents", "bootstraps", "requirements" always there */
	struct js *changes; /* what this invocation set, by section: put on top of what the file holds when it is written */
	struct js *used;  /* entries of "requirements" that the project asks for now; others for the same targets go when it is written */
	struct js *stale; /* lock_update: entries, by section, that count as missing until they are set again */
	struct js *moving; /* lock_update: packages whose versions are chosen anew */
	bool dirty;
	bool locked;      /* --locked */
	bool moving_all;
};

/* A missing file is an empty lock. A broken one is ERR_INPUT, and a mistake with its place in d where d is not NULL; l->locked stays. */
int lock_load(int root, struct lock *l, struct diags *d, struct err *e);
int lock_read(struct str text, struct lock *l, struct err *e); /* the same from its text */
void lock_done(struct lock *l);
struct js *lock_get(const struct lock *l, const char *section, struct str name);  /* NULL: not there */
int lock_set(struct lock *l, const char *section, struct str name, struct js *value, struct err *e); /* takes value */
/* Have entries resolved again: those of a parent ("python:3.11-slim"), of a distribution or suite ("bookworm"), or those with a package, which then
 * moves alone; or all. Before anybody asks. ERR_INPUT: nothing of that name is in the lock; in rules/lock_update.c. */
int lock_update(struct lock *l, const struct str *names, size_t n, bool all, struct err *e);
bool lock_stale(const struct lock *l, const char *section, struct str name); /* shall it be resolved again? */
bool lock_moves(const struct lock *l, struct str package); /* its version is chosen anew */
void lock_use(struct lock *l, const char *section, struct str name); /* the entry is asked for, now or by the end */
void lock_write(const struct lock *l, struct buf *out);
int lock_save(struct lock *l, int root, struct err *e);   /* only when dirty */

#endif
