/* SPDX-License-Identifier: Apache-2.0
 *
 * platforms: environments with several of them. Such an environment stands for its image on one platform, this machine's if it is among them, else the
 * first; for each other one there is a further environment NAME@PLATFORM, alike but for that. They are made when a project is opened and are no part of
 * the written IR. Outputs and pushes bring the images together under one index.
 */
#ifndef PAWL_RULES_PLATFORMS_H
#define PAWL_RULES_PLATFORMS_H

#include "rules/ir.h"

/* Adds the further environments. Once, before anybody holds a pointer to one. */
void platforms_expand(struct ir *ir, struct arena *a);
/* "linux/amd64" of this machine. */
struct str platforms_machine(void);

#endif
