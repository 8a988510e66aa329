/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that were given: for the session in memory; those that say how long they last also in a folder, so that the next invocation sends its first
 * request with one. One file each, mode 0600, named by a digest over registry, scope and the state of the files that credentials come from: whoever
 * logs in or out is another one. Never a password. Content: "u64 expires (ns since 1970, decimal) NEWLINE header".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backends/creds.h"
#include "backends/registry_inside.h"
#include "hashing/digest.h"
#include "sys/clock.h"
#include "sys/file.h"

#define TOKEN_LIMIT ((size_t)64 << 10)
#define FILES_MOST 64                   /* then the folder is swept */
#define MARGIN (10 * NS_PER_S)          /* clocks, and the way there */

static struct registry_token *
find(struct registry *r, struct str host, struct str scope)
{
	for (size_t i = 0; i < r->tokens.n; i++) {
		if (str_eq(r->tokens.v[i].host, host) && str_eq(r->tokens.v[i].scope, scope))
			return &r->tokens.v[i];
	}
	return NULL;
}

bool
registry_token_good(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	}
	return s.n > 0;
}

static const char *
file_of(const struct registry *r, struct str host, struct str scope, struct arena *a)
{
	AUTO_BUF b = { 0 };
	char hex[DIGEST_HEX + 1];
	buf_text(&b, registry_base(r, host, a));
	buf_text(&b, scope);
	creds_state(r->opts.environ_, &b);
	const struct digest d = digest_of(buf_str(&b));
	digest_hex(&d, hex);
	return arena_printf(a, "%s/%s", r->opts.tokens, hex).p;
}

static struct str
load(const struct registry *r, struct str host, struct str scope, struct arena *a)
{
	AUTO_BUF text = { 0 };
	uint64_t expires;
	const char *path = file_of(r, host, scope, a);
	if (file_read(AT_FDCWD, path, TOKEN_LIMIT, &text, NULL) < 0)
		return (struct str){ 0 };
	const struct str_cut c = str_cut(buf_str(&text), '\n');
	if (!str_u64(c.head, &expires) || !str_starts(c.tail, STR("Bearer ")) || !registry_token_good(c.tail) ||
	    (int64_t)expires < clock_real() + MARGIN) {
		(void)file_remove_tree(AT_FDCWD, path, NULL);
		return (struct str){ 0 };
	}
	return arena_str(a, c.tail);
}

/* Files of other days: nobody looks for them under their names any more. */
static void
sweep(const char *folder, struct arena *a)
{
	struct file_entry *v;
	size_t n;
	if (file_list(AT_FDCWD, folder, a, &v, &n, NULL) < 0 || n < FILES_MOST)
		return;
	for (size_t i = 0; i < n; i++)
		(void)file_remove_tree(AT_FDCWD, arena_printf(a, "%s/" STR_FMT, folder, STR_ARG(v[i].name)).p, NULL);
}

static void
save(const struct registry *r, struct str host, struct str scope, struct str header, int64_t seconds)
{
	struct arena a = { 0 };
	AUTO_BUF text = { 0 };
	buf_printf(&text, "%" PRId64 "\n" STR_FMT, clock_real() + seconds * NS_PER_S, STR_ARG(header));
	if (file_mkdirs(AT_FDCWD, r->opts.tokens, NULL) == 0) {
		sweep(r->opts.tokens, &a);
		(void)file_replace(AT_FDCWD, file_of(r, host, scope, &a), buf_str(&text), 0600, false, NULL);
	}
	arena_done(&a);
}

struct str
registry_token_find(struct registry *r, struct str host, struct str scope)
{
	struct registry_token *t = find(r, host, scope);
	if (t || !r->opts.tokens)
		return t ? t->header : (struct str){ 0 };
	/* Looked for once, there or not. */
	VEC_PUSH(&r->tokens, ((struct registry_token){ arena_str(&r->arena, host), arena_str(&r->arena, scope), { 0 } }));
	t = &r->tokens.v[r->tokens.n - 1];
	t->header = load(r, host, scope, &r->arena);
	return t->header;
}

void
registry_token_keep(struct registry *r, struct str host, struct str scope, struct str header, int64_t seconds)
{
	struct registry_token *t = find(r, host, scope);
	if (!t) {
		VEC_PUSH(&r->tokens, ((struct registry_token){ arena_str(&r->arena, host), arena_str(&r->arena, scope), { 0 } }));
		t = &r->tokens.v[r->tokens.n - 1];
	}
	t->header = arena_str(&r->arena, header);
	if (r->opts.tokens && seconds * NS_PER_S > MARGIN && str_starts(header, STR("Bearer ")))
		save(r, host, scope, header, seconds);
}
