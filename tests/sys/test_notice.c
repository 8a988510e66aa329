/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include "sys/notice.h"

struct heard {
	struct buf text;
};

static void
hear(void *ctx, const struct notice_event *ev)
{
	struct heard *h = ctx;

	buf_printf(&h->text, "%d" STR_FMT "%s%s%s ", ev->watch, STR_ARG(ev->name), ev->names ? "n" : "", ev->folder ? "f" : "", ev->gone ? "g" : "");
}

static const char *
here(struct scratch *s, const char *name, char to[4200])
{
	char link[64], path[4096];

	snprintf(link, sizeof link, "/proc/self/fd/%d", s->fd);
	const ssize_t n = readlink(link, path, sizeof path);

	snprintf(to, 4200, "%.*s/%s", (int)n, path, name);
	return to;
}

static void
what_is_told(void **state)
{
	struct scratch *s = *state;
	char path[4200];
	struct err e;
	struct heard h = { 0 };
	struct notice *n = notice_new(&e);

	assert_non_null(n);
	assert_int_equal(mkdirat(s->fd, "d", 0755), 0);
	scratch_write(s, "d/a", "1");
	scratch_write(s, "f", "1");
	const int d = notice_add(n, here(s, "d", path), NOTICE_ALL, &e), f = notice_add(n, here(s, "f", path), NOTICE_ALL, &e);

	assert_ok(d, &e);
	assert_ok(f, &e);
	assert_int_equal(notice_add(n, here(s, "d/../d", path), NOTICE_SELF, &e), d); /* the same, and still all */
	assert_fails(notice_add(n, here(s, "none", path), NOTICE_ALL, &e), &e, ERR_MISSING);
	assert_true(notice_read(n, hear, &h));
	assert_int_equal(h.text.n, 0);

	scratch_write(s, "d/b", "2");
	assert_true(notice_read(n, hear, &h));
	assert_true(str_find(buf_str(&h.text), STR("1bn ")) != SIZE_MAX); /* after its temporary name */
	buf_reset(&h.text);
	assert_int_equal(mkdirat(s->fd, "d/sub", 0755), 0);
	assert_true(notice_read(n, hear, &h));
	assert_str(buf_str(&h.text), "1subnf ");
	buf_reset(&h.text);
	assert_int_equal(fchmodat(s->fd, "d/a", 0700, 0), 0);
	assert_true(notice_read(n, hear, &h));
	assert_str(buf_str(&h.text), "1a ");
	buf_reset(&h.text);
	assert_int_equal(linkat(s->fd, "f", s->fd, "other", 0), 0);
	scratch_write(s, "other", "changed by its other name");
	assert_true(notice_read(n, hear, &h));
	assert_true(str_starts(buf_str(&h.text), STR("2 ")));
	buf_reset(&h.text);
	assert_int_equal(renameat(s->fd, "d", s->fd, "moved"), 0);
	assert_true(notice_read(n, hear, &h));
	assert_true(str_find(buf_str(&h.text), STR("g")) != SIZE_MAX);
	buf_done(&h.text);
	notice_free(n);
}

/* What happened before a name was made is told before that name. */
static void
a_cookie_comes_last(void **state)
{
	struct scratch *s = *state;
	char path[4200];
	struct err e;
	struct heard h = { 0 };
	struct notice *n = notice_new(&e);

	assert_non_null(n);
	assert_int_equal(mkdirat(s->fd, "c", 0755), 0);
	assert_ok(notice_add(n, here(s, "", path), NOTICE_ALL, &e), &e);
	assert_ok(notice_add(n, here(s, "c", path), NOTICE_ALL, &e), &e);
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "f%d", i);
		scratch_write(s, path, "x");
	}
	scratch_write(s, "c/cookie", "");
	assert_true(notice_read(n, hear, &h));
	const size_t cookie = str_find(buf_str(&h.text), STR("cookie")), last = str_find(buf_str(&h.text), STR("f99"));

	assert_true(cookie != SIZE_MAX && last != SIZE_MAX && last < cookie);
	buf_done(&h.text);
	notice_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_told, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(a_cookie_comes_last, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
