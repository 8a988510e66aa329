/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/buf.h"
#include "rules/docker_stages.h"

static void
put_words(struct buf *b, const struct docker_instruction *in)
{
	for (size_t i = 0; i < in->nwords; i++)
		buf_printf(b, " [" STR_FMT "]", STR_ARG(in->words[i].text));
}

static void
put_instruction(struct buf *b, const struct docker_instruction *in)
{
	buf_puts(b, docker_kind_name(in->kind));
	for (size_t i = 0; i < in->nflags; i++) {
		buf_printf(b, " --" STR_FMT, STR_ARG(in->flags[i].name));
		if (in->flags[i].has_value)
			buf_printf(b, "=" STR_FMT, STR_ARG(in->flags[i].value.text));
	}
	if (in->exec)
		buf_puts(b, " json");
	put_words(b, in);
	for (size_t i = 0; i < in->npairs; i++)
		buf_printf(b, " (" STR_FMT "%s" STR_FMT ")", STR_ARG(in->pairs[i].name.text), in->pairs[i].has_value ? "=" : "",
			   STR_ARG(in->pairs[i].value.text));
	if (in->none)
		buf_puts(b, " none");
	if (in->rest.text.n > 0 && !in->exec)
		buf_printf(b, " {" STR_FMT "}", STR_ARG(in->rest.text));
	for (size_t i = 0; i < in->nheredocs; i++)
		buf_printf(b, " <<" STR_FMT "%s" STR_FMT "|", STR_ARG(in->heredocs[i].name), in->heredocs[i].expand ? ":" : "'",
			   STR_ARG(in->heredocs[i].content));
	if (in->trigger) {
		buf_puts(b, " -> ");
		put_instruction(b, in->trigger);
	}
}

/* Instructions one behind the other; mistakes as !LINE:COLUMN+LENGTH CODE. */
static struct str
shown(const char *text, struct arena *a)
{
	AUTO_BUF b = { 0 };
	struct docker_text t;
	size_t n;

	docker_lex(STR("Dockerfile"), str_z(text), a, &t);
	const struct docker_instruction *v = docker_parse(&t, &n);

	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == DOCKER_BROKEN)
			continue;
		buf_puts(&b, b.n > 0 ? "; " : "");
		put_instruction(&b, &v[i]);
	}
	for (size_t i = 0; i < t.mistakes.n; i++) {
		const struct docker_mistake *m = &t.mistakes.v[i];

		buf_printf(&b, "%s!%u:%u+%u %s", b.n > 0 ? "; " : "", m->at.line, m->at.column, m->at.length, m->code);
	}
	return arena_str(a, buf_str(&b));
}

static const struct {
	const char *text, *expected;
} rows[] = {
	/* lines */
	{ "", "" },
	{ "# nothing\n\n   # nothing\n", "" },
	{ "FROM a", "FROM [a]" },
	{ "from a\nCmd b", "FROM [a]; CMD {b}" },
	{ "  FROM  a  \r\n", "FROM [a]" },
	{ "\xef\xbb\xbf" "FROM a", "FROM [a]" },
	{ "FROM a AS b", "FROM [a] [AS] [b]" },
	{ "FROM a as B-1_2.x", "FROM [a] [as] [B-1_2.x]" },
	{ "RUN a \\\n b", "RUN {a  b}" },
	{ "RUN a\\\nb", "RUN {ab}" },
	{ "RUN a \\  \n b", "RUN {a  b}" },
	{ "RUN a \\\n# comment\n  # other\n b", "RUN {a  b}" },
	{ "RUN a \\\n\n\n b", "RUN {a  b}" },
	{ "RUN a \\\n", "RUN {a}" },
	{ "RUN a \\\\\nRUN b", "RUN {a \\\\}; RUN {b}" },
	{ "RUN a # no comment", "RUN {a # no comment}" },
	{ "RUN\ta\tb", "RUN {a\tb}" },
	{ "# escape=`\nRUN a `\n b\\\nRUN c", "RUN {a  b\\}; RUN {c}" },
	{ "# syntax=docker/dockerfile:1\n# escape = `\nRUN a `\n b", "RUN {a  b}" },
	{ "#escape=`\nRUN a `\n b", "RUN {a  b}" },
	{ "# Escape=`\nRUN a`\nb", "RUN {ab}" },
	{ "# comment\n# escape=`\nRUN a \\\n b", "RUN {a  b}" },
	{ "\n# escape=`\nRUN a \\\n b", "RUN {a  b}" },
	{ "# other=1\n# escape=`\nRUN a `\n b", "RUN {a  b}" },
	{ "# escape=x\nRUN a", "RUN {a}; !1:10+1 bad-directive" },
	{ "# escape=\\\n# escape=`\nRUN a", "RUN {a}; !2:3+6 bad-directive" },
	/* names */
	{ "FORM a", "!1:1+4 unknown-instruction" },
	{ "FROM", "!1:1+4 bad-instruction" },
	{ "RUN \\\n", "!1:1+3 bad-instruction" },
	{ "FROM a\n  xyzzy b", "FROM [a]; !2:3+5 unknown-instruction" },
	/* FROM */
	{ "FROM --platform=linux/arm64 a", "FROM --platform=linux/arm64 [a]" },
	{ "FROM --platform=$BUILDPLATFORM a AS b", "FROM --platform=$BUILDPLATFORM [a] [AS] [b]" },
	{ "FROM a b", "!1:6+3 bad-instruction" },
	{ "FROM a AS b c", "!1:6+8 bad-instruction" },
	{ "FROM a AS 1b", "!1:11+2 bad-name" },
	{ "FROM a AS b/c", "!1:11+3 bad-name" },
	{ "FROM --platfrom=x a", "!1:6+12 unknown-flag" },
	{ "FROM --platform a", "!1:6+10 bad-flag" },
	/* RUN, CMD, ENTRYPOINT, SHELL */
	{ "RUN [\"a\", \"b c\"]", "RUN json [a] [b c]" },
	{ "RUN [\"a\\n\\u0041\"]", "RUN json [a\nA]" },
	{ "RUN ['a']", "RUN {['a']}" },
	{ "RUN [ a ]", "RUN {[ a ]}" },
	{ "RUN [\"a\"] b", "RUN {[\"a\"] b}" },
	{ "RUN []", "!1:5+2 bad-instruction" },
	{ "RUN [1]", "!1:5+3 bad-instruction" },
	{ "CMD []", "CMD json" },
	{ "ENTRYPOINT [\"x\"]", "ENTRYPOINT json [x]" },
	{ "SHELL [\"/bin/bash\", \"-c\"]", "SHELL json [/bin/bash] [-c]" },
	{ "SHELL /bin/bash", "!1:7+9 bad-instruction" },
	{ "SHELL []", "!1:7+2 bad-instruction" },
	{ "RUN --network=none a", "RUN --network=none {a}" },
	{ "RUN --mount=type=cache,target=/c --mount=type=secret,id=s a", "RUN --mount=type=cache,target=/c --mount=type=secret,id=s {a}" },
	{ "RUN --mount=type=nope,target=/c a", "!1:18+4 bad-flag" },
	{ "RUN --mount=type=cache a", "!1:13+10 bad-flag" },
	{ "RUN --mount=type=tmpfs,target=/x,from=y a", "!1:34+6 bad-flag" },
	{ "RUN --mount=target=/x,colour=y a", "!1:23+8 bad-flag" },
	{ "RUN --mount=type=cache,target=/x,sharing=some a", "!1:34+12 bad-flag" },
	{ "RUN --mount=type=cache,target=/x,mode=9 a", "!1:34+6 bad-flag" },
	{ "RUN -- --x", "RUN {--x}" },
	{ "RUN --x", "!1:5+3 unknown-flag" },
	/* COPY, ADD */
	{ "COPY a b", "COPY [a] [b]" },
	{ "COPY [\"a b\", \"c\"]", "COPY json [a b] [c]" },
	{ "COPY --from=x --chown=1:2 --chmod=755 --link --parents --exclude=*.a --exclude=*.b a b",
	  "COPY --from=x --chown=1:2 --chmod=755 --link --parents --exclude=*.a --exclude=*.b [a] [b]" },
	{ "COPY --link=true --parents=false a b", "COPY --link=true --parents=false [a] [b]" },
	{ "COPY --link=maybe a b", "!1:13+5 bad-flag" },
	{ "COPY --from=a --from=b x y", "!1:15+8 bad-flag" },
	{ "COPY --checksum=x a b", "!1:6+12 unknown-flag" },
	{ "COPY a", "!1:6+1 bad-instruction" },
	{ "COPY --chown a b", "!1:6+7 bad-flag" },
	{ "COPY --chown=\"a b\" c d", "COPY --chown=a b [c] [d]" },
	{ "ADD --checksum=sha256:0 --keep-git-dir --unpack=false a b", "ADD --checksum=sha256:0 --keep-git-dir --unpack=false [a] [b]" },
	{ "ADD a b c/", "ADD [a] [b] [c/]" },
	/* here-documents */
	{ "RUN <<E\na\nb\nE\nCMD c", "RUN {<<E} <<E:a\nb\n|; CMD {c}" },
	{ "RUN <<'E'\n$a\nE", "RUN {<<'E'} <<E'$a\n|" },
	{ "RUN <<\"E\" x\n$a\nE", "RUN {<<\"E\" x} <<E'$a\n|" },
	{ "RUN <<-E\n\ta\n\t\tb\n\tE", "RUN {<<-E} <<E:a\nb\n|" },
	{ "RUN a <<A b <<B\n1\nA\n2\nB\n", "RUN {a <<A b <<B} <<A:1\n| <<B:2\n|" },
	{ "RUN 3<<E cat\nx\nE", "RUN {3<<E cat} <<E:x\n|" },
	{ "COPY <<a.txt <<b.txt /d/\n1\na.txt\n2\nb.txt", "COPY [<<a.txt] [<<b.txt] [/d/] <<a.txt:1\n| <<b.txt:2\n|" },
	{ "ADD <<E /x\n\nE", "ADD [<<E] [/x] <<E:\n|" },
	{ "ONBUILD RUN <<E\na\nE", "ONBUILD {RUN <<E} <<E:a\n| -> RUN {<<E} <<E:a\n|" },
	{ "CMD cat <<E\nRUN x", "CMD {cat <<E}; RUN {x}" },
	{ "RUN cat <<<x", "RUN {cat <<<x}" },
	{ "RUN echo $((1<<2))", "RUN {echo $((1<<2))}" },
	{ "RUN '<<E'", "RUN {'<<E'}" },
	{ "RUN <<E\n# no comment \\\nE", "RUN {<<E} <<E:# no comment \\\n|" },
	{ "FROM a\nRUN x <<E\na", "FROM [a]; !2:7+3 bad-instruction" },
	/* ENV, LABEL, ARG */
	{ "ENV a=b", "ENV (a=b)" },
	{ "ENV a=b c=\"d e\" f='g h' i=j\\ k", "ENV (a=b) (c=\"d e\") (f='g h') (i=j\\ k)" },
	{ "ENV a b c", "ENV (a=b c)" },
	{ "ENV a=", "ENV (a=)" },
	{ "ENV a", "!1:5+1 bad-instruction" },
	{ "ENV a=b c", "!1:9+1 bad-instruction" },
	{ "ENV =b", "!1:6+1 bad-instruction" },
	{ "ENV a=b \\\n c=d", "ENV (a=b) (c=d)" },
	{ "ENV a=b \\\n c", "!2:2+1 bad-instruction" },
	{ "ENV a = b", "ENV (a== b)" },
	{ "LABEL a=b \"c d\"=e", "LABEL (a=b) (\"c d\"=e)" },
	{ "LABEL a b", "LABEL (a=b)" },
	{ "ARG a", "ARG (a)" },
	{ "ARG a=b c d=", "ARG (a=b) (c) (d=)" },
	{ "ARG a=\"b c\"", "ARG (a=\"b c\")" },
	/* the others */
	{ "EXPOSE 80 81/udp", "EXPOSE [80] [81/udp]" },
	{ "VOLUME /a /b", "VOLUME [/a] [/b]" },
	{ "VOLUME [\"/a b\"]", "VOLUME json [/a b]" },
	{ "VOLUME [\"\"]", "!1:8+4 bad-instruction" },
	{ "WORKDIR /a b", "WORKDIR {/a b}" },
	{ "USER a:b", "USER {a:b}" },
	{ "STOPSIGNAL 9", "STOPSIGNAL {9}" },
	{ "MAINTAINER me <m@x>", "MAINTAINER {me <m@x>}" },
	{ "HEALTHCHECK NONE", "HEALTHCHECK none" },
	{ "HEALTHCHECK none x", "!1:13+6 bad-instruction" },
	{ "HEALTHCHECK --interval=5s --retries=2 CMD a b", "HEALTHCHECK --interval=5s --retries=2 {a b}" },
	{ "HEALTHCHECK CMD [\"a\"]", "HEALTHCHECK json [a]" },
	{ "HEALTHCHECK CMD", "!1:13+3 bad-instruction" },
	{ "HEALTHCHECK a", "!1:13+1 bad-instruction" },
	{ "HEALTHCHECK --every=1 CMD a", "!1:13+9 unknown-flag" },
	{ "ONBUILD COPY --from=x a b", "ONBUILD {COPY --from=x a b} -> COPY --from=x [a] [b]" },
	{ "ONBUILD ONBUILD RUN a", "!1:9+7 bad-instruction" },
	{ "ONBUILD FROM a", "!1:9+4 bad-instruction" },
	{ "ONBUILD RUNN a", "!1:9+4 unknown-instruction" },
	/* places count characters */
	{ "FROM a\nENV ä=ö ü", "FROM [a]; !2:9+1 bad-instruction" },
	{ "RUN a \\\n  && b\nCOPY \\\n  --frm=x a b", "RUN {a   && b}; !4:3+7 unknown-flag" },
};

static void
every_line_is_read_to_its_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena a = { 0 };
		const struct str have = shown(rows[i].text, &a);

		if (!str_is(have, rows[i].expected))
			print_error("text: %s\n", rows[i].text);
		assert_str(have, rows[i].expected);
		arena_done(&a);
	}
}

/* ---- stages ---- */

/* "name(base)" of the stages that are needed; a base that is a stage has '@'. Or the mistakes. */
static struct str
stages(const char *text, const struct docker_settings *s, struct arena *a)
{
	AUTO_BUF b = { 0 };
	struct diags d = { 0 };
	struct docker_file f;
	struct err e = { 0 };

	if (docker_file_read(STR("Dockerfile"), str_z(text), s, a, &d, &f, &e) < 0)
		for (size_t i = 0; i < d.n; i++)
			buf_printf(&b, "%s!%u:%u " STR_FMT, b.n > 0 ? "; " : "", d.v[i].at.line, d.v[i].at.column, STR_ARG(d.v[i].code));
	for (size_t i = 0; i < f.nstages && d.n == 0; i++) {
		static const char *const marks[] = { "?", "@", "=", "" };
		const struct docker_stage *x = &f.stages[i];

		if (x->needed)
			buf_printf(&b, "%s" STR_FMT "(%s" STR_FMT ")%zu", b.n > 0 ? " " : "", STR_ARG(x->name.n > 0 ? x->name : STR("-")),
				   marks[x->base.kind], STR_ARG(x->base.name), x->n);
	}
	diags_done(&d);
	return arena_str(a, buf_str(&b));
}

static const struct {
	const char *text, *target, *expected;
} files[] = {
	{ "FROM a", "", "-(a)0" },
	{ "FROM a\nRUN x\nCMD y", "", "-(a)2" },
	{ "FROM a AS one\nFROM one\nRUN x", "", "one(a)0 -(@one)1" },
	{ "FROM a AS One\nFROM ONE", "", "one(a)0 -(@ONE)0" },
	{ "FROM a AS x\nFROM b", "", "-(b)0" },
	{ "FROM a AS x\nNONSENSE\nFROM b", "", "-(b)0" },
	{ "FROM a AS x\nRUN <<E\nE\nCOPY onlyone\nFROM b", "", "-(b)0" },
	{ "FROM a AS x\nNONSENSE\nFROM x", "", "!2:1 unknown-instruction" },
	{ "FROM a b c d\nFROM b", "", "-(b)0" },
	{ "FROM a AS x\nFROM b\nCOPY --from=x /a /b", "", "x(a)0 -(b)1" },
	{ "FROM a AS x\nFROM b\nCOPY --from=0 /a /b", "", "x(a)0 -(b)1" },
	{ "FROM a AS x\nFROM b\nCOPY --from=other /a /b", "", "-(b)1" },
	{ "FROM a AS x\nFROM b\nRUN --mount=from=x,target=/y z", "", "x(a)0 -(b)1" },
	{ "FROM a AS x\nFROM b AS y\nFROM c AS z\nCOPY --from=y / /", "", "y(b)0 z(c)1" },
	{ "FROM a AS x\nFROM b AS y\nCOPY --from=x / /\nFROM y\n", "", "x(a)0 y(b)1 -(@y)0" },
	{ "FROM a AS x\nFROM b AS y", "x", "x(a)0" },
	{ "FROM a AS x\nFROM b AS y", "X", "x(a)0" },
	{ "FROM a AS x\nFROM b AS y", "0", "x(a)0" },
	{ "FROM a AS xylophone\nFROM b AS y", "xylophon", "!0:0 unknown-stage" },
	{ "FROM a AS x\nFROM b AS x\nFROM x", "", "x(b)0 -(@x)0" },
	{ "FROM x AS x", "", "x(x)0" },
	{ "FROM scratch", "", "-(scratch)0" },
	{ "ARG V=1\nFROM a:$V", "", "-(a:1)0" },
	{ "ARG V\nFROM a:${V:-2}", "", "-(a:2)0" },
	{ "ARG V=1\nARG W=$V.5\nFROM a:$W", "", "-(a:1.5)0" },
	{ "ARG GIVEN=no\nFROM a:$GIVEN", "", "-(a:yes)0" },
	{ "FROM a:$GIVEN", "", "-(a:)0" },
	{ "ARG B\nFROM $B", "", "!2:6 bad-reference" },
	{ "ARG B=${\nFROM a", "", "!1:7 bad-substitution" },
	{ "FROM a${X:!}", "", "!1:6 bad-substitution" },
	{ "FROM a AS b\nFROM c${X:!}\nFROM d", "", "-(d)0" },
	{ "FROM a:$TARGETARCH-$TARGETOS", "", "-(a:arm64-linux)0" },
	{ "FROM a:$TARGETVARIANT$BUILDPLATFORM", "", "-(a:v8linux/amd64)0" },
	{ "FROM named", "", "-(=named)0" },
	{ "FROM a AS named\nFROM named", "", "-(=named)0" },
	{ "FROM a AS x\nONBUILD RUN 1\nONBUILD COPY b c\nFROM x\nRUN 2", "", "x(a)2 -(@x)3" },
	{ "FROM a AS y\nFROM a AS x\nONBUILD COPY --from=y b c\nFROM x", "", "y(a)0 x(a)1 -(@x)1" },
	{ "FROM a AS x\nONBUILD RUN 1\nFROM x AS y\nFROM y", "", "x(a)1 y(@x)1 -(@y)0" },
	{ "RUN a\nFROM b", "", "!1:1 bad-instruction" },
	{ "ENV a=b\nFROM b", "", "!1:1 bad-instruction" },
	{ "", "", "!1:0 missing-key" },
	{ "ARG a", "", "!1:0 missing-key" },
	{ "FROM a\nCOPY --from=$X a b", "", "!2:13 bad-flag" },
	{ "FROM a AS x\nCOPY --from=$X a b\nFROM b", "", "-(b)0" },
	{ "FROM a\nRUN --mount=from=$X,target=/y z", "", "!2:13 bad-flag" },
	{ "FROM a\nXX b\nYY c", "", "!2:1 unknown-instruction; !3:1 unknown-instruction" },
	{ "FROM --platform= a", "", "!1:6 bad-reference" },
};

static void
only_what_the_target_needs_counts(void **state)
{
	struct ir_pair args[] = { { STR_INIT("GIVEN"), STR_INIT("yes") } }, contexts[] = { { STR_INIT("named"), STR_INIT("./x") } };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct arena a = { 0 };
		const struct docker_settings s = { .target = str_z(files[i].target), .args = { args, 1 }, .contexts = { contexts, 1 },
						   .platform = STR("linux/arm64/v8"), .build_platform = STR("linux/amd64") };
		const struct str have = stages(files[i].text, &s, &a);

		if (!str_is(have, files[i].expected))
			print_error("text: %s\n", files[i].text);
		assert_str(have, files[i].expected);
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_read_to_its_parts),
		cmocka_unit_test(only_what_the_target_needs_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
