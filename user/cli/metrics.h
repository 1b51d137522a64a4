/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `skbext metrics` prints: one family of metrics behind the other. */
#ifndef SKBEXT_METRICS_H
#define SKBEXT_METRICS_H

#include <stdbool.h>
#include <stdio.h>

struct cli_common;
struct skbext;

/* All metrics of what is loaded. Returns an exit status; an error is printed. */
int metrics_write(struct skbext *sk, const struct cli_common *common, FILE *to, bool openmetrics);
/* Those of nothing: skbext_up is 0. */
void metrics_write_down(FILE *to, bool openmetrics);

#endif /* SKBEXT_METRICS_H */
