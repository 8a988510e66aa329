/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "backends/packages.h"
#include "hashing/key.h"
#include "rules/apt.h"

#define DEBS_MAX 20000

struct str
apt_question_name(const struct apt_data *d, const struct packages *parent, struct arena *a)
{
	struct key k;
	char hex[DIGEST_HEX + 1];
	key_init(&k, a, 1, "apt-question");
	for (size_t i = 0; i < d->question.npackages; i++)
		key_text(&k, "package", d->question.packages[i], STR("1"));
	for (size_t i = 0; i < d->env->apt_sources.n; i++)
		key_text(&k, "source", arena_printf(a, "%04zu", i), d->env->apt_sources.v[i]);
	for (size_t i = 0; i < d->question.nkeys; i++) {
		const struct digest content = digest_of(d->question.keys[i].bytes);
		key_digest(&k, "key", arena_printf(a, "%04zu", i), &content);
	}
	AUTO_BUF state = { 0 };
	for (size_t i = 0; i < parent->n; i++) {
		buf_text(&state, parent->v[i].name);
		buf_text(&state, parent->v[i].version);
		buf_text(&state, parent->v[i].arch);
	}
	const struct digest have = digest_of(buf_str(&state));
	key_digest(&k, "parent", STR("packages"), &have);
	key_text(&k, "parent", STR("platform"), environment_platform(d->env));
	const struct digest all = key_done(&k);
	digest_hex(&all, hex);
	return arena_str(a, str_z(hex));
}

struct js *
apt_entry(const struct apt_data *d, const struct apt_pins *pins)
{
	struct js *entry = js_map(), *packages = js_list(), *debs = js_list();
	for (size_t i = 0; i < d->question.npackages; i++)
		js_push(packages, js_text(d->question.packages[i]));
	for (size_t i = 0; i < pins->n; i++) {
		const struct apt_deb *x = &pins->v[i];
		struct js *v = js_map();
		char hex[DIGEST_HEX + 1];
		digest_hex(&x->sha256, hex);
		js_set(v, "name", js_text(x->name));
		js_set(v, "version", js_text(x->version));
		js_set(v, "arch", js_text(x->arch));
		js_set(v, "sha256", js_textz(hex));
		js_set(v, "size", js_int((int64_t)x->size));
		js_push(debs, v);
	}
	js_set(entry, "packages", packages);
	js_set(entry, "platform", js_text(environment_platform(d->env)));
	js_set(entry, "debs", debs);
	return entry;
}

static int
by_name(const void *a, const void *b)
{
	const struct apt_deb *x = a, *y = b;
	const int c = str_cmp(x->name, y->name);
	return c ? c : str_cmp(x->arch, y->arch);
}

void
apt_pins_settle(struct apt_pins *pins)
{
	AUTO_BUF b = { 0 };
	if (pins->n > 1)
		qsort(pins->v, pins->n, sizeof pins->v[0], by_name);
	for (size_t i = 0; i < pins->n; i++) {
		buf_text(&b, pins->v[i].name);
		buf_text(&b, pins->v[i].arch);
		buf_text(&b, pins->v[i].version);
		buf_put(&b, (struct str){ (const char *)pins->v[i].sha256.b, sizeof pins->v[i].sha256.b });
	}
	pins->digest = digest_of(buf_str(&b));
}

int
apt_pins_read(const struct js *entry, struct arena *a, struct apt_pins *out, struct err *e)
{
	const struct js *list = js_get(entry, "debs");
	struct apt_pins p = { .n = js_len(list) };
	if (js_type(list) != JS_LIST || p.n > DEBS_MAX)
		return err_set(e, ERR_DAMAGED, "expected a list of packages");
	p.v = arena_array(a, struct apt_deb, p.n + 1);
	for (size_t i = 0; i < p.n; i++) {
		const struct js *v = js_at(list, i);
		struct apt_deb *d = &p.v[i];
		*d = (struct apt_deb){ .name = arena_str(a, js_str(js_get(v, "name"))), .version = arena_str(a, js_str(js_get(v, "version"))),
				       .arch = arena_str(a, js_str(js_get(v, "arch"))) };
		if (!packages_word(d->name) || !packages_word(d->version) || !packages_word(d->arch) ||
		    !digest_parse(js_str(js_get(v, "sha256")), true, &d->sha256) || js_num(js_get(v, "size")) < 0)
			return err_set(e, ERR_DAMAGED, "package '" STR_FMT "' lacks a name, version, architecture or sha256",
				       STR_ARG(str_take(d->name, 100)));
		d->size = (uint64_t)js_num(js_get(v, "size"));
	}
	apt_pins_settle(&p);
	for (size_t i = 1; i < p.n; i++)
		if (by_name(&p.v[i - 1], &p.v[i]) == 0)
			return err_set(e, ERR_DAMAGED, "package '" STR_FMT "' is there twice", STR_ARG(p.v[i].name));
	*out = p;
	return 0;
}

int
apt_pin(struct apt_data *d, struct str name, struct js *entry, struct err *e)
{
	lock_use(&d->project->lock, "apt", name);
	return lock_set(&d->project->lock, "apt", name, entry, e);
}
