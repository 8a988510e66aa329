/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/platforms.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include "rules/parent.h"

struct str
platforms_machine(void)
{
	static const struct {
		const char *machine, *platform;
	} rows[] = { { "x86_64", "linux/amd64" }, { "aarch64", "linux/arm64" }, { "armv7l", "linux/arm/v7" }, { "i686", "linux/386" },
		     { "ppc64le", "linux/ppc64le" }, { "s390x", "linux/s390x" }, { "riscv64", "linux/riscv64" } };
	struct utsname u;
	if (uname(&u) == 0) {
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			if (str_is(str_z(u.machine), rows[i].machine))
				return str_z(rows[i].platform);
		}
	}
	return STR("linux/amd64");
}

struct str
environment_platform(const struct ir_environment *env)
{
	const struct str machine = platforms_machine();
	if (env->platform.n > 0)
		return env->platform;
	return env->platforms.n == 0 || ir_texts_have(&env->platforms, machine) ? machine : env->platforms.v[0];
}

static int
by_name(const void *x, const void *y)
{
	const struct ir_environment *a = x, *b = y;
	return str_cmp(a->name, b->name);
}

void
platforms_expand(struct ir *ir, struct arena *a)
{
	size_t most = ir->nenvironments, n = 0;
	for (size_t i = 0; i < ir->nenvironments; i++)
		most += ir->environments[i].platforms.n;
	if (most == ir->nenvironments)
		return;
	struct ir_environment *v = arena_array(a, struct ir_environment, most);
	for (size_t i = 0; i < ir->nenvironments; i++) {
		const struct ir_environment *env = &ir->environments[i];
		const struct str own = environment_platform(env);
		v[n++] = *env;
		for (size_t k = 0; k < env->platforms.n; k++) {
			if (str_eq(env->platforms.v[k], own))
				continue;
			v[n] = *env;
			v[n].of = env->name;
			v[n].name = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(env->name), STR_ARG(env->platforms.v[k]));
			v[n].platform = env->platforms.v[k];
			v[n].platforms = (struct ir_texts){ 0 };
			n++;
		}
	}
	qsort(v, n, sizeof *v, by_name); /* ir_environment() searches */
	ir->environments = v;
	ir->nenvironments = n;
}
