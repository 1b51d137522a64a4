// SPDX-License-Identifier: GPL-2.0-only
/*
 * skbext trace: a packet carries a note of its own birth, and whoever sees its end reports it.
 *
 * Exactly once: the first program that sees the end takes the note away, and only who took it
 * reports. kfree_skb and consume_skb come before the release hooks and know most; what they miss
 * is reported by the release hook, or, in the tracepoint mode, when its data or its sk_buff goes
 * back to the slab.
 *
 * The notes are in an skbext that is trace's own and goes with it. What other programs add is in the
 * one that is loaded, which trace only reads, in the exact mode (peek.bpf.h).
 *
 * These run beside the lifecycle programs of both, which end every record that they see end, so they
 * must run first. fentry programs run last attached first, tracepoints first attached first: user
 * space attaches these after the lifecycle programs in the exact mode and before those of its own
 * skbext in the tracepoint mode. Those of the loaded one come first there: so its types are not
 * shown.
 *
 * Address reuse: a note is found by the sk_buff's address. In the exact mode no packet ends unseen
 * (DESIGN 2). In the tracepoint mode one may, and the note is taken away where the address is
 * given out again, as fate UNSEEN.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <skbext/skbext.bpf.h>
#include "peek.bpf.h"
#include "trace.h"
#include "filter.bpf.h"

#define SKB_CONSUMED_REASON	1
#define FRAMES			16
#define ARPHRD_ETHER		1
#define ARPHRD_LOOPBACK		772
#define MAX_LEN			(1U << 24)	/* of a packet; what is longer is nonsense */

/* Stays on the packet as long as it lives. A copy gets a note of its own. */
SKBEXT_TYPE_FLAGS(skbext_trace, struct skbext_trace,
		  SKBEXT_F_NO_CLONE | SKBEXT_F_KEEP_SCRUB);
#define REF __SKBEXT_TYPE(skbext_trace)

const volatile bool exact, summary;
const volatile __u32 snap;			/* bytes of each packet to copy; 0: none */
const volatile bool consume_has_location;	/* since 6.3 */
const volatile __u64 device[TRACE_DEVICE_LEN / 8];	/* 0: any */
const volatile __u64 min_age;
const volatile __u32 sample = 1;
const volatile __u32 reason_wanted;		/* 0: any */
const volatile __u32 types_wanted;		/* bits; 0: any */
const volatile struct trace_range freeing[TRACE_RANGES];
const volatile struct trace_range expand_head;
const volatile __u64 tcp_receives;		/* the function that tcp_probe is in */

bool stopped;
struct trace_counts counts;
__u64 last_id, candidates;
__u64 slow_floor = ~0ULL;	/* with a summary: what lived longer is told one by one, too */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct trace_key);
	__type(value, struct trace_lives);
} lives SEC(".maps");

/* Tracepoint mode: data of a packet -> its sk_buff. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} heads SEC(".maps");

struct frames {
	__u64 ip[FRAMES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frames);
} stacks SEC(".maps");

#define COUNT(what) __sync_fetch_and_add(&counts.what, 1)

static __always_inline __u64 hash_of_address(__u64 skb)
{
	return skbext_hash(skb - SKBEXT_STATE->base);
}

/*
 * Written to in place, although find says read only: nobody who shares the object has this type
 * active, because copies do not inherit it.
 */
static __always_inline struct skbext_trace *note_of(__u64 h)
{
	struct skbext_object *obj = skbext_store_find(h, REF->active);

	return obj ? __skbext_payload(obj, REF->offset) : NULL;
}

/* ---- who ended it: the first caller that does more than freeing */

static __always_inline bool in_range(const volatile struct trace_range *r, __u64 ip)
{
	return ip >= r->from && ip < r->to;
}

/* Not static, so that the verifier goes through it once and not for each frame of each program. */
SKBEXT_FN bool is_freeing(__u64 ip)
{
	for (int i = 0; i < TRACE_RANGES; i++)
		if (in_range(&freeing[i], ip))
			return true;
	return false;
}

static __always_inline struct frames *take_stack(void *ctx, __u32 *nr)
{
	__u32 zero = 0;
	struct frames *f = bpf_map_lookup_elem(&stacks, &zero);
	long bytes = f ? bpf_get_stack(ctx, f, sizeof(*f), 0) : 0;

	*nr = bytes > 0 ? bytes / sizeof(f->ip[0]) : 0;
	return f;
}

/* Frames of BPF itself come before those of the function that was hooked. */
static __always_inline __u64 caller(void *ctx)
{
	bool inside = false;
	struct frames *f;
	__u32 nr;

	f = take_stack(ctx, &nr);
	for (__u32 i = 0; f && i < FRAMES && i < nr; i++) {
		if (is_freeing(f->ip[i]))
			inside = true;
		else if (inside)
			return f->ip[i];
	}
	return 0;
}

static __always_inline bool called_by(void *ctx, const volatile struct trace_range *function)
{
	struct frames *f;
	__u32 nr;

	f = take_stack(ctx, &nr);
	for (__u32 i = 0; f && i < FRAMES && i < nr; i++)
		if (in_range(function, f->ip[i]))
			return true;
	return false;
}

/* ---- the end */

/* As is_freeing(): inlined, each of its 64 results would be followed to the program's end. */
SKBEXT_FN __u32 log2_slot(__u64 ns)
{
	__u32 slot = 0;

	for (int step = 32; step; step >>= 1) {
		if (ns >> step) {
			ns >>= step;
			slot += step;
		}
	}
	return slot;
}

SKBEXT_FN int add_life(__u64 place, __u32 reason, __u32 fate, __u64 age)
{
	struct trace_key key = { .place = place, .reason = reason, .fate = fate };
	static const struct trace_lives none;
	struct trace_lives *l = bpf_map_lookup_elem(&lives, &key);
	__u32 slot = log2_slot(age);

	if (!l) {
		bpf_map_update_elem(&lives, &key, &none, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&lives, &key);
	}
	if (!l) {
		COUNT(lost);
		return 0;
	}
	__sync_fetch_and_add(&l->count, 1);
	__sync_fetch_and_add(&l->total, age);
	__sync_fetch_and_add(&l->slots[slot < TRACE_SLOTS ? slot : TRACE_SLOTS - 1], 1);
	COUNT(shown);
	return 0;
}

struct ending {
	__u64 h;
	__u64 place;
	__u64 ended;
	__u32 reason;
	__u8 fate;
	bool gone;		/* its memory may be another packet's already */
	struct peeked others;
};

/*
 * From the link's header on as far as the first, linear part of it goes. A packet that no device was to
 * send has no link header yet, one of a tunnel that has ended may not have it any more.
 */
static __always_inline void copy_bytes(struct trace_report *ev, __u64 address, bool ethernet)
{
	const struct sk_buff *skb = (void *)address;
	__u64 head = (__u64)BPF_CORE_READ(skb, head), data = (__u64)BPF_CORE_READ(skb, data);
	__u32 mac = BPF_CORE_READ(skb, mac_header), network = BPF_CORE_READ(skb, network_header);
	__u32 tail = BPF_CORE_READ(skb, tail), start, bytes;
	bool framed = ethernet && mac != NO_HEADER && (!network || network >= mac + ETH_HLEN);

	ev->frame = framed ? TRACE_FRAMED : TRACE_BARE;
	start = framed ? mac : network;
	ev->len = BPF_CORE_READ(skb, len) + (__u32)(data - head) - start;
	bytes = tail - start;
	if (start >= tail || (!framed && !network) || ev->len > MAX_LEN)
		return;
	if (bytes > ev->len)
		bytes = ev->len;
	if (bytes > snap)
		bytes = snap;
	if (!bpf_probe_read_kernel((void *)ev->payload + other_payload, bytes, (void *)(head + start)))
		ev->bytes = bytes;
}

static __always_inline void fill_event(struct trace_report *ev, const struct ending *e,
				       const struct skbext_trace *note)
{
	ev->skb = skbext_address(e->h, SKBEXT_STATE->base);
	ev->ended = e->ended;
	ev->place = e->place;
	ev->reason = e->reason;
	ev->cpu = bpf_get_smp_processor_id();
	ev->fate = e->fate;
	ev->active = e->others.active;
	ev->bytes = ev->len = 0;
	ev->frame = TRACE_FRAMED;
	ev->note = *note;
	if (snap && !e->gone)
		copy_bytes(ev, ev->skb, note->ethernet);
	if (other_payload && e->others.active)
		bpf_probe_read_kernel(ev->payload, other_payload, (void *)e->others.payload);
}

static __always_inline bool wanted(const struct ending *e, __u64 age)
{
	if (reason_wanted && (e->fate != TRACE_DROPPED || e->reason != reason_wanted))
		return false;
	return age >= min_age && (!types_wanted || e->others.active & types_wanted);
}

/* True for who takes the note away, and so is the one to report. */
static __always_inline bool take_away(const struct ending *e)
{
	if (!skbext_store_del(e->h, REF->active))
		return false;
	COUNT(ended);
	return true;
}

static __always_inline void count_life(const struct ending *e, __u64 age)
{
	if (take_away(e))
		add_life(e->place, e->reason, e->fate, age);
}

static __always_inline void not_told(const struct ending *e, __u64 age)
{
	if (summary) {
		COUNT(slow_lost);
		count_life(e, age);
	} else if (take_away(e)) {
		COUNT(lost);
	}
}

/*
 * Filled before the note is taken away, after which its place is anybody's. An event is compared with
 * NULL once: what is reserved is not known to be something to 6.1's reg_type_not_null().
 */
static __always_inline void report_event(const struct ending *e, const struct skbext_trace *note,
					 __u64 age)
{
	struct trace_report *ev = bpf_ringbuf_reserve(&events, sizeof(*ev) + other_payload + snap, 0);

	if (!ev) {
		not_told(e, age);
		return;
	}
	fill_event(ev, e, note);
	if (!take_away(e)) {
		bpf_ringbuf_discard(ev, 0);
		return;
	}
	bpf_ringbuf_submit(ev, 0);
	if (summary)
		add_life(e->place, e->reason, e->fate, age);
	else
		COUNT(shown);
}

static __always_inline void report(const struct ending *e, const struct skbext_trace *note)
{
	__u64 age = e->ended - note->born;

	if (!wanted(e, age)) {
		if (take_away(e))
			COUNT(filtered);
	} else if (!summary || age > slow_floor) {
		report_event(e, note, age);
	} else {
		count_life(e, age);
	}
}

/* Returns 0, as the verifier wants it of fentry. */
static __always_inline int end_as(void *ctx, __u64 h, enum trace_fate fate, __u32 reason, __u64 place,
				  bool gone)
{
	struct skbext_trace *n;
	struct ending e = { .h = h, .fate = fate, .reason = reason, .place = place, .gone = gone };
	__u64 head;

	if (stopped)
		return 0;
	n = note_of(h);
	if (!n)
		return 0;
	head = n->head;
	if (!exact && head)
		bpf_map_delete_elem(&heads, &head);
	if (n->state != TRACE_TAKEN) {
		skbext_store_del(h, REF->active);
		return 0;
	}
	/* An end that was not seen was some time after this. */
	e.ended = fate == TRACE_UNSEEN ? n->seen : bpf_ktime_get_ns();
	peek(skbext_address(h, SKBEXT_STATE->base), &e.others);
	if (!place && fate != TRACE_UNSEEN)
		e.place = caller(ctx);
	report(&e, n);
	return 0;
}

static __always_inline int end(void *ctx, __u64 h, enum trace_fate fate, __u32 reason, __u64 place)
{
	return end_as(ctx, h, fate, reason, place, fate == TRACE_UNSEEN);
}

/* ---- the birth */

static __always_inline struct skbext_trace *birth(__u64 h, enum trace_origin origin)
{
	struct skbext_trace *n = skbext_store_add(h, REF->active, REF->offset, sizeof(*n));

	if (!n) {
		COUNT(untracked);
		return NULL;
	}
	n->born = bpf_ktime_get_ns();
	n->id = __sync_fetch_and_add(&last_id, 1) + 1;
	n->cpu = bpf_get_smp_processor_id();
	n->origin = origin;
	n->state = TRACE_NEW;
	return n;
}

/* The first device decides, once: a later one finds the answer on the packet. */
static __always_inline void decide(struct skbext_trace *n, const struct sk_buff *skb,
				   const struct net_device *dev)
{
	__u16 type;

	n->device[0] = n->device[1] = 0;
	bpf_probe_read_kernel_str(n->device, sizeof(n->device), dev->name);
	n->len = skb->len;
	n->protocol = skb->protocol;
	type = BPF_CORE_READ(dev, type);	/* a route's device is known by its address alone */
	n->ethernet = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
	n->state = TRACE_REJECTED;
	if (device[0] && (n->device[0] != device[0] || n->device[1] != device[1]))
		return;
	if (filtered) {
		int accepted = filter(skb, n->ethernet);

		if (accepted < 0)
			n->state = TRACE_NEW;	/* not yet: the next one decides */
		if (accepted <= 0)
			return;
	}
	if (sample > 1 && __sync_fetch_and_add(&candidates, 1) % sample)
		return;
	n->state = TRACE_TAKEN;
	COUNT(seen);
}

/* A clone's data outlives it: nothing can be told from it. */
static __always_inline void remember_head(struct skbext_trace *n, const struct sk_buff *skb)
{
	__u64 head = (__u64)BPF_CORE_READ(skb, head), address;

	if (BPF_CORE_READ_BITFIELD_PROBED(skb, cloned) || n->head == head)
		return;
	address = skbext_address(__skbext_hash_of(skb), SKBEXT_STATE->base);
	if (n->head)
		bpf_map_delete_elem(&heads, &n->head);
	n->head = head;
	bpf_map_update_elem(&heads, &head, &address, BPF_ANY);
}

/* What has no room takes the place of the last one. */
static __always_inline void add_step(struct skbext_trace *n, const struct net_device *dev,
				     enum trace_origin where)
{
	__u32 i = n->steps;
	struct trace_step *step;

	if (i < 255)
		n->steps++;
	barrier_var(i);	/* 6.1 loses its bound where the compiler merges both questions */
	if (i >= TRACE_STEPS)
		i = TRACE_STEPS - 1;
	step = &n->path[i];
	step->when = n->seen;
	step->where = where;
	step->cpu = bpf_get_smp_processor_id();
	bpf_probe_read_kernel_str(step->device, sizeof(step->device), dev->name);
}

static __always_inline int sight(const struct sk_buff *skb, const struct net_device *dev,
				 enum trace_origin where)
{
	__u64 h = __skbext_hash_of(skb);
	struct skbext_trace *n;

	if (stopped)
		return 0;
	n = note_of(h);
	if (!n)
		n = birth(h, where);
	if (!n)
		return 0;
	n->seen = bpf_ktime_get_ns();
	if (n->state == TRACE_NEW)
		decide(n, skb, dev);
	if (!n->protocol)
		n->protocol = skb->protocol;	/* not set yet at ip_local_out */
	if (n->state == TRACE_TAKEN)
		add_step(n, dev, where);
	if (!exact)
		remember_head(n, skb);
	return 0;
}

/* ---- both modes */

SEC("tp_btf/net_dev_queue")
int BPF_PROG(see_queue, struct sk_buff *skb)
{
	return sight(skb, skb->dev, TRACE_AT_QUEUE);
}

SEC("tp_btf/netif_rx_entry")
int BPF_PROG(see_rx, const struct sk_buff *skb)
{
	return sight(skb, skb->dev, TRACE_AT_RX);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(see_receive, struct sk_buff *skb)
{
	return sight(skb, skb->dev, TRACE_AT_RECEIVE);
}

/*
 * Where drivers hand over: in the tracepoint mode a note that is here may be of the packet before,
 * and the lifecycle programs end it; the packet comes into sight a moment later.
 */
static __always_inline int see_driver(void *ctx, const struct sk_buff *skb, enum trace_origin where)
{
	return exact ? sight(skb, skb->dev, where) :
		       end(ctx, __skbext_hash_of(skb), TRACE_UNSEEN, 0, 0);
}

SEC("tp_btf/napi_gro_receive_entry")
int BPF_PROG(see_gro, const struct sk_buff *skb)
{
	return see_driver(ctx, skb, TRACE_AT_GRO);
}

SEC("tp_btf/napi_gro_frags_entry")
int BPF_PROG(see_gro_frags, const struct sk_buff *skb)
{
	return see_driver(ctx, skb, TRACE_AT_GRO);
}

SEC("tp_btf/netif_receive_skb_list_entry")
int BPF_PROG(see_receive_list, const struct sk_buff *skb)
{
	return see_driver(ctx, skb, TRACE_AT_RECEIVE);
}

SEC("tp_btf/netif_receive_skb_entry")
int BPF_PROG(see_receive_entry, const struct sk_buff *skb)
{
	return skb->skb_iif ? 0 : see_driver(ctx, skb, TRACE_AT_RECEIVE);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(end_kfree_skb, struct sk_buff *skb, void *location, __u32 reason)
{
	bool consumed = reason == SKB_CONSUMED_REASON;

	return end(ctx, __skbext_hash_of(skb), consumed ? TRACE_CONSUMED : TRACE_DROPPED,
		   consumed ? 0 : reason, (__u64)location);
}

SEC("tp_btf/consume_skb")
int end_consume_skb(__u64 *ctx)
{
	return end(ctx, __skbext_hash_of((void *)ctx[0]), TRACE_CONSUMED, 0,
		   consume_has_location ? ctx[1] : 0);
}

/* ---- exact mode: births that no tracepoint shows */

/* Some of these call each other: the note stays new until a device sees it. */
static __always_inline int allocated(void *ctx)
{
	__u64 skb = 0;

	bpf_get_func_ret(ctx, &skb);
	if (!skb || stopped)
		return 0;
	end(ctx, hash_of_address(skb), TRACE_UNSEEN, 0, 0);
	birth(hash_of_address(skb), TRACE_AT_ALLOC);
	return 0;
}

#define BIRTH(function) \
	SEC("?fexit/" #function) int birth_##function(void *ctx) { return allocated(ctx); }

BIRTH(__alloc_skb)
BIRTH(__napi_alloc_skb)		/* up to 6.9 */
BIRTH(napi_alloc_skb)
BIRTH(__netdev_alloc_skb)
BIRTH(__build_skb)
BIRTH(build_skb)
BIRTH(napi_build_skb)
BIRTH(slab_build_skb)		/* from 6.2 */

/* After the function: at its entry the lifecycle program clears what the copy had. */
static __always_inline int copied(const struct sk_buff *to, const struct sk_buff *from)
{
	struct skbext_trace *of = stopped ? NULL : note_of(__skbext_hash_of(from)), *n;

	if (!of)
		return 0;
	__sync_fetch_and_add(&of->copies, 1);
	n = birth(__skbext_hash_of(to), TRACE_AT_COPY);
	if (!n)
		return 0;
	n->parent = of->id;
	n->copies = 0;
	n->device[0] = of->device[0];
	n->device[1] = of->device[1];
	n->len = of->len;
	n->protocol = of->protocol;
	n->ethernet = of->ethernet;
	n->seen = n->born;
	n->state = of->state;
	if (n->state == TRACE_TAKEN)
		COUNT(seen);
	return 0;
}

SEC("?fexit/__copy_skb_header")
int BPF_PROG(birth_copy, struct sk_buff *new, const struct sk_buff *old)
{
	return copied(new, old);
}

SEC("?fexit/ip_copy_metadata")
int BPF_PROG(birth_fragment, struct sk_buff *to, struct sk_buff *from)
{
	return copied(to, from);
}

SEC("?fexit/ip6_copy_metadata")
int BPF_PROG(birth_fragment6, struct sk_buff *to, struct sk_buff *from)
{
	return copied(to, from);
}

/*
 * Before netfilter's output hook, which may drop it before any device sees it. The device is that
 * of its route.
 */
static __always_inline int local_out(const struct sk_buff *skb)
{
	const struct dst_entry *dst = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~1ULL);

	return dst ? sight(skb, BPF_CORE_READ(dst, dev), TRACE_AT_LOCAL_OUT) : 0;
}

SEC("?fentry/__ip_local_out")
int BPF_PROG(see_local_out, struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return local_out(skb);
}

SEC("?fentry/__ip6_local_out")
int BPF_PROG(see_local_out6, struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return local_out(skb);
}

/* ---- exact mode: ends without a tracepoint, where skbext's own release is */

SEC("?fentry/skb_release_head_state")
int BPF_PROG(end_head_state, struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_FREED, 0, 0);
}

SEC("?fentry/__consume_stateless_skb")
int BPF_PROG(end_stateless, struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_FREED, 0, 0);
}

SEC("?fentry/napi_skb_free_stolen_head")
int BPF_PROG(end_stolen_head, struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_FREED, 0, 0);
}

SEC("?fentry/napi_reuse_skb")
int BPF_PROG(end_reuse, struct napi_struct *napi, struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_FREED, 0, 0);
}

/* ---- tracepoint mode: the same from what the slab tells */

#define MAY_BE_SKB(object) (!((object) & 63))

/*
 * Data goes back where the packet ends, also when its sk_buff goes to the NAPI cache, which
 * nothing shows. A packet that grows gets other data and lives on.
 */
static __always_inline int data_freed(void *ctx, __u64 data)
{
	__u64 *skb = bpf_map_lookup_elem(&heads, &data);
	struct skbext_trace *n;
	__u64 h;

	if (!skb)
		return 0;
	h = hash_of_address(*skb);
	bpf_map_delete_elem(&heads, &data);
	n = note_of(h);
	if (!n || n->head != data)
		return 0;
	n->head = 0;
	return called_by(ctx, &expand_head) ? 0 : end(ctx, h, TRACE_FREED, 0, 0);
}

SEC("?raw_tp/kfree")
int slab_kfree(struct bpf_raw_tracepoint_args *ctx)
{
	return data_freed(ctx, ctx->args[1]);
}

SEC("?raw_tp/kmem_cache_free")
int slab_free(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 object = ctx->args[1];

	data_freed(ctx, object);
	if (!MAY_BE_SKB(object))
		return 0;
	end_as(ctx, hash_of_address(object), TRACE_FREED, 0, 0, true);
	return end_as(ctx, hash_of_address(object + SKBEXT_STATE->skb_size), TRACE_FREED, 0, 0, true);
}

SEC("?raw_tp/kmem_cache_alloc")
int slab_alloc(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 object = ctx->args[1];

	if (!MAY_BE_SKB(object))
		return 0;
	end(ctx, hash_of_address(object), TRACE_UNSEEN, 0, 0);
	return end(ctx, hash_of_address(object + SKBEXT_STATE->skb_size), TRACE_UNSEEN, 0, 0);
}

/* As in tracepoint.bpf.c: TCP has it, and a retransmission may take the sk_buff again unseen. */
SEC("?tp_btf/tcp_probe")
int BPF_PROG(end_tcp, struct sock *sk, const struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_RECEIVED, 0, tcp_receives);
}

SEC("?tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(end_read, const struct sk_buff *skb)
{
	return end(ctx, __skbext_hash_of(skb), TRACE_RECEIVED, 0, 0);
}

char LICENSE[] SEC("license") = "GPL";
