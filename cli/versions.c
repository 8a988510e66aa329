/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/versions.h"

#include "backends/archive.h"
#include "backends/http.h"
#include "backends/layer.h"
#include "base/js.h"
#include "cache/lmdb.h"
#include "hashing/digest.h"
#include "hashing/fp.h"
#include "rules/yaml.h"

size_t
versions(struct version_entry *out, size_t max)
{
	const struct version_entry all[] = {
		{ "jansson", js_version() },
		{ "xxhash", fp_version() },
		{ "libcrypto", digest_version() },
		{ "lmdb", lmdb_version() },
		{ "libcurl", http_version() },
		{ "libyaml", yaml_version() },
		{ "libarchive", archive_library_version() },
		{ "gzip", layer_compressor(LAYER_GZIP) },
		{ "zstd", layer_compressor(LAYER_ZSTD) },
	};
	size_t n = 0;
	for (; n < sizeof all / sizeof *all && n < max; n++)
		out[n] = all[n];
	return n;
}
