/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"
#include "cli/make.h"
#include "cli/show.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "cli/verify.h"

static void
add(struct buf *b, size_t n, const char *what)
{
	if (n)
		buf_printf(b, "%s%zu %s", b->n ? ", " : "", n, what);
}

static void
print_summary(struct session *s, const struct made *m)
{
	struct run_counts c = answer_counts(s, &m->run);
	AUTO_BUF b = { 0 };
	if (c.made + c.restored + c.failed + c.cancelled + c.skipped + c.images_made == 0 && m->run.status == RUN_OK) {
		buf_puts(&b, "up to date: ");
		text_count(&b, c.steps, "step");
		if (c.images) {
			buf_puts(&b, ", ");
			text_count(&b, c.images, "image");
		}
	} else {
		add(&b, c.made, "made");
		add(&b, c.restored, "restored");
		add(&b, c.cutoff, "cut off");
		add(&b, c.hit, "up to date");
		add(&b, c.failed, "failed");
		add(&b, c.skipped, "skipped");
		add(&b, c.cancelled, "cancelled");
		if (c.images_made) {
			buf_puts(&b, b.n ? ", " : "");
			text_count(&b, c.images_made, "image");
			buf_puts(&b, " made");
		}
		buf_printf(&b, "%s", b.n ? "" : "nothing to do");
	}
	buf_puts(&b, " (");
	text_seconds(&b, m->run.seconds);
	buf_puts(&b, ")");
	if (c.saved_s >= 0.001) {
		buf_puts(&b, ", ");
		text_seconds(&b, c.saved_s);
		buf_puts(&b, " saved");
	}
	buf_putc(&b, '\n');
	text_out(buf_str(&b));
}

int
verb_run(struct args *a, struct err *e)
{
	struct session s;
	struct made m;
	int status = -1;
	if (a->dry_run)
		return verb_plan(a, e);
	double share;
	if (a->verify && verify_share(a->verify, &share, e) < 0)
		return -1;
	session_init(&s, a);
	if (make_check(a, e) < 0 || session_find(&s, e) < 0) {
		status = -1;
	} else if (make_watched(&s)) {
		status = 0;
	} else if (session_cache(&s, e) < 0) {
		status = -1;
	} else if (make_nothing(&s)) {
		status = 0;
	} else if (make(&s, TARGET_STEPS, &m, e) == 0) {
		size_t nunsteady = 0;
		status = make_status(&m.run);
		if (status == 0 && a->verify && verify(&s, &m, &nunsteady, e) < 0)
			status = -1;
		else if (nunsteady)
			status = 1;
		if (a->json && status >= 0)
			text_json(m.answer);
		else if (a->json)
			js_free(m.answer); /* main prints the error */
		else {
			print_summary(&s, &m);
			js_free(m.answer);
		}
	}
	session_done(&s);
	return status;
}
