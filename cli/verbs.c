/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

const struct verb verbs[] = {
	{ "init", "", "write a commented pawl.yaml from what is found here", verb_init },
	{ "run", "[STEP...]", "make everything, or what leads to STEP", verb_run },
	{ "build", "[ENV...]", "make images only", verb_build },
	{ "plan", "[STEP...]", "what run would do and why", verb_plan },
	{ "why", "STEP|ENV", "the first thing that differs, and the chain to it", verb_why },
	{ "compile", "", "print the pipeline as canonical JSON", verb_compile },
	{ "graph", "[code:STEP]", "nodes and edges; of a code node what is in it and what is out, with reasons", verb_graph },
	{ "watch", "[STEP...]", "run what changes, and answer the other verbs meanwhile", verb_watch },
	{ "runs", "", "finished runs", verb_runs },
	{ "log", "STEP", "output of a step, also of a cached one", verb_log },
	{ "diff", "RUN RUN", "two runs compared", verb_diff },
	{ "artifact", "list|get|lineage", "artifacts by name or digest", verb_artifact },
	{ "lock", "", "resolve parents and requirements into pawl.lock", verb_lock },
	{ "cache", "stats|gc|verify", "size and hit rate; collect; check", verb_cache },
	{ "stack", "list|show|check", "stacks of the pipeline file", verb_stack },
	{ "doctor", "", "what is missing on this machine, and what mends it", verb_doctor },
	{ "version", "", "versions of pawl, its formats and its libraries", verb_version },
	{ 0 },
};
