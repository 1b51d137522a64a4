// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One row a map: its name in objects and as a pin. */
#include "internal.h"

static const struct {
	const char *in_object, *pin, *unbound;	/* where it has another name until it is bound */
} names[MAP_NR] = {
	[MAP_CTL] = { ".data.skbext", "ctl", NULL },
	[MAP_SLOTS] = { ".data.skbext_slots", "slots", NULL },
	[MAP_STATS] = { "skbext_stats", "stats", NULL },
	[MAP_WATCH] = { "skbext_watches", "watches", NULL },
	[MAP_REFS] = { "skbext_refs", "refs", "unbound_skbext_refs" },
	[MAP_REQUEST] = { ".data.request", "request", NULL },
};

const char *map_pin_name(enum map_id id)
{
	return names[id].pin;
}

int skbext_map_pin(unsigned int n, const char **map_name, const char **pin)
{
	if (n > MAP_REFS)
		return fail(-ENOENT, "there is no map %u to share", n);
	*map_name = names[n].in_object;
	*pin = names[n].pin;
	return 0;
}

struct bpf_map *map_in_object(const struct bpf_object *obj, enum map_id id)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, names[id].in_object);

	return map || !names[id].unbound ? map :
	       bpf_object__find_map_by_name(obj, names[id].unbound);
}
