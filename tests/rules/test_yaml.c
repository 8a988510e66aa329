/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/yaml.h"
#include "tests/unit.h"

struct doc {
	struct arena arena;
	struct diags diags;
	struct yaml_node *root;
	int rc;
};

static void
doc_done(struct doc *d)
{
	diags_done(&d->diags);
	arena_done(&d->arena);
}
#define AUTO_DOC __attribute__((cleanup(doc_done))) struct doc

static struct doc
parse(struct str text)
{
	struct doc d = { 0 };

	d.rc = yaml_read(STR("f.yaml"), text, &d.arena, &d.diags, &d.root);
	return d;
}

static void
scalars_are_typed_by_the_core_schema(void **state)
{
	static const struct {
		const char *text;
		enum yaml_kind kind;
		const char *json;
	} rows[] = {
		{ "~", YAML_NULL, "null" },
		{ "null", YAML_NULL, "null" },
		{ "NULL", YAML_NULL, "null" },
		{ "nUll", YAML_TEXT, "\"nUll\"" },
		{ "true", YAML_BOOL, "true" },
		{ "False", YAML_BOOL, "false" },
		{ "yes", YAML_TEXT, "\"yes\"" },
		{ "no", YAML_TEXT, "\"no\"" },
		{ "on", YAML_TEXT, "\"on\"" },
		{ "off", YAML_TEXT, "\"off\"" },
		{ "y", YAML_TEXT, "\"y\"" },
		{ "0", YAML_INT, "0" },
		{ "-7", YAML_INT, "-7" },
		{ "+7", YAML_INT, "7" },
		{ "007", YAML_INT, "7" },
		{ "0x1F", YAML_INT, "31" },
		{ "0o17", YAML_INT, "15" },
		{ "0o18", YAML_TEXT, "\"0o18\"" },
		{ "1_000", YAML_TEXT, "\"1_000\"" },
		{ "12:30:45", YAML_TEXT, "\"12:30:45\"" },
		{ "1.5", YAML_REAL, "1.5" },
		{ ".5", YAML_REAL, "0.5" },
		{ "5.", YAML_REAL, "5" },
		{ "1e3", YAML_REAL, "1000" },
		{ "1e-3", YAML_REAL, "0.001" },
		{ "3.10", YAML_REAL, "3.1" },
		{ ".", YAML_TEXT, "\".\"" },
		{ "1.2.3", YAML_TEXT, "\"1.2.3\"" },
		{ "-", YAML_LIST, "[null]" },
		{ "1e", YAML_TEXT, "\"1e\"" },
		{ ".inf", YAML_TEXT, "\".inf\"" },
		{ "9223372036854775807", YAML_INT, "9223372036854775807" },
		{ "\"5\"", YAML_TEXT, "\"5\"" },
		{ "'true'", YAML_TEXT, "\"true\"" },
		{ "!!str 5", YAML_TEXT, "\"5\"" },
		{ "!!int 5", YAML_INT, "5" },
		{ "! 5", YAML_TEXT, "\"5\"" },
		{ "2024-01-01", YAML_TEXT, "\"2024-01-01\"" },
		{ "|\n  a\n  b\n", YAML_TEXT, "\"a\\nb\\n\"" },
		{ ">\n  a\n  b\n", YAML_TEXT, "\"a b\\n\"" },
		{ "\"\\u00e4\\x41\"", YAML_TEXT,
		  "\"\xc3\xa4"
		  "A\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_DOC d = parse(str_z(rows[i].text));
		AUTO_BUF b = { 0 };

		ROW(i, rows[i].text);
		assert_int_equal(d.rc, 0);
		assert_int_equal(d.diags.n, 0);
		AUTO_JS js = yaml_js(d.root);

		js_write(js, &b);
		assert_str(buf_str(&b), rows[i].json);
		assert_int_equal(d.root->kind, rows[i].kind);
	}
}

static void
every_key_and_value_has_its_place(void **state)
{
	static const char text[] = "\xef\xbb\xbf# \xc3\xa4\xc3\xb6\xc3\xbc\n"
				   "k\xc3\xa4se: \xe2\x82\xac \xf0\x9f\x99\x82 x\n"
				   "list:\n"
				   "  - a\n"
				   "  - {b: [1, 22]}\n"
				   "empty:\n"
				   "last: |\n"
				   "  text\n";
	static const struct {
		const char *key;
		uint32_t key_line, key_column, key_length, line, column, length;
	} rows[] = {
		{ "k\xc3\xa4se", 2, 1, 4, 2, 7, 5 },
		{ "list", 3, 1, 4, 4, 3, 0 },
		{ "empty", 6, 1, 5, 6, 7, 0 },
		{ "last", 7, 1, 4, 7, 7, 1 },
	};
	AUTO_DOC d = parse(str_z(text));

	(void)state;
	assert_int_equal(d.rc, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct yaml_entry *e = yaml_entry(d.root, rows[i].key);
		const struct place k = yaml_key_at(e), v = yaml_at(e->value);

		ROW(i, rows[i].key);
		assert_str(k.file, "f.yaml");
		assert_int_equal(k.line, rows[i].key_line);
		assert_int_equal(k.column, rows[i].key_column);
		assert_int_equal(k.length, rows[i].key_length);
		assert_int_equal(v.line, rows[i].line);
		assert_int_equal(v.column, rows[i].column);
		if (rows[i].length)
			assert_int_equal(v.length, rows[i].length);
	}
	const struct yaml_node *map = yaml_get(d.root, "list")->items[1];
	const struct yaml_node *b = yaml_get(map, "b");

	assert_int_equal(map->mark.column, 5);
	assert_int_equal(map->mark.length, 12);
	assert_int_equal(b->mark.column, 9);
	assert_int_equal(b->items[1]->mark.column, 13);
	assert_int_equal(b->items[1]->mark.length, 2);
}

static void
values_are_what_they_say(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "", "null" },
		{ "# only a comment", "null" },
		{ "%YAML 1.2\n---\na: b\n...\n", "{\"a\":\"b\"}" },
		{ "{a: {b: [c, {d: e}], f: }}", "{\"a\":{\"b\":[\"c\",{\"d\":\"e\"}],\"f\":null}}" },
		{ "1: one\ntrue: two\n", "{\"1\":\"one\",\"true\":\"two\"}" },
		{ "a: &x {p: 1}\nb: *x\n", "{\"a\":{\"p\":1},\"b\":{\"p\":1}}" },
		{ "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}" },
		{ "&k key: v\nother: *k\n", "{\"key\":\"v\",\"other\":\"key\"}" },
		/* merge keys: own keys win, then the earlier */
		{ "a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\n",
		  "{\"a\":{\"x\":1,\"y\":1},\"b\":{\"x\":2,\"y\":1}}" },
		{ "a: &a {x: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b]}\n",
		  "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"z\":2},\"c\":{\"x\":1,\"z\":2}}" },
		{ "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
		  "{\"a\":{\"x\":1},\"b\":{\"x\":1,\"y\":2},\"c\":{\"x\":1,\"y\":2,\"z\":3}}" },
		{ "c: {<<: {x: 1}}\n", "{\"c\":{\"x\":1}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_DOC d = parse(str_z(rows[i].text));
		AUTO_BUF b = { 0 };

		ROW(i, rows[i].text);
		assert_int_equal(d.rc, 0);
		assert_int_equal(d.diags.n, 0);
		AUTO_JS js = yaml_js(d.root);

		js_write(js, &b);
		assert_str(buf_str(&b), rows[i].json);
	}
}

static void
large_maps_find_what_is_there_twice(void **state)
{
	AUTO_BUF b = { 0 };

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_printf(&b, "key%d: %d\n", i, i);
	buf_puts(&b, "key77: again\n");
	AUTO_DOC d = parse(buf_str(&b));

	assert_int_equal(d.rc, 0);
	assert_int_equal(d.root->n, 50000);
	assert_int_equal(d.diags.n, 1);
	assert_str(d.diags.v[0].code, "duplicate-key");
	assert_int_equal(d.diags.v[0].at.line, 50001);
	assert_str(d.diags.v[0].message, "the key 'key77' is there twice; the first is in line 78");
}

static void
aliases_to_the_limit_are_fine(void **state)
{
	AUTO_BUF b = { 0 };

	(void)state;
	buf_puts(&b, "base: &base {a: 1, b: 2, c: [1, 2, 3]}\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "m%d: {<<: *base, own: %d}\nn%d: *base\n", i, i, i);
	AUTO_DOC d = parse(buf_str(&b));

	assert_int_equal(d.rc, 0);
	assert_int_equal(d.diags.n, 0);
	assert_int_equal(yaml_get(d.root, "m19999")->n, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_typed_by_the_core_schema),
		cmocka_unit_test(every_key_and_value_has_its_place),
		cmocka_unit_test(values_are_what_they_say),
		cmocka_unit_test(large_maps_find_what_is_there_twice),
		cmocka_unit_test(aliases_to_the_limit_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
