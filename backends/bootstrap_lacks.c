/* SPDX-License-Identifier: Apache-2.0
 *
 * What mmdebstrap needs to run as somebody who is not root: a user namespace with the 65,536 ids that packages may name, which newuidmap gives to whom
 * /etc/subuid and /etc/subgid allow it.
 */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/bootstrap.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/proc.h"

enum { IDS_NEEDED = 65536, FILE_MOST = 1 << 20 };

bool
bootstrap_ids_allowed(struct str text, struct str name, unsigned uid)
{
	AUTO_BUF number = { 0 };
	buf_printf(&number, "%u", uid);
	while (text.n) {
		const struct str_cut line = str_cut(text, '\n'), who = str_cut(line.head, ':'), from = str_cut(who.tail, ':');
		uint64_t first, count;
		text = line.tail;
		const bool mine = (name.n && str_eq(who.head, name)) || str_eq(who.head, buf_str(&number));
		if (mine && str_u64(from.head, &first) && str_u64(str_trim(from.tail), &count) && count >= IDS_NEEDED)
			return true;
	}
	return false;
}

static bool
allowed(const char *file, const struct passwd *me)
{
	AUTO_BUF text = { 0 };
	return file_read(AT_FDCWD, file, FILE_MOST, &text, NULL) == 0 &&
	       bootstrap_ids_allowed(buf_str(&text), me ? str_z(me->pw_name) : (struct str){ 0 }, (unsigned)getuid());
}

struct str
bootstrap_lacks(struct arena *a, struct str *mend)
{
	const char *path = getenv("PATH");
	struct passwd *me = getpwuid(getuid());
	struct str where;
	struct err e;
	*mend = (struct str){ 0 };
	if (geteuid() == 0)
		return (struct str){ 0 };
	if (!proc_find("newuidmap", path ? path : "", a, &where)) {
		*mend = STR("apt-get install uidmap");
		return STR("without root it needs newuidmap");
	}
	if (!allowed("/etc/subuid", me) || !allowed("/etc/subgid", me)) {
		*mend = arena_printf(a, "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", me ? me->pw_name : "NAME");
		return STR("without root it needs 65536 ids of this user in /etc/subuid and /etc/subgid");
	}
	if (jail_works(&e) < 0)
		return arena_printf(a, "without root it needs user namespaces: %s", e.text);
	return (struct str){ 0 };
}
