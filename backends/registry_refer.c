/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that refer to an image (OCI distribution 1.1). A registry that knows of them says so with OCI-Subject; for one that does not, an index under the
 * tag sha256-HEX of the image lists them, which we keep. Two clients that write such an index at once: the later wins.
 */
#include <string.h>

#include "backends/registry_inside.h"

#define EMPTY "{}"
#define EMPTY_MEDIA "application/vnd.oci.empty.v1+json"
#define LISTED_MAX 1000

static struct js *
descriptor(const char *media, const struct digest *d, uint64_t size)
{
	struct js *v = js_map();
	char text[DIGEST_TEXT + 1];
	digest_text(d, text);
	js_set(v, "mediaType", js_textz(media));
	js_set(v, "digest", js_textz(text));
	js_set(v, "size", js_int((int64_t)size));
	return v;
}

static struct js *
annotations(const struct registry_referrer *d)
{
	struct js *v = js_map();
	js_set(v, "org.opencontainers.image.created", js_textz("2000-01-01T00:00:00Z"));
	if (d->predicate)
		js_set(v, "in-toto.io/predicate-type", js_textz(d->predicate));
	return v;
}

void
registry_referrer_write(const struct registry_referrer *d, struct buf *out)
{
	AUTO_JS doc = js_map();
	struct js *layers = js_list();
	const struct digest empty = digest_of(STR(EMPTY));
	js_push(layers, descriptor(d->media, &d->blob, d->size));
	js_set(doc, "schemaVersion", js_int(2));
	js_set(doc, "mediaType", js_textz(OCI_MANIFEST));
	js_set(doc, "artifactType", js_textz(d->media));
	js_set(doc, "config", descriptor(EMPTY_MEDIA, &empty, sizeof EMPTY - 1));
	js_set(doc, "layers", layers);
	js_set(doc, "subject", descriptor(OCI_MANIFEST, &d->subject, d->subject_size));
	js_set(doc, "annotations", annotations(d));
	js_write(doc, out);
}

/* ---- the index of a registry that has no list of its own ---- */

static bool
listed(const struct js *manifests, const struct digest *d)
{
	for (size_t i = 0; i < js_len(manifests); i++) {
		struct digest have;
		if (digest_parse(js_str(js_get(js_at(manifests, i), "digest")), false, &have) && digest_eq(&have, d))
			return true;
	}
	return false;
}

int
registry_put(struct registry *r, const struct registry_ref *tag, const char *media, struct str text, struct err *e)
{
	struct arena a = { 0 };
	const struct http_header type[] = { { STR("Content-Type"), str_z(media) } };
	struct http_answer answer;
	const struct registry_request q = { .ref = tag, .method = "PUT", .actions = "pull,push", .headers = type, .nheaders = 1, .body = text,
					    .path = arena_printf(&a, "/v2/" STR_FMT "/manifests/" STR_FMT, STR_ARG(tag->repository), STR_ARG(tag->tag)) };
	int bad = registry_ask(r, &q, &a, &answer, e);
	if (bad == 0 && answer.status != 201 && answer.status != 200 && answer.status != 202)
		bad = registry_refused(tag, "put an index to", &answer, e);
	arena_done(&a);
	return bad;
}

/* A document whose manifest has arrived. */
struct arrived {
	const struct registry_referrer *document;
	struct digest manifest;
	uint64_t size;
};

static int
get_list(struct registry *r, const struct registry_ref *tag, struct js **out, struct err *e)
{
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	struct err why = { 0 };
	struct digest now;
	if (registry_get(r, tag, &text, &now, &why) < 0) {
		if (why.code != ERR_MISSING) {
			if (e)
				*e = why;
			return -1;
		}
		doc = js_map();
		js_set(doc, "schemaVersion", js_int(2));
		js_set(doc, "mediaType", js_textz(OCI_INDEX));
		js_set(doc, "manifests", js_list());
	} else if (js_parse(buf_str(&text), "the list of documents", &doc, NULL) < 0 || js_type(js_get(doc, "manifests")) != JS_LIST) {
		return err_set(e, ERR_WORLD, "'" STR_FMT "' in " STR_FMT "/" STR_FMT " is no list of documents: remove that tag", STR_ARG(tag->tag),
			       STR_ARG(tag->host), STR_ARG(tag->repository));
	}
	*out = doc;
	doc = NULL;
	return 0;
}

static int
list_them(struct registry *r, const struct registry_ref *to, const struct arrived *v, size_t n, struct arena *a, struct err *e)
{
	char hex[DIGEST_HEX + 1];
	AUTO_BUF text = { 0 };
	AUTO_JS doc = NULL;
	digest_hex(&v[0].document->subject, hex);
	const struct registry_ref tag = { .host = to->host, .repository = to->repository, .tag = arena_printf(a, "sha256-%s", hex) };
	if (get_list(r, &tag, &doc, e) < 0)
		return -1;
	struct js *manifests = js_get(doc, "manifests");
	bool changed = false;
	for (size_t i = 0; i < n; i++) {
		if (listed(manifests, &v[i].manifest) || js_len(manifests) >= LISTED_MAX)
			continue;
		struct js *one = descriptor(OCI_MANIFEST, &v[i].manifest, v[i].size);
		js_set(one, "artifactType", js_textz(v[i].document->media));
		js_set(one, "annotations", annotations(v[i].document));
		js_push(manifests, one);
		changed = true;
	}
	if (!changed)
		return 0;
	js_write(doc, &text);
	return registry_put(r, &tag, OCI_INDEX, buf_str(&text), e);
}

/* ---- */

static int
nothing_to_have(void *ctx, const struct registry_item *i, struct err *e)
{
	(void)ctx;
	(void)i;
	return err_set(e, ERR_MISSING, "a document about an image is no longer in the cache; build the image again");
}

static int
push_document(struct registry *r, const struct registry_ref *to, const struct registry_referrer *d, struct str manifest, struct blobs *b,
	      struct batch *seen, bool *subject, struct err *e)
{
	struct digest empty;
	struct registry_pushed done;
	if (blobs_put(b, STR(EMPTY), &empty, e) < 0)
		return -1;
	const struct registry_item items[] = { { .digest = empty, .size = sizeof EMPTY - 1 }, { .digest = d->blob, .size = d->size } };
	const struct registry_push p = { .to = to, .items = items, .nitems = 2, .manifest = manifest, .blobs = b, .have = nothing_to_have, .seen = seen };
	if (registry_push(r, &p, &done, e) < 0)
		return err_wrap(e, "the document '%s'", d->media);
	*subject = done.subject;
	return 0;
}

int
registry_refer(struct registry *r, const struct registry_ref *to, const struct registry_referrer *d, size_t n, bool doubt, struct blobs *b,
	       struct batch *seen, struct err *e)
{
	struct arena a = { 0 };
	struct arrived *v = arena_array(&a, struct arrived, n + 1);
	const struct registry_ref by_digest = { .host = to->host, .repository = to->repository };
	size_t narrived = 0;
	bool subject = true;
	int bad = 0;
	for (size_t i = 0; i < n && bad == 0; i++) {
		AUTO_BUF text = { 0 };
		registry_referrer_write(&d[i], &text);
		const struct arrived one = { &d[i], digest_of(buf_str(&text)), text.n };
		bool understood = false;
		if (!doubt && registry_seen(r, &by_digest, &one.manifest))
			continue;
		bad = push_document(r, &by_digest, &d[i], buf_str(&text), b, seen, &understood, e);
		subject = subject && understood;
		v[narrived++] = one;
	}
	if (bad == 0 && narrived > 0 && !subject)
		bad = list_them(r, to, v, narrived, &a, e);
	for (size_t i = 0; i < narrived && bad == 0 && seen; i++)
		registry_note(&by_digest, &v[i].manifest, seen);
	arena_done(&a);
	return bad;
}
