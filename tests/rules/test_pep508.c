/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pep508.h"

#include "base/buf.h"
#include "tests/unit.h"

static void
versions_have_a_normal_form(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: no version */
	} rows[] = {
		{ "1", "1" },			 { "1.0", "1.0" },	      { "v1.0", "1.0" },	  { " 1.0 ", "1.0" },
		{ "01.002", "1.2" },		 { "1.0alpha1", "1.0a1" },    { "1.0-alpha.1", "1.0a1" }, { "1.0_A", "1.0a0" },
		{ "1.0beta2", "1.0b2" },	 { "1.0c3", "1.0rc3" },	      { "1.0pre", "1.0rc0" },	  { "1.0-preview_4", "1.0rc4" },
		{ "1.0-1", "1.0.post1" },	 { "1.0.post", "1.0.post0" }, { "1.0rev2", "1.0.post2" }, { "1.0r3", "1.0.post3" },
		{ "1.0.dev", "1.0.dev0" },	 { "1.0DEV5", "1.0.dev5" },   { "1!2.0", "1!2.0" },	  { "0!2.0", "2.0" },
		{ "1.0+Ubuntu-1", "1.0+ubuntu.1" }, { "1.0+a_b", "1.0+a.b" },  { "1.0+01", "1.0+1" },	  { "1.0a1.post2.dev3+x", "1.0a1.post2.dev3+x" },
		{ "99999999999999999999999999", "99999999999999999999999999" },
		{ "", NULL },			 { "x", NULL },		      { "1.", NULL },		  { "1..0", NULL },
		{ "1.0+", NULL },		 { "1.0+a+b", NULL },	      { "1.0 0", NULL },	  { "1.0a1a2", NULL },
		{ "-1", NULL },			 { "1!", NULL },	      { "1.0.dev1.post1", NULL }, { "1.0+a.", NULL },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pep440 v;
		ROW(i, rows[i].in);
		bool ok = pep440_parse(str_z(rows[i].in), &a, &v);
		assert_int_equal(ok, rows[i].out != NULL);
		if (ok)
			assert_str(pep440_text(&v, &a), rows[i].out);
	}
	arena_done(&a);
}

static void
versions_are_ordered(void **state)
{
	static const char *const ascending[] = { "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456",
						 "1.0b2", "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0",
						 "1.0+abc.5", "1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456", "1.1.dev1", "1.10", "1!0.1" };
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(ascending); i++)
		for (size_t k = 0; k < COUNT(ascending); k++) {
			struct pep440 x, y;
			ROW(i * 100 + k, ascending[i]);
			assert_true(pep440_parse(str_z(ascending[i]), &a, &x) && pep440_parse(str_z(ascending[k]), &a, &y));
			int c = pep440_cmp(&x, &y);
			assert_int_equal(c < 0 ? -1 : c > 0, i < k ? -1 : i > k);
		}
	arena_done(&a);
}

static void
clauses_hold_as_pep440_says(void **state)
{
	static const struct {
		const char *spec, *version;
		bool holds;
	} rows[] = {
		{ "==1.0", "1.0.0", true },    { "==1.0", "1.0+local", true }, { "==1.0+a", "1.0", false },  { "==1.0+a", "1.0+a", true },
		{ "==1.*", "1.9", true },      { "==1.1.*", "1.1a1", true },   { "==1.1.*", "1.10", false }, { "!=1.1.*", "1.10", true },
		{ "==1.0.0.*", "1.0", true },  { "<1.0", "1.0a1", false },     { "<1.0a2", "1.0a1", true },  { "<1.0", "0.9a1", true },
		{ ">1.0", "1.0.post1", false }, { ">1.0", "1.0+x", false },    { ">1.0.post1", "1.0.post2", true }, { ">1.0", "1.0.1", true },
		{ "<=1.0", "1.0+x", true },    { ">=1.0", "1.0.dev1", false }, { "~=1.4", "1.9", true },     { "~=1.4", "2.0", false },
		{ "~=1.4.2", "1.5", false },   { "~=1.4.2", "1.4.9", true },   { "~=1.4a1", "1.4", true },   { "===1.0", "1.0", true },
		{ "===1.0", "1.0.0", false },  { "!=1.0", "1.0", false },      { "==1!1.0", "1.0", false },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pep440_spec s;
		struct pep440 v;
		ROW(i, rows[i].spec);
		assert_true(pep440_spec_parse(str_z(rows[i].spec), &a, &s) && pep440_parse(str_z(rows[i].version), &a, &v));
		assert_int_equal(pep440_spec_holds(&s, &v, &a), rows[i].holds);
	}
	arena_done(&a);
}

static void
requirements_have_a_normal_form(void **state)
{
	static const struct {
		const char *in, *out;
		size_t at; /* of the mistake when out is NULL */
	} rows[] = {
		{ "six", "six", 0 },
		{ "Six", "six", 0 },
		{ "Foo__Bar.-baz", "foo-bar-baz", 0 },
		{ "six == 1.16.0", "six==1.16.0", 0 },
		{ "six>=1,<2", "six<2,>=1", 0 },
		{ "six (>=1,<2)", "six<2,>=1", 0 },
		{ "six <2 , >= 1.0", "six<2,>=1.0", 0 },
		{ "six>=1,>=1", "six>=1", 0 },
		{ "six>=1,", "six>=1", 0 },
		{ "six==1.0RC1", "six==1.0rc1", 0 },
		{ "six==1.*", "six==1.*", 0 },
		{ "a[Z,b, B]", "a[b,z]", 0 },
		{ "a[]", "a", 0 },
		{ "a[x]>1;python_version<'3'", "a[x]>1 ; python_version < \"3\"", 0 },
		{ "a;python_version<'3' and os_name=='posix'", "a ; os_name == \"posix\" and python_version < \"3\"", 0 },
		{ "a;(python_version<'3')", "a ; python_version < \"3\"", 0 },
		{ "a;os_name=='b' or os_name=='a' and extra=='c'", "a ; extra == \"c\" and os_name == \"a\" or os_name == \"b\"", 0 },
		{ "a;(os_name=='b' or os_name=='a') and extra=='c'", "a ; (os_name == \"a\" or os_name == \"b\") and extra == \"c\"", 0 },
		{ "a;os_name=='a' and os_name=='a'", "a ; os_name == \"a\"", 0 },
		{ "a;'linux' in sys_platform", "a ; \"linux\" in sys_platform", 0 },
		{ "a;sys.platform not  in 'x'", "a ; sys_platform not in \"x\"", 0 },
		{ "a @ https://example.com/a.whl ; os_name=='a'", "a @ https://example.com/a.whl ; os_name == \"a\"", 0 },
		{ "", NULL, 0 },
		{ "-six", NULL, 0 },
		{ "six-", NULL, 0 },
		{ "six 1.0", NULL, 4 },
		{ "six==", NULL, 3 },
		{ "six==x", NULL, 3 },
		{ "six>=1.*", NULL, 3 },
		{ "six==1a1.*", NULL, 3 },
		{ "six=1", NULL, 3 },
		{ "six>=1 <2", NULL, 3 },
		{ "six[", NULL, 4 },
		{ "six[a", NULL, 5 },
		{ "six;", NULL, 4 },
		{ "six;foo=='1'", NULL, 4 },
		{ "six;os_name", NULL, 11 },
		{ "six;os_name=='a", NULL, 13 },
		{ "six;os_name=='a' x", NULL, 17 },
		{ "six;(os_name=='a'", NULL, 17 },
		{ "six;'a'=='b'", NULL, 12 },
		{ "a @", NULL, 3 },
	};
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pep508 r;
		struct err e;
		size_t at;
		ROW(i, rows[i].in);
		int rc = pep508_parse(str_z(rows[i].in), &a, &r, &at, &e);
		if (rows[i].out) {
			assert_ok(rc, &e);
			assert_str(pep508_text(&r, true, &a), rows[i].out);
			/* A normal form is its own. */
			struct str text = pep508_text(&r, true, &a);
			assert_ok(pep508_parse(text, &a, &r, &at, &e), &e);
			assert_str(pep508_text(&r, true, &a), rows[i].out);
		} else {
			assert_fails(rc, &e, ERR_INPUT);
			assert_int_equal(at, rows[i].at);
		}
	}
	arena_done(&a);
}

static void
markers_are_true_for_the_target(void **state)
{
	static const struct {
		const char *marker;
		bool value;
	} rows[] = {
		{ "python_version >= '3.9'", true },	  { "python_version >= '3.12'", false },     { "python_version < '3.9'", false },
		{ "python_version == '3.11.*'", true },	  { "'3.10' < python_version", true },	     { "python_version in '3.11 3.12'", true },
		{ "python_full_version >= '3.11.1'", false }, { "sys_platform == 'linux'", true },   { "sys_platform == 'win32'", false },
		{ "platform_machine == 'x86_64'", true }, { "os_name != 'nt'", true },		     { "extra == 'Test'", false },
		{ "python_version < '3' or os_name == 'posix'", true },
		{ "python_version < '3' or os_name == 'posix' and sys_platform == 'x'", false },
		{ "(python_version < '3' or os_name == 'posix') and sys_platform == 'linux'", true },
		{ "platform_python_implementation == 'CPython'", true },
		{ "'linux' in sys_platform", true },
	};
	const struct marker_env env = { .python_version = STR("3.11"), .python_full_version = STR("3.11.0"), .platform_machine = STR("x86_64"),
					.os_name = STR("posix"), .sys_platform = STR("linux"), .platform_system = STR("Linux"),
					.implementation_name = STR("cpython"), .platform_python_implementation = STR("CPython"),
					.implementation_version = STR("3.11.0") };
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool value;
		size_t at;
		struct err e;
		struct str norm;
		ROW(i, rows[i].marker);
		assert_ok(marker_parse(str_z(rows[i].marker), &env, &a, &norm, &value, &at, &e), &e);
		assert_int_equal(value, rows[i].value);
		assert_ok(marker_parse(norm, &env, &a, NULL, &value, &at, &e), &e);
		assert_int_equal(value, rows[i].value);
	}
	arena_done(&a);
}

static void
depth_is_limited(void **state)
{
	AUTO_BUF b = { 0 };
	struct arena a = { 0 };
	struct err e;
	size_t at;

	(void)state;
	for (int i = 0; i < 4000; i++)
		buf_putc(&b, '(');
	assert_fails(marker_parse(buf_str(&b), NULL, &a, NULL, NULL, &at, &e), &e, ERR_INPUT);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_have_a_normal_form),	   cmocka_unit_test(versions_are_ordered),
		cmocka_unit_test(clauses_hold_as_pep440_says),	   cmocka_unit_test(requirements_have_a_normal_form),
		cmocka_unit_test(markers_are_true_for_the_target), cmocka_unit_test(depth_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
