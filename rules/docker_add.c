/* SPDX-License-Identifier: Apache-2.0
 *
 * What ADD can and COPY cannot: archives of the project are unpacked, URLs are fetched, repositories are checked out.
 *
 *	items of the project -> archives among them become what is in them [unpack]; words with :// [url, repository] -> items
 */
#include "rules/docker_add.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/http.h"
#include "sys/file.h"
#include "sys/proc.h"

#define GIT_MS (30 * 60 * 1000)

struct adding {
	struct docker_work *w;
	const struct docker_operands *o;
	VEC(struct docker_item) items;
	struct docker_added *out;
	bool many;
	struct err *e;
};

/* ---- words ---- */

bool
docker_remote(struct str source)
{
	return str_starts(source, STR("http://")) || str_starts(source, STR("https://")) || docker_repository(source);
}

/* git@HOST:PATH, git://, ssh://, and https://HOST/x.git[#REF[:FOLDER]]. */
bool
docker_repository(struct str source)
{
	const struct str plain = str_cut(source, '#').head;
	return str_starts(source, STR("git@")) || str_starts(source, STR("git://")) || str_starts(source, STR("ssh://")) ||
	       (str_find(plain, STR("://")) != SIZE_MAX && str_ends(plain, STR(".git")));
}

/* ---- archives ---- */

static const struct archive_opts OPTS = { .links = ARCHIVE_LINKS_ROOT, .skip_devices = true };

/* 1: it is an archive, and r is at its first entry; 0: it is none. */
static int
open_archive(struct adding *x, const struct digest *d, struct archive_reader **r, struct archive_item *first, int *got)
{
	struct err why = { 0 };
	if (archive_open_blob(x->w->project->cache->blobs, d, "an archive", &OPTS, r, &why) < 0)
		return 0;
	*got = archive_next(*r, first, &why);
	if (*got >= 0)
		return 1;
	archive_close(*r);
	return 0;
}

static int
take_entry(struct adding *x, const struct digest *archive, const struct archive_item *i)
{
	struct arena *a = &x->w->arena;
	struct docker_item item = { .to = arena_str(a, i->path), .mode = i->mode, .uid = i->uid, .gid = i->gid, .archive = *archive,
				    .from = arena_str(a, i->path), .size = i->size };
	if (x->items.n >= DOCKER_ITEMS_MAX)
		return err_set(x->e, ERR_INPUT, "more than %d files are added at once", DOCKER_ITEMS_MAX);
	switch (i->type) {
	case ARCHIVE_FILE_ENTRY:
		item.type = DOCKER_ITEM_FILE;
		break;
	case ARCHIVE_FOLDER_ENTRY:
		item.type = DOCKER_ITEM_FOLDER;
		break;
	case ARCHIVE_LINK_ENTRY:
		item.type = DOCKER_ITEM_LINK;
		item.target = arena_str(a, i->target);
		break;
	case ARCHIVE_HARDLINK_ENTRY:
		item.type = DOCKER_ITEM_FILE;
		for (size_t k = x->items.n; k-- > 0;) {
			const struct docker_item *to = &x->items.v[k];
			if (to->type == DOCKER_ITEM_FILE && str_eq(to->to, i->target) && digest_eq(&to->archive, archive)) {
				item.from = to->from;
				item.size = to->size;
				item.mode = to->mode;
				item.uid = to->uid;
				item.gid = to->gid;
				break;
			}
		}
		if (str_eq(item.from, item.to))
			return err_set(x->e, ERR_INPUT, "the hard link '" STR_FMT "' means nothing", STR_ARG(i->path));
		break;
	}
	VEC_PUSH(&x->items, item);
	return 0;
}

/* True: it was one, and is unpacked now. */
static int
unpack(struct adding *x, const struct digest *d, bool *was)
{
	struct archive_reader *r;
	struct archive_item item;
	int got = 0, bad = 0;
	*was = open_archive(x, d, &r, &item, &got) == 1;
	if (!*was)
		return 0;
	while (got > 0 && bad == 0) {
		bad = take_entry(x, d, &item);
		if (bad == 0)
			got = archive_next(r, &item, x->e);
	}
	archive_close(r);
	x->many = true;
	return got < 0 ? -1 : bad;
}

static int
take_item(struct adding *x, const struct docker_item *item)
{
	struct project *p = x->w->project;
	struct content c = { .digest = item->digest, .size = item->size };
	bool was = false;
	/* Only what may be one is put into the store and looked at. */
	if (item->type == DOCKER_ITEM_FILE && item->leaf && item->from.n > 0 && x->o->unpack != 0 && item->size >= 10) {
		const struct content expect = c;
		AUTO_FD fd = file_open(p->fd, arena_z(&x->w->arena, item->from), O_RDONLY, 0, x->e);
		char head[512] = "";
		const ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
		const bool packed = n > 6 && (memcmp(head, "\x1f\x8b", 2) == 0 || memcmp(head, "BZh", 3) == 0 || memcmp(head, "\xfd" "7zXZ", 5) == 0 ||
					      memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0);
		const bool tar = n == (ssize_t)sizeof head && memcmp(head + 257, "ustar", 5) == 0;
		if (fd < 0)
			return -1;
		if ((packed || tar) &&
		    (blobs_put_file(p->cache->blobs, p->fd, arena_z(&x->w->arena, item->from), &expect, &c, x->e) < 0 || unpack(x, &c.digest, &was) < 0))
			return err_wrap(x->e, "'" STR_FMT "'", STR_ARG(item->from));
	}
	if (!was)
		VEC_PUSH(&x->items, *item);
	return 0;
}

/* ---- URLs ---- */

/* The bundle that the caller's other programs are told of. */
static const char *
certificates(const struct project *p)
{
	static const char *const names[] = { "SSL_CERT_FILE", "CURL_CA_BUNDLE" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = project_env(p, str_z(names[i]));
		if (v && *v && file_exists(AT_FDCWD, v))
			return v;
	}
	return NULL;
}

static int
download(struct adding *x, struct str url, const struct digest *want, struct digest *out, uint64_t *size)
{
	struct project *p = x->w->project;
	struct blob_writer *to = NULL;
	struct http_answer answer = { 0 };
	if (p->opts.offline)
		return err_set(x->e, ERR_WORLD, "'" STR_FMT "' has to be fetched, and --offline forbids it", STR_ARG(url));
	struct http *h = http_new(x->e);
	int bad = h ? blob_begin(p->cache->blobs, &to, x->e) : -1;
	const struct http_request r = { .method = "GET", .url = url, .redirects = true, .to = to, .ca_file = certificates(p), .stop = &x->w->stop };
	if (bad == 0)
		bad = http_do(h, &r, &x->w->arena, &answer, x->e);
	if (bad == 0 && answer.status != 200)
		bad = err_set(x->e, ERR_WORLD, "'" STR_FMT "' is not to be had: status %d", STR_ARG(url), answer.status);
	if (bad == 0) {
		bad = blob_commit(to, want, out, size, x->e);
		if (bad < 0 && x->e->code == ERR_DAMAGED)
			(void)err_set(x->e, ERR_WORLD, "'" STR_FMT "' has another content than --checksum says", STR_ARG(url));
	} else {
		blob_abort(to);
	}
	http_free(h);
	return bad;
}

static struct str
name_of(struct str url)
{
	struct str path = str_cut(str_cut(url, '#').head, '?').head;
	path = str_drop(path, str_find(path, STR("://")) + 3);
	const struct str_cut c = str_cut(path, '/');
	return c.ok ? path_base(c.tail) : (struct str){ 0 };
}

static int
url(struct adding *x, struct str source)
{
	struct digest want, have;
	uint64_t size = 0;
	struct str text = x->o->checksum;
	if (text.n == 0)
		(void)docker_pair_get(&x->out->fetched_before, source, &text);
	const bool named = text.n > 0;
	if (named && !digest_parse(text, false, &want))
		return err_set(x->e, ERR_INPUT, "--checksum takes sha256: and 64 hexadecimal digits, not '" STR_FMT "'", STR_ARG(str_take(text, 100)));
	if (named && blobs_has(x->w->project->cache->blobs, &want, &size))
		have = want;
	else if (download(x, source, named ? &want : NULL, &have, &size) < 0)
		return -1;
	x->out->fetched.v[x->out->fetched.n++] = (struct ir_pair){ source, digest_str(&have, &x->w->arena) };
	bool was = false;
	if (x->o->unpack == 1 && unpack(x, &have, &was) < 0)
		return -1;
	if (was)
		return 0;
	const struct str name = name_of(source);
	if (name.n == 0 && x->o->dest_folder)
		return err_set(x->e, ERR_INPUT, "'" STR_FMT "' has no file name; name the destination without '/' at the end", STR_ARG(source));
	VEC_PUSH(&x->items, ((struct docker_item){ .type = DOCKER_ITEM_FILE, .to = name.n > 0 ? name : STR("index"), .leaf = true, .mode = 0600,
						   .digest = have, .size = size, .blob = true }));
	return 0;
}

/* ---- repositories ---- */

static int
git(struct adding *x, const char *folder, const char *const *words, struct buf *out)
{
	const char *argv[16] = { "git" };
	AUTO_BUF said = { 0 };
	struct proc_end end;
	size_t n = 1;
	AUTO_FD at = file_open_dir(AT_FDCWD, folder, x->e);
	for (; words[n - 1] && n < 15; n++)
		argv[n] = words[n - 1];
	if (at < 0)
		return -1;
	const struct proc_opts o = { .argv = argv, .envp = x->w->project->opts.environ_, .cwd = at };
	if (proc_run(&o, (struct str){ 0 }, 1 << 20, GIT_MS, out, &said, &end, x->e) < 0)
		return -1;
	if (end.status == 0)
		return 0;
	const struct str text = buf_str(&said);
	return err_set(x->e, ERR_WORLD, "git %s: " STR_FMT, words[0], STR_ARG(str_trim(str_drop(text, text.n > 400 ? text.n - 400 : 0))));
}

static int
check_out(struct adding *x, const char *folder, const char *from, const char *ref, struct str *commit)
{
	AUTO_BUF head = { 0 };
	if (git(x, folder, (const char *const[]){ "init", "-q", NULL }, NULL) < 0 ||
	    git(x, folder, (const char *const[]){ "remote", "add", "origin", "--", from, NULL }, NULL) < 0 ||
	    git(x, folder, (const char *const[]){ "fetch", "-q", "--depth=1", "--no-tags", "origin", "--", ref, NULL }, NULL) < 0 ||
	    git(x, folder, (const char *const[]){ "checkout", "-q", "FETCH_HEAD", NULL }, NULL) < 0 ||
	    git(x, folder, (const char *const[]){ "submodule", "update", "-q", "--init", "--recursive", "--depth=1", NULL }, NULL) < 0 ||
	    git(x, folder, (const char *const[]){ "rev-parse", "HEAD", NULL }, &head) < 0)
		return -1;
	*commit = arena_str(&x->w->arena, str_trim(buf_str(&head)));
	return 0;
}

static int
take_tree(struct adding *x, struct str folder, struct str below)
{
	struct arena *a = &x->w->arena;
	struct tree t;
	const struct str root = below.n > 0 ? path_join(a, folder, below) : folder;
	if (tree_scan(AT_FDCWD, arena_z(a, root), NULL, a, &t, x->e) < 0)
		return -1;
	for (size_t i = 0; i < t.n; i++) {
		const struct tree_entry *f = &t.v[i];
		struct docker_item item = { .to = f->path, .from = path_join(a, root, f->path), .target = f->target, .digest = f->digest, .size = f->size };
		if (!x->o->keep_git && (str_is(f->path, ".git") || str_starts(f->path, STR(".git/"))))
			continue;
		item.type = f->type == TREE_FOLDER ? DOCKER_ITEM_FOLDER : f->type == TREE_LINK ? DOCKER_ITEM_LINK : DOCKER_ITEM_FILE;
		item.mode = f->type == TREE_FILE ? 0644 : 0755;
		VEC_PUSH(&x->items, item);
	}
	x->many = true;
	return 0;
}

static int
repository(struct adding *x, struct str source)
{
	struct project *p = x->w->project;
	struct arena *a = &x->w->arena;
	const struct str_cut c = str_cut(source, '#'), r = str_cut(c.tail, ':');
	struct str ref = r.head.n > 0 ? r.head : STR("HEAD"), folder, commit = { 0 }, below = r.tail;
	const char *home;
	if (p->opts.offline)
		return err_set(x->e, ERR_WORLD, "'" STR_FMT "' has to be fetched, and --offline forbids it", STR_ARG(source));
	(void)docker_pair_get(&x->out->fetched_before, source, &ref);
	below = path_clean(a, below.n > 0 ? below : STR("."));
	if (!path_inside(below, STR(".")) || str_starts(ref, STR("-")) || str_starts(c.head, STR("-")))
		return err_set(x->e, ERR_INPUT, "'" STR_FMT "' is no repository", STR_ARG(source));
	if (docker_scratch(p, a, &folder, x->e) < 0)
		return -1;
	x->out->scratch = folder;
	home = arena_z(a, folder);
	if (check_out(x, home, arena_z(a, c.head), arena_z(a, ref), &commit) < 0)
		return -1;
	x->out->fetched.v[x->out->fetched.n++] = (struct ir_pair){ source, commit };
	return take_tree(x, folder, str_is(below, ".") ? (struct str){ 0 } : below);
}

/* ---- all of it ---- */

int
docker_add_items(struct docker_work *w, const struct docker_operands *o, const struct docker_selection *in, struct docker_added *out, struct err *e)
{
	struct adding x = { .w = w, .o = o, .out = out, .many = in->many, .e = e };
	int bad = 0;
	out->fetched.v = arena_array(&w->arena, struct ir_pair, o->nremotes + 1);
	for (size_t i = 0; i < in->n && bad == 0; i++)
		bad = take_item(&x, &in->v[i]);
	for (size_t i = 0; i < o->nremotes && bad == 0; i++)
		bad = docker_repository(o->remotes[i]) ? repository(&x, o->remotes[i]) : url(&x, o->remotes[i]);
	if (bad == 0) {
		out->files.v = arena_array(&w->arena, struct docker_item, x.items.n + 1);
		if (x.items.n > 0)
			memcpy(out->files.v, x.items.v, x.items.n * sizeof *x.items.v);
		out->files.n = x.items.n;
		out->files.many = x.many || o->nsources + o->nremotes > 1;
		docker_selection_sort(&out->files);
	}
	VEC_DONE(&x.items);
	return bad;
}

void
docker_added_done(struct docker_added *x, struct arena *a)
{
	if (x->scratch.n > 0)
		(void)file_remove_tree(AT_FDCWD, arena_z(a, x->scratch), NULL);
}
