/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters: the file's defaults, then the files of --params in order, then -p in order; the last one
 * counts.
 */
#include <stdlib.h>

#include "rules/lower.h"
#include "rules/schema.h"
#include "rules/userfile.h"
#include "sys/file.h"

static void
set_text(struct lower *l, struct ir_param *p, struct str text)
{
	p->is_text = true;
	p->text = arena_str(l->a, text);
	p->value = js_keep(l->a, js_text(text));
}

static void
set_node(struct lower *l, struct ir_param *p, const struct yaml_node *n)
{
	AUTO_BUF b = { 0 };

	if (n->kind == YAML_TEXT) {
		set_text(l, p, n->text);
		return;
	}
	p->is_text = false;
	p->value = lower_js(l, n);
	js_write(p->value, &b);
	p->text = arena_str(l->a, buf_str(&b));
}

/* A parameter whose default is a text stays one, however the new value looks. */
static void
replace(struct lower *l, struct ir_param *p, bool was_text, const struct yaml_node *n)
{
	if (was_text && yaml_scalar(n))
		set_text(l, p, n->text);
	else
		set_node(l, p, n);
}

static struct str
near(struct lower *l, struct str name)
{
	struct str names[200];
	size_t n = 0;

	for (; n < l->ir->nparams && n < 200; n++)
		names[n] = l->ir->params[n].name;
	return schema_suggest(name, names, n, l->a);
}

static void
params_file(struct lower *l, struct str path, const bool *was_text)
{
	AUTO_BUF b = { 0 };
	struct yaml_node *root;
	struct err e;
	const struct place at = { .file = path };

	if (file_read(l->o->root, arena_z(l->a, path), YAML_MAX_BYTES, &b, &e) < 0) {
		const char *obstacle = userfile_obstacle(l->o->root, arena_z(l->a, path), &e);
		LOWER_ERROR(l, at, "missing-file", STR(""), "the file of parameters cannot be read: %s%s",
			    obstacle ? "it " : "", obstacle ? obstacle : e.text);
		return;
	}
	const struct str text = arena_str(l->a, buf_str(&b));

	diags_source(l->d, path, text);
	if (yaml_read(path, text, l->a, l->d, &root) < 0 || root->kind == YAML_NULL)
		return;
	if (root->kind != YAML_MAP) {
		LOWER_ERROR(l, yaml_at(root), "wrong-type", STR(""),
			    "a file of parameters is a map of names to values, not %s", yaml_kind_name(root));
		return;
	}
	for (uint32_t i = 0; i < root->n; i++) {
		const struct yaml_entry *entry = &root->entries[i];
		const uint32_t k = map_get(&l->params.by_name, entry->key);

		if (k == MAP_NONE)
			LOWER_ERROR(l, yaml_key_at(entry), "unknown-param", near(l, entry->key),
				    "the pipeline has no parameter '" STR_FMT "'", STR_ARG(entry->key));
		else
			replace(l, &l->ir->params[k], was_text[k], entry->value);
	}
}

/* A message of the YAML parser about a value that is a line of its own: without "this is not YAML: " and the line's number. */
static struct str
plain(struct str message)
{
	const struct str front = STR("this is not YAML: ");
	const size_t at = str_find(message, STR(", while "));

	if (str_starts(message, front))
		message = str_drop(message, front.n);
	return at == SIZE_MAX || at < front.n ? message : str_take(message, at - front.n);
}

static void
params_option(struct lower *l, const struct ir_pair *p, const bool *was_text)
{
	const uint32_t k = map_get(&l->params.by_name, p->name);
	struct yaml_node *n;

	if (k == MAP_NONE) {
		LOWER_ERROR(l, (struct place){ 0 }, "unknown-param", near(l, p->name),
			    "-p " STR_FMT "=" STR_FMT ": the pipeline has no parameter '" STR_FMT "'",
			    STR_ARG(p->name), STR_ARG(str_take(p->value, 100)), STR_ARG(p->name));
		return;
	}
	if (was_text[k]) {
		if (!str_utf8(p->value))
			LOWER_ERROR(l, (struct place){ 0 }, "encoding", STR(""),
				    "-p " STR_FMT ": the value is not UTF-8", STR_ARG(p->name));
		set_text(l, &l->ir->params[k], p->value);
		return;
	}
	struct diags why = { 0 };

	if (yaml_read((struct str){ 0 }, arena_str(l->a, p->value), l->a, &why, &n) == 0)
		set_node(l, &l->ir->params[k], n);
	if (why.nerrors)
		LOWER_ERROR(l, (struct place){ 0 }, "syntax", arena_printf(l->a, "a text with such characters stands in quotes: -p '" STR_FMT "=\"...\"'", STR_ARG(p->name)),
			    "-p " STR_FMT "=" STR_FMT ": the value is not YAML: " STR_FMT, STR_ARG(p->name),
			    STR_ARG(str_take(p->value, 100)), STR_ARG(plain(why.v[0].message)));
	diags_done(&why);
}

void
lower_params(struct lower *l)
{
	struct ir *ir = l->ir;

	ir->nparams = l->params.n;
	ir->params = arena_array(l->a, struct ir_param, ir->nparams);
	bool *was_text = arena_array(l->a, bool, ir->nparams);

	for (size_t i = 0; i < ir->nparams; i++) {
		ir->params[i].name = l->params.v[i].name;
		set_node(l, &ir->params[i], l->params.v[i].entry->value);
		was_text[i] = ir->params[i].is_text;
	}
	for (size_t i = 0; i < l->o->nparams_files; i++)
		params_file(l, l->o->params_files[i], was_text);
	for (size_t i = 0; i < l->o->nparams; i++)
		params_option(l, &l->o->params[i], was_text);
}
