/* SPDX-License-Identifier: Apache-2.0
 *
 * observe_calls: the system calls that name files, as a filter and as a reader of their arguments. Private to sys/observe.c.
 */
#ifndef PAWL_SYS_OBSERVE_CALLS_H
#define PAWL_SYS_OBSERVE_CALLS_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sys/observe.h"

#define OBSERVE_FILTER_MOST 160

/* The filter into v, which has room for OBSERVE_FILTER_MOST; its length. */
unsigned short observe_filter(struct sock_filter *v);

/* One name in a call. */
struct observe_name {
	int dir;       /* descriptor of the folder that a relative name begins at, or AT_FDCWD */
	uint64_t name; /* address of the text */
	unsigned what;
};
/* The names of a call that the filter reported, at most two; how many. tid: for arguments that lie in memory (openat2). */
size_t observe_names(pid_t tid, const struct seccomp_data *d, struct observe_name v[2]);

/* Bytes from the memory of another process. False: not all of them. */
bool observe_peek(pid_t tid, uint64_t at, void *to, size_t n);

#endif
