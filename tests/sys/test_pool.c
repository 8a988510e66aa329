/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <stdatomic.h>

#include "sys/clock.h"
#include "sys/pool.h"

enum { MANY = 10007 };

struct count {
	atomic_uint seen[MANY];
};

static void
see(void *ctx, size_t i)
{
	struct count *c = ctx;
	atomic_fetch_add(&c->seen[i], 1);
}

static void
every_index_comes_once(void **state)
{
	(void)state;
	static const size_t n[] = { 0, 1, 2, 7, 100, MANY }, grain[] = { 0, 1, 3, 64, 100000 };
	static const unsigned threads[] = { 0, 1, 2, 5, 100000 };
	struct count *c = mem_alloc(sizeof *c);
	for (size_t i = 0; i < COUNT(n); i++) {
		for (size_t g = 0; g < COUNT(grain); g++) {
			for (size_t t = 0; t < COUNT(threads); t++) {
				memset(c, 0, sizeof *c);
				pool_each(n[i], grain[g], threads[t], see, c);
				for (size_t k = 0; k < MANY; k++)
					assert_int_equal(c->seen[k], k < n[i]);
			}
		}
	}
	free(c);
}

static void
cpus(void **state)
{
	(void)state;
	assert_in_range(pool_cpus(), 1, 1 << 16);
}

/* A root of our own making: proc/self/cgroup, proc/self/mountinfo, and the groups' files. */
static void
quotas(void **state)
{
	struct scratch *s = *state;
	static const char v2_mount[] = "25 1 0:22 / /sys rw - sysfs sysfs rw\n30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
	static const char v1_mount[] = "31 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
				       "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
	static const char v1_part[] = "31 30 0:27 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
	static const struct {
		const char *cgroup, *mountinfo;
		const char *file1, *text1, *file2, *text2;
		unsigned want;
	} rows[] = {
		{ "0::/a/b\n", v2_mount, "sys/fs/cgroup/a/b/cpu.max", "150000 100000\n", NULL, NULL, 2 },
		{ "0::/a/b\n", v2_mount, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n", "sys/fs/cgroup/a/cpu.max", "100000 100000\n", 1 },
		{ "0::/a/b\n", v2_mount, "sys/fs/cgroup/a/b/cpu.max", "400000 100000\n", "sys/fs/cgroup/a/cpu.max", "900000 100000\n", 4 },
		{ "0::/\n", v2_mount, "sys/fs/cgroup/cpu.max", "300000 100000\n", NULL, NULL, 3 },
		{ "0::/a\n", v2_mount, "sys/fs/cgroup/a/cpu.max", "max 100000\n", NULL, NULL, UINT32_MAX },
		{ "0::/a\n", v2_mount, "sys/fs/cgroup/a/cpu.max", "rubbish", NULL, NULL, UINT32_MAX },
		{ "0::/a\n", v2_mount, "sys/fs/cgroup/a/cpu.max", "5 0\n", NULL, NULL, UINT32_MAX },
		{ "4:cpu,cpuacct:/g\n0::/\n", v1_mount, "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us", "250000\n",
		  "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_period_us", "100000\n", 3 },
		{ "4:cpu,cpuacct:/g\n", v1_mount, "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_quota_us", "-1\n",
		  "sys/fs/cgroup/cpu,cpuacct/g/cpu.cfs_period_us", "100000\n", UINT32_MAX },
		{ "4:cpu:/docker/x\n", v1_part, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us",
		  "100000\n", 2 },
		{ "4:cpu:/elsewhere\n", v1_part, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us",
		  "100000\n", 2 },
		{ "", "", "x", "", NULL, NULL, UINT32_MAX },
		{ "rubbish\n:::\n", "rubbish - x\n - \n", "x", "", NULL, NULL, UINT32_MAX },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e;
		ROW(i, rows[i].cgroup);
		assert_ok(file_remove_tree(s->fd, "sys", &e), &e);
		scratch_write(s, "proc/self/cgroup", rows[i].cgroup);
		scratch_write(s, "proc/self/mountinfo", rows[i].mountinfo);
		scratch_write(s, rows[i].file1, rows[i].text1);
		if (rows[i].file2)
			scratch_write(s, rows[i].file2, rows[i].text2);
		assert_int_equal(pool_quota(s->fd), rows[i].want);
	}
}

static void
clocks_run_forward(void **state)
{
	(void)state;
	const int64_t a = clock_mono(), b = clock_mono();
	assert_true(a > 0 && b >= a);
	assert_true(clock_real() > INT64_C(1700000000) * NS_PER_S);
	assert_true(clock_tick() > 0 && clock_tick() <= NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_index_comes_once),
		cmocka_unit_test(cpus),
		SCRATCH_TEST(quotas),
		cmocka_unit_test(clocks_run_forward),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
