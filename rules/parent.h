/* SPDX-License-Identifier: Apache-2.0
 *
 * parent: what an image stands on, and what of it others depend on.
 *
 * A parent node ("parent:python:3.11-slim") is a source when pawl.lock has its pin, or when it needs none (`scratch`): then nothing but
 * the lock is looked at, no network. Else it is made: resolved at the registry, bootstrapped, or read from an OCI layout or a docker
 * archive of the project; the pin goes to the lock (layouts and archives have none: their content is the key). Both give the
 * same result: its digest is the manifest's (of a bootstrap: the layer's), its output "python" (OUTPUT_VALUE, text in info) changes only
 * with the interpreter, so that consumers of the port "python" survive a patched parent. So does its output "packages", which is there when somebody
 * asked for it and changes with the packages that are installed in it.
 */
#ifndef PAWL_RULES_PARENT_H
#define PAWL_RULES_PARENT_H

#include "backends/packages.h"
#include "engine/result.h"
#include "rules/project.h"

struct parent_layer {
	struct digest digest, diff_id;
	uint64_t size;
	struct str media; /* as the parent's manifest says, Docker's names turned into OCI's */
	struct str kind, name; /* of a Dockerfile: whose layer it is, as in struct image_layer; else empty */
};

struct parent_info {
	enum ir_parent_kind kind;
	struct str name;                 /* as in the node's name: "python:3.11-slim", "scratch", "bootstrap:debian/bookworm" */
	struct digest digest;            /* manifest; of a bootstrap its layer; of scratch a constant */
	struct digest config;            /* blob; zero: none (scratch, bootstrap) */
	uint64_t config_size;
	struct parent_layer *layers;     /* lowest first */
	size_t nlayers;
	struct str platform;             /* "linux/amd64" */
	bool looked;                     /* for Python: else the next four are empty because nobody asked */
	struct str python;               /* "3.11"; empty: it has none */
	struct str scheme;               /* where pip installs: "debian" (usr/local/lib/python3.11/dist-packages), "local" (site-packages) */
	struct str interpreter;          /* "/usr/bin/python3" */
	struct str glibc;                /* "2.36"; empty: unknown */
	bool packaged;                   /* its packages were read: else the next is empty because nobody asked */
	struct packages packages;        /* backends/packages.h */
};

/* The parent node of an environment, made if it is not in the graph yet. */
node_id add_parent(struct project *p, const struct ir_environment *env, struct err *e);
/* What is known without the network and without building: pawl.lock, scratch. False: the node must be made first. */
bool parent_locked(struct project *p, const struct ir_environment *env, struct arena *a, struct parent_info *out);
/* What a parent node's result says. */
int parent_of_result(const struct result *r, struct arena *a, struct parent_info *out, struct err *e);
/* Have the blobs of all layers (and the config) in the store: fetched, copied or bootstrapped again where they are missing. Any thread. */
int parent_fetch(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct err *e);
/* Only the config blob, appended to out; "{}" when the parent has none. Any thread. */
int parent_config(struct project *p, const struct ir_environment *env, const struct parent_info *i, struct buf *out, struct err *e);

/* Does the tag of a pinned parent name another image in its registry today (*behind)? *tagged false: it has no pin or no tag, nothing is asked. One or
 * two requests; blocks. */
int parent_behind(struct project *p, const struct ir_environment *env, bool *tagged, bool *behind, struct err *e);

/* Where a wheel goes in an image on this parent; its python is not empty. */
struct wheel_scheme;
struct wheel_scheme parent_scheme(const struct parent_info *i, struct arena *a);

/* "linux/amd64" of an environment, or of this machine. */
struct str environment_platform(const struct ir_environment *env);

#endif
