/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/err.h"

int
main(int argc, char **argv)
{
	(void)argv;
	fputs("usage: pawl [-C DIR] [-f FILE] [--stack NAME] [--json] [--events FILE] [--color WHEN] [-q|-v] VERB ...\n",
	      argc > 1 ? stderr : stdout);
	return argc > 1 ? err_status(ERR_INPUT) : 0;
}
