/* SPDX-License-Identifier: Apache-2.0
 *
 * kinds: all of them, for who lists them (pawl version).
 */
#include "rules/apt.h"
#include "rules/docker_inside.h"
#include "rules/rules.h"

const struct rule *const all_rules[] = { &rule_file, &rule_glob, &rule_var, &rule_tool, &rule_code, &rule_env, &rule_requirements, &rule_parent,
					 &rule_layer, &rule_image, &rule_venv, &rule_step, &rule_docker_from, &rule_docker_config,
					 &rule_docker_files, &rule_docker_copy, &rule_docker_place, &rule_docker_layer, &rule_dockerfile,
					 &rule_apt, &rule_apt_layer, &rule_base, NULL };
