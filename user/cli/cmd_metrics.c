// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext metrics: counters, hooks, types and health as text for Prometheus: on stdout, in a file for
 * node_exporter, or by HTTP. That nothing is loaded is an answer, skbext_up 0, so that an alert can fire.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/parts.h"

enum { OPT_TEXTFILE = CLI_OPT_OWN, OPT_OPENMETRICS, OPT_LISTEN };

struct request {
	struct cli_common common;
	const char *file;	/* NULL: stdout */
	const char *listen;	/* NULL: nobody asks by HTTP */
	bool openmetrics;
};

static void parse(struct request *req, int argc, char **argv)
{
	int c;

	while ((c = cli_getopt(argc, argv, &req->common)) != -1) {
		if (c == OPT_TEXTFILE)
			req->file = optarg;
		else if (c == OPT_LISTEN)
			req->listen = optarg;
		else
			req->openmetrics = true;
	}
	cli_want_args(argc, 0, 0);
	if (req->common.json)
		cli_usage_error("it has a format of its own; `skbext stats --json` has the counters");
	if (req->file && req->openmetrics)
		cli_usage_error("--textfile is what node_exporter reads, which is not OpenMetrics");
	if (req->listen && (req->file || req->openmetrics))
		cli_usage_error("--listen answers in the format that it is asked for, and writes no file");
}

/*
 * An skbext that is damaged or of another version is down, too, and an error. Only where nobody could look,
 * nothing is said: an old file shows by its age.
 */
static int collect(const struct cli_common *common, bool openmetrics, FILE *to, bool *written)
{
	struct skbext *sk = skbext_open_pinned(common->bpffs);
	int err = sk ? 0 : errno, ret = CLI_DONE;

	if (err && err != ENOENT)
		ret = cli_lib_error("read what is loaded");
	*written = err == ENOENT || err == ESTALE || err == EUCLEAN;
	if (sk) {
		ret = metrics_write(sk, common, to, openmetrics);
		*written = ret == CLI_DONE;
	} else {
		metrics_write_down(to, openmetrics);
	}
	skbext_close(sk);
	return ret;
}

char *metrics_collect(const struct cli_common *common, bool openmetrics, size_t *len, int *ret)
{
	bool written = false;
	char *text = NULL;
	FILE *to = open_memstream(&text, len);

	*ret = to ? collect(common, openmetrics, to, &written) : CLI_FAILED;
	if (!to || fclose(to)) {
		*ret = cli_error("cannot collect: out of memory; try again");
		written = false;
	}
	if (written)
		return text;
	free(text);
	return NULL;
}

static int deliver(const struct request *req, const char *text, size_t len)
{
	if (req->file)
		return cli_replace_file(req->file, text, len, 0644);
	fwrite(text, 1, len, stdout);	/* main() says if that failed */
	return CLI_DONE;
}

static int run(int argc, char **argv)
{
	struct request req = { 0 };
	size_t len = 0;
	int ret, sent;
	char *text;

	parse(&req, argc, argv);
	if (req.listen)
		return metrics_listen(&req.common, req.listen);
	text = metrics_collect(&req.common, req.openmetrics, &len, &ret);
	sent = text ? deliver(&req, text, len) : CLI_DONE;
	free(text);
	return ret ? ret : sent;
}

static const struct cli_option options[] = {
	{ "textfile", OPT_TEXTFILE, "FILE",
	  "replace FILE by the metrics, whole or not at all, for the\n"
	  "textfile collector of node_exporter; a name in .prom" },
	{ "openmetrics", OPT_OPENMETRICS, NULL,
	  "strict OpenMetrics 1.0 instead of Prometheus text" },
	{ "listen", OPT_LISTEN, "ADDR:PORT",
	  "answer HTTP at /metrics until Ctrl-C; PORT alone: on\n"
	  "the loopback device" },
	{ 0 },
};

const struct command cmd_metrics = {
	"metrics", run, "",
	"counters, hooks, types and health as text for Prometheus", options
};
