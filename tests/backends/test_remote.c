/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include <string.h>
#include <unistd.h>

#include "backends/builder_kaniko.h"
#include "backends/remote_job.h"
#include "backends/remote_wire.h"

/* What one side gets when the other says text. */
static int
hear(const char *text, struct remote_message *m, struct err *e)
{
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], text, strlen(text)), strlen(text));
	close(fd[1]);
	struct remote_wire w = { .in = fd[0], .out = -1 };
	const int bad = remote_receive(&w, m, e);
	close(fd[0]);
	return bad;
}

static void
messages_by_table(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int bad;
		enum remote_type type;
		uint64_t size;
	} rows[] = {
		{ "{\"size\":3,\"type\":\"line\"}\n", 0, REMOTE_LINE, 3 },
		{ "{\"size\":0,\"type\":\"need\"}\n", 0, REMOTE_NEED, 0 },
		{ "{\"type\":\"failed\"}\n", 0, REMOTE_FAILED, 0 },
		{ "{\"size\":-1,\"type\":\"line\"}\n", -1, 0, 0 },
		{ "{\"size\":1,\"type\":\"blob\"}\n", -1, 0, 0 },
		{ "{\"size\":1,\"type\":\"other\"}\n", -1, 0, 0 },
		{ "{\"size\":1,\"type\":\"li", -1, 0, 0 },
		{ "bash: pawl: command not found\n", -1, 0, 0 },
		{ "", -1, 0, 0 },
		{ "[]\n", -1, 0, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct remote_message m = { 0 };
		struct err e = { 0 };
		const int bad = hear(rows[i].text, &m, &e);
		if (bad != rows[i].bad)
			fail_msg("row %zu: %s", i, e.text);
		if (bad < 0)
			assert_int_equal(e.code, ERR_WORLD);
		else
			assert_true(m.type == rows[i].type && m.size == rows[i].size);
	}
	char endless[1000];
	memset(endless, ' ', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	assert_int_equal(hear(endless, &(struct remote_message){ 0 }, &(struct err){ 0 }), -1);
}

static void
a_job_comes_back_as_it_was(void **state)
{
	(void)state;
	struct arena a = { 0 };
	struct err e = { 0 };
	const struct str args[] = { STR_INIT("A=b c"), STR_INIT("E=") };
	const struct builder_secret secrets[] = { { STR_INIT("tok"), { "\0\377x", 3 } } };
	struct oci_layer layer = { .size = 7, .media = STR("application/vnd.oci.image.layer.v1.tar+gzip") };
	memset(layer.digest.b, 1, sizeof layer.digest.b);
	memset(layer.diff_id.b, 2, sizeof layer.diff_id.b);
	struct builder_parent parent = { .name = STR("base:1"), .image = { .parts = { .layers = &layer, .nlayers = 1, .config_size = 5 } } };
	struct builder_build j = { .dockerfile = STR("FROM base:1\n"), .target = STR("t"), .platform = STR("linux/amd64"), .args = args, .nargs = 2,
				   .parents = &parent, .nparents = 1, .secrets = secrets, .nsecrets = 1 };
	memset(j.context.b, 3, sizeof j.context.b);
	struct scratch s;
	scratch_open(&s);
	struct blobs *b = s.blobs;
	AUTO_JS doc = remote_job_write(&j, b);
	struct builder_build back;
	assert_int_equal(remote_job_read(doc, &a, &back, &e), 0);
	assert_true(str_eq(back.dockerfile, j.dockerfile) && str_eq(back.target, j.target) && digest_eq(&back.context, &j.context));
	assert_true(back.nargs == 2 && str_eq(back.args[0], args[0]) && str_eq(back.args[1], args[1]));
	assert_true(back.nsecrets == 1 && str_eq(back.secrets[0].value, secrets[0].value));
	assert_true(back.nparents == 1 && str_is(back.parents[0].name, "base:1") && back.parents[0].image.parts.nlayers == 1);
	assert_true(digest_eq(&back.parents[0].image.parts.layers[0].diff_id, &layer.diff_id) && back.parents[0].image.parts.config_size == 5);
	assert_int_equal(js_len(js_get(doc, "blobs")), 4); /* context, manifest, config, layer */
	scratch_close(&s);
	arena_done(&a);
}

static void
bad_jobs_are_refused(void **state)
{
	(void)state;
	static const char *const rows[] = { "{}", "[]", "{\"schema\":99}", "{\"schema\":1,\"context\":\"x\"}",
					    "{\"schema\":1,\"context\":\"sha256:" "0000000000000000000000000000000000000000000000000000000000000000\",\"parents\":[{}]}" };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a = { 0 };
		struct err e = { 0 };
		struct builder_build j;
		AUTO_JS doc = NULL;
		assert_int_equal(js_parse(str_z(rows[i]), "row", &doc, &e), 0);
		if (remote_job_read(doc, &a, &j, &e) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(e.code, ERR_WORLD);
		arena_done(&a);
	}
}

/* It gets what belongs to the build, and nothing else of the store. */
static void
only_listed_blobs_are_given(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct scratch s;
	scratch_open(&s);
	struct blobs *b = s.blobs;
	struct digest d;
	char name[DIGEST_TEXT + 1];
	int in[2], out[2];
	assert_int_equal(blobs_put(b, STR("private"), &d, &e), 0);
	assert_int_equal(pipe(in) + pipe(out), 0);
	digest_text(&d, name);
	struct remote_wire asks = { .in = -1, .out = in[1] }, w = { .in = in[0], .out = out[1] };
	AUTO_JS need = js_list();
	AUTO_JS list = js_list();
	js_push(need, js_textz(name));
	assert_int_equal(remote_send_js(&asks, REMOTE_NEED, need, &e), 0);
	assert_int_equal(remote_serve(&w, b, list, &e), -1);
	assert_int_equal(e.code, ERR_WORLD);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
	scratch_close(&s);
}

static void
kaniko_in_a_pod(void **state)
{
	(void)state;
	struct err e = { 0 };
	AUTO_JS settings = NULL;
	AUTO_BUF text = { 0 };
	static const struct str args[] = { STR_INIT("A=b c") };
	assert_int_equal(js_parse(STR("{\"image\":\"r.example/kaniko:1\",\"secret\":\"push\",\"insecure\":true,\"node_selector\":{\"pool\":\"build\"},"
				      "\"service_account\":\"builder\"}"), "settings", &settings, &e), 0);
	const struct builder_build j = { .target = STR("prod"), .platform = STR("linux/arm64"), .args = args, .nargs = 1, .settings = settings };
	AUTO_JS pod = kaniko_pod(&j, STR("pawl-build-1"), STR("r.example/team:build-1"));
	js_write(pod, &text);
	assert_string_equal(buf_z(&text),
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":\"pawl\"},\"name\":\"pawl-build-1\"},"
		"\"spec\":{\"containers\":[{\"args\":[\"--context=tar://stdin\",\"--dockerfile=Dockerfile.pawl\",\"--destination=r.example/team:build-1\","
		"\"--reproducible\",\"--ignore-path=/Dockerfile.pawl\",\"--insecure\",\"--target=prod\",\"--custom-platform=linux/arm64\",\"--build-arg=A=b c\"],"
		"\"image\":\"r.example/kaniko:1\",\"name\":\"pawl-build-1\",\"stdin\":true,\"stdinOnce\":true,\"volumeMounts\":"
		"[{\"mountPath\":\"/kaniko/.docker\",\"name\":\"docker-config\"}]}],\"nodeSelector\":{\"pool\":\"build\"},\"restartPolicy\":\"Never\","
		"\"serviceAccountName\":\"builder\",\"volumes\":[{\"name\":\"docker-config\",\"secret\":{\"items\":[{\"key\":\".dockerconfigjson\","
		"\"path\":\"config.json\"}],\"secretName\":\"push\"}}]}}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_by_table),
		cmocka_unit_test(a_job_comes_back_as_it_was),
		cmocka_unit_test(bad_jobs_are_refused),
		cmocka_unit_test(only_listed_blobs_are_given),
		cmocka_unit_test(kaniko_in_a_pod),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
