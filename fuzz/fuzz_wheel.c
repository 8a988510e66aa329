/* SPDX-License-Identifier: Apache-2.0
 *
 * Wheels: by the first byte the whole archive, RECORD, the entry points, or WHEEL are the fuzzer's. What is refused has a message.
 */
#include <stdint.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "backends/wheel.h"
#include "tests/backends/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wheel_scheme SCHEME = {
	.purelib = STR_INIT("lib/pure"), .platlib = STR_INIT("lib/plat"),   .scripts = STR_INIT("bin"), .data = STR_INIT(""),
	.headers = STR_INIT("include"),	 .python = STR_INIT("/bin/python"), .tag = STR_INIT("fuzz"),
};

static void
zip_of(char kind, const char *text, struct buf *out)
{
	const struct member m[] = {
		{ "x-1.dist-info/WHEEL", kind == 3 ? text : "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n" },
		{ "x.py", "pass\n" },
		{ "x-1.data/scripts/go", "#!python\n" },
		{ "x-1.dist-info/entry_points.txt", kind == 2 ? text : "[console_scripts]\nx = x:y\n" },
	};
	if (kind != 1) {
		wheel_bytes(m, sizeof m / sizeof m[0], out);
		return;
	}
	AUTO_BUF central = { 0 };
	uint16_t n = 0;
	zip_put(out, &central, m[0].path, str_z(m[0].text), 0644, &n);
	zip_put(out, &central, m[1].path, str_z(m[1].text), 0644, &n);
	zip_put(out, &central, "x-1.dist-info/RECORD", str_z(text), 0644, &n);
	zip_end(out, &central, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 20000)
		return 0;
	AUTO_BUF zip = { 0 };
	struct arena a = { 0 };
	struct err e = { 0 };
	const struct str rest = { (const char *)data + 1, size - 1 };
	const char kind = (char)(data[0] % 4);
	if (kind == 0)
		buf_put(&zip, rest);
	else
		zip_of(kind, arena_z(&a, rest), &zip);
	struct layer *l = layer_new();
	if (wheel_add_bytes(buf_str(&zip), STR("fuzz.whl"), &SCHEME, l, &e) < 0 && e.text[0] == '\0')
		abort();
	layer_free(l);
	arena_done(&a);
	return 0;
}
