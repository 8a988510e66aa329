/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/file.h"

void
text_seconds(struct buf *out, double seconds)
{
	static const struct {
		const char *big, *small;
		uint64_t big_s, small_s;
	} pairs[] = { { "d", "h", 86400, 3600 }, { "h", "m", 3600, 60 }, { "m", "s", 60, 1 } };
	if (seconds < 0.0001) /* less than can be shown, yet something */
		seconds = seconds > 0 ? 0.0001 : 0;
	if (seconds < 0.9995) {
		buf_printf(out, "%.*f ms", seconds < 0.00995 ? 1 : 0, seconds * 1e3);
		return;
	}
	if (seconds < 59.95) {
		buf_printf(out, "%.1f s", seconds);
		return;
	}
	uint64_t whole = (uint64_t)llround(seconds);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		uint64_t big = whole / pairs[i].big_s, small = whole % pairs[i].big_s / pairs[i].small_s;
		if (big) {
			buf_printf(out, "%llu %s %llu %s", (unsigned long long)big, pairs[i].big,
				   (unsigned long long)small, pairs[i].small);
			return;
		}
	}
}

void
text_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
	if (bytes < 1000) {
		buf_printf(out, "%u B", (unsigned)bytes);
		return;
	}
	double v = (double)bytes / 1000;
	size_t u = 0;
	for (; v >= 999.95 && u + 1 < sizeof units / sizeof *units; u++)
		v /= 1000;
	buf_printf(out, "%.1f %s", v, units[u]);
}

void
text_count(struct buf *out, size_t n, const char *singular)
{
	buf_printf(out, "%zu %s%s", n, singular, n == 1 ? "" : "s");
}

void
text_time(struct buf *out, int64_t ns)
{
	time_t t = (time_t)(ns / NS_PER_S);
	struct tm tm;
	char text[40];
	if (localtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
		buf_puts(out, text);
}

bool
text_color(const struct args *a, int fd)
{
	if (a->color != COLOR_AUTO)
		return a->color == COLOR_ALWAYS;
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && *no) && isatty(fd) && term && strcmp(term, "dumb") != 0;
}

void
text_out(struct str s)
{
	(void)file_write_all(STDOUT_FILENO, s, NULL); /* nobody is left to tell */
}

void
text_err(struct str s)
{
	(void)file_write_all(STDERR_FILENO, s, NULL); /* nobody is left to tell */
}

void
text_json(struct js *v)
{
	AUTO_BUF b = { 0 };
	js_write(v, &b);
	buf_putc(&b, '\n');
	text_out(buf_str(&b));
	js_free(v);
}
