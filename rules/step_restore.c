/* SPDX-License-Identifier: Apache-2.0
 *
 * A step's recorded outputs are put back, on a thread.
 */
#include <stdlib.h>

#include "rules/step.h"
#include "sys/loop.h"

struct restoring {
	struct task *task;
	const struct result *result;
	struct err err;
	int ret;
};

static void
restore_work(void *ctx)
{
	struct restoring *r = ctx;

	r->ret = outputs_restore(r->task->ctx, r->result, &r->err);
}

static void
restore_done(void *ctx)
{
	struct restoring *r = ctx;
	struct task *t = r->task;

	t->done(t, r->ret < 0 ? NULL : r->result, false, r->ret < 0 ? &r->err : NULL);
	free(r);
}

void
step_restore(struct task *t, const struct result *result)
{
	struct restoring *r = mem_zalloc(sizeof *r);

	r->task = t;
	r->result = result;
	loop_work(t->loop, restore_work, restore_done, r);
}
