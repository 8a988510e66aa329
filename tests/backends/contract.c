/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of image builders: contract KIND SETTINGS-JSON PARENT-LAYOUT SCRATCH [without-secrets | ROW]
 *
 * Each row is a Dockerfile with its context and what must come out, the same for every builder. PARENT-LAYOUT: an OCI layout folder with one image that has
 * /bin/sh. Prints a line per row that is wrong and at last 'N passed, N failed'. Started with the engine's variables by tests/images/test_builders.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/archive.h"
#include "backends/builder.h"
#include "base/js.h"
#include "sys/file.h"

#define PARENT "localhost/pawl-parent:contract"

extern char **environ;

struct row {
	const char *name, *dockerfile;
	const char *target, *arg;
	const char *path, *content; /* a file of the image; content NULL: it must not be there */
	const char *config;         /* a part of the config's canonical JSON */
	const char *fails;          /* a part of the message of an ERR_FAILED (ERR_INPUT where it is seen before anything runs) */
	bool secret;
	bool bare; /* no parent */
};

static const struct row rows[] = {
	{ .name = "copy", .dockerfile = "FROM " PARENT "\nCOPY a.txt /d/a.txt\n", .path = "d/a.txt", .content = "aaa\n" },
	{ .name = "copy all leaves our own files out", .dockerfile = "FROM " PARENT "\nCOPY . /d/\n", .path = "d/Dockerfile.pawl", .content = NULL },
	{ .name = "run", .dockerfile = "FROM " PARENT "\nRUN echo made > /made\n", .path = "made", .content = "made\n" },
	{ .name = "run sees what was copied", .dockerfile = "FROM " PARENT "\nCOPY a.txt /a.txt\nRUN cat /a.txt /a.txt > /b.txt\n", .path = "b.txt", .content = "aaa\naaa\n" },
	{ .name = "exec bit and links", .dockerfile = "FROM " PARENT "\nCOPY . /d/\nRUN /d/run.sh > /out && cat /d/link >> /out\n", .path = "out", .content = "ran\naaa\n" },
	{ .name = "argument", .dockerfile = "FROM " PARENT "\nARG WHO=nobody\nRUN echo $WHO > /who\n", .arg = "WHO=me too", .path = "who", .content = "me too\n" },
	{ .name = "target", .dockerfile = "FROM " PARENT " AS one\nRUN echo 1 > /one\nFROM one AS two\nRUN false\n", .target = "one", .path = "one", .content = "1\n" },
	{ .name = "from a stage", .dockerfile = "FROM " PARENT " AS one\nRUN echo 1 > /one\nFROM " PARENT "\nCOPY --from=one /one /two\n", .path = "two", .content = "1\n" },
	{ .name = "environment", .dockerfile = "FROM " PARENT "\nENV COLOUR=blue\n", .config = "COLOUR=blue" },
	{ .name = "work folder", .dockerfile = "FROM " PARENT "\nWORKDIR /srv/app\n", .config = "\"WorkingDir\":\"/srv/app\"" },
	{ .name = "entrypoint", .dockerfile = "FROM " PARENT "\nENTRYPOINT [\"/bin/x\",\"y\"]\n", .config = "\"Entrypoint\":[\"/bin/x\",\"y\"]" },
	{ .name = "label", .dockerfile = "FROM " PARENT "\nLABEL team=\"a b\"\n", .config = "\"team\":\"a b\"" },
	{ .name = "user", .dockerfile = "FROM " PARENT "\nUSER 1000:1000\n", .config = "\"User\":\"1000:1000\"" },
	{ .name = "removed", .dockerfile = "FROM " PARENT "\nRUN echo x > /gone && echo y > /kept\nRUN rm /gone\n", .path = ".wh.gone", .content = "" },
	{ .name = "a command fails", .dockerfile = "FROM " PARENT "\nRUN echo the last words && exit 7\n", .fails = "the last words" },
	{ .name = "a file is missing", .dockerfile = "FROM " PARENT "\nCOPY nowhere.txt /x\n", .fails = "nowhere.txt" },
	{ .name = "scratch", .bare = true, .dockerfile = "FROM scratch\nCOPY a.txt /\n", .config = "\"os\":\"linux\"" },
	{ .name = "a secret", .secret = true, .dockerfile = "FROM " PARENT "\nRUN --mount=type=secret,id=tok wc -c < /run/secrets/tok > /n && cat /run/secrets/tok\n", .path = "n", .content = "11\n" },
};

struct test {
	const struct builder_kind *kind;
	struct blobs *blobs;
	struct js *settings;
	struct layout_read parent;
	struct digest context;
	struct buf said;
};

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "contract: %s: %s\n", what, e->text);
	exit(2);
}

static void
hear(void *ctx, struct str text)
{
	struct test *t = ctx;
	buf_put(&t->said, text);
	buf_putc(&t->said, '\n');
}

static int
build(struct test *t, const struct row *r, struct arena *a, struct layout_read *out, struct err *e)
{
	const struct builder_secret secret = { STR_INIT("tok"), STR_INIT("canary-7788") };
	const struct builder_parent parent = { STR_INIT(PARENT), { .manifest = t->parent.manifest, .parts = t->parent.parts, .platform = STR("linux/amd64") } };
	const struct str arg = str_z(r->arg ? r->arg : "");
	struct builder_parent parents[1] = { parent };
	uint64_t size = 0;
	blobs_has(t->blobs, &t->parent.manifest, &size);
	parents[0].image.manifest_size = size;
	buf_reset(&t->said);
	const struct builder_build j = { .dockerfile = str_z(r->dockerfile),
					 .context = t->context,
					 .target = str_z(r->target ? r->target : ""),
					 .platform = STR("linux/amd64"),
					 .args = &arg,
					 .nargs = r->arg ? 1 : 0,
					 .parents = parents,
					 .nparents = r->bare ? 0 : 1,
					 .secrets = &secret,
					 .nsecrets = r->secret ? 1 : 0,
					 .environ_ = (const char *const *)environ,
					 .settings = t->settings,
					 .line = hear,
					 .ctx = t };
	return t->kind->build(&j, t->blobs, a, out, e);
}

/* The file as the uppermost layer has it that has it. */
static bool
find(struct test *t, const struct layout_read *image, const char *path, struct buf *out)
{
	static const struct archive_opts o = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };
	for (size_t i = image->parts.nlayers; i-- > t->parent.parts.nlayers;) {
		struct archive_reader *r;
		struct archive_item x;
		struct err e = { 0 };
		if (archive_open_blob(t->blobs, &image->parts.layers[i].digest, "a layer", &o, &r, &e) < 0)
			die("open a layer", &e);
		bool found = false;
		int got;
		while ((got = archive_next(r, &x, &e)) == 1) {
			if (str_is(x.path, path)) {
				found = true;
				if (x.type == ARCHIVE_FILE_ENTRY && archive_read_all(r, 1 << 20, out, &e) < 0)
					die("read a layer", &e);
			}
		}
		archive_close(r);
		if (got < 0)
			die("read a layer", &e);
		if (found)
			return true;
	}
	return false;
}

static bool
holds(struct test *t, const struct row *r, const struct layout_read *image, struct buf *why)
{
	struct err e = { 0 };
	AUTO_BUF file = { 0 };
	AUTO_BUF config = { 0 };
	const size_t below = r->bare ? 0 : t->parent.parts.nlayers;
	if (image->parts.nlayers < below) {
		buf_puts(why, "it has fewer layers than its parent");
		return false;
	}
	for (size_t i = 0; i < below; i++) {
		if (!digest_eq(&image->parts.layers[i].diff_id, &t->parent.parts.layers[i].diff_id)) {
			buf_printf(why, "layer %zu is not the parent's", i);
			return false;
		}
	}
	if (r->path) {
		const bool there = find(t, image, r->path, &file);
		if (there != (r->content != NULL) || (there && !str_is(buf_str(&file), r->content))) {
			buf_printf(why, "%s is %s: '%s'", r->path, there ? "there" : "not there", buf_z(&file));
			return false;
		}
	}
	if (blobs_read(t->blobs, &image->parts.config, OCI_JSON_LIMIT, &config, &e) < 0)
		die("read the config", &e);
	AUTO_JS doc = NULL;
	AUTO_BUF canonical = { 0 };
	if (js_parse(buf_str(&config), "config", &doc, &e) < 0)
		die("read the config", &e);
	js_write(doc, &canonical);
	if (r->config && str_find(buf_str(&canonical), str_z(r->config)) == SIZE_MAX) {
		buf_printf(why, "its config has no %s: %s", r->config, buf_z(&canonical));
		return false;
	}
	if (str_find(buf_str(&canonical), STR("canary-7788")) != SIZE_MAX || str_find(buf_str(&t->said), STR("canary-7788")) != SIZE_MAX) {
		buf_puts(why, "the secret got out");
		return false;
	}
	return true;
}

static bool
one(struct test *t, const struct row *r)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	struct layout_read image = { 0 };
	AUTO_BUF why = { 0 };
	const int bad = build(t, r, &a, &image, &e);
	bool ok;
	if (r->fails) {
		ok = bad < 0 && (e.code == ERR_FAILED || e.code == ERR_INPUT) && str_find(str_z(e.text), str_z(r->fails)) != SIZE_MAX;
		if (!ok)
			buf_printf(&why, "it should fail with '%s'; %s: %s", r->fails, bad < 0 ? err_name(e.code) : "it did not", e.text);
	} else {
		ok = bad == 0 && holds(t, r, &image, &why);
		if (bad < 0)
			buf_printf(&why, "%s: %s", err_name(e.code), e.text);
	}
	if (!ok)
		printf("FAIL %s, %s: %s\n%s", t->kind->name, r->name, buf_z(&why), buf_z(&t->said));
	arena_done(&a);
	return ok;
}

static void
make_context(struct test *t, const char *scratch)
{
	struct err e = { 0 };
	struct arena a = { 0 };
	const char *folder = arena_z(&a, path_join(&a, str_z(scratch), STR("context")));
	static const char *const names[] = { "a.txt", "run.sh" }, *const texts[] = { "aaa\n", "#!/bin/sh\necho ran\n" };
	struct builder_file files[3] = { { .path = STR("link"), .target = STR("a.txt") } };
	uint64_t size;
	if (file_mkdirs(AT_FDCWD, folder, &e) < 0)
		die("make the context", &e);
	AUTO_FD at = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, &e);
	for (size_t i = 0; i < 2; i++) {
		files[i + 1] = (struct builder_file){ .path = str_z(names[i]), .from = names[i], .exec = i == 1 };
		AUTO_FD fd = -1;
		if (file_replace(at, names[i], str_z(texts[i]), 0644, false, &e) < 0)
			die("make the context", &e);
		fd = file_open(at, names[i], O_RDONLY, 0, &e);
		if (fd < 0 || content_of_fd(fd, &files[i + 1].content, &e) < 0)
			die("make the context", &e);
	}
	if (builder_context(t->blobs, at, files, 3, &t->context, &size, &e) < 0)
		die("make the context", &e);
	arena_done(&a);
}

int
main(int argc, char **argv)
{
	struct test t = { 0 };
	struct err e = { 0 };
	struct arena a = { 0 };
	size_t passed = 0, failed = 0;
	if (argc < 5) {
		fprintf(stderr, "usage: contract KIND SETTINGS PARENT SCRATCH [without-secrets | ROW]\n");
		return 2;
	}
	t.kind = builder_find(str_z(argv[1]), &e);
	if (!t.kind || !t.kind->build)
		die("the builder", &e);
	if (js_parse(str_z(argv[2]), "settings", &t.settings, &e) < 0 ||
	    blobs_open(arena_z(&a, path_join(&a, str_z(argv[4]), STR("blobs"))), false, &t.blobs, &e) < 0 ||
	    layout_read(AT_FDCWD, argv[3], (struct str){ 0 }, STR("linux/amd64"), t.blobs, &a, &t.parent, &e) < 0)
		die("begin", &e);
	make_context(&t, argv[4]);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const bool all = argc < 6 || strcmp(argv[5], "without-secrets") == 0;
		if (all ? rows[i].secret && argc > 5 : strcmp(argv[5], rows[i].name) != 0)
			continue;
		if (one(&t, &rows[i]))
			passed++;
		else
			failed++;
	}
	printf("%zu passed, %zu failed\n", passed, failed);
	blobs_close(t.blobs);
	js_free(t.settings);
	buf_done(&t.said);
	arena_done(&a);
	return failed > 0;
}
