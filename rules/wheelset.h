/* SPDX-License-Identifier: Apache-2.0
 *
 * wheelset: what rules/requirements.c and its neighbours share about sets of wheels: their JSON, and how one is chosen from a resolver's answer.
 */
#ifndef PAWL_RULES_WHEELSET_H
#define PAWL_RULES_WHEELSET_H

#include "backends/resolver.h"
#include "rules/reqfile.h"
#include "rules/wheels.h"

struct parent_info;

struct js *wheel_set_write(const struct wheel_set *s); /* a list */
int wheel_set_read(const struct js *list, struct arena *a, struct wheel_set *out, struct err *e); /* ERR_DAMAGED */
int wheel_set_of_entry(const struct js *entry, struct arena *a, struct wheel_set *out, struct err *e); /* of pawl.lock; the same */
/* The identity of a pin that is a source, for a target: its sha256 and python. WHEEL_BUILD_FORMAT: raised when building gives another wheel. */
#define WHEEL_BUILD_FORMAT 1
void wheel_pin_source(struct wheel_pin *w, const struct python_target *t, struct arena *a);
const struct digest *wheel_pin_file(const struct wheel_pin *w); /* of the file that is fetched: the wheel, or the archive */
void wheel_set_settle(struct wheel_set *s, struct arena *a); /* sorts, and gives it its digest */
int target_of_parent(const struct parent_info *i, const struct ir_environment *env, struct python_target *out, struct err *e);

/* Marker variables of a target. */
struct marker_env target_markers(const struct python_target *t, struct arena *a);
/* The question for a resolver; requirements whose marker is false for the target are left out. root: of the project, absolute. Variables, folders and
 * flags are the caller's. */
int resolver_question_of(const struct reqset *s, const struct python_target *t, struct str root, struct arena *a, struct resolver_question *out,
			 struct err *e);
/* For a question about files of versions that are chosen already: no version of Python of the series speaks against them. */
struct str target_any_patch(const struct python_target *t, struct arena *a);
/* One wheel per package, the best for the target among those whose hash the requirements allow. urls: by position of out->v. */
int wheels_choose(const struct resolver_answer *r, const struct reqset *s, const struct python_target *t, const char *resolver,
		  struct arena *a, struct wheel_set *out, struct str **urls, struct err *e);

/* Where a wheel was found: in the cache, or noted for this invocation (loop thread), never in the lock. Got on any thread. */
void wheel_url_note(struct project *p, const struct digest *sha256, struct str url);
/* A wheel that is at hand as bytes. The same threads. */
void wheel_bytes_note(struct project *p, const struct digest *sha256, struct str bytes);
bool wheel_bytes_get(struct project *p, const struct digest *sha256, struct str *bytes);
/* An option of the requirements that says where packages are, "--index-url https://user:password@HOST/": files are looked for there, too. The same
 * threads. */
void wheel_index_note(struct project *p, struct str option);
size_t wheel_indexes(struct project *p, struct arena *a, struct str **out);
void wheel_url_put(struct batch *b, const struct digest *sha256, struct str url);
bool wheel_url_get(struct project *p, const struct digest *sha256, struct arena *a, struct str *url);

/* The resolver of an environment's `installer`, or the one that is there. ERR_MISSING: none. */
int resolver_choose(enum ir_installer i, const struct resolver_question *q, struct arena *a, const struct resolver **out, struct err *e);
/* A folder for a resolver's files, in the cache or beside it. */
int resolver_scratch(struct project *p, struct arena *a, struct str *out, struct err *e);

char *wheel_path_of_url(struct str url, struct arena *a); /* of file:// */

#endif
