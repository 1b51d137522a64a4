// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two and three owners of skbs at once, in every way that their accesses to the store can come
 * after each other (store_interleave.h has how, and what is not covered). A scenario is what was
 * done before, and what each thread does: what the contract in store.h lets it do.
 *
 * A thread finds what its packet carries and nothing else; after each schedule the table is
 * recounted, each skb looked up, the counters balance, and when all is released nothing is left.
 *
 * That this can fail is shown with broken stores (enum il_mutant), all of which must be found.
 */
/* Most scenarios need no more than three. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include "store_interleave.h"

#define __atomic_load_n(p, order)		IL_LOAD(p)
#define __atomic_store_n(p, x, order)		IL_STORE(p, x)
#define __sync_bool_compare_and_swap(p, o, n)	il_cas((p), (o), (n))
#define __sync_fetch_and_add(p, n)		il_fetch_add((p), (n), IL_TORN_ADD)
#define __sync_fetch_and_sub(p, n)		il_fetch_add((p), -(__u64)(n), IL_TORN_SUB)
#define __sync_fetch_and_and(p, bits)		il_fetch_and((p), (bits))
#include "store_env.h"
#undef __atomic_load_n
#undef __atomic_store_n
#undef __sync_bool_compare_and_swap
#undef __sync_fetch_and_add
#undef __sync_fetch_and_sub
#undef __sync_fetch_and_and

#include "store_check.h"
#include <fcntl.h>
#include <unistd.h>

#define SKBS		16
#define STEPS		11
#define ROOM		16		/* two types of one word */
#define LIMITS		15		/* a variant: all call, and the types have a max */

enum step_op {
	END,
	WRITE,		/* add the first type, and write a value that nobody else writes */
	MORE,		/* add the second type: the first stays; counted, take a reference */
	FIND,
	SHARE,		/* skb from other */
	DEL,		/* the first type */
	DEL_MORE,	/* the second */
	RELEASE,
	KEEP,		/* a policy point that keeps the second type */
	USER_ADD,	/* user space, by address: no owner */
	USER_DEL,
	USER_DEL_MORE,
	USER_NEXT,	/* what a grace period after the one before is to be done */
	MISS,		/* a release was missed: what was made before is not trusted */
	DOOM,		/* purge; its second half comes when all threads are done */
	END_DOOMED,	/* or beside those who began after the first */
};

struct step {
	enum step_op op;
	__u8 skb, from;
};

/* Skbs are at home in bucket 0. */
#define W(skb)		{ WRITE, skb, 0 }
#define M(skb)		{ MORE, skb, 0 }
#define F(skb)		{ FIND, skb, 0 }
#define S(skb, from)	{ SHARE, skb, from }
#define D(skb)		{ DEL, skb, 0 }
#define DM(skb)		{ DEL_MORE, skb, 0 }
#define R(skb)		{ RELEASE, skb, 0 }
#define K(skb)		{ KEEP, skb, 0 }
#define UA(skb)		{ USER_ADD, skb, 0 }
#define UD(skb)		{ USER_DEL, skb, 0 }
#define UDM(skb)	{ USER_DEL_MORE, skb, 0 }
#define NEXT		{ USER_NEXT, 0, 0 }
#define MISSED		{ MISS, 0, 0 }
#define P		{ DOOM, 0, 0 }
#define PE		{ END_DOOMED, 0, 0 }
#define FAMILY		W(0), S(1, 0)		/* 0 has the object, 1 is its clone */
#define REFS		W(0), M(0), S(1, 0)	/* the same with both types */
#define SEVEN		W(4), W(5), W(6), W(7), W(8), W(9), W(10)
#define EIGHT		SEVEN, W(11)

static const struct scenario {
	const char *name;
	struct step before[STEPS];
	struct step thread[IL_THREADS][STEPS];
	__u32 buckets;		/* 0: one */
	__u16 shared;		/* skbs that user space meddles with, which may lose all */
	__u16 inherits;		/* that may begin with what user space added to another */
	__u8 noclone;
	bool full;		/* there may be no room */
	bool counted;		/* the second type holds references */
	bool purge;
	__u8 max;		/* records of each type; 0: both ways, without and with room for all */
} scenarios[] = {
	{ "both holders end", { FAMILY }, { { R(0) }, { R(1) } } },
	{ "three holders end", { FAMILY, S(2, 0) }, { { R(0) }, { R(1) }, { R(2) } } },
	{ "heirs end", { FAMILY, S(2, 1), R(0) }, { { R(1) }, { R(2) } } },
	{ "end and delete", { FAMILY }, { { D(0) }, { R(1) } } },
	{ "end and policy", { W(0), M(0), S(1, 0) }, { { K(0), R(0) }, { K(1), M(1), R(1) } } },
	{ "home ends, clone writes", { FAMILY }, { { R(0) }, { W(1), F(1) } } },
	{ "clone ends, home writes", { FAMILY }, { { W(0), F(0) }, { R(1) } } },
	{ "both write", { FAMILY }, { { W(0), F(0) }, { W(1), F(1) } } },
	{ "both add another type", { FAMILY }, { { M(0), F(0) }, { M(1), F(1) } } },
	{ "heirs write", { FAMILY, S(2, 1), R(0) }, { { W(1), F(1) }, { W(2), F(2) } } },
	{ "heir writes, heir ends", { FAMILY, S(2, 1), R(0) }, { { W(1), F(1) }, { R(2) } } },
	{ "three write", { FAMILY, S(2, 0) }, { { W(0) }, { W(1) }, { W(2) } } },
	{ "write, reuse the slot", { FAMILY }, { { W(0), R(0) }, { R(1), W(1), F(1) } } },
	{ "two shares of one skb", { W(0) }, { { S(2, 0), F(2) }, { S(3, 0), F(3) } } },
	{ "two shares of a clone", { FAMILY }, { { S(2, 1), F(2) }, { S(3, 1), F(3) } } },
	{ "three shares of one skb", { W(0) }, { { S(1, 0) }, { S(2, 0) }, { S(3, 0) } } },
	{ "shares, and their ends", { W(0) }, { { S(2, 0), R(2) }, { S(3, 0), W(3), R(3) } } },
	{ "share home, end clone", { FAMILY }, { { S(2, 0), F(2) }, { R(1) } } },
	{ "share clone, end home", { FAMILY }, { { S(2, 1), F(2) }, { R(0) } } },
	{ "share clone, home writes", { FAMILY }, { { S(2, 1), F(2) }, { W(0), F(0) } } },
	{ "share home, clone writes", { FAMILY }, { { S(2, 0), F(2) }, { W(1), F(1) } } },
	{ "share, unshare, end", { FAMILY, S(2, 0) },
	  { { S(3, 0), F(3) }, { W(1), F(1) }, { R(2) } } },
	{ "share clone, write, home ends", { FAMILY, S(2, 0) },
	  { { S(3, 1), F(3) }, { W(2), F(2) }, { R(0) } } },
	{ "share of noclone", { W(0), M(0), S(1, 0) }, { { S(2, 0), F(2) }, { R(1) } },
	  .noclone = 2 },
	{ "share over a holder", { FAMILY, W(2) }, { { S(1, 2), F(1) }, { R(0) } } },
	{ "share over a holder, write", { FAMILY, W(2) }, { { S(1, 2), F(1) }, { W(0), F(0) } } },

	{ "claims in one bucket", {}, { { W(0), F(0), R(0) }, { W(1), F(1), R(1) } } },
	{ "three claims", {}, { { W(0), R(0) }, { W(1) }, { W(2) } } },
	{ "last slot", { SEVEN }, { { W(0), F(0) }, { W(1), F(1) } }, .buckets = 2 },
	{ "last slot, one goes", { SEVEN }, { { W(0) }, { W(1) }, { R(4) } }, .buckets = 2 },
	{ "next bucket", { EIGHT }, { { W(0), F(0) }, { W(1), F(1) } }, .buckets = 2 },
	{ "next bucket and back", { EIGHT }, { { W(0), R(0) }, { W(1), R(1) } }, .buckets = 3 },
	{ "forget the way", { EIGHT, W(0) }, { { R(0) }, { W(1), F(1) } }, .buckets = 2 },
	{ "forget the way, one goes", { EIGHT, W(0) }, { { R(0) }, { W(1), F(1) }, { R(4) } },
	  .buckets = 2 },
	{ "the last away goes", { EIGHT, W(0), W(1) }, { { R(0) }, { R(1) }, { R(4) } },
	  .buckets = 3 },
	{ "clone away", { EIGHT, S(0, 4) }, { { R(4), W(4) }, { W(0), F(0) } }, .buckets = 2 },
	{ "home moves away", { SEVEN, S(0, 4) }, { { W(4), F(4) }, { R(0), W(0), F(0) } },
	  .buckets = 2 },
	{ "no room to move", { SEVEN, S(0, 4) }, { { W(4), F(4) }, { R(0) } }, .full = true },

	{ "deleted by address, ends", { W(0) }, { { F(0), R(0) }, { UD(0) } }, .shared = 1 },
	{ "deleted, one of two types", { W(0), M(0) }, { { M(0), R(0), W(0) }, { UD(0) } },
	  .shared = 1 },
	{ "clone deleted, and shared", { FAMILY }, { { S(2, 1), F(2) }, { UD(1) } }, .shared = 7 },
	{ "added to, a clone ends", { FAMILY }, { { UA(0) }, { R(1) } }, .shared = 1 },
	{ "deleted, ends, added", { W(0) }, { { R(0), W(0), F(0) }, { UD(0) } }, .shared = 1 },
	{ "deleted twice", { W(0) }, { { R(0), W(0) }, { UD(0), UD(0) } }, .shared = 1 },
	{ "deleted, a clone ends", { FAMILY }, { { R(0), W(0) }, { UD(0) }, { R(1) } },
	  .shared = 1 },
	{ "clone deleted, it writes", { FAMILY }, { { W(1), R(1) }, { UD(1) } }, .shared = 2 },
	{ "home deleted, it writes", { FAMILY }, { { W(0), R(0) }, { UD(0) } }, .shared = 1 },
	{ "one of two deleted, and shared", { W(0), M(0) }, { { S(1, 0), F(1) }, { UD(0) } },
	  .shared = 3 },
	{ "deleted, and shared", { W(0) }, { { S(1, 0), F(1) }, { UD(0) } }, .shared = 3 },
	{ "deleted, writes, a clone ends", { FAMILY }, { { W(0), R(0) }, { UD(0) }, { R(1) } },
	  .shared = 1 },
	{ "deleted, shared, a clone writes", { FAMILY }, { { S(2, 0) }, { UD(0) }, { W(1), F(1) } },
	  .shared = 5 },
	{ "heir deleted, it writes", { FAMILY, S(2, 1), R(0) }, { { W(1) }, { UD(1) }, { R(2) } },
	  .shared = 2 },
	{ "both deleted, both write", { FAMILY }, { { W(0) }, { W(1) }, { UD(0), UD(1) } },
	  .shared = 3 },
	{ "policy, deleted", { W(0), M(0), S(1, 0) }, { { K(0), R(0) }, { UD(0) }, { R(1) } },
	  .shared = 1 },
	{ "added by address, ends", { W(0) }, { { R(0) }, { UA(0) } }, .shared = 1 },
	{ "added by address, added", {}, { { W(0), R(0) }, { UA(0) } }, .shared = 1 },
	{ "added to, it is shared", { W(0) }, { { S(1, 0) }, { UA(0) } }, .shared = 3 },
	{ "clone added to, home ends", { FAMILY }, { { R(0) }, { UA(1) } }, .shared = 2 },
	{ "added, deleted, by address", {}, { { W(0), R(0) }, { UD(0), UA(0) } }, .shared = 1 },

	{ "deleted, its owner writes, another adds", { W(0) },
	  { { W(0) }, { UD(0) }, { W(1), F(1) } }, .shared = 1 },
	{ "deleted, its owner adds more, another adds", { W(0) },
	  { { M(0) }, { UD(0) }, { W(1), F(1) } }, .shared = 1 },
	{ "emptied, its owner adds", { W(0), UD(0) }, { { W(0) }, { NEXT }, { W(1), F(1) } },
	  .shared = 1 },
	{ "emptied, its owner adds more", { W(0), UD(0) }, { { M(0), F(0) }, { NEXT }, { W(1) } },
	  .shared = 1 },
	{ "emptied, it ends", { W(0), UD(0) }, { { R(0) }, { NEXT }, { W(1), F(1) } },
	  .shared = 1 },
	{ "emptied, it is shared", { W(0), UD(0) }, { { S(1, 0), F(1) }, { NEXT } }, .shared = 3 },
	{ "emptied home, clone writes", { FAMILY, UD(0) }, { { W(1), F(1) }, { NEXT }, { R(0) } },
	  .shared = 1 },
	{ "emptied home, clone ends", { FAMILY, UD(0) }, { { R(1) }, { NEXT }, { W(0) } },
	  .shared = 1 },
	{ "emptied clone, home ends", { FAMILY, UD(1) }, { { R(0) }, { NEXT }, { W(1) } },
	  .shared = 2 },
	{ "emptied, away", { EIGHT, W(0), UD(0) }, { { R(0), W(0) }, { NEXT } }, .buckets = 2,
	  .shared = 1 },
	{ "new by address, ends, another adds", {}, { { UA(0) }, { R(0) }, { W(1), F(1) } },
	  .shared = 1 },
	{ "new by address, away", { EIGHT }, { { UA(0) }, { R(0), W(0) } }, .buckets = 2,
	  .shared = 1 },
	{ "new by address, trusted, ends", { UA(0) }, { { NEXT }, { R(0) }, { W(1), F(1) } },
	  .shared = 1 },
	{ "new by address, trusted, written", { UA(0) }, { { NEXT }, { W(0), R(0) } },
	  .shared = 1 },
	{ "new by address, trusted, shared", { UA(0) }, { { NEXT }, { S(1, 0), W(1), F(1) } },
	  .shared = 1, .inherits = 2 },
	{ "more by address, ends, another adds", { M(0) }, { { UA(0) }, { R(0) }, { W(1), F(1) } },
	  .shared = 1 },
	{ "more by address, both", { M(0) }, { { UA(0) }, { W(0), R(0) } }, .shared = 1 },
	{ "more by address, policy", { W(0), M(0) }, { { UA(0) }, { K(0), R(0) }, { W(1), F(1) } },
	  .shared = 1 },
	{ "more by address, shared, ends, clone writes", { M(0) },
	  { { UA(0) }, { S(1, 0), R(0), W(1), F(1) } }, .shared = 1, .inherits = 2 },
	{ "more by address, shared, its clone ends", { M(0) },
	  { { UA(0) }, { S(1, 0), R(1), R(0) }, { W(2), F(2) } }, .shared = 1, .inherits = 2 },
	{ "home added to, it writes", { FAMILY }, { { W(0) }, { UA(0) } }, .shared = 1 },
	{ "clone added to, it writes", { FAMILY }, { { W(1) }, { UA(1) } }, .shared = 2 },
	{ "home added to, it ends", { FAMILY }, { { R(0) }, { UA(0) } }, .shared = 1 },
	{ "clone added to, it ends", { FAMILY }, { { R(1) }, { UA(1) } }, .shared = 2 },
	{ "home added to, clone ends", { FAMILY }, { { R(1), W(2) }, { UA(0) }, { R(0) } },
	  .shared = 1 },

	{ "counted: both end", { REFS }, { { R(0) }, { R(1) } }, .counted = true },
	{ "counted: three end", { REFS, S(2, 0) }, { { R(0) }, { R(1) }, { R(2) } },
	  .counted = true },
	{ "counted: ends alone, reuse the slot", { M(0) }, { { R(0) }, { W(1), M(1), R(1) } },
	  .counted = true },
	{ "counted: both write", { REFS }, { { W(0), F(0) }, { W(1), F(1) } }, .counted = true },
	{ "counted: three write", { REFS, S(2, 0) }, { { W(0) }, { W(1) }, { W(2) } },
	  .counted = true },
	{ "counted: both take another", { REFS }, { { M(0) }, { M(1) } }, .counted = true },
	{ "counted: first of both", { FAMILY }, { { M(0), R(0) }, { M(1), R(1) } },
	  .counted = true },
	{ "counted: home takes, clone ends", { REFS }, { { M(0) }, { R(1), M(1) } },
	  .counted = true },
	{ "counted: clone takes, home ends", { REFS }, { { M(1) }, { R(0), M(0) } },
	  .counted = true },
	{ "counted: both delete", { REFS }, { { DM(0), M(0) }, { DM(1), M(1) } }, .counted = true },
	{ "counted: home deletes, clone ends", { REFS }, { { DM(0), M(0) }, { R(1) } },
	  .counted = true },
	{ "counted: clone deletes, home ends", { REFS }, { { DM(1), M(1) }, { R(0) } },
	  .counted = true },
	{ "counted: home deletes, clone writes", { REFS }, { { DM(0), W(0) }, { W(1), R(1) } },
	  .counted = true },
	{ "counted: policy, clone writes", { REFS }, { { K(0), R(0) }, { W(1), R(1) } },
	  .counted = true },
	{ "counted: shared and written", { REFS }, { { S(2, 0), M(2) }, { M(1), R(1) } },
	  .counted = true },
	{ "counted: share over a holder", { REFS, W(2), M(2) }, { { S(1, 2) }, { R(0) } },
	  .counted = true },
	{ "counted: noclone", { REFS }, { { S(2, 0), R(0) }, { W(1) } }, .noclone = 2,
	  .counted = true },
	{ "counted: deleted by address, ends", { W(0), M(0) }, { { M(0), R(0), M(0) }, { UDM(0) } },
	  .shared = 1, .counted = true },
	{ "counted: deleted, the last type", { M(0) }, { { M(0), R(0), W(0) }, { UDM(0) } },
	  .shared = 1, .counted = true },
	{ "counted: deleted, it writes", { REFS }, { { W(0), M(0), R(0) }, { UDM(0) } },
	  .shared = 1, .counted = true },
	{ "counted: clone deleted, it writes", { REFS }, { { W(1), M(1) }, { UDM(1) } },
	  .shared = 2, .counted = true },
	{ "counted: deleted, a clone ends", { REFS }, { { M(0) }, { UDM(0) }, { R(1) } },
	  .shared = 1, .counted = true },
	{ "counted: clone deleted, shared", { REFS }, { { S(2, 1), M(2) }, { UDM(1) }, { R(0) } },
	  .shared = 7, .counted = true },
	{ "counted: no room to move", { SEVEN, M(4), S(0, 4) }, { { M(4) }, { R(0) } },
	  .full = true, .counted = true },

	{ "max: two adds", {}, { { W(0), F(0), R(0) }, { W(1), F(1), R(1) } }, .max = 1 },
	{ "max: three adds", {}, { { W(0), R(0) }, { W(1) }, { W(2) } }, .max = 2 },
	{ "max: one ends, another adds", { W(0) }, { { R(0) }, { W(1), F(1), D(1), W(1) } },
	  .max = 1 },
	{ "max: two shares", { W(0) }, { { S(1, 0), F(1), R(1) }, { S(2, 0), F(2) } }, .max = 2 },
	{ "max: home writes, clone ends, another adds", { FAMILY },
	  { { W(0), F(0) }, { R(1), W(2), F(2) } }, .max = 2 },
	{ "max: clone writes, home ends, another adds", { FAMILY },
	  { { W(1), F(1) }, { R(0), W(2), F(2) } }, .max = 2 },
	{ "max: policy, another adds", { W(0), M(0) }, { { K(0), R(0) }, { W(1), M(1) } },
	  .max = 1 },
	{ "max: deleted by address, another adds", { W(0) }, { { UD(0) }, { W(1), F(1) }, { R(0) } },
	  .max = 1, .shared = 1 },
	{ "max: added by address, another adds", {}, { { UA(0) }, { W(1), F(1) }, { R(0) } },
	  .max = 1, .shared = 1 },
	{ "max: more by address, another adds", { M(0) }, { { UA(0) }, { W(1), R(1) }, { R(0) } },
	  .max = 1, .shared = 1 },
	{ "max: purged, another adds", { W(0), MISSED }, { { P }, { W(1), F(1) }, { R(0) } },
	  .max = 1, .purge = true },

	{ "purge, it ends", { W(0), MISSED }, { { R(0), W(0), F(0) }, { P } }, .purge = true },
	{ "purge, it is written anew", { W(0), MISSED }, { { W(0), F(0) }, { P } }, .purge = true },
	{ "purge, and shared", { W(0), MISSED }, { { S(1, 0), F(1) }, { P } }, .purge = true },
	{ "purge, all end", { FAMILY, MISSED }, { { R(0) }, { R(1) }, { P } }, .purge = true },
	{ "purge, clone writes", { FAMILY, MISSED }, { { W(1), F(1) }, { R(0) }, { P } },
	  .purge = true },
	{ "purge, share over a holder", { FAMILY, W(2), MISSED, W(3) },
	  { { S(1, 3), F(1) }, { R(0) }, { P } }, .purge = true },
	{ "purge, records away", { EIGHT, W(0), MISSED }, { { W(0), F(0) }, { P } }, .buckets = 2,
	  .purge = true },
	{ "purge, trusted beside it", { FAMILY, MISSED, W(2) }, { { S(3, 2), W(3), F(3) }, { P } },
	  .purge = true },
	{ "missed and purged, it is shared", { W(0) }, { { S(1, 0), F(1) }, { MISSED, P } },
	  .shared = 3, .purge = true },
	{ "missed and purged, clone shared", { FAMILY }, { { S(2, 1) }, { R(0) }, { MISSED, P } },
	  .shared = 7, .purge = true },
	{ "missed and purged, it adds", { W(0) }, { { M(0), F(0), R(0), W(0) }, { MISSED, P } },
	  .shared = 1, .purge = true },
	{ "purged, it ends", { W(0), MISSED, P }, { { R(0), W(0), F(0) }, { PE } }, .purge = true },
	{ "purged, it is written anew", { W(0), MISSED, P }, { { W(0), F(0), R(0) }, { PE } },
	  .purge = true },
	{ "purged, it ends, another has its slot", { W(0), MISSED, P },
	  { { PE }, { R(0) }, { W(1), F(1) } }, .purge = true },
	{ "deleted, it ends, another has its slot", { W(0) },
	  { { UD(0) }, { R(0) }, { W(1), F(1) } }, .shared = 1 },
	{ "purged, all end", { FAMILY, MISSED, P }, { { R(0) }, { R(1) }, { PE } }, .purge = true },
	{ "purged, clone written anew", { FAMILY, MISSED, P }, { { W(1), F(1) }, { PE } },
	  .purge = true },
	{ "purged, policy", { W(0), M(0), S(1, 0), MISSED, P }, { { K(0), W(0), F(0) }, { PE } },
	  .purge = true },
	{ "counted: purge, all end", { REFS, MISSED }, { { R(0) }, { R(1) }, { P } },
	  .counted = true, .purge = true },
	{ "counted: purge, it deletes", { W(0), M(0), MISSED }, { { DM(0), M(0) }, { P } },
	  .counted = true, .purge = true },
	{ "counted: missed and purged, it takes", { W(0) }, { { M(0) }, { MISSED, P } },
	  .shared = 1, .counted = true, .purge = true },
	{ "counted: missed and purged, shared and written", { REFS },
	  { { S(2, 0), M(2) }, { MISSED, P } }, .shared = 7, .counted = true, .purge = true },
	{ "counted: missed and purged, home writes", { REFS }, { { W(0) }, { MISSED, P } },
	  .shared = 3, .counted = true, .purge = true },
	{ "counted: missed and purged, clone writes", { REFS }, { { W(1) }, { MISSED, P } },
	  .shared = 3, .counted = true, .purge = true },
	{ "counted: purged, all end", { REFS, MISSED, P }, { { R(0) }, { R(1) }, { PE } },
	  .counted = true, .purge = true },
	{ "counted: purged, it deletes", { W(0), M(0), MISSED, P }, { { DM(0), M(0) }, { PE } },
	  .counted = true, .purge = true },
	{ "counted: purged, home deletes", { REFS, MISSED, P }, { { DM(0) }, { R(1) }, { PE } },
	  .counted = true, .purge = true },
	{ "counted: purged, policy", { REFS, MISSED, P }, { { K(0), R(0) }, { R(1) }, { PE } },
	  .counted = true, .purge = true },
};

static struct {
	const struct scenario *scene;
	__u64 hash[SKBS];
	__u64 value[SKBS];	/* what its owner wrote to the first type; 0: not active */
	bool second[SKBS];
	bool old[SKBS];		/* it may have a record that is not trusted */
	__u32 generation;	/* of the purge */
	struct user {		/* the next step of the one request of user space */
		enum { NOTHING, TRUST, END_TAKEN } next;
		int slot, skb;
	} user;
	int variant;		/* bit n: thread n calls, others do much inline; or LIMITS */
	const char *amiss;
	int amiss_skb;
} sim;

static __u64 hash_shared(void)
{
	const __u64 *words = (__u64 *)env.memory;
	__u64 hash = il_mix(0, env.state.watch | sim.generation);

	hash = il_mix(hash, sim.user.next << 16 | sim.user.slot << 8 | sim.user.skb);

	for (int n = ENV_REFS; sim.scene->counted && n < 2 * ENV_REFS; n++)
		hash = il_mix(hash, env.counters[n]);
	for (size_t i = 0; i < env_bytes() / 8; i++)
		hash = il_mix(hash, words[i]);
	for (int type = 0; env.ctl.limits && type < 2; type++)
		hash = il_mix(hash, env.state.left[type]);
	for (int skb = 0; skb < SKBS; skb++)
		hash = il_mix(hash, sim.value[skb] << 2 | sim.second[skb] << 1 | sim.old[skb]);
	return hash;
}

static void amiss(const char *what, int skb)
{
	if (sim.amiss)
		return;
	sim.amiss = what;
	sim.amiss_skb = skb;
	il.broken = true;
}

#define USERS	(~0ULL)		/* what user space writes */

static bool meddled(int skb)
{
	return sim.scene->shared >> skb & 1;
}

static bool inherits(int skb)
{
	return sim.scene->inherits >> skb & 1;
}

/* Or the max of its type. */
static bool may_fail(void)
{
	return sim.scene->full || sim.scene->max;
}

/* At no moment there are more; at the end it is recounted: check_limits(). */
static void check_max(int type)
{
	__u32 records = 0;

	if (!env.ctl.limits)
		return;
	for (__u32 slot = 0; slot < env_slots(); slot++) {
		__u64 word = *__skbext_word(slot);

		records += word >> SKBEXT_W_META_BITS && word & 1 << type;
	}
	if (records > env.ctl.types[type].max)
		amiss("more records than the max", type);
}

static bool inlined(void)
{
	return !il.running || !(sim.variant >> il.now & 1);
}

static __u64 *word_of(int object, int type)
{
	return (__u64 *)env_payload(object) + type;
}

/* ---- broken on purpose */

static int broken_release(__u64 h)
{
	int slot = skbext_store_slot(h);
	__u64 *p = slot < 0 ? NULL : __skbext_word(slot), word;

	if (!p)
		return 0;
	word = *p;
	if (word & (SKBEXT_W_SHARED | SKBEXT_W_REMOTE))
		__skbext_put(__skbext_object_of(slot, word));
	if (!il_cas(p, word, __skbext_left(word)))
		return 0;
	__skbext_uncount(word, slot);
	skbext_count(SKBEXT_STAT_RELEASED);
	return 1;
}

static int release_without_types(__u64 h)
{
	int slot = skbext_store_slot(h);
	__u64 *p = slot < 0 ? NULL : __skbext_word(slot), word = p ? IL_LOAD(p) : 0;

	if (!p || !il_cas(p, word, __skbext_left(word)))
		return 0;
	__skbext_uncount(h, slot);
	__skbext_put(__skbext_object_of(slot, word));
	skbext_count(SKBEXT_STAT_RELEASED);
	return 1;
}

/* Of a clone, which takes its own object. */
static void broken_unshare(__u64 h)
{
	int slot = skbext_store_slot(h), object;
	__u64 *p = slot < 0 ? NULL : __skbext_word(slot);

	if (!p || !(*p & SKBEXT_W_REMOTE))
		return;
	object = __skbext_object_of(slot, *p);
	if (!(__u32)*__skbext_link(object))	/* holders */
		return;
	*p &= ~SKBEXT_W_REMOTE;
	__skbext_put(object);
	il_point();
	skbext_store_copy_object(slot, object);
}

/* An add that does not ask whether user space may end the record. */
static int broken_add_more(int slot, __u64 h, int type)
{
	__u64 *p = __skbext_word(slot), word = IL_LOAD(p), bit = 1 << type;

	if (!__skbext_match(word, h))
		return -1;
	il_point();
	if (!(word & bit)) {
		*word_of(slot, type) = 0;
		if (!il_cas(p, word, word | bit))
			return -1;
	}
	return slot;
}

/* ---- steps */

static int do_add(int skb, int type)
{
	__u64 h = sim.hash[skb], bit = 1 << type;

	if (il.mutant == IL_COPY_LATE)
		broken_unshare(h);
	if (il.mutant == IL_TAKE_OVER && skbext_store_slot(h) >= 0)
		return broken_add_more(skbext_store_slot(h), h, type);
	return inlined() ? env_number(skbext_store_add(h, bit, type * 8, 8)) :
			   skbext_store_add_slow(h, bit, type * 8, 8);
}

/* Of the second type: one reference, counted at least as long as it is there. */
static void check_reference(int skb)
{
	int object = skbext_store_find_slow(sim.hash[skb], 2);
	__u32 *refs = object < 0 ? NULL : (__u32 *)word_of(object, 1);

	if (!sim.second[skb] || !sim.scene->counted || meddled(skb))
		return;
	if (!refs || refs[0] != 1)
		amiss("lost its reference", skb);
	else if (env.counters[ENV_REFS + refs[1] % ENV_REFS] - 1 >= SKBS)
		amiss("counted less than what is held", skb);
}

/* There is room for one. */
static void take_reference(int skb, bool had)
{
	int place = skbext_store_ref(sim.hash[skb], 1, 1, skb % ENV_REFS);

	if (place != (had ? -1 : 0) && !meddled(skb))
		amiss("place of a reference", skb);
	check_reference(skb);
}

static void do_find(int skb)
{
	__u64 h = sim.hash[skb], found = 0;
	int object = inlined() ? env_number(skbext_store_find(h, 1)) : skbext_store_find_slow(h, 1);

	if (object >= 0) {
		il_point();
		found = *word_of(object, 0);
	}
	/* A pointer from find is good until somebody ends the record, which user space may. */
	if (found != sim.value[skb] && !meddled(skb) && (sim.value[skb] || !inherits(skb)))
		amiss(object < 0 ? "found nothing" : "found another packet's", skb);
	check_reference(skb);
}

/* value: nobody else writes the same. */
static void do_write(int skb, int type, __u64 value)
{
	int object = do_add(skb, type);

	if (object < 0) {
		if (!may_fail())
			amiss("no room", skb);
		return;
	}
	check_max(type);
	il_point();
	sim.old[skb] = false;
	if (type) {
		bool had = sim.second[skb];

		sim.second[skb] = true;
		if (sim.scene->counted)
			take_reference(skb, had);
	} else {
		if (*word_of(object, 0) != sim.value[skb] && !meddled(skb) && !inherits(skb))
			amiss("another payload at add", skb);
		sim.value[skb] = *word_of(object, 0) = value;
	}
	if (!meddled(skb))
		do_find(skb);
}

static void do_share(int skb, int from)
{
	bool some = sim.value[from] || (sim.second[from] && !(env.state.noclone & 2));
	int ret = skbext_store_share(sim.hash[skb], sim.hash[from]);

	sim.old[skb] = false;
	sim.value[skb] = ret == 1 ? sim.value[from] : 0;
	sim.second[skb] = ret == 1 && sim.second[from] && !(env.state.noclone & 2);
	if (ret != some && !meddled(from) && !(ret < 0 && may_fail()))
		amiss("share", skb);
	check_max(0);
}

/* The owner took the first type; what user space writes is its own. */
static void check_taken(int skb)
{
	int object = meddled(skb) ? skbext_store_find_slow(sim.hash[skb], 1) : -1;

	if (object >= 0 && *word_of(object, 0) != USERS)
		amiss("still has what was taken", skb);
}

static void do_end(int skb, enum step_op op)
{
	__u64 h = sim.hash[skb];
	int had = sim.value[skb] || sim.second[skb], ended;

	if (op == DEL || op == DEL_MORE) {
		if (il.mutant == IL_REFS_OF_OTHERS && op == DEL_MORE && had)
			skbext_store_refs(skbext_store_find_slow(h, 2), 2, -1);
		ended = skbext_store_del(h, op == DEL ? 1 : 2);
		had = op == DEL ? sim.value[skb] != 0 : sim.second[skb];
	} else if (op == KEEP) {
		ended = inlined() ? skbext_store_keep(h, 2, SKBEXT_STAT_UDP_DROPPED) :
				    skbext_store_keep_slow(h, 2, SKBEXT_STAT_UDP_DROPPED);
		had = had && !sim.second[skb];
	} else if (il.mutant == IL_OBJECT_FIRST && il.running) {
		ended = broken_release(h);
	} else if (il.mutant == IL_KEEP_PLACE && il.running) {
		ended = release_without_types(h);
	} else {
		ended = inlined() ? skbext_store_release(h, SKBEXT_STAT_RELEASED) :
				    skbext_store_release_slow(h, SKBEXT_STAT_RELEASED);
	}
	sim.value[skb] = op == DEL_MORE ? sim.value[skb] : 0;
	sim.second[skb] = op != RELEASE && op != DEL_MORE && sim.second[skb];
	if (ended != had && !meddled(skb) && !inherits(skb) && !sim.old[skb])
		amiss("records ended", skb);
	if (op != DEL_MORE)
		check_taken(skb);
	sim.old[skb] = sim.old[skb] && op != RELEASE;
}

/* As bpf/ops.bpf.c does, and a value that nobody else writes. */
static void user_write(int slot)
{
	il_point();
	*word_of(slot, 0) = USERS;
}

static void user_next(int slot, int next, int skb)
{
	if (slot >= 0)
		sim.user = (struct user){ next, slot, skb };
}

static void user_add_new(int skb)
{
	__u64 h = sim.hash[skb];
	int slot = skbext_store_reserve(h, 1);

	if (slot < 0)
		return;
	if (il.mutant != IL_PUBLISH_EARLY)
		user_write(slot);
	skbext_store_publish(slot, h, 1);
	if (il.mutant == IL_PUBLISH_EARLY)
		user_write(slot);
	if (il.mutant == IL_TRUST_EARLY)
		*__skbext_link(slot) ^= SKBEXT_L_POISON;
	else
		user_next(slot, TRUST, skb);
}

/* What skbext_store_hold() would be without a mark. */
static int hold_unmarked(int slot, __u64 h)
{
	__u64 *p = __skbext_word(slot), word = IL_LOAD(p), before;

	if (!__skbext_match(word, h) || !(word & SKBEXT_W_ACTIVE) || word & SKBEXT_W_REMOTE ||
	    !il_cas(p, word, word | SKBEXT_W_SHARED))
		return SKBEXT_AGAIN;
	before = il_fetch_add(__skbext_link(slot), 1, IL_SOUND);
	if (__skbext_match(IL_LOAD(p), h) && !(before & SKBEXT_L_LOW))
		return SKBEXT_DONE;
	__skbext_put(slot);
	return SKBEXT_AGAIN;
}

static void user_add_to(int slot, __u64 h)
{
	int ret = il.mutant == IL_FILL_UNHELD ? SKBEXT_DONE :
		  il.mutant == IL_HOLD_UNMARKED ? hold_unmarked(slot, h) :
		  skbext_store_hold(slot, h);

	if (ret != SKBEXT_DONE)
		return;
	user_write(slot);
	if (!skbext_store_activate(slot, h, 1))
		skbext_count(SKBEXT_STAT_ADDS_MORE);
	if (il.mutant != IL_FILL_UNHELD)
		__skbext_put(slot);
}

static void do_user_add(int skb)
{
	int slot = skbext_store_slot(sim.hash[skb]);

	if (slot < 0)
		user_add_new(skb);
	else if (!__skbext_emptied(slot, sim.hash[skb]) && !skbext_store_distrusts(slot))
		user_add_to(slot, sim.hash[skb]);
}

static void do_user_next(void)
{
	struct user user = sim.user;
	__u64 h = sim.hash[user.skb];

	sim.user = (struct user){};
	if (user.next == TRUST)
		user_next(skbext_store_trust(user.slot, h), END_TAKEN, user.skb);
	else if (user.next == END_TAKEN)
		skbext_store_end_taken(user.slot, h);
}

static void do_user_del(int skb, __u64 types)
{
	user_next(skbext_store_take(sim.hash[skb], types), END_TAKEN, skb);
	if (il.mutant == IL_END_NO_GRACE)
		do_user_next();
}

/* One request at a time; the next waits for the grace period of the one before. */
static void do_user_step(const struct step *step)
{
	if (step->op == USER_NEXT)
		do_user_next();
	else if (sim.user.next)
		return;
	else if (step->op == USER_ADD)
		do_user_add(step->skb);
	else
		do_user_del(step->skb, step->op == USER_DEL ? 1 : 2);
}

static void do_user(const struct step *step)
{
	do_user_step(step);
	check_max(0);
}

/* Before the threads; or beside them, where nobody knows what then is found. */
static void do_miss(void)
{
	IL_STORE(&env.state.watch, env.state.watch + (1ULL << 32));
	for (int skb = 0; skb < SKBS && !il.running; skb++) {
		sim.old[skb] = sim.value[skb] || sim.second[skb];
		sim.value[skb] = sim.second[skb] = 0;
	}
}

static void end_doomed(void)
{
	for (__u32 slot = 0; slot < env_slots(); slot++)
		skbext_store_end_doomed(slot, sim.generation);
}

static void doom(void)
{
	sim.generation = IL_LOAD(&env.state.watch) >> 32;
	for (__u32 slot = 0; slot < env_slots(); slot++) {
		if (il.mutant != IL_PURGE_UNMARKED) {
			skbext_store_doom(slot, sim.generation);
			continue;
		}
		__u64 word = IL_LOAD(__skbext_word(slot));

		if (word & SKBEXT_W_ACTIVE && __skbext_older(slot, sim.generation) &&
		    skbext_store_drop_slow(slot, word))
			skbext_count(SKBEXT_STAT_PURGED);
	}
	if (il.mutant == IL_PURGE_NO_GRACE)
		end_doomed();
}

static void do_step(const struct step *step)
{
	switch (step->op) {
	case WRITE:
	case MORE:
		do_write(step->skb, step->op == MORE, (__u64)(step - sim.scene->before) + 1);
		break;
	case FIND:
		do_find(step->skb);
		break;
	case SHARE:
		do_share(step->skb, step->from);
		break;
	case USER_ADD:
	case USER_DEL:
	case USER_DEL_MORE:
	case USER_NEXT:
		do_user(step);
		break;
	case MISS:
		do_miss();
		break;
	case DOOM:
		doom();
		break;
	case END_DOOMED:
		end_doomed();
		break;
	default:
		do_end(step->skb, step->op);
	}
}

static void run_thread(int thread)
{
	for (const struct step *step = sim.scene->thread[thread]; step->op; step++)
		do_step(step);
}

/* ---- one scenario */

static void choose_skbs(void)
{
	for (__u32 n = 0, skb = 0; skb < SKBS; n++)
		if (__skbext_home(env_skb(n)) == 0)
			sim.hash[skb++] = env_skb(n);
}

/* What a run begins with, to be put back for the next. */
struct snapshot {
	char memory[SKBEXT_BYTES(ROOM + sizeof(__u64), 3)];
	__u64 stats[SKBEXT_STAT_NR], counters[SKBEXT_MAX_TYPES * ENV_REFS], value[SKBS];
	__u64 watch;
	__u64 left[SKBEXT_MAX_TYPES];
	__u32 by_address;
	struct user user;
	bool second[SKBS], old[SKBS];
	__u32 generation;
};

static void snapshot_take(void *to)
{
	struct snapshot *s = to;

	memcpy(s->memory, env.memory, env_bytes());
	memcpy(s->stats, env.stats, sizeof(s->stats));
	memcpy(s->counters, env.counters, sizeof(s->counters));
	memcpy(s->value, sim.value, sizeof(s->value));
	memcpy(s->second, sim.second, sizeof(s->second));
	memcpy(s->old, sim.old, sizeof(s->old));
	s->watch = env.state.watch;
	memcpy(s->left, env.state.left, sizeof(s->left));
	s->by_address = env.state.by_address;
	s->user = sim.user;
	s->generation = sim.generation;
}

static void snapshot_put_back(const void *from)
{
	const struct snapshot *s = from;

	memcpy(env.memory, s->memory, env_bytes());
	memcpy(env.stats, s->stats, sizeof(s->stats));
	memcpy(env.counters, s->counters, sizeof(s->counters));
	memcpy(sim.value, s->value, sizeof(s->value));
	memcpy(sim.second, s->second, sizeof(s->second));
	memcpy(sim.old, s->old, sizeof(s->old));
	sim.generation = s->generation;
	env.state.watch = s->watch;
	memcpy(env.state.left, s->left, sizeof(s->left));
	env.state.by_address = s->by_address;
	sim.user = s->user;
}

static void check_skbs(void)
{
	for (int skb = 0; skb < SKBS; skb++)
		do_find(skb);
	for (int skb = 0; skb < SKBS; skb++) {
		do_end(skb, RELEASE);
		if (skbext_store_slot(sim.hash[skb]) >= 0)
			amiss("still there", skb);
	}
}

/* The threads are done: what is in the table, is it right, and does it all go away? */
static bool check_schedule(void)
{
	bool ok;

	if (sim.scene->purge)
		end_doomed();
	while (sim.user.next)
		do_user_next();
	env.state.by_address = 0;
	ok = check_table();

	if (ok && !sim.amiss)
		check_skbs();
	return !sim.amiss && ok && check_empty();
}

static int thread_count(const struct scenario *scene)
{
	int n = 0;

	while (n < IL_THREADS && scene->thread[n][0].op)
		n++;
	return n;
}

static const struct il_test test = {
	.bytes = sizeof(struct snapshot),
	.save = snapshot_take,
	.put_back = snapshot_put_back,
	.hash = hash_shared,
	.run = run_thread,
	.ended = check_schedule,
};

static bool search(const struct scenario *scene, int variant)
{
	bool ok;

	memset(&sim, 0, sizeof(sim));
	sim.scene = scene;
	sim.variant = variant;
	env_open(scene->buckets ?: 1, ROOM);
	env.state.noclone = scene->noclone;
	env.state.by_address = scene->shared && !scene->purge && il.mutant != IL_ALONE;
	if (scene->counted)
		env_count_refs(1, 8, 8);
	for (int type = 0; variant == LIMITS && type < 2; type++)
		env_limit(type, scene->max ?: SKBS);
	choose_skbs();
	for (const struct step *step = scene->before; step->op; step++)
		do_step(step);
	ok = il_search(thread_count(scene), &test);
	env_close();
	return ok;
}

/*
 * Which threads call, and which go the inline way: one of each, none, all. Three threads take their
 * time. So do sanitizers: there it is the first of two threads alone, which is enough to see what
 * each access touches.
 */
static const int variants[] = { 5, 0, 7 };
#define SCENARIOS (sizeof(scenarios) / sizeof(*scenarios))

static size_t variant_count(const struct scenario *scene)
{
	if (scene->max)
		return !IL_SANITIZED || thread_count(scene) <= 2;
	if (IL_SANITIZED)
		return 2 * (thread_count(scene) <= 2);
	return 1 + (thread_count(scene) > 2 ? 1 : sizeof(variants) / sizeof(*variants));
}

/* The last is the one in which all types have a max. */
static int variant_of(const struct scenario *scene, size_t n)
{
	return n + 1 == variant_count(scene) ? LIMITS : variants[n];
}

static __u64 explore(const struct scenario *scene)
{
	__u64 states = 0, schedules = 0, longest = 0;

	for (size_t v = 0; v < variant_count(scene); v++) {
		if (!search(scene, variant_of(scene, v))) {
			TEST_FAIL("%s: %s, skb %d (calls: %d)", scene->name,
				  sim.amiss ?: "the table at the end", sim.amiss_skb,
				  variant_of(scene, v));
			il_print_schedule(stderr);
			return states;
		}
		states += il.states;
		schedules += il.schedules;
		longest = longest > il.longest ? longest : il.longest;
	}
	printf("    %s: %llu states, %llu schedules to their end, the longest of %llu accesses\n",
	       scene->name, states, schedules, longest);
	return states;
}

static void store_every_interleaving(void)
{
	const char *only = getenv("SCENARIO");
	__u64 states = 0;
	int explored = 0;

	il.mutant = IL_SOUND;
	for (size_t n = 0; n < SCENARIOS; n++) {
		if ((only && strcmp(only, scenarios[n].name)) || !variant_count(&scenarios[n]))
			continue;
		states += explore(&scenarios[n]);
		explored++;
	}
	ASSERT_NE(explored, 0, "scenarios");
	printf("interleave: %d of %zu scenarios, %llu states\n", explored, SCENARIOS, states);
}

/* ---- does it find what is broken? */

static const char *find_mutant(void)
{
	for (size_t n = 0; n < SCENARIOS; n++) {
		if (il.mutant == IL_REFS_OF_OTHERS && !scenarios[n].counted)
			continue;
		if (il.mutant >= IL_PURGE_UNMARKED && !scenarios[n].purge)
			continue;
		if (il.mutant >= IL_ALONE && il.mutant < IL_KEEP_PLACE && !scenarios[n].shared)
			continue;
		for (size_t v = 0; v < variant_count(&scenarios[n]); v++)
			if ((variant_of(&scenarios[n], v) == LIMITS) == (il.mutant == IL_KEEP_PLACE) &&
			    !search(&scenarios[n], variant_of(&scenarios[n], v)))
				return scenarios[n].name;
	}
	return NULL;
}

static void store_broken_ones_are_found(void)
{
	static const char *const name[] = {
		[IL_TORN_CAS] = "torn compare-and-swap", [IL_TORN_ADD] = "torn add",
		[IL_TORN_SUB] = "torn subtraction",
		[IL_BLIND_CAS] = "compare-and-swap without compare",
		[IL_OBJECT_FIRST] = "object released before the key",
		[IL_COPY_LATE] = "object released before it is copied",
		[IL_REFS_OF_OTHERS] = "references of others given back",
		[IL_ALONE] = "owners not told of user space",
		[IL_END_NO_GRACE] = "emptied record ended at once",
		[IL_TAKE_OVER] = "add to an emptied record",
		[IL_PUBLISH_EARLY] = "published before it is written",
		[IL_TRUST_EARLY] = "trusted before all see it",
		[IL_FILL_UNHELD] = "written without holding the object",
		[IL_HOLD_UNMARKED] = "held without a mark",
		[IL_KEEP_PLACE] = "place kept by a record that ended",
		[IL_PURGE_UNMARKED] = "purge without a mark",
		[IL_PURGE_NO_GRACE] = "purge without a grace period",
	};
	int mutant, err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (mutant = IL_SOUND + 1; mutant < IL_MUTANTS; mutant++) {
		const char *by;

		il.mutant = mutant;
		dup2(null, STDERR_FILENO);	/* what is wrong with it is known */
		by = find_mutant();
		dup2(err, STDERR_FILENO);
		test_failures = 0;
		printf("interleave mutant, %s: found by '%s'\n", name[mutant], by ?: "nobody");
		if (!ASSERT_OK_PTR(by, name[mutant]))
			break;
	}
	il.mutant = IL_SOUND;
	close(err);
	close(null);
}

int main(int argc, char **argv)
{
	TEST_CASE(store_every_interleaving);
	if (!IL_SANITIZED)
		TEST_CASE(store_broken_ones_are_found);
	il_end();
	return TEST_EXIT();
}
