// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext find: one payload of one skb. */
#include <stdio.h>

#include "cli.h"

static int show(struct skbext *sk, __u64 skb, const char *type, const void *data, bool json)
{
	int id = skbext_type_find(sk, type);
	struct cli_types types;
	char address[24];
	json_t *found;
	int ret = CLI_DONE;

	if (id < 0)
		return cli_lib_error("find");
	snprintf(address, sizeof(address), "0x%016llx", skb);
	cli_types_read(sk, &types);
	cli_types_warn(&types);
	if (json) {
		found = cli_json_payload(&types, id, data);
		json_object_set_new(found, "skb", json_string(address));
		json_object_set_new(found, "type", json_string(type));
		ret = cli_print_json(found);
	} else {
		puts(address);
		cli_print_payload(&types, id, data);
	}
	cli_types_free(&types);
	return ret;
}

static int run(int argc, char **argv)
{
	unsigned char data[SKBEXT_MAX_PAYLOAD] = { 0 };
	struct cli_common common;
	char **args = cli_args(argc, argv, 2, 2, &common);
	__u64 skb = cli_parse_address(args[0]);
	struct skbext *sk = cli_open(&common, "find");
	int ret;

	if (!sk)
		return CLI_FAILED;
	if (skbext_find(sk, skb, args[1], data, sizeof(data)) < 0)
		ret = cli_lib_error("find");
	else
		ret = show(sk, skb, args[1], data, common.json);
	skbext_close(sk);
	return ret;
}

const struct command cmd_find = {
	"find", run, "SKB TYPE",
	"show one payload", NULL
};
