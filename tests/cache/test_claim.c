/* SPDX-License-Identifier: Apache-2.0
 *
 * One owner at a time.
 */
#include "scratch.h"

#include <signal.h>

#include "cache/claim.h"

static void
a_claim_has_one_owner_and_dies_with_it(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c;
	int p[2], status;
	char byte;
	OK(cache_open(str_z(dir), &c, &e));
	assert_int_equal(pipe(p), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		if (claim_try(c, STR("project"), &e) < 0)
			_exit(1);
		if (write(p[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	FAILS(ERR_BUSY, claim_try(c, STR("project"), &e));
	AUTO_FD other = claim_try(c, STR("another"), &e);
	assert_true(other >= 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	AUTO_FD mine = claim_try(c, STR("project"), &e);
	assert_true(mine >= 0);
	close(p[0]);
	close(p[1]);
	cache_close(c);
	scratch_free(dir);
}

/* Two sets of one process exclude each other as two processes do; one set excludes itself. */
static void
a_set_of_claims_has_them_one_by_one(void **state)
{
	(void)state;
	char *dir = scratch_new(false);
	struct err e = { 0 };
	struct cache *c;
	struct claim_set one, other;
	claim_id a, b, x = 7;
	OK(cache_open(str_z(dir), &c, &e));
	claim_set_init(&one, c);
	claim_set_init(&other, c);
	OK(claim_take(&one, STR("a"), &a, &e));
	OK(claim_take(&one, STR("b"), &b, &e));
	FAILS(ERR_BUSY, claim_take(&one, STR("a"), &x, &e));
	FAILS(ERR_BUSY, claim_take(&other, STR("a"), &x, &e));
	FAILS(ERR_BUSY, claim_try(c, STR("b"), &e));
	claim_give(&one, 0);
	claim_give(&one, a);
	claim_give(&one, a); /* was given up already */
	OK(claim_take(&other, STR("a"), &x, &e));
	FAILS(ERR_BUSY, claim_take(&one, STR("a"), &a, &e));
	FAILS(ERR_BUSY, claim_take(&other, STR("b"), &x, &e));
	claim_set_done(&one);
	OK(claim_take(&other, STR("b"), &x, &e));
	claim_set_done(&other);
	cache_close(c);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_has_one_owner_and_dies_with_it),
		cmocka_unit_test(a_set_of_claims_has_them_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
