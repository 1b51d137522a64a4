// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext purge: end the records that no hook will end, because the kernel skipped their release. */
#include <stdio.h>

#include "cli.h"

static int run(int argc, char **argv)
{
	struct cli_common common;
	struct skbext *sk;
	__u64 ended = 0;
	int err;

	cli_args(argc, argv, 0, 0, &common);
	sk = cli_open(&common, "purge");
	if (!sk)
		return CLI_FAILED;
	cli_progress("purging");
	err = skbext_purge(sk, &ended);
	cli_progress(NULL);
	skbext_close(sk);
	if (err)
		return cli_lib_error("purge");
	if (common.json)
		return cli_print_json(json_pack("{s:I}", "ended", (json_int_t)ended));
	printf("ended %llu records that missed releases had left\n", ended);
	return CLI_DONE;
}

const struct command cmd_purge = {
	"purge", run, "",
	"end the records that missed releases have left", NULL
};
