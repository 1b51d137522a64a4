// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext add: make a type active on the skb at an address. */
#include <stdlib.h>

#include "cli.h"

static int run(int argc, char **argv)
{
	struct cli_common common;
	char **args = cli_args(argc, argv, 3, 3, &common);
	__u64 skb = cli_parse_address(args[0]);
	size_t len;
	void *data = cli_parse_hex(args[2], &len);
	struct skbext *sk = data ? cli_open(&common, "add") : NULL;
	int ret = CLI_FAILED;

	if (sk)
		ret = skbext_add(sk, skb, args[1], data, len) ? cli_lib_error("add") : CLI_DONE;
	skbext_close(sk);
	free(data);
	if (!data)
		ret = cli_error("cannot add: out of memory; give a shorter payload");
	if (ret == CLI_DONE && common.json)
		ret = cli_print_json(json_pack("{s:s, s:s}", "skb", args[0], "type", args[1]));
	return ret;
}

const struct command cmd_add = {
	"add", run, "SKB TYPE HEX",
	"make a type active on the skb at an address", NULL
};
