// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext attach: one's own object on live packets, by one command and no loader. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "keep/parts.h"

struct request {
	struct cli_common common;
	struct skbext_attach_opts opts;
	const char *programs[KEEP_PROGRAMS + 1];
	unsigned int nr_programs;
	char name[64];
	bool keep, again;
};

enum {
	OPT_PROG = CLI_OPT_OWN, OPT_DEV, OPT_INGRESS, OPT_EGRESS, OPT_CGROUP, OPT_TRACING, OPT_BEFORE,
	OPT_AFTER, OPT_PRIO, OPT_NAME, OPT_KEEP, OPT_AGAIN,
};

static void add_program(struct request *req, const char *name)
{
	if (req->nr_programs == KEEP_PROGRAMS)
		cli_usage_error("--prog is given more than %d times", KEEP_PROGRAMS);
	req->programs[req->nr_programs++] = name;
	req->opts.programs = req->programs;
}

static void set_direction(struct request *req, enum skbext_direction direction)
{
	if (req->opts.direction && req->opts.direction != direction)
		cli_usage_error("--ingress and --egress exclude each other");
	req->opts.direction = direction;
}

static void take(struct request *req, int option)
{
	struct skbext_attach_opts *o = &req->opts;

	switch (option) {
	case OPT_PROG:
		add_program(req, optarg);
		break;
	case OPT_DEV:
		o->dev = optarg;
		break;
	case OPT_INGRESS:
	case OPT_EGRESS:
		set_direction(req, option == OPT_INGRESS ? SKBEXT_INGRESS : SKBEXT_EGRESS);
		break;
	case OPT_CGROUP:
		o->cgroup = optarg;
		break;
	case OPT_TRACING:
		o->tracing = true;
		break;
	case OPT_BEFORE:
		o->before = optarg;
		break;
	case OPT_AFTER:
		o->after = optarg;
		break;
	case OPT_PRIO:
		o->prio = cli_parse_number(optarg, "--prio", 1, SKBEXT_MAX_PRIO);
		break;
	case OPT_NAME:
		o->name = optarg;
		break;
	case OPT_KEEP:
		req->keep = true;
		break;
	case OPT_AGAIN:
		req->again = true;
		break;
	}
}

static void check(const struct skbext_attach_opts *o)
{
	if (!o->dev && !o->cgroup && !o->tracing)
		cli_usage_error("it wants --dev DEV, --cgroup DIR or --tracing");
	if (o->direction && !o->dev && !o->cgroup)
		cli_usage_error("only a device or a cgroup has an ingress and an egress");
	if (!!o->before + !!o->after + !!o->prio > 1)
		cli_usage_error("--before, --after and --prio exclude each other");
	if ((o->before || o->after || o->prio) && !o->dev)
		cli_usage_error("--before, --after and --prio want --dev");
}

/* note.bpf.o is note. */
static void set_name(struct request *req, const char *file)
{
	const char *slash = strrchr(file, '/');

	snprintf(req->name, sizeof(req->name), "%s", slash ? slash + 1 : file);
	req->name[strcspn(req->name, ".")] = 0;
	if (!req->opts.name)
		req->opts.name = req->name;
}

static int report(const struct request *req, int left_out)
{
	json_t *attached = cli_json_attached(&req->common);
	json_t *one = keep_find(attached, req->opts.name);
	int ret = CLI_DONE;

	if (one && req->keep) {
		json_object_set_new(one, "kept", json_true());
		json_object_del(one, "kept_unknown");
	}
	if (!attached) {
		ret = cli_error("attached, but cannot show it: %s", skbext_errmsg());
	} else if (!one) {
		ret = cli_error("attached, but somebody has detached it since");
	} else if (req->common.json) {
		json_object_set_new(one, "left_out", json_integer(left_out));
		ret = cli_print_json(json_incref(one));
	} else {
		printf("attached\n");
		cli_print_attached(one);
		if (left_out)
			printf("%d more of the object %s left out\n", left_out,
			       left_out == 1 ? "was" : "were");
	}
	json_decref(attached);
	return ret;
}

/* One that is kept and is not attached has its name all the same. */
static int refuse_kept(const struct request *req)
{
	struct keep_why why = { "" };
	json_t *list = keep_read(&req->common, &why), *attached = cli_json_attached(&req->common);
	int ret = CLI_DONE;

	if (keep_find(list, req->opts.name) && !keep_find(attached, req->opts.name))
		ret = cli_error("cannot attach: something is kept as %s, and not attached; `skbext attach --again` attaches it, `skbext detach %s` forgets it, or give this one another --name",
				req->opts.name, req->opts.name);
	json_decref(attached);
	json_decref(list);
	return ret;
}

static int attach(const struct request *req, const char *file)
{
	int left_out = skbext_attach_file(file, &req->opts, req->common.bpffs);

	return left_out < 0 ? cli_lib_error("attach") : report(req, left_out);
}

static int cannot_keep(const struct request *req, const struct keep_why *why, const char *so)
{
	return cli_error("cannot keep %s: %s; %s", req->opts.name, why->text, so);
}

static int undo(const struct request *req, const struct keep_why *why)
{
	return cannot_keep(req, why, skbext_detach(req->opts.name, req->common.bpffs) ?
			   "it is attached all the same, until `skbext detach`" :
			   "it was detached again");
}

/* The file that was looked at, wherever a link leads by now. */
static int attach_and_keep(const struct request *req, json_t *entry)
{
	const char *file = json_string_value(json_object_get(entry, "object"));
	struct keep_why why = { "" };
	struct keep_store store;
	int left_out, err;

	if (keep_open(&store, &req->common, KEEP_CREATE, &why))
		return cannot_keep(req, &why, "nothing was attached");
	if (refuse_kept(req)) {
		keep_close(&store);
		return CLI_FAILED;
	}
	left_out = skbext_attach_file(file, &req->opts, req->common.bpffs);
	err = left_out < 0 ? 0 : keep_write(&store, req->opts.name, entry, &why);
	keep_close(&store);
	if (left_out < 0)
		return cli_lib_error("attach");
	return err ? undo(req, &why) : report(req, left_out);
}

/* Nothing is made on a machine where nothing is loaded. */
static int keep(const struct request *req, const char *file)
{
	struct skbext *sk = cli_open(&req->common, "attach");
	struct keep_why why = { "" };
	json_t *entry;
	int ret;

	if (!sk)
		return CLI_FAILED;
	skbext_close(sk);
	entry = keep_entry(file, &req->opts, &why);
	ret = entry ? attach_and_keep(req, entry) :
		      cannot_keep(req, &why, "nothing was attached");
	json_decref(entry);
	return ret;
}

static int attach_again(const struct cli_common *common)
{
	struct skbext *sk = cli_open(common, "attach again");
	struct keep_why why = { "" };
	json_t *results;
	int ret = CLI_DONE;

	if (!sk)
		return CLI_FAILED;
	skbext_close(sk);
	results = keep_attach_again(common, &why);
	if (!results)
		return cli_error("cannot attach again: %s", why.text);
	if (common->json)
		ret = cli_print_json(json_pack("{s:O}", "kept", results));
	else
		keep_print_attached(results);
	if (keep_print_failed(results))
		ret = CLI_FAILED;
	json_decref(results);
	return ret;
}

static bool is_id(const char *program)
{
	return program && isdigit((unsigned char)*program);
}

static int run(int argc, char **argv)
{
	struct request req = { .opts.sz = sizeof(req.opts) };
	int c;

	while ((c = cli_getopt(argc, argv, &req.common)) != -1)
		take(&req, c);
	cli_want_args(argc, !req.again, !req.again);
	if (req.again)
		return attach_again(&req.common);
	check(&req.opts);
	if (req.keep && (is_id(req.opts.before) || is_id(req.opts.after)))
		cli_usage_error("with --keep, --before and --after want a name: an id is another one the next time");
	set_name(&req, argv[optind]);
	if (req.keep)
		return keep(&req, argv[optind]);
	return refuse_kept(&req) ? CLI_FAILED : attach(&req, argv[optind]);
}

static const struct cli_option options[] = {
	{ "dev", OPT_DEV, "DEV",
	  "the object's tc programs at this device of the caller's\n"
	  "network namespace: tcx, or clsact where the kernel has none" },
	{ "cgroup", OPT_CGROUP, "DIR",
	  "its cgroup_skb programs at this directory of cgroup v2" },
	{ "tracing", OPT_TRACING, NULL,
	  "its fentry, tp_btf, raw_tp, tp and kprobe programs, where\n"
	  "their sections say" },
	{ "ingress", OPT_INGRESS, NULL,
	  "only at this side of device and cgroup (default: the side\n"
	  "that a section says, as in tcx/egress)" },
	{ "egress", OPT_EGRESS, NULL, "the same" },
	{ "prog", OPT_PROG, "NAME",
	  "this program alone, whatever side its section says; may be\n"
	  "repeated (default: all that fit one of the places)" },
	{ "before", OPT_BEFORE, "PROGRAM",
	  "run before the program of this name or id at the device" },
	{ "after", OPT_AFTER, "PROGRAM", "run after it" },
	{ "prio", OPT_PRIO, "N",
	  "lower runs first among those that skbext attached there\n"
	  "(default: after them, 50 for the first)" },
	{ "name", OPT_NAME, "NAME",
	  "what detach and status call it (default: the file's name\n"
	  "up to its first dot)" },
	{ "keep", OPT_KEEP, NULL,
	  "attach it again after each load, until detach. Root alone\n"
	  "must be able to change the file and its directories" },
	{ "again", OPT_AGAIN, NULL,
	  "attach what is kept and not attached, as load does, for a\n"
	  "device that came later; alone, without OBJ.o. Fails if one\n"
	  "could not be attached" },
	{ 0 },
};

const struct command cmd_attach = {
	"attach", run, "[OBJ.o]",
	"bind and load a BPF object, and attach its programs", options
};
