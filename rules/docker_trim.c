/* SPDX-License-Identifier: Apache-2.0
 *
 * What ${NAME#pattern}, ${NAME%pattern} and ${NAME/pattern/text} leave of a value.
 */
#include "base/buf.h"
#include "rules/docker_expand.h"
#include "rules/docker_glob.h"

static void
turn(struct docker_points *p)
{
	for (size_t i = 0; i < p->n / 2; i++) {
		const uint32_t c = p->v[i];
		p->v[i] = p->v[p->n - 1 - i];
		p->v[p->n - 1 - i] = c;
	}
}

static int
too_much(struct err *e)
{
	return err_set(e, ERR_INPUT, "the value is too long for its pattern");
}

int
docker_trim(struct str value, struct str pattern, bool suffix, bool longest, struct arena *a, struct str *out, struct err *e)
{
	struct docker_glob g;
	size_t first = 0, last = 0;
	uint64_t work = 0;
	if (docker_glob_compile(DOCKER_GLOB_SHELL, pattern, a, &g, e) < 0)
		return -1;
	struct docker_points p = docker_points_of(value, a);
	if (suffix) {
		docker_glob_reverse(&g);
		turn(&p);
	}
	const bool found = docker_glob_ends(&g, &p, 0, &work, &first, &last);
	if (work > DOCKER_GLOB_WORK)
		return too_much(e);
	const size_t cut = !found ? 0 : longest ? last : first;
	*out = suffix ? str_take(value, p.offset[p.n - cut]) : str_drop(value, p.offset[cut]);
	return 0;
}

/* Matches of nothing are replaced as well, but not right behind another match. */
int
docker_replace(struct str value, struct str pattern, struct str with, bool all, struct arena *a, struct str *out, struct err *e)
{
	struct docker_glob g;
	uint64_t work = 0;
	AUTO_BUF b = { 0 };
	if (docker_glob_compile(DOCKER_GLOB_SHELL, pattern, a, &g, e) < 0)
		return -1;
	const struct docker_points p = docker_points_of(value, a);
	size_t at = 0, kept = 0, ended = SIZE_MAX;
	while (at <= p.n) {
		size_t first, last;
		const bool found = docker_glob_ends(&g, &p, at, &work, &first, &last);
		if (work > DOCKER_GLOB_WORK || b.n > DOCKER_EXPAND_LIMIT)
			return too_much(e);
		if (!found || (last == at && at == ended)) {
			at++;
			continue;
		}
		buf_put(&b, (struct str){ value.p + p.offset[kept], p.offset[at] - p.offset[kept] });
		buf_put(&b, with);
		kept = ended = last;
		at = last > at ? last : at + 1;
		if (!all)
			break;
	}
	buf_put(&b, str_drop(value, p.offset[kept]));
	*out = arena_str(a, buf_str(&b));
	return 0;
}
