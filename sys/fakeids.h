/* SPDX-License-Identifier: Apache-2.0
 *
 * fakeids: owners that cannot be given are taken as given.
 *
 * In a user namespace with one id every chown to another fails, and package managers give up. From now on, in this process and all it starts, changes of
 * owner, group list and ids succeed and do nothing. Wants no_new_privs. On machines whose system calls it does not know it does nothing.
 */
#ifndef PAWL_SYS_FAKEIDS_H
#define PAWL_SYS_FAKEIDS_H

int fakeids_begin(void); /* 0, -1 with errno */

#endif
