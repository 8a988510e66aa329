/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: what `pawl watch` and the other verbs say to each other.
 *
 * CACHE/watch/HEX/ belongs to a project (HEX: fingerprint of its root): `socket`, on which the watching process answers, and cookies. One packet each way:
 *	question  u32 version | text question (session_question) | text cookie
 *	answer    u32 version | u8 known | text answer | u64 expiry | u32 n x { text variable | u8 set | u64 hi | u64 lo }
 *
 * Before it asks, the client makes a file, the cookie, in that folder, which the watching process watches like all others. The kernel tells of changes in
 * the order in which they were made: when the process has heard of the cookie, it has heard of everything that happened before, and then it
 * answers. Whatever goes wrong (nobody is there, no answer within a moment, another version) ends in the ordinary comparison by stats.
 */
#ifndef PAWL_CLI_WATCH_H
#define PAWL_CLI_WATCH_H

#include "cli/session.h"

#define WATCH_VERSION 1
#define WATCH_PACKET_MOST 131072
#define WATCH_COOKIE "cookie-"

/* CACHE/watch/HEX */
struct str watch_folder(struct str cache, struct str root, struct arena *a);
/* "/proc/self/fd/N/socket" of an open folder: a path of any length for a socket address. */
const char *watch_socket(int folder, struct arena *a);

/* True: nothing has changed since the answer was right; it is in the arena. Asked before the cache is opened. */
bool watch_ask(struct str cache, struct str root, struct str question, const char *const *environ_, struct arena *a, struct str *answer);

#endif
