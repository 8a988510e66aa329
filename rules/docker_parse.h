/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_parse: instructions with all their parts, still with their variables. What is wrong goes to the text's mistakes, by line, and the
 * instruction then has kind DOCKER_BROKEN: nothing else of the file is lost. Everything lives in the text's arena.
 *
 * Parts by kind:
 *	FROM                     words: image [AS name]                 RUN CMD ENTRYPOINT SHELL    exec: words; else rest
 *	COPY ADD                 words: sources and destination         VOLUME EXPOSE               words
 *	ENV LABEL ARG            pairs                                  WORKDIR USER STOPSIGNAL     rest
 *	HEALTHCHECK              none, or exec: words, else rest        ONBUILD                     trigger
 */
#ifndef PAWL_RULES_DOCKER_PARSE_H
#define PAWL_RULES_DOCKER_PARSE_H

#include "rules/docker_lex.h"

#define DOCKER_KINDS(X)                       \
	X(DOCKER_BROKEN, "")                  \
	X(DOCKER_ADD, "ADD")                  \
	X(DOCKER_ARG, "ARG")                  \
	X(DOCKER_CMD, "CMD")                  \
	X(DOCKER_COPY, "COPY")                \
	X(DOCKER_ENTRYPOINT, "ENTRYPOINT")    \
	X(DOCKER_ENV, "ENV")                  \
	X(DOCKER_EXPOSE, "EXPOSE")            \
	X(DOCKER_FROM, "FROM")                \
	X(DOCKER_HEALTHCHECK, "HEALTHCHECK")  \
	X(DOCKER_LABEL, "LABEL")              \
	X(DOCKER_MAINTAINER, "MAINTAINER")    \
	X(DOCKER_ONBUILD, "ONBUILD")          \
	X(DOCKER_RUN, "RUN")                  \
	X(DOCKER_SHELL, "SHELL")              \
	X(DOCKER_STOPSIGNAL, "STOPSIGNAL")    \
	X(DOCKER_USER, "USER")                \
	X(DOCKER_VOLUME, "VOLUME")            \
	X(DOCKER_WORKDIR, "WORKDIR")

enum docker_kind {
#define X(id, name) id,
	DOCKER_KINDS(X)
#undef X
};
const char *docker_kind_name(enum docker_kind k);

struct docker_word {
	struct str text;   /* as written, quotes and variables included; of a JSON list: decoded */
	struct place at;
};

struct docker_flag {
	struct str name;   /* "chown" */
	struct docker_word value;
	bool has_value;
	struct place at;
};

struct docker_pair {
	struct docker_word name, value;
	bool has_value;    /* ARG NAME alone has none */
};

enum docker_mount_type { DOCKER_MOUNT_BIND, DOCKER_MOUNT_CACHE, DOCKER_MOUNT_TMPFS, DOCKER_MOUNT_SECRET, DOCKER_MOUNT_SSH };
enum docker_sharing { DOCKER_SHARED, DOCKER_PRIVATE, DOCKER_LOCKED };

struct docker_mount {
	enum docker_mount_type type;
	struct str from, source, target, id, env; /* with their variables */
	bool read_only, required;
	enum docker_sharing sharing;
	uint64_t size;     /* tmpfs; 0: no limit of its own */
	uint32_t mode, uid, gid;
	bool has_mode;
	struct place at;
};

struct docker_instruction {
	enum docker_kind kind;
	enum docker_kind named;    /* the same, also of a broken one whose name is known */
	size_t line;               /* index of the logical line */
	struct place at;           /* of its name */
	struct str source;         /* the whole logical line */
	struct docker_flag *flags;
	size_t nflags;
	struct docker_mount *mounts;
	size_t nmounts;
	bool exec;                 /* the JSON form */
	bool none;                 /* HEALTHCHECK NONE */
	struct docker_word rest;   /* what follows the flags */
	struct docker_word *words;
	size_t nwords;
	struct docker_pair *pairs;
	size_t npairs;
	const struct docker_heredoc *heredocs;
	size_t nheredocs;
	struct docker_instruction *trigger;
};

/* All lines of t, in order. */
struct docker_instruction *docker_parse(struct docker_text *t, size_t *n);
/* A flag by name; NULL: it is not there. Of several the last. */
const struct docker_flag *docker_flag(const struct docker_instruction *in, const char *name);
bool docker_flag_on(const struct docker_instruction *in, const char *name); /* --link, --link=true */

/* docker_words.c: a list such as ["a", "b"] with nothing behind it. 1: it is; 0: it is none; -1: it is one of other things than texts. */
int docker_json_words(struct str text, struct arena *a, struct str **out, size_t *n);
/* docker_mount.c: "type=cache,target=/x"; NULL and *wrong, *why otherwise. */
bool docker_mount_parse(struct str value, struct arena *a, struct docker_mount *out, struct str *wrong, const char **why);

#endif
