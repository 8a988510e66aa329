/* SPDX-License-Identifier: Apache-2.0
 *
 * main: the command line of pawl. Finds the verb, prints what fails, turns it into an exit status.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/remote_wire.h"
#include "backends/sandbox.h"
#include "cli/answer.h"
#include "cli/args.h"
#include "cli/progress.h"
#include "cli/remote_build.h"
#include "cli/text.h"
#include "sys/proc.h"

static int
fail(const struct args *a, const struct err *e)
{
	if (e->text[0]) {
		bool color = text_color(a, STDERR_FILENO);
		AUTO_BUF b = { 0 };
		buf_printf(&b, "%serror%s: %s\n", color ? "\033[1;31m" : "", color ? "\033[0m" : "", e->text);
		if (e->code == ERR_BUG)
			buf_puts(&b, "This is a mistake in pawl itself; please report it with the command and this text.\n");
		text_err(buf_str(&b));
		if (a->json)
			text_json(answer_error(e));
	}
	return err_status(e->code);
}

static int
help(const struct args *a, bool asked)
{
	AUTO_BUF b = { 0 };
	if (a->verb)
		args_verb_usage(a->verb, &b);
	else
		args_usage(&b);
	if (asked)
		text_out(buf_str(&b));
	else
		text_err(buf_str(&b));
	return asked ? 0 : 2;
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };
	struct arena arena = { 0 };
	struct args args = { 0 };
	int status;
	proc_ignore(SIGPIPE); /* a closed reader is no reason to die in the middle of a run */
	proc_ignore(SIGXFSZ); /* nor is a limit of file sizes: it is a full disk like others */
	if (argc > 1 && strcmp(argv[1], SANDBOX_VERB) == 0)
		return sandbox_main(argc - 1, argv + 1, &e) < 0 ? fail(&args, &e) : 0;
	if (argc == 2 && strcmp(argv[1], REMOTE_VERB) == 0)
		return remote_build_main(&e) < 0 ? fail(&args, &e) : 0;
	if (args_parse(argc, (const char *const *)argv, &arena, &args, &e) < 0 || progress_check(&args, &e) < 0)
		status = fail(&args, &e);
	else if (args.help || !args.verb)
		status = help(&args, args.help);
	else if (args.dir && proc_enter(args.dir, &e) < 0)
		status = (err_wrap(&e, "-C"), e.code = ERR_INPUT, fail(&args, &e));
	else if ((status = args.verb->main(&args, &e)) < 0)
		status = fail(&args, &e);
	arena_done(&arena);
	return status;
}
