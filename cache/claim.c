/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/claim.h"

#include <stdio.h>

#include "hashing/fp.h"
#include "sys/file.h"
#include "sys/lock.h"

int
claim_try(struct cache *c, struct str name, struct err *e)
{
	if (c->degraded)
		return file_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, e);
	const struct fp f = fp_of(name);
	char path[48];
	(void)snprintf(path, sizeof path, "locks/%016llx%016llx", (unsigned long long)f.hi, (unsigned long long)f.lo);
	return lock_take(c->fd, path, false, 0, e);
}
