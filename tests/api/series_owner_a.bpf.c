// SPDX-License-Identifier: GPL-2.0-only
#define OWNER_TYPE	owner_a
#define OWNER_ID	0xaa
#include "series_owner.bpf.h"
