// SPDX-License-Identifier: GPL-2.0-only
#define OWNER_TYPE	owner_b
#define OWNER_ID	0xbb
#include "series_owner.bpf.h"
