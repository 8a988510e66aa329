/* SPDX-License-Identifier: Apache-2.0 */
#include "hashing/digest.h"

/* The plain SHA256_ functions use the same SHA-NI code as EVP_, without a lookup and two allocations per digest: keys hash
 * many short fields, where that is most of the time. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/library.h"

/* Loaded when the first digest is made: to place libcrypto's addresses takes a millisecond, and an invocation that finds everything up to date
 * makes none. */
static struct {
	__typeof__(SHA256_Init) *init;
	__typeof__(SHA256_Update) *update;
	__typeof__(SHA256_Final) *final;
	__typeof__(OpenSSL_version) *version;
} lib;

static const struct library_function functions[] = {
	{ "SHA256_Init", &lib.init },
	{ "SHA256_Update", &lib.update },
	{ "SHA256_Final", &lib.final },
	{ "OpenSSL_version", &lib.version },
};
static struct library libcrypto = LIBRARY("libcrypto.so.3", "libssl3", functions, NULL);

/* Without digests there is nothing that could be done: as if the loader had not found the library at the start of the program. */
static void
load(void)
{
	static atomic_bool loaded;
	struct err e;

	if (atomic_load_explicit(&loaded, memory_order_acquire))
		return;
	if (library_use(&libcrypto, &e) < 0) {
		(void)!write(STDERR_FILENO, e.text, strlen(e.text));
		(void)!write(STDERR_FILENO, "\n", 1);
		_exit(3);
	}
	atomic_store_explicit(&loaded, true, memory_order_release);
}

struct digest_stream {
	SHA256_CTX ctx;
};

static const struct str PREFIX = STR_INIT("sha256:");

struct digest
digest_of(struct str bytes)
{
	struct digest d;
	SHA256_CTX ctx; /* the one-shot SHA256() goes through EVP_ after all, with a lookup under a lock */
	load();
	lib.init(&ctx);
	lib.update(&ctx, bytes.p ? bytes.p : "", bytes.n);
	lib.final(d.b, &ctx);
	return d;
}

bool
digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool
digest_is_zero(const struct digest *d)
{
	static const struct digest zero = { 0 };
	return digest_eq(d, &zero);
}

int
digest_cmp(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

void
digest_hex(const struct digest *d, char out[DIGEST_HEX + 1])
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof d->b; i++) {
		out[2 * i] = hex[d->b[i] >> 4];
		out[2 * i + 1] = hex[d->b[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
}

void
digest_text(const struct digest *d, char out[DIGEST_TEXT + 1])
{
	memcpy(out, PREFIX.p, PREFIX.n);
	digest_hex(d, out + PREFIX.n);
}

struct str
digest_str(const struct digest *d, struct arena *a)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	return arena_str(a, (struct str){ text, DIGEST_TEXT });
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
digest_parse(struct str text, bool bare, struct digest *out)
{
	if (!bare && !str_starts(text, PREFIX))
		return false;
	const struct str hex = bare ? text : str_drop(text, PREFIX.n);
	struct digest d;
	if (hex.n != DIGEST_HEX)
		return false;
	for (size_t i = 0; i < sizeof d.b; i++) {
		const int hi = nibble(hex.p[2 * i]), lo = nibble(hex.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*out = d;
	return true;
}

struct js *
digest_js(const struct digest *d)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	return js_textz(text);
}

struct digest_stream *
digest_begin(void)
{
	struct digest_stream *s = mem_alloc(sizeof *s);
	load();
	lib.init(&s->ctx);
	return s;
}

void
digest_add(struct digest_stream *s, struct str bytes)
{
	if (bytes.n)
		lib.update(&s->ctx, bytes.p, bytes.n);
}

struct digest
digest_end(struct digest_stream *s)
{
	struct digest d;
	lib.final(d.b, &s->ctx);
	free(s);
	return d;
}

void
digest_drop(struct digest_stream *s)
{
	free(s);
}

const char *
digest_version(void)
{
	load();
	return lib.version(OPENSSL_VERSION_STRING);
}
