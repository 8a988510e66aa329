/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/file.h"

static const int64_t PAUSE_FIRST = NS_PER_MS, PAUSE_MOST = 20 * NS_PER_MS;

static int
open_lock(int at, const char *path, bool shared, struct err *e)
{
	struct err why;
	const int fd = file_open(at, path, O_RDWR | O_CREAT, 0666, &why);
	if (fd >= 0)
		return fd;
	/* A reader may lock what it cannot write. */
	if (shared && (why.code == ERR_DENIED || why.code == ERR_FULL))
		return file_open(at, path, O_RDONLY, 0, e);
	if (e)
		*e = why;
	return -1;
}

/* Does path still lead to the file that fd locks? Somebody may have removed it between open and lock. */
static bool
is_current(int fd, int at, const char *path)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstatat(at, path, &b, 0) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void
pause_for(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	(void)nanosleep(&t, NULL); /* a signal only makes the next look come earlier */
}

/* The kernel cannot wait for a file lock with a deadline, so one with a deadline asks again in growing pauses. */
static int
wait_for(int fd, const char *path, bool shared, int64_t deadline, struct err *e)
{
	struct flock want = { .l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	int64_t pause = PAUSE_FIRST;
	while (fcntl(fd, deadline < 0 ? F_OFD_SETLKW : F_OFD_SETLK, &want) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EACCES)
			return err_os(e, "lock '%s'", path);
		const int64_t left = deadline - clock_mono();
		if (left <= 0)
			return err_set(e, ERR_BUSY, "lock '%s': another process holds it", path);
		pause_for(pause < left ? pause : left);
		pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
	}
	return 0;
}

int
lock_take(int at, const char *path, bool shared, int timeout_ms, struct err *e)
{
	const int64_t deadline = timeout_ms < 0 ? -1 : clock_mono() + timeout_ms * NS_PER_MS;
	for (;;) {
		AUTO_FD fd = open_lock(at, path, shared, e);
		if (fd < 0 || wait_for(fd, path, shared, deadline, e) < 0)
			return -1;
		if (!is_current(fd, at, path))
			continue;
		const int locked = fd;
		fd = -1;
		return locked;
	}
}

int
lock_open(int at, const char *path, struct err *e)
{
	return open_lock(at, path, false, e);
}

static int
set_byte(int fd, short type, uint64_t place)
{
	struct flock want = { .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)place, .l_len = 1 };
	int r;
	do
		r = fcntl(fd, F_OFD_SETLK, &want);
	while (r < 0 && errno == EINTR);
	return r;
}

int
lock_byte(int fd, uint64_t place, struct err *e)
{
	if (set_byte(fd, F_WRLCK, place) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, ERR_BUSY, "lock byte %llu: another process holds it", (unsigned long long)place);
	return err_os(e, "lock byte %llu", (unsigned long long)place);
}

void
lock_give_byte(int fd, uint64_t place)
{
	(void)set_byte(fd, F_UNLCK, place); /* it can only fail for want of memory; then closing fd gives it */
}
