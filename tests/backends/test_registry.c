/* SPDX-License-Identifier: Apache-2.0
 *
 * What of registries needs no server: references, waits, manifests of documents and indexes.
 */
#include "backends/registry.h"
#include "backends/registry_inside.h"
#include "tests/unit.h"

static void
references(void **state)
{
	static const struct {
		const char *text, *host, *repository, *tag; /* host NULL: refused */
		bool digest;
	} rows[] = {
		{ "python", "docker.io", "library/python", "latest", false },
		{ "python:3.11-slim", "docker.io", "library/python", "3.11-slim", false },
		{ "team/app:1", "docker.io", "team/app", "1", false },
		{ "localhost/app", "localhost", "app", "latest", false },
		{ "localhost:5000/a/b/c:x_Y.z-1", "localhost:5000", "a/b/c", "x_Y.z-1", false },
		{ "[::1]:5000/a", "[::1]:5000", "a", "latest", false },
		{ "ghcr.example/a@sha256:1111111111111111111111111111111111111111111111111111111111111111", "ghcr.example", "a", "", true },
		{ "a:1@sha256:1111111111111111111111111111111111111111111111111111111111111111", "docker.io", "library/a", "1", true },
		{ "", NULL, NULL, NULL, false },
		{ "Python", NULL, NULL, NULL, false },
		{ "a:", NULL, NULL, NULL, false },
		{ "a:.x", NULL, NULL, NULL, false },
		{ "a@sha256:11", NULL, NULL, NULL, false },
		{ "a@sha256:0000000000000000000000000000000000000000000000000000000000000000", NULL, NULL, NULL, false },
		{ "a//b", NULL, NULL, NULL, false },
		{ "/a", NULL, NULL, NULL, false },
		{ "a/", NULL, NULL, NULL, false },
		{ "host.example/a?x=y", NULL, NULL, NULL, false },
		{ "host.example/../a", NULL, NULL, NULL, false },
		{ "ho st.example/a", NULL, NULL, NULL, false },
		{ "-h.example/a", NULL, NULL, NULL, false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		struct registry_ref r;
		struct err e;
		ROW(i, rows[i].text);
		if (!rows[i].host) {
			assert_fails(registry_ref_parse(str_z(rows[i].text), &a, &r, &e), &e, ERR_INPUT);
		} else {
			assert_ok(registry_ref_parse(str_z(rows[i].text), &a, &r, &e), &e);
			assert_str(r.host, rows[i].host);
			assert_str(r.repository, rows[i].repository);
			assert_str(r.tag, rows[i].tag);
			assert_int_equal(!digest_is_zero(&r.digest), rows[i].digest);
		}
		arena_done(&a);
	}
}

static void
what_passes_by_itself(void **state)
{
	static const struct {
		int status;
		bool passes;
	} rows[] = { { 200, false }, { 301, false }, { 400, false }, { 401, false }, { 404, false }, { 408, true }, { 413, false }, { 425, true },
		     { 429, true },  { 500, true },  { 501, false }, { 502, true },  { 503, true },  { 504, true }, { 505, false }, { 507, false } };
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(retry_status(rows[i].status), rows[i].passes);
}

static void
waits(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = { { "", -1 }, { "0", 0 }, { "7", 7000 }, { "x", -1 }, { "-1", -1 }, { "1.5", -1 }, { "99999999999999999999", -1 },
		     { "Thu, 01 Jan 1998 00:00:00 GMT", 0 } };
	struct err e;
	struct http *h = http_new(&e);
	(void)state;
	assert_non_null(h);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_header header = { STR("retry-after"), str_z(rows[i].text) };
		const struct http_answer answer = { .status = 429, .headers = &header, .nheaders = 1 };
		ROW(i, rows[i].text);
		assert_int_equal(http_retry_after(&answer), rows[i].ms);
	}
	http_free(h);
}

static void
no_wait_beyond_the_limits(void **state)
{
	struct http_header header = { STR("retry-after"), STR("0") };
	const struct http_answer now = { .status = 503, .headers = &header, .nheaders = 1 }, fine = { .status = 200 };
	struct http_header far = { STR("retry-after"), STR("61") };
	const struct http_answer later = { .status = 503, .headers = &far, .nheaders = 1 };
	const atomic_bool stopped = true;
	struct retry r = { 0 }, few = { .most = 2 }, ended = { .stop = &stopped };
	(void)state;
	assert_false(retry_answer(&r, &fine));
	assert_false(retry_answer(&r, &later));
	for (int i = 0; i < RETRY_TRIES; i++)
		assert_true(retry_answer(&r, &now));
	assert_false(retry_answer(&r, &now));
	assert_true(retry_answer(&few, &now) && retry_answer(&few, &now));
	assert_false(retry_answer(&few, &now));
	assert_false(retry_answer(&ended, &now));
}

static void
a_document_refers_to_its_image(void **state)
{
	AUTO_BUF out = { 0 };
	const struct registry_referrer d = { .subject = digest_of(STR("image")), .subject_size = 5, .media = "application/spdx+json",
					     .blob = digest_of(STR("document")), .size = 8 };
	(void)state;
	registry_referrer_write(&d, &out);
	assert_str(buf_str(&out),
		   "{\"annotations\":{\"org.opencontainers.image.created\":\"2000-01-01T00:00:00Z\"},\"artifactType\":\"application/spdx+json\","
		   "\"config\":{\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"mediaType\":"
		   "\"application/vnd.oci.empty.v1+json\",\"size\":2},\"layers\":[{\"digest\":"
		   "\"sha256:43cc23fa52b87b4cc1d02b5b114154151d6adddb17c9fddc06b027fa99e24008\",\"mediaType\":\"application/spdx+json\",\"size\":8}],"
		   "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2,\"subject\":{\"digest\":"
		   "\"sha256:6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":5}}");
}

static void
one_index_for_several_platforms(void **state)
{
	AUTO_BUF out = { 0 };
	AUTO_JS doc = NULL;
	struct arena a = { 0 };
	struct oci_descriptor d;
	struct err e;
	const struct oci_listed v[] = { { digest_of(STR("a")), 1, STR("linux/amd64") }, { digest_of(STR("b")), 2, STR("linux/arm/v7") } };
	(void)state;
	oci_index_of(v, 2, &out);
	for (size_t i = 0; i < COUNT(v); i++) {
		assert_ok(oci_index_pick(buf_str(&out), "it", v[i].platform, &a, &d, &e), &e);
		assert_true(digest_eq(&d.digest, &v[i].manifest));
		assert_int_equal(d.size, v[i].size);
	}
	assert_fails(oci_index_pick(buf_str(&out), "it", STR("linux/s390x"), &a, &d, &e), &e, ERR_MISSING);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references), cmocka_unit_test(what_passes_by_itself), cmocka_unit_test(waits),
		cmocka_unit_test(no_wait_beyond_the_limits), cmocka_unit_test(a_document_refers_to_its_image),
		cmocka_unit_test(one_index_for_several_platforms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
