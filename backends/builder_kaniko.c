/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds by kaniko's executor in a pod of a Kubernetes cluster, started by kubectl.
 *
 *	context as tar.gz  ->  stdin of kubectl run -i  ->  pod: executor --context=tar://stdin  ->  REPOSITORY:build-HEX  ->  pulled into our store
 *
 * Settings of the stack's builder: image (the executor's reference) and repository (where it pushes, and we pull) are needed; namespace, service_account,
 * secret (of type kubernetes.io/dockerconfigjson, for pushing), insecure (the registry speaks plain HTTP), node_selector (a map), resources (as Kubernetes').
 * An image that a client left there when it died is found by its tag.
 */
#include "backends/builder_kaniko.h"

#include <unistd.h>

#include "backends/builder_program.h"
#include "backends/registry.h"
#include "backends/squeeze.h"
#include "sys/file.h"

#define CONFIG_FOLDER "/kaniko/.docker"

static struct js *
arguments(const struct builder_build *j, struct str destination)
{
	AUTO_BUF text = { 0 };
	struct js *args = js_list();
	const struct js *insecure = j->settings ? js_get(j->settings, "insecure") : NULL;
	js_push(args, js_textz("--context=tar://stdin"));
	js_push(args, js_textz("--dockerfile=" KANIKO_DOCKERFILE));
	buf_printf(&text, "--destination=" STR_FMT, STR_ARG(destination));
	js_push(args, js_text(buf_str(&text)));
	js_push(args, js_textz("--reproducible"));
	js_push(args, js_textz("--ignore-path=/" KANIKO_DOCKERFILE));
	if (js_true(insecure))
		js_push(args, js_textz("--insecure"));
	if (j->target.n > 0) {
		buf_reset(&text);
		buf_printf(&text, "--target=" STR_FMT, STR_ARG(j->target));
		js_push(args, js_text(buf_str(&text)));
	}
	if (j->platform.n > 0) {
		buf_reset(&text);
		buf_printf(&text, "--custom-platform=" STR_FMT, STR_ARG(j->platform));
		js_push(args, js_text(buf_str(&text)));
	}
	for (size_t i = 0; i < j->nargs; i++) {
		buf_reset(&text);
		buf_printf(&text, "--build-arg=" STR_FMT, STR_ARG(j->args[i]));
		js_push(args, js_text(buf_str(&text)));
	}
	return args;
}

/* The secret with registry credentials, where the executor looks for them. */
static void
credentials(const struct builder_build *j, struct js *container, struct js *spec)
{
	const struct str secret = builder_setting(j, "secret");
	if (secret.n == 0)
		return;
	struct js *mount = js_map(), *mounts = js_list(), *volume = js_map(), *volumes = js_list(), *of = js_map(), *items = js_list(), *item = js_map();
	js_set(mount, "name", js_textz("docker-config"));
	js_set(mount, "mountPath", js_textz(CONFIG_FOLDER));
	js_push(mounts, mount);
	js_set(container, "volumeMounts", mounts);
	js_set(item, "key", js_textz(".dockerconfigjson"));
	js_set(item, "path", js_textz("config.json"));
	js_push(items, item);
	js_set(of, "secretName", js_text(secret));
	js_set(of, "items", items);
	js_set(volume, "name", js_textz("docker-config"));
	js_set(volume, "secret", of);
	js_push(volumes, volume);
	js_set(spec, "volumes", volumes);
}

struct js *
kaniko_pod(const struct builder_build *j, struct str name, struct str destination)
{
	struct js *pod = js_map(), *meta = js_map(), *labels = js_map(), *spec = js_map(), *container = js_map(), *containers = js_list();
	const struct js *selector = j->settings ? js_get(j->settings, "node_selector") : NULL;
	const struct js *resources = j->settings ? js_get(j->settings, "resources") : NULL;
	js_set(labels, "app.kubernetes.io/managed-by", js_textz("pawl"));
	js_set(meta, "name", js_text(name));
	js_set(meta, "labels", labels);
	js_set(container, "name", js_text(name));
	js_set(container, "image", js_text(builder_setting(j, "image")));
	js_set(container, "args", arguments(j, destination));
	js_set(container, "stdin", js_bool(true));
	js_set(container, "stdinOnce", js_bool(true));
	if (js_type(resources) == JS_MAP)
		js_set(container, "resources", js_copy(resources));
	credentials(j, container, spec);
	js_push(containers, container);
	js_set(spec, "containers", containers);
	js_set(spec, "restartPolicy", js_textz("Never"));
	if (js_type(selector) == JS_MAP)
		js_set(spec, "nodeSelector", js_copy(selector));
	if (builder_setting(j, "service_account").n > 0)
		js_set(spec, "serviceAccountName", js_text(builder_setting(j, "service_account")));
	js_set(pod, "apiVersion", js_textz("v1"));
	js_set(pod, "kind", js_textz("Pod"));
	js_set(pod, "metadata", meta);
	js_set(pod, "spec", spec);
	return pod;
}

/* ---- at work ---- */

static int
possible(const struct builder_build *j, struct err *e)
{
	if (builder_setting(j, "image").n == 0 || builder_setting(j, "repository").n == 0)
		return err_set(e, ERR_INPUT, "the image builder 'kaniko' needs 'image' (the executor's reference) and 'repository' (where it pushes): "
					     "builder: {kind: kaniko, image: ..., repository: ...}");
	if (j->nsecrets > 0)
		return err_set(e, ERR_INPUT, "kaniko has no secrets in builds; 'native' and 'buildah' have");
	if (j->nparents > 0)
		return err_set(e, ERR_INPUT, "kaniko pulls parents from a registry only; '" STR_FMT "' is in none", STR_ARG(j->parents[0].name));
	return 0;
}

/* The context, with the Dockerfile in it, gzipped. */
static int
context_of(struct builder_program *x, struct buf *out, struct err *e)
{
	const struct builder_extra extra[] = { { STR_INIT(KANIKO_DOCKERFILE), x->job->dockerfile } };
	struct squeeze *to;
	AUTO_BUF plain = { 0 };
	struct digest d, plain_digest;
	uint64_t size;
	AUTO_FD fd = builder_file(x->job, e);
	if (fd < 0 || builder_context_tar(x->blobs, &x->job->context, extra, 1, fd, e) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_os(e, "read the context");
	if (file_read_fd(fd, KANIKO_CONTEXT_MAX, &plain, e) < 0 || squeeze_begin(x->blobs, SQUEEZE_GZIP, &to, e) < 0)
		return -1;
	if (squeeze_write(to, buf_str(&plain), e) < 0) {
		squeeze_abort(to);
		return -1;
	}
	if (squeeze_end(to, &d, &size, &plain_digest, NULL, e) < 0)
		return -1;
	return blobs_read(x->blobs, &d, KANIKO_CONTEXT_MAX, out, e);
}

static int
run_pod(struct builder_program *x, struct str name, struct str destination, struct err *e)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF context = { 0 };
	AUTO_JS pod = kaniko_pod(x->job, name, destination);
	struct program_end end;
	if (context_of(x, &context, e) < 0)
		return -1;
	js_write(pod, &text);
	builder_program_arg(x, "kubectl");
	builder_program_arg(x, "run");
	builder_program_arg(x, arena_z(x->arena, name));
	builder_program_arg(x, "--rm");
	builder_program_arg(x, "--stdin");
	builder_program_arg(x, "--quiet");
	builder_program_arg(x, "--restart=Never");
	if (builder_setting(x->job, "namespace").n > 0)
		builder_program_pair(x, "--namespace", builder_setting(x->job, "namespace"));
	builder_program_pair(x, "--image", builder_setting(x->job, "image"));
	builder_program_pair(x, "--overrides", arena_str(x->arena, buf_str(&text)));
	if (builder_program_run(x, buf_str(&context), &end, e) < 0)
		return -1;
	if (end.status != 0)
		return err_set(e, ERR_FAILED, "kaniko's pod '" STR_FMT "' could not build it (exit %d)%s", STR_ARG(name), end.status, arena_z(x->arena, end.tail));
	return 0;
}

static int
pull(struct builder_program *x, struct registry *r, const struct registry_ref *ref, struct layout_read *out, struct err *e)
{
	AUTO_BUF manifest = { 0 };
	AUTO_BUF config = { 0 };
	struct digest stored;
	const char *what = "kaniko's image";
	struct oci_manifest *m = &out->parts;
	if (registry_manifest(r, ref, x->job->platform, &manifest, &out->manifest, e) < 0 || oci_manifest_read(buf_str(&manifest), what, x->arena, m, e) < 0 ||
	    blobs_put(x->blobs, buf_str(&manifest), &stored, e) < 0 || registry_blob(r, ref, &m->config, m->config_size, x->blobs, e) < 0 ||
	    blobs_read(x->blobs, &m->config, OCI_JSON_LIMIT, &config, e) < 0 || oci_config_read(buf_str(&config), what, m, NULL, e) < 0)
		return -1;
	for (size_t i = 0; i < m->nlayers; i++) {
		if (registry_blob(r, ref, &m->layers[i].digest, m->layers[i].size, x->blobs, e) < 0)
			return -1;
	}
	return 0;
}

static int
work(struct builder_program *x, struct layout_read *out, struct err *e)
{
	const struct builder_build *j = x->job;
	const struct str job = builder_job_name(j, &builder_kaniko, x->arena);
	const struct str destination = arena_printf(x->arena, STR_FMT ":build-" STR_FMT, STR_ARG(builder_setting(j, "repository")), STR_ARG(job));
	const struct registry_opts o = { .environ_ = j->environ_, .insecure = j->settings && js_true(js_get(j->settings, "insecure")), .stop = j->stop };
	struct registry_ref ref;
	struct err why = { 0 };
	if (registry_ref_parse(destination, x->arena, &ref, e) < 0)
		return -1;
	struct registry *r = registry_new(&o, e);
	if (!r)
		return -1;
	int bad = pull(x, r, &ref, out, &why);
	if (bad < 0 && why.code != ERR_MISSING)
		bad = err_set(e, why.code, "%s", why.text);
	else if (bad < 0)
		bad = run_pod(x, arena_printf(x->arena, "pawl-build-" STR_FMT, STR_ARG(str_take(job, 16))), destination, e) < 0 ? -1 : pull(x, r, &ref, out, e);
	registry_free(r);
	return bad;
}

static int
build(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct builder_program x;
	if (possible(job, e) < 0)
		return -1;
	int bad = builder_program_begin(&x, job, b, a, e);
	if (bad == 0)
		bad = work(&x, out, e);
	builder_program_end(&x);
	return bad;
}

const struct builder_kind builder_kaniko = { .name = "kaniko", .make = builder_make, .identity = builder_identity, .build = build };
