/* SPDX-License-Identifier: Apache-2.0
 *
 * What registries, layouts and pawl.lock say of images. A manifest that is accepted is written back and accepted again, with the same parts.
 */
#include <stdint.h>
#include <stdlib.h>

#include "backends/oci.h"
#include "backends/pyroot.h"
#include "backends/registry.h"
#include "rules/image_inside.h"
#include "rules/parent_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
manifest(struct str text, struct arena *a)
{
	struct oci_manifest m, again;
	struct err e = { 0 };
	AUTO_BUF out = { 0 };
	if (oci_manifest_read(text, "fuzz", a, &m, &e) < 0)
		return;
	oci_manifest_write(&m, &out);
	if (oci_manifest_read(buf_str(&out), "fuzz", a, &again, &e) < 0 || again.nlayers != m.nlayers || !digest_eq(&again.config, &m.config))
		abort();
}

static void
config(struct str text, struct arena *a)
{
	struct oci_manifest none = { 0 };
	AUTO_JS doc = NULL;
	AUTO_BUF out = { 0 };
	struct pyroot py;
	const struct str env[] = { STR("A=b"), STR("PATH=/bin") };
	if (oci_config_read(text, "fuzz", &none, &doc, NULL) < 0)
		return;
	(void)pyroot_of_config(doc, a, &py);
	const struct oci_settings s = { .platform = STR("linux/arm/v7"), .env = env, .nenv = 2, .labels = env, .nlabels = 1, .workdir = STR("/w") };
	const struct oci_added added = { .diff_id = digest_of(text), .created_by = STR("fuzz") };
	oci_config_write(doc, &s, &added, 1, &out);
	AUTO_JS again = NULL;
	if (js_parse(buf_str(&out), "again", &again, NULL) < 0 || js_len(js_get(js_get(again, "rootfs"), "diff_ids")) != 1)
		abort();
}

static void
pin(struct str text, struct arena *a)
{
	AUTO_JS v = NULL;
	struct parent_info i, again;
	if (js_parse(text, "fuzz", &v, NULL) < 0 || parent_read(v, a, &i, NULL) < 0)
		return;
	AUTO_JS out = parent_js(&i);
	if (parent_read(out, a, &again, NULL) < 0 || again.nlayers != i.nlayers || !str_eq(again.python, i.python))
		abort();
}

static void
packages(struct str text, bool apk, struct arena *a)
{
	struct package *v;
	const size_t n = packages_parse(text, apk, a, &v);
	for (size_t i = 0; i < n; i++) {
		if (!packages_word(v[i].name) || !packages_word(v[i].version))
			abort();
	}
}

/* What is taken for an image of somebody else's fits to the digests of its manifest. */
static void
shared(struct str text, struct arena *a)
{
	AUTO_BUF bytes = { 0 };
	struct str config_text;
	struct image_layers layers;
	struct oci_manifest m;
	if (!image_reuse_read(text, a, &bytes, &config_text, &layers))
		return;
	const struct digest d = digest_of(config_text);
	if (oci_manifest_read(buf_str(&bytes), "fuzz", a, &m, NULL) < 0 || !digest_eq(&d, &m.config) || m.nlayers != layers.n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct oci_descriptor d;
	struct registry_ref ref;
	if (size == 0)
		return 0;
	const struct str text = { (const char *)data + 1, size - 1 };
	switch (data[0] % 9) {
	case 0:
		manifest(text, &a);
		break;
	case 1:
		config(text, &a);
		break;
	case 2:
		pin(text, &a);
		break;
	case 3:
		(void)oci_index_pick(text, "fuzz", STR("linux/amd64"), &a, &d, NULL);
		break;
	case 4:
		(void)oci_layout_pick(text, "fuzz", STR("v1"), &a, &d, NULL);
		(void)oci_layout_pick(text, "fuzz", STR(""), &a, &d, NULL);
		break;
	case 5:
		(void)registry_ref_parse(text, &a, &ref, NULL);
		break;
	case 6:
	case 7:
		packages(text, data[0] % 9 == 6, &a);
		break;
	default:
		shared(text, &a);
		break;
	}
	arena_done(&a);
	return 0;
}
