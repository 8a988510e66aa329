/* SPDX-License-Identifier: Apache-2.0
 *
 * builder: who makes the layers of an environment. A vtable per kind; `native` needs no daemon and no other program.
 *
 * Two kinds of work. Single layers from content described by data (make): wheels and files; every builder does that as `native` does, so that an edit
 * costs the same with all of them. And what runs commands on a parent (build): a Dockerfile's target, given whole to an engine, which gives an
 * image back. Manifest, config, outputs and pushes are not its business, and neither is
 * whether something must be made at all. Blocks; several jobs at once from several threads.
 */
#ifndef PAWL_BACKENDS_BUILDER_H
#define PAWL_BACKENDS_BUILDER_H

#include <stdatomic.h>

#include "backends/layer.h"
#include "backends/layout.h"
#include "backends/wheel.h"

enum builder_part { BUILDER_WHEEL, BUILDER_FILES };

struct builder_file {
	struct str path;        /* in the image */
	struct str target;      /* of a link; else empty, and: */
	const char *from;       /* where it is now, below `at` of the job */
	struct content content; /* what it must be */
	bool exec;
};

struct builder_job {
	enum builder_part part;
	enum layer_compression compression;
	struct digest wheel;    /* BUILDER_WHEEL: a blob of the store */
	struct str wheel_name;
	const struct wheel_scheme *scheme;
	int at;                 /* BUILDER_FILES: folder's descriptor */
	const struct builder_file *files;
	size_t nfiles;
};

/* An image that the Dockerfile names and that the store holds whole. */
struct builder_parent {
	struct str name;            /* as FROM or --from= has it */
	struct layout_image image;
};

struct builder_secret {
	struct str id, value;       /* the value reaches RUN --mount=type=secret,id=ID only */
};

struct builder_build {
	struct str dockerfile;      /* its text */
	struct digest context;      /* a plain tar in the store: what COPY and ADD may name (builder_context) */
	struct str target;          /* a stage; empty: the last */
	struct str platform;        /* "linux/amd64" */
	const struct str *args;     /* NAME=value */
	size_t nargs;
	const struct builder_parent *parents; /* those that the builder cannot get at by their name */
	size_t nparents;
	const struct builder_secret *secrets;
	size_t nsecrets;
	const char *const *environ_; /* the caller's variables: DOCKER_HOST, PATH ... */
	const struct js *settings;  /* of the stack's builder, a map; NULL: none */
	void (*line)(void *ctx, struct str text); /* NULL, or gets what the builder prints, secrets masked */
	void *ctx;
	const atomic_bool *stop;    /* NULL, or: once it is true the build ends, ERR_INTERRUPTED */
};

struct builder_kind {
	const char *name;    /* as in a stack: "native" */
	/* The Dockerfile's target with all its blobs put into the store; NULL: this builder makes single layers only. ERR_INPUT: an instruction is wrong;
	 * ERR_FAILED: a command failed, with its last lines; ERR_WORLD, ERR_MISSING: the builder is not there, with what to do. */
	int (*build)(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e);
	/* Make the layer and put it into the store. Any thread. */
	int (*make)(const struct builder_job *j, struct blobs *b, struct layer_info *out, struct err *e);
	/* What enters the keys of its layers: other than those of another builder wherever the bytes may differ. Static text. */
	const char *(*identity)(enum builder_part part, enum layer_compression c);
};
extern const struct builder_kind builder_native;   /* backends/builder_native.c */
extern const struct builder_kind builder_docker;   /* the Engine API, with BuildKit where the engine has it */
extern const struct builder_kind builder_buildah;  /* the program */
extern const struct builder_kind builder_buildkit; /* buildctl */
extern const struct builder_kind builder_kaniko;   /* a pod, by kubectl */
extern const struct builder_kind builder_remote;   /* another pawl */

/* The context of a build: files as a canonical plain tar in the store; at: where their `from` begins. Equal files give an equal digest. */
int builder_context(struct blobs *b, int at, const struct builder_file *files, size_t n, struct digest *out, uint64_t *size, struct err *e);

/* By name; empty: native. NULL and ERR_INPUT with the names that there are. */
const struct builder_kind *builder_find(struct str name, struct err *e);

/* The files of a context in a new folder, executables as such. */
int builder_unpack_context(struct blobs *b, const struct digest *context, const char *folder, struct err *e);

#endif
