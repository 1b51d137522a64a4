// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A handle's state: mode, guarantee, health, and their names. */
#include "internal.h"

/* Hooks that load saw missing, and changes since. */
static void judge(struct skbext *sk, struct skbext_status *st)
{
	const struct hook_def *missing = hooks_missing(sk, st->mode);

	/* Nothing was promised of fragments before the module was there. */
	if (missing && missing->optional && missing->role == SKBEXT_ROLE_SHARE) {
		st->guarantee = SKBEXT_GUARANTEE_PARTIAL;
		snprintf(st->reason, sizeof(st->reason), "%s came with a module after load, so IPv6 fragments carry nothing; unload and load again",
			 missing->function);
		return;
	}
	/* Looking at fates guards nothing; anything else that is gone breaks what was promised. */
	if (missing && missing->role != SKBEXT_ROLE_FATE) {
		st->guarantee = SKBEXT_GUARANTEE_NONE;
		snprintf(st->reason, sizeof(st->reason), "hook %s is not attached any more",
			 missing->name);
		return;
	}
	if (sk->state->watch & SKBEXT_WATCH_DEAD) {
		st->guarantee = SKBEXT_GUARANTEE_NONE;
		snprintf(st->reason, sizeof(st->reason), "all trust has ended, since a hook was detached, kernel.ftrace_enabled was set to 0, or an unload did not end: programs find and add nothing");
		return;
	}
	snprintf(st->reason, sizeof(st->reason), "%.*s", SKBEXT_REASON_LEN - 1, sk->ctl->reason);
	st->guarantee = st->mode == SKBEXT_MODE_EXACT && !st->reason[0] ?
			SKBEXT_GUARANTEE_COMPLETE : SKBEXT_GUARANTEE_PARTIAL;
}

int skbext_status(struct skbext *sk, struct skbext_status *status)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };
	struct skbext_status st = { .sz = status->sz };
	int err = need_loaded(sk) ?: skbext_stats(sk, &stats);

	if (err)
		return err;
	st.mode = sk->ctl->mode;
	judge(sk, &st);
	st.healthy = !hooks_missing(sk, st.mode) && !stats.add_failed &&
		     !stats.share_failed && !(sk->state->watch & SKBEXT_WATCH_DEAD);
	st.capacity = stats.capacity;
	st.payload = sk->ctl->payload;
	st.payload_used = types_room(sk->ctl);
	st.version = sk->ctl->version;
	st.ctl = sk->ctl->address;
	memcpy(status, &st, status->sz < sizeof(st) ? status->sz : sizeof(st));
	return 0;
}

static const char *name_in(const char *const *names, unsigned int n, unsigned int i)
{
	return i < n ? names[i] : "unknown";
}

const char *skbext_mode_name(enum skbext_mode mode)
{
	static const char *const names[] = { "auto", "exact", "tracepoint" };

	return name_in(names, ARRAY_SIZE(names), mode);
}

const char *skbext_guarantee_name(enum skbext_guarantee guarantee)
{
	static const char *const names[] = { "none", "partial", "complete" };

	return name_in(names, ARRAY_SIZE(names), guarantee);
}

const char *skbext_role_name(enum skbext_role role)
{
	static const char *const names[] = {
		"release", "share", "policy", "purge", "fate", "watch"
	};

	return name_in(names, ARRAY_SIZE(names), role);
}
