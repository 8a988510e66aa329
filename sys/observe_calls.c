/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/observe_calls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "observe: the audit number of this architecture is not known here"
#endif

enum how {
	HOW_OPEN,    /* flags in an argument */
	HOW_OPEN2,   /* flags in a struct open_how */
	HOW_CREATE,
	HOW_LOOK,
	HOW_LINK,
	HOW_EXEC,
	HOW_WRITE,   /* changes what is there */
	HOW_NEW,     /* makes the name */
	HOW_MOVE,    /* two names */
	HOW_HARD,    /* likewise, and fails if the second is there */
};

/* Positions of arguments; -1: there is none. */
static const struct call {
	int nr;
	signed char dir, name, flags;
	bool empty;  /* AT_EMPTY_PATH in flags: a call about a descriptor, which is not reported */
	enum how how;
	signed char dir2, name2;
} calls[] = {
	{ __NR_openat, 0, 1, 2, false, HOW_OPEN, 0, 0 },
	{ __NR_openat2, 0, 1, 2, false, HOW_OPEN2, 0, 0 },
#ifdef __NR_newfstatat
	{ __NR_newfstatat, 0, 1, 3, true, HOW_LOOK, 0, 0 },
#endif
	{ __NR_statx, 0, 1, 2, true, HOW_LOOK, 0, 0 },
	{ __NR_faccessat, 0, 1, -1, false, HOW_LOOK, 0, 0 },
	{ __NR_faccessat2, 0, 1, 3, true, HOW_LOOK, 0, 0 },
	{ __NR_readlinkat, 0, 1, -1, false, HOW_LINK, 0, 0 },
	{ __NR_execve, -1, 0, -1, false, HOW_EXEC, 0, 0 },
	{ __NR_execveat, 0, 1, 4, true, HOW_EXEC, 0, 0 },
	{ __NR_truncate, -1, 0, -1, false, HOW_WRITE, 0, 0 },
	{ __NR_unlinkat, 0, 1, -1, false, HOW_WRITE, 0, 0 },
	{ __NR_mkdirat, 0, 1, -1, false, HOW_NEW, 0, 0 },
	{ __NR_mknodat, 0, 1, -1, false, HOW_NEW, 0, 0 },
	{ __NR_symlinkat, 1, 2, -1, false, HOW_NEW, 0, 0 },
	{ __NR_linkat, 0, 1, -1, false, HOW_HARD, 2, 3 },
	{ __NR_renameat2, 0, 1, -1, false, HOW_MOVE, 2, 3 },
#ifdef __NR_renameat
	{ __NR_renameat, 0, 1, -1, false, HOW_MOVE, 2, 3 },
#endif
#ifdef __NR_open
	{ __NR_open, -1, 0, 1, false, HOW_OPEN, 0, 0 },
	{ __NR_creat, -1, 0, -1, false, HOW_CREATE, 0, 0 },
	{ __NR_stat, -1, 0, -1, false, HOW_LOOK, 0, 0 },
	{ __NR_lstat, -1, 0, -1, false, HOW_LOOK, 0, 0 },
	{ __NR_access, -1, 0, -1, false, HOW_LOOK, 0, 0 },
	{ __NR_readlink, -1, 0, -1, false, HOW_LINK, 0, 0 },
	{ __NR_unlink, -1, 0, -1, false, HOW_WRITE, 0, 0 },
	{ __NR_rmdir, -1, 0, -1, false, HOW_WRITE, 0, 0 },
	{ __NR_mkdir, -1, 0, -1, false, HOW_NEW, 0, 0 },
	{ __NR_mknod, -1, 0, -1, false, HOW_NEW, 0, 0 },
	{ __NR_symlink, -1, 1, -1, false, HOW_NEW, 0, 0 },
	{ __NR_link, -1, 0, -1, false, HOW_HARD, -1, 1 },
	{ __NR_rename, -1, 0, -1, false, HOW_MOVE, -1, 1 },
#endif
};
enum { NCALLS = sizeof calls / sizeof *calls };

#define ARG(i) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(i)))

static void
put(struct sock_filter *v, unsigned short *n, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	assert(*n < OBSERVE_FILTER_MOST);
	v[(*n)++] = (struct sock_filter){ .code = code, .k = k, .jt = yes, .jf = no };
}

static void
put_call(struct sock_filter *v, unsigned short *n, const struct call *c)
{
	const uint16_t load = BPF_LD | BPF_W | BPF_ABS, eq = BPF_JMP | BPF_JEQ | BPF_K, ret = BPF_RET | BPF_K;

	if (!c->empty) {
		put(v, n, eq, (uint32_t)c->nr, 0, 1);
		put(v, n, ret, SECCOMP_RET_USER_NOTIF, 0, 0);
		return;
	}
	put(v, n, eq, (uint32_t)c->nr, 0, 4);
	put(v, n, load, ARG(c->flags), 0, 0); /* low half: all flags are below 2^32; little endian */
	put(v, n, BPF_JMP | BPF_JSET | BPF_K, AT_EMPTY_PATH, 0, 1);
	put(v, n, ret, SECCOMP_RET_ALLOW, 0, 0);
	put(v, n, ret, SECCOMP_RET_USER_NOTIF, 0, 0);
}

/* The kernel tries the filter with every number there is when it is installed, which takes as long as the way through it is: blocks are skipped. */
enum { BLOCK = 6 };

static void
by_number(const struct call *v[NCALLS])
{
	for (size_t i = 0; i < NCALLS; i++) {
		size_t k = i;

		for (; k > 0 && v[k - 1]->nr > calls[i].nr; k--)
			v[k] = v[k - 1];
		v[k] = &calls[i];
	}
}

unsigned short
observe_filter(struct sock_filter *v)
{
	const uint16_t load = BPF_LD | BPF_W | BPF_ABS, eq = BPF_JMP | BPF_JEQ | BPF_K, ret = BPF_RET | BPF_K;
	unsigned short n = 0;

	put(v, &n, load, offsetof(struct seccomp_data, arch), 0, 0);
	put(v, &n, eq, ARCH, 1, 0);
	put(v, &n, ret, SECCOMP_RET_ALLOW, 0, 0);
	put(v, &n, load, offsetof(struct seccomp_data, nr), 0, 0);
#ifdef __x86_64__
	put(v, &n, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* x32: the same calls under other numbers; no distribution needs them */
	put(v, &n, ret, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
#endif
	put(v, &n, eq, __NR_io_uring_setup, 0, 1);
	put(v, &n, ret, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	const struct call *sorted[NCALLS];
	by_number(sorted);
	for (size_t i = 0; i < NCALLS; i += BLOCK) {
		const unsigned short skip = n;
		const size_t end = i + BLOCK < NCALLS ? i + BLOCK : NCALLS;
		if (end < NCALLS) /* how far is known below */
			put(v, &n, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)sorted[end]->nr, 0, 0);
		for (size_t k = i; k < end; k++)
			put_call(v, &n, sorted[k]);
		put(v, &n, ret, SECCOMP_RET_ALLOW, 0, 0);
		if (end < NCALLS)
			v[skip].jt = (uint8_t)(n - skip - 1);
	}
	return n;
}

bool
observe_peek(pid_t tid, uint64_t at, void *to, size_t n)
{
	const struct iovec local = { .iov_base = to, .iov_len = n };
	struct iovec remote = { .iov_len = n };

	/* An address of another process is a number here. */
	_Static_assert(sizeof remote.iov_base == sizeof at, "64 bits");
	__builtin_memcpy(&remote.iov_base, &at, sizeof at);
	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static unsigned
of_flags(uint64_t flags)
{
	const uint64_t mode = flags & O_ACCMODE;
	unsigned what = 0;

	if (flags & O_PATH)
		return OBSERVE_LOOK;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return OBSERVE_LOOK; /* a file without a name in that folder */
	if (mode != O_WRONLY)
		what |= flags & O_DIRECTORY ? OBSERVE_LIST : OBSERVE_READ;
	if (mode != O_RDONLY || (flags & (O_CREAT | O_TRUNC)))
		what |= OBSERVE_WRITE;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		what = OBSERVE_WRITE | OBSERVE_NEW;
	else if ((flags & O_TRUNC) && mode != O_RDONLY)
		what = OBSERVE_WRITE | OBSERVE_FRESH;
	return what;
}

static unsigned
meaning(pid_t tid, const struct call *c, const struct seccomp_data *d)
{
	struct open_how how = { 0 };

	switch (c->how) {
	case HOW_OPEN:
		return of_flags(d->args[c->flags]);
	case HOW_OPEN2:
		return observe_peek(tid, d->args[c->flags], &how, sizeof how) ? of_flags(how.flags) : OBSERVE_READ;
	case HOW_CREATE:
		return OBSERVE_WRITE | OBSERVE_FRESH;
	case HOW_LOOK:
		return OBSERVE_LOOK;
	case HOW_LINK:
		return OBSERVE_LINK;
	case HOW_EXEC:
		return OBSERVE_READ | OBSERVE_EXEC;
	case HOW_WRITE:
		return OBSERVE_WRITE;
	case HOW_NEW:
		return OBSERVE_WRITE | OBSERVE_NEW;
	case HOW_HARD:
		return OBSERVE_READ;
	case HOW_MOVE:
		return OBSERVE_READ | OBSERVE_WRITE;
	}
	return 0;
}

size_t
observe_names(pid_t tid, const struct seccomp_data *d, struct observe_name v[2])
{
	const struct call *c = calls;

	while (c < calls + NCALLS && c->nr != d->nr)
		c++;
	if (c == calls + NCALLS)
		return 0;
	v[0] = (struct observe_name){
		.dir = c->dir < 0 ? AT_FDCWD : (int)d->args[c->dir],
		.name = d->args[c->name],
		.what = meaning(tid, c, d),
	};
	if (c->how != HOW_MOVE && c->how != HOW_HARD)
		return 1;
	v[1] = (struct observe_name){
		.dir = c->dir2 < 0 ? AT_FDCWD : (int)d->args[c->dir2],
		.name = d->args[c->name2],
		.what = OBSERVE_WRITE | (c->how == HOW_HARD ? OBSERVE_NEW : OBSERVE_FRESH),
	};
	return 2;
}
