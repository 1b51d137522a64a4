// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A control map that is pinned is input: others can write to it, and its numbers say how far user
 * space reads and writes in the other maps. Each is checked against its own limit, and then the
 * product of them.
 */
#include "internal.h"

int need_loaded(const struct skbext *sk)
{
	return sk->ctl ? 0 : fail(-EINVAL, "this skbext is not loaded; call skbext_load() first");
}

/* strnlen() first: a name may be without an end. */
static bool name_is_whole(const char *name)
{
	return strnlen(name, SKBEXT_NAME_LEN) < SKBEXT_NAME_LEN && type_name_is_valid(name);
}

static bool type_is_whole(const struct skbext_type_info *t, __u32 payload)
{
	return name_is_whole(t->name) && t->size && t->size <= SKBEXT_MAX_PAYLOAD &&
	       !(t->flags & ~SKBEXT_F_ALL) && t->offset % 8 == 0 && t->offset <= payload &&
	       t->size <= payload - t->offset &&
	       (!(t->flags & SKBEXT_F_COUNTED) || t->size >= 2 * sizeof(__u32));
}

static bool is_apart(const struct skbext_type_info *a, const struct skbext_type_info *b)
{
	return a->offset + a->size <= b->offset || b->offset + b->size <= a->offset;
}

/* A type that was removed keeps its place, and another one may have its name. */
static bool is_same(const struct skbext_type_info *a, const struct skbext_type_info *b)
{
	return !a->removed && !b->removed && !strcmp(a->name, b->name);
}

static bool types_are_whole(const struct skbext_ctl *ctl)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &ctl->types[i];

		if (!t->name[0])
			continue;
		if (!type_is_whole(t, ctl->payload))
			return false;
		for (int j = 0; j < i; j++)
			if (ctl->types[j].name[0] &&
			    (!is_apart(t, &ctl->types[j]) || is_same(t, &ctl->types[j])))
				return false;
	}
	return true;
}

bool ctl_is_whole(const struct skbext_ctl *ctl)
{
	if (!ctl->buckets || ctl->buckets > SKBEXT_MAX_BYTES / SKBEXT_LINE)
		return false;
	if (!ctl->payload || ctl->payload > SKBEXT_MAX_PAYLOAD || ctl->payload % 8)
		return false;
	if (SKBEXT_BYTES((__u64)ctl->payload, (__u64)ctl->buckets) > SKBEXT_MAX_BYTES)
		return false;
	if (!ctl->refs || ctl->refs > SKBEXT_REFS_LIMIT)
		return false;
	if (ctl->limits && ctl->limits != SKBEXT_LIMITED)
		return false;
	if (ctl->mode != SKBEXT_MODE_EXACT && ctl->mode != SKBEXT_MODE_TRACEPOINT)
		return false;
	return memchr(ctl->reason, 0, sizeof(ctl->reason)) && types_are_whole(ctl);
}
