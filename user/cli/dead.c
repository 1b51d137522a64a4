// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that are bound to an skbext that was unloaded by force: they hold its maps, find and add
 * nothing, and nobody else tells.
 */
#include <bpf/bpf.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"

#define MAX_MAPS	64	/* of one program: the kernel's MAX_USED_MAPS */
#define SLOTS		"skbext_slots"

static __u32 own_slots(const struct cli_common *common)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/slots", cli_bpffs(common));
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_obj_get_info_by_fd(fd, &info, &len);
	if (fd >= 0)
		close(fd);
	return info.id;
}

static bool says_dead(int fd)
{
	const struct skbext_state *state = mmap(NULL, sizeof(*state), PROT_READ, MAP_SHARED, fd, 0);
	bool dead = state != MAP_FAILED && state->watch & SKBEXT_WATCH_DEAD;

	if (state != MAP_FAILED)
		munmap((void *)state, sizeof(*state));
	return dead;
}

/* Its state comes first in the map. */
static bool is_dead_store(__u32 map_id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(map_id);
	bool dead = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, SLOTS) &&
		    info.value_size >= sizeof(struct skbext_state) && says_dead(fd);

	if (fd >= 0)
		close(fd);
	return dead;
}

static bool holds_dead_store(int prog_fd, __u32 own, struct bpf_prog_info *info)
{
	__u32 maps[MAX_MAPS], len = sizeof(*info);

	*info = (struct bpf_prog_info){ .nr_map_ids = MAX_MAPS, .map_ids = (unsigned long)maps };
	/* Programs that skbext itself attached end with it. */
	if (bpf_obj_get_info_by_fd(prog_fd, info, &len) || !strncmp(info->name, "skbext_", 7))
		return false;
	for (__u32 i = 0; i < info->nr_map_ids && i < MAX_MAPS; i++)
		if (maps[i] != own && is_dead_store(maps[i]))
			return true;
	return false;
}

unsigned int cli_find_dead(const struct cli_common *common, char *first, size_t size)
{
	__u32 own = own_slots(common), id = 0;
	struct bpf_prog_info info;
	unsigned int nr = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (holds_dead_store(fd, own, &info) && !nr++)
			snprintf(first, size, "%s (id %u)", info.name, id);
		close(fd);
	}
	return nr;
}
