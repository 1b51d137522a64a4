/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of `skbext metrics`: the text, and the server that hands it out. */
#ifndef SKBEXT_METRICS_PARTS_H
#define SKBEXT_METRICS_PARTS_H

#include <stdbool.h>
#include <stdio.h>

#include "../cli.h"

/* One family of metrics behind the other. Returns an exit status; an error is printed. */
int metrics_write(struct skbext *sk, const struct cli_common *common, FILE *to, bool openmetrics);
/* Those of nothing: skbext_up is 0. */
void metrics_write_down(FILE *to, bool openmetrics);

/*
 * cmd_metrics.c: the whole text, to be freed. NULL: there is nothing that could be said. Either way *ret is
 * an exit status, and an error is printed.
 */
char *metrics_collect(const struct cli_common *common, bool openmetrics, size_t *len, int *ret);

/* listen.c: answers HTTP at "PORT" of the loopback device or "ADDR:PORT" until it is interrupted. */
int metrics_listen(const struct cli_common *common, const char *where);

#endif /* SKBEXT_METRICS_PARTS_H */
