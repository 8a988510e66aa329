/* SPDX-License-Identifier: Apache-2.0
 *
 * lock: resolve what pawl.lock lacks, or what --update names, without building anything.
 */
#include "cli/answer.h"
#include "cli/make.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "rules/lock.h"

int
verb_lock(struct args *a, struct err *e)
{
	struct session s;
	struct made m;
	session_init(&s, a);
	int status = session_find(&s, e) < 0 || session_cache(&s, e) < 0 ? -1 : make(&s, TARGET_LOCK, &m, e);
	if (status == 0) {
		status = make_status(&m.run);
		size_t n = 0;
		for (uint32_t i = 0; i < m.run.graph->nnodes; i++)
			n += m.run.node[i].state == RUN_MADE;
		if (a->json) {
			text_json(m.answer);
		} else {
			AUTO_BUF b = { 0 };
			if (n)
				buf_printf(&b, "%zu %s resolved into pawl.lock\n", n, n == 1 ? "entry" : "entries");
			else if (status == 0)
				buf_puts(&b, "pawl.lock is up to date\n");
			text_out(buf_str(&b));
			js_free(m.answer);
		}
	}
	session_done(&s);
	return status;
}
