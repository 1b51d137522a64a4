// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Commands on maps that are pinned where skbext's are and hold what somebody else has put there. The
 * input is a command (which of those below), and what differs from what skbext would have put there:
 * struct forged and behind it the slots, xor the input's bytes. So an input outlives a layout.
 */
#include "../../user/lib/internal.h"
#include "../../bpf/request.h"
#include "kernel.h"

#define MAX_SLOTS	(1U << 20)	/* bytes, of any map */
#define PAYLOAD		16
#define BUCKETS		3

struct forged {
	__u32 slots;			/* bytes of the map; 0: as many as ctl says, in 32 bits */
	__u32 refs;			/* counters; 0: as many as ctl says, in 32 bits */
	__u32 word;			/* of the first bytes of all other maps */
	struct skbext_ctl ctl;
	struct skbext_request answer;
	char slots_begin[SKBEXT_BYTES(PAYLOAD, BUCKETS)];
};

/* Two types, and in each bucket a record of the first. */
static void fill(struct forged *f)
{
	const struct skbext_ctl ctl = {
		.magic = SKBEXT_MAGIC, .version = SKBEXT_LAYOUT_VERSION, .buckets = BUCKETS,
		.payload = PAYLOAD, .base = 0xffff888000000080, .refs = 4,
		.mode = SKBEXT_MODE_TRACEPOINT,
		.types = { { .name = "a", .size = 4 },
			   { .name = "b", .size = 8, .offset = 8, .flags = SKBEXT_F_COUNTED } },
		.reason = "why",
	};

	const struct skbext_state state = {
		.counted = 2, .base = ctl.base, .skb_size = 232, .refs = ctl.refs,
		.offset = { 0, 8 },
	};

	memset(f, 0, sizeof(*f));
	f->ctl = ctl;
	memcpy(f->slots_begin, &state, sizeof(state));
	f->answer.result = 1;
	for (int i = 0; i < BUCKETS; i++) {
		struct skbext_bucket *b = (void *)(f->slots_begin + SKBEXT_GAP +
						   i * SKBEXT_FRONT(PAYLOAD));

		b->first = (i + 1ULL) << 20 | 1;
		memset(b->object.payload, 'A' + i, PAYLOAD);
	}
}

static char address[] = "0xffff888000001000", type[] = "a";
static char *commands[][4] = {
	{ "status" }, { "status", "--json" }, { "stats" }, { "stats", "--json" },
	{ "dump" }, { "dump", "--json" }, { "dump", "--type", type },
	{ "find", address, type }, { "find", "--json", address, type },
	{ "add", address, type, "00" }, { "del", address, type }, { "purge" },
};

static __u32 up_to(__u32 n, __u32 max)
{
	return n < max ? n : max;
}

static void forge(const struct forged *f)
{
	__u32 bytes = f->slots ?: SKBEXT_BYTES(f->ctl.payload, f->ctl.buckets);
	__u32 refs = f->refs ?: f->ctl.refs * SKBEXT_MAX_TYPES;

	kernel_put_pin("ctl", sizeof(f->ctl), 1, &f->ctl, sizeof(f->ctl));
	kernel_put_pin("slots", up_to(bytes, MAX_SLOTS) ?: 1, 1, f->slots_begin,
		       sizeof(f->slots_begin));
	kernel_put_pin("stats", sizeof(struct skbext_load), 1, &f->word, sizeof(f->word));
	kernel_put_pin("watches", sizeof(struct skbext_watch), 256, &f->word, sizeof(f->word));
	kernel_put_pin("refs", sizeof(__u64), up_to(refs, MAX_SLOTS / 8) ?: 1, &f->word,
		       sizeof(f->word));
	kernel_put_pin("request", sizeof(struct skbext_request), 1, NULL, 0);
	kernel_put_pin("op", 0, 0, NULL, 0);
	kernel_put_answer(&f->answer, sizeof(f->answer));
}

static void run(char **command)
{
	struct outcome o;
	int argc = 1;
	json_t *json;

	while (argc < 5 && command[argc - 1])
		argc++;
	run_cli(command, argc - 1, &o);
	must_be_one_line(&o);
	MUST(o.status != CLI_USAGE, "%s", o.err);
	if (!o.status && command[1] && !strcmp(command[1], "--json")) {
		json = json_loads(o.out, 0, NULL);
		MUST(json, "not JSON: %s", o.out);
		json_decref(json);
	}
	outcome_free(&o);
}

/* unload, but for the directory. */
static void stop(void)
{
	struct skbext *sk = skbext_open_pinned(NULL);

	if (sk)
		store_kill(sk);
	skbext_close(sk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forged f;
	unsigned char *bytes = (unsigned char *)&f;

	if (!size)
		return 0;
	fill(&f);
	for (size_t i = 0; i + 1 < size && i < sizeof(f); i++)
		bytes[i] ^= data[i + 1];
	forge(&f);
	if (data[0] < ARRAY_SIZE(commands))
		run(commands[data[0]]);
	else
		stop();
	kernel_forget_pins();
	return 0;
}
