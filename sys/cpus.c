/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "sys/file.h"
#include "sys/pool.h"

enum { PROC_MOST = 4 << 20, CPUS_MOST = 1 << 16 };

static unsigned
by_affinity(void)
{
	/* The kernel refuses a set smaller than its own; machines have more CPUs than cpu_set_t. */
	for (int n = CPU_SETSIZE; n <= CPUS_MOST; n *= 2) {
		cpu_set_t *set = CPU_ALLOC(n);
		if (!set)
			break;
		const size_t size = CPU_ALLOC_SIZE(n);
		const int r = sched_getaffinity(0, size, set);
		const int os = errno;
		const int count = r == 0 ? CPU_COUNT_S(size, set) : 0;
		CPU_FREE(set);
		if (r == 0)
			return count > 0 ? (unsigned)count : 1;
		if (os != EINVAL)
			break;
	}
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

/* The nth word of a line, or empty. */
static struct str
word(struct str line, size_t n)
{
	for (; n; n--)
		line = str_cut(line, ' ').tail;
	return str_cut(line, ' ').head;
}

static bool
has_item(struct str list, struct str item)
{
	while (list.n) {
		const struct str_cut c = str_cut(list, ',');
		if (str_eq(c.head, item))
			return true;
		list = c.tail;
	}
	return false;
}

/* Where the hierarchy that limits CPU time is mounted (v2: type cgroup2; v1: type cgroup with option cpu). */
static bool
find_mount(struct str mountinfo, bool v2, struct str *root, struct str *mount)
{
	while (mountinfo.n) {
		const struct str_cut line = str_cut(mountinfo, '\n');
		mountinfo = line.tail;
		const size_t dash = str_find(line.head, STR(" - "));
		if (dash == SIZE_MAX)
			continue;
		const struct str right = str_drop(line.head, dash + 3);
		if (!str_is(word(right, 0), v2 ? "cgroup2" : "cgroup") || (!v2 && !has_item(word(right, 2), STR("cpu"))))
			continue;
		*root = word(line.head, 3);
		*mount = word(line.head, 4);
		return true;
	}
	return false;
}

/* Our group in that hierarchy: the line "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1). */
static bool
find_group(struct str cgroup, bool v2, struct str *path)
{
	while (cgroup.n) {
		const struct str_cut line = str_cut(cgroup, '\n');
		const struct str_cut id = str_cut(line.head, ':');
		const struct str_cut controllers = str_cut(id.tail, ':');
		cgroup = line.tail;
		if (v2 ? str_is(id.head, "0") && controllers.head.n == 0 : has_item(controllers.head, STR("cpu"))) {
			*path = controllers.tail;
			return true;
		}
	}
	return false;
}

static bool
read_number_pair(int top, struct str folder, bool v2, struct arena *a, uint64_t *quota, uint64_t *period)
{
	AUTO_BUF b = { 0 };
	const char *first = arena_z(a, path_join(a, folder, v2 ? STR("cpu.max") : STR("cpu.cfs_quota_us")));
	if (file_read(top, first, PROC_MOST, &b, NULL) < 0)
		return false;
	if (!v2) {
		buf_putc(&b, ' ');
		const char *second = arena_z(a, path_join(a, folder, STR("cpu.cfs_period_us")));
		if (file_read(top, second, PROC_MOST, &b, NULL) < 0)
			return false;
	}
	const struct str_cut c = str_cut(buf_str(&b), ' ');
	/* "max" and -1 are no numbers: no limit. */
	return str_u64(str_trim(c.head), quota) && str_u64(str_trim(c.tail), period) && *quota && *period;
}

/* The least quota of the group and of all groups above it, in whole CPUs, rounded up. */
static unsigned
quota_of(int top, struct str cgroup, struct str mountinfo, bool v2, struct arena *a)
{
	struct str root, mount, group;
	unsigned least = UINT32_MAX;
	if (!find_mount(mountinfo, v2, &root, &mount) || !find_group(cgroup, v2, &group))
		return least;
	/* In a container the mount shows a part of the hierarchy; a group outside of it is shown as the part's top. */
	if (!path_inside(group, root))
		group = root;
	struct str rest = str_is(root, "/") ? group : str_drop(group, root.n);
	while (rest.n && rest.p[0] == '/')
		rest = str_drop(rest, 1);
	mount = str_is(mount, "/") ? mount : str_drop(mount, 1);
	for (;;) {
		uint64_t quota, period;
		const struct str folder = path_join(a, mount, rest);
		if (read_number_pair(top, folder, v2, a, &quota, &period)) {
			const uint64_t cpus = quota / period + (quota % period != 0);
			least = cpus < least ? (unsigned)cpus : least;
		}
		if (rest.n == 0 || str_is(rest, "."))
			return least;
		rest = path_dir(rest);
	}
}

unsigned
pool_quota(int top)
{
	AUTO_BUF cgroup = { 0 };
	AUTO_BUF mountinfo = { 0 };
	if (file_read(top, "proc/self/cgroup", PROC_MOST, &cgroup, NULL) < 0 ||
	    file_read(top, "proc/self/mountinfo", PROC_MOST, &mountinfo, NULL) < 0)
		return UINT32_MAX;
	struct arena a = { 0 };
	const unsigned v2 = quota_of(top, buf_str(&cgroup), buf_str(&mountinfo), true, &a);
	const unsigned v1 = quota_of(top, buf_str(&cgroup), buf_str(&mountinfo), false, &a);
	arena_done(&a);
	return v1 < v2 ? v1 : v2;
}

unsigned
pool_cpus(void)
{
	const unsigned cpus = by_affinity();
	if (cpus == 1)
		return 1;
	AUTO_FD top = file_open_dir(AT_FDCWD, "/", NULL);
	const unsigned quota = top < 0 ? UINT32_MAX : pool_quota(top);
	return quota < cpus ? (quota ? quota : 1) : cpus;
}
