/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/image_attest.h"

#include <string.h>

#define EPOCH "2000-01-01T00:00:00Z" /* of everything that we make */

static struct js *
hex_js(const struct digest *d)
{
	char hex[DIGEST_HEX + 1];
	digest_hex(d, hex);
	return js_textz(hex);
}

static struct js *
sha_js(const struct digest *d)
{
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	return js_textz(text);
}

/* ---- package URLs ---- */

static void
put_part(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
		if (plain)
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static struct js *
wheel_url(const struct wheel_pin *w)
{
	AUTO_BUF b = { 0 };
	buf_puts(&b, "pkg:pypi/");
	put_part(&b, w->name);
	buf_putc(&b, '@');
	put_part(&b, w->version);
	return js_text(buf_str(&b));
}

static struct js *
package_url(const struct packages *all, const struct package *p)
{
	AUTO_BUF b = { 0 };
	buf_printf(&b, "pkg:%s/", all->manager ? all->manager : "generic");
	if (all->distribution.n > 0) {
		put_part(&b, all->distribution);
		buf_putc(&b, '/');
	}
	put_part(&b, p->name);
	buf_putc(&b, '@');
	put_part(&b, p->version);
	if (p->arch.n > 0) {
		buf_puts(&b, "?arch=");
		put_part(&b, p->arch);
	}
	if (all->distribution.n > 0 && all->release.n > 0) {
		buf_puts(&b, p->arch.n > 0 ? "&distro=" : "?distro=");
		put_part(&b, all->distribution);
		buf_putc(&b, '-');
		put_part(&b, all->release);
	}
	return js_text(buf_str(&b));
}

/* ---- SPDX ---- */

static struct js *
spdx_package(const char *id, struct str name, struct js *version)
{
	struct js *v = js_map();
	js_set(v, "SPDXID", js_textz(id));
	js_set(v, "name", js_text(name));
	js_set(v, "versionInfo", version);
	js_set(v, "downloadLocation", js_textz("NOASSERTION"));
	js_set(v, "filesAnalyzed", js_bool(false));
	js_set(v, "licenseConcluded", js_textz("NOASSERTION"));
	js_set(v, "licenseDeclared", js_textz("NOASSERTION"));
	js_set(v, "copyrightText", js_textz("NOASSERTION"));
	return v;
}

static void
add_checksum(struct js *package, const struct digest *d)
{
	struct js *list = js_list(), *one = js_map();
	js_set(one, "algorithm", js_textz("SHA256"));
	js_set(one, "checksumValue", hex_js(d));
	js_push(list, one);
	js_set(package, "checksums", list);
}

static void
add_url(struct js *package, struct js *url)
{
	struct js *list = js_list(), *one = js_map();
	js_set(one, "referenceCategory", js_textz("PACKAGE-MANAGER"));
	js_set(one, "referenceType", js_textz("purl"));
	js_set(one, "referenceLocator", url);
	js_push(list, one);
	js_set(package, "externalRefs", list);
}

static void
relate(struct js *list, const char *from, const char *how, const char *to)
{
	struct js *v = js_map();
	js_set(v, "spdxElementId", js_textz(from));
	js_set(v, "relationshipType", js_textz(how));
	js_set(v, "relatedSpdxElement", js_textz(to));
	js_push(list, v);
}

static void
spdx_parent(const struct attest *x, struct js *packages, struct js *relations, struct arena *a)
{
	const struct packages *all = &x->parent->packages;
	struct js *parent = spdx_package("SPDXRef-parent", x->parent->name, sha_js(&x->parent->digest));
	js_set(parent, "primaryPackagePurpose", js_textz("CONTAINER"));
	if (!x->parent->packaged)
		js_set(parent, "comment", js_textz("What is installed in it was not read."));
	js_push(packages, parent);
	relate(relations, "SPDXRef-image", "DESCENDANT_OF", "SPDXRef-parent");
	for (size_t i = 0; i < all->n; i++) {
		const char *id = arena_printf(a, "SPDXRef-package-%zu", i + 1).p;
		struct js *v = spdx_package(id, all->v[i].name, js_text(all->v[i].version));
		add_url(v, package_url(all, &all->v[i]));
		js_push(packages, v);
		relate(relations, "SPDXRef-parent", "CONTAINS", id);
	}
}

static void
spdx_wheels(const struct attest *x, struct js *packages, struct js *relations, struct arena *a)
{
	for (size_t i = 0; i < x->wheels->n; i++) {
		const struct wheel_pin *w = &x->wheels->v[i];
		const char *id = arena_printf(a, "SPDXRef-wheel-%zu", i + 1).p;
		struct js *v = spdx_package(id, w->name, js_text(w->version));
		js_set(v, "packageFileName", js_text(w->file));
		add_checksum(v, &w->sha256);
		add_url(v, wheel_url(w));
		js_push(packages, v);
		relate(relations, "SPDXRef-image", "CONTAINS", id);
	}
}

void
attest_sbom(const struct attest *x, struct buf *out)
{
	struct arena a = { 0 };
	AUTO_JS doc = js_map();
	struct js *creation = js_map(), *creators = js_list(), *packages = js_list(), *relations = js_list();
	js_push(creators, js_textz("Tool: pawl"));
	js_set(creation, "created", js_textz(EPOCH));
	js_set(creation, "creators", creators);
	js_set(doc, "spdxVersion", js_textz("SPDX-2.3"));
	js_set(doc, "dataLicense", js_textz("CC0-1.0"));
	js_set(doc, "SPDXID", js_textz("SPDXRef-DOCUMENT"));
	js_set(doc, "name", js_text(x->name));
	js_set(doc, "documentNamespace", js_text(arena_printf(&a, "urn:pawl:sbom:" STR_FMT, STR_ARG(digest_str(&x->manifest, &a)))));
	js_set(doc, "creationInfo", creation);
	struct js *image = spdx_package("SPDXRef-image", x->name, sha_js(&x->manifest));
	js_set(image, "primaryPackagePurpose", js_textz("CONTAINER"));
	add_checksum(image, &x->manifest);
	js_push(packages, image);
	relate(relations, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image");
	if (x->parent->kind != PARENT_SCRATCH)
		spdx_parent(x, packages, relations, &a);
	spdx_wheels(x, packages, relations, &a);
	js_set(doc, "packages", packages);
	js_set(doc, "relationships", relations);
	js_write(doc, out);
	arena_done(&a);
}

/* ---- in-toto ---- */

static struct js *
dependency(struct js *uri, struct str name, const struct digest *d)
{
	struct js *v = js_map(), *digests = js_map();
	js_set(digests, "sha256", hex_js(d));
	js_set(v, "digest", digests);
	js_set(v, "name", js_text(name));
	if (uri)
		js_set(v, "uri", uri);
	return v;
}

static struct js *
dependencies(const struct attest *x)
{
	struct js *list = js_list();
	if (x->parent->kind != PARENT_SCRATCH)
		js_push(list, dependency(NULL, x->parent->name, &x->parent->digest));
	for (size_t i = 0; i < x->wheels->n; i++)
		js_push(list, dependency(wheel_url(&x->wheels->v[i]), x->wheels->v[i].file, &x->wheels->v[i].sha256));
	return list;
}

/* What entered the key, by hash: values may be long, and the config has those that may be seen. */
static struct js *
key_fields(const struct attest *x, struct arena *a)
{
	struct js *map = js_map();
	for (size_t i = 0; i < x->key->n; i++) {
		const struct key_field *f = &x->key->v[i];
		const struct str name = f->name.n > 0 ? arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(f->tag), STR_ARG(f->name)) : f->tag;
		js_set_str(map, name, sha_js(&f->hash));
	}
	return map;
}

void
attest_provenance(const struct attest *x, struct buf *out)
{
	struct arena a = { 0 };
	AUTO_JS doc = js_map();
	struct js *subjects = js_list(), *predicate = js_map(), *build = js_map(), *external = js_map(), *internal = js_map(), *run = js_map(),
		  *builder = js_map();
	js_push(subjects, dependency(NULL, x->name, &x->manifest));
	js_set(external, "pipeline", js_text(x->pipeline));
	js_set(external, "environment", js_text(x->environment));
	js_set(external, "platform", js_text(x->parent->platform));
	js_set(internal, "key", sha_js(&x->key_digest));
	js_set(internal, "fields", key_fields(x, &a));
	js_set(build, "buildType", js_textz("urn:pawl:image:1"));
	js_set(build, "externalParameters", external);
	js_set(build, "internalParameters", internal);
	js_set(build, "resolvedDependencies", dependencies(x));
	js_set(builder, "id", js_text(arena_printf(&a, "urn:pawl:builder:" STR_FMT, STR_ARG(x->builder))));
	js_set(run, "builder", builder);
	js_set(predicate, "buildDefinition", build);
	js_set(predicate, "runDetails", run);
	js_set(doc, "_type", js_textz("https://in-toto.io/Statement/v1"));
	js_set(doc, "subject", subjects);
	js_set(doc, "predicateType", js_textz(ATTEST_SLSA));
	js_set(doc, "predicate", predicate);
	js_write(doc, out);
	arena_done(&a);
}
