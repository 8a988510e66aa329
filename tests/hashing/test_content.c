/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include "hashing/content.h"
#include "sys/clock.h"

static void
one_read_gives_both_hashes(void **state)
{
	struct scratch *s = *state;
	struct err e;
	AUTO_BUF text = { 0 };
	for (int size = 0; size < 1000000; size = size * 9 + 1) {
		buf_reset(&text);
		while (text.n < (size_t)size)
			buf_printf(&text, "%zu,", text.n);
		scratch_write(s, "f", buf_z(&text));
		AUTO_FD fd = file_open(s->fd, "f", O_RDONLY, 0, &e);
		struct content c;
		assert_ok(content_of_fd(fd, &c, &e), &e);
		const struct digest d = digest_of(buf_str(&text));
		assert_true(digest_eq(&c.digest, &d) && fp_eq(c.fp, fp_of(buf_str(&text))));
		assert_int_equal(c.size, text.n);
	}
	struct content c;
	AUTO_FD dir = file_open_dir(s->fd, ".", &e);
	assert_fails(content_of_fd(dir, &c, &e), &e, ERR_WORLD);
}

static void
young_times_are_not_trusted(void **state)
{
	(void)state;
	const int64_t now = INT64_C(1700000000123456789), tick = clock_tick();
	const struct {
		int64_t mtime, ctime;
		bool settled;
	} rows[] = {
		{ now - 3 * tick, now - 3 * tick, true },
		{ now - tick, now - 3 * tick, false },
		{ now - 3 * tick, now - tick, false },
		{ now - 2 * tick, now - 2 * tick, false },
		{ now + tick, now - 9 * tick, false },
		{ now, now, false },
		/* whole seconds: a file system that keeps no more */
		{ INT64_C(1699999999) * NS_PER_S, INT64_C(1699999999) * NS_PER_S, false },
		{ INT64_C(1699999990) * NS_PER_S, INT64_C(1699999990) * NS_PER_S, true },
		{ INT64_C(1699999999) * NS_PER_S, now - 3 * tick, true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct stat_sig sig = { .mtime = rows[i].mtime, .ctime = rows[i].ctime };
		assert_int_equal(content_settled(&sig, now), rows[i].settled);
	}
}

static void
every_field_of_a_signature_counts(void **state)
{
	(void)state;
	const struct file_stat st = { .dev = 1, .ino = 2, .size = 3, .mtime = 4, .ctime = 5, .mode = 6 };
	const struct stat_sig a = stat_sig_of(&st);
	assert_true(stat_sig_eq(&a, &a));
	for (int i = 0; i < 6; i++) {
		struct stat_sig b = a;
		b.dev += i == 0;
		b.ino += i == 1;
		b.size += i == 2;
		b.mtime += i == 3;
		b.ctime += i == 4;
		b.mode += i == 5;
		assert_false(stat_sig_eq(&a, &b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(one_read_gives_both_hashes),
		cmocka_unit_test(young_times_are_not_trusted),
		cmocka_unit_test(every_field_of_a_signature_counts),
	};
	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
