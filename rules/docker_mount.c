/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_parse.h"

struct field {
	struct str key, value;
	bool has_value;
};

static bool
truth(const struct field *f, bool *out)
{
	*out = !f->has_value || str_is(f->value, "true") || str_is(f->value, "1");
	return *out || str_is(f->value, "false") || str_is(f->value, "0");
}

static bool
number(struct str s, bool octal, uint32_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > (octal ? '7' : '9') || v > UINT32_MAX)
			return false;
		v = v * (octal ? 8 : 10) + (uint64_t)(s.p[i] - '0');
	}
	*out = (uint32_t)v;
	return s.n > 0 && v <= (octal ? 07777 : UINT32_MAX - 1);
}

/* "64m", "1gb", "4096": as Docker writes sizes, powers of 1024. */
static bool
size_of(struct str s, uint64_t *out)
{
	static const char units[] = "bkmgt";
	uint64_t n = 0;
	size_t i = 0;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		if (n > UINT64_MAX / 100)
			return false;
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	}
	const struct str unit = str_drop(s, i);
	if (i == 0)
		return false;
	unsigned shift = 0;
	if (unit.n > 0) {
		const size_t at = str_find_char(str_z(units), (char)(unit.p[0] | 0x20));
		const struct str behind = str_drop(unit, 1);
		if (at == SIZE_MAX || !(behind.n == 0 || str_is(behind, "b") || str_is(behind, "B") || str_is(behind, "ib") || str_is(behind, "iB")))
			return false;
		shift = (unsigned)at * 10;
	}
	if (n > UINT64_MAX >> 1 >> shift)
		return false;
	*out = n << shift;
	return true;
}

static bool
set_type(struct docker_mount *m, struct str v)
{
	static const char *const names[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_is(v, names[i])) {
			m->type = (enum docker_mount_type)i;
			return true;
		}
	}
	return false;
}

static bool
set_sharing(struct docker_mount *m, struct str v)
{
	static const char *const names[] = { "shared", "private", "locked" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_is(v, names[i])) {
			m->sharing = (enum docker_sharing)i;
			return true;
		}
	}
	return false;
}

/* Which types take a key; bits by enum docker_mount_type. */
#define BIND 1u
#define CACHE 2u
#define TMPFS 4u
#define SECRET 8u
#define SSH 16u
#define ALL 31u
static const struct {
	const char *name;
	unsigned types;
} KEYS[] = {
	{ "type", ALL },	      { "target", ALL },	  { "dst", ALL },	      { "destination", ALL },
	{ "source", BIND | CACHE | SECRET }, { "src", BIND | CACHE | SECRET }, { "from", BIND | CACHE }, { "ro", BIND | CACHE },
	{ "readonly", BIND | CACHE }, { "rw", BIND | CACHE },	  { "readwrite", BIND | CACHE }, { "id", CACHE | SECRET | SSH },
	{ "sharing", CACHE },	      { "required", SECRET | SSH }, { "size", TMPFS },	      { "mode", CACHE | SECRET | SSH },
	{ "uid", CACHE | SECRET | SSH }, { "gid", CACHE | SECRET | SSH }, { "env", SECRET },
};

static bool
known(struct str key, enum docker_mount_type type)
{
	for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
		if (str_is(key, KEYS[i].name))
			return KEYS[i].types & (1u << type);
	}
	return false;
}

/* A value with a variable in it cannot be judged before that is known. */
static bool
variable(struct str v)
{
	return str_find_char(v, '$') != SIZE_MAX;
}

static const char *
set(struct docker_mount *m, const struct field *f)
{
	bool on;
	if (!known(f->key, m->type))
		return "is no key of such a mount";
	if (str_is(f->key, "type"))
		return NULL;
	if (str_is(f->key, "ro") || str_is(f->key, "readonly"))
		return truth(f, &m->read_only) ? NULL : "is neither true nor false";
	if (str_is(f->key, "rw") || str_is(f->key, "readwrite")) {
		const bool good = truth(f, &on);
		m->read_only = !on;
		return good ? NULL : "is neither true nor false";
	}
	if (str_is(f->key, "required"))
		return truth(f, &m->required) ? NULL : "is neither true nor false";
	if (!f->has_value || f->value.n == 0)
		return "has no value";
	if (str_is(f->key, "target") || str_is(f->key, "dst") || str_is(f->key, "destination"))
		m->target = f->value;
	else if (str_is(f->key, "source") || str_is(f->key, "src"))
		m->source = f->value;
	else if (str_is(f->key, "from"))
		m->from = f->value;
	else if (str_is(f->key, "id"))
		m->id = f->value;
	else if (str_is(f->key, "env"))
		m->env = f->value;
	else if (str_is(f->key, "sharing"))
		return set_sharing(m, f->value) ? NULL : "is none of shared, private and locked";
	else if (str_is(f->key, "size"))
		return variable(f->value) || size_of(f->value, &m->size) ? NULL : "is no size such as 64m";
	else if (str_is(f->key, "mode"))
		return (m->has_mode = number(f->value, true, &m->mode)) ? NULL : "is no mode such as 0755";
	else if (str_is(f->key, "uid"))
		return number(f->value, false, &m->uid) ? NULL : "is no number";
	else if (str_is(f->key, "gid"))
		return number(f->value, false, &m->gid) ? NULL : "is no number";
	return NULL;
}

static const char *
whole(const struct docker_mount *m)
{
	switch (m->type) {
	case DOCKER_MOUNT_BIND:
	case DOCKER_MOUNT_CACHE:
	case DOCKER_MOUNT_TMPFS:
		return m->target.n > 0 ? NULL : "lacks a target";
	case DOCKER_MOUNT_SECRET:
		return m->id.n > 0 || m->target.n > 0 || m->source.n > 0 ? NULL : "lacks an id";
	case DOCKER_MOUNT_SSH:
		break;
	}
	return NULL;
}

/* The next of the fields between commas; one that is quoted may have commas in it. */
static struct str
cut_field(struct str *rest)
{
	if (rest->n > 0 && rest->p[0] == '"') {
		const size_t end = str_find_char(str_drop(*rest, 1), '"');
		if (end != SIZE_MAX) {
			const struct str f = str_take(str_drop(*rest, 1), end);
			*rest = str_drop(*rest, end + 2);
			*rest = str_starts(*rest, STR(",")) ? str_drop(*rest, 1) : *rest;
			return f;
		}
	}
	const struct str_cut c = str_cut(*rest, ',');
	*rest = c.tail;
	return c.head;
}

static struct field
field_of(struct str text, struct arena *a)
{
	const struct str_cut c = str_cut(text, '=');
	char *key = arena_z(a, c.head);
	for (size_t i = 0; i < c.head.n; i++) {
		if (key[i] >= 'A' && key[i] <= 'Z')
			key[i] = (char)(key[i] - 'A' + 'a');
	}
	return (struct field){ { key, c.head.n }, c.tail, c.ok };
}

bool
docker_mount_parse(struct str value, struct arena *a, struct docker_mount *out, struct str *wrong, const char **why)
{
	struct docker_mount m = { .type = DOCKER_MOUNT_BIND };
	for (struct str rest = value; rest.n > 0;) {
		const struct field f = field_of(cut_field(&rest), a);
		*wrong = f.value;
		if (str_is(f.key, "type") && !set_type(&m, f.value)) {
			*why = "is none of bind, cache, tmpfs, secret and ssh";
			return false;
		}
	}
	m.read_only = m.type == DOCKER_MOUNT_BIND;
	for (struct str rest = value; rest.n > 0;) {
		const struct str text = cut_field(&rest);
		const struct field f = field_of(text, a);
		if ((*why = set(&m, &f)) != NULL) {
			*wrong = text;
			return false;
		}
	}
	*wrong = value;
	if ((*why = whole(&m)) != NULL)
		return false;
	*out = m;
	return true;
}
