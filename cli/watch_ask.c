/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/watch.h"
#include "hashing/fp.h"
#include "rules/snapshot.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { PATIENCE_MS = 200 };

struct str
watch_folder(struct str cache, struct str root, struct arena *a)
{
	const struct fp fp = fp_of(root);
	return arena_printf(a, STR_FMT "/watch/%016llx%016llx", STR_ARG(cache), (unsigned long long)fp.hi, (unsigned long long)fp.lo);
}

const char *
watch_socket(int folder, struct arena *a)
{
	return arena_printf(a, "/proc/self/fd/%d/socket", folder).p;
}

static int
connect_to(int folder, struct arena *a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
	const char *path = watch_socket(folder, a);
	AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		return -1;
	const int got = fd;
	fd = -1;
	return got;
}

static bool
talk(int fd, struct str question, const char *cookie, struct buf *answer)
{
	AUTO_BUF b = { 0 };
	buf_u32(&b, WATCH_VERSION);
	buf_text(&b, question);
	buf_text(&b, str_z(cookie));
	if (b.n > WATCH_PACKET_MOST || send(fd, b.p, b.n, MSG_NOSIGNAL) != (ssize_t)b.n)
		return false;
	buf_reserve(answer, WATCH_PACKET_MOST);
	const ssize_t n = recv(fd, answer->p, WATCH_PACKET_MOST, 0);
	answer->n = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool
read_answer(struct str bytes, const char *const *environ_, struct arena *a, struct str *answer)
{
	struct rd r = { .rest = bytes };
	const uint32_t version = rd_u32(&r);
	if (r.bad || version != WATCH_VERSION || rd_u8(&r) != 1)
		return false;
	const struct str text = rd_text(&r);
	const int64_t expiry = (int64_t)rd_u64(&r);
	const uint32_t n = rd_u32(&r);
	if (r.bad || clock_real() >= expiry)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct snapshot_var x = { .name = rd_text(&r) };
		x.set = rd_u8(&r) != 0;
		x.value.hi = rd_u64(&r);
		x.value.lo = rd_u64(&r);
		if (r.bad || !snapshot_same_var(&x, environ_))
			return false;
	}
	*answer = arena_str(a, text);
	return true;
}

bool
watch_ask(struct str cache, struct str root, struct str question, const char *const *environ_, struct arena *a, struct str *answer)
{
	char cookie[48];
	uint64_t number = 0;
	AUTO_BUF got = { 0 };
	AUTO_FD folder = open(arena_z(a, watch_folder(cache, root, a)), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return false;
	AUTO_FD fd = connect_to(folder, a);
	if (fd < 0)
		return false;
	(void)!getrandom(&number, sizeof number, GRND_NONBLOCK); /* the process is in the name as well */
	snprintf(cookie, sizeof cookie, WATCH_COOKIE "%d-%016llx", (int)getpid(), (unsigned long long)number);
	AUTO_FD made = openat(folder, cookie, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (made < 0)
		return false;
	const bool told = talk(fd, question, cookie, &got);
	(void)unlinkat(folder, cookie, 0); /* one that stays is removed by the next watch */
	return told && read_answer(buf_str(&got), environ_, a, answer);
}
