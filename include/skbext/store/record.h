/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record from add to its end, by calls: all that is not the usual case. */
#ifndef SKBEXT_STORE_RECORD_H
#define SKBEXT_STORE_RECORD_H

/*
 * The types of the record of h with this word, as long as that is neither shared nor marked by
 * purge, and its owner is alone with it; else something above SKBEXT_W_ACTIVE.
 */
__skbext_inline __u64 __skbext_sole(const struct skbext_state *state, __u64 word, __u64 h)
{
	return __skbext_read(&state->by_address) ? ~0ULL : word ^ h;
}

/* Its object may have more holders, or its owner is not alone with it. */
SKBEXT_FN int skbext_store_drop_slow(__u32 slot, __u64 word)
{
	__u64 *p = __skbext_word(slot);
	__u32 obj = __skbext_object_of(slot, word);

	if (!p || !__skbext_swap(p, word, __skbext_left(word)))
		return 0;
	skbext_store_uncount(word, slot);
	if (word & (SKBEXT_W_REMOTE | SKBEXT_W_SHARED))
		__skbext_put(obj);
	return 1;
}

/*
 * Its owner ends the record in this slot if its word, at p, is still this one.
 * The key goes first, the object after it. 1: ended.
 */
__skbext_inline int __skbext_drop(__u64 *p, __u32 slot, __u64 word)
{
	if (__skbext_sole(SKBEXT_STATE, word, word & SKBEXT_W_KEY) > SKBEXT_W_ACTIVE)
		return skbext_store_drop_slow(slot, word);
	__skbext_write(p, 0);
	__skbext_uncount(word, slot);
	return 1;
}

/*
 * End every record of h, counted as stat.
 * Returns how many there were; more than one is user space's doing.
 */
SKBEXT_FN int skbext_store_release_slow(__u64 h, __u32 stat)
{
	__u64 *p, word;
	int ended = 0;

	for (int i = 0; i < SKBEXT_TRIES; i++) {
		int slot = skbext_store_slot(h);

		if (slot < 0)
			break;
		p = __skbext_word(slot);
		word = p ? __skbext_read(p) : 0;
		if (!p || !__skbext_match(word, h) || !__skbext_drop(p, slot, word))
			continue;
		skbext_count(stat);
		ended++;
		if (!__skbext_read(&SKBEXT_STATE->by_address))
			break;
	}
	return ended;
}

SKBEXT_FN int skbext_store_find_slow(__u64 h, __u64 active)
{
	int slot = skbext_store_slot(h);
	__u64 *link, *p = slot < 0 ? (__u64 *)0 : __skbext_word_link(slot, &link);
	__u64 word, own;

	if (!p)
		return -1;
	word = __skbext_read(p);
	own = __skbext_read(link);
	if (!__skbext_match(word, h) || !(word & active & SKBEXT_W_ACTIVE) ||
	    (!__skbext_trusted(own) && skbext_store_distrusts(slot)))
		return -1;
	return word & SKBEXT_W_REMOTE ? (int)(own & SKBEXT_L_LOW) : slot;
}

/* active_extensions of an skb. */
SKBEXT_FN int skbext_store_active(__u64 h)
{
	int slot = skbext_store_slot(h);
	__u64 *p = slot < 0 ? (__u64 *)0 : __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	return p && __skbext_match(word, h) && !skbext_store_distrusts(slot) ?
	       (int)(word & SKBEXT_W_ACTIVE) : 0;
}

/*
 * What an owner reads of his record user space may change before he has changed it: SKBEXT_AGAIN,
 * and the owner looks again. That often at most: a step of user space changes a word three times
 * (skbext_store_hold(), skbext_store_activate()), the next one waits for a grace period, which a
 * program that runs holds up (outside.h), and a share changes it once.
 */
#define SKBEXT_LOOKS		5

/* The owner of a shared home slot writes: it leaves the slot to the others and takes another. */
__skbext_inline int __skbext_move(__u32 slot, __u64 h, __u64 word, __u64 copy)
{
	__u64 *from = __skbext_word(slot), *link;
	int claimed = from ? skbext_store_claim_slow(h) : -1;
	__u64 *to = claimed < 0 ? (__u64 *)0 : __skbext_word_link(claimed, &link);

	if (!from || !to)
		return SKBEXT_NONE;
	skbext_store_cow(claimed, slot, word);
	__skbext_write(link, __skbext_stamp());
	if (!__skbext_swap(from, word, __skbext_left(word))) {
		__skbext_give_back(claimed, SKBEXT_W_ACTIVE);
		__skbext_write(to, 0);
		skbext_store_uncount(h, claimed);
		return SKBEXT_AGAIN;
	}
	__skbext_write(to, copy);
	skbext_store_uncount(h, slot);
	__skbext_put(slot);
	return claimed;
}

/*
 * A copy of the object in the slot's own room, which nobody else uses while the record is REMOTE.
 * In between the record is as one just claimed, which others leave alone.
 */
__skbext_inline int __skbext_localize(__u32 slot, __u32 obj, __u64 word, __u64 copy)
{
	__u64 h = word & SKBEXT_W_KEY;
	__u64 *link, *p = __skbext_word_link(slot, &link);

	if (!p)
		return SKBEXT_NONE;
	skbext_store_cow(slot, obj, word);
	if (!__skbext_swap(p, word, h)) {
		__skbext_give_back(slot, SKBEXT_W_ACTIVE);
		return SKBEXT_AGAIN;
	}
	__skbext_write(link, __skbext_stamp());
	__skbext_write(p, copy);
	__skbext_put(obj);
	return 0;
}

/*
 * skb_ext_maybe_cow(): make the record in this slot the only holder of its object, copying all of
 * it if need be. Returns the object, or SKBEXT_NONE: no room, or SKBEXT_AGAIN; then nothing changed.
 * *slot may move. *is: its word, unless user space took a type since.
 */
__skbext_inline int __skbext_unshare(__u32 *slot, __u64 h, __u64 *is)
{
	__u64 *p = __skbext_word(*slot);
	__u64 word, *link;
	__u32 obj;

	if (!p)
		return SKBEXT_NONE;
	*is = word = __skbext_read(p);
	if (!__skbext_match(word, h))
		return SKBEXT_AGAIN;
	if (!(word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE)))
		return *slot;

	obj = __skbext_object_of(*slot, word);
	link = __skbext_link(obj);
	if (!link)
		return SKBEXT_NONE;
	/* The others are gone: write in place, as the kernel does. */
	if (!(__skbext_read(link) & SKBEXT_L_LOW)) {
		__skbext_give_back(obj, ~word);
		return obj;
	}

	*is = h | (word & SKBEXT_W_ACTIVE) | (word & SKBEXT_STATE->marked ? SKBEXT_W_SHARED : 0);
	if (word & SKBEXT_W_REMOTE) {
		int ret = __skbext_localize(*slot, obj, word, *is);

		if (ret)
			return ret;
	} else {
		int moved = __skbext_move(*slot, h, word, *is);

		if (moved < 0)
			return moved;
		*slot = moved;
	}
	skbext_count(SKBEXT_STAT_COW);
	return *slot;
}

/* A record in the slot that was claimed for it, or -1. low: its type, and SKBEXT_W_SHARED. */
__skbext_inline int __skbext_make(int slot, __u64 h, __u64 low, __u32 offset, __u32 size)
{
	__u64 *link, *p = slot < 0 ? (__u64 *)0 : __skbext_word_link(slot, &link);

	if (!p)
		return SKBEXT_NONE;
	skbext_store_zero(slot, offset, size);
	__skbext_write(link, __skbext_stamp());
	skbext_count(SKBEXT_STAT_ADDS);	/* before: whoever ends it counts that */
	/* Nobody else changes a word that is claimed and has no type yet. */
	__skbext_write(p, h | low);
	return slot;
}

/* Where types may have a max. */
SKBEXT_FN int skbext_store_add_limited(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	int slot;

	active &= SKBEXT_W_ACTIVE;
	if (!skbext_store_enter(active))
		return SKBEXT_MAXED;
	slot = __skbext_make(skbext_store_claim_slow(h), h, active | __skbext_mark(0, active),
			     offset, size);
	if (slot < 0)
		skbext_store_leave(active);
	return slot;
}

/* skb_ext_add() for an skb that has no record. */
__skbext_inline int __skbext_add_first(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	__u64 mask = SKBEXT_ENTERING;

	if (__skbext_read(&SKBEXT_STATE->watch) & SKBEXT_WATCH_DEAD)
		return SKBEXT_NONE;
	if (mask >= SKBEXT_LIMITED)
		return skbext_store_add_limited(h, active, offset, size);
	return __skbext_make(skbext_store_claim(h, mask), h, active & SKBEXT_W_ACTIVE, offset, size);
}

/* Where types may have a max. */
SKBEXT_FN int skbext_store_activate_limited(__u32 slot, __u64 word, __u64 active)
{
	__u64 *p = __skbext_word(slot);

	if (!skbext_store_enter(active))
		return SKBEXT_MAXED;
	active &= SKBEXT_W_ACTIVE;
	if (p && __skbext_swap(p, word, word | active | __skbext_mark(word, active)))
		return 0;
	skbext_store_leave(active);
	return SKBEXT_AGAIN;
}

/* The record with this word, at p, gets a type; the payload is written. 0, or why not. */
__skbext_inline int __skbext_activate(__u64 *p, __u32 slot, __u64 word, __u64 active)
{
	if (__skbext_limits())
		return skbext_store_activate_limited(slot, word, active);
	return __skbext_swap(p, word, word | (active & SKBEXT_W_ACTIVE)) ? 0 : SKBEXT_AGAIN;
}

/*
 * skb_ext_add() for an skb that has one:
 * unshare, then zero the payload unless it is active already.
 */
SKBEXT_FN int skbext_store_add_more(__u32 slot, __u64 h, __u64 active, __u32 offset, __u32 size)
{
	__u64 word = 0, *p;
	int obj, ret;

	if (__skbext_limits() && skbext_store_is_maxed(slot, active))
		return SKBEXT_MAXED;
	obj = __skbext_unshare(&slot, h, &word);
	p = obj < 0 ? (__u64 *)0 : __skbext_word(slot);
	if (!p)
		return obj;
	if (!(word & active)) {
		/* First: this slot is not free before all programs that run have ended. */
		skbext_store_zero(obj, offset, size);
		ret = __skbext_activate(p, slot, word, active);
		if (ret)
			return ret;
	}
	skbext_count(SKBEXT_STAT_ADDS_MORE);
	return obj;
}

/* User space took its last type (outside.h), and may end it: it is not to be added to. */
__skbext_inline int __skbext_emptied(__u32 slot, __u64 h)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0;

	return !__skbext_match(word, h) || !(word & SKBEXT_W_ACTIVE);
}

/* Counts an add that failed, by whose it was. */
__skbext_inline void __skbext_count_refused(int ret, __u64 active)
{
	skbext_count((ret == SKBEXT_MAXED ? SKBEXT_STAT_ADD_LIMITED : SKBEXT_STAT_ADD_FAILED) +
		     __skbext_type_of(active));
}

/* The object, or negative: no room, or the type has its max. */
SKBEXT_FN int skbext_store_add_slow(__u64 h, __u64 active, __u32 offset, __u32 size)
{
	int slot = 0, ret = SKBEXT_AGAIN;

	for (int i = 0; i < SKBEXT_LOOKS && ret == SKBEXT_AGAIN; i++) {
		slot = skbext_store_slot(h);
		if (slot >= 0 && (__skbext_emptied(slot, h) || skbext_store_distrusts(slot))) {
			skbext_store_release_slow(h, SKBEXT_STAT_PURGED_STALE);
			slot = -1;
		}
		if (slot < 0)
			break;
		ret = skbext_store_add_more(slot, h, active, offset, size);
	}
	if (slot < 0)
		ret = __skbext_add_first(h, active, offset, size);
	if (ret < 0)
		__skbext_count_refused(ret, active);
	return ret;
}

/*
 * The owner took types from this record and kept these;
 * an object that others hold keeps its references.
 */
__skbext_inline void __skbext_clear_refs(__u32 slot, __u64 word, __u64 active)
{
	__u32 obj = __skbext_object_of(slot, word);
	__u64 *link = __skbext_link(obj);

	if (link && !(__skbext_read(link) & SKBEXT_L_LOW))
		__skbext_give_back(obj, ~active);
}

/*
 * Its owner takes types from this skb alone. 1: the record ended with it, 0: it has others,
 * SKBEXT_NONE: it had none of them, or SKBEXT_AGAIN. The mark of a purge goes with them: there are references to give back after
 * that. That of an add by address stays, which needs the slot.
 */
SKBEXT_FN int skbext_store_clear(__u32 slot, __u64 h, __u64 types)
{
	__u64 *p = __skbext_word(slot);
	__u64 word = p ? __skbext_read(p) : 0, becomes;

	if (!p || !__skbext_match(word, h))
		return SKBEXT_AGAIN;
	if (!(word & types & SKBEXT_W_ACTIVE))
		return SKBEXT_NONE;
	if (!(word & ~types & SKBEXT_W_ACTIVE))
		return __skbext_drop(p, slot, word) ? 1 : SKBEXT_AGAIN;
	becomes = word & ~(types & SKBEXT_W_ACTIVE);
	if (!__skbext_read(&SKBEXT_STATE->by_address))
		becomes &= ~SKBEXT_W_DOOMED;
	if (!__skbext_swap(p, word, becomes))
		return SKBEXT_AGAIN;
	if (word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE)) {
		__skbext_clear_refs(slot, word, word & ~types);
		if (__skbext_limits())
			skbext_store_leave(word & types);
	}
	return 0;
}

__skbext_inline int __skbext_clear_types(__u64 h, __u64 types)
{
	int ret = SKBEXT_AGAIN;

	for (int i = 0; i < SKBEXT_LOOKS && ret == SKBEXT_AGAIN; i++) {
		int slot = skbext_store_slot(h);

		ret = slot < 0 ? SKBEXT_NONE : skbext_store_clear(slot, h, types);
	}
	return ret;
}

SKBEXT_FN int skbext_store_del_slow(__u64 h, __u64 active)
{
	int slot = skbext_store_slot(h), cleared;

	if (slot >= 0 && skbext_store_distrusts(slot)) {
		skbext_store_release_slow(h, SKBEXT_STAT_PURGED_STALE);
		return 0;
	}
	cleared = slot < 0 ? SKBEXT_NONE : __skbext_clear_types(h, active);
	if (cleared < 0)
		return 0;
	skbext_count(cleared ? SKBEXT_STAT_DELS_EMPTIED : SKBEXT_STAT_DELS);
	return 1;
}

SKBEXT_FN int skbext_store_keep_slow(__u64 h, __u64 types, __u32 stat)
{
	if (__skbext_clear_types(h, ~types) <= 0)
		return 0;
	skbext_count(stat);
	return 1;
}

#endif /* SKBEXT_STORE_RECORD_H */
