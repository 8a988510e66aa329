/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/engine_docker.h"

#include <unistd.h>

#include "backends/http.h"

#define SOCKET "/var/run/docker.sock"
#define IMAGES_MAX 300
#define LOAD_MS (30 * 60 * 1000)

struct engine {
	struct http *http;
	const char *socket;
	struct arena arena;
};

static int
ask(struct engine *x, const char *method, struct str path, const char *body_path, struct http_answer *out, struct err *e)
{
	static const struct http_header type[] = { { STR_INIT("Content-Type"), STR_INIT("application/x-tar") } };
	const struct http_request r = { .method = method,
					.url = arena_printf(&x->arena, "http://docker" STR_FMT, STR_ARG(path)),
					.unix_socket = x->socket,
					.headers = type,
					.nheaders = body_path ? 1 : 0,
					.body_path = body_path,
					.timeout_ms = body_path ? LOAD_MS : 60000 };
	if (http_do(x->http, &r, &x->arena, out, e) < 0)
		return err_wrap(e, "ask the Docker engine at %s (is it running? see DOCKER_HOST)", x->socket);
	return 0;
}

static size_t
common(const struct js *layers, const struct layout_image *i)
{
	size_t n = 0;
	for (; n < js_len(layers) && n < i->parts.nlayers; n++) {
		struct digest d;
		if (!digest_parse(js_str(js_at(layers, n)), false, &d) || !digest_eq(&d, &i->parts.layers[n].diff_id))
			break;
	}
	return n;
}

/* How many of our layers, from below, the engine has. Whatever goes wrong here only makes the load longer. */
static size_t
has_layers(struct engine *x, const struct layout_image *i)
{
	struct http_answer answer;
	AUTO_JS list = NULL;
	size_t best = 0;
	if (ask(x, "GET", STR("/images/json"), NULL, &answer, NULL) < 0 || answer.status != 200 ||
	    js_parse(answer.body, "images", &list, NULL) < 0)
		return 0;
	for (size_t k = 0; k < js_len(list) && k < IMAGES_MAX && best < i->parts.nlayers; k++) {
		AUTO_JS image = NULL;
		const struct str id = js_str(js_get(js_at(list, k), "Id"));
		struct digest d;
		if (!digest_parse(id, false, &d) || ask(x, "GET", arena_printf(&x->arena, "/images/" STR_FMT "/json", STR_ARG(id)), NULL, &answer, NULL) < 0)
			continue;
		if (answer.status != 200 || js_parse(answer.body, "image", &image, NULL) < 0)
			continue;
		const size_t n = common(js_get(js_get(image, "RootFS"), "Layers"), i);
		best = n > best ? n : best;
	}
	return best;
}

/* The answer is a stream of JSON objects; one with "error" says that it went wrong. */
static int
loaded(const struct http_answer *answer, struct err *e)
{
	if (answer->status != 200) {
		AUTO_JS doc = NULL;
		(void)js_parse(answer->body, "answer", &doc, NULL);
		const struct str why = js_str(js_get(doc, "message"));
		return err_set(e, ERR_WORLD, "load the image into Docker: the engine answers %d: " STR_FMT, answer->status, STR_ARG(str_take(why, 400)));
	}
	for (struct str rest = answer->body; rest.n > 0;) {
		const struct str_cut line = str_cut(rest, '\n');
		AUTO_JS doc = NULL;
		rest = line.tail;
		if (str_trim(line.head).n == 0 || js_parse(str_trim(line.head), "answer", &doc, NULL) < 0)
			continue;
		const struct str why = js_str(js_get(doc, "error"));
		if (why.n > 0)
			return err_set(e, ERR_WORLD, "load the image into Docker: " STR_FMT, STR_ARG(str_take(why, 400)));
	}
	return 0;
}

static int
deliver(struct engine *x, struct blobs *b, const struct layout_image *i, size_t have, struct err *e)
{
	struct http_answer answer;
	AUTO_FD fd = file_open(AT_FDCWD, "/var/tmp", O_TMPFILE | O_RDWR, 0600, NULL);
	if (fd < 0)
		fd = file_open(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600, e);
	if (fd < 0 || archive_write(fd, b, i, ARCHIVE_DOCKER, have, e) < 0)
		return -1;
	if (ask(x, "POST", STR("/images/load?quiet=1"), arena_printf(&x->arena, "/proc/self/fd/%d", fd).p, &answer, e) < 0)
		return -1;
	return loaded(&answer, e);
}

int
engine_docker_socket(const char *docker_host, const char **out, struct err *e)
{
	const struct str host = str_z(docker_host);
	if (host.n == 0)
		*out = SOCKET;
	else if (str_starts(host, STR("unix://")))
		*out = docker_host + sizeof "unix://" - 1;
	else
		return err_set(e, ERR_INPUT, "DOCKER_HOST is '%s'; only unix:// sockets are understood: use --output FILE.tar and 'docker load' there",
			       docker_host);
	return 0;
}

int
engine_docker_load(const char *docker_host, struct blobs *b, const struct layout_image *i, size_t *sent, struct err *e)
{
	struct engine x = { 0 };
	if (engine_docker_socket(docker_host, &x.socket, e) < 0)
		return -1;
	x.http = http_new(e);
	if (!x.http)
		return -1;
	const size_t have = has_layers(&x, i);
	int bad = deliver(&x, b, i, have, e);
	if (bad < 0 && have > 0) /* an image may have gone meanwhile */
		bad = deliver(&x, b, i, 0, e);
	if (bad == 0 && sent)
		*sent = i->parts.nlayers - have;
	http_free(x.http);
	arena_done(&x.arena);
	return bad;
}
