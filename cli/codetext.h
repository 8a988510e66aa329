/* SPDX-License-Identifier: Apache-2.0
 *
 * codetext: the code of a step as text or JSON: what counts and what does not, each with its reason.
 */
#ifndef PAWL_CLI_CODETEXT_H
#define PAWL_CLI_CODETEXT_H

#include "rules/code_list.h"

void codetext_print(struct str name, const struct code_item *v, size_t n, struct buf *out);
void codetext_json(struct str name, const struct code_item *v, size_t n, struct buf *out);

#endif
