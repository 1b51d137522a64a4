// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext top: what happens to records, as it happens: on the whole screen, or printed. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top/parts.h"

/* The next line of the file. NULL: there is none, or it is not a snapshot. */
static json_t *replayed(struct top *t)
{
	json_error_t error;
	char *text = NULL;
	json_t *snapshot;
	size_t size;

	if (getline(&text, &size, t->replay) < 0) {
		free(text);
		t->view.note = "the recording ends here";
		t->ended = true;
		return NULL;
	}
	snapshot = json_loads(text, 0, &error);
	free(text);
	if (json_is_object(snapshot))
		return snapshot;
	json_decref(snapshot);
	t->view.note = "the recording is damaged here: a line is no JSON object";
	return NULL;
}

static int write_record(struct top *t, const json_t *snapshot)
{
	if (!t->record)
		return CLI_DONE;
	if (!json_dumpf(snapshot, t->record, JSON_COMPACT) && fputc('\n', t->record) != EOF &&
	    !fflush(t->record))
		return CLI_DONE;
	snprintf(t->unwritten, sizeof(t->unwritten),
		 "nothing more is recorded: the file cannot be written: %s", strerror(errno));
	fclose(t->record);
	t->record = NULL;
	t->view.note = t->unwritten;
	return CLI_FAILED;
}

int top_next(struct top *t)
{
	json_t *snapshot = t->replay ? replayed(t) : top_read(&t->common, &t->seen);

	if (!snapshot)
		return CLI_FAILED;
	json_decref(t->before);
	t->before = t->now;
	t->now = snapshot;
	return write_record(t, snapshot);
}

void top_show(struct top *t)
{
	struct top_model m;

	top_model(&m, t->before, t->now);
	top_sort(&m, t->view.sort);
	t->view.interval = t->interval;
	top_lines(&t->view, &m);
}

int top_time(struct top *t, bool on)
{
	if (t->timing >= 0)
		close(t->timing);
	t->timing = on ? bpf_enable_stats(BPF_STATS_RUN_TIME) : -1;
	return on && t->timing < 0 ? -errno : 0;
}

static void print_lines(struct top *t)
{
	top_show(t);
	for (unsigned int n = 0; n < t->view.nr; n++)
		puts(strspn(t->view.line[n], " ") < strlen(t->view.line[n]) ? t->view.line[n] : "");
	putchar('\n');
}

/* 0 reports: until it is interrupted, or the recording ends. */
static int batch(struct top *t, __u64 reports)
{
	cli_expect_interrupt();
	for (__u64 n = 0; !reports || n < reports; n++) {
		if (cli_interrupted_within(t->replay ? 0 : t->interval) || top_next(t))
			break;
		if (t->common.json)
			cli_print_json(json_incref(t->now));
		else
			print_lines(t);
		if (fflush(stdout))
			return CLI_DONE;	/* main() says so */
	}
	if (!t->view.note || t->ended)
		return CLI_DONE;
	return cli_error("cannot go on: %s; see to the file", t->view.note);
}

static int open_files(struct top *t, const char *record)
{
	if (t->replay_name && !(t->replay = fopen(t->replay_name, "re")))
		return cli_error("cannot replay %s: %s; name a file that top --record wrote",
				 t->replay_name, strerror(errno));
	if (record && !(t->record = fopen(record, "we")))
		return cli_error("cannot record to %s: %s; name another file", record,
				 strerror(errno));
	return CLI_DONE;
}

/* A watch that cannot begin is an error; an end later on is shown. */
static int first(struct top *t)
{
	const json_t *error;

	if (top_next(t))
		return t->unwritten[0] ?
		       cli_error("cannot go on: %s; see to the file", t->view.note) :
		       cli_error("cannot replay %s: %s; name a file that top --record wrote",
				 t->replay_name, t->view.note);
	error = json_object_get(t->now, "error");
	if (error && !t->replay)
		return cli_error("cannot show what happens: %s", json_string_value(error));
	return CLI_DONE;
}

enum {
	OPT_BATCH = CLI_OPT_OWN, OPT_REPORTS, OPT_INTERVAL, OPT_SORT, OPT_FILTER, OPT_RECORD, OPT_REPLAY,
	OPT_RUN_TIME
};

static enum top_sort parse_sort(const char *name)
{
	for (enum top_sort by = 0; by < TOP_SORTS; by++)
		if (!strcmp(name, top_sort_name(by)))
			return by;
	cli_usage_error("--sort is role, name, runs, time or missed, not '%s'", name);
}

static void parse_filter(struct top_view *v, const char *word)
{
	if (strlen(word) >= sizeof(v->filter))
		cli_usage_error("--filter has %zu characters at most, not '%s'", sizeof(v->filter) - 1, word);
	strcpy(v->filter, word);
}

static int run(int argc, char **argv)
{
	struct top t = { .interval = 2, .timing = -1 };
	bool in_batch = false, timed = false;
	const char *record = NULL;
	__u64 reports = 0;
	int option, ret;

	while ((option = cli_getopt(argc, argv, &t.common)) != -1) {
		if (option == OPT_BATCH)
			in_batch = true;
		else if (option == OPT_REPORTS)
			reports = cli_parse_number(optarg, "--reports", 1, UINT32_MAX);
		else if (option == OPT_INTERVAL)
			t.interval = cli_parse_time(optarg, "--interval") / 1e9;
		else if (option == OPT_SORT)
			t.view.sort = parse_sort(optarg);
		else if (option == OPT_FILTER)
			parse_filter(&t.view, optarg);
		else if (option == OPT_RECORD)
			record = optarg;
		else if (option == OPT_REPLAY)
			t.replay_name = optarg;
		else
			timed = true;
	}
	cli_want_args(argc, 0, 0);
	if (timed && top_time(&t, true))
		return cli_error("cannot measure run times: %s; run it as root, or without --run-time",
				 strerror(errno));
	ret = open_files(&t, record) ?: first(&t);
	if (!ret)
		ret = in_batch || t.common.json ? batch(&t, reports) : top_screen(&t);
	json_decref(t.before);
	json_decref(t.now);
	cli_seen_free(t.seen);
	return ret;
}

static const struct cli_option options[] = {
	{ "batch", OPT_BATCH, NULL, "print reports one after the other, for logs" },
	{ "reports", OPT_REPORTS, "N", "of --batch: so many, then end" },
	{ "interval", OPT_INTERVAL, "TIME", "between reports: 5s, 500ms (default 2s)" },
	{ "sort", OPT_SORT, "role|name|runs|time|missed", "the order of hooks (default role)" },
	{ "filter", OPT_FILTER, "WORD", "only types, programs and hooks whose names contain WORD" },
	{ "run-time", OPT_RUN_TIME, NULL,
	  "measure the run times of programs meanwhile, which slows\nall BPF programs a little" },
	{ "record", OPT_RECORD, "FILE", "write each snapshot there, a JSON object a line" },
	{ "replay", OPT_REPLAY, "FILE", "show what --record wrote there" },
	{ 0 },
};

const struct command cmd_top = {
	"top", run, "",
	"what happens to records, as it happens: h for its keys", options
};
