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
lock_try_byte(int at, const char *path, uint64_t place, struct err *e)
{
	struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(place >> 1), .l_len = 1 };
	AUTO_FD fd = open_lock(at, path, false, e);
	if (fd < 0)
		return -1;
	while (fcntl(fd, F_OFD_SETLK, &want) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_set(e, ERR_BUSY, "lock '%s': another process holds it", path);
		if (errno != EINTR)
			return err_os(e, "lock '%s'", path);
	}
	const int locked = fd;
	fd = -1;
	return locked;
}
