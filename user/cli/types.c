// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The registered types, read once for a command that shows many records. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>

#include "cli.h"

void cli_types_read(struct skbext *sk, struct cli_types *types)
{
	*types = (struct cli_types){ 0 };
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		struct skbext_type_info *info = &types->type[id].info;
		struct btf *btf;

		/* What is pinned may be damaged: callers use these numbers on an object. */
		if (skbext_type_get(sk, id, info) || info->offset > SKBEXT_MAX_PAYLOAD ||
		    info->size > SKBEXT_MAX_PAYLOAD - info->offset)
			continue;
		types->type[id].taken = true;
		btf = skbext_type_btf(sk, id, &types->type[id].btf_id);
		if (!btf && errno != ENOENT)
			snprintf(types->unread, sizeof(types->unread), "%s", skbext_errmsg());
		types->type[id].btf = btf;
		types->type[id].dump = btf ? btf_dump__new(btf, cli_print_part, NULL, NULL) : NULL;
		types->nr++;
	}
}

void cli_types_warn(const struct cli_types *types)
{
	if (types->unread[0])
		cli_error("warning: payloads are not decoded: %s", types->unread);
}

void cli_types_free(struct cli_types *types)
{
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		btf_dump__free(types->type[id].dump);
		btf__free(types->type[id].btf);
	}
}

json_t *cli_json_flags(__u32 flags)
{
	json_t *list = json_array();

	if (flags & SKBEXT_F_NO_CLONE)
		json_array_append_new(list, json_string("noclone"));
	if (flags & SKBEXT_F_KEEP_SCRUB)
		json_array_append_new(list, json_string("keep-scrub"));
	if (flags & SKBEXT_F_DROP_UDP)
		json_array_append_new(list, json_string("drop-udp"));
	if (flags & SKBEXT_F_COUNTED)
		json_array_append_new(list, json_string("counted"));
	return list;
}

const char *cli_flags_text(__u32 flags)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s", flags & SKBEXT_F_NO_CLONE ? ",noclone" : "",
		 flags & SKBEXT_F_KEEP_SCRUB ? ",keep-scrub" : "",
		 flags & SKBEXT_F_DROP_UDP ? ",drop-udp" : "",
		 flags & SKBEXT_F_COUNTED ? ",counted" : "");
	return text;
}

json_t *cli_json_types(const struct cli_types *types)
{
	json_t *list = json_array();

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		const struct skbext_type_info *info = &types->type[id].info;

		if (types->type[id].taken)
			json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:o}",
							      "name", info->name,
							      "size", (json_int_t)info->size,
							      "offset", (json_int_t)info->offset,
							      "flags", cli_json_flags(info->flags)));
	}
	return list;
}
