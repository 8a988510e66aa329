/* SPDX-License-Identifier: Apache-2.0
 *
 * data.mdb is spoilt in thousands of ways; each time all is read, something is written and read again. Allowed are the right value
 * and a miss; the write must succeed. A crash of the child, who tries many in a row, is a failure that names its case.
 */
#include "scratch.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "cache/records_inside.h"

#define NKEYS 300
#define LOCK_MS 20000

static struct str
key_of(int i, char to[64])
{
	static const char tail[] = "key/00000/a longer key than the others";
	const int n = i * 7919 % NKEYS;
	memcpy(to, tail, sizeof tail);
	to[6] = (char)('0' + n / 100);
	to[7] = (char)('0' + n / 10 % 10);
	to[8] = (char)('0' + n % 10);
	return (struct str){ to, i % 3 ? 11 : sizeof tail - 1 };
}

static size_t
size_of(int i)
{
	return i % 50 == 0 ? 9000 : (size_t)(i % 200) * 3;
}

static struct str
value_of(int i, char *to)
{
	for (size_t k = 0; k < size_of(i); k++)
		to[k] = (char)((size_t)i * 13 + k);
	return (struct str){ to, size_of(i) };
}

/* A file with branches, overflow pages, a list of free pages and several tables. */
static void
fill(const char *dir)
{
	struct records *r;
	struct err e = { 0 };
	char k[64], v[9000];
	OK(records_open(dir, false, &r, &e));
	for (int round = 0; round < 3; round++) {
		struct batch b = { 0 };
		for (int i = 0; i < NKEYS; i++)
			batch_put(&b, i % 2 ? TABLE_MISC : TABLE_RESULT, key_of(i, k), value_of(i, v));
		for (int i = 0; round == 1 && i < NKEYS; i += 4)
			batch_del(&b, i % 2 ? TABLE_MISC : TABLE_RESULT, key_of(i, k));
		OK(records_commit(r, &b, true, LOCK_MS, &e));
	}
	records_close(r);
}

static int wrong; /* of the running child */
static bool path_only; /* the case at hand checks before a commit only what the commit touches */

static void
must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "  wrong: %s\n", what);
		wrong++;
	}
}

static bool
right(void *ctx, struct str key, struct str value)
{
	char k[64], v[9000];
	int i = 0;
	while (i < NKEYS - 1 && !str_eq(key, key_of(i, k)))
		i++;
	must(str_eq(key, key_of(i, k)) && str_eq(value, value_of(i, v)), "a value that was never put");
	++*(int *)ctx;
	return true;
}

/* How many of the values are still there. */
static int
read_all(struct records *r)
{
	struct view *v;
	struct err e = { 0 };
	char k[64], want[9000];
	int n = 0, walked = 0;
	if (view_begin(r, &v, &e) < 0)
		return 0;
	for (int i = 0; i < NKEYS; i++) {
		struct str value;
		if (!view_get(v, i % 2 ? TABLE_MISC : TABLE_RESULT, key_of(i, k), &value))
			continue;
		must(str_eq(value, value_of(i, want)), "value");
		n++;
	}
	(void)view_each(v, TABLE_MISC, STR(""), right, &walked);
	(void)view_each(v, TABLE_RESULT, STR("key/"), right, &walked);
	(void)view_count(v, TABLE_RESULT);
	view_end(v);
	return n;
}

static int
use(const char *dir)
{
	struct records *r;
	struct err e = { 0 };
	char k[64], v[9000];
	if (records_open(dir, false, &r, &e) < 0) {
		must(false, e.text);
		return 0;
	}
	if (path_only)
		r->small_pages = 0; /* as in a large file */
	const int n = read_all(r);
	struct batch b = { 0 };
	for (int i = 0; i < NKEYS; i += 5) {
		batch_put(&b, TABLE_LAST, key_of(i, k), value_of(i, v));
		batch_put(&b, TABLE_MISC, key_of(i, k), value_of(i, v));
		batch_del(&b, TABLE_RESULT, key_of(i + 1, k));
	}
	if (records_commit(r, &b, false, LOCK_MS, &e) < 0)
		must(false, e.text);
	struct view *view;
	if (view_begin(r, &view, &e) == 0) {
		struct str value;
		for (int i = 0; i < NKEYS; i += 5)
			must(view_get(view, TABLE_LAST, key_of(i, k), &value) && str_eq(value, value_of(i, v)), "what was written");
		view_end(view);
	}
	size_t nchecked, nbad;
	if (records_verify(r, true, &nchecked, &nbad, &e) < 0 || records_verify(r, false, &nchecked, &nbad, &e) < 0 || nbad != 0)
		must(false, "verify does not repair");
	records_close(r);
	return n;
}

struct image {
	char *bytes;
	size_t size;
};

static struct image
image_of(const char *dir)
{
	AUTO_BUF b = { 0 };
	struct err e = { 0 };
	OK(file_read(AT_FDCWD, in(dir, "data.mdb"), 100 << 20, &b, &e));
	struct image im = { malloc(b.n), b.n };
	memcpy(im.bytes, b.p, b.n);
	return im;
}

static int
try_one(const char *dir, struct str bytes)
{
	(void)unlink(in(dir, "data.mdb"));
	(void)unlink(in(dir, "lock.mdb"));
	const int fd = open(in(dir, "data.mdb"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
		_exit(99);
	close(fd);
	return use(dir);
}

/* n cases in a child; make spoils a copy, and says how long the file is. */
static void
cases(const char *dir, const struct image *im, uint64_t seed, int n, size_t (*make)(char *bytes, size_t size, uint64_t *seed, int i))
{
	int *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &none);
		char *copy = malloc(im->size + 4096);
		for (int i = 0; i < n; i++) {
			uint64_t s = seed + (uint64_t)i * 1000003;
			memcpy(copy, im->bytes, im->size);
			at[0] = i;
			path_only = i / 2 % 2;
			at[1] += try_one(dir, (struct str){ copy, make(copy, im->size, &s, i) });
			if (wrong) {
				fprintf(stderr, "  in case %d\n", i);
				_exit(1);
			}
		}
		free(copy);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("case %d: status %#x", at[0], status);
	printf("  %d cases, %.1f%% of the values were still there\n", n, 100.0 * at[1] / ((double)n * NKEYS));
	munmap(at, 4096);
}

static size_t
flip_anywhere(char *bytes, size_t size, uint64_t *s, int i)
{
	(void)i;
	bytes[rnd(s) % size] ^= (char)(1 << rnd(s) % 8);
	return size;
}

/* Headers and offsets of every page in turn: there a bit hurts most. */
static size_t
flip_header(char *bytes, size_t size, uint64_t *s, int i)
{
	const size_t page = (size_t)i % (size / 4096);
	bytes[page * 4096 + rnd(s) % 64] ^= (char)(1 << rnd(s) % 8);
	return size;
}

static size_t
flip_meta(char *bytes, size_t size, uint64_t *s, int i)
{
	(void)s;
	const size_t bit = (size_t)i % (2 * 152 * 8), page = bit / (152 * 8), in_page = bit % (152 * 8);
	bytes[page * 4096 + in_page / 8] ^= (char)(1 << in_page % 8);
	return size;
}

static size_t
cut(char *bytes, size_t size, uint64_t *s, int i)
{
	(void)bytes;
	if (i % 2)
		return (size_t)i / 2 * 4096 % size;
	return rnd(s) % size;
}

static size_t
blank_page(char *bytes, size_t size, uint64_t *s, int i)
{
	(void)s;
	memset(bytes + (size_t)i % (size / 4096) * 4096, 0, 4096);
	return size;
}

static size_t
noise_page(char *bytes, size_t size, uint64_t *s, int i)
{
	char *page = bytes + (size_t)i % (size / 4096) * 4096;
	for (int k = 16 * (i % 2); k < 4096; k++)
		page[k] = (char)rnd(s);
	return size;
}

/* A page that was written to the wrong place, with its number put right. */
static size_t
swap_page(char *bytes, size_t size, uint64_t *s, int i)
{
	const size_t n = size / 4096, from = 2 + rnd(s) % (n - 2), to = 2 + rnd(s) % (n - 2);
	char number[8];
	memcpy(number, bytes + to * 4096, 8);
	memcpy(bytes + to * 4096, bytes + from * 4096, 4096);
	if (i % 2)
		memcpy(bytes + to * 4096, number, 8);
	return size;
}

static size_t
many_flips(char *bytes, size_t size, uint64_t *s, int i)
{
	for (int k = 0; k < 1 + i % 40; k++)
		(void)flip_anywhere(bytes, size, s, i);
	return size;
}

static void
a_spoilt_file_is_a_miss_or_a_fresh_start(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int n;
		size_t (*make)(char *bytes, size_t size, uint64_t *seed, int i);
	} rows[] = {
		{ "a bit anywhere", 800, flip_anywhere },   { "a bit in each header", 1500, flip_header },
		{ "each bit of the metas", 2432, flip_meta }, { "cut short", 300, cut },
		{ "a page of zeros", 150, blank_page },      { "a page of noise", 300, noise_page },
		{ "a page elsewhere", 600, swap_page },      { "many bits", 600, many_flips },
	};
	const uint64_t seed = seed_new();
	char *dir = scratch_new(true);
	fill(dir);
	const struct image im = image_of(dir);
	printf("  %zu pages\n", im.size / 4096);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		printf("  %s\n", rows[i].name);
		cases(dir, &im, seed, rows[i].n, rows[i].make);
	}
	free(im.bytes);
	scratch_free(dir);
}

static void
what_is_not_lmdb_is_put_aside(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		bool told;
	} rows[] = {
		{ "", 0, false },
		{ "hello", 5, false }, /* shorter than any finished file */
		{ "\x7f" "ELF", 20000, true },
	};
	struct err e = { 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *dir = scratch_new(true);
		char bytes[20000] = { 0 };
		memcpy(bytes, rows[i].bytes, strlen(rows[i].bytes));
		OK(file_replace(AT_FDCWD, in(dir, "data.mdb"), (struct str){ bytes, rows[i].n }, 0644, false, &e));
		struct records *r;
		OK(records_open(dir, false, &r, &e));
		assert_int_equal(records_notice(r).n > 0, rows[i].told);
		assert_int_equal(file_exists(AT_FDCWD, in(dir, "damaged.mdb")), rows[i].told);
		records_close(r);
		scratch_free(dir);
	}
}

/* Somebody else puts our file aside while we have it open: we go on reading the old one, and write into the new one. */
static void
a_replaced_file_is_noticed(void **state)
{
	(void)state;
	char *dir = scratch_new(true);
	struct err e = { 0 };
	struct records *r;
	struct batch b = { 0 };
	struct view *v;
	struct str value;
	OK(records_open(dir, false, &r, &e));
	batch_put(&b, TABLE_MISC, STR("old"), STR("1"));
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	assert_int_equal(rename(in(dir, "data.mdb"), in(dir, "damaged.mdb")), 0);
	assert_int_equal(unlink(in(dir, "lock.mdb")), 0);
	batch_put(&b, TABLE_MISC, STR("new"), STR("2"));
	OK(records_commit(r, &b, true, LOCK_MS, &e));
	records_close(r);
	OK(records_open(dir, false, &r, &e));
	OK(view_begin(r, &v, &e));
	assert_true(view_get(v, TABLE_MISC, STR("new"), &value));
	assert_false(view_get(v, TABLE_MISC, STR("old"), &value));
	view_end(v);
	records_close(r);
	scratch_free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spoilt_file_is_a_miss_or_a_fresh_start),
		cmocka_unit_test(what_is_not_lmdb_is_put_aside),
		cmocka_unit_test(a_replaced_file_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
