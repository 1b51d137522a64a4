/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole API on one skb, from any hook: what is the same everywhere is written once.
 * The packet leaves as it came, so that this can also run where a packet ends.
 */
#ifndef API_EXERCISE_BPF_H
#define API_EXERCISE_BPF_H

#include "api_common.h"

SKBEXT_TYPE(api_note, struct api_note);
SKBEXT_TYPE(api_tag, struct api_tag);

struct api_seen api_seen;

#define API_EXPECT(x)									\
	do {										\
		if (!(x) && !api_seen.failed)						\
			api_seen.failed = __LINE__;					\
	} while (0)

static __always_inline void api_absent(void *skb)
{
	const struct api_note *note = skbext_find(skb, api_note);

	if (note)
		api_seen.found++;
	API_EXPECT(!note);
	API_EXPECT(!skbext_exist(skb, api_note));
	API_EXPECT(skbext_del(skb, api_note) == -ENOENT);
}

static __always_inline void api_write_both(void *skb)
{
	struct api_note *note = skbext_add(skb, api_note);
	struct api_tag *tag;

	API_EXPECT(note);
	if (note) {
		api_seen.added++;
		API_EXPECT(!note->stamp && !note->id && !note->bytes);
		note->stamp = API_NOTE_STAMP;
		note->id = API_NOTE_ID;
		note->bytes = 1;
	}
	tag = skbext_add(skb, api_tag);
	API_EXPECT(tag);
	if (tag) {
		API_EXPECT(!tag->text[0] && !tag->text[4]);
		tag->text[0] = 't';
		tag->text[4] = 'g';
	}
}

static __always_inline void api_read_both(void *skb)
{
	const struct api_note *note = skbext_find(skb, api_note);
	const struct api_tag *tag = skbext_find(skb, api_tag);

	API_EXPECT(note && note->stamp == API_NOTE_STAMP && note->id == API_NOTE_ID);
	API_EXPECT(tag && tag->text[0] == 't' && tag->text[4] == 'g');
	API_EXPECT(skbext_exist(skb, api_note) && skbext_exist(skb, api_tag));

	/* An extension that is active comes back as it is. */
	note = skbext_add(skb, api_note);
	API_EXPECT(note && note->id == API_NOTE_ID);
}

/* One type goes and comes back zeroed, the other does not notice. */
static __always_inline void api_del_one(void *skb)
{
	const struct api_note *note;
	const struct api_tag *tag;

	API_EXPECT(skbext_del(skb, api_note) == 0);
	api_absent(skb);
	tag = skbext_find(skb, api_tag);
	API_EXPECT(tag && tag->text[0] == 't' && tag->text[4] == 'g');
	note = skbext_add(skb, api_note);
	API_EXPECT(note && !note->stamp && !note->id && !note->bytes);
}

/* All types gone one by one: the record ends, and the next one starts from zero. */
static __always_inline void api_del_last(void *skb)
{
	const struct api_tag *tag;

	API_EXPECT(skbext_del(skb, api_note) == 0);
	API_EXPECT(skbext_del(skb, api_tag) == 0);
	API_EXPECT(skbext_del(skb, api_tag) == -ENOENT);
	tag = skbext_add(skb, api_tag);
	API_EXPECT(tag && !tag->text[0] && !tag->text[4]);
	API_EXPECT(!skbext_exist(skb, api_note));
}

static __always_inline void api_exercise(void *skb)
{
	__sync_fetch_and_add(&api_seen.runs, 1);
	api_absent(skb);
	api_write_both(skb);
	api_read_both(skb);
	api_del_one(skb);
	api_del_last(skb);
	skbext_reset(skb);
	api_absent(skb);
	API_EXPECT(!skbext_exist(skb, api_tag));
}

#endif /* API_EXERCISE_BPF_H */
