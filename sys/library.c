/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

static int
load(const struct library *l, struct err *e)
{
	void *handle = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL); /* never closed: others may have it open as well */
	if (!handle)
		return err_set(e, ERR_MISSING, "the library %s cannot be loaded (%s); install the package %s", l->soname, dlerror(), l->package);
	for (size_t i = 0; i < l->nfunctions; i++) {
		void *f = dlsym(handle, l->functions[i].name);
		if (!f)
			return err_set(e, ERR_MISSING, "the library %s has no function %s; install a newer package %s", l->soname,
				       l->functions[i].name, l->package);
		memcpy(l->functions[i].to, &f, sizeof f);
	}
	return l->begin ? l->begin(e) : 0;
}

int
library_use(struct library *l, struct err *e)
{
	pthread_mutex_lock(&l->mutex);
	const int rc = l->loaded ? 0 : load(l, e);
	l->loaded = rc == 0;
	pthread_mutex_unlock(&l->mutex);
	return rc;
}
