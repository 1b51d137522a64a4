// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext top: a snapshot of what is loaded, as JSON. */
#include <errno.h>

#include "parts.h"

static int count_shared(const struct skbext_record *rec, void *arg)
{
	__u64 *shared = arg;

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		shared[id] += rec->shared && rec->active & 1U << id;
	return 0;
}

static json_t *types_json(struct skbext *sk, const struct skbext_stats *stats)
{
	__u64 shared[SKBEXT_MAX_TYPES] = { 0 };
	struct skbext_type_info info;
	json_t *list = json_array();

	skbext_for_each(sk, count_shared, shared);
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (!skbext_type_get(sk, id, &info))
			json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:I, s:I}",
				"name", info.name, "size", (json_int_t)info.size,
				"flags", cli_json_flags(info.flags),
				"live", (json_int_t)stats->type_live[id],
				"shared", (json_int_t)shared[id]));
	return list;
}

/* Only names are needed, so no BTF is read. */
static void add_bound(json_t *snapshot, struct skbext *sk, const struct cli_common *common)
{
	struct cli_types types = { 0 };
	json_t *list;

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		types.type[id].taken = !skbext_type_get(sk, id, &types.type[id].info);
	list = cli_json_bound(common, &types);
	if (!list)
		json_object_set_new(snapshot, "bound_unknown", json_string(skbext_errmsg()));
	json_object_set_new(snapshot, "bound", list ?: json_null());
}

/* A record that was not seen before may have been there: the first snapshot begins to count. */
static void add_ages(json_t *snapshot, struct skbext *sk, struct cli_seen **seen)
{
	struct cli_seen *now = cli_see(sk, *seen);

	cli_seen_free(*seen);
	*seen = now;
	if (now)
		json_object_set_new(snapshot, "ages", cli_json_ages(now));
}

static json_t *hooks_json(struct skbext *sk, enum skbext_mode mode)
{
	struct skbext_hook hook = { .sz = sizeof(hook) };
	json_t *list = json_array(), *one;

	for (unsigned int n = 0; !skbext_hook(sk, n, &hook); n++) {
		if (!cli_hook_serves(&hook, mode))
			continue;
		one = cli_json_hook(&hook);
		json_object_set_new(one, "runs", json_integer(hook.runs));
		json_object_set_new(one, "run_time_ns", json_integer(hook.run_time_ns));
		json_array_append_new(list, one);
	}
	return list;
}

static int add_state(json_t *snapshot, struct skbext *sk)
{
	struct skbext_status status = { .sz = sizeof(status) };
	struct skbext_stats stats = { .sz = sizeof(stats) };
	json_t *state;

	if (skbext_status(sk, &status) || skbext_stats(sk, &stats))
		return -1;
	state = json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}",
			  "mode", skbext_mode_name(status.mode),
			  "guarantee", skbext_guarantee_name(status.guarantee),
			  "reason", status.reason, "healthy", status.healthy,
			  "stats", cli_json_stats(&stats), "types", types_json(sk, &stats),
			  "hooks", hooks_json(sk, status.mode));
	json_object_update(snapshot, state);
	json_decref(state);
	return 0;
}

/* Opened anew each time, so that it sees an unload, and follows a new load. */
json_t *top_read(const struct cli_common *common, struct cli_seen **seen)
{
	json_t *snapshot = json_pack("{s:f, s:f}", "time", cli_clock(CLOCK_REALTIME),
				     "clock", cli_now());
	struct skbext *sk = skbext_open_pinned(common->bpffs);

	if (!sk && errno == ENOENT)
		json_object_set_new(snapshot, "loaded", json_false());
	if (!sk || add_state(snapshot, sk)) {
		json_object_set_new(snapshot, "error", json_string(skbext_errmsg()));
	} else {
		add_bound(snapshot, sk, common);
		add_ages(snapshot, sk, seen);
	}
	skbext_close(sk);
	return snapshot;
}
