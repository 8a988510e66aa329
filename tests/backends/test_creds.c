/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include "backends/creds.h"

#define AUTH "\"YW5uOnNlY3JldA==\"" /* ann:secret */

static void
put(struct scratch *s, const char *path, const char *text)
{
	struct err e = { 0 };
	const char *full = arena_printf(&s->arena, "%s/%s", s->folder, path).p;
	if (file_mkdirs_parent(AT_FDCWD, full, &e) < 0 || file_replace(AT_FDCWD, full, str_z(text), 0755, false, &e) < 0)
		fail_msg("%s", e.text);
}

static void
files_by_table(void **state)
{
	(void)state;
	static const struct {
		const char *docker, *podman, *host, *repository, *user, *secret, *identity, *error;
	} rows[] = {
		{ NULL, NULL, "h", "r", "", "", "", NULL },
		{ "", NULL, "h", "r", "", "", "", NULL },
		{ "{\"auths\":{\"h\":{\"auth\":" AUTH "}}}", NULL, "h", "r", "ann", "secret", "", NULL },
		{ "{\"auths\":{\"h\":{\"auth\":" AUTH "}}}", NULL, "h:5000", "r", "", "", "", NULL },
		{ "{\"auths\":{\"https://h/v1/\":{\"auth\":" AUTH "}}}", NULL, "h", "r", "ann", "secret", "", NULL },
		{ "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":" AUTH "}}}", NULL, "docker.io", "library/x", "ann", "secret", "", NULL },
		{ "{\"auths\":{\"h\":{\"username\":\"a\",\"password\":\"b\"}}}", NULL, "h", "r", "a", "b", "", NULL },
		{ "{\"auths\":{\"h\":{\"identitytoken\":\"t\"}}}", NULL, "h", "r", "", "", "t", NULL },
		{ NULL, "{\"auths\":{\"h\":{\"username\":\"host\",\"password\":\"1\"},\"h/team\":{\"username\":\"team\",\"password\":\"2\"}}}", "h", "team/x",
		  "team", "2", "", NULL },
		{ NULL, "{\"auths\":{\"h\":{\"username\":\"host\",\"password\":\"1\"},\"h/team\":{\"username\":\"team\",\"password\":\"2\"}}}", "h", "other/x",
		  "host", "1", "", NULL },
		{ "{\"auths\":{\"h\":{\"username\":\"docker\",\"password\":\"1\"}}}", "{\"auths\":{\"h\":{\"username\":\"podman\",\"password\":\"2\"}}}", "h", "r",
		  "docker", "1", "", NULL },
		{ "{\"credHelpers\":{\"h\":\"good\"}}", NULL, "h", "r", "bob", "pw", "", NULL },
		{ "{\"credsStore\":\"good\"}", NULL, "h", "r", "bob", "pw", "", NULL },
		{ "{\"credsStore\":\"token\"}", NULL, "h", "r", "", "", "idt", NULL },
		{ "{\"credsStore\":\"none\"}", NULL, "h", "r", "", "", "", NULL },
		{ "{\"credsStore\":\"bad\"}", NULL, "h", "r", NULL, NULL, NULL, "docker-credential-bad" },
		{ "{\"credsStore\":\"../x\"}", NULL, "h", "r", NULL, NULL, NULL, "'../x' is none" },
		{ "{", NULL, "h", "r", NULL, NULL, NULL, "line 1" },
		{ "{\"auths\":{\"h\":{\"auth\":\"?\"}}}", NULL, "h", "r", NULL, NULL, NULL, "no base64" },
		{ "{\"auths\":{\"h\":{\"auth\":\"YW5u\"}}}", NULL, "h", "r", NULL, NULL, NULL, "USER:PASSWORD" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct scratch s;
		struct creds c = { 0 };
		struct err e = { 0 };
		scratch_open(&s);
		put(&s, "bin/docker-credential-good", "#!/bin/sh\necho '{\"Username\":\"bob\",\"Secret\":\"pw\"}'\n");
		put(&s, "bin/docker-credential-token", "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"idt\"}'\n");
		put(&s, "bin/docker-credential-none", "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n");
		put(&s, "bin/docker-credential-bad", "#!/bin/sh\necho boom hunter2 >&2\nexit 1\n");
		if (rows[i].docker)
			put(&s, ".docker/config.json", rows[i].docker);
		if (rows[i].podman)
			put(&s, ".config/containers/auth.json", rows[i].podman);
		const char *const env[] = { arena_printf(&s.arena, "HOME=%s", s.folder).p, arena_printf(&s.arena, "PATH=%s/bin:/bin:/usr/bin", s.folder).p,
					    NULL };
		const int got = creds_find(env, str_z(rows[i].host), str_z(rows[i].repository), &s.arena, &c, &e);
		if (rows[i].error) {
			if (got == 0 || !strstr(e.text, rows[i].error) || strstr(e.text, "hunter2"))
				fail_msg("row %zu: %d '%s'", i, got, e.text);
		} else if (got < 0 || !str_is(c.user, rows[i].user) || !str_is(c.secret, rows[i].secret) || !str_is(c.identity, rows[i].identity)) {
			fail_msg("row %zu: %d '%s'", i, got, e.text);
		}
		scratch_close(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(files_by_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
