/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/apt.h"
#include "rules/check.h"
#include "rules/wheel_layers.h"
#include "sys/file.h"

static bool
there(const struct check *c, struct str path)
{
	return c->root < 0 || path.n == 0 || file_exists(c->root, arena_z(c->a, path));
}

static void
must_exist(struct check *c, const struct ir_environment *env, const char *key, struct str path)
{
	if (there(c, path))
		return;
	CHECK_ERROR(c, check_environment_at(c, env, key, path), "missing-file", STR(""),
		    "environment '" STR_FMT "': '%s' names '" STR_FMT "', which is not there",
		    STR_ARG(env->name), key, STR_ARG(path));
}

static void
must_be_file(struct check *c, const struct ir_environment *env, const char *key, struct str path)
{
	struct file_stat st;

	if (c->root < 0 || file_stat(c->root, arena_z(c->a, path), true, &st, NULL) < 0 || st.type != FILE_FOLDER)
		return;
	CHECK_ERROR(c, check_environment_at(c, env, key, path), "missing-file", STR("name a file in it"),
		    "environment '" STR_FMT "': '%s' names '" STR_FMT "', which is a folder", STR_ARG(env->name), key,
		    STR_ARG(path));
}

/* An entry is a file when there is one of that name; one that looks like nothing but a file must be there. */
static void
check_requirements(struct check *c, const struct ir_environment *env)
{
	for (size_t i = 0; i < env->python.requirements.n; i++) {
		const struct str r = env->python.requirements.v[i];

		if ((str_ends(r, STR(".txt")) || str_ends(r, STR(".in"))) &&
		    str_find(r, STR("://")) == SIZE_MAX)
			must_exist(c, env, "python.requirements", r);
		must_be_file(c, env, "python.requirements", r);
	}
	for (size_t i = 0; i < env->python.constraints.n; i++) {
		must_exist(c, env, "python.constraints", env->python.constraints.v[i]);
		must_be_file(c, env, "python.constraints", env->python.constraints.v[i]);
	}
	must_exist(c, env, "python.pyproject", env->python.pyproject);
	must_exist(c, env, "python.lock", env->python.lock);
	struct wheel_layout layout;
	const char *wrong = wheel_layout_read(env->python.layers, &layout);

	if (wrong)
		CHECK_ERROR(c, check_environment_at(c, env, "python.layers", (struct str){ 0 }), "bad-choice",
			    STR("such as {big: 1MiB, buckets: 16, each: 40}"), "environment '" STR_FMT "': 'layers' %s", STR_ARG(env->name), wrong);
}

static void
check_include(struct check *c, const struct ir_environment *env)
{
	for (size_t i = 0; i < env->include.n; i++) {
		const struct str pattern = env->include.v[i];
		struct str *found;
		size_t n = 0;
		struct err e;

		if (there(c, pattern) || !path_has_glob(pattern)) {
			must_exist(c, env, "include", pattern);
			continue;
		}
		if (path_glob(c->root, pattern, c->a, &found, &n, &e) < 0 || n == 0)
			CHECK_ERROR(c, check_environment_at(c, env, "include", pattern), "missing-file",
				    STR(""), "environment '" STR_FMT "': no file matches '" STR_FMT "'",
				    STR_ARG(env->name), STR_ARG(pattern));
	}
}

static void
check_apt(struct check *c, const struct ir_environment *env)
{
	for (size_t i = 0; i < env->apt.n; i++) {
		const char *wrong = apt_package_wrong(env->apt.v[i]);

		if (wrong)
			CHECK_ERROR(c, check_environment_at(c, env, "apt", env->apt.v[i]), "bad-package",
				    STR("write it as 'apt-get install' takes it: libgomp1, or curl=7.88.1-10"),
				    "environment '" STR_FMT "': '" STR_FMT "' is no package: it %s", STR_ARG(env->name), STR_ARG(str_take(env->apt.v[i], 100)), wrong);
	}
	for (size_t i = 0; i < env->apt_keys.n; i++)
		must_exist(c, env, "apt.keys", env->apt_keys.v[i]);
	if (env->apt.n && env->parent.kind == PARENT_SCRATCH && !env->dockerfile.n)
		CHECK_ERROR(c, check_environment_at(c, env, "apt", (struct str){ 0 }), "bad-parent", STR("take a parent of Debian or Ubuntu"),
			    "environment '" STR_FMT "': there is nothing to install packages on in 'scratch'", STR_ARG(env->name));
}

static void
check_parent(struct check *c, const struct ir_environment *env)
{
	const struct ir_parent *p = &env->parent;

	if ((p->kind != PARENT_OCI && p->kind != PARENT_DOCKER_ARCHIVE) || p->ref.n == 0 || there(c, p->ref))
		return;
	const struct str_cut tag = str_rcut(p->ref, ':');

	if (p->kind == PARENT_OCI && tag.ok && there(c, tag.head))
		return;
	CHECK_ERROR(c, p->at, "missing-file", STR(""),
		    "environment '" STR_FMT "': the parent '" STR_FMT "' is not there", STR_ARG(env->name),
		    STR_ARG(p->ref));
}

void
check_environments(struct check *c)
{
	for (size_t i = 0; i < c->ir->nenvironments; i++) {
		const struct ir_environment *env = &c->ir->environments[i];

		check_parent(c, env);
		must_exist(c, env, "dockerfile", env->dockerfile);
		if (env->dockerfile.n)
			must_exist(c, env, "context", env->context);
		check_apt(c, env);
		check_requirements(c, env);
		check_include(c, env);
	}
}
