/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds by a BuildKit daemon, through its client `buildctl`, local or at a remote address.
 *
 * Settings of the stack's builder: address (tcp://HOST:PORT, unix:///PATH; unset: $BUILDKIT_HOST or buildctl's own), tls: {ca, cert, key} as paths.
 * Parents that only our store has go along as named contexts from OCI layouts, the result comes back as an OCI layout.
 */
#include "backends/builder_program.h"
#include "sys/file.h"

static void
connection(struct builder_program *x)
{
	static const struct {
		const char *setting, *option;
	} tls[] = { { "ca", "--tlscacert" }, { "cert", "--tlscert" }, { "key", "--tlskey" }, { "server", "--tlsservername" } };
	const struct str address = builder_setting(x->job, "address");
	const struct js *map = x->job->settings ? js_get(x->job->settings, "tls") : NULL;
	builder_program_arg(x, "buildctl");
	if (address.n > 0)
		builder_program_pair(x, "--addr", address);
	for (size_t i = 0; i < sizeof tls / sizeof tls[0]; i++) {
		const struct str value = js_str(js_get(map, tls[i].setting));
		if (value.n > 0)
			builder_program_pair(x, tls[i].option, value);
	}
}

static int
parents(struct builder_program *x, struct err *e)
{
	for (size_t i = 0; i < x->job->nparents; i++) {
		const struct builder_parent *p = &x->job->parents[i];
		struct str folder;
		char hex[DIGEST_HEX + 1];
		if (builder_program_parent(x, i, &folder, e) < 0)
			return -1;
		digest_hex(&p->image.manifest, hex);
		builder_program_pair(x, "--oci-layout", arena_printf(x->arena, "parent%zu=" STR_FMT, i, STR_ARG(folder)));
		builder_program_pair(x, "--opt", arena_printf(x->arena, "context:" STR_FMT "=oci-layout://parent%zu@sha256:%s", STR_ARG(p->name), i, hex));
	}
	return 0;
}

static int
request(struct builder_program *x, struct err *e)
{
	const struct builder_build *j = x->job;
	connection(x);
	builder_program_arg(x, "build");
	builder_program_arg(x, "--progress=plain");
	builder_program_arg(x, "--frontend=dockerfile.v0");
	builder_program_pair(x, "--local", arena_printf(x->arena, "context=%s", builder_program_path(x, "context")));
	builder_program_pair(x, "--local", arena_printf(x->arena, "dockerfile=" STR_FMT, STR_ARG(x->scratch)));
	builder_program_pair(x, "--opt", STR("filename=Dockerfile"));
	if (j->target.n > 0)
		builder_program_pair(x, "--opt", arena_printf(x->arena, "target=" STR_FMT, STR_ARG(j->target)));
	if (j->platform.n > 0)
		builder_program_pair(x, "--opt", arena_printf(x->arena, "platform=" STR_FMT, STR_ARG(j->platform)));
	for (size_t i = 0; i < j->nargs; i++)
		builder_program_pair(x, "--opt", arena_printf(x->arena, "build-arg:" STR_FMT, STR_ARG(j->args[i])));
	builder_program_pair(x, "--opt", STR("build-arg:SOURCE_DATE_EPOCH=946684800"));
	for (size_t i = 0; i < j->nsecrets; i++) {
		struct str path;
		if (builder_program_secret(x, i, &path, e) < 0)
			return -1;
		builder_program_pair(x, "--secret", arena_printf(x->arena, "id=" STR_FMT ",src=" STR_FMT, STR_ARG(j->secrets[i].id), STR_ARG(path)));
	}
	if (parents(x, e) < 0)
		return -1;
	builder_program_pair(x, "--output", arena_printf(x->arena, "type=oci,tar=false,rewrite-timestamp=true,dest=%s", builder_program_path(x, "result")));
	return 0;
}

static int
build(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct builder_program x;
	int bad = builder_program_begin(&x, job, b, a, e);
	if (bad == 0)
		bad = builder_program_files(&x, e) < 0 || request(&x, e) < 0 || builder_program_must(&x, "build it", e) < 0 ? -1 : 0;
	if (bad == 0)
		bad = layout_read(AT_FDCWD, builder_program_path(&x, "result"), (struct str){ 0 }, job->platform, b, a, out, e);
	builder_program_end(&x);
	return bad;
}

const struct builder_kind builder_buildkit = { .name = "buildkit", .make = builder_make, .identity = builder_identity, .build = build };
