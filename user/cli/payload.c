// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One payload for people and for programs: as hex, and decoded if the type has BTF. */
#include <bpf/btf.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

void cli_print_part(void *ctx __attribute__((unused)), const char *fmt, va_list args)
{
	vprintf(fmt, args);
}

static void hex_text(char *text, const unsigned char *data, size_t size)
{
	*text = 0;
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
}

void cli_print_payload(const struct cli_types *types, unsigned int id, const void *data)
{
	const struct skbext_type_info *info = &types->type[id].info;
	LIBBPF_OPTS(btf_dump_type_data_opts, opts, .compact = true, .emit_zeroes = true);
	char hex[2 * SKBEXT_MAX_PAYLOAD + 1];

	hex_text(hex, data, info->size);
	printf("  %-16s %s", info->name, hex);
	if (types->type[id].dump) {
		printf("  ");
		btf_dump__dump_type_data(types->type[id].dump, types->type[id].btf_id, data,
					 info->size, &opts);
	}
	putchar('\n');
}

json_t *cli_json_payload(const struct cli_types *types, unsigned int id, const void *data)
{
	const struct skbext_type_info *info = &types->type[id].info;
	char hex[2 * SKBEXT_MAX_PAYLOAD + 1];
	json_t *payload, *value = NULL;

	hex_text(hex, data, info->size);
	payload = json_pack("{s:s}", "hex", hex);
	if (types->type[id].btf)
		value = btf_json(types->type[id].btf, types->type[id].btf_id, data, info->size);
	if (value)
		json_object_set_new(payload, "value", value);
	return payload;
}
