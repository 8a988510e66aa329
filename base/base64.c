/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64_put(struct buf *out, struct str bytes, bool url)
{
	const char *digits = url ? URL : STANDARD;
	for (size_t i = 0; i < bytes.n; i += 3) {
		const size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (uint8_t)bytes.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++) {
			if (k <= n)
				buf_putc(out, digits[v >> (18 - 6 * k) & 63]);
			else if (!url)
				buf_putc(out, '=');
		}
	}
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_get(struct str text, struct buf *out)
{
	const size_t before = out->n;
	if (text.n % 4 != 0)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		const bool last = i + 4 == text.n;
		const size_t pad = last ? (size_t)(text.p[i + 3] == '=') + (text.p[i + 3] == '=' && text.p[i + 2] == '=') : 0;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			const int d = k >= 4 - pad ? 0 : digit(text.p[i + k]);
			if (d < 0) {
				out->n = before;
				return false;
			}
			v = v << 6 | (uint32_t)d;
		}
		for (size_t k = 0; k < 3 - pad; k++)
			buf_putc(out, (char)(v >> (16 - 8 * k) & 255));
	}
	return true;
}
