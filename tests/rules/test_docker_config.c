/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "rules/docker_config.h"

/* The config behind the instructions of a stage that stands on image; "!LINE:COLUMN" for what is refused. */
static struct str
config(const char *text, const char *image, struct arena *a)
{
	const struct docker_settings s = { .platform = STR("linux/amd64"), .build_platform = STR("linux/arm64"),
					   .args = { (struct ir_pair[]){ { STR("GIVEN"), STR("yes") } }, 1 } };
	struct docker_file f;
	struct diags d = { 0 };
	struct err e = { 0 };
	AUTO_JS doc = NULL;
	AUTO_BUF b = { 0 };

	if (image)
		assert_ok(js_parse(str_z(image), "image", &doc, &e), &e);
	assert_ok(docker_file_read(STR("Dockerfile"), str_z(text), &s, a, &d, &f, &e), &e);
	const struct docker_stage *stage = &f.stages[f.target];
	AUTO_JS state = docker_state_of_image(doc);

	for (size_t i = 0; i < stage->n; i++) {
		struct place wrong;

		if (docker_state_apply(&f, stage, stage->v[i], state, a, &wrong, &e) < 0) {
			buf_printf(&b, "!%u:%u", wrong.line, wrong.column);
			diags_done(&d);
			return arena_str(a, buf_str(&b));
		}
	}
	js_write(js_get(state, "config"), &b);
	diags_done(&d);
	return arena_str(a, buf_str(&b));
}

#define BARE "{\"config\":{}}"
#define BASE "{\"config\":{\"Env\":[\"A=1\",\"P=/bin\"],\"Cmd\":[\"sh\"],\"WorkingDir\":\"/w\",\"User\":\"u\",\"Labels\":{\"l\":\"1\"},\"OnBuild\":[\"RUN x\"]}}"

static const struct {
	const char *instructions, *image, *expected;
} rows[] = {
	{ "", NULL, "{\"Env\":[\"PATH=" DOCKER_PATH "\"],\"WorkingDir\":\"/\"}" },
	{ "", BARE, "{}" },
	{ "", BASE, "{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\",\"P=/bin\"],\"Labels\":{\"l\":\"1\"},\"User\":\"u\",\"WorkingDir\":\"/w\"}" },
	{ "RUN a\nCOPY b c\nADD d e", BARE, "{}" },
	/* ENV */
	{ "ENV a=b", BARE, "{\"Env\":[\"a=b\"]}" },
	{ "ENV a=b a=c", BARE, "{\"Env\":[\"a=c\"]}" },
	{ "ENV a=b\nENV c=$a-$a", BARE, "{\"Env\":[\"a=b\",\"c=b-b\"]}" },
	{ "ENV a=b\nENV a=c b=$a", BARE, "{\"Env\":[\"a=c\",\"b=b\"]}" },
	{ "ENV a=\"b c\" d='$a' e=f\\ g", BARE, "{\"Env\":[\"a=b c\",\"d=$a\",\"e=f g\"]}" },
	{ "ENV a b \"c\" $A", BASE,
	  "{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\",\"P=/bin\",\"a=b c 1\"],\"Labels\":{\"l\":\"1\"},\"User\":\"u\",\"WorkingDir\":\"/w\"}" },
	{ "ENV P=$P:/x", BASE, "{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\",\"P=/bin:/x\"],\"Labels\":{\"l\":\"1\"},\"User\":\"u\",\"WorkingDir\":\"/w\"}" },
	{ "ENV a=${b?missing}", BARE, "!2:7" },
	{ "ENV a=${", BARE, "!2:7" },
	{ "ENV ${x}=1", BARE, "!2:5" },
	/* ARG */
	{ "ARG x=1\nENV a=$x", BARE, "{\"Env\":[\"a=1\"]}" },
	{ "ARG GIVEN=1\nENV a=$GIVEN", BARE, "{\"Env\":[\"a=yes\"]}" },
	{ "ARG GIVEN\nENV a=$GIVEN", BARE, "{\"Env\":[\"a=yes\"]}" },
	{ "ENV a=$GIVEN", BARE, "{\"Env\":[\"a=\"]}" },
	{ "ARG x\nENV a=${x-unset}", BARE, "{\"Env\":[\"a=unset\"]}" },
	{ "ARG x=\nENV a=${x-unset}", BARE, "{\"Env\":[\"a=\"]}" },
	{ "ENV x=env\nARG x=arg\nENV a=$x", BARE, "{\"Env\":[\"x=env\",\"a=env\"]}" },
	{ "ARG x=1\nARG x\nENV a=$x", BARE, "{\"Env\":[\"a=1\"]}" },
	{ "ARG x=1\nARG y=$x$x\nENV a=$y", BARE, "{\"Env\":[\"a=11\"]}" },
	{ "ARG TARGETPLATFORM TARGETOS TARGETARCH BUILDARCH\nENV a=$TARGETPLATFORM,$TARGETOS,$TARGETARCH,$BUILDARCH", BARE,
	  "{\"Env\":[\"a=linux/amd64,linux,amd64,arm64\"]}" },
	{ "ENV a=$TARGETARCH", BARE, "{\"Env\":[\"a=\"]}" },
	{ "ARG TARGETARCH=x\nENV a=$TARGETARCH", BARE, "{\"Env\":[\"a=x\"]}" },
	/* LABEL */
	{ "LABEL a=b \"c d\"=\"e f\" g=$A", BASE,
	  "{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\",\"P=/bin\"],\"Labels\":{\"a\":\"b\",\"c d\":\"e f\",\"g\":\"1\",\"l\":\"1\"},\"User\":\"u\",\"WorkingDir\":\"/w\"}" },
	/* CMD and ENTRYPOINT */
	{ "CMD a  b", BARE, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a  b\"]}" },
	{ "CMD [\"a\", \"$b\"]", BARE, "{\"Cmd\":[\"a\",\"$b\"]}" },
	{ "CMD []", BARE, "{\"Cmd\":[]}" },
	{ "ENTRYPOINT [\"e\"]", "{\"config\":{\"Cmd\":[\"sh\"]}}", "{\"Entrypoint\":[\"e\"]}" },
	{ "CMD [\"c\"]\nENTRYPOINT [\"e\"]", "{\"config\":{\"Cmd\":[\"sh\"]}}", "{\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"]}" },
	{ "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nCMD x", BARE,
	  "{\"Cmd\":[\"/bin/bash\",\"-o\",\"pipefail\",\"-c\",\"x\"],\"Shell\":[\"/bin/bash\",\"-o\",\"pipefail\",\"-c\"]}" },
	/* WORKDIR and USER */
	{ "WORKDIR /a/../b/", BARE, "{\"WorkingDir\":\"/b\"}" },
	{ "WORKDIR /a\nWORKDIR b\nWORKDIR ../c", BARE, "{\"WorkingDir\":\"/a/c\"}" },
	{ "WORKDIR x", BARE, "{\"WorkingDir\":\"/x\"}" },
	{ "ENV d=/q\nWORKDIR $d/x", BARE, "{\"Env\":[\"d=/q\"],\"WorkingDir\":\"/q/x\"}" },
	{ "WORKDIR $none", BARE, "!2:9" },
	{ "USER a:b", BARE, "{\"User\":\"a:b\"}" },
	{ "ARG u=7\nUSER $u", BARE, "{\"User\":\"7\"}" },
	/* EXPOSE, VOLUME, STOPSIGNAL */
	{ "EXPOSE 80 443/tcp 53/udp", BARE, "{\"ExposedPorts\":{\"443/tcp\":{},\"53/udp\":{},\"80/tcp\":{}}}" },
	{ "EXPOSE 8000-8002", BARE, "{\"ExposedPorts\":{\"8000/tcp\":{},\"8001/tcp\":{},\"8002/tcp\":{}}}" },
	{ "ARG p=1\nEXPOSE ${p}2", BARE, "{\"ExposedPorts\":{\"12/tcp\":{}}}" },
	{ "EXPOSE 80 http", BARE, "!2:11" },
	{ "EXPOSE 99999", BARE, "!2:8" },
	{ "EXPOSE 80/xyz", BARE, "!2:8" },
	{ "VOLUME /a /b", BARE, "{\"Volumes\":{\"/a\":{},\"/b\":{}}}" },
	{ "VOLUME [\"/a b\"]", BARE, "{\"Volumes\":{\"/a b\":{}}}" },
	{ "VOLUME $none", BARE, "!2:8" },
	{ "STOPSIGNAL SIGINT", BARE, "{\"StopSignal\":\"SIGINT\"}" },
	{ "STOPSIGNAL 9", BARE, "{\"StopSignal\":\"9\"}" },
	{ "STOPSIGNAL SIGRTMIN+3", BARE, "{\"StopSignal\":\"SIGRTMIN+3\"}" },
	{ "STOPSIGNAL SIGNOPE", BARE, "!2:12" },
	{ "STOPSIGNAL 99", BARE, "!2:12" },
	/* HEALTHCHECK */
	{ "HEALTHCHECK NONE", BARE, "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}" },
	{ "HEALTHCHECK CMD a b", BARE, "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"]}}" },
	{ "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=5s --start-interval=1s --retries=4 CMD [\"a\"]", BARE,
	  "{\"Healthcheck\":{\"Interval\":90000000000,\"Retries\":4,\"StartInterval\":1000000000,\"StartPeriod\":5000000000,"
	  "\"Test\":[\"CMD\",\"a\"],\"Timeout\":500000000}}" },
	{ "HEALTHCHECK --interval=soon CMD a", BARE, "!2:24" },
	{ "HEALTHCHECK --interval=1us CMD a", BARE, "!2:24" },
	{ "HEALTHCHECK --retries=-1 CMD a", BARE, "!2:23" },
	/* the others */
	{ "ONBUILD RUN a  b\nONBUILD COPY c d", BARE, "{\"OnBuild\":[\"RUN a  b\",\"COPY c d\"]}" },
	{ "MAINTAINER me", BARE, "{}" },
};

static void
instructions_make_the_config(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		const struct str text = arena_printf(&a, "FROM x\n%s\n", rows[i].instructions), have = config(text.p, rows[i].image, &a);

		if (!str_is(have, rows[i].expected))
			print_error("instructions: %s\n", rows[i].instructions);
		assert_str(have, rows[i].expected);
		arena_done(&a);
	}
}

/* What a RUN behind each of them has as its digest: "=" the one of the first row, "!" another. */
static const struct {
	const char *instructions, *same;
} sees[] = {
	{ "ENV a=1", "=" },	      { "ENV a=1\nLABEL x=y", "=" },  { "ENV a=1\nCMD x", "=" },      { "ENV a=1\nEXPOSE 80", "=" },
	{ "ENV a=2", "!" },	      { "ENV a=1\nUSER u", "!" },     { "ENV a=1\nWORKDIR /x", "!" }, { "ENV a=1\nSHELL [\"x\"]", "!" },
	{ "ENV a=1\nARG b=1", "!" },  { "ENV a=1\nARG b", "=" },      { "ENV a=1\nARG HTTP_PROXY=x", "=" },
	{ "ENV a=1\nARG a=2", "=" },  { "ENV a=1\nONBUILD RUN x", "=" }, { "ENV a=1\nVOLUME /x", "=" },
};

static void
a_command_depends_on_what_it_sees(void **state)
{
	struct digest first = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(sees); i++) {
		struct arena a = { 0 };
		const struct docker_settings s = { .platform = STR("linux/amd64") };
		struct docker_file f;
		struct diags d = { 0 };
		struct err e = { 0 };
		struct place wrong;
		AUTO_JS config_state = docker_state_of_image(NULL);

		assert_ok(docker_file_read(STR("D"), arena_printf(&a, "FROM x\n%s\n", sees[i].instructions), &s, &a, &d, &f, &e), &e);
		for (size_t k = 0; k < f.stages[0].n; k++)
			assert_ok(docker_state_apply(&f, &f.stages[0], f.stages[0].v[k], config_state, &a, &wrong, &e), &e);
		const struct digest now = docker_state_run_digest(config_state, &a);

		if (i == 0)
			first = now;
		if (digest_eq(&now, &first) != (sees[i].same[0] == '='))
			print_error("instructions: %s\n", sees[i].instructions);
		assert_int_equal(digest_eq(&now, &first), sees[i].same[0] == '=');
		diags_done(&d);
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_make_the_config),
		cmocka_unit_test(a_command_depends_on_what_it_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
