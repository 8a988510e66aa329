/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline file through all of loading. What is refused has a mistake with a place; what is accepted has an
 * IR whose JSON reads back to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "rules/load.h"
#include "sys/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The one scratch folder of the process; libFuzzer gives no other place to keep it. */
static struct arena keep;
static struct str folder;
static int root = -1;

static void
clean_up(void)
{
	(void)file_remove_tree(AT_FDCWD, folder.p, NULL); /* nobody is left to be told */
	arena_done(&keep);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err e;

	(void)argc;
	(void)argv;
	if (file_scratch_dir("/tmp", "pawl-fuzz-", &keep, &folder, &e) < 0)
		abort();
	root = file_open_dir(AT_FDCWD, folder.p, &e);
	if (root < 0 || file_replace(root, "data.csv", STR("1\n2\n"), 0644, false, &e) < 0)
		abort();
	(void)atexit(clean_up);
	return 0;
}

static void
check_loaded(const struct ir *ir)
{
	struct arena a = { 0 };
	struct ir again;
	struct err e;
	AUTO_BUF first = { 0 };
	AUTO_BUF second = { 0 };

	ir_write(ir, &first);
	if (ir_read(buf_str(&first), &a, &again, &e) < 0)
		abort();
	ir_write(&again, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	arena_done(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct load_opts o = { .root = root, .file = STR("pawl.yaml") };
	struct arena a = { 0 };
	struct diags d = { 0 };
	struct ir ir;
	struct err e = { 0 };
	AUTO_BUF b = { 0 };

	if (file_replace(root, "pawl.yaml", (struct str){ (const char *)data, size }, 0644, false, &e) < 0)
		abort();
	if (load(&o, &a, &d, &ir, &e) == 0)
		check_loaded(&ir);
	else if (e.code != ERR_INPUT || d.nerrors == 0)
		abort();
	diags_print(&d, false, &b);
	diags_done(&d);
	arena_done(&a);
	return 0;
}
