// SPDX-License-Identifier: GPL-2.0-only
#define OWNER_TYPE	owner_c
#define OWNER_ID	0xcc
#include "series_owner.bpf.h"
