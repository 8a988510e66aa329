/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds by a Docker engine: POST /build with the context as a tar, then the image out of the engine as an archive (GET /images/ID/get).
 *
 *	parents it lacks [load]  ->  left by a client that died? [inspect TAG]  ->  build [POST /build]  ->  take [get]  ->  forget the TAG
 *
 * BuildKit (version=2) where the engine has it; the context goes with the request, so that no session is needed: secrets want one, and are refused.
 * The API: Docker Engine API 1.41.
 */
#include "backends/builder_inside.h"

#include <string.h>
#include <unistd.h>

#include "backends/archive.h"
#include "backends/engine_docker.h"
#include "backends/http.h"
#include "backends/moby_trace.h"
#include "backends/tail.h"
#include "sys/file.h"

#define NAME "Dockerfile.pawl"
#define SILENCE_S (24 * 3600) /* of an engine at work */
#define ANSWER_LINE ((size_t)4 << 20)

struct build {
	const struct builder_build *job;
	struct blobs *blobs;
	struct http *http;
	const char *socket;
	struct arena *arena;
	struct str tag;
	struct str image;        /* its id */
	struct buf pending;      /* of the answer: a line that is not whole yet */
	struct lines lines;      /* what it prints */
	struct moby_trace trace;
	struct tail tail;
	struct str error;
};

/* ---- requests ---- */

static int
ask(struct build *x, const char *method, struct str path, struct http_answer *out, struct err *e)
{
	const struct http_request r = { .method = method,
					.url = arena_printf(x->arena, "http://docker" STR_FMT, STR_ARG(path)),
					.unix_socket = x->socket,
					.stop = x->job->stop };
	if (http_do(x->http, &r, x->arena, out, e) < 0)
		return err_wrap(e, "ask the Docker engine at %s (is it running? see DOCKER_HOST)", x->socket);
	return 0;
}

static struct str
message_of(const struct http_answer *answer, struct arena *a)
{
	AUTO_JS doc = NULL;
	(void)js_parse(answer->body, "answer", &doc, NULL);
	return arena_str(a, str_take(js_str(js_get(doc, "message")), 1000));
}

/* Does it have BuildKit? Its ping says which builder it likes; engines since 18.09 (API 1.39) have both. */
static int
has_buildkit(struct build *x, bool *out, struct err *e)
{
	struct http_answer answer;
	const struct js *wish = x->job->settings ? js_get(x->job->settings, "buildkit") : NULL;
	if (ask(x, "GET", STR("/_ping"), &answer, e) < 0)
		return -1;
	const struct str api = http_header(&answer, "api-version");
	uint64_t minor = 0;
	(void)str_u64(str_cut(api, '.').tail, &minor);
	*out = js_type(wish) == JS_BOOL ? js_true(wish) : minor >= 39;
	return 0;
}

/* ---- the answer to POST /build: JSON objects, one a line ---- */

static void
keep(void *ctx, struct str text)
{
	struct build *x = ctx;
	tail_add(&x->tail, text);
	builder_say(x->job, text);
}

static void
answer_line(struct build *x, struct str line)
{
	AUTO_JS doc = NULL;
	if (js_parse(line, "answer", &doc, NULL) < 0)
		return;
	const struct js *aux = js_get(doc, "aux");
	const struct str id = js_str(js_get(doc, "id")), made = js_str(js_get(aux, "ID")), error = js_str(js_get(doc, "error"));
	if (str_is(id, "moby.buildkit.trace"))
		moby_trace_feed(&x->trace, js_str(aux));
	else if (made.n > 0)
		x->image = arena_str(x->arena, made);
	if (error.n > 0)
		x->error = arena_str(x->arena, error);
	lines_feed(&x->lines, js_str(js_get(doc, "stream")));
}

static void
answer_piece(void *ctx, struct str bytes)
{
	struct build *x = ctx;
	while (bytes.n > 0) {
		const struct str_cut c = str_cut(bytes, '\n');
		if (x->pending.n + c.head.n <= ANSWER_LINE)
			buf_put(&x->pending, c.head);
		if (!c.ok)
			return;
		answer_line(x, str_trim(buf_str(&x->pending)));
		buf_reset(&x->pending);
		bytes = c.tail;
	}
}

/* ---- the request ---- */

static void
put_query(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, "&%s=", name);
	http_escape(value, out);
}

static struct str
query(const struct build *x, bool buildkit)
{
	const struct builder_build *j = x->job;
	AUTO_BUF out = { 0 };
	AUTO_BUF args = { 0 };
	AUTO_JS map = js_map();
	for (size_t i = 0; i < j->nargs; i++) {
		const struct str_cut c = str_cut(j->args[i], '=');
		js_set(map, arena_z(x->arena, c.head), js_text(c.tail));
	}
	js_write(map, &args);
	buf_printf(&out, "/build?version=%d&rm=1&forcerm=1&dockerfile=" NAME, buildkit ? 2 : 1);
	put_query(&out, "t", x->tag);
	put_query(&out, "buildargs", buf_str(&args));
	if (j->target.n > 0)
		put_query(&out, "target", j->target);
	if (buildkit && j->platform.n > 0) /* the classic builder takes it for an experiment */
		put_query(&out, "platform", j->platform);
	if (builder_setting(j, "network").n > 0)
		put_query(&out, "networkmode", builder_setting(j, "network"));
	return arena_str(x->arena, buf_str(&out));
}

/* The context with the Dockerfile in it, which no COPY shall see. */
static int
pack(struct build *x, int fd, struct err *e)
{
	static const struct str ignore = STR_INIT(NAME "\n.dockerignore\n");
	const struct builder_extra extra[] = { { STR_INIT(NAME), x->job->dockerfile }, { STR_INIT(".dockerignore"), ignore } };
	return builder_context_tar(x->blobs, &x->job->context, extra, 2, fd, e);
}

static int
post(struct build *x, bool buildkit, struct err *e)
{
	static const struct http_header type[] = { { STR_INIT("Content-Type"), STR_INIT("application/x-tar") } };
	struct http_answer answer;
	AUTO_FD fd = builder_file(x->job, e);
	if (fd < 0 || pack(x, fd, e) < 0)
		return -1;
	const struct http_request r = { .method = "POST",
					.url = arena_printf(x->arena, "http://docker" STR_FMT, STR_ARG(query(x, buildkit))),
					.unix_socket = x->socket,
					.headers = type,
					.nheaders = 1,
					.body_path = arena_printf(x->arena, "/proc/self/fd/%d", fd).p,
					.piece = answer_piece,
					.piece_ctx = x,
					.stall_s = SILENCE_S,
					.stop = x->job->stop };
	if (http_do(x->http, &r, x->arena, &answer, e) < 0)
		return err_wrap(e, "build with the Docker engine at %s", x->socket);
	if (answer.status != 200) {
		const struct str why = message_of(&answer, x->arena);
		return err_set(e, answer.status == 400 ? ERR_INPUT : ERR_WORLD, "the Docker engine refuses the build: " STR_FMT, STR_ARG(why));
	}
	return 0;
}

static int
run_build(struct build *x, bool buildkit, struct err *e)
{
	const struct builder_build *j = x->job;
	struct masks masks;
	builder_masks(j, x->arena, &masks);
	x->lines = (struct lines){ .masks = &masks, .line = keep, .ctx = x };
	moby_trace_init(&x->trace, &x->lines);
	int bad = post(x, buildkit, e);
	if (bad == 0 && x->pending.n > 0)
		answer_line(x, str_trim(buf_str(&x->pending)));
	lines_end(&x->lines);
	moby_trace_done(&x->trace);
	masks_done(&masks);
	if (bad == 0 && x->error.n > 0)
		bad = err_set(e, ERR_FAILED, "the Docker engine could not build it: " STR_FMT "%s", STR_ARG(str_take(x->error, 1000)), tail_text(&x->tail, x->arena).p);
	if (bad == 0 && x->image.n == 0)
		bad = err_set(e, ERR_WORLD, "the Docker engine ended the build without an image%s", tail_text(&x->tail, x->arena).p);
	return bad;
}

/* ---- before and after ---- */

static int
give_parents(struct build *x, struct err *e)
{
	const char *host = arena_z(x->arena, builder_variable(x->job, "DOCKER_HOST"));
	for (size_t i = 0; i < x->job->nparents; i++) {
		const struct builder_parent *p = &x->job->parents[i];
		struct http_answer answer;
		struct layout_image image = p->image;
		if (ask(x, "GET", arena_printf(x->arena, "/images/" STR_FMT "/json", STR_ARG(p->name)), &answer, e) < 0)
			return -1;
		if (answer.status == 200)
			continue;
		image.repo_tag = p->name;
		if (engine_docker_load(*host ? host : NULL, x->blobs, &image, NULL, e) < 0)
			return -1;
	}
	return 0;
}

/* What a client made that did not live to take it. */
static int
find_left(struct build *x, struct err *e)
{
	struct http_answer answer;
	AUTO_JS doc = NULL;
	if (ask(x, "GET", arena_printf(x->arena, "/images/" STR_FMT "/json", STR_ARG(x->tag)), &answer, e) < 0)
		return -1;
	if (answer.status == 200 && js_parse(answer.body, "image", &doc, NULL) == 0)
		x->image = arena_str(x->arena, js_str(js_get(doc, "Id")));
	return 0;
}

static int
take(struct build *x, struct layout_read *out, struct err *e)
{
	struct http_answer answer;
	struct str scratch;
	if (builder_scratch(x->job, x->arena, &scratch, e) < 0)
		return -1;
	const char *path = arena_printf(x->arena, STR_FMT "/image.tar", STR_ARG(scratch)).p;
	int fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, e);
	int bad = fd < 0 ? -1 : 0;
	struct builder_sink sink = { .fd = fd };
	const struct http_request r = { .method = "GET",
					.url = arena_printf(x->arena, "http://docker/images/" STR_FMT "/get", STR_ARG(x->image)),
					.unix_socket = x->socket,
					.piece = builder_sink,
					.piece_ctx = &sink,
					.stall_s = SILENCE_S,
					.stop = x->job->stop };
	if (bad == 0)
		bad = http_do(x->http, &r, x->arena, &answer, e);
	if (bad == 0 && answer.status != 200)
		bad = err_set(e, ERR_WORLD, "take the image out of the Docker engine: it answers %d: " STR_FMT, answer.status,
			      STR_ARG(message_of(&answer, x->arena)));
	if (bad == 0 && sink.bad)
		bad = err_set(e, sink.err.code, "%s", sink.err.text);
	if (fd >= 0 && file_close(&fd, path, bad == 0 ? e : NULL) < 0)
		bad = -1;
	if (bad == 0)
		bad = docker_archive_read(path, x->blobs, x->arena, out, e);
	(void)file_remove_tree(AT_FDCWD, arena_z(x->arena, scratch), NULL);
	return bad;
}

static bool
is_parents(const struct build *x, const struct digest *diff_id)
{
	for (size_t i = 0; i < x->job->nparents; i++) {
		const struct oci_manifest *m = &x->job->parents[i].image.parts;
		for (size_t k = 0; k < m->nlayers; k++) {
			if (digest_eq(&m->layers[k].diff_id, diff_id))
				return true;
		}
	}
	return false;
}

/* BuildKit does not apply .dockerignore to a context that comes with the request: did a COPY of everything take our file along? */
static int
took_ours(struct build *x, const struct layout_read *image, bool *out, struct err *e)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	*out = false;
	for (size_t i = image->parts.nlayers; i-- > 0 && !*out;) {
		struct archive_reader *r;
		struct archive_item item;
		int got;
		if (is_parents(x, &image->parts.layers[i].diff_id))
			continue;
		if (archive_open_blob(x->blobs, &image->parts.layers[i].digest, "a layer", &o, &r, e) < 0)
			return -1;
		while ((got = archive_next(r, &item, e)) == 1)
			*out = *out || str_is(path_base(item.path), NAME);
		archive_close(r);
		if (got < 0)
			return -1;
	}
	return 0;
}

/* With BuildKit, or as the classic builder does, which leaves our file out. */
static int
build_and_take(struct build *x, bool buildkit, struct layout_read *out, struct err *e)
{
	bool ours = false;
	if (x->image.n == 0 && run_build(x, buildkit, e) < 0)
		return -1;
	if (take(x, out, e) < 0 || (buildkit && took_ours(x, out, &ours, e) < 0))
		return -1;
	if (!ours)
		return 0;
	x->image.n = 0;
	if (run_build(x, false, e) < 0)
		return err_wrap(e, "a COPY of the whole context wants the classic builder");
	return take(x, out, e);
}

static int
all(struct build *x, struct layout_read *out, struct err *e)
{
	bool buildkit;
	struct http_answer answer;
	if (x->job->nsecrets > 0)
		return err_set(e, ERR_INPUT, "the image builder 'docker' cannot give secrets to a build; 'native' and 'buildah' can");
	if (has_buildkit(x, &buildkit, e) < 0 || give_parents(x, e) < 0 || find_left(x, e) < 0)
		return -1;
	if (build_and_take(x, buildkit, out, e) < 0)
		return -1;
	/* Its layers stay in the engine's own cache. */
	(void)ask(x, "DELETE", arena_printf(x->arena, "/images/" STR_FMT "?noprune=1", STR_ARG(x->tag)), &answer, NULL);
	return 0;
}

static int
build(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct build x = { .job = job, .blobs = b, .arena = a };
	x.tag = arena_printf(a, "pawl/build:" STR_FMT, STR_ARG(builder_job_name(job, &builder_docker, a)));
	const char *host = arena_z(a, builder_variable(job, "DOCKER_HOST"));
	if (engine_docker_socket(*host ? host : NULL, &x.socket, e) < 0)
		return -1;
	x.http = http_new(e);
	if (!x.http)
		return -1;
	const int bad = all(&x, out, e);
	http_free(x.http);
	buf_done(&x.pending);
	tail_done(&x.tail);
	return bad;
}

const struct builder_kind builder_docker = { .name = "docker", .make = builder_make, .identity = builder_identity, .build = build };
