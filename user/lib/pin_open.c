// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Opening what is pinned. Others may have put anything there: each map is looked at before it is
 * read, the control map first, as it says what the rest must be.
 */
#include "internal.h"
#include "dir.h"
#include "../../bpf/request.h"

/* -EUCLEAN: it is another one; any other error: nobody can tell. */
static int map_is(int fd, __u32 value_size, __u32 entries)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	if (err)
		return err;
	return info.type == BPF_MAP_TYPE_ARRAY && info.value_size == value_size &&
	       (!entries || info.max_entries == entries) && info.map_flags & BPF_F_MMAPABLE ?
	       0 : -EUCLEAN;
}

static int check_map(const struct skbext *sk, enum map_id id, __u32 value_size, __u32 entries)
{
	int err = map_is(sk->map[id], value_size, entries);

	return err ? pin_not_got(sk->dir, map_pin_name(id), err) : 0;
}

/* A bind that fails beside this takes its type back: what is wrong is looked at again. */
static int check_numbers(struct skbext *sk, struct skbext_ctl *ctl)
{
	const __u32 zero = 0;

	for (int i = 0; i < 3; i++) {
		if (bpf_map_lookup_elem(sk->map[MAP_CTL], &zero, ctl))
			return pin_not_got(sk->dir, "ctl", -errno);
		if (ctl_is_whole(ctl))
			return 0;
	}
	return damaged(sk->dir, "ctl");
}

/* The control map tells the version, and the version tells what the rest must be. */
static int check_ctl(struct skbext *sk)
{
	/* Of another version the struct may be of another size, but it begins the same. */
	struct { __u64 magic; __u32 version; } *head;
	struct bpf_map_info info;
	int err = map_info(sk->map[MAP_CTL], &info);
	__u32 zero = 0;

	if (err)
		return pin_not_got(sk->dir, "ctl", err);
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size < sizeof(*head))
		return damaged(sk->dir, "ctl");
	head = calloc(1, (info.value_size + 7) / 8 * 8);
	if (!head)
		return fail(-ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(sk->map[MAP_CTL], &zero, head))
		err = pin_not_got(sk->dir, "ctl", -errno);
	else if (head->magic != SKBEXT_MAGIC)
		err = damaged(sk->dir, "ctl");
	else if (head->version != SKBEXT_LAYOUT_VERSION)
		err = fail(-ESTALE, "what is pinned under %s has layout %u, this skbext has %d; `skbext unload` and load again",
			   sk->dir, head->version, SKBEXT_LAYOUT_VERSION);
	else
		err = check_map(sk, MAP_CTL, sizeof(struct skbext_ctl), 1) ?:
		      check_numbers(sk, (void *)head);
	free(head);
	return err;
}

static int check_maps(struct skbext *sk)
{
	const struct skbext_ctl *ctl = sk->ctl;
	const __u32 value[MAP_NR] = {
		[MAP_SLOTS] = SKBEXT_BYTES(ctl->payload, ctl->buckets),
		[MAP_STATS] = sizeof(struct skbext_load),
		[MAP_WATCH] = sizeof(struct skbext_watch), [MAP_REFS] = sizeof(__u64),
		[MAP_REQUEST] = sizeof(struct skbext_request),
	};
	const __u32 entries[MAP_NR] = {
		[MAP_SLOTS] = 1, [MAP_STATS] = 1,
		[MAP_REFS] = ctl->refs * SKBEXT_MAX_TYPES, [MAP_REQUEST] = 1,
	};
	int err = 0;

	for (int i = MAP_SLOTS; !err && i <= MAP_REQUEST; i++)
		err = check_map(sk, i, value[i], entries[i]);
	return err;
}

static int not_opened(const char *dir, enum map_id which, int err)
{
	int fault = dir_fault(dir);

	if (fault && fault != -EPERM && fault != -EACCES)
		return fault;
	if (err == -EPERM || err == -EACCES)
		return fail(-EPERM, "%s: not permitted; run as root (CAP_BPF and CAP_PERFMON)", dir);
	return fault ?: pin_not_got(dir, map_pin_name(which), err);
}

/* Maps, programs and links, and what a command opens beside them. */
#define PIN_FILES	40

int pin_open(struct skbext *sk)
{
	int err = need_files(PIN_FILES), op;

	sk->pinned = true;	/* whatever is there, it is not this handle's to stop */
	for (int i = 0; !err && i < MAP_NR; i++) {
		sk->map[i] = pin_get(sk->dir, map_pin_name(i));
		if (sk->map[i] >= 0)
			continue;
		err = -errno;
		return not_opened(sk->dir, i, err);
	}
	err = err ?: check_ctl(sk) ?: maps_mmap(sk) ?: check_maps(sk);
	if (err)
		return err;
	sk->capacity = sk->ctl->buckets * SKBEXT_BUCKET_SLOTS;
	sk->payload = sk->ctl->payload;
	sk->refs = sk->ctl->refs;
	op = pin_get_op(sk);
	if (op < 0)
		return op;
	close(op);
	hooks_look(sk);
	return 0;
}
