// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Hooks and guarantees in words and JSON. */
#include <stdio.h>

#include "cli.h"

bool cli_hook_serves(const struct skbext_hook *hook, enum skbext_mode mode)
{
	return !hook->idle && (hook->mode == SKBEXT_MODE_AUTO || hook->mode == mode);
}

json_t *cli_json_hook(const struct skbext_hook *hook)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:I}", "name", hook->name, "kind", hook->kind,
			 "role", skbext_role_name(hook->role), "attached", hook->attached,
			 "missed", (json_int_t)hook->missed);
}

json_t *cli_json_hooks(struct skbext *sk, enum skbext_mode mode)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	json_t *list = json_array();

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++)
		if (cli_hook_serves(&hook, mode))
			json_array_append_new(list, cli_json_hook(&hook));
	return list;
}

void cli_print_hooks(struct skbext *sk, enum skbext_mode mode)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++)
		if (cli_hook_serves(&hook, mode))
			printf("  %-12s %-8s %-7s %-30s missed %llu\n",
			       hook.attached ? "attached" : "NOT ATTACHED",
			       skbext_role_name(hook.role), hook.kind, hook.name, hook.missed);
}

const char *cli_holds(const struct skbext_status *status)
{
	if (status->guarantee == SKBEXT_GUARANTEE_NONE)
		return "";
	if (status->mode == SKBEXT_MODE_EXACT)
		return "a record ends with its skb; clones, copies, segments, fragments share it";
	return "a record ends when its skb is freed, or when the memory is used again";
}

const char *cli_holds_not(const struct skbext_status *status)
{
	if (status->guarantee == SKBEXT_GUARANTEE_NONE)
		return "anything: records may outlive their skbs; unload and load again";
	if (status->mode == SKBEXT_MODE_EXACT)
		return "where the kernel copies or drops extensions inline: packets that "
		       "xfrm_iptfs makes, MCTP fragments, vxcan, can-gw";
	return "clones cannot be followed: clones, copies and fragments carry nothing; "
	       "of the points where the kernel drops extensions only netif_rx (veth) is "
	       "seen; memory that is used again past every tracepoint may show its "
	       "predecessor's record";
}
