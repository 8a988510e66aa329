/* SPDX-License-Identifier: Apache-2.0
 *
 * orchestrator: where steps run. A vtable per kind; backends/local.c is the first. Asynchronous; a job is described by data alone.
 *
 * A job is submitted once, attended once, then ended exactly once by `ended`, in the thread of the loop. Lines of output arrive in between.
 */
#ifndef PAWL_BACKENDS_ORCHESTRATOR_H
#define PAWL_BACKENDS_ORCHESTRATOR_H

#include "base/err.h"
#include "base/str.h"
#include "hashing/digest.h"
#include "sys/loop.h"

struct observe_event;
struct sandbox_spec; /* backends/sandbox.h: run inside an image; NULL: the host as it is */

/* Which files its processes use (sys/observe.h): told while it runs, never after `ended`. */
struct job_observe {
	const struct str *folders;     /* absolute, clean, as the processes name them */
	size_t nfolders;
	void *ctx;
	void (*seen)(void *ctx, const struct observe_event *ev); /* on a thread of its own */
};

struct job_spec {
	struct str name;               /* derived from the key: "train-3f2a91c0" */
	const char *const *argv;       /* NULL at the end; the program by PATH of envp */
	const char *const *envp;       /* complete */
	const char *cwd;               /* absolute folder */
	int64_t timeout;               /* ns; 0: none */
	const struct sandbox_spec *sandbox;
	const struct str *secrets;     /* values that must not appear in lines: replaced by *** */
	size_t nsecrets;
	const struct job_observe *observe; /* NULL: nobody wants to know */
};

struct job_end {
	int exit;                      /* 128 + signal when a signal ended it */
	bool timed_out, stopped;
	bool observed;                 /* nothing was missed; always false without job_spec.observe */
	double seconds, cpu_s;
	uint64_t peak;
};

struct job_calls {
	void *ctx;
	/* A whole line without its newline (a longer one than 64 KiB comes in pieces; a last one without newline as well). stream: 1 stdout, 2 stderr.
	 * at: clock_real. Secrets are already masked. */
	void (*line)(void *ctx, int stream, int64_t at, struct str text);
	/* All processes of its group have ended. e: it could not be started (e->code), else NULL. */
	void (*ended)(void *ctx, const struct job_end *end, const struct err *e);
};

struct job;
struct orchestrator;

struct orchestrator_kind {
	const char *name; /* "local" */
	struct orchestrator *(*open)(struct loop *l, struct err *e);
	void (*close)(struct orchestrator *o);
	/* Begins it; no call comes yet. Any thread that lives as long as the loop: a start waits for the kernel, which others need not do. What s
	 * points to is not needed afterwards. */
	struct job *(*submit)(struct orchestrator *o, const struct job_spec *s, const struct job_calls *c, struct err *e);
	/* In the thread of the loop: calls come from now on. -1: it could not be watched and was ended; no call comes. */
	int (*attend)(struct job *j, struct err *e);
	void (*stop)(struct job *j, bool hard); /* TERM or KILL to the whole group; ended still comes */
};
extern const struct orchestrator_kind orchestrator_local; /* backends/local.c */

#endif
