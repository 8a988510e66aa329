/* SPDX-License-Identifier: Apache-2.0
 *
 * ir: the pipeline as pawl understands it, whatever it was written in. Immutable once made; all in one arena.
 *
 * Order: maps of the file are sorted by name here (steps, inputs, outputs, params, env ...), so that order in
 * the file counts nowhere; lists whose order means something (command words, requirements, foreach values)
 * keep it. Nothing in it depends on the folder, the time or the machine. ir_write gives the canonical JSON of
 * `pawl compile`; ir_read is its inverse (for other front ends).
 */
#ifndef PAWL_RULES_IR_H
#define PAWL_RULES_IR_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/js.h"
#include "hashing/digest.h"

struct ir_pair { /* name and text, sorted by name where they form a map */
	struct str name, value;
};

struct ir_texts {
	struct str *v;
	size_t n;
};

struct ir_pairs {
	struct ir_pair *v;
	size_t n;
};

/* A parameter; value is JSON of any type. text: its form in a command (a text as it is, else canonical JSON).
 */
struct ir_param {
	struct str name;
	const struct js *value;
	struct str text;
	bool is_text;
};

/* A text with substitutions, cut into pieces once: literal, or a reference such as inputs.raw. */
enum ir_piece_kind {
	PIECE_TEXT,
	PIECE_INPUT,
	PIECE_OUTPUT,
	PIECE_PARAM,
	PIECE_ENV,
	PIECE_ITEM,
	PIECE_RUN_DIR
};
struct ir_piece {
	enum ir_piece_kind kind;
	struct str text; /* the literal, or the name */
};
struct ir_template {
	struct ir_piece *v;
	size_t n;
	struct str source; /* as written */
};

enum ir_input_kind { INPUT_STEP, INPUT_PATH, INPUT_GLOB, INPUT_URI };
struct ir_input {
	struct str name;
	enum ir_input_kind kind;
	struct str step, output;      /* INPUT_STEP: names in the file; of a mapped step all its elements */
	struct str path;              /* INPUT_PATH, INPUT_GLOB: clean, relative; INPUT_URI: the URI */
	struct ir_template item_path; /* n != 0: the path has ${item.N} and `path` is as written;
					 foreach_expand puts them in */
	struct digest digest;         /* INPUT_URI */
	struct place at;
};

struct ir_output {
	struct str name;
	struct ir_template path; /* n == 0: kept in the cache only, written in ${run.dir} */
	bool folder;             /* the path had a trailing '/' (not kept in the pieces) */
	struct place at;
};

enum ir_isolation { ISOLATION_DEFAULT, ISOLATION_NONE, ISOLATION_VENV, ISOLATION_IMAGE };

struct ir_retry {
	uint32_t max;   /* further attempts */
	int64_t delay;  /* ns */
	double backoff; /* factor, 1 by default */
	const int *on;  /* exit codes; non: all */
	size_t non;
};

struct ir_cache {
	bool on;         /* true by default */
	int64_t expires; /* ns; 0: never */
	struct str salt;
	struct ir_texts ignore; /* "params.verbose" */
};

struct ir_resource { /* cpus (1000 = one), memory (bytes), gpus (1000 = one), any other name (1000 = one) */
	struct str name;
	int64_t amount;
};

enum ir_foreach_kind { FOREACH_LIST, FOREACH_RANGE, FOREACH_LINES, FOREACH_STEP };
struct ir_foreach {
	struct str name;
	enum ir_foreach_kind kind;
	const struct js *values; /* FOREACH_LIST: JSON list (a "${params.N}" is already looked up) */
	int64_t from, to;        /* FOREACH_RANGE: from <= i < to */
	struct str file;         /* FOREACH_LINES */
	struct str step, output; /* FOREACH_STEP */
};

struct ir_hooks { /* commands for sh -euc; empty: none */
	struct str success, failure;
};

struct ir_step {
	struct str name;
	struct place at;           /* of its key in the file */
	bool shell;                /* one text for sh -euc; else words */
	struct ir_template *words; /* shell: one */
	size_t nwords;
	struct ir_input *inputs;
	size_t ninputs;
	struct ir_output *outputs;
	size_t noutputs;
	struct ir_texts params; /* those that it binds */
	struct ir_texts code;   /* globs */
	struct {
		struct ir_pair *v;
		struct ir_template *t;
		size_t n;
	} env; /* value: as written; t: cut */
	struct ir_texts pass_env, secrets, after;
	struct str environment;      /* empty: none */
	enum ir_isolation isolation; /* DEFAULT is resolved by lowering: never here */
	struct ir_cache cache;
	struct ir_retry retry;
	int64_t timeout; /* ns; 0: none */
	struct ir_resource *resources;
	size_t nresources;
	struct str when;            /* the condition as written; empty: always */
	struct ir_foreach *foreach; /* sorted by name; several: their product */
	size_t nforeach;
	uint32_t max_parallel;      /* elements at once; 0: as many as fit */
	bool dynamic;               /* its one output is a file of further steps (rules/unfold.h) */
	bool strict;                /* a read that is not declared fails it */
	bool always;                /* also after a failure of what it waits for */
	struct ir_hooks hooks;
};

enum ir_parent_kind {
	PARENT_NONE,
	PARENT_REGISTRY,
	PARENT_SCRATCH,
	PARENT_OCI,
	PARENT_DOCKER_ARCHIVE,
	PARENT_BOOTSTRAP,
	PARENT_DOCKERFILE /* never in a pipeline file: what a Dockerfile makes */
};
struct ir_parent {
	enum ir_parent_kind kind;
	struct str ref; /* registry reference; folder[:tag] of OCI; file of a docker archive */
	struct str distribution, suite; /* bootstrap: "debian", "bookworm" */
	struct ir_texts packages;       /* sorted */
	struct place at;
};

enum ir_installer { INSTALLER_DEFAULT, INSTALLER_UV, INSTALLER_PIP };
struct ir_python {
	bool on;
	struct ir_texts requirements; /* as written: an entry that names an existing file is a file, else a
					 requirement */
	struct ir_texts constraints, groups, index;
	struct str pyproject, lock;
	bool replicate;
	enum ir_installer installer;
	struct str layers; /* as written, canonical JSON; empty: default */
};

/* What of the parent its steps depend on: its digest, what its Python and C library make of packages, or the packages installed in it. */
enum ir_parent_key { PARENT_KEY_DIGEST, PARENT_KEY_ABI, PARENT_KEY_PACKAGES };
enum ir_compression { COMPRESS_GZIP, COMPRESS_ZSTD };

struct ir_environment { /* `extends` is resolved: complete in itself */
	struct str name;
	struct place at;
	struct ir_parent parent;
	struct str dockerfile, context;
	struct str target;              /* a stage of the Dockerfile; empty: the last */
	struct ir_pairs args, contexts; /* build arguments; named contexts: a parent as in `parent:`, or a folder */
	struct ir_pairs secrets;        /* id to "env:NAME" or "file:PATH" */
	struct ir_texts apt;         /* packages, sorted */
	struct ir_texts apt_sources; /* in order: lines of sources.list, or names that the caller's variables give such lines */
	struct ir_texts apt_keys;    /* files of the project, sorted */
	struct ir_python python;
	struct ir_texts include;
	struct ir_pairs env, labels;
	struct str workdir, user, platform;
	struct ir_texts entrypoint;
	enum ir_parent_key key;
	enum ir_compression compression;  /* of its own layers */
	bool sbom, provenance;            /* attest: */
	struct ir_texts platforms;        /* several, sorted: then platform is empty */
	struct str of;                    /* the environment whose further platform this is (rules/platforms.h); else empty */
	struct place python_at, dockerfile_at;
};

struct ir_stack {
	struct str name;
	struct str orchestrator; /* kind; "local" by default */
	struct str builder, registry, store, remote;
	bool reuse;                /* images of others with the same inputs, by a tag in the registry */
	bool insecure;             /* plain HTTP to the registry beyond loopback */
	bool of_user;              /* from the user's configuration: no part of the pipeline, and never meant without its name */
	bool implied;              /* nobody wrote it down: the "local" that is always there */
	const struct js *settings; /* the stack as a JSON map, whole */
	struct ir_resource *pools;
	size_t npools;
};

struct ir {
	struct arena *arena;
	struct str pipeline;
	struct ir_param *params;
	size_t nparams;
	struct ir_step *steps;
	size_t nsteps;
	struct ir_environment *environments;
	size_t nenvironments;
	struct ir_stack *stacks; /* "local" is always there */
	size_t nstacks;
	struct ir_hooks hooks;   /* of a whole run */
	struct ir_texts made;    /* of a part alone: rules/madepaths.h */
	struct ir_texts
		files; /* every file that was read to make it, relative: pawl.yaml, includes, params files */
};

const struct ir_param *ir_param(const struct ir *ir, struct str name); /* NULL: not there */
const struct ir_step *ir_step(const struct ir *ir, struct str name);
const struct ir_environment *ir_environment(const struct ir *ir, struct str name);
/* Empty name: the only one that was written down, else "local". */
const struct ir_stack *ir_stack(const struct ir *ir, struct str name);
const struct ir_input *ir_step_input(const struct ir_step *s, struct str name);
const struct ir_output *ir_step_output(const struct ir_step *s, struct str name);
const struct ir_foreach *ir_step_foreach(const struct ir_step *s, struct str name);
bool ir_texts_have(const struct ir_texts *t, struct str text);
/* What the step runs in on this stack: orchestrators other than local always take the image. */
enum ir_isolation ir_isolation(const struct ir_step *s, const struct ir_stack *stack);

void ir_stack_implied(struct ir_stack *out, struct arena *a); /* the "local" of a file without one */

void ir_write(const struct ir *ir, struct buf *out); /* canonical JSON and a newline */
/* The two halves of it, for who stores steps one by one: a step's value in "steps", and the map without "steps". No newline. */
void ir_write_step(const struct ir_step *s, struct buf *out);
void ir_write_rest(const struct ir *ir, struct buf *out);
int ir_read(struct str json, struct arena *a, struct ir *out, struct err *e);

#endif
