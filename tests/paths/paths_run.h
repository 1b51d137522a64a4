/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PATHS_RUN_H
#define PATHS_RUN_H

#include "paths.h"

bool paths_up(void);
void paths_down(void);
void paths_run(const struct path *path);	/* prints PASS, FAIL or SKIP */
int paths_failed(void);

#endif /* PATHS_RUN_H */
