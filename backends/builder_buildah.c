/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds by buildah, in the user's own store (CONTAINERS_STORAGE_CONF), as root or without.
 *
 *	buildah pull docker-archive:PARENT  ->  buildah bud  ->  buildah push IMAGE oci:RESULT  ->  into our store
 *
 * Settings of the stack's builder: isolation (chroot, oci, rootless), runtime (runc, crun), network. Unset, buildah's own defaults and variables
 * (BUILDAH_ISOLATION, BUILDAH_RUNTIME) hold. Cached steps are buildah's (--layers).
 */
#include <string.h>

#include "backends/builder_program.h"
#include "sys/file.h"

/* An archive whose image has the parent's name: a layout's folder would be taken for the name. */
static int
archive_of(struct builder_program *x, const struct builder_parent *p, const char **path, struct err *e)
{
	struct layout_image image = p->image;
	image.repo_tag = p->name;
	*path = builder_program_path(x, "parent.tar");
	int fd = file_open(AT_FDCWD, *path, O_WRONLY | O_CREAT | O_TRUNC, 0600, e);
	if (fd < 0)
		return -1;
	int bad = archive_write(fd, x->blobs, &image, ARCHIVE_DOCKER, 0, e);
	if (file_close(&fd, *path, bad == 0 ? e : NULL) < 0)
		bad = -1;
	return bad;
}

static int
pull(struct builder_program *x, size_t i, struct err *e)
{
	const struct builder_parent *p = &x->job->parents[i];
	const char *file;
	struct program_end end;
	builder_program_arg(x, "buildah");
	builder_program_arg(x, "inspect");
	builder_program_pair(x, "--type=image", p->name);
	struct builder_build quiet = *x->job;
	const struct builder_build *job = x->job;
	quiet.line = NULL;
	x->job = &quiet;
	int bad = builder_program_run(x, (struct str){ 0 }, &end, e);
	x->job = job;
	if (bad < 0 || end.status == 0)
		return bad;
	if (archive_of(x, p, &file, e) < 0)
		return -1;
	builder_program_arg(x, "buildah");
	builder_program_arg(x, "pull");
	builder_program_arg(x, "--quiet");
	builder_program_arg(x, arena_printf(x->arena, "docker-archive:%s", file).p);
	return builder_program_must(x, "take the parent", e);
}

static void
options(struct builder_program *x)
{
	static const char *const names[] = { "isolation", "runtime", "network" };
	const struct builder_build *j = x->job;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct str value = builder_setting(j, names[i]);
		if (value.n > 0)
			builder_program_arg(x, arena_printf(x->arena, "--%s=" STR_FMT, names[i], STR_ARG(value)).p);
	}
	if (j->platform.n > 0)
		builder_program_pair(x, "--platform", j->platform);
	if (j->target.n > 0)
		builder_program_pair(x, "--target", j->target);
	for (size_t i = 0; i < j->nargs; i++)
		builder_program_pair(x, "--build-arg", j->args[i]);
}

static int
bud(struct builder_program *x, struct err *e)
{
	builder_program_arg(x, "buildah");
	builder_program_arg(x, "bud");
	builder_program_arg(x, "--layers");
	builder_program_arg(x, "--format=oci");
	builder_program_arg(x, "--pull=false");
	builder_program_arg(x, "--timestamp=946684800");
	options(x);
	for (size_t i = 0; i < x->job->nsecrets; i++) {
		struct str path;
		if (builder_program_secret(x, i, &path, e) < 0)
			return -1;
		builder_program_pair(x, "--secret", arena_printf(x->arena, "id=" STR_FMT ",src=" STR_FMT, STR_ARG(x->job->secrets[i].id), STR_ARG(path)));
	}
	builder_program_pair(x, "--iidfile", str_z(builder_program_path(x, "id")));
	builder_program_pair(x, "--file", str_z(builder_program_path(x, "Dockerfile")));
	builder_program_arg(x, builder_program_path(x, "context"));
	return builder_program_must(x, "build it", e);
}

static int
work(struct builder_program *x, struct layout_read *out, struct err *e)
{
	AUTO_BUF id = { 0 };
	if (builder_program_files(x, e) < 0)
		return -1;
	for (size_t i = 0; i < x->job->nparents; i++) {
		if (pull(x, i, e) < 0)
			return -1;
	}
	if (bud(x, e) < 0 || file_read(AT_FDCWD, builder_program_path(x, "id"), 1000, &id, e) < 0)
		return -1;
	const char *folder = builder_program_path(x, "result");
	builder_program_arg(x, "buildah");
	builder_program_arg(x, "push");
	builder_program_arg(x, "--quiet");
	builder_program_arg(x, arena_z(x->arena, str_trim(buf_str(&id))));
	builder_program_arg(x, arena_printf(x->arena, "oci:%s:result", folder).p);
	if (builder_program_must(x, "give the image out", e) < 0)
		return -1;
	return layout_read(AT_FDCWD, folder, STR("result"), x->job->platform, x->blobs, x->arena, out, e);
}

static int
build(const struct builder_build *job, struct blobs *b, struct arena *a, struct layout_read *out, struct err *e)
{
	struct builder_program x;
	int bad = builder_program_begin(&x, job, b, a, e);
	if (bad == 0)
		bad = work(&x, out, e);
	builder_program_end(&x);
	return bad;
}

const struct builder_kind builder_buildah = { .name = "buildah", .make = builder_make, .identity = builder_identity, .build = build };
