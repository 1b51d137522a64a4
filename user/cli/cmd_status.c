// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext status: what is loaded, whether it works, and in words what may be relied on. */
#include <stdio.h>

#include "cli.h"

static int print_json(struct skbext *sk, const struct skbext_status *status,
		      const struct cli_types *types, json_t *bound, const char *why)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };
	char ctl[20];
	json_t *all;

	snprintf(ctl, sizeof(ctl), "0x%llx", status->ctl);
	all = json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:s, s:s, s:o?}",
			"mode", skbext_mode_name(status->mode),
			"guarantee", skbext_guarantee_name(status->guarantee),
			"hooks", cli_json_hooks(sk, status->mode),
			"types", cli_json_types(types),
			"healthy", status->healthy,
			"capacity", (json_int_t)status->capacity,
			"payload", (json_int_t)status->payload,
			"payload_used", (json_int_t)status->payload_used,
			"ctl", ctl, "reason", status->reason, "bound", bound);
	if (all && !skbext_stats(sk, &stats))
		json_object_set_new(all, "lost", cli_json_lost(&stats));
	else if (all)
		json_object_set_new(all, "lost_unknown", json_string(skbext_errmsg()));
	if (all && !bound)
		json_object_set_new(all, "bound_unknown", json_string(why));
	return cli_print_json(all);
}

/* The three ways not to be healthy, each with what to do about it. */
static void print_complaints(struct skbext *sk, const struct skbext_status *status)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	struct skbext_stats stats = { .sz = sizeof(stats) };

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++)
		if (cli_hook_serves(&hook, status->mode) && !hook.attached)
			printf("  hook %s is not attached: unload and load again\n", hook.name);
	if (skbext_stats(sk, &stats))
		return;
	if (stats.missed_hooks)
		printf("  the kernel skipped %llu runs of hooks: records may have ended late\n",
		       stats.missed_hooks);
	if (stats.add_failed || stats.share_failed)
		printf("  no room for %llu adds and %llu shares: load with a larger --capacity\n",
		       stats.add_failed, stats.share_failed);
}

static void print_bound(json_t *bound, const char *why)
{
	const json_t *one;
	size_t i;

	printf("bound%s%s%s\n", bound ? "" : "      unknown: ", bound ? "" : why,
	       bound && !json_array_size(bound) ? "      no program" : "");
	json_array_foreach(bound, i, one) {
		printf("  ");
		cli_print_bound(one);
	}
	json_decref(bound);
}

static int print_text(struct skbext *sk, const struct skbext_status *status,
		      const struct cli_types *types, json_t *bound, const char *why)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };
	const char *holds_not = cli_holds_not(status);

	printf("mode       %s\n", skbext_mode_name(status->mode));
	printf("guarantee  %s%s%s\n", skbext_guarantee_name(status->guarantee),
	       status->reason[0] ? ": " : "", status->reason);
	if (status->guarantee != SKBEXT_GUARANTEE_NONE)
		printf("  holds: %s\n", cli_holds(status));
	if (holds_not[0])
		printf("  does not hold: %s\n", holds_not);
	printf("capacity   %u records\n", status->capacity);
	printf("payload    %u bytes, %u used\n", status->payload, status->payload_used);
	printf("ctl        0x%llx, for scripts/records.bt\n", status->ctl);
	printf("hooks\n");
	cli_print_hooks(sk, status->mode);
	printf("types%s\n", types->nr ? "" : "      none");
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (types->type[id].taken)
			printf("  %s: %u bytes at %u%s%s\n", types->type[id].info.name,
			       types->type[id].info.size, types->type[id].info.offset,
			       cli_flags_text(types->type[id].info.flags),
			       types->type[id].btf ? "" :
			       types->unread[0] ? ", BTF unknown" : ", no BTF");
	print_bound(bound, why);
	if (!skbext_stats(sk, &stats))
		cli_print_lost(&stats);
	else
		printf("lost       unknown: %s\n", skbext_errmsg());
	printf("healthy    %s\n", status->healthy ? "yes" : "no");
	if (!status->healthy)
		print_complaints(sk, status);
	return CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct skbext_status status = { .sz = sizeof(status) };
	struct cli_common common;
	struct cli_types types;
	char why[512] = "";
	struct skbext *sk;
	json_t *bound;
	int ret;

	cli_args(argc, argv, 0, 0, &common);
	sk = cli_open(&common, "show the status");
	if (!sk)
		return CLI_FAILED;
	if (skbext_status(sk, &status)) {
		ret = cli_lib_error("show the status");
	} else {
		cli_types_read(sk, &types);
		cli_types_warn(&types);
		bound = cli_json_bound(&common, &types);
		if (!bound)
			snprintf(why, sizeof(why), "%s", skbext_errmsg());
		ret = common.json ? print_json(sk, &status, &types, bound, why) :
				    print_text(sk, &status, &types, bound, why);
		cli_types_free(&types);
	}
	skbext_close(sk);
	return ret;
}

const struct command cmd_status = {
	"status", run, "",
	"mode, guarantee, hooks and types, who is bound, and what holds", NULL
};
