/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of all keys, innermost sections first.
 */
#include "rules/schema.h"

#define KEYS(v) .keys = (v), .n = sizeof(v) / sizeof *(v)

/* Simple values. */
static const struct schema_value text = { .what = "a text", .takes = TAKES_TEXT };
static const struct schema_value scalar = { .what = "a text or a number",
					    .takes = TAKES_TEXT | TAKES_NUMBER | TAKES_EMPTY };
static const struct schema_value word = { .what = "a text, a number, true or false",
					  .takes = TAKES_TEXT | TAKES_NUMBER | TAKES_BOOL | TAKES_EMPTY };
static const struct schema_value any = { .what = "any value", .takes = TAKES_ANY };
static const struct schema_value truth = { .what = "true or false", .takes = TAKES_BOOL };
static const struct schema_value count = { .what = "a whole number from 0", .takes = TAKES_INT, FORM_COUNT };
static const struct schema_value factor = { .what = "a number from 1", .takes = TAKES_NUMBER, FORM_FACTOR };
static const struct schema_value duration = { .what = "a duration such as 300ms, 5s, 2m, 1h, 1h30m or 7d",
					      .takes = TAKES_TEXT,
					      FORM_DURATION };
static const struct schema_value size = { .what = "a size such as 512MiB, 4GiB or 8GB",
					  .takes = TAKES_TEXT | TAKES_INT,
					  FORM_SIZE };
static const struct schema_value amount = { .what = "a number from 0", .takes = TAKES_NUMBER, FORM_AMOUNT };
static const struct schema_value id = { .what = "a name", .takes = TAKES_TEXT, FORM_NAME, .name = NAME_ID };
static const struct schema_value dotted = {
	.what = "a name", .takes = TAKES_TEXT, FORM_NAME, .name = NAME_DOTTED
};
static const struct schema_value variable = {
	.what = "the name of a variable", .takes = TAKES_TEXT, FORM_NAME, .name = NAME_VAR
};
static const struct schema_value version = { .what = "the number 1", .takes = TAKES_INT };
static const struct schema_value exit_code = { .what = "an exit status", .takes = TAKES_INT, FORM_COUNT };
static const struct schema_value whole = { .what = "a whole number", .takes = TAKES_INT };

/* Lists; one text stands for a list of one. */
static const struct schema_value texts = { .what = "a list of texts",
					   .takes = TAKES_TEXT | TAKES_LIST,
					   .item = &text };
static const struct schema_value ids = {
	.what = "a list of names", .takes = TAKES_TEXT | TAKES_LIST, FORM_NAME, .name = NAME_ID, .item = &id
};
static const struct schema_value variables = { .what = "a list of names of variables",
					       .takes = TAKES_TEXT | TAKES_LIST,
					       FORM_NAME,
					       .name = NAME_VAR,
					       .item = &variable };
static const struct schema_value words = { .what = "a list of words",
					   .takes = TAKES_TEXT | TAKES_LIST,
					   .item = &word };

/* Maps with free keys. */
static const struct schema_value env = { .what = "a map of variables",
					 .takes = TAKES_MAP,
					 .each = &scalar,
					 .keys = NAME_VAR,
					 .noun = "variable" };
static const struct schema_value labels = {
	.what = "a map of labels", .takes = TAKES_MAP, .each = &scalar, .keys = NAME_ANY, .noun = "label"
};
static const struct schema_value build_args = {
	.what = "a map of arguments", .takes = TAKES_MAP, .each = &scalar, .keys = NAME_VAR, .noun = "argument"
};
static const struct schema_value contexts = {
	.what = "a map of names to parents or folders", .takes = TAKES_MAP, .each = &text, .keys = NAME_ANY, .noun = "context"
};
static const struct schema_value build_secrets = { .what = "a list of variables, or a map of ids to env:NAME or file:PATH",
						   .takes = TAKES_LIST | TAKES_MAP,
						   .item = &text,
						   .each = &text,
						   .keys = NAME_DOTTED,
						   .noun = "secret" };
static const struct schema_value params = {
	.what = "a map of parameters", .takes = TAKES_MAP, .each = &any, .keys = NAME_ID, .noun = "parameter"
};

static const struct schema_key retry_keys[] = {
	{ "max", &count, false, "0", "Further attempts after the first one." },
	{ "delay", &duration, false, "0s", "How long to wait before the second attempt." },
	{ "backoff", &factor, false, "1", "Each further wait is the one before times this." },
	{ "on",
	  &(struct schema_value){ .what = "a list of exit statuses",
				  .takes = TAKES_INT | TAKES_LIST,
				  FORM_COUNT,
				  .item = &exit_code },
	  false, "all", "Only these exit statuses are tried again." },
};
static const struct schema_section retry_section = {
	"retry", "When a failed attempt is followed by another one. A number alone is `max`.",
	KEYS(retry_keys)
};
static const struct schema_value retry = {
	.what = "a number of further attempts, or a map with max, delay, backoff, on",
	.takes = TAKES_INT | TAKES_MAP,
	FORM_COUNT,
	.map = &retry_section
};

static const struct schema_key cache_keys[] = {
	{ "expires", &duration, false, "never",
	  "After this time the result counts no more, and the step runs again." },
	{ "salt", &scalar, false, NULL, "Any text; another one makes the step run again." },
	{ "ignore", &texts, false, NULL,
	  "What does not touch the key although the step names it: `params.N`, `env.N`, `inputs.N`." },
};
static const struct schema_section cache_section = {
	"cache", "`true` and `false` alone switch reuse on and off for the step.", KEYS(cache_keys)
};
static const struct schema_value cache = { .what = "true, false, or a map with expires, salt, ignore",
					   .takes = TAKES_BOOL | TAKES_MAP,
					   .map = &cache_section };

static const struct schema_key uri_keys[] = {
	{ "uri", &text, true, NULL, "Where the input lies: `s3://bucket/key`, `https://...`." },
	{ "digest", &text, true, NULL, "What it must be: `sha256:` and 64 hexadecimal digits." },
};
static const struct schema_section uri_section = { "An input elsewhere",
						   "An input outside the project, pinned by its digest.",
						   KEYS(uri_keys) };
static const struct schema_value input = { .what = "step.output, a path, or a map with uri and digest",
					   .takes = TAKES_TEXT | TAKES_MAP,
					   .map = &uri_section };
static const struct schema_value inputs = { .what = "a map of names to inputs",
					    .takes = TAKES_MAP,
					    .each = &input,
					    .keys = NAME_ID,
					    .noun = "input" };
static const struct schema_value outputs = { .what = "a map of names to paths, or a list of names",
					     .takes = TAKES_TEXT | TAKES_LIST | TAKES_MAP,
					     FORM_NAME,
					     .name = NAME_ID,
					     .item = &id,
					     .each = &text,
					     .keys = NAME_ID,
					     .noun = "output" };

static const struct schema_key foreach_keys[] = {
	{ "range",
	  &(struct schema_value){ .what = "a list of two numbers", .takes = TAKES_LIST, .item = &whole },
	  false, NULL, "`[a, b]`: the whole numbers from a up to, but without, b." },
	{ "lines", &text, false, NULL, "A file of the project, one value a line; empty lines are left out." },
};
static const struct schema_section foreach_section = { "Values of foreach",
						       "A range or the lines of a file; just one of the two.",
						       KEYS(foreach_keys) };
static const struct schema_value values = {
	.what = "a list, \"${params.N}\", step.output, or a map with range or lines",
	.takes = TAKES_TEXT | TAKES_LIST | TAKES_MAP,
	.item = &any,
	.map = &foreach_section
};
static const struct schema_value foreach = { .what = "a map of names to values",
					     .takes = TAKES_MAP,
					     .each = &values,
					     .keys = NAME_ID,
					     .noun = "foreach" };

static const struct schema_key resource_keys[] = {
	{ "cpus", &amount, false, NULL, "Processors, also parts of one: `0.5`." },
	{ "memory", &size, false, NULL, "Memory, such as `4GiB`." },
	{ "gpus", &amount, false, NULL, "Graphics processors." },
};
static const struct schema_section resource_section = {
	"resources",
	"What the step takes out of the pools while it runs. Any further "
	"name is a pool of the stack, with a number.",
	KEYS(resource_keys)
};
static const struct schema_value resources = { .what = "a map of resources",
					       .takes = TAKES_MAP,
					       .map = &resource_section,
					       .each = &amount,
					       .keys = NAME_DOTTED,
					       .noun = "resource" };

static const char *const isolations[] = { "none", "venv", "image", NULL };
static const struct schema_value isolation = {
	.what = "none, venv or image", .takes = TAKES_TEXT, FORM_CHOICE, .choices = isolations
};

static const struct schema_key hook_keys[] = {
	{ "success", &text, false, NULL, "After it was executed and succeeded." },
	{ "failure", &text, false, NULL, "After it failed for good." },
};
static const struct schema_section hook_section = {
	"hooks",
	"Commands for `sh -euc` in the project root, when a run has ended in which something was executed: of the file for the whole run, of a step for "
	"that step. They see `PAWL_RUN`, `PAWL_PIPELINE`, `PAWL_STATUS` (`ok`, `failed`; of a step `made`, `failed`) and, of a step, "
	"`PAWL_STEP`. They touch no key; one that fails is told and changes nothing else.",
	KEYS(hook_keys)
};
static const struct schema_value hooks = { .what = "a map with success and failure", .takes = TAKES_MAP, .map = &hook_section };

static const struct schema_key step_keys[] = {
	{ "run",
	  &(struct schema_value){ .what = "a text for the shell, or a list of words",
				  .takes = TAKES_TEXT | TAKES_LIST,
				  .item = &word },
	  true, NULL,
	  "The command. A text is run by `sh -euc` with every `${...}` quoted for the shell; a list is "
	  "executed directly, without a shell." },
	{ "inputs", &inputs, false, NULL,
	  "What the step reads. A text without `/` whose part before the first dot is the name of a step is "
	  "that step's output; any other "
	  "is a file, folder or glob of the project, which must exist. `./x.y` is always a path." },
	{ "outputs", &outputs, false, NULL,
	  "What the step makes: paths in the project (`/` at the end: a folder), or a list of names that are "
	  "kept in the cache only." },
	{ "params", &ids, false, NULL,
	  "The parameters that `run:`, `env:` and the paths of outputs may name. The others do not touch the "
	  "step's key." },
	{ "code", &texts, false, NULL,
	  "Globs of project files that are code of the step, where no scanner finds them." },
	{ "env", &env, false, NULL, "Fixed variables; they count." },
	{ "pass_env", &variables, false, NULL, "Variables that have the caller's value; they count." },
	{ "secrets", &variables, false, NULL,
	  "Variables that the step gets as secrets: only their names count, and their values are never "
	  "kept." },
	{ "after", &ids, false, NULL, "Steps that must be done before, without an input from them." },
	{ "environment", &dotted, false, NULL,
	  "The environment that the step runs in, one of `environments:`." },
	{ "isolation", &isolation, false, "`venv` where the environment has `python:`, else `none`",
	  "`none`: the caller's interpreter and tools; `venv`: a virtual environment made from the lock; "
	  "`image`: the built image. "
	  "Orchestrators other than `local` always use the image." },
	{ "cache", &cache, false, "true", "Whether and how long the result is reused." },
	{ "retry", &retry, false, "0", "Further attempts after a failure." },
	{ "timeout", &duration, false, "none", "Then the attempt fails and all its processes end." },
	{ "resources", &resources, false, NULL, "What it takes out of the pools of the stack." },
	{ "when",
	  &(struct schema_value){ .what = "a condition", .takes = TAKES_TEXT | TAKES_BOOL | TAKES_NUMBER },
	  false, "true",
	  "The step is skipped when this is false: `${params.deploy} == true and ${inputs.score} > 0.9`. "
	  "There are `==`, `!=`, `<`, `<=`, `>`, `>=`, `and`, `or`, "
	  "`not` and parentheses; a value alone is false if it is `false`, `0`, empty or null; texts stand "
	  "in "
	  "quotes. `${inputs.N}` is the content of that input, "
	  "an output of another step. It may name every parameter." },
	{ "foreach", &foreach, false, NULL,
	  "The step stands for one element for each value; `${item.N}` is the value. Two names: their "
	  "product. It may name every parameter." },
	{ "max_parallel", &count, false, "as many as fit", "How many of its elements run at once." },
	{ "dynamic", &truth, false, "false",
	  "Its one output is a file in this language with further `steps:`, which become part of the pipeline." },
	{ "always", &truth, false, "false",
	  "The step also runs where a step that it waits for by `after:` failed or was skipped, and after a failure without `-k`." },
	{ "strict", &truth, false, "the file's `strict`",
	  "A file of the project that the step reads, or a folder that it lists, without declaring it fails the step." },
	{ "hooks", &hooks, false, NULL, "Commands for when the step has succeeded or failed." },
};
static const struct schema_section step_section = { "A step", "A command, what it reads and what it makes.",
						    KEYS(step_keys) };
static const struct schema_value step = { .what = "a map", .takes = TAKES_MAP, .map = &step_section };

static const char *const distributions[] = { "debian", "ubuntu", NULL };
static const struct schema_key bootstrap_keys[] = {
	{ "bootstrap",
	  &(struct schema_value){
		  .what = "debian or ubuntu", .takes = TAKES_TEXT, FORM_CHOICE, .choices = distributions },
	  true, NULL, "The distribution." },
	{ "suite", &text, true, NULL, "Its release, such as `bookworm`." },
	{ "packages", &texts, false, NULL, "Packages beside the smallest set that works." },
};
static const struct schema_section bootstrap_section = {
	"A bootstrapped parent", "A parent made from packages of a distribution, pinned in `pawl.lock`.",
	KEYS(bootstrap_keys)
};
static const struct schema_value parent = { .what = "a reference, scratch, oci:FOLDER, docker-archive:FILE, "
						    "or a map with bootstrap, suite, packages",
					    .takes = TAKES_TEXT | TAKES_MAP,
					    .map = &bootstrap_section };

static const char *const installers[] = { "uv", "pip", NULL };
static const struct schema_key python_keys[] = {
	{ "requirements", &texts, false, NULL, "Files of requirements, or requirements themselves." },
	{ "constraints", &texts, false, NULL, "Files of constraints." },
	{ "pyproject", &text, false, NULL, "A folder with a `pyproject.toml`." },
	{ "groups", &texts, false, NULL, "Dependency groups or extras of it." },
	{ "lock", &text, false, NULL, "A lock file that is taken as it is; no resolver runs." },
	{ "replicate", &truth, false, "false",
	  "Take the versions that the caller's interpreter has installed." },
	{ "installer",
	  &(struct schema_value){
		  .what = "uv or pip", .takes = TAKES_TEXT, FORM_CHOICE, .choices = installers },
	  false, "uv where it is there, else pip", "Which resolver to use." },
	{ "index", &texts, false, NULL,
	  "Aliases of package indexes, which the user's configuration resolves." },
	{ "layers", &any, false, "`{big: 1MiB, buckets: 16, each: 40}`",
	  "How packages are put into layers. Up to `each` packages each have their own. Of more, wheels of at least `big` have their own, and the others "
	  "share `buckets` layers by their names, so that one that changes makes one layer again. An image has fewer than 100 layers in any case." },
};
static const struct schema_section python_section = { "python", "The Python packages of an environment.",
						      KEYS(python_keys) };
static const struct schema_value python = { .what = "a map", .takes = TAKES_MAP, .map = &python_section };

static const struct schema_key apt_keys[] = {
	{ "packages", &texts, true, NULL, "The packages." },
	{ "sources", &texts, false, NULL,
	  "Further package sources, each a line of `sources.list`; a name without blanks stands for the line in the caller's variable `PAWL_APT_NAME` (capitals, "
	  "`_` for other characters)." },
	{ "keys", &texts, false, NULL, "Files of the project with the OpenPGP keys that sign them." },
};
static const struct schema_section apt_section = { "apt", "Packages of Debian or Ubuntu, with sources of their own.", KEYS(apt_keys) };
static const struct schema_value apt = { .what = "a list of packages, or a map with packages, sources and keys",
					 .takes = TAKES_TEXT | TAKES_LIST | TAKES_MAP,
					 .item = &text,
					 .map = &apt_section };

static const char *const parent_keys[] = { "digest", "abi", "packages", NULL };
static const char *const compressions[] = { "gzip", "zstd", NULL };
static const char *const attestations[] = { "sbom", "provenance", NULL };
static const struct schema_value attestation = {
	.what = "sbom or provenance", .takes = TAKES_TEXT, FORM_CHOICE, .choices = attestations
};
static const struct schema_key environment_keys[] = {
	{ "extends", &dotted, false, NULL,
	  "Another environment whose keys this one takes over. `env`, `labels` and `python` are merged key "
	  "by "
	  "key, all else is replaced." },
	{ "parent", &parent, false, NULL,
	  "What the image stands on: a registry reference, `scratch`, `oci:FOLDER[:TAG]`, "
	  "`docker-archive:FILE`, or a bootstrapped distribution." },
	{ "dockerfile", &text, false, NULL, "A Dockerfile instead of a parent, or on top of it." },
	{ "context", &text, false, "`.`", "The folder that the Dockerfile copies from." },
	{ "target", &text, false, "the last stage", "The stage of the Dockerfile that is made." },
	{ "args", &build_args, false, NULL, "Values of the Dockerfile's `ARG`s." },
	{ "contexts", &contexts, false, NULL,
	  "What names in `FROM`, `COPY --from` and `RUN --mount=from` mean: a parent as under `parent:`, or a folder of the project "
	  "(`./lib`)." },
	{ "secrets", &build_secrets, false, NULL,
	  "What `RUN --mount=type=secret` may see: a list of variables of the caller, or a map of ids to `env:NAME` or `file:PATH`. Values "
	  "are kept nowhere." },
	{ "apt", &apt, false, NULL,
	  "Packages of Debian or Ubuntu, put on the parent (or on what the Dockerfile makes) with its own apt, in the sandbox: their names, as `apt-get install` takes "
	  "them. What they resolve to is pinned in `pawl.lock` with versions and digests. Their order does not matter. Recommended packages are left "
	  "out; logs, caches, machine ids and host keys do not get into the image." },
	{ "python", &python, false, NULL, "Python packages." },
	{ "include", &texts, false, NULL,
	  "Project files, folders and globs; in the image they lie under `workdir` with their paths in the "
	  "project." },
	{ "env", &env, false, NULL, "Variables of the image." },
	{ "workdir", &text, false, NULL, "The working folder in the image." },
	{ "user", &scalar, false, NULL, "The user in the image." },
	{ "entrypoint", &words, false, NULL, "The entry point of the image." },
	{ "labels", &labels, false, NULL, "Labels of the image." },
	{ "platform", &texts, false, "`linux/` and the machine's",
	  "The platform of the image, such as `linux/amd64`. A list: an image for each, where no code has to run to make them; outputs and pushes bring them "
	  "together under one index. Steps take this machine's." },
	{ "key",
	  &(struct schema_value){
		  .what = "digest, abi or packages", .takes = TAKES_TEXT, FORM_CHOICE, .choices = parent_keys },
	  false, "`digest`",
	  "What of the parent makes steps run again when it changes. `digest`: anything. `abi`: its version of Python, "
	  "where that installs packages, the C library and the platform. `packages`: what its package manager has installed. The image itself stands on the "
	  "new parent in any case; layers of Python packages and files stay." },
	{ "compression",
	  &(struct schema_value){
		  .what = "gzip or zstd", .takes = TAKES_TEXT, FORM_CHOICE, .choices = compressions },
	  false, "`gzip`", "How layers of our own are compressed. Docker before 23 and some old registries take gzip alone." },
	{ "attest",
	  &(struct schema_value){ .what = "a list of sbom and provenance",
				  .takes = TAKES_TEXT | TAKES_LIST,
				  FORM_CHOICE,
				  .choices = attestations,
				  .item = &attestation },
	  false, NULL,
	  "What is pushed beside the image and refers to it: `sbom` (SPDX 2.3, from the lock and the parent's packages), "
	  "`provenance` (in-toto, SLSA 1)." },
};
static const struct schema_section environment_section = {
	"An environment", "What steps run in; it has a `parent:` or a `dockerfile:`.", KEYS(environment_keys)
};
static const struct schema_value environment = { .what = "a map",
						 .takes = TAKES_MAP,
						 .map = &environment_section };

static const char *const orchestrators[] = { "local", "docker", "slurm", "kubernetes", NULL };
static const char *const builders[] = { "native", "docker", "buildah", "buildkit", "kaniko", "remote", NULL };
static const struct schema_value orchestrator_kind = { .what = "local, docker, slurm or kubernetes",
						       .takes = TAKES_TEXT,
						       FORM_CHOICE,
						       .choices = orchestrators };
static const struct schema_value builder_kind = {
	.what = "native, docker, buildah, buildkit, kaniko or remote",
	.takes = TAKES_TEXT,
	FORM_CHOICE,
	.choices = builders
};
static const struct schema_key orchestrator_keys[] = {
	{ "kind", &orchestrator_kind, true, NULL, "`local`, `docker`, `slurm` or `kubernetes`." },
};
static const struct schema_section orchestrator_section = { "orchestrator",
							    "A kind, and settings of that kind.",
							    KEYS(orchestrator_keys) };
static const struct schema_key tls_keys[] = {
	{ "ca", &text, false, NULL, "A file with the authority's certificate." },
	{ "cert", &text, false, NULL, "A file with our certificate." },
	{ "key", &text, false, NULL, "A file with its key." },
	{ "server", &text, false, NULL, "The name in the daemon's certificate." },
};
static const struct schema_section tls_section = { "tls", "How a connection is secured.", KEYS(tls_keys) };
static const struct schema_value tls = { .what = "a map with ca, cert, key and server", .takes = TAKES_MAP, .map = &tls_section };
static const struct schema_key builder_keys[] = {
	{ "kind", &builder_kind, true, NULL,
	  "`native`, `docker`, `buildah`, `buildkit`, `kaniko` or `remote`." },
	{ "network", &text, false, "the builder's", "docker, buildah: what `RUN` sees of the network (`none`, `host`)." },
	{ "buildkit", &truth, false, "true where the engine has it", "docker: BuildKit or the classic builder." },
	{ "isolation", &text, false, "buildah's", "buildah: `chroot`, `oci` or `rootless`." },
	{ "runtime", &text, false, "buildah's", "buildah: the program that runs containers (`runc`)." },
	{ "address", &text, false, "$BUILDKIT_HOST", "buildkit: `tcp://HOST:PORT` or `unix:///PATH`; remote: `ssh://[USER@]HOST[:PORT]`." },
	{ "tls", &tls, false, NULL, "buildkit: certificates of the connection." },
	{ "image", &text, false, NULL, "kaniko: the executor's image; needed." },
	{ "repository", &text, false, NULL, "kaniko: where it pushes what it built; needed." },
	{ "namespace", &text, false, "kubectl's", "kaniko: of the pod." },
	{ "service_account", &text, false, NULL, "kaniko: of the pod." },
	{ "secret", &text, false, NULL, "kaniko: a secret of type `kubernetes.io/dockerconfigjson` for pushing." },
	{ "insecure", &truth, false, "false", "kaniko: plain HTTP to the repository." },
	{ "node_selector", &any, false, NULL, "kaniko: a map, as Kubernetes has it." },
	{ "resources", &any, false, NULL, "kaniko: requests and limits, as Kubernetes has them." },
	{ "pawl", &text, false, "pawl", "remote: the program at the other end." },
	{ "command", &any, false, "ssh", "remote: a list, run instead of ssh; its stdin and stdout lead to `pawl __remote-build`." },
};
static const struct schema_section builder_section = { "builder", "A kind, and settings of that kind.",
						       KEYS(builder_keys) };
static const struct schema_value orchestrator = {
	.what = "local, docker, slurm, kubernetes, or a map with kind",
	.takes = TAKES_TEXT | TAKES_MAP,
	FORM_CHOICE,
	.choices = orchestrators,
	.map = &orchestrator_section,
	.each = &any
};
static const struct schema_value builder = {
	.what = "native, docker, buildah, buildkit, kaniko, remote, or a map with kind",
	.takes = TAKES_TEXT | TAKES_MAP,
	FORM_CHOICE,
	.choices = builders,
	.map = &builder_section
};

static const struct schema_key secret_keys[] = {
	{ "env", &variable, false, NULL, "The caller's variable that has the value." },
	{ "file", &text, false, NULL, "A file that has the value." },
};
static const struct schema_section secret_section = { "A secret of a stack",
						      "Where its value comes from; one of the two.",
						      KEYS(secret_keys) };
static const struct schema_value secret = { .what = "a map with env or file",
					    .takes = TAKES_MAP,
					    .map = &secret_section };
static const struct schema_value secrets = {
	.what = "a map of secrets", .takes = TAKES_MAP, .each = &secret, .keys = NAME_VAR, .noun = "secret"
};

static const struct schema_key stack_keys[] = {
	{ "orchestrator", &orchestrator, false, "local", "What runs the steps." },
	{ "builder", &builder, false, "native", "What builds images." },
	{ "registry", &text, false, NULL, "Where images are pushed: a registry and a repository." },
	{ "insecure", &truth, false, "false", "Plain HTTP to the registry, also beyond this machine." },
	{ "reuse", &truth, false, "false",
	  "Before an image is built the registry is asked whether anybody pushed one of the same inputs (one request), and an image that is pushed gets a tag by which "
	  "others find it, `pawl-` and the digest of its key. Who may push there may give you images." },
	{ "store", &text, false, NULL, "Where artifacts are kept: `s3://bucket/prefix`." },
	{ "remote", &text, false, NULL, "The shared cache." },
	{ "pools", &resources, false, "the machine's",
	  "How much of each resource there is. `cpus` and `memory` are each invocation's own; of `gpus` and of names of your own (a licence) there is so much for all "
	  "invocations on one cache together, and steps get theirs in the order in which they ask." },
	{ "secrets", &secrets, false, "the caller's variables", "Where secrets come from." },
};
static const struct schema_section stack_section = { "A stack",
						     "One choice of components; `local` is always there.",
						     KEYS(stack_keys) };
static const struct schema_value stack = { .what = "a map", .takes = TAKES_MAP, .map = &stack_section };

static const struct schema_value environments = { .what = "a map of environments",
						  .takes = TAKES_MAP,
						  .each = &environment,
						  .keys = NAME_DOTTED,
						  .noun = "environment" };
static const struct schema_value steps = {
	.what = "a map of steps", .takes = TAKES_MAP, .each = &step, .keys = NAME_ID, .noun = "step"
};
static const struct schema_value stacks = {
	.what = "a map of stacks", .takes = TAKES_MAP, .each = &stack, .keys = NAME_DOTTED, .noun = "stack"
};

#define SHARED_KEYS(steps_required)                                                                          \
	{ "include", &texts, false, NULL,                                                                    \
	  "Further files with `params`, `environments`, `steps` and `stacks`, relative to the project "      \
	  "root; "                                                                                           \
	  "globs are "                                                                                       \
	  "allowed. A parameter of the including file wins; all else may be there only once." },             \
		{ "params", &params, false, NULL,                                                            \
		  "Parameters with their defaults; `--params` and `-p` replace them." },                     \
		{ "environments", &environments, false, NULL, "What steps run in." },                        \
		{ "steps", &steps, steps_required, NULL, "The steps." },                                     \
	{                                                                                                    \
		"stacks", &stacks, false, "`local`", "Choices of components."                                \
	}

static const struct schema_key file_keys[] = {
	{ "version", &version, true, NULL, "The version of this language: 1." },
	{ "pipeline", &dotted, true, NULL, "The name of the pipeline." },
	{ "strict", &truth, false, "false", "What `strict` is for steps that do not say it." },
	{ "hooks", &hooks, false, NULL, "Commands for when a run has ended." },
	SHARED_KEYS(true),
};
const struct schema_section schema_file = { "The file", "A map with these keys.", KEYS(file_keys) };

static const struct schema_key included_keys[] = {
	{ "version", &version, false, NULL, "The version of this language: 1." },
	SHARED_KEYS(false),
};
const struct schema_section schema_included = { "An included file", "As the file, without a name of its own.",
						KEYS(included_keys) };

static const struct schema_key written_keys[] = {
	{ "version", &version, false, NULL, "The version of this language: 1." },
	{ "steps", &steps, true, NULL, "The steps. They may name steps, parameters and environments of the pipeline, and each other." },
};
const struct schema_section schema_written = { "What a dynamic step writes",
					       "YAML or JSON: a map with further steps. Their names must be new.",
					       KEYS(written_keys) };

static const struct schema_key user_keys[] = {
	{ "stacks", &stacks, false, NULL, "Stacks for all pipelines of the user. One of the pipeline's own of that name hides it." },
};
const struct schema_section schema_user = { "The user's configuration",
					    "`$XDG_CONFIG_HOME/pawl/config.yaml`, else `~/.config/pawl/config.yaml`: what `--stack NAME` may name beside the "
					    "stacks of the pipeline. It is no part of the pipeline: a pipeline that names nothing does not use it.",
					    KEYS(user_keys) };
