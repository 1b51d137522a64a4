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

		/* Pins may be damaged: callers use these numbers on an object. */
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

void cli_types_count(struct skbext *sk, struct cli_types *types)
{
	types->stats.sz = sizeof(types->stats);
	if (!skbext_stats(sk, &types->stats))
		return;
	types->stats.capacity = 0;
	snprintf(types->uncounted, sizeof(types->uncounted), "%s", skbext_errmsg());
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

#define ADD_STRING(flag, mask, word, help)							\
	if (flags & (flag))								\
		json_array_append_new(list, json_string(word));
	SKBEXT_POLICIES(ADD_STRING)
	return list;
}

const char *cli_policy_text(const struct skbext_type_info *info)
{
	static char text[96];
	size_t n = 0;

	text[0] = 0;
#define ADD_WORD(flag, mask, word, help)							\
	if (info->flags & (flag))							\
		n += snprintf(text + n, sizeof(text) - n, "," word);
	SKBEXT_POLICIES(ADD_WORD)
	if (info->max)
		snprintf(text + n, sizeof(text) - n, ",max=%u", info->max);
	return text;
}

static double share_of(const struct skbext_stats *stats, unsigned int id)
{
	return 100.0 * stats->type_live[id] / stats->capacity;
}

void cli_print_use(const struct cli_types *types, unsigned int id)
{
	const struct skbext_stats *stats = &types->stats;

	if (!stats->capacity)
		return;
	printf("    %llu records, %.1f %% of the capacity", stats->type_live[id],
	       share_of(stats, id));
	if (stats->type_add_failed[id])
		printf("; %llu adds failed, no room", stats->type_add_failed[id]);
	if (stats->type_add_limited[id])
		printf("; %llu adds failed, it had its max", stats->type_add_limited[id]);
	putchar('\n');
}

static void use_json(json_t *type, const struct skbext_stats *stats, unsigned int id)
{
	json_object_set_new(type, "records", json_integer(stats->type_live[id]));
	json_object_set_new(type, "share", json_real(share_of(stats, id)));
	json_object_set_new(type, "add_failed", json_integer(stats->type_add_failed[id]));
	json_object_set_new(type, "add_limited", json_integer(stats->type_add_limited[id]));
}

static json_t *one_json(const struct cli_types *types, unsigned int id)
{
	const struct skbext_type_info *info = &types->type[id].info;
	json_t *type = json_pack("{s:s, s:I, s:I, s:o}", "name", info->name,
				 "size", (json_int_t)info->size, "offset", (json_int_t)info->offset,
				 "flags", cli_json_flags(info->flags));

	json_object_set_new(type, "max", info->max ? json_integer(info->max) : json_null());
	if (types->stats.capacity)
		use_json(type, &types->stats, id);
	return type;
}

json_t *cli_json_types(const struct cli_types *types)
{
	json_t *list = json_array();

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (types->type[id].taken)
			json_array_append_new(list, one_json(types, id));
	return list;
}
