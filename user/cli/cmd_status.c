// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext status: what is loaded, whether it works, and in words what may be relied on. */
#include <stdint.h>
#include <stdio.h>

#include "keep/parts.h"

/* The result of one look. The library's words are kept: later calls overwrite them. */
struct look {
	struct skbext_status status;
	struct cli_types types;
	json_t *bound;		/* NULL: why says why */
	char why[512];
	json_t *attached;	/* NULL: it could not look */
	json_t *missing;	/* kept, and not attached; NULL: why_kept says why */
	struct keep_why why_kept;
	json_t *problems;
};

static int look_at(struct look *look, struct skbext *sk, const struct cli_common *common,
		   const struct cli_limits *limits)
{
	*look = (struct look){ .status.sz = sizeof(look->status) };
	if (skbext_status(sk, &look->status))
		return -1;
	cli_types_read(sk, &look->types);
	cli_types_count(sk, &look->types);
	look->bound = cli_json_bound(common, &look->types);
	if (!look->bound)
		snprintf(look->why, sizeof(look->why), "%s", skbext_errmsg());
	look->attached = cli_json_attached(common);
	look->missing = keep_missing(common, look->attached, &look->why_kept);
	look->problems = cli_problems(sk, common, &look->status, &look->types.stats,
				      look->types.uncounted, look->missing, look->why_kept.text,
				      limits);
	return 0;
}

static void look_end(struct look *look)
{
	json_decref(look->bound);
	json_decref(look->attached);
	json_decref(look->missing);
	json_decref(look->problems);
	cli_types_free(&look->types);
}

static void add_memory(json_t *all, const struct cli_common *common)
{
	struct cli_memory memory;
	const char *why = cli_read_memory(common, &memory);

	if (why)
		json_object_set_new(all, "kernel_bytes_unknown", json_string(why));
	else
		json_object_set_new(all, "kernel_bytes",
				    json_pack("{s:I, s:I}", "maps", (json_int_t)memory.maps,
					      "programs", (json_int_t)memory.programs));
}

static json_t *status_json(struct skbext *sk, const struct look *look,
			   const struct cli_common *common)
{
	const struct skbext_status *status = &look->status;
	char ctl[20];
	json_t *all;

	snprintf(ctl, sizeof(ctl), "0x%llx", status->ctl);
	all = json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:s, s:s, s:O?, s:O?, s:O?, s:O}",
			"mode", skbext_mode_name(status->mode),
			"guarantee", skbext_guarantee_name(status->guarantee),
			"hooks", cli_json_hooks(sk, status->mode),
			"types", cli_json_types(&look->types),
			"healthy", !json_array_size(look->problems),
			"capacity", (json_int_t)status->capacity,
			"payload", (json_int_t)status->payload,
			"payload_used", (json_int_t)status->payload_used,
			"ctl", ctl, "reason", status->reason, "bound", look->bound,
			"attached", look->attached, "kept_missing", look->missing,
			"problems", look->problems);
	if (all && look->types.uncounted[0])
		json_object_set_new(all, "lost_unknown", json_string(look->types.uncounted));
	else if (all)
		json_object_set_new(all, "lost", cli_json_lost(&look->types.stats));
	if (all && !look->bound)
		json_object_set_new(all, "bound_unknown", json_string(look->why));
	if (all && !look->missing)
		json_object_set_new(all, "kept_unknown", json_string(look->why_kept.text));
	if (all)
		add_memory(all, common);
	return all;
}

/* Healthy comes last, what is wrong first. */
static void print_problems(const json_t *problems)
{
	const json_t *problem;
	size_t i;

	printf("healthy    %s\n", json_array_size(problems) ? "no" : "yes");
	json_array_foreach(problems, i, problem)
		printf("  %s\n", json_string_value(problem));
}

static void print_bound(const json_t *bound, const char *why)
{
	const json_t *one;
	size_t i;

	printf("bound%s%s%s\n", bound ? "" : "      unknown: ", bound ? "" : why,
	       bound && !json_array_size(bound) ? "      no program" : "");
	json_array_foreach(bound, i, one) {
		printf("  ");
		cli_print_bound(one);
	}
}

static void print_attached(const json_t *attached)
{
	const json_t *one;
	size_t i;

	if (json_array_size(attached))
		printf("attached\n");
	json_array_foreach(attached, i, one)
		cli_print_attached(one);
}

static void print_missing(const struct look *look)
{
	const json_t *one;
	size_t i;

	if (!look->missing)
		printf("kept       unknown: %s\n", look->why_kept.text);
	if (json_array_size(look->missing))
		printf("kept, and not attached\n");
	json_array_foreach(look->missing, i, one) {
		const char *object = json_string_value(json_object_get(one, "object"));

		printf("  %s: %s\n", json_string_value(json_object_get(one, "name")),
		       object ? object : json_string_value(json_object_get(one, "damaged")));
	}
}

static void print_types(const struct cli_types *types)
{
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		if (!types->type[id].taken)
			continue;
		printf("  %s: %u bytes at %u%s%s\n", types->type[id].info.name,
		       types->type[id].info.size, types->type[id].info.offset,
		       cli_policy_text(&types->type[id].info),
		       types->type[id].btf ? "" :
		       types->unread[0] ? ", BTF unknown" : ", no BTF");
		cli_print_use(types, id);
	}
}

static void print_text(struct skbext *sk, const struct look *look)
{
	const struct skbext_status *status = &look->status;
	const char *holds_not = cli_holds_not(status);

	if (json_array_size(look->problems))
		print_problems(look->problems);
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
	printf("types%s\n", look->types.nr ? "" : "      none");
	print_types(&look->types);
	print_bound(look->bound, look->why);
	print_attached(look->attached);
	print_missing(look);
	if (look->types.uncounted[0])
		printf("lost       unknown: %s\n", look->types.uncounted);
	else
		cli_print_lost(&look->types.stats);
	if (!json_array_size(look->problems))
		print_problems(look->problems);
}

/* The reason comes first, on stderr too. Returns an exit status. */
static int judge(const json_t *problems)
{
	size_t nr = json_array_size(problems);

	if (!nr)
		return CLI_DONE;
	return cli_error("not healthy: %s%s", json_string_value(json_array_get(problems, 0)),
			 nr > 1 ? "; and more, see the status" : "");
}

static int show(struct skbext *sk, const struct cli_common *common, const struct cli_limits *limits)
{
	struct look look;
	int ret, printed = CLI_DONE;

	if (look_at(&look, sk, common, limits))
		return cli_lib_error("show the status");
	cli_types_warn(&look.types);
	ret = judge(look.problems);
	if (common->json)
		printed = cli_print_json(status_json(sk, &look, common));
	else
		print_text(sk, &look);
	look_end(&look);
	return ret ? ret : printed;
}

json_t *cli_json_status(struct skbext *sk, const struct cli_common *common)
{
	const struct cli_limits limits = { 0 };
	struct look look;
	json_t *all;

	if (look_at(&look, sk, common, &limits))
		return NULL;
	all = status_json(sk, &look, common);
	look_end(&look);
	return all;
}

enum { OPT_MAX_LOST = CLI_OPT_OWN, OPT_MAX_MISSED };

static int run(int argc, char **argv)
{
	struct cli_common common = { 0 };
	struct cli_limits limits = { 0 };
	__u64 lost, missed;
	struct skbext *sk;
	int c, ret;

	while ((c = cli_getopt(argc, argv, &common)) != -1) {
		if (c == OPT_MAX_LOST) {
			lost = cli_parse_number(optarg, "--max-lost", 0, UINT64_MAX);
			limits.lost = &lost;
		} else {
			missed = cli_parse_number(optarg, "--max-missed", 0, UINT64_MAX);
			limits.missed = &missed;
		}
	}
	cli_want_args(argc, 0, 0);
	sk = cli_open(&common, "show the status");
	if (!sk)
		return CLI_FAILED;
	ret = show(sk, &common, &limits);
	skbext_close(sk);
	return ret;
}

static const struct cli_option options[] = {
	{ "max-lost", OPT_MAX_LOST, "N",
	  "not healthy if more records were lost since `load`, whatever\n"
	  "the cause; without it: if one found no room" },
	{ "max-missed", OPT_MAX_MISSED, "N",
	  "not healthy if the kernel skipped more runs of hooks" },
	{ 0 },
};

const struct command cmd_status = {
	"status", run, "",
	"mode, guarantee, hooks and types, who is bound, and what holds", options
};
