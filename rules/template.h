/* SPDX-License-Identifier: Apache-2.0
 *
 * template: texts with substitutions, cut into pieces once and put together as often as needed.
 *
 *	${inputs.N}  ${outputs.N}  ${params.N}  ${env.N}  ${item.N}  ${run.dir}      and $${ for a literal ${
 *
 * These are the only ones: any other ${...} is a mistake, every other $ is an ordinary character. What is put
 *in is never looked at again. Cutting says only what a text is; whether the names exist is checked by
 *rules/check.c.
 */
#ifndef PAWL_RULES_TEMPLATE_H
#define PAWL_RULES_TEMPLATE_H

#include "rules/ir.h"

/* ERR_INPUT says what is wrong with the text, without its place. out->source is a copy. */
int template_cut(struct str source, struct arena *a, struct ir_template *out, struct err *e);

/* A template of one literal. */
struct ir_template template_literal(struct str text, struct arena *a);
bool template_is_literal(const struct ir_template *t); /* nothing to substitute; also for the empty text */
struct str template_text(const struct ir_template *t); /* the text of a literal one */
bool template_has(const struct ir_template *t, enum ir_piece_kind kind);
bool template_names(const struct ir_template *t, enum ir_piece_kind kind, struct str name);

/* Puts the value of one reference behind out, quoted as the caller likes. Called once for each, in order. */
typedef int template_value(void *ctx, const struct ir_piece *reference, struct buf *out, struct err *e);
int template_render(const struct ir_template *t, template_value *value, void *ctx, struct buf *out,
		    struct err *e);

/* A path with ${item.N} and ${params.N}: put together, cleaned, checked to stay inside the project.
 * ERR_INPUT. */
int template_path(const struct ir_template *t, const struct ir *ir, const struct ir_pairs *items,
		  struct arena *a, struct str *out, struct err *e);

/* "inputs", "outputs", "params", "env", "item", "run": the part before the dot. */
const char *template_space(enum ir_piece_kind kind);

#endif
