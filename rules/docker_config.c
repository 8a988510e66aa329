/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/docker_config.h"

#include <string.h>

#include "rules/docker_settle.h"
#include "sys/file.h"

/* ---- reading a state ---- */

static const struct js *
config_of(const struct js *state)
{
	return js_get(state, "config");
}

static bool
env_get(const struct js *list, struct str name, struct str *value)
{
	for (size_t i = js_len(list); i-- > 0;) {
		const struct str_cut c = str_cut(js_str(js_at(list, i)), '=');
		if (str_eq(c.head, name)) {
			*value = c.tail;
			return true;
		}
	}
	return false;
}

static bool
get_variable(void *ctx, struct str name, struct str *value)
{
	const struct js *state = ctx, *arg = js_get_str(js_get(state, "args"), name);
	if (env_get(js_get(config_of(state), "Env"), name, value))
		return true;
	if (js_type(arg) != JS_TEXT)
		return false;
	*value = js_str(arg);
	return true;
}

int
docker_state_expand(const struct docker_file *f, const struct js *state, const struct docker_word *w, struct arena *a, struct str *out,
		    struct place *wrong, struct err *e)
{
	/* The walk only reads it. */
	const struct docker_expand x = { .escape = f->text.escape, .get = get_variable, .ctx = (void *)(uintptr_t)state };
	if (docker_expand(&x, w->text, a, out, NULL, e) == 0)
		return 0;
	*wrong = w->at;
	return -1;
}

int
docker_state_expand_text(const struct js *state, struct str text, struct arena *a, struct str *out, struct err *e)
{
	const struct docker_expand x = { .escape = '\\', .skip_quotes = true, .get = get_variable, .ctx = (void *)(uintptr_t)state };
	return docker_expand(&x, text, a, out, NULL, e);
}

/* Variables of the network's surroundings, which everybody may set without a change of meaning. */
static bool
proxy(struct str name)
{
	static const char *const names[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy",
					     "NO_PROXY",   "no_proxy",   "ALL_PROXY",	"all_proxy" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (str_is(name, names[i]))
			return true;
	}
	return false;
}

size_t
docker_state_env(const struct js *state, struct arena *a, struct str **out)
{
	const struct js *env = js_get(config_of(state), "Env"), *args = js_get(state, "args");
	struct str *v = arena_array(a, struct str, js_len(env) + js_len(args) + 1), ignored;
	size_t n = 0;
	for (size_t i = 0; i < js_len(env); i++)
		v[n++] = arena_str(a, js_str(js_at(env, i)));
	for (void *it = js_first(args); it; it = js_next(args, it)) {
		if (js_type(js_value(it)) == JS_TEXT && !env_get(env, js_key(it), &ignored))
			v[n++] = arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(js_key(it)), STR_ARG(js_str(js_value(it))));
	}
	*out = v;
	return n;
}

struct str
docker_state_workdir(const struct js *state)
{
	const struct str s = js_str(js_get(config_of(state), "WorkingDir"));
	return s.n > 0 ? s : STR("/");
}

struct str
docker_state_user(const struct js *state)
{
	return js_str(js_get(config_of(state), "User"));
}

size_t
docker_state_shell(const struct js *state, struct arena *a, struct str **out)
{
	const struct js *shell = js_get(config_of(state), "Shell");
	struct str *v = arena_array(a, struct str, js_len(shell) + 3);
	size_t n = 0;
	for (; n < js_len(shell); n++)
		v[n] = arena_str(a, js_str(js_at(shell, n)));
	if (n == 0) {
		v[n++] = STR("/bin/sh");
		v[n++] = STR("-c");
	}
	*out = v;
	return n;
}

struct digest
docker_state_run_digest(const struct js *state, struct arena *a)
{
	AUTO_BUF b = { 0 };
	struct str *v;
	size_t n = docker_state_env(state, a, &v);
	for (size_t i = 0; i < n; i++) {
		if (!proxy(str_cut(v[i], '=').head))
			buf_text(&b, v[i]);
	}
	buf_text(&b, docker_state_workdir(state));
	buf_text(&b, docker_state_user(state));
	n = docker_state_shell(state, a, &v);
	for (size_t i = 0; i < n; i++)
		buf_text(&b, v[i]);
	return digest_of(buf_str(&b));
}

struct digest
docker_state_folder_digest(const struct js *state)
{
	AUTO_BUF b = { 0 };
	buf_text(&b, docker_state_workdir(state));
	buf_text(&b, docker_state_user(state));
	return digest_of(buf_str(&b));
}

/* ---- beginnings ---- */

struct js *
docker_state_of_image(const struct js *image)
{
	struct js *state = js_map(), *config = js_copy(js_get(image, "config"));
	if (js_type(config) != JS_MAP) {
		js_free(config);
		config = js_map();
	}
	if (!image) {
		struct js *env = js_list();
		js_push(env, js_textz("PATH=" DOCKER_PATH));
		js_set(config, "Env", env);
		js_set(config, "WorkingDir", js_textz("/"));
	}
	js_del(config, "OnBuild"); /* its triggers are instructions of the stage now */
	js_set(state, "config", config);
	js_set(state, "args", js_map());
	return state;
}

struct js *
docker_state_of_stage(const struct js *last)
{
	struct js *state = js_map(), *config = js_copy(config_of(last));
	js_del(config, "OnBuild");
	js_set(state, "config", config);
	js_set(state, "args", js_map());
	if (js_get(last, "history"))
		js_set(state, "history", js_copy(js_get(last, "history")));
	if (js_get(last, "author"))
		js_set(state, "author", js_copy(js_get(last, "author")));
	return state;
}

/* ---- instructions ---- */

/* What applying works with. */
struct change {
	const struct docker_file *f;
	const struct docker_stage *s;
	const struct docker_instruction *in;
	struct js *state, *config;
	struct arena *a;
	struct place *wrong;
	struct err *e;
};

static int
expand(struct change *c, const struct docker_word *w, struct str *out)
{
	return docker_state_expand(c->f, c->state, w, c->a, out, c->wrong, c->e);
}

static struct js *
part(struct js *map, const char *key, struct js *(*make)(void))
{
	if (!js_get(map, key))
		js_set(map, key, make());
	return js_get(map, key);
}

static void
env_set(struct js *config, struct str name, struct str value, struct arena *a)
{
	const struct js *old = js_get(config, "Env");
	struct js *list = js_list();
	const struct str text = arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
	bool done = false;
	for (size_t i = 0; i < js_len(old); i++) {
		const struct str had = js_str(js_at(old, i));
		const bool same = str_eq(str_cut(had, '=').head, name);
		if (!same || !done)
			js_push(list, js_text(same ? text : had));
		done = done || same;
	}
	if (!done)
		js_push(list, js_text(text));
	js_set(config, "Env", list);
}

/* All pairs are expanded before the first of them is set. */
static struct ir_pair *
expanded_pairs(struct change *c)
{
	struct ir_pair *v = arena_array(c->a, struct ir_pair, c->in->npairs + 1);
	for (size_t i = 0; i < c->in->npairs; i++) {
		if (expand(c, &c->in->pairs[i].name, &v[i].name) < 0 ||
		    (c->in->pairs[i].has_value && expand(c, &c->in->pairs[i].value, &v[i].value) < 0))
			return NULL;
	}
	return v;
}

static int
apply_env(struct change *c)
{
	const struct ir_pair *v = expanded_pairs(c);
	for (size_t i = 0; v && i < c->in->npairs; i++) {
		if (v[i].name.n == 0) {
			*c->wrong = c->in->pairs[i].name.at;
			return err_set(c->e, ERR_INPUT, "the name of a variable is empty");
		}
		env_set(c->config, v[i].name, v[i].value, c->a);
	}
	return v ? 0 : -1;
}

static int
apply_label(struct change *c)
{
	const struct ir_pair *v = expanded_pairs(c);
	struct js *labels = part(c->config, "Labels", js_map);
	for (size_t i = 0; v && i < c->in->npairs; i++)
		js_set_str(labels, v[i].name, js_text(v[i].value));
	return v ? 0 : -1;
}

static int
apply_arg(struct change *c)
{
	const struct ir_pair *v = expanded_pairs(c);
	struct js *args = js_get(c->state, "args");
	for (size_t i = 0; v && i < c->in->npairs; i++) {
		struct str value = v[i].value;
		const bool given = docker_pair_get(&c->f->settings.args, v[i].name, &value);
		if (!given && !c->in->pairs[i].has_value && !docker_pair_get(&c->f->globals, v[i].name, &value) &&
		    !docker_platform_arg(&c->f->settings, v[i].name, c->a, &value)) {
			if (!js_get_str(args, v[i].name))
				js_set_str(args, v[i].name, js_null());
			continue;
		}
		js_set_str(args, v[i].name, js_text(value));
	}
	return v ? 0 : -1;
}

static int
apply_workdir(struct change *c)
{
	struct str path;
	if (expand(c, &c->in->rest, &path) < 0)
		return -1;
	if (path.n == 0) {
		*c->wrong = c->in->rest.at;
		return err_set(c->e, ERR_INPUT, "the working folder is empty");
	}
	if (path.p[0] != '/')
		path = path_join(c->a, docker_state_workdir(c->state), path);
	js_set(c->config, "WorkingDir", js_text(path_clean(c->a, path)));
	return 0;
}

static int
apply_user(struct change *c)
{
	struct str user;
	if (expand(c, &c->in->rest, &user) < 0)
		return -1;
	js_set(c->config, "User", js_text(user));
	return 0;
}

static struct js *
command_js(struct change *c, const char *first)
{
	struct js *list = js_list();
	if (first)
		js_push(list, js_textz(first));
	for (size_t i = 0; c->in->exec && i < c->in->nwords; i++)
		js_push(list, js_text(c->in->words[i].text));
	if (c->in->exec)
		return list;
	struct str *shell;
	const size_t n = first ? 0 : docker_state_shell(c->state, c->a, &shell);
	for (size_t i = 0; i < n; i++)
		js_push(list, js_text(shell[i]));
	js_push(list, js_text(c->in->rest.text));
	return list;
}

static int
apply_cmd(struct change *c)
{
	js_set(c->config, "Cmd", command_js(c, NULL));
	js_set(c->state, "cmd", js_bool(true));
	return 0;
}

static int
apply_entrypoint(struct change *c)
{
	js_set(c->config, "Entrypoint", command_js(c, NULL));
	if (!js_true(js_get(c->state, "cmd")))
		js_del(c->config, "Cmd"); /* a parent's Cmd was meant for the parent's entry point */
	return 0;
}

static int
apply_expose(struct change *c)
{
	struct js *ports = part(c->config, "ExposedPorts", js_map);
	for (size_t i = 0; i < c->in->nwords; i++) {
		struct str text;
		if (expand(c, &c->in->words[i], &text) < 0)
			return -1;
		while (text.n > 0) {
			const struct str_cut cut = str_cut(text, ' ');
			text = str_trim(cut.tail);
			if (cut.head.n > 0 && docker_ports(cut.head, ports, c->a, c->e) < 0) {
				*c->wrong = c->in->words[i].at;
				return -1;
			}
		}
	}
	return 0;
}

static int
apply_volume(struct change *c)
{
	struct js *volumes = part(c->config, "Volumes", js_map);
	for (size_t i = 0; i < c->in->nwords; i++) {
		struct str text;
		if (expand(c, &c->in->words[i], &text) < 0)
			return -1;
		text = str_trim(text);
		if (text.n == 0) {
			*c->wrong = c->in->words[i].at;
			return err_set(c->e, ERR_INPUT, "the path of a volume is empty");
		}
		js_set_str(volumes, text, js_map());
	}
	return 0;
}

static int
apply_stopsignal(struct change *c)
{
	struct str text;
	if (expand(c, &c->in->rest, &text) < 0)
		return -1;
	if (!docker_signal(text)) {
		*c->wrong = c->in->rest.at;
		return err_set(c->e, ERR_INPUT, "'" STR_FMT "' is no signal: expected a name such as SIGTERM or a number", STR_ARG(str_take(text, 60)));
	}
	js_set(c->config, "StopSignal", js_text(text));
	return 0;
}

static int
apply_healthcheck(struct change *c)
{
	struct js *check = js_map();
	if (c->in->none) {
		struct js *list = js_list();
		js_push(list, js_textz("NONE"));
		js_set(c->config, "Healthcheck", js_set(check, "Test", list));
		return 0;
	}
	js_set(check, "Test", command_js(c, c->in->exec ? "CMD" : "CMD-SHELL"));
	for (size_t i = 0; i < c->in->nflags; i++) {
		if (docker_health_flag(&c->in->flags[i], check, c->e) < 0) {
			*c->wrong = c->in->flags[i].value.at;
			js_free(check);
			return -1;
		}
	}
	js_set(c->config, "Healthcheck", check);
	return 0;
}

static int
apply_onbuild(struct change *c)
{
	js_push(part(c->config, "OnBuild", js_list), js_text(c->in->rest.text));
	return 0;
}

static int
apply_shell(struct change *c)
{
	js_set(c->config, "Shell", command_js(c, NULL));
	return 0;
}

static int
apply_maintainer(struct change *c)
{
	js_set(c->state, "author", js_text(c->in->rest.text));
	return 0;
}

static int (*const APPLY[])(struct change *) = {
	[DOCKER_ADD] = NULL,
	[DOCKER_ARG] = apply_arg,
	[DOCKER_CMD] = apply_cmd,
	[DOCKER_COPY] = NULL,
	[DOCKER_ENTRYPOINT] = apply_entrypoint,
	[DOCKER_ENV] = apply_env,
	[DOCKER_EXPOSE] = apply_expose,
	[DOCKER_HEALTHCHECK] = apply_healthcheck,
	[DOCKER_LABEL] = apply_label,
	[DOCKER_MAINTAINER] = apply_maintainer,
	[DOCKER_ONBUILD] = apply_onbuild,
	[DOCKER_RUN] = NULL,
	[DOCKER_SHELL] = apply_shell,
	[DOCKER_STOPSIGNAL] = apply_stopsignal,
	[DOCKER_USER] = apply_user,
	[DOCKER_VOLUME] = apply_volume,
	[DOCKER_WORKDIR] = apply_workdir,
};

int
docker_state_apply(const struct docker_file *f, const struct docker_stage *s, const struct docker_instruction *in, struct js *state,
		   struct arena *a, struct place *wrong, struct err *e)
{
	struct change c = { .f = f, .s = s, .in = in, .state = state, .config = js_get(state, "config"), .a = a, .wrong = wrong, .e = e };
	*wrong = in->at;
	return APPLY[in->kind] ? APPLY[in->kind](&c) : 0;
}
