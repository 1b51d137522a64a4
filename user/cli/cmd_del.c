// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext del: take one type, or all, from the skb at an address. */
#include "cli.h"

static int run(int argc, char **argv)
{
	struct cli_common common;
	char **args = cli_args(argc, argv, 1, 2, &common);
	const char *type = argc - optind == 2 ? args[1] : NULL;
	__u64 skb = cli_parse_address(args[0]);
	struct skbext *sk = cli_open(&common, "delete");
	int ret;

	if (!sk)
		return CLI_FAILED;
	ret = skbext_del(sk, skb, type) ? cli_lib_error("delete") : CLI_DONE;
	skbext_close(sk);
	if (ret == CLI_DONE && common.json)
		ret = cli_print_json(json_pack("{s:s, s:s?}", "skb", args[0], "type", type));
	return ret;
}

const struct command cmd_del = {
	"del", run, "SKB [TYPE]",
	"take a type, or all, from an skb", NULL
};
