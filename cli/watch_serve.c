/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch_serve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/watch.h"
#include "rules/snapshot.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { KNOWN_MOST = 64, CLIENTS_MOST = 64, COOKIE_MS = 100 };

struct watch_known {
	struct arena arena;
	struct str question;
	uint64_t block;        /* whose leaves are watched already; 0: none */
	bool right;
	uint64_t generation;   /* of the cover, when it was found right */
	struct str answer;     /* heap is the arena's; replaced with each look */
	struct buf packet;     /* the answer as it is sent */
	struct buf vars;
	uint32_t nvars;
};

struct watch_client {
	struct watch_server *w;
	int fd;
	loop_id id;
};

static void
know_leaf(void *ctx, struct str path, bool listing)
{
	cover_leaf(&((struct watch_server *)ctx)->cover, path, listing);
}

static struct watch_known *
find(struct watch_server *w, struct str question)
{
	for (size_t i = 0; i < w->known.n; i++)
		if (str_eq(w->known.v[i]->question, question))
			return w->known.v[i];
	if (w->known.n == KNOWN_MOST)
		return NULL;
	struct watch_known *k = mem_zalloc(sizeof *k);
	k->question = arena_str(&k->arena, question);
	VEC_PUSH(&w->known, k);
	return k;
}

struct looking {
	struct watch_server *w;
	struct watch_known *k;
};

static void
look_leaf(void *ctx, struct str path, bool listing)
{
	know_leaf(((struct looking *)ctx)->w, path, listing);
}

static void
look_var(void *ctx, const struct snapshot_var *x)
{
	struct watch_known *k = ((struct looking *)ctx)->k;
	buf_text(&k->vars, x->name);
	buf_u8(&k->vars, x->set);
	buf_u64(&k->vars, x->value.hi);
	buf_u64(&k->vars, x->value.lo);
	k->nvars++;
}

static void
encode(struct watch_known *k, const struct snapshot_facts *f)
{
	buf_reset(&k->packet);
	buf_u32(&k->packet, WATCH_VERSION);
	buf_u8(&k->packet, 1);
	buf_text(&k->packet, f->answer);
	buf_u64(&k->packet, (uint64_t)f->expiry);
	buf_u32(&k->packet, k->nvars);
	buf_put(&k->packet, buf_str(&k->vars));
}

/* The folders that were watched are others now, or notices were lost. */
static void
begin_anew(struct watch_server *w)
{
	struct err e;
	w->queue(w->ctx, false);
	if (cover_again(&w->cover, w->folder.p, &e) < 0) {
		w->cover.lacks = true;
		w->cover.why = e;
	}
	for (size_t i = 0; i < w->known.n; i++) {
		w->known.v[i]->right = false;
		w->known.v[i]->block = 0;
	}
	w->queue(w->ctx, w->cover.notice != NULL);
}

/* With the view open: watch, then compare; what comes meanwhile spoils it. */
static enum watch_seen
compare(struct watch_server *w, struct watch_known *k, struct view *v)
{
	const struct snapshot_key key = { w->s->root, k->question };
	struct looking l = { .w = w, .k = k };
	struct snapshot_facts f;
	struct str answer;
	buf_reset(&k->vars);
	k->nvars = 0;
	if (!snapshot_each(v, &key, k->block, look_leaf, look_var, &l, &f))
		return WATCH_NOTHING;
	k->block = f.id;
	cover_read(&w->cover);
	const uint64_t before = w->cover.generation;
	if (!snapshot_check(v, &key, w->root, NULL, &answer))
		return WATCH_CHANGED;
	cover_read(&w->cover);
	if (w->cover.generation != before)
		return WATCH_CHANGED;
	encode(k, &f);
	k->right = !w->cover.lacks && k->packet.n <= WATCH_PACKET_MOST;
	k->generation = before;
	return WATCH_SAME;
}

enum watch_seen
watch_look(struct watch_server *w, struct str question)
{
	struct view *v = NULL;
	if (w->cover.gone)
		begin_anew(w);
	struct watch_known *k = find(w, question);
	if (!k || !w->cover.notice || view_begin(w->s->cache->records, &v, NULL) < 0)
		return WATCH_NOTHING;
	k->right = false;
	const enum watch_seen seen = compare(w, k, v);
	view_end(v);
	return seen;
}

/* Hear everything that was before the cookie. False: it does not come. */
static bool
meet(struct watch_server *w, struct str cookie)
{
	const int64_t end = clock_mono() + COOKIE_MS * NS_PER_MS;
	for (cover_read(&w->cover); !cover_met(&w->cover, cookie) && clock_mono() < end; cover_read(&w->cover)) {
		struct pollfd fd = { .fd = notice_fd(w->cover.notice), .events = POLLIN };
		(void)poll(&fd, 1, COOKIE_MS); /* whatever it says, the queue is read again */
	}
	return cover_met(&w->cover, cookie);
}

/* NULL: it is not known to be right. */
static const struct watch_known *
right_now(struct watch_server *w, struct str question, struct str cookie)
{
	if (!w->cover.notice || !str_starts(cookie, STR(WATCH_COOKIE)) || !meet(w, cookie) || w->cover.gone)
		return NULL;
	for (size_t i = 0; i < w->known.n; i++)
		if (str_eq(w->known.v[i]->question, question))
			return w->known.v[i]->right && w->known.v[i]->generation == w->cover.generation ? w->known.v[i] : NULL;
	return NULL;
}

static void
drop(struct watch_client *c)
{
	struct watch_server *w = c->w;
	loop_remove(w->loop, c->id);
	file_closep(&c->fd);
	for (size_t i = 0; i < w->clients.n; i++)
		if (w->clients.v[i] == c) {
			w->clients.v[i] = w->clients.v[--w->clients.n];
			break;
		}
	free(c);
}

static void
answer(struct watch_client *c, struct str request)
{
	struct watch_server *w = c->w;
	struct rd r = { .rest = request };
	const uint32_t version = rd_u32(&r);
	const struct str question = rd_text(&r), cookie = rd_text(&r);
	if (r.bad || r.rest.n || version != WATCH_VERSION)
		return;
	const struct watch_known *k = right_now(w, question, cookie);
	AUTO_BUF no = { 0 };
	buf_u32(&no, WATCH_VERSION);
	buf_u8(&no, 0);
	const struct buf *b = k ? &k->packet : &no;
	(void)!send(c->fd, b->p, b->n, MSG_NOSIGNAL | MSG_DONTWAIT); /* who does not hear it asks the stats */
	if (!k && !w->busy(w->ctx))
		(void)watch_look(w, question); /* for the next time */
}

static void
request(void *ctx, uint32_t events)
{
	struct watch_client *c = ctx;
	AUTO_BUF b = { 0 };
	(void)events;
	buf_reserve(&b, WATCH_PACKET_MOST);
	const ssize_t n = recv(c->fd, b.p, WATCH_PACKET_MOST, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		answer(c, (struct str){ b.p, (size_t)n });
	drop(c);
}

static bool
is_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void
incoming(void *ctx, uint32_t events)
{
	struct watch_server *w = ctx;
	(void)events;
	AUTO_FD fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || w->clients.n == CLIENTS_MOST || !is_ours(fd))
		return;
	struct watch_client *c = mem_zalloc(sizeof *c);
	c->w = w;
	c->fd = fd;
	c->id = loop_fd(w->loop, fd, EPOLLIN, request, c, NULL);
	if (c->id == 0) {
		free(c);
		return;
	}
	fd = -1;
	VEC_PUSH(&w->clients, c);
}

/* Cookies whose maker was killed. */
static void
sweep(int at)
{
	struct arena a = { 0 };
	struct file_entry *v;
	size_t n;
	if (file_list(at, ".", &a, &v, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			if (str_starts(v[i].name, STR(WATCH_COOKIE)))
				(void)unlinkat(at, v[i].name.p, 0); /* tried again the next time */
	arena_done(&a);
}

static int
listen_there(struct watch_server *w, struct err *e)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	const char *path = watch_socket(w->at, &w->s->arena);
	memcpy(own.sun_path, path, strlen(path) + 1);
	(void)unlinkat(w->at, "socket", 0); /* of one that is dead: we have the claim */
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->listener < 0 || bind(w->listener, (const struct sockaddr *)&own, sizeof own) < 0 || listen(w->listener, CLIENTS_MOST) < 0)
		return err_os(e, "listen on '" STR_FMT "/socket'", STR_ARG(w->folder));
	w->accepting = loop_fd(w->loop, w->listener, EPOLLIN, incoming, w, e);
	return w->accepting ? 0 : -1;
}

int
watch_open(struct watch_server *w, struct session *s, struct loop *l, struct err *e)
{
	w->s = s;
	w->loop = l;
	w->at = w->root = w->listener = -1;
	w->folder = watch_folder(s->cache->folder, s->root, &s->arena);
	if (file_mkdirs(AT_FDCWD, w->folder.p, e) < 0 || chmod(w->folder.p, 0700) < 0 ||
	    (w->at = file_open_dir(AT_FDCWD, w->folder.p, e)) < 0 || (w->root = file_open_dir(AT_FDCWD, arena_z(&s->arena, s->root), e)) < 0)
		return -1;
	sweep(w->at);
	return cover_init(&w->cover, s->root, w->folder.p, e) < 0 ? -1 : listen_there(w, e);
}

void
watch_close(struct watch_server *w)
{
	while (w->clients.n)
		drop(w->clients.v[0]);
	loop_remove(w->loop, w->accepting);
	if (w->at >= 0)
		(void)unlinkat(w->at, "socket", 0); /* one that stays answers nobody */
	file_closep(&w->listener);
	file_closep(&w->at);
	file_closep(&w->root);
	cover_done(&w->cover);
	for (size_t i = 0; i < w->known.n; i++) {
		struct watch_known *k = w->known.v[i];
		buf_done(&k->packet);
		buf_done(&k->vars);
		arena_done(&k->arena);
		free(k);
	}
	VEC_DONE(&w->known);
	VEC_DONE(&w->clients);
}
