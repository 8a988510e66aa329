/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds by another pawl, at the other end of a program's stdin and stdout, as git does it with ssh (backends/remote_wire.h).
 *
 * Settings of the stack's builder: address (ssh://[USER@]HOST[:PORT]), and pawl (its path there; "pawl" unset); or command, a list: what to run instead
 * of ssh, to which "pawl __remote-build" is not added.
 */
#include <signal.h>
#include <unistd.h>

#include "backends/builder_inside.h"
#include "backends/remote_job.h"
#include "backends/remote_wire.h"
#include "base/vec.h"
#include "sys/file.h"
#include "sys/proc.h"

struct remote {
	const struct builder_build *job;
	struct blobs *blobs;
	struct arena *arena;
	struct remote_wire wire;
	VEC(const char *) argv;
};

static int
ssh_arguments(struct remote *x, struct str address, struct err *e)
{
	static const struct str scheme = STR_INIT("ssh://");
	struct str host = str_drop(address, scheme.n);
	const size_t at = str_rfind_char(host, ':');
	const struct str pawl = builder_setting(x->job, "pawl");
	if (!str_starts(address, scheme) || host.n == 0 || host.p[0] == '-' || str_find_char(host, '/') != SIZE_MAX)
		return err_set(e, ERR_INPUT, "the image builder 'remote' has the address '" STR_FMT "'; expected ssh://[USER@]HOST[:PORT]", STR_ARG(address));
	VEC_PUSH(&x->argv, "ssh");
	VEC_PUSH(&x->argv, "-T");
	if (at != SIZE_MAX) {
		VEC_PUSH(&x->argv, "-p");
		VEC_PUSH(&x->argv, arena_z(x->arena, str_drop(host, at + 1)));
		host = str_take(host, at);
	}
	VEC_PUSH(&x->argv, "--");
	VEC_PUSH(&x->argv, arena_z(x->arena, host));
	VEC_PUSH(&x->argv, arena_printf(x->arena, STR_FMT " " REMOTE_VERB, STR_ARG(pawl.n > 0 ? pawl : STR("pawl"))).p);
	return 0;
}

static int
arguments(struct remote *x, struct err *e)
{
	const struct js *command = x->job->settings ? js_get(x->job->settings, "command") : NULL;
	const struct str address = builder_setting(x->job, "address");
	for (size_t i = 0; i < js_len(command); i++)
		VEC_PUSH(&x->argv, arena_z(x->arena, js_str(js_at(command, i))));
	if (x->argv.n == 0 && address.n == 0)
		return err_set(e, ERR_INPUT, "the image builder 'remote' needs an address: builder: {kind: remote, address: \"ssh://HOST\"}");
	if (x->argv.n == 0 && ssh_arguments(x, address, e) < 0)
		return -1;
	VEC_PUSH(&x->argv, NULL);
	return 0;
}

static int
failed(struct remote *x, const struct remote_message *m, struct err *e)
{
	AUTO_JS doc = NULL;
	if (remote_js(&x->wire, m, &doc, e) < 0)
		return -1;
	const struct str code = js_str(js_get(doc, "code")), text = str_take(js_str(js_get(doc, "text")), 4000);
	const bool input = str_is(code, "input"), world = str_is(code, "world");
	return err_set(e, input ? ERR_INPUT : world ? ERR_WORLD : ERR_FAILED, "the remote builder: " STR_FMT, STR_ARG(text));
}

static int
take_image(struct remote *x, const struct remote_message *m, struct layout_read *out, struct err *e)
{
	AUTO_JS doc = NULL;
	uint64_t size;
	if (remote_js(&x->wire, m, &doc, e) < 0 || remote_image_read(doc, x->arena, out, &size, e) < 0)
		return -1;
	return remote_fetch(&x->wire, x->blobs, js_get(doc, "blobs"), e);
}

static int
converse(struct remote *x, struct layout_read *out, struct err *e)
{
	AUTO_JS job = remote_job_write(x->job, x->blobs);
	struct remote_message m;
	if (remote_send_js(&x->wire, REMOTE_JOB, job, e) < 0 || remote_serve(&x->wire, x->blobs, js_get(job, "blobs"), e) < 0)
		return -1;
	for (;;) {
		AUTO_BUF text = { 0 };
		if (remote_receive(&x->wire, &m, e) < 0)
			return -1;
		if (m.type == REMOTE_FAILED)
			return failed(x, &m, e);
		if (m.type == REMOTE_IMAGE)
			return take_image(x, &m, out, e);
		if (m.type != REMOTE_LINE || remote_text(&x->wire, &m, &text, e) < 0)
			return err_set(e, ERR_WORLD, "the remote builder says what it must not while it builds");
		builder_say(x->job, buf_str(&text));
	}
}

static int
build(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct remote x = { .job = job, .blobs = b, .arena = a };
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	struct proc proc;
	struct proc_end end;
	int bad = arguments(&x, e);
	if (bad == 0 && (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0))
		bad = err_os(e, "make pipes for the remote builder");
	const struct proc_opts o = {
		.argv = x.argv.v, .envp = job->environ_, .cwd = AT_FDCWD, .in = to[0], .out = from[1], .err = STDERR_FILENO, .group = true };
	if (bad == 0 && (bad = proc_spawn(&o, &proc, e)) == 0) {
		file_closep(&to[0]);
		file_closep(&from[1]);
		x.wire = (struct remote_wire){ .in = from[0], .out = to[1], .stop = job->stop };
		bad = converse(&x, out, e);
		file_closep(&to[1]);
		if (bad < 0)
			proc_kill_group(proc.pid, SIGTERM);
		if (proc_reap(&proc, &end, NULL) == 0 && bad < 0 && end.status == 255 && e && e->code == ERR_WORLD)
			(void)err_set(e, ERR_WORLD, "'%s' could not reach the remote builder (exit 255; its words are above)", x.argv.v[0]);
	}
	file_closep(&to[0]);
	file_closep(&to[1]);
	file_closep(&from[0]);
	file_closep(&from[1]);
	VEC_DONE(&x.argv);
	return bad;
}

const struct builder_kind builder_remote = { .name = "remote", .make = builder_make, .identity = builder_identity, .build = build };
