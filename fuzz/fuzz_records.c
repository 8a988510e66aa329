/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from a hostile file. The input is a list of wounds for a sound data.mdb that the first call makes, or, when it begins like
 * one, a whole data.mdb:
 *	n x { u24 place in the file | u8 byte to put there (xor) }
 * Then everything is read, something is written and read again, and all is verified. What was never put must not come out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/records.h"
#include "sys/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NKEYS 120
#define LOCK_MS 10000

static struct {
	char folder[200];
	struct buf sound;
} here;

static struct str
key_of(int i, char to[40])
{
	(void)snprintf(to, 40, "key/%03d/%s", i, i % 3 ? "x" : "longer");
	return str_z(to);
}

static struct str
value_of(int i, char to[6000])
{
	const size_t n = i % 40 == 0 ? 6000 : (size_t)i * 5;
	memset(to, 'a' + i % 26, n);
	return (struct str){ to, n };
}

static void
need(bool ok)
{
	if (!ok)
		abort();
}

static bool
known(void *ctx, struct str key, struct str value)
{
	char k[40], v[6000];
	int i = 0;
	(void)ctx;
	while (i < NKEYS && !str_eq(key, key_of(i, k)))
		i++;
	need(i < NKEYS && str_eq(value, value_of(i, v)));
	return true;
}

static void
read_all(struct records *r)
{
	struct view *v;
	char k[40], want[6000];
	struct str value;
	if (view_begin(r, &v, NULL) < 0)
		return;
	for (int t = 0; t < TABLE_COUNT; t++) {
		for (int i = 0; i < NKEYS; i++)
			if (view_get(v, (enum table)t, key_of(i, k), &value))
				need(str_eq(value, value_of(i, want)));
		(void)view_each(v, (enum table)t, STR("key/0"), known, NULL);
		(void)view_count(v, (enum table)t);
	}
	view_end(v);
}

static void
put_all(struct records *r, int from, int step)
{
	struct batch b = { 0 };
	struct err e = { 0 };
	char k[40], v[6000];
	for (int i = from; i < NKEYS; i += step) {
		batch_put(&b, i % 2 ? TABLE_MISC : TABLE_RESULT, key_of(i, k), value_of(i, v));
		batch_del(&b, TABLE_LAST, key_of(i, k));
	}
	need(records_commit(r, &b, false, LOCK_MS, &e) == 0);
}

static void
clean_up(void)
{
	(void)file_remove_tree(AT_FDCWD, here.folder, NULL);
	buf_done(&here.sound);
}

static void
begin(void)
{
	struct arena a = { 0 };
	struct str path;
	struct records *r;
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	need(file_scratch_dir(base, "pawl-fuzz-", &a, &path, NULL) == 0);
	(void)snprintf(here.folder, sizeof here.folder, "%s", path.p);
	arena_done(&a);
	need(records_open(here.folder, false, &r, NULL) == 0);
	put_all(r, 0, 1);
	put_all(r, 0, 2);
	records_close(r);
	const int at = file_open_dir(AT_FDCWD, here.folder, NULL);
	need(file_read(at, "data.mdb", 100 << 20, &here.sound, NULL) == 0);
	close(at);
	(void)atexit(clean_up);
}

static void
wound(struct buf *file, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size; i += 4) {
		const size_t at = data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;
		file->p[at % file->n] ^= (char)data[i + 3];
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (here.sound.n == 0)
		begin();
	AUTO_BUF file = { 0 };
	const bool whole = size >= 20 && memcmp(data + 16, "\xDE\xC0\xEF\xBE", 4) == 0;
	buf_put(&file, whole ? (struct str){ (const char *)data, size } : buf_str(&here.sound));
	if (!whole)
		wound(&file, data, size);
	const int at = file_open_dir(AT_FDCWD, here.folder, NULL);
	(void)unlinkat(at, "lock.mdb", 0);
	need(file_replace(at, "data.mdb", buf_str(&file), 0644, false, NULL) == 0);
	close(at);
	struct records *r;
	size_t n, bad;
	struct err e = { 0 };
	need(records_open(here.folder, false, &r, &e) == 0);
	if (!whole)
		read_all(r);
	put_all(r, 1, 3);
	if (!whole)
		read_all(r);
	need(records_verify(r, true, &n, &bad, &e) == 0);
	need(records_verify(r, false, &n, &bad, &e) == 0 && bad == 0);
	records_close(r);
	return 0;
}
