/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_settle.h"

#include <string.h>

/* ---- EXPOSE ---- */

static bool
port_range(struct str text, uint64_t *low, uint64_t *high)
{
	const struct str_cut c = str_cut(text, '-');
	if (!str_u64(c.head, low) || (c.ok && !str_u64(c.tail, high)))
		return false;
	if (!c.ok)
		*high = *low;
	return *low <= *high && *high <= 65535;
}

int
docker_ports(struct str text, struct js *ports, struct arena *a, struct err *e)
{
	const struct str_cut proto = str_rcut(text, '/'), host = str_rcut(proto.head, ':');
	struct str protocol = proto.ok ? proto.tail : STR("tcp");
	uint64_t low, high;
	if (str_is(protocol, "TCP"))
		protocol = STR("tcp");
	if (str_is(protocol, "UDP"))
		protocol = STR("udp");
	if ((!str_is(protocol, "tcp") && !str_is(protocol, "udp") && !str_is(protocol, "sctp")) ||
	    !port_range(host.ok ? host.tail : proto.head, &low, &high))
		return err_set(e, ERR_INPUT, "'" STR_FMT "' is no port: expected 80, 80/udp or 8000-8010", STR_ARG(str_take(text, 60)));
	for (uint64_t i = low; i <= high; i++)
		js_set_str(ports, arena_printf(a, "%u/" STR_FMT, (unsigned)i, STR_ARG(protocol)), js_map());
	return 0;
}

/* ---- STOPSIGNAL ---- */

bool
docker_signal(struct str text)
{
	static const char *const names[] = { "ABRT", "ALRM", "BUS",   "CHLD", "CLD",  "CONT",	"FPE",	  "HUP",  "ILL",    "INT",  "IO",
					     "IOT",  "KILL", "PIPE",  "POLL", "PROF", "PWR",	"QUIT",	  "SEGV", "STKFLT", "STOP", "SYS",
					     "TERM", "TRAP", "TSTP",  "TTIN", "TTOU", "URG",	"USR1",	  "USR2", "VTALRM", "WINCH", "XCPU",
					     "XFSZ", "RTMIN", "RTMAX" };
	char upper[32];
	uint64_t number;
	if (str_u64(text, &number))
		return number >= 1 && number <= 64;
	if (text.n == 0 || text.n >= sizeof upper)
		return false;
	for (size_t i = 0; i < text.n; i++)
		upper[i] = (char)(text.p[i] >= 'a' && text.p[i] <= 'z' ? text.p[i] - 'a' + 'A' : text.p[i]);
	struct str s = { upper, text.n };
	if (str_starts(s, STR("SIG")))
		s = str_drop(s, 3);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_is(s, names[i]))
			return true;
	}
	const bool rt = str_starts(s, STR("RTMIN+")) || str_starts(s, STR("RTMAX-"));
	return rt && str_u64(str_drop(s, 6), &number) && number >= 1 && number <= 30;
}

/* ---- HEALTHCHECK ---- */

/* "1h2m3.5s", "100ms": ns; each number with its unit. */
static bool
duration(struct str s, int64_t *out)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
	double all = 0;
	if (str_is(s, "0")) {
		*out = 0;
		return true;
	}
	if (s.n == 0)
		return false;
	while (s.n > 0) {
		size_t n = 0, u = 0, k = 0;
		double v;
		while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
			n++;
		if (n == 0 || !str_double(str_take(s, n), &v))
			return false;
		s = str_drop(s, n);
		while (u < s.n && s.p[u] >= 'a' && s.p[u] <= 'z')
			u++;
		while (k < sizeof units / sizeof *units && !str_is(str_take(s, u), units[k].unit))
			k++;
		if (k == sizeof units / sizeof *units)
			return false;
		all += v * units[k].ns;
		s = str_drop(s, u);
	}
	*out = (int64_t)all;
	return all < 9e18;
}

int
docker_health_flag(const struct docker_flag *f, struct js *check, struct err *e)
{
	static const struct {
		const char *flag, *key;
	} rows[] = { { "interval", "Interval" }, { "timeout", "Timeout" }, { "start-period", "StartPeriod" }, { "start-interval", "StartInterval" } };
	int64_t ns;
	uint64_t n;
	if (str_is(f->name, "retries")) {
		if (!str_u64(f->value.text, &n) || n > 1000000)
			return err_set(e, ERR_INPUT, "'" STR_FMT "' is no number of retries", STR_ARG(str_take(f->value.text, 60)));
		if (n > 0)
			js_set(check, "Retries", js_int((int64_t)n));
		return 0;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_is(f->name, rows[i].flag))
			continue;
		if (!duration(f->value.text, &ns) || (ns > 0 && ns < 1000000))
			return err_set(e, ERR_INPUT, "'" STR_FMT "' is no duration such as 30s, of at least 1ms", STR_ARG(str_take(f->value.text, 60)));
		if (ns > 0)
			js_set(check, rows[i].key, js_int(ns));
	}
	return 0;
}
