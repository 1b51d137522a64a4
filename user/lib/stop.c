// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The end of all trust: SKBEXT_WATCH_DEAD, by which bound programs find and add nothing. It takes
 * the pin of one map, so that also what is damaged, or of another layout, can be stopped.
 */
#include <sys/mman.h>

#include "internal.h"

/* A map that skbext made, by what every layout since 16 has in common. */
static int open_slots(const char *dir)
{
	struct bpf_map_info info;
	char path[PATH_LEN];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", dir, map_pin_name(MAP_SLOTS));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = map_info(fd, &info);
	if (!err && info.type == BPF_MAP_TYPE_ARRAY &&
	    info.map_flags & BPF_F_MMAPABLE && info.value_size >= SKBEXT_GAP &&
	    !strcmp(info.name, "skbext_slots"))
		return fd;
	close(fd);
	return err ?: -EUCLEAN;
}

/* Sets these bits of what is pinned there. By one file descriptor and one page. */
static int set_watch(const char *dir, __u64 bits)
{
	int fd = open_slots(dir), err;
	size_t page = sysconf(_SC_PAGESIZE);
	struct skbext_state *state;

	if (fd < 0)
		return fd;
	state = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	err = state == MAP_FAILED ? -errno : 0;
	close(fd);
	if (err)
		return err;
	__atomic_fetch_or(&state->watch, bits, __ATOMIC_SEQ_CST);
	munmap(state, page);
	return 0;
}

/*
 * The least that makes all bound programs find and add nothing: SKBEXT_WATCH_DEAD, which ends all
 * trust.
 */
int store_stop(const char *dir)
{
	return set_watch(dir, SKBEXT_WATCH_DEAD);
}

bool store_can_stop(const char *dir)
{
	return !set_watch(dir, 0);
}

/*
 * Unload has begun, or a hook is gone: whoever registers or adds now would wait for what never
 * comes.
 */
int store_stopped(struct skbext *sk)
{
	if (!(__atomic_load_n(&sk->state->watch, __ATOMIC_ACQUIRE) & SKBEXT_WATCH_DEAD))
		return 0;
	return fail(-ESTALE, "what is loaded under %s is stopped, programs find and add nothing (`skbext status` tells why); unload and load again",
		    sk->dir);
}
