/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/backends/scratch.h"

#include "backends/oci.h"
#include "backends/pyroot.h"
#include "backends/registry.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static void
references_by_table(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *repository, *tag;
		bool digest;
	} rows[] = {
		{ "python", "docker.io", "library/python", "latest", false },
		{ "python:3.11-slim", "docker.io", "library/python", "3.11-slim", false },
		{ "team/python", "docker.io", "team/python", "latest", false },
		{ "localhost/x", "localhost", "x", "latest", false },
		{ "localhost:5000/a/b:1", "localhost:5000", "a/b", "1", false },
		{ "r.example/a/b@" D1, "r.example", "a/b", "", true },
		{ "r.example/a/b:2@" D1, "r.example", "a/b", "2", true },
		{ "[::1]:5000/a:b", "[::1]:5000", "a", "b", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a = { 0 };
		struct registry_ref r;
		struct err e = { 0 };
		if (registry_ref_parse(str_z(rows[i].text), &a, &r, &e) < 0)
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_true(str_is(r.host, rows[i].host) && str_is(r.repository, rows[i].repository) && str_is(r.tag, rows[i].tag));
		assert_int_equal(!digest_is_zero(&r.digest), rows[i].digest);
		arena_done(&a);
	}
	static const char *const bad[] = { "", "Python", "a b", "a/b:", "a:b c", "a@sha256:12", "a@md5:1", "/a", "a//b", "a/", "r.example/", "../a", "a/../b", "r.example/a\nb" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct arena a = { 0 };
		struct registry_ref r;
		struct err e = { 0 };
		if (registry_ref_parse(str_z(bad[i]), &a, &r, &e) == 0)
			fail_msg("accepted: '%s'", bad[i]);
		assert_int_equal(e.code, ERR_INPUT);
		arena_done(&a);
	}
}

static void
bad_manifests_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *json, *expect;
	} rows[] = {
		{ "{", "line 1" },
		{ "{}", "schema version 2" },
		{ "{\"schemaVersion\":1,\"layers\":[]}", "schema version 2" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", "no sha256 digest" },
		{ "{\"schemaVersion\":2,\"layers\":[],\"config\":{\"digest\":\"" D1 "\"}}", "no size" },
		{ "{\"schemaVersion\":2,\"layers\":[],\"config\":{\"digest\":\"" D1 "\",\"size\":-1}}", "no size" },
		{ "{\"schemaVersion\":2,\"layers\":[],\"config\":{\"digest\":\"" D1 "\",\"size\":99999999999}}", "config is too large" },
		{ "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"" D2 "\",\"size\":1,\"mediaType\":\"x/y\"}],\"config\":{\"digest\":\"" D1
		  "\",\"size\":1}}",
		  "'x/y' is not understood" },
		{ "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:../../etc/passwd\",\"size\":1}],\"config\":{\"digest\":\"" D1 "\",\"size\":1}}",
		  "no sha256 digest" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a = { 0 };
		struct oci_manifest m;
		struct err e = { 0 };
		if (oci_manifest_read(str_z(rows[i].json), "it", &a, &m, &e) == 0 || !strstr(e.text, rows[i].expect))
			fail_msg("row %zu: '%s', expected '%s'", i, e.text, rows[i].expect);
		arena_done(&a);
	}
}

static void
an_index_is_picked_by_platform(void **state)
{
	(void)state;
	static const char index[] = "{\"manifests\":["
				    "{\"digest\":\"" D1 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
				    "{\"digest\":\"" D2 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}},"
				    "{\"digest\":\"" D1 "\",\"size\":1,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}}]}";
	static const struct {
		const char *platform, *digest, *error;
	} rows[] = {
		{ "linux/amd64", D1, NULL },
		{ "linux/arm/v7", D2, NULL },
		{ "linux/arm", D2, NULL },
		{ "linux/arm/v6", NULL, "there is: linux/amd64, linux/arm" },
		{ "linux/arm64", NULL, "no image for linux/arm64" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a = { 0 };
		struct oci_descriptor d;
		struct err e = { 0 };
		const int got = oci_index_pick(str_z(index), "it", str_z(rows[i].platform), &a, &d, &e);
		if (rows[i].digest)
			assert_true(got == 0 && str_is(digest_str(&d.digest, &a), rows[i].digest));
		else
			assert_true(got < 0 && strstr(e.text, rows[i].error) && e.code == ERR_MISSING);
		arena_done(&a);
	}
}

static void
a_config_is_the_parents_with_changes(void **state)
{
	(void)state;
	static const char parent[] = "{\"os\":\"linux\",\"architecture\":\"amd64\",\"created\":\"2024-01-01T00:00:00Z\",\"container\":\"x\","
				     "\"config\":{\"Env\":[\"PATH=/a\",\"OLD=1\"],\"Cmd\":[\"sh\"],\"Labels\":{\"k\":\"v\"}},"
				     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]},\"history\":[{\"created_by\":\"FROM\"}]}";
	AUTO_JS doc = NULL;
	AUTO_BUF out = { 0 };
	assert_int_equal(js_parse(str_z(parent), "parent", &doc, NULL), 0);
	const struct str env[] = { STR("OLD=2"), STR("NEW=3") }, labels[] = { STR("a=b=c") }, entry[] = { STR("/run") };
	const struct oci_settings s = { .platform = STR("linux/arm/v7"), .env = env, .nenv = 2, .labels = labels, .nlabels = 1, .user = STR("u"),
					.workdir = STR("/w"), .entrypoint = entry, .nentrypoint = 1 };
	struct oci_added added = { .created_by = STR("wheel x 1") };
	assert_true(digest_parse(STR(D2), false, &added.diff_id));
	oci_config_write(doc, &s, &added, 1, &out);
	assert_string_equal(buf_z(&out),
			    "{\"architecture\":\"arm\",\"config\":{\"Entrypoint\":[\"/run\"],\"Env\":[\"PATH=/a\",\"OLD=2\",\"NEW=3\"],"
			    "\"Labels\":{\"a\":\"b=c\",\"k\":\"v\"},\"User\":\"u\",\"WorkingDir\":\"/w\"},\"created\":\"2000-01-01T00:00:00Z\","
			    "\"history\":[{\"created_by\":\"FROM\"},{\"created\":\"2000-01-01T00:00:00Z\",\"created_by\":\"wheel x 1\"}],"
			    "\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[\"" D1 "\",\"" D2 "\"],\"type\":\"layers\"},\"variant\":\"v7\"}");
}

static void
pythons_are_found_in_configs(void **state)
{
	(void)state;
	static const struct {
		const char *json, *version, *glibc;
	} rows[] = {
		{ "{\"config\":{\"Env\":[\"PYTHON_VERSION=3.11.9\"]}}", "3.11", "" },
		{ "{\"config\":{\"Env\":[\"PYTHON_VERSION=3.13.0rc1\"]},\"history\":[{\"created_by\":\"ADD alpine-minirootfs\"}]}", "3.13", "musl" },
		{ "{\"config\":{\"Env\":[\"PYTHON_VERSION=2.7.18\"]}}", NULL, NULL },
		{ "{\"config\":{\"Env\":[\"PYTHON_VERSION=3.x\"]}}", NULL, NULL },
		{ "{\"config\":{\"Env\":[\"PATH=/bin\"]}}", NULL, NULL },
		{ "[]", NULL, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena a = { 0 };
		AUTO_JS doc = NULL;
		struct pyroot p = { 0 };
		assert_int_equal(js_parse(str_z(rows[i].json), "it", &doc, NULL), 0);
		assert_int_equal(pyroot_of_config(doc, &a, &p), rows[i].version != NULL);
		if (rows[i].version)
			assert_true(str_is(p.version, rows[i].version) && str_is(p.glibc, rows[i].glibc));
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_by_table),
		cmocka_unit_test(bad_manifests_are_refused),
		cmocka_unit_test(an_index_is_picked_by_platform),
		cmocka_unit_test(a_config_is_the_parents_with_changes),
		cmocka_unit_test(pythons_are_found_in_configs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
