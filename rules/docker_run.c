/* SPDX-License-Identifier: Apache-2.0
 *
 * The layer of RUN: the command in a sandbox over the layers that it starts from, and the difference.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/docker_inside.h"
#include "rules/notes.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/loop.h"

struct running {
	struct docker_work *w;
	struct js *state;
	struct docker_mounts mounts;
	struct masks masks;
	struct str *roots;
	size_t nroots;
	struct str empty;       /* a folder made as the root of nothing; empty: none */
	struct str *argv, *env;
	size_t nargv, nenv;
	struct err *e;
};

/* ---- the key ---- */

int
docker_run_fields(const struct docker_node *n, struct key *k, struct err *e)
{
	const struct docker_instruction *in = n->in;
	AUTO_BUF text = { 0 };
	(void)e;
	for (size_t i = 0; in->exec && i < in->nwords; i++)
		buf_text(&text, in->words[i].text);
	if (!in->exec)
		buf_put(&text, in->rest.text);
	key_num(k, "instruction", STR("exec"), in->exec);
	key_text(k, "instruction", STR("command"), buf_str(&text));
	for (size_t i = 0; i < in->nheredocs; i++)
		key_text(k, "instruction", arena_printf(k->arena, "document %zu", i), in->heredocs[i].content);
	for (size_t i = 0; i < in->nflags; i++)
		key_text(k, "flag", arena_printf(k->arena, "%zu " STR_FMT, i, STR_ARG(in->flags[i].name)), in->flags[i].value.text);
	key_num(k, "format", STR("run"), 1);
	key_num(k, "format", STR("owners"), geteuid() == 0); /* without root some are not what they are with it */
	return 0;
}

/* ---- the command ---- */

/* One document and nothing else is the script. One that begins with #! is run as a file. */
static int
script(struct running *r, const struct docker_heredoc *h, struct str *text, bool *alone)
{
	struct docker_heredoc word;
	const struct docker_instruction *in = r->w->node->in;
	*alone = in->nheredocs == 1 && docker_heredoc_word(in->rest.text, &r->w->arena, &word);
	if (!*alone || !str_starts(h->content, STR("#!"))) {
		*text = h->content;
		return 0;
	}
	struct build_mount *b = &r->mounts.v[r->mounts.n++];
	*b = (struct build_mount){ .type = BUILD_SECRET, .to = arena_printf(&r->w->arena, "/dev/pipes/" STR_FMT, STR_ARG(path_base(h->name))),
				   .bytes = h->content, .mode = 0755 };
	*text = (struct str){ 0 };
	r->argv = arena_array(&r->w->arena, struct str, 1);
	r->argv[r->nargv++] = b->to;
	return 0;
}

static int
command(struct running *r)
{
	const struct docker_instruction *in = r->w->node->in;
	struct arena *a = &r->w->arena;
	struct str text = in->rest.text, *shell;
	bool alone = false;
	if (in->exec) {
		r->argv = arena_array(a, struct str, in->nwords + 1);
		for (; r->nargv < in->nwords; r->nargv++)
			r->argv[r->nargv] = in->words[r->nargv].text;
		return 0;
	}
	if (in->nheredocs > 0 && script(r, &in->heredocs[0], &text, &alone) < 0)
		return -1;
	if (r->nargv > 0)
		return 0;
	if (in->nheredocs > 0 && !alone) {
		/* The shell reads the documents itself. */
		AUTO_BUF whole = { 0 };
		buf_put(&whole, in->rest.text);
		for (size_t i = 0; i < in->nheredocs; i++)
			buf_printf(&whole, "\n" STR_FMT STR_FMT, STR_ARG(in->heredocs[i].content), STR_ARG(in->heredocs[i].name));
		text = arena_str(a, buf_str(&whole));
	}
	const size_t n = docker_state_shell(r->state, a, &shell);
	r->argv = arena_array(a, struct str, n + 2);
	for (; r->nargv < n; r->nargv++)
		r->argv[r->nargv] = shell[r->nargv];
	r->argv[r->nargv++] = text;
	return 0;
}

static bool
has(const struct running *r, const char *name)
{
	for (size_t i = 0; i < r->nenv; i++) {
		if (str_is(str_cut(r->env[i], '=').head, name))
			return true;
	}
	return false;
}

static void
put(struct running *r, const char *name, struct str value)
{
	if (!has(r, name))
		r->env[r->nenv++] = arena_printf(&r->w->arena, "%s=" STR_FMT, name, STR_ARG(value));
}

/* The folder of the user in /etc/passwd of the image. */
static struct str
home_of(struct running *r)
{
	const struct str user = str_cut(docker_state_user(r->state), ':').head;
	if (user.n == 0 || str_is(user, "0") || str_is(user, "root"))
		return STR("/root");
	for (size_t i = r->nroots; i-- > 0;) {
		AUTO_BUF text = { 0 };
		const char *path = arena_z(&r->w->arena, path_join(&r->w->arena, r->roots[i], STR("etc/passwd")));
		AUTO_FD fd = file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, NULL);
		if (fd < 0 || file_read_fd(fd, 1 << 20, &text, NULL) < 0)
			continue;
		for (struct str rest = buf_str(&text); rest.n > 0;) {
			struct str field[7] = { { 0 } };
			const struct str_cut line = str_cut(rest, '\n');
			struct str left = line.head;
			rest = line.tail;
			for (size_t k = 0; k < 7; k++) {
				const struct str_cut c = str_cut(left, ':');
				field[k] = c.head;
				left = c.tail;
			}
			if ((str_eq(field[0], user) || str_eq(field[2], user)) && field[5].n > 0)
				return arena_str(&r->w->arena, field[5]);
		}
		break;
	}
	return STR("/");
}

/* Where the network is reached through a proxy the command has to know it; what it is counts nowhere. */
static void
proxies(struct running *r)
{
	static const char *const names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy",
					     "NO_PROXY",   "no_proxy",   "ALL_PROXY",	"all_proxy" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str value;
		const char *own = project_env(r->w->project, str_z(names[i]));
		if (docker_pair_get(&r->w->node->d->env->args, str_z(names[i]), &value))
			put(r, names[i], value);
		else if (own)
			put(r, names[i], str_z(own));
	}
}

static void
variables(struct running *r, bool network)
{
	struct str *v;
	const size_t n = docker_state_env(r->state, &r->w->arena, &v);
	r->env = arena_array(&r->w->arena, struct str, n + r->mounts.nenv + 20);
	for (size_t i = 0; i < n; i++)
		r->env[r->nenv++] = v[i];
	for (size_t i = 0; i < r->mounts.nenv; i++)
		r->env[r->nenv++] = r->mounts.env[i];
	put(r, "PATH", STR(DOCKER_PATH));
	put(r, "HOME", home_of(r));
	if (network)
		proxies(r);
}

/* ---- its output ---- */

struct said {
	struct project *project;
	node_id node;
	int stream;
	int64_t at;
	size_t n;
	char text[];
};

static void
show(void *ctx)
{
	struct said *s = ctx;
	s->project->watch.line(s->project->watch.ctx, s->node, s->stream, s->at, (struct str){ s->text, s->n });
	free(s);
}

static void
line(void *ctx, int stream, struct str text)
{
	struct running *r = ctx;
	if (!r->w->project->watch.line)
		return;
	struct said *s = mem_zalloc(sizeof *s + text.n + 1);
	s->project = r->w->project;
	s->node = r->w->task->node;
	s->stream = stream;
	s->at = clock_real();
	s->n = text.n;
	if (text.n > 0)
		memcpy(s->text, text.p, text.n);
	loop_post(r->w->task->loop, show, s);
}

/* ---- when it fails ---- */

static struct str *
kept(struct arena *a, const struct str *v, size_t n)
{
	struct str *out = arena_array(a, struct str, n + 1);
	for (size_t i = 0; i < n; i++)
		out[i] = arena_str(a, v[i]);
	return out;
}

static bool
secret_variable(const struct running *r, struct str variable)
{
	for (size_t i = 0; i < r->mounts.nenv; i++) {
		if (str_eq(variable, r->mounts.env[i]))
			return true;
	}
	return false;
}

/* For a shell in front of it; the first that fails is the one. */
static void
remember(struct running *r, bool network)
{
	struct docker_state *s = r->w->project->docker;
	pthread_mutex_lock(&s->mu);
	if (!s->failed) {
		struct docker_failed *f = arena_new(&s->arena, struct docker_failed);
		struct str *shell;
		f->nshell = docker_state_shell(r->state, &r->w->arena, &shell);
		f->shell = kept(&s->arena, shell, f->nshell);
		f->nroots = r->empty.n > 0 ? 0 : r->nroots;
		f->roots = kept(&s->arena, r->roots, f->nroots);
		f->env = arena_array(&s->arena, struct str, r->nenv + 1);
		for (size_t i = 0; i < r->nenv; i++) {
			if (!secret_variable(r, r->env[i]))
				f->env[f->nenv++] = arena_str(&s->arena, r->env[i]);
		}
		f->workdir = arena_str(&s->arena, docker_state_workdir(r->state));
		f->user = arena_str(&s->arena, docker_state_user(r->state));
		f->what = arena_str(&s->arena, r->w->node->in->source);
		f->network = network;
		s->failed = f;
	}
	pthread_mutex_unlock(&s->mu);
}

/* The exact command, its last lines, and how to look into it. */
static int
tell(struct running *r, const struct build_end *end)
{
	const struct docker_node *n = r->w->node;
	AUTO_BUF text = { 0 }, shown = { 0 };
	buf_printf(&text, "RUN failed with exit status %d: ", end->status);
	for (size_t i = 0; i < r->nargv; i++)
		buf_printf(&text, "%s" STR_FMT, i > 0 ? " " : "", STR_ARG(str_take(r->argv[i], 300)));
	masks_apply(&r->masks, buf_str(&text), &shown);
	(void)docker_fail(n->d, n->in->at, ERR_FAILED, r->e, STR_FMT, STR_ARG(str_take(buf_str(&shown), 500)));
	buf_reset(&text);
	for (size_t i = 0; i < end->nlast; i++)
		buf_printf(&text, "\n  | " STR_FMT, STR_ARG(end->last[i]));
	const struct str hint = arena_printf(&r->w->arena, "\n'pawl build " STR_FMT " --shell' opens a shell in front of it", STR_ARG(n->d->env->name));
	struct err first = *r->e;
	if (strlen(first.text) + text.n + hint.n < sizeof first.text - 1)
		return err_set(r->e, ERR_FAILED, "%s" STR_FMT STR_FMT, first.text, STR_ARG(buf_str(&text)), STR_ARG(hint));
	notes_add(r->w->project->notes, "the last lines of " STR_FMT ":" STR_FMT, STR_ARG(str_take(n->in->source, 100)), STR_ARG(buf_str(&text)));
	return err_set(r->e, ERR_FAILED, "%s" STR_FMT, first.text, STR_ARG(hint));
}

/* ---- all of it ---- */

static int
network_of(const struct running *r, bool *on)
{
	const struct docker_flag *f = docker_flag(r->w->node->in, "network"), *security = docker_flag(r->w->node->in, "security");
	*on = !f || !str_is(f->value.text, "none");
	if (f && !str_is(f->value.text, "none") && !str_is(f->value.text, "default") && !str_is(f->value.text, "host"))
		return docker_fail(r->w->node->d, f->value.at, ERR_INPUT, r->e, "'" STR_FMT "' is none of default, none and host", STR_ARG(f->value.text));
	if (security && !str_is(security->value.text, "sandbox"))
		return docker_fail(r->w->node->d, security->value.at, ERR_INPUT, r->e,
				   "commands run in a sandbox only; '" STR_FMT "' is not to be had", STR_ARG(security->value.text));
	return 0;
}

static int
prepare(struct running *r, bool *network)
{
	const struct inputs *in = &r->w->task->inputs;
	struct arena *a = &r->w->arena;
	if (network_of(r, network) < 0 || docker_input_js(in, "config", &r->state, r->e) < 0)
		return -1;
	r->mounts = (struct docker_mounts){ .w = r->w, .state = r->state };
	if (docker_roots(r->w->project, docker_input(in, "files"), a, &r->roots, &r->nroots, r->e) < 0 || docker_mounts_take(&r->mounts, r->e) < 0)
		return -1;
	if (r->nroots == 0) {
		if (docker_scratch(r->w->project, a, &r->empty, r->e) < 0)
			return -1;
		VEC_PUSH(&r->mounts.scratch, r->empty);
		r->roots[r->nroots++] = r->empty;
	}
	variables(r, *network);
	masks_init(&r->masks, r->mounts.secrets, r->mounts.nsecrets);
	return command(r);
}

static const char **
as_z(struct arena *a, const struct str *v, size_t n)
{
	const char **out = arena_array(a, const char *, n + 1);
	for (size_t i = 0; i < n; i++)
		out[i] = arena_z(a, v[i]);
	return out;
}

static int
write_layer(struct running *r, struct build *b)
{
	struct layer *l = layer_new();
	struct layer_info info;
	int bad = build_diff(b, NULL, 0, l, r->e);
	if (bad == 0 && layer_entries(l) == 0) {
		docker_layer_result(r->w, NULL, &r->w->result);
	} else if (bad == 0) {
		bad = layer_write(l, r->w->project->cache->blobs, LAYER_GZIP, &info, r->e);
		if (bad == 0)
			docker_layer_result(r->w, &info, &r->w->result);
	}
	layer_free(l);
	return bad;
}

static int
run(struct running *r, bool network)
{
	struct docker_work *w = r->w;
	struct build *b;
	struct build_end end = { 0 };
	struct str scratch;
	if (docker_scratch(w->project, &w->arena, &scratch, r->e) < 0)
		return -1;
	VEC_PUSH(&r->mounts.scratch, scratch);
	const struct build_opts o = { .roots = r->roots, .nroots = r->nroots, .scratch = scratch };
	if (build_open(&o, &b, r->e) < 0)
		return -1;
	const struct build_command c = { .argv = as_z(&w->arena, r->argv, r->nargv), .envp = as_z(&w->arena, r->env, r->nenv), .mounts = r->mounts.v,
					 .nmounts = r->mounts.n, .workdir = docker_state_workdir(r->state), .user = docker_state_user(r->state),
					 .network = network, .masks = &r->masks, .line = line, .ctx = r, .stop = &w->stop };
	int bad = build_run(b, &c, &w->arena, &end, r->e);
	if (bad < 0 && r->e->code != ERR_INTERRUPTED)
		(void)docker_blame(w->node->d, w->node->in->at, r->e);
	if (bad == 0 && end.status != 0) {
		remember(r, network);
		w->task->exit = end.status;
		bad = tell(r, &end);
	}
	if (bad == 0)
		bad = write_layer(r, b);
	w->result.seconds = end.seconds;
	build_close(b);
	return bad;
}

int
docker_run_layer(struct docker_work *w, struct err *e)
{
	struct running r = { .w = w, .e = e };
	bool network = true;
	int bad = prepare(&r, &network);
	if (bad == 0)
		bad = run(&r, network);
	masks_done(&r.masks);
	if (r.mounts.w)
		docker_mounts_done(&r.mounts);
	js_free(r.state);
	return bad;
}
