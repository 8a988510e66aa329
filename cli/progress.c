/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/width.h"
#include "cli/answer.h"
#include "cli/text.h"
#include "sys/clock.h"

#define BOLD "\033[1m"
#define GREEN "\033[1;32m"
#define CYAN "\033[1;36m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* The descriptor that --events fd:N names; -1 where it names a file. */
static int
events_fd(const struct args *a, int *out, struct err *e)
{
	struct str where = str_z(a->events);
	uint64_t fd;
	*out = -1;
	if (!str_starts(where, STR("fd:")))
		return 0;
	if (!str_u64(str_drop(where, 3), &fd) || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
		return err_set(e, ERR_INPUT, "--events %s: there is no such open descriptor", a->events);
	*out = (int)fd;
	return 0;
}

int
progress_check(const struct args *a, struct err *e)
{
	int fd;
	return a->events ? events_fd(a, &fd, e) : 0;
}

int
progress_open(struct progress *p, struct session *s, struct err *e)
{
	const struct args *a = s->args;
	*p = (struct progress){ .s = s, .events = -1, .last = NODE_NONE };
	p->quiet = a->quiet;
	p->color = text_color(a, STDERR_FILENO);
	const char *ci = getenv("CI"), *term = getenv("TERM");
	p->live = !a->quiet && isatty(STDERR_FILENO) && !(ci && *ci) && term && strcmp(term, "dumb") != 0;
	if (!a->events)
		return 0;
	int fd;
	if (events_fd(a, &fd, e) < 0)
		return -1;
	if (fd >= 0) {
		p->events = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	} else {
		p->events = file_open(AT_FDCWD, a->events, O_WRONLY | O_CREAT | O_TRUNC, 0666, e);
	}
	return p->events < 0 ? err_wrap(e, "--events") : 0;
}

void
progress_close(struct progress *p)
{
	file_closep(&p->events);
}

/* Takes o. A stream that cannot be written is given up with one line. */
static void
send(struct progress *p, const char *event, struct str node, struct js *o)
{
	if (p->events >= 0 && !p->events_failed) {
		struct err e;
		js_set(o, "schema", js_int(1));
		js_set(o, "event", js_textz(event));
		js_set(o, "t", js_real((double)(clock_real() / 1000) / 1e6));
		js_set(o, "node", node.n ? js_text(node) : js_null());
		AUTO_BUF b = { 0 };
		js_write(o, &b);
		buf_putc(&b, '\n');
		if (file_write_all(p->events, buf_str(&b), &e) < 0) {
			p->events_failed = true;
			AUTO_BUF text = { 0 };
			buf_printf(&text, "warning: the event stream ends here: %s\n", e.text);
			text_err(buf_str(&text));
		}
	}
	js_free(o);
}

static void
erase(struct progress *p)
{
	if (p->drawn)
		text_err(STR("\r\033[K"));
	p->drawn = false;
}

/* Columns behind "     Working ": a line that wraps could not be taken back. */
static size_t
room(void)
{
	enum { WORD = 13, LEAST = 8 };
	struct winsize w;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
		return 80 - WORD;
	return w.ws_col > WORD + LEAST ? (size_t)w.ws_col - WORD - 1 : 0;
}

static void
draw(struct progress *p)
{
	if (!p->live || !p->running)
		return;
	AUTO_BUF b = { 0 }, text = { 0 };
	buf_printf(&text, "%u of %u, %u running, ", p->done, p->total, p->running);
	text_seconds(&text, (double)(clock_mono() - p->began) / 1e9);
	const struct str shown = str_take(buf_str(&text), room());
	if (!shown.n)
		return;
	buf_printf(&b, "\r\033[K%s%12s%s " STR_FMT, p->color ? CYAN : "", "Working", p->color ? PLAIN : "", STR_ARG(shown));
	text_err(buf_str(&b));
	p->drawn = true;
}

/* "    Running train  input features changed" */
static void
line(struct progress *p, const char *color, const char *word, struct str name, struct str rest)
{
	if (p->quiet)
		return;
	erase(p);
	AUTO_BUF b = { 0 };
	buf_printf(&b, "%s%12s%s " STR_FMT, p->color ? color : "", word, p->color ? PLAIN : "", STR_ARG(name));
	if (rest.n)
		buf_printf(&b, "  %s" STR_FMT "%s", p->color ? DIM : "", STR_ARG(rest), p->color ? PLAIN : "");
	buf_putc(&b, '\n');
	text_err(buf_str(&b));
	p->last = NODE_NONE;
	draw(p);
}

static const struct node *
node_of(struct progress *p, node_id n)
{
	return &p->s->project->graph.node[n.i];
}

/* A step goes by its plain name; everything else keeps its kind. */
static struct str
shown(const struct node *n)
{
	return n->rule == &rule_step ? answer_name(n) : n->name;
}

static void
node_start(void *ctx, node_id id, const struct reason *why)
{
	struct progress *p = ctx;
	const struct node *n = node_of(p, id);
	p->running++;
	line(p, CYAN, n->rule == &rule_step ? "Running" : "Making", shown(n), why->text);
	if (p->events >= 0)
		send(p, "node.start", n->name, js_set(js_map(), "reason", answer_reason(why)));
}

static void
failure(struct progress *p, const struct node *n, const struct run_node *r)
{
	erase(p);
	AUTO_BUF b = { 0 };
	buf_printf(&b, "%serror%s: %s\n", p->color ? RED : "", p->color ? PLAIN : "",
		   r->error ? r->error->text : "it failed and gave no reason");
	if (r->result && !digest_is_zero(&r->result->log))
		buf_printf(&b, "       its output: pawl log " STR_FMT "\n", STR_ARG(answer_name(n)));
	text_err(buf_str(&b));
}

static void
node_end(void *ctx, node_id id, const struct run_node *r)
{
	static const struct {
		const char *word, *color;
		bool verbose;
	} words[] = {
		[RUN_HIT] = { "Hit", DIM, true },          [RUN_RESTORED] = { "Restored", GREEN, false },
		[RUN_CUTOFF] = { "Cut off", GREEN, false }, [RUN_MADE] = { "Made", GREEN, false },
		[RUN_FAILED] = { "Failed", RED, false },    [RUN_SKIPPED] = { "Skipped", YELLOW, true },
		[RUN_CANCELLED] = { "Cancelled", YELLOW, false }, [RUN_UNUSED] = { "Unused", DIM, true },
		[RUN_NONE] = { "", DIM, true },
	};
	struct progress *p = ctx;
	const struct node *n = node_of(p, id);
	bool ran = r->state == RUN_MADE || r->state == RUN_FAILED;
	if (ran && p->running)
		p->running--;
	p->done++;
	AUTO_BUF rest = { 0 };
	if (ran) {
		text_seconds(&rest, r->seconds);
		if (r->attempts > 1)
			buf_printf(&rest, ", attempt %u", r->attempts);
	}
	/* What never began is in the summary's counts: a failure may cancel thousands. */
	bool verbose = words[r->state].verbose || (r->state == RUN_CANCELLED && !r->started_at);
	if (!verbose || p->s->args->verbose)
		line(p, words[r->state].color, words[r->state].word, shown(n), buf_str(&rest));
	if (r->state == RUN_FAILED)
		failure(p, n, r);
	if (p->events >= 0)
		send(p, "node.end", n->name, answer_step_end(n, r));
}

static void
tick(void *ctx, uint32_t running, uint32_t done, uint32_t total)
{
	struct progress *p = ctx;
	p->running = running;
	p->done = done;
	p->total = total;
	draw(p);
}

/* The end of an escape sequence that begins at s.p[i]; colour: it only sets colours. */
static size_t
escape_end(struct str s, size_t i, bool *colour)
{
	*colour = false;
	if (++i >= s.n || s.p[i] != '[')
		return i < s.n ? i + 1 : i;
	for (i++; i < s.n; i++)
		if (s.p[i] >= '@' && s.p[i] <= '~') {
			*colour = s.p[i] == 'm';
			return i + 1;
		}
	return i;
}

/* A line of a program as it may be shown: what a carriage return wrote over is gone, colours stay where colours are wanted, and nothing else
 * moves the cursor or rings. Bytes that are no UTF-8 become '?'. */
void
progress_shown(struct str s, bool color, struct buf *out)
{
	while (s.n && s.p[s.n - 1] == '\r')
		s.n--;
	size_t over = str_rfind_char(s, '\r');
	if (over != SIZE_MAX)
		s = str_drop(s, over + 1);
	bool coloured = false;
	while (s.n) {
		bool colour;
		uint32_t point;
		const char *at = s.p;
		if (str_starts(s, STR("\033]"))) { /* a title and the like: to the bell or ESC \\, else to the end */
			size_t bell = str_find_char(s, '\a'), string = str_find(s, STR("\033\\"));
			s = str_drop(s, bell < string ? bell + 1 : string != SIZE_MAX ? string + 2 : s.n);
		} else if (*at == '\033') {
			size_t end = escape_end(s, 0, &colour);
			if (colour && color)
				buf_put(out, str_take(s, end));
			coloured = coloured || (colour && color);
			s = str_drop(s, end);
		} else if (!utf8_next(&s, &point)) {
			buf_putc(out, '?');
		} else if (point == '\t' || !width_is_control(point)) {
			buf_put(out, (struct str){ at, (size_t)(s.p - at) });
		}
	}
	if (coloured)
		buf_puts(out, PLAIN);
}

static void
output_line(void *ctx, node_id id, int stream, int64_t at, struct str text)
{
	struct progress *p = ctx;
	const struct node *n = node_of(p, id);
	(void)at;
	if (!p->quiet) {
		erase(p);
		AUTO_BUF b = { 0 };
		buf_printf(&b, "%s" STR_FMT " |%s ", p->color ? BOLD : "", STR_ARG(shown(n)), p->color ? PLAIN : "");
		progress_shown(text, p->color, &b);
		buf_putc(&b, '\n');
		text_err(buf_str(&b));
		draw(p);
	}
	if (p->events >= 0)
		send(p, "log", n->name, js_set(js_set(js_map(), "stream", js_int(stream)), "text", js_text(text)));
}

static void
progress_text(void *ctx, node_id id, struct str text)
{
	struct progress *p = ctx;
	const struct node *n = node_of(p, id);
	line(p, CYAN, "", shown(n), text);
	send(p, "progress", n->name, js_set(js_map(), "text", js_text(text)));
}

void
progress_round(struct progress *p, uint32_t total)
{
	p->total = total;
	p->running = p->done = 0;
	p->last = NODE_NONE;
}

void
progress_begin(struct progress *p, struct str run_id)
{
	p->began = clock_mono();
	struct js *o = js_map();
	js_set(o, "pipeline", js_text(p->s->project->ir.pipeline));
	js_set(o, "run", js_text(run_id));
	send(p, "run.start", (struct str){ 0 }, o);
}

void
progress_end(struct progress *p, const struct js *answer)
{
	erase(p);
	struct js *o = js_map();
	js_set(o, "run", js_copy(js_get(answer, "run")));
	js_set(o, "status", js_copy(js_get(answer, "status")));
	js_set(o, "summary", js_copy(js_get(answer, "summary")));
	send(p, "run.end", (struct str){ 0 }, o);
}

struct run_watch
progress_run_watch(struct progress *p)
{
	return (struct run_watch){ .ctx = p, .node_start = node_start, .node_end = node_end, .tick = tick };
}

struct project_watch
progress_project_watch(struct progress *p)
{
	return (struct project_watch){ .ctx = p, .line = output_line, .progress = progress_text };
}
