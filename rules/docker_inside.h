/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_inside: what the nodes of a Dockerfile know of each other. Only for rules/dockerfile.c and rules/docker_*.c.
 */
#ifndef PAWL_RULES_DOCKER_INSIDE_H
#define PAWL_RULES_DOCKER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/build_run.h"
#include "backends/layer.h"
#include "base/vec.h"
#include "rules/docker_config.h"
#include "rules/docker_select.h"
#include "rules/docker_stages.h"
#include "rules/dockerfile.h"
#include "rules/parent.h"
#include "rules/rules.h"

extern const struct rule rule_docker_from;   /* docker_from.c */
extern const struct rule rule_docker_config; /* docker_chain.c */
extern const struct rule rule_docker_files;  /* docker_chain.c */
extern const struct rule rule_docker_copy;   /* docker_operands.c */
extern const struct rule rule_docker_place;  /* docker_place.c */
extern const struct rule rule_docker_layer;  /* docker_layer.c */
extern const struct rule rule_dockerfile;    /* docker_final.c */

/* An image of another place that an instruction names: in FROM, --from= or a mount's from=. */
struct docker_use {
	const struct docker_instruction *in;
	const struct ir_environment *env; /* that parent and nothing else */
	node_id parent;
};

struct docker_env { /* one environment's Dockerfile */
	struct project *project;
	const struct ir_environment *env;
	struct docker_file file;
	struct docker_ignore ignore;
	struct docker_ends {
		node_id config, files; /* behind the stage's last instruction */
	} *ends;                       /* by stage; only of those that are needed */
	VEC(node_id) identity;         /* parents and copy: nodes */
	VEC(struct docker_use) uses;
	bool whole;                    /* made by the stack's builder in one go: rules/docker_engine.h */
	node_id node;                  /* dockerfile: */
	struct docker_env *next;
};

struct docker_state { /* of a project */
	struct docker_env *envs;
	struct docker_selected *selected;
	pthread_mutex_t mu;            /* for what follows: set on threads of the pool */
	struct docker_failed *failed;  /* the first RUN that failed; in the arena below */
	struct arena arena;
};

/* What a copy: node found, newest look last; kept until the project is closed, since a layer may be made of it on another thread. */
struct docker_selected {
	struct arena arena;
	struct docker_selection files;
	struct digest digest;
	struct docker_selected *older;
};

struct docker_node { /* data of all of them */
	struct docker_env *d;
	const struct docker_stage *stage;
	const struct docker_instruction *in; /* NULL: FROM */
	const struct ir_environment *parent; /* an image that it takes: an environment with that parent and nothing else */
	struct ir_texts triggers;            /* from: those of the image that are instructions of the stage already */
	struct docker_origin origin;         /* COPY, ADD */
	struct docker_selected *selected;    /* copy: the newest */
	node_id copy;                        /* layer:, place: their copy: node, else NODE_NONE */
	node_id *mounts;                     /* RUN: by mount, the copy: node of one from a folder of the project, else NODE_NONE */
};

static inline struct docker_node *
docker_node_of(const struct inputs *in)
{
	return in->graph->node[in->node.i].data;
}

/* The result of the input edge with that tag; NULL: there is no such edge, or it is not known. */
const struct result *docker_input(const struct inputs *in, const char *tag);
const struct result *docker_input_named(const struct inputs *in, const char *tag, struct str name);
/* Its info as JSON; the caller's. */
int docker_input_js(const struct inputs *in, const char *tag, struct js **out, struct err *e);

/* A message with the place, the line and a caret, as mistakes of a file have them. code: of the error. */
int docker_fail(const struct docker_env *d, struct place at, enum err_code code, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The same around what e says already. */
int docker_blame(const struct docker_env *d, struct place at, struct err *e);

/* docker_triggers.c: those of the image, in front of the stage's instructions; *out: their texts, none when the image is not known yet. */
int docker_triggers_of(struct docker_env *d, struct docker_stage *s, const struct ir_environment *parent, struct ir_texts *out, struct err *e);

/* ---- files: lists of layers ---- */

struct docker_layers {
	struct parent_layer *v; /* of an instruction: kind and name are set */
	struct str *from;       /* by position: node that the layer comes from ("parent:..."); empty: one of our own */
	bool *none;             /* an instruction that changed nothing: no layer */
	struct str *by;         /* the instruction, for the history */
	size_t n;
};
int docker_layers_read(const struct result *files, struct arena *a, struct docker_layers *out, struct err *e);
/* Have all blobs in the store: those of parents are fetched. Blocks; any thread. *out: their digests without those that are none. */
int docker_layers_have(struct project *p, const struct docker_layers *l, struct arena *a, struct digest **out, size_t *n, struct err *e);

/* ---- copy: what the words of COPY and ADD say ---- */

struct docker_operands {
	struct str dest;        /* absolute, clean */
	bool dest_folder;       /* it ended with a '/' */
	struct str *sources;
	size_t nsources;
	struct str *exclude;
	size_t nexclude;
	struct str chown;       /* "", "user", "user:group", numbers */
	bool has_mode;
	uint32_t mode;
	bool link, parents;
	/* ADD alone */
	struct str *remotes;    /* URLs and repositories; not among the sources */
	size_t nremotes;
	struct str checksum;
	bool keep_git;
	int unpack;             /* --unpack: 1 and 0; -1: not said */
};
int docker_operands_read(const struct result *copy, struct arena *a, struct docker_operands *out, struct err *e);

/* Does it copy from a folder of the project that has a name of its own? */
static inline bool
docker_origin_is_folder(const struct docker_node *n)
{
	return n->origin.kind == DOCKER_NAMED && !n->parent;
}
/* The files of a copy: node as they were when its result was made. ERR_BUSY: they are others by now. */
int docker_selected_of(const struct task *t, node_id node, const struct result *r, const struct docker_selection **out, struct err *e);
int docker_selected_was(const struct docker_node *copy, const struct result *r, const struct docker_selection **out, struct err *e);
/* From a stage or an image: *tree is read, and the selection made. */
int docker_select_origin(struct project *p, const struct result *files, const struct docker_operands *o, struct arena *a,
			 struct docker_tree *tree, struct docker_selection *out, struct err *e);

/* ---- place: ---- */

struct docker_place_folder {
	struct str path;        /* in the image, clean, relative */
	uint32_t mode, uid, gid;
};
struct docker_place {
	struct str dest;        /* without links, relative to the root; "." is the root */
	bool folder;            /* it is a folder, or becomes one */
	uint32_t uid, gid;      /* of --chown */
	bool chown;
	struct docker_place_folder *there; /* folders of the layer that are in the image already, sorted */
	size_t n;
	struct ir_pairs fetched; /* of ADD: source to digest or commit */
};
int docker_place_read(const struct result *place, struct arena *a, struct docker_place *out, struct err *e);
/* Nothing below it is looked at: --link. */
void docker_place_plain(const struct docker_operands *o, struct docker_place *out);
/* --link with a user's name has to look there all the same. */
bool docker_place_needed(const struct docker_instruction *in);
/* Where an item goes; whole: the destination is a folder. */
struct str docker_item_path(const struct docker_place *p, const struct docker_item *x, bool into, struct arena *a);

/* ---- work on a thread of the pool ---- */

struct docker_work {
	struct task *task;
	const struct docker_node *node;
	struct project *project;
	const struct docker_selection *selected; /* of its copy: node, where that looks at the project; else NULL */
	const struct docker_selection **mounts;  /* likewise, by mount of a RUN */
	const struct docker_selection **copied; /* of a Dockerfile that is made whole: those of all its copy: nodes */
	size_t ncopied;
	struct arena arena;
	struct result result;
	struct err err;
	atomic_bool stop;
	bool bad, uncachable;
	int (*work)(struct docker_work *w, struct err *e); /* on the pool; fills result in */
};
void docker_work_start(struct task *t, int (*what)(struct docker_work *w, struct err *e));
void docker_work_stop(struct task *t, bool hard);
/* Every blob that the result names is in the store. */
enum usable docker_usable(void *ctx, node_id n, const struct result *r);
void docker_explain(void *ctx, node_id id, const struct key_change *c, struct arena *a, struct reason *out);

/* The result of a layer: node. info NULL: the instruction adds nothing. */
void docker_layer_result(struct docker_work *w, const struct layer_info *i, struct result *out);

/* docker_look.c: what somebody asks for of the files that come out; and what of that enters a key. */
int docker_look(struct docker_work *w, const struct docker_layers *l, const struct js *config, struct parent_info *i, struct err *e);
void docker_look_fields(const struct docker_node *n, struct key *k);

/* docker_copy.c, docker_add.c, docker_run.c: make it; *empty: there is nothing in it. */
int docker_copy_layer(struct docker_work *w, struct err *e);
int docker_workdir_layer(struct docker_work *w, struct err *e);
int docker_run_layer(struct docker_work *w, struct err *e);
int docker_run_fields(const struct docker_node *n, struct key *k, struct err *e);

/* docker_mounts.c: what a RUN gets beside its root, until docker_mounts_done. */
struct docker_mounts {
	struct docker_work *w;
	const struct js *state;
	struct build_mount *v;
	size_t n;
	struct str *env;        /* "NAME=value" that they bring along */
	size_t nenv;
	struct str *secrets;    /* values that no line may show */
	size_t nsecrets;
	VEC(struct str) scratch; /* absolute folders to remove */
	VEC(int) locks;
};
/* i: index of the mount, in the instruction. */
int docker_mounts_take(struct docker_mounts *m, struct err *e);
void docker_mounts_done(struct docker_mounts *m);
/* The unpacked layers of files, lowest first; at least one: of nothing an empty folder. Blocks. */
int docker_roots(struct project *p, const struct result *files, struct arena *a, struct str **out, size_t *n, struct err *e);
/* A scratch folder in the cache, made. */
int docker_scratch(struct project *p, struct arena *a, struct str *out, struct err *e);

/* A RUN that failed: what a shell in front of it needs (dockerfile_shell). */
struct docker_failed {
	struct str *roots, *env, *shell;
	size_t nroots, nenv, nshell;
	struct str workdir, user, what;
	bool network;
};

#endif
