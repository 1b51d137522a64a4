// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext load: all arguments are checked before the kernel is touched, and pinning comes last, so
 * that a failure leaves nothing behind.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "keep/parts.h"

#define MAX_SPECS 64	/* more than fit, so that a ninth type is the library's to refuse */

struct request {
	struct cli_common common;
	struct skbext_open_opts opts;
	struct cli_type types[MAX_SPECS];
	unsigned int nr_types;
	bool replace, replaced;
};

enum {
	OPT_TYPE = CLI_OPT_OWN, OPT_CAPACITY, OPT_PAYLOAD, OPT_REFS, OPT_MODE, OPT_REQUIRE,
	OPT_REPLACE
};

static void add_spec(struct request *req, const char *spec)
{
	if (req->nr_types == MAX_SPECS)
		cli_usage_error("--type is given more than %d times", MAX_SPECS);
	req->types[req->nr_types] = cli_parse_type(spec);
	req->opts.limits |= req->types[req->nr_types++].max != 0;
}

static void parse(struct request *req, int argc, char **argv)
{
	int c;

	while ((c = cli_getopt(argc, argv, &req->common)) != -1) {
		switch (c) {
		case OPT_TYPE:
			add_spec(req, optarg);
			break;
		case OPT_CAPACITY:
			req->opts.capacity = cli_parse_number(optarg, "--capacity", 1, UINT32_MAX);
			break;
		case OPT_PAYLOAD:
			req->opts.payload = cli_parse_number(optarg, "--payload", 1,
							     SKBEXT_MAX_PAYLOAD);
			break;
		case OPT_REFS:
			req->opts.refs = cli_parse_number(optarg, "--refs", 1, UINT32_MAX);
			break;
		case OPT_MODE:
			req->opts.mode = cli_parse_mode(optarg);
			break;
		case OPT_REQUIRE:
			if (strcmp(optarg, "complete"))
				cli_usage_error("--require knows only complete, not '%s'", optarg);
			req->opts.require_complete = true;
			break;
		case OPT_REPLACE:
			req->replace = true;
			break;
		}
	}
	cli_want_args(argc, 0, 0);
	if (req->opts.require_complete && req->opts.mode == SKBEXT_MODE_TRACEPOINT)
		cli_usage_error("--mode tracepoint is never complete");
	req->opts.bpffs_dir = req->common.bpffs;
}

/* skbext_pin() would tell as well, but two would be attached until then. */
static int refuse_second(const struct request *req)
{
	struct skbext *sk = skbext_open_pinned(req->common.bpffs);

	if (sk) {
		skbext_close(sk);
		return cli_error("cannot load: loaded already, under %s; `skbext unload` first",
				 cli_bpffs(&req->common));
	}
	if (errno == ESTALE || errno == EUCLEAN || errno == EPERM)
		return cli_lib_error("load");
	return CLI_DONE;
}

static int add_types(struct skbext *sk, const struct request *req)
{
	for (unsigned int i = 0; i < req->nr_types; i++) {
		const struct cli_type *type = &req->types[i];

		if (skbext_type_add(sk, type->name, type->size, type->flags) < 0 ||
		    (type->max && skbext_type_limit(sk, type->name, type->max)))
			return -1;
	}
	return 0;
}

static void print_line(const struct request *req, const struct skbext_status *status,
		       const struct cli_types *types)
{
	printf("%s: mode %s, guarantee %s, capacity %u, types%s",
	       req->replaced ? "replaced" : "loaded", skbext_mode_name(status->mode), skbext_guarantee_name(status->guarantee),
	       status->capacity, types->nr ? "" : " none");
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++) {
		const struct skbext_type_info *info = &types->type[id].info;

		if (types->type[id].taken)
			printf(" %s:%u%s", info->name, info->size, cli_policy_text(info));
	}
	putchar('\n');
}

static json_t *result_json(const struct request *req, const struct skbext_status *status,
			   const struct cli_types *types, json_t *kept, const struct keep_why *why)
{
	json_t *all = json_pack("{s:b, s:s, s:s, s:s, s:I, s:o, s:O?}",
				"replaced", req->replaced,
				"mode", skbext_mode_name(status->mode),
				"guarantee", skbext_guarantee_name(status->guarantee),
				"reason", status->reason,
				"capacity", (json_int_t)status->capacity,
				"types", cli_json_types(types), "kept", kept);

	if (all && !kept)
		json_object_set_new(all, "kept_unknown", json_string(why->text));
	return all;
}

/* Loaded is loaded: a device that is not there yet makes no failure of it. */
static void warn_kept(const json_t *kept, const struct keep_why *why)
{
	if (kept)
		keep_print_failed(kept);
	else
		cli_error("warning: what is kept is not attached: %s; then `skbext attach --again`",
			  why->text);
}

static int report(struct skbext *sk, const struct request *req,
		  const struct skbext_status *status)
{
	struct keep_why why = { "" };
	json_t *kept = keep_attach_again(&req->common, &why);
	struct cli_types types;
	int ret = CLI_DONE;
	bool written;

	cli_types_read(sk, &types);
	if (req->common.json) {
		ret = cli_print_json(result_json(req, status, &types, kept, &why));
	} else {
		print_line(req, status, &types);
		keep_print_attached(kept);
	}
	cli_types_free(&types);
	/* Where the result cannot be written, that is the one line. */
	written = !fflush(stdout);
	if (written)
		warn_kept(kept, &why);
	json_decref(kept);
	if (written && status->guarantee == SKBEXT_GUARANTEE_PARTIAL)
		cli_error("warning: guarantee partial%s: %s; `skbext status` tells what holds",
			  status->mode == SKBEXT_MODE_TRACEPOINT ?
			  ", clones cannot be followed" : "", status->reason);
	return ret;
}

/* All that may fail comes before the pins, but for printing. */
static int load(struct skbext *sk, const struct request *req)
{
	struct skbext_status status = { .sz = sizeof(status) };

	if (refuse_second(req))
		return CLI_FAILED;
	if (skbext_load(sk) || skbext_attach(sk) || add_types(sk, req) ||
	    skbext_status(sk, &status) || skbext_pin(sk))
		return cli_lib_error("load");
	return report(sk, req, &status);
}

/* Types first: one that is refused is refused with all as it was. */
static int add_types_to_loaded(const struct request *req)
{
	struct skbext *loaded = req->nr_types ? skbext_open_pinned(req->common.bpffs) : NULL;
	int err = loaded ? add_types(loaded, req) : 0;

	skbext_close(loaded);
	return err;
}

static int replace(struct skbext *sk, struct request *req)
{
	struct skbext_status status = { .sz = sizeof(status) };

	if (add_types_to_loaded(req))
		return cli_lib_error("replace what is loaded");
	if (skbext_replace(sk))
		return errno == ENOENT ? load(sk, req) : cli_lib_error("replace what is loaded");
	req->replaced = true;
	return skbext_status(sk, &status) ? cli_lib_error("show what replaced it") :
					    report(sk, req, &status);
}

static int run(int argc, char **argv)
{
	struct request req = { .opts.sz = sizeof(req.opts) };
	struct skbext *sk;
	int ret;

	parse(&req, argc, argv);
	sk = skbext_open(&req.opts);
	if (!sk && errno == EINVAL)
		cli_usage_error("%s", skbext_errmsg());
	if (!sk)
		return cli_lib_error("load");
	ret = req.replace ? replace(sk, &req) : load(sk, &req);
	skbext_close(sk);
	return ret;
}

#define POLICY_HELP(flag, mask, word, help)	"  " word ": " help ";\n"

static const struct cli_option options[] = {
	{ "type", OPT_TYPE, "NAME:SIZE[,POLICY]...",
	  "register a type of SIZE bytes; may be repeated, up to 8.\n"
	  "POLICY:\n" SKBEXT_POLICIES(POLICY_HELP)
	  "  max=N: N records at one time, more adds fail" },
	{ "capacity", OPT_CAPACITY, "N",
	  "records at one time (default 65536)" },
	{ "payload", OPT_PAYLOAD, "BYTES",
	  "room for the payloads of all types of one packet\n"
	  "(default 128, at most 2040)" },
	{ "refs", OPT_REFS, "N",
	  "counters of each counted type (default 1024)" },
	{ "mode", OPT_MODE, "auto|exact|tracepoint",
	  "which hooks (default auto: exact where the kernel\n"
	  "permits fentry)" },
	{ "require", OPT_REQUIRE, "complete",
	  "fail where the guarantee would be partial" },
	{ "replace", OPT_REPLACE, NULL,
	  "put the programs of this version in place of those that are\n"
	  "loaded: records, types and bound programs go on. Options are\n"
	  "to be as they are loaded, or omitted. Nothing loaded: load" },
	{ 0 },
};

const struct command cmd_load = {
	"load", run, "",
	"load, attach and pin skbext, and attach what is kept", options
};
