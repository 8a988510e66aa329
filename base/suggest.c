/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <string.h>

enum { LONGEST = 64 };

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
suggest_distance(struct str a, struct str b)
{
	if (a.n > LONGEST || b.n > LONGEST)
		return LONGEST + 1;
	/* Three rows of the usual table: the one before the last is needed for swaps. */
	unsigned row[3][LONGEST + 1];
	for (unsigned j = 0; j <= b.n; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *now = row[i % 3];
		const unsigned *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			const unsigned change = a.p[i - 1] != b.p[j - 1];
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return row[a.n % 3][b.n];
}

/* Edits that still are a slip between two names; names without a common letter never are. */
static unsigned
tolerated(struct str a, struct str b)
{
	const unsigned longer = (unsigned)(a.n > b.n ? a.n : b.n);
	const unsigned third = longer / 3 ? longer / 3 : 1;
	return longer ? least(third, longer - 1) : 0;
}

struct str
suggest(struct str word, const struct str *names, size_t n)
{
	struct str best = { 0 };
	unsigned best_distance = LONGEST + 1;
	for (size_t i = 0; i < n; i++) {
		const unsigned d = suggest_distance(word, names[i]);
		if (d > 0 && d < best_distance && d <= tolerated(word, names[i])) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}
