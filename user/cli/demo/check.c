// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext demo: does what was seen agree with what the mode promises? */
#include <stdio.h>

#include "parts.h"

/* Found on how many of the packets: none, all, or the mode promises nothing. */
enum expect { NONE, ALL, ANY };

/*
 * Without the exact mode nothing is promised beyond the veth; at the raw socket of the ICMP phase
 * the packet is a clone.
 */
static enum expect expect_trace(bool exact, enum demo_hook hook)
{
	if (hook < DEMO_TC_EGRESS)
		return NONE;
	return exact || hook < DEMO_NETIF_RECEIVE ? ALL : ANY;
}

static enum expect expect_note(enum demo_hook hook)
{
	return hook < DEMO_TC_EGRESS || hook >= DEMO_NETIF_RECEIVE ? NONE : ALL;
}

static bool as_expected(enum expect expect, __u64 found, __u64 packets)
{
	return expect == ANY || found == (expect == ALL ? packets : 0);
}

static bool path_ok(const struct demo_run *d, enum demo_phase phase, enum demo_hook hook)
{
	bool exact = d->status.guarantee == SKBEXT_GUARANTEE_COMPLETE;
	const struct demo_seen *s = &d->seen[phase][hook];

	if (d->absent[hook][0])
		return true;
	return s->packets && as_expected(expect_note(hook), s->notes, s->packets) &&
	       as_expected(expect_trace(exact, hook), s->traces, s->packets);
}

/* The clone changed its note, the packet did not: as it is with the kernel's own extensions. */
static bool mirror_ok(const struct demo_run *d)
{
	const struct demo_seen *found = &d->seen[DEMO_MIRROR][DEMO_CLONE_FOUND];
	const struct demo_seen *written = &d->seen[DEMO_MIRROR][DEMO_CLONE_WRITTEN];
	const struct demo_seen *original = &d->seen[DEMO_MIRROR][DEMO_START_XMIT];

	if (found->packets != 1 || original->note.id != 1)
		return false;
	if (d->status.guarantee != SKBEXT_GUARANTEE_COMPLETE)
		return true;
	return found->notes == 1 && found->note.id == 1 && written->note.id == 1001;
}

bool demo_check(const struct demo_run *d, char *what, size_t room)
{
	bool complete = d->status.guarantee == SKBEXT_GUARANTEE_COMPLETE;

	for (int phase = DEMO_UDP; phase < DEMO_MIRROR; phase++) {
		for (int hook = 0; hook < DEMO_HOOKS_ON_PATH; hook++) {
			if (path_ok(d, phase, hook))
				continue;
			snprintf(what, room, "%s packets at %s", demo_phase_name(phase),
				 demo_hook_name(hook));
			return false;
		}
	}
	if (!mirror_ok(d))
		snprintf(what, room, "a clone and its packet do not carry what they should");
	else if (complete && d->after.live)
		snprintf(what, room, "%llu records outlive their packets", d->after.live);
	else
		return true;
	return false;
}
