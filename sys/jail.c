/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "sys/file.h"
#include "sys/idmap.h"

/* What is under construction: a tmpfs, our working folder meanwhile, holds the links to the roots, the upper folder and the merged root. */
struct build {
	const struct jail *j;
	struct arena arena;
	bool user_ns;
	const char *upper, *work;
	int root; /* descriptor of the merged root */
	int *copies; /* by bind: its mounts with other owners (sys/idmap.h), or -1; NULL: none has any */
};

static int
write_proc(const char *path, const char *text, struct err *e)
{
	AUTO_FD fd = file_open(AT_FDCWD, path, O_WRONLY, 0, e);
	return fd < 0 ? -1 : file_write_all(fd, str_z(text), e);
}

/* One id inside, the caller's outside. */
static int
enter_user_namespace(struct build *b, struct err *e)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return err_os(e, "make a user namespace");
	struct str map = arena_printf(&b->arena, "%u %u 1\n", b->j->uid, (unsigned)uid);
	struct str groups = arena_printf(&b->arena, "%u %u 1\n", b->j->gid, (unsigned)gid);
	if (write_proc("/proc/self/setgroups", "deny", e) < 0 || write_proc("/proc/self/uid_map", map.p, e) < 0 ||
	    write_proc("/proc/self/gid_map", groups.p, e) < 0)
		return err_wrap(e, "map ids of the user namespace");
	return 0;
}

static int
mount_at(const char *what, const char *where, const char *type, unsigned long flags, const char *data, struct err *e)
{
	if (mount(what, where, type, flags, data) < 0)
		return err_os(e, "mount %s on '%s'", type ? type : what, where);
	return 0;
}

/* Links with short names keep the mount data below a page, and names with ':' or ',' out of it. */
static int
mount_overlay(struct build *b, struct err *e)
{
	const struct jail *j = b->j;
	AUTO_BUF data = { 0 };
	buf_puts(&data, "lowerdir=");
	for (size_t i = j->nroots; i-- > 0;) {
		char name[24];
		snprintf(name, sizeof name, "l%zu", i);
		if (symlink(j->roots[i], name) < 0)
			return err_os(e, "link '%s'", j->roots[i]);
		buf_printf(&data, "%s%s", name, i ? ":" : "");
	}
	buf_printf(&data, ",upperdir=%s,workdir=%s%s", b->upper, b->work, b->user_ns ? ",userxattr" : "");
	if (mkdir("m", 0755) < 0)
		return err_os(e, "make the mount point of the root");
	return mount_at("overlay", "m", "overlay", MS_NODEV, buf_z(&data), e);
}

/* Does anything that is still to be looked up lie below this folder? */
static bool
in_use(const struct jail *j, const char *place)
{
	struct str folder = str_z(place);
	for (size_t i = 0; i < j->nroots; i++)
		if (path_inside(str_z(j->roots[i]), folder))
			return true;
	for (size_t i = 0; i < j->nbinds; i++)
		if (path_inside(str_z(j->binds[i].from), folder))
			return true;
	return j->upper && path_inside(str_z(j->upper), folder);
}

/* A scratch file system, seen by us alone, on a folder that every machine has and that nothing of ours lies in. */
static int
make_base(struct build *b, struct err *e)
{
	static const char *const places[] = { "/mnt", "/media", "/srv", "/opt", "/boot", "/home", "/var" };
	if (mount_at(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (in_use(b->j, places[i]) || mount("pawl", places[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
			continue;
		return chdir(places[i]) < 0 ? err_os(e, "enter '%s'", places[i]) : 0;
	}
	return err_os(e, "mount a scratch file system on one of /mnt, /media, /srv, /opt, /boot, /home, /var");
}

static int
choose_upper(struct build *b, struct err *e)
{
	b->upper = "u";
	b->work = "w";
	if (b->j->upper) {
		if (symlink(b->j->upper, "up") < 0)
			return err_os(e, "link '%s'", b->j->upper);
		b->upper = "up/upper";
		b->work = "up/work";
	}
	if ((mkdir(b->upper, 0755) < 0 && errno != EEXIST) || (mkdir(b->work, 0755) < 0 && errno != EEXIST))
		return err_os(e, "make the folders that take changes");
	return 0;
}

/* Opens a path inside the root; links never lead out. */
static int
open_inside(struct build *b, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT };
	return (int)syscall(SYS_openat2, b->root, path, &how, sizeof how);
}

static int
mkdirs_inside(struct build *b, const char *path, struct err *e)
{
	char *z = arena_z(&b->arena, str_z(path));
	for (char *p = z + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char end = *p;
		*p = '\0';
		AUTO_FD there = open_inside(b, z, O_PATH | O_DIRECTORY, 0);
		if (there < 0) {
			char *slash = strrchr(z, '/');
			const char *name = slash + 1;
			*slash = '\0';
			AUTO_FD parent = open_inside(b, *z ? z : "/", O_PATH | O_DIRECTORY, 0);
			*slash = '/';
			if (*name && (parent < 0 || mkdirat(parent, name, 0755) < 0))
				return err_os(e, "make '%s' in the image", path);
		}
		*p = end;
		if (!end)
			return 0;
	}
}

/* A mount point for `from`: a folder for a folder, an empty file for anything else. Its descriptor, O_PATH. */
static int
make_point(struct build *b, const char *to, bool folder, struct err *e)
{
	if (folder) {
		if (mkdirs_inside(b, to, e) < 0)
			return -1;
	} else {
		struct arena *a = &b->arena;
		if (mkdirs_inside(b, arena_z(a, path_dir(str_z(to))), e) < 0)
			return -1;
		AUTO_FD made = open_inside(b, to, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644);
		(void)made; /* a link or another file that is there is mounted over just as well */
	}
	int fd = open_inside(b, to, O_PATH, 0);
	return fd < 0 ? err_os(e, "find '%s' in the image", to) : fd;
}

/* copy: what idmap_copy gave for it, or -1. */
static int
bind_one(struct build *b, const struct jail_bind *bind, int copy, struct err *e)
{
	struct stat st;
	if (stat(bind->from, &st) < 0)
		return bind->optional ? 0 : err_os(e, "share '%s' with the image", bind->from);
	AUTO_FD point = make_point(b, bind->to, S_ISDIR(st.st_mode), e);
	if (point < 0)
		return -1;
	char target[64];
	snprintf(target, sizeof target, "/proc/self/fd/%d", point);
	if ((copy >= 0 ? idmap_attach(copy, target, e) : mount_at(bind->from, target, NULL, MS_BIND | MS_REC, NULL, e)) < 0)
		return err_wrap(e, "share '%s' with the image", bind->from);
	if (!bind->read_only)
		return 0;
	/* The descriptor is of the place below the mount: look it up again to reach what was mounted. */
	AUTO_FD on = open_inside(b, bind->to, O_PATH, 0);
	snprintf(target, sizeof target, "/proc/self/fd/%d", on);
	unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
	if (mount(NULL, target, NULL, flags, NULL) < 0 && mount(NULL, target, NULL, flags | MS_NOEXEC, NULL) < 0)
		return err_os(e, "make '%s' read-only in the image", bind->to);
	return 0;
}

static int
bind_devices(struct build *b, struct err *e)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
	static const char *const links[][2] = { { "/proc/self/fd", "fd" },
						{ "/proc/self/fd/0", "stdin" },
						{ "/proc/self/fd/1", "stdout" },
						{ "/proc/self/fd/2", "stderr" } };
	char target[64];
	AUTO_FD point = make_point(b, "/dev", true, e);
	if (point < 0)
		return -1;
	snprintf(target, sizeof target, "/proc/self/fd/%d", point);
	if (mount_at("dev", target, "tmpfs", MS_NOSUID, "mode=0755", e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		if (bind_one(b, &(struct jail_bind){ .from = devices[i], .to = devices[i], .optional = true }, -1, e) < 0)
			return -1;
	AUTO_FD dev = open_inside(b, "/dev", O_RDONLY | O_DIRECTORY, 0);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			return err_os(e, "make /dev/%s in the image", links[i][1]);
	if (mkdirat(dev, "shm", 0755) < 0)
		return err_os(e, "make /dev/shm in the image");
	AUTO_FD shm = open_inside(b, "/dev/shm", O_PATH, 0);
	snprintf(target, sizeof target, "/proc/self/fd/%d", shm);
	return mount_at("shm", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", e);
}

static int
mount_inside(struct build *b, const char *where, const char *type, unsigned long flags, const char *data, struct err *e)
{
	char target[64];
	AUTO_FD point = make_point(b, where, true, e);
	if (point < 0)
		return -1;
	snprintf(target, sizeof target, "/proc/self/fd/%d", point);
	return mount_at(type, target, type, flags, data, e);
}

/* In the new namespaces, as their init: everything up to the new root. */
static int
build_root(struct build *b, struct err *e)
{
	const struct jail *j = b->j;
	if (make_base(b, e) < 0 || choose_upper(b, e) < 0 || mount_overlay(b, e) < 0)
		return -1;
	b->root = open("m", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0)
		return err_os(e, "open the root");
	if (mount_inside(b, "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, e) < 0 || bind_devices(b, e) < 0 ||
	    mount_inside(b, "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777", e) < 0)
		return -1;
	for (size_t i = 0; i < j->nbinds; i++)
		if (bind_one(b, &j->binds[i], b->copies ? b->copies[i] : -1, e) < 0)
			return -1;
	if (j->workdir && mkdirs_inside(b, j->workdir, e) < 0)
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

/* What Docker and Podman leave to a container's root. */
static int
drop_capabilities(struct err *e)
{
	static const int kept[] = { CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,      CAP_FSETID,           CAP_KILL,    CAP_SETGID,
				    CAP_SETUID, CAP_SETPCAP,      CAP_SETFCAP,     CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT };
	uint64_t keep = 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		keep |= UINT64_C(1) << kept[i];
	for (int c = 0; c <= CAP_LAST_CAP; c++)
		if (!(keep >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EINVAL)
			return err_os(e, "give up capabilities");
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted = (uint32_t)(keep >> (32 * i));
	if (syscall(SYS_capset, &head, data) < 0)
		return err_os(e, "give up capabilities");
	return 0;
}

/* The command's own process: identity, privileges, exec. */
static void
become(struct build *b)
{
	const struct jail *j = b->j;
	struct err e;
	if (drop_capabilities(&e) < 0) { /* what changes ids is kept */
		dprintf(STDERR_FILENO, "pawl: %s\n", e.text);
		_exit(126);
	}
	if ((!b->user_ns && (setgroups(0, NULL) < 0 || setgid(j->gid) < 0 || setuid(j->uid) < 0)) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		dprintf(STDERR_FILENO, "pawl: become user %u:%u: %s\n", j->uid, j->gid, strerror(errno));
		_exit(126);
	}
	signal(SIGPIPE, SIG_DFL);
	execvpe(j->argv[0], (char *const *)j->argv, (char *const *)j->envp);
	int why = errno;
	dprintf(STDERR_FILENO, "pawl: '%s' cannot be started in the image: %s\n", j->argv[0], strerror(why));
	_exit(why == ENOENT ? 127 : 126);
}

static int
exit_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Pid 1 of the namespace: builds the root, starts the command, reaps until the command has ended. Failures go through `report`. */
static void
init_main(struct build *b, int report)
{
	struct err e = { 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (build_root(b, &e) < 0) {
		(void)!write(report, &e, sizeof e); /* the parent sees the end of the pipe in any case */
		_exit(125);
	}
	pid_t command = fork();
	if (command == 0) {
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		become(b);
	}
	close(report);
	for (int status;;) {
		pid_t pid = wait(&status);
		if (pid == command)
			_exit(exit_of(status));
		if (pid < 0 && errno == ECHILD)
			_exit(125);
	}
}

static int
enter_namespaces(struct build *b, struct err *e)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (b->j->network ? 0 : CLONE_NEWNET);
	if (b->user_ns && enter_user_namespace(b, e) < 0)
		return -1;
	if (unshare(flags) < 0)
		return err_os(e, "make namespaces");
	return 0;
}

/* As root for another user: what can be written outside is shown as his. False: the kernel or a file system cannot do that. */
static bool
copy_binds(struct build *b)
{
	const struct jail *j = b->j;
	AUTO_FD idmap = idmap_open(j->uid, j->gid, NULL);
	int *copies = arena_array(&b->arena, int, j->nbinds + 1);
	bool all = idmap >= 0;
	for (size_t i = 0; i < j->nbinds; i++) {
		struct stat st;
		copies[i] = -1;
		if (all && !j->binds[i].read_only && stat(j->binds[i].from, &st) == 0) {
			copies[i] = idmap_copy(idmap, j->binds[i].from, NULL);
			all = copies[i] >= 0;
		}
	}
	for (size_t i = 0; i < j->nbinds && !all; i++)
		file_closep(&copies[i]);
	b->copies = all ? copies : NULL;
	return all;
}

int
jail_run(const struct jail *j, int *status, struct err *e)
{
	struct build b = { .j = j, .root = -1, .user_ns = geteuid() != 0 };
	int report[2], raw = 0;
	struct err inner;
	if (!b.user_ns && (j->uid != 0 || j->gid != 0))
		b.user_ns = !copy_binds(&b);
	if (enter_namespaces(&b, e) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	pid_t init = fork();
	if (init < 0) {
		close(report[0]);
		close(report[1]);
		return err_os(e, "start a process in the namespaces");
	}
	if (init == 0)
		init_main(&b, report[1]);
	close(report[1]);
	signal(SIGTERM, SIG_IGN); /* the command gets them itself; we only pass on how it ended */
	signal(SIGINT, SIG_IGN);
	ssize_t n = read(report[0], &inner, sizeof inner);
	close(report[0]);
	while (waitpid(init, &raw, 0) < 0 && errno == EINTR)
		;
	arena_done(&b.arena);
	if (n == (ssize_t)sizeof inner) {
		*e = inner;
		return -1;
	}
	*status = exit_of(raw);
	return 0;
}

int
jail_works(struct err *e)
{
	int report[2];
	struct err inner;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_os(e, "make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		const struct jail j = { .uid = 0, .gid = 0, .network = true };
		struct build b = { .j = &j, .user_ns = geteuid() != 0 };
		struct err failed;
		if (enter_namespaces(&b, &failed) < 0) {
			(void)!write(report[1], &failed, sizeof failed);
			_exit(1);
		}
		_exit(0);
	}
	close(report[1]);
	ssize_t n = pid < 0 ? 0 : read(report[0], &inner, sizeof inner);
	close(report[0]);
	if (pid < 0)
		return err_os(e, "start a process");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n == (ssize_t)sizeof inner) {
		*e = inner;
		return -1;
	}
	return 0;
}
