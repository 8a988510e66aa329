/* SPDX-License-Identifier: Apache-2.0
 *
 * ir_json: the names that the IR's JSON uses, shared by its writer and its reader.
 *
 *	{"schema": 1, "pipeline": "churn",
 *	 "params": {"lr": 0.1},
 *	 "steps": {"train": {"run": "..." or ["...", ...], "inputs": {"raw": {"step": "load", "output": "raw"}
 *| {"path"} | {"glob"} |
 *	     {"uri", "digest"}}, "outputs": {"model": {"path": "out/", "folder": true} or {}}, "params",
 *"code", "env", "pass_env", "secrets", "after", "environment", "isolation", "cache": {"on", "expires_ms",
 *"salt", "ignore"}, "retry": {"max", "delay_ms", "backoff", "on"}, "timeout_ms", "resources": {"cpus":
 *thousandths, "memory": bytes}, "when", "foreach": {"x": {"list": [...]} | {"range": [a, b]} | {"lines":
 *FILE} | {"step", "output"}}}}, "environments": {"base": {"parent": {"registry"} | {"scratch": true} |
 *{"oci"} | {"docker_archive"} | {"bootstrap", "suite", "packages"}, "dockerfile", "context", "target", "args", "contexts", "secrets", "apt",
 *"apt_sources", "apt_keys", "python":
 *{...}, "include", "env", "labels", "workdir", "user", "platform", "entrypoint"}}, "stacks": {"local": the
 *settings as written}}
 *
 * What has its default is left out; isolation is always there. Texts with substitutions are as in pawl.yaml,
 *`$${` included.
 */
#ifndef PAWL_RULES_IR_JSON_H
#define PAWL_RULES_IR_JSON_H

#include "rules/ir.h"

#define IR_SCHEMA 1

extern const char *const ir_isolation_names[]; /* by enum ir_isolation */
extern const char *const ir_installer_names[]; /* by enum ir_installer */

struct str ir_template_source(const struct ir_template *t, struct arena *a); /* the pieces, spelt again */

#endif
