/* SPDX-License-Identifier: Apache-2.0
 *
 * pyfiles: the project's files as a search for imports sees them, each looked at once, and the facts of the Python files among them.
 *
 * A file that is looked for and missing is remembered and reported as well as one that is there. Facts come from the cache by content, the
 * missing ones of all files from one run of the interpreter (pyfiles_read). One for each interpreter that steps use. Loop thread.
 */
#ifndef PAWL_RULES_PYFILES_H
#define PAWL_RULES_PYFILES_H

#include "base/vec.h"
#include "hashing/content.h"
#include "rules/pyfacts.h"
#include "rules/pyhost.h"

enum pyfile_type { PYFILE_MISSING, PYFILE_FILE, PYFILE_FOLDER };

struct pyfile {
	struct str path;      /* relative to the root; a text: "<command N>" */
	struct str text;      /* of `python -c` */
	bool is_text;
	enum pyfile_type type;
	struct content content;
	bool wanted;          /* its facts are to be read */
	struct pyfacts *facts; /* NULL: not read (yet) */
	node_id made_by;      /* the step that writes it, or NODE_NONE */
	struct str port;      /* its output's name */
	bool made_below;      /* a step writes something in the folder of that path, which may be missing yet */
};

/* Which step writes a path. */
struct made {
	struct str path;
	bool folder;
	node_id node;
	struct str port;
};

/* All of them, by path. */
struct mades {
	VEC(struct made) v;
	VEC(uint32_t) folders;
	struct map by_path;
	struct map parents; /* folders above them */
};

struct pyfiles {
	struct project *project;
	struct pyhost *host;  /* NULL: no interpreter, contents count */
	const struct mades *mades;
	struct arena *arena;
	VEC(struct pyfile *) v;
	struct map by_path;
	size_t nwanted;       /* wanted and not read */
};

void pyfiles_done(struct pyfiles *f);
struct pyfile *pyfiles_look(struct pyfiles *f, struct str path);  /* never NULL; the content is known when it is a file */
struct pyfile *pyfiles_text(struct pyfiles *f, struct str text);
void pyfiles_want(struct pyfiles *f, struct pyfile *x);           /* facts with the next pyfiles_read; without a host never */
int pyfiles_read(struct pyfiles *f, struct err *e);

#endif
