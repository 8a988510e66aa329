/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

int
library_load(const char *soname, const char *package, const struct library_function *v, size_t n, struct err *e)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL); /* never closed: others may have it open as well */
	if (!library)
		return err_set(e, ERR_MISSING, "the library %s cannot be loaded (%s); install the package %s", soname, dlerror(), package);
	for (size_t i = 0; i < n; i++) {
		void *f = dlsym(library, v[i].name);
		if (!f)
			return err_set(e, ERR_MISSING, "the library %s has no function %s; install a newer package %s", soname, v[i].name,
				       package);
		memcpy(v[i].to, &f, sizeof f);
	}
	return 0;
}
