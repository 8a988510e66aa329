/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "sys/file.h"
#include "sys/idmap.h"
#include "sys/jail_inside.h"

/* Does anything that is still to be looked up lie below this folder? */
static bool
in_use(const struct jail *j, const char *place)
{
	struct str folder = str_z(place);
	for (size_t i = 0; i < j->nroots; i++)
		if (path_inside(str_z(j->roots[i]), folder))
			return true;
	for (size_t i = 0; i < j->nbinds; i++) {
		const struct jail_bind *x = &j->binds[i];
		if (x->type == JAIL_PATH && path_inside(str_z(x->from), folder))
			return true;
		for (size_t k = 0; x->type == JAIL_TREE && k < x->nroots; k++)
			if (path_inside(str_z(x->roots[k]), folder))
				return true;
	}
	return j->upper && path_inside(str_z(j->upper), folder);
}

/* A scratch file system, seen by us alone, on a folder that every machine has and that nothing of ours lies in. */
static int
make_base(struct jail_build *b, struct err *e)
{
	static const char *const places[] = { "/mnt", "/media", "/srv", "/opt", "/boot", "/home", "/var" };
	if (jail_mount_at(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (in_use(b->j, places[i]) || mount("pawl", places[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
			continue;
		b->base = places[i];
		return chdir(places[i]) < 0 ? err_os(e, "enter '%s'", places[i]) : 0;
	}
	return err_os(e, "mount a scratch file system on one of /mnt, /media, /srv, /opt, /boot, /home, /var");
}

/* A volatile overlay leaves a mark in its work folder that no second one takes. */
static int
choose_work(struct jail_build *b, struct err *e)
{
	if (mkdir(b->upper, 0755) < 0 && errno != EEXIST)
		return err_os(e, "make the folder that takes changes");
	for (unsigned i = 0; i < 1000; i++) {
		b->work = arena_printf(&b->arena, "up/work%u", i).p;
		if (mkdir(b->work, 0755) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_os(e, "make the folder '%s'", b->work);
}

static int
choose_upper(struct jail_build *b, struct err *e)
{
	b->upper = "u";
	b->work = "w";
	if (b->j->upper) {
		if (symlink(b->j->upper, "up") < 0)
			return err_os(e, "link '%s'", b->j->upper);
		b->upper = "up/upper";
		b->work = "up/work";
	}
	if (b->j->upper && b->j->build)
		return choose_work(b, e);
	if ((mkdir(b->upper, 0755) < 0 && errno != EEXIST) || (mkdir(b->work, 0755) < 0 && errno != EEXIST))
		return err_os(e, "make the folders that take changes");
	return 0;
}

static int
bind_devices(struct jail_build *b, struct err *e)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
	static const char *const links[][2] = { { "/proc/self/fd", "fd" },
						{ "/proc/self/fd/0", "stdin" },
						{ "/proc/self/fd/1", "stdout" },
						{ "/proc/self/fd/2", "stderr" } };
	char target[64];
	if (jail_mount_inside(b, "/dev", "tmpfs", MS_NOSUID, "mode=0755", e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		if (jail_bind_one(b, &(struct jail_bind){ .from = devices[i], .to = devices[i], .optional = true }, SIZE_MAX, e) < 0)
			return -1;
	AUTO_FD dev = jail_open_inside(b, "/dev", O_RDONLY | O_DIRECTORY, 0);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			return err_os(e, "make /dev/%s in the image", links[i][1]);
	if (mkdirat(dev, "shm", 0755) < 0)
		return err_os(e, "make /dev/shm in the image");
	AUTO_FD shm = jail_open_inside(b, "/dev/shm", O_PATH, 0);
	snprintf(target, sizeof target, "/proc/self/fd/%d", shm);
	return jail_mount_at("shm", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", e);
}

/* A network of our own has its loopback down. */
static int
start_loopback(struct err *e)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return err_os(e, "start the loopback network");
	return 0;
}

static int
mount_all(struct jail_build *b, struct err *e)
{
	const struct jail *j = b->j;
	if (jail_mount_inside(b, "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, e) < 0 || bind_devices(b, e) < 0)
		return -1;
	if (!j->build && jail_mount_inside(b, "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", e) < 0)
		return -1;
	for (size_t i = 0; i < j->nbinds; i++)
		if (jail_bind_one(b, &j->binds[i], i, e) < 0)
			return -1;
	if (j->workdir && jail_mkdirs_inside(b, j->workdir, e) < 0)
		return -1;
	if (!j->build || !j->upper)
		return 0;
	AUTO_FD made = file_open(AT_FDCWD, "up/made", O_WRONLY | O_CREAT | O_APPEND, 0600, e);
	return made < 0 ? -1 : file_write_all(made, buf_str(&b->made), e);
}

int
jail_build_root(struct jail_build *b, struct err *e)
{
	const struct jail *j = b->j;
	if (make_base(b, e) < 0 || choose_upper(b, e) < 0 || jail_overlay(b, j->roots, j->nroots, "l", b->upper, b->work, "m", e) < 0)
		return -1;
	b->root = open("m", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0)
		return err_os(e, "open the root");
	if ((!j->network && start_loopback(e) < 0) || mount_all(b, e) < 0)
		return -1;
	if (fchdir(b->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_os(e, "enter the root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_os(e, "leave the host's root");
	if (chdir("/") < 0 || (j->workdir && chdir(j->workdir) < 0))
		return err_os(e, "enter '%s' in the image", j->workdir ? j->workdir : "/");
	if (j->hostname && sethostname(j->hostname, strlen(j->hostname)) < 0)
		return err_os(e, "set the host name");
	return 0;
}
