/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/wheels.h"

#include "rules/interpreter.h"
#include "rules/parent.h"
#include "rules/pytags.h"
#include "rules/wheelset.h"

/* The newest C library that nearly all wheels are built for. A lock for it serves machines with this and all newer ones. */
static struct str
common_glibc(struct str libc, struct arena *a)
{
	uint64_t minor = 0;
	const struct str common = STR(PYTAGS_GLIBC);

	if (!str_starts(libc, STR("glibc ")))
		return libc.n ? STR("musl") : (struct str){ 0 };
	struct str version = str_drop(libc, 6);
	struct str_cut c = str_cut(version, '.');
	if (str_is(c.head, "2") && str_u64(c.tail, &minor) && minor < 28)
		return arena_str(a, version);
	return common;
}

static struct str
machine_platform(struct str machine)
{
	static const struct {
		const char *python;
		struct str oci;
	} table[] = {
		{ "x86_64", STR_INIT("linux/amd64") },   { "aarch64", STR_INIT("linux/arm64") }, { "i686", STR_INIT("linux/386") },
		{ "armv7l", STR_INIT("linux/arm/v7") },  { "ppc64le", STR_INIT("linux/ppc64le") }, { "s390x", STR_INIT("linux/s390x") },
		{ "riscv64", STR_INIT("linux/riscv64") },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_is(machine, table[i].python))
			return table[i].oci;
	return (struct str){ 0 };
}

int
target_of_parent(const struct parent_info *i, const struct ir_environment *env, struct python_target *out, struct err *e)
{
	if (!i->python.n)
		return err_set(e, ERR_INPUT, "environment '" STR_FMT "' has Python requirements, but its parent '" STR_FMT "' has no Python 3",
			       STR_ARG(env->name), STR_ARG(i->name));
	*out = (struct python_target){ .version = i->python, .platform = i->platform, .glibc = i->glibc };
	return 0;
}

int
environment_target(struct project *p, const struct ir_environment *env, bool image, struct arena *a, struct python_target *out,
		   struct err *e)
{
	const struct interpreter *py;
	struct parent_info info;

	if (image) {
		if (!parent_locked(p, env, a, &info))
			return err_set(e, ERR_MISSING, "the parent of environment '" STR_FMT "' is not resolved yet", STR_ARG(env->name));
		if (!info.python.n && env->apt.n)
			return err_set(e, ERR_MISSING, "the packages of environment '" STR_FMT "' are not installed yet", STR_ARG(env->name));
		if (target_of_parent(&info, env, out, e) == 0)
			return 0;
		if (!p->diags.n)
			diags_add(&p->diags, SEVERITY_ERROR, env->python_at, "no-python", STR("take a parent that has Python 3"),
				  "environment '" STR_FMT "' has Python requirements, but its parent '" STR_FMT "' has no Python 3",
				  STR_ARG(env->name), STR_ARG(info.name));
		return -1;
	}
	if (interpreter_find(p, &py, e) < 0)
		return -1;
	struct python_target t = { .version = py->series, .full = py->version, .platform = machine_platform(py->machine), .glibc = common_glibc(py->libc, a) };
	if (!t.platform.n)
		return err_set(e, ERR_INPUT, "no wheels are known for the machine '" STR_FMT "'", STR_ARG(py->machine));
	*out = t;
	return 0;
}
