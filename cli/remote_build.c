/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote_build.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/program.h"
#include "backends/remote_job.h"
#include "backends/remote_wire.h"
#include "base/vec.h"
#include "cache/cache.h"
#include "sys/file.h"

#define ENV "image" /* the environment's name */

struct far_end {
	struct remote_wire wire;
	struct arena arena;
	struct cache *cache;
	struct builder_build job;
	struct str scratch;
	VEC(const char *) env;
	bool gone; /* the other side does not listen any more */
};

/* ---- the project ---- */

static char *
in_scratch(struct far_end *x, const char *name)
{
	return arena_z(&x->arena, path_join(&x->arena, x->scratch, str_z(name)));
}

static int
put_parents(struct far_end *x, struct js *environment, struct err *e)
{
	struct js *contexts = js_map();
	for (size_t i = 0; i < x->job.nparents; i++) {
		const struct builder_parent *p = &x->job.parents[i];
		const char *name = arena_z(&x->arena, arena_printf(&x->arena, "parent-%zu", i));
		struct layout_image image = p->image;
		image.name = STR("parent");
		if (layout_write(AT_FDCWD, in_scratch(x, name), x->cache->blobs, &image, e) < 0) {
			js_free(contexts);
			return -1;
		}
		js_set_str(contexts, p->name, js_text(arena_printf(&x->arena, "oci:%s", name)));
	}
	js_set(environment, "contexts", contexts);
	return 0;
}

/* Values reach the build by variables, so that no file has them. */
static void
put_secrets(struct far_end *x, struct js *environment)
{
	struct js *map = js_map();
	for (size_t i = 0; i < x->job.nsecrets; i++) {
		const struct str name = arena_printf(&x->arena, "PAWL_BUILD_SECRET_%zu", i);
		js_set_str(map, x->job.secrets[i].id, js_text(arena_printf(&x->arena, "env:" STR_FMT, STR_ARG(name))));
		VEC_PUSH(&x->env, arena_z(&x->arena, arena_printf(&x->arena, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(x->job.secrets[i].value))));
	}
	if (x->job.nsecrets > 0)
		js_set(environment, "secrets", map);
	else
		js_free(map);
}

static int
put_project(struct far_end *x, struct err *e)
{
	struct js *environment = js_map(), *environments = js_map(), *args = js_map();
	AUTO_JS doc = js_map();
	AUTO_BUF text = { 0 };
	js_set(doc, "version", js_int(1));
	js_set(doc, "pipeline", js_textz("remote"));
	js_set(doc, "steps", js_map());
	js_set(doc, "environments", js_set(environments, ENV, environment));
	js_set(environment, "dockerfile", js_textz("Dockerfile"));
	js_set(environment, "context", js_textz("context"));
	if (x->job.target.n > 0)
		js_set(environment, "target", js_text(x->job.target));
	if (x->job.platform.n > 0)
		js_set(environment, "platform", js_text(x->job.platform));
	for (size_t i = 0; i < x->job.nargs; i++) {
		const struct str_cut c = str_cut(x->job.args[i], '=');
		js_set_str(args, c.head, js_text(c.tail));
	}
	js_set(environment, "args", args);
	if (put_parents(x, environment, e) < 0)
		return -1;
	put_secrets(x, environment);
	js_write_pretty(doc, &text); /* JSON is YAML */
	if (file_replace(AT_FDCWD, in_scratch(x, "pawl.yaml"), buf_str(&text), 0600, false, e) < 0 ||
	    file_replace(AT_FDCWD, in_scratch(x, "Dockerfile"), x->job.dockerfile, 0600, false, e) < 0)
		return -1;
	return builder_unpack_context(x->cache->blobs, &x->job.context, in_scratch(x, "context"), e);
}

/* ---- the build ---- */

static void
say(void *ctx, struct str text)
{
	struct far_end *x = ctx;
	struct err e = { 0 };
	x->gone = x->gone || remote_send(&x->wire, REMOTE_LINE, text, &e) < 0;
}

static int
tell_failure(struct far_end *x, const char *code, struct str text, struct err *e)
{
	AUTO_JS doc = js_map();
	js_set(doc, "code", js_textz(code));
	js_set(doc, "text", js_text(text));
	return remote_send_js(&x->wire, REMOTE_FAILED, doc, e);
}

static int
run_build(struct far_end *x, struct program_end *end, struct err *e)
{
	char self[4096];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return err_os(e, "find the running program");
	self[n] = '\0';
	const char *const argv[] = { self, "-C", arena_z(&x->arena, x->scratch), "build", ENV, "--output", "oci:out", NULL };
	struct str *secrets = arena_array(&x->arena, struct str, x->job.nsecrets + 1);
	for (size_t i = 0; i < x->job.nsecrets; i++)
		secrets[i] = x->job.secrets[i].value;
	for (char *const *v = environ; *v; v++)
		VEC_PUSH(&x->env, *v);
	VEC_PUSH(&x->env, NULL);
	struct masks masks;
	masks_init(&masks, secrets, x->job.nsecrets);
	const struct program p = { .argv = argv, .envp = x->env.v, .masks = &masks, .line = say, .ctx = x };
	const int bad = program_run(&p, &x->arena, end, e);
	masks_done(&masks);
	return bad;
}

static int
give_image(struct far_end *x, struct err *e)
{
	struct layout_read image;
	if (layout_read(AT_FDCWD, in_scratch(x, "out"), (struct str){ 0 }, x->job.platform, x->cache->blobs, &x->arena, &image, e) < 0)
		return -1;
	AUTO_JS doc = remote_image_write(&image, x->cache->blobs);
	return remote_send_js(&x->wire, REMOTE_IMAGE, doc, e) < 0 ? -1 : remote_serve(&x->wire, x->cache->blobs, js_get(doc, "blobs"), e);
}

static int
take_job(struct far_end *x, struct err *e)
{
	struct remote_message m;
	AUTO_JS doc = NULL;
	if (remote_receive(&x->wire, &m, e) < 0)
		return -1;
	if (m.type != REMOTE_JOB)
		return err_set(e, ERR_WORLD, "expected a job");
	if (remote_js(&x->wire, &m, &doc, e) < 0 || remote_job_read(doc, &x->arena, &x->job, e) < 0)
		return -1;
	return remote_fetch(&x->wire, x->cache->blobs, js_get(doc, "blobs"), e);
}

static int
work(struct far_end *x, struct err *e)
{
	struct program_end end = { 0 };
	if (put_project(x, e) < 0 || run_build(x, &end, e) < 0)
		return -1;
	if (end.status != 0)
		return tell_failure(x, end.status == 2 ? "input" : end.status == 3 ? "world" : "failed", str_trim(end.tail), e);
	return give_image(x, e);
}

static int
serve(struct far_end *x, struct err *e)
{
	struct str folder;
	const char *tmp = getenv("TMPDIR");
	if (cache_folder(getenv("PAWL_CACHE"), getenv("XDG_CACHE_HOME"), getenv("HOME"), &x->arena, &folder, e) < 0 ||
	    cache_open(folder, &x->cache, e) < 0 || take_job(x, e) < 0)
		return -1;
	if (file_scratch_dir(tmp && tmp[0] == '/' ? tmp : "/var/tmp", "pawl-remote-", &x->arena, &x->scratch, e) < 0)
		return -1;
	return work(x, e);
}

int
remote_build_main(struct err *e)
{
	struct far_end x = { .wire = { .in = STDIN_FILENO, .out = dup(STDOUT_FILENO) } };
	int bad = x.wire.out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? err_os(e, "set up the conversation") : serve(&x, e);
	if (bad < 0 && x.wire.out >= 0 && !x.gone) {
		struct err ignored = { 0 };
		(void)tell_failure(&x, e->code == ERR_INPUT ? "input" : "world", str_z(e->text), &ignored);
	}
	if (x.scratch.n > 0)
		(void)file_remove_tree(AT_FDCWD, arena_z(&x.arena, x.scratch), NULL);
	cache_close(x.cache);
	file_closep(&x.wire.out);
	VEC_DONE(&x.env);
	arena_done(&x.arena);
	return bad;
}
