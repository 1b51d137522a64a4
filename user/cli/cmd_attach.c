// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext attach: one's own object on live packets, by one command and no loader. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define MAX_NAMED	32	/* programs of one object that attach takes */

struct request {
	struct cli_common common;
	struct skbext_attach_opts opts;
	const char *programs[MAX_NAMED + 1];
	unsigned int nr_programs;
	char name[64];
};

enum {
	OPT_PROG = CLI_OPT_OWN, OPT_DEV, OPT_INGRESS, OPT_EGRESS, OPT_CGROUP, OPT_TRACING, OPT_BEFORE,
	OPT_AFTER, OPT_PRIO, OPT_NAME,
};

static void add_program(struct request *req, const char *name)
{
	if (req->nr_programs == MAX_NAMED)
		cli_usage_error("--prog is given more than %d times", MAX_NAMED);
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

static json_t *find(json_t *attached, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(attached, i, one)
		if (!strcmp(json_string_value(json_object_get(one, "name")), name))
			return one;
	return NULL;
}

static int report(const struct request *req, int left_out)
{
	json_t *attached = cli_json_attached(&req->common);
	json_t *one = find(attached, req->opts.name);
	int ret = CLI_DONE;

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

static int run(int argc, char **argv)
{
	struct request req = { .opts.sz = sizeof(req.opts) };
	int c, left_out;

	while ((c = cli_getopt(argc, argv, &req.common)) != -1)
		take(&req, c);
	cli_want_args(argc, 1, 1);
	check(&req.opts);
	set_name(&req, argv[optind]);
	left_out = skbext_attach_file(argv[optind], &req.opts, req.common.bpffs);
	return left_out < 0 ? cli_lib_error("attach") : report(&req, left_out);
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
	{ 0 },
};

const struct command cmd_attach = {
	"attach", run, "OBJ.o",
	"bind and load a BPF object, attach its programs and keep them", options
};
