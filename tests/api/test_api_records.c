// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What BPF programs store on packets: several programs at several hooks, sizes at the limit,
 * copies, and a store that is full.
 */
#include "api_env.h"

/* One packet seen by several objects. */

static struct bpf_link *read_links[3];

static struct bpf_program *program(struct bpf_object *obj, const char *name)
{
	return bpf_object__find_program_by_name(obj, name);
}

static bool tc_attach(struct bpf_object *obj, const char *name, enum bpf_tc_attach_point where)
{
	return ASSERT_OK(api_tc_attach(api_prog_fd(obj, name), where), name);
}

/* Attach what this kernel has of the readers; the others stay NULL. */
static bool attach_readers(struct bpf_object *obj, bool netfilter_too)
{
	int cg = api_cgroup[0] ? open(api_cgroup, O_RDONLY | O_DIRECTORY) : -1;
	int filter = api_prog_fd(obj, "api_read_socket");
	bool ok = tc_attach(obj, "api_read_tc", BPF_TC_INGRESS) &&
		  ASSERT_OK(setsockopt(api_to, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)),
			    "filter");

	if (cg >= 0) {
		read_links[0] = bpf_program__attach_cgroup(program(obj, "api_read_cgroup"), cg);
		ok &= ASSERT_OK_PTR(read_links[0], "cgroup ingress");
		close(cg);
	}
	if (netfilter_too) {
		read_links[1] = api_netfilter(program(obj, "api_read_netfilter"));
		ok &= ASSERT_OK_PTR(read_links[1], "netfilter");
	}
	read_links[2] = bpf_program__attach(program(obj, "api_read_kfree_skb"));
	return ok & ASSERT_OK_PTR(read_links[2], "kfree_skb");
}

static void assert_read(const struct api_seen *seen, enum api_place place, const char *name,
			bool looked)
{
	ASSERT_EQ(seen->right[place], looked ? API_PACKETS : 0, name);
	ASSERT_EQ(seen->wrong[place], 0, name);
}

static void cross_hooks_check(struct skbext *sk, struct bpf_object *writer,
			      struct bpf_object *reader)
{
	struct bpf_program *filter = program(reader, "api_read_netfilter");
	bool netfilter_too = libbpf_probe_bpf_prog_type(bpf_program__type(filter), NULL) == 1;
	__u64 more = API_STAT(sk, adds_more), ended = API_STAT(sk, udp_dropped);
	struct api_seen *wrote, *seen;

	bpf_program__set_autoload(filter, netfilter_too);
	wrote = api_bind_load(writer);
	seen = api_bind_load(reader);
	if (!wrote || !seen || !tc_attach(writer, "api_write", BPF_TC_EGRESS) ||
	    !attach_readers(reader, netfilter_too))
		return;
	api_traffic();
	ASSERT_EQ(wrote->added, API_PACKETS, "written at tc egress");
	assert_read(seen, API_TC_INGRESS, "tc ingress", true);
	assert_read(seen, API_NETFILTER_IN, "netfilter", netfilter_too);
	assert_read(seen, API_CGROUP_INGRESS, "cgroup ingress", read_links[0]);
	assert_read(seen, API_SOCKET, "socket filter", true);
	ASSERT_EQ(seen->added, API_PACKETS, "the reader's own type, added at tc ingress");
	ASSERT_EQ(seen->found, API_PACKETS, "the reader's own type, at the socket filter");
	ASSERT_GE(API_STAT(sk, adds_more), more + API_PACKETS, "second types of a record");
	/* Without fentry a datagram's end may go unseen until its sk_buff is used again. */
	if (api_exact(sk)) {
		ASSERT_EQ(API_STAT(sk, live), 0, "records left");
		ASSERT_EQ(API_STAT(sk, udp_dropped), ended,
			  "a type without a policy stays in the receive queue");
	}
}

static void cross_down(void)
{
	for (int i = 0; i < 3; i++) {
		bpf_link__destroy(read_links[i]);
		read_links[i] = NULL;
	}
	api_tc_clear();
}

/* With the skbext, both sockets, and two objects. */
static void with_two(struct skbext *sk, const char *a, const char *b,
		     void (*check)(struct skbext *, struct bpf_object *, struct bpf_object *))
{
	struct bpf_object *first = api_open(a), *second = b ? api_open(b) : NULL;

	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
	if (sk && first && (second || !b))
		check(sk, first, second);
	cross_down();
	bpf_object__close(first);
	bpf_object__close(second);
	close(api_from);
	close(api_to);
}

static struct skbext *with_room(const char *group)
{
	return api_group(group, 1024, SKBEXT_MAX_PAYLOAD);
}

static void cross_hooks(void)
{
	with_two(with_room("cross"), "api_write", "api_read", cross_hooks_check);
}

/* The kfree_skb tracepoint comes before the release only where release has a hook of its own. */
static void drop_check(struct skbext *sk, struct bpf_object *writer, struct bpf_object *reader)
{
	__u64 dropped = API_STAT(sk, fate_dropped);
	struct api_seen *wrote, *seen;

	API_ONLY(reader, "api_read_kfree_skb");
	wrote = api_bind_load(writer);
	seen = api_bind_load(reader);
	read_links[2] = bpf_program__attach(program(reader, "api_read_kfree_skb"));
	if (!wrote || !seen || !ASSERT_OK_PTR(read_links[2], "kfree_skb") ||
	    !tc_attach(writer, "api_write", BPF_TC_EGRESS))
		return;
	api_dropped_traffic();
	ASSERT_EQ(wrote->added, API_PACKETS, "written");
	ASSERT_EQ(seen->right[API_KFREE_SKB] + seen->wrong[API_KFREE_SKB], API_PACKETS,
		  "drops seen");
	ASSERT_GE(API_STAT(sk, fate_dropped), dropped + API_PACKETS,
		  "records seen at kfree_skb");
	if (!api_exact(sk))
		TEST_SKIP("in tracepoint mode the record ends before later programs look");
	ASSERT_EQ(seen->right[API_KFREE_SKB], API_PACKETS, "found on the dropped packet");
}

static void drop_reads_note(void)
{
	with_two(with_room("cross"), "api_write", "api_read", drop_check);
}

/* A type that is written by one program of an object and read by another: sizes at the limit. */
static void sizes_check(struct bpf_object *obj, const char *write, const char *read, int types)
{
	struct api_seen *seen = api_bind_load(obj);

	if (!seen || !tc_attach(obj, write, BPF_TC_EGRESS) || !tc_attach(obj, read, BPF_TC_INGRESS))
		return;
	api_traffic();
	ASSERT_EQ(seen->added, types * API_PACKETS, "payloads written");
	ASSERT_EQ(seen->right[API_TC_INGRESS], types * API_PACKETS, "payloads read as written");
	ASSERT_EQ(seen->wrong[API_TC_INGRESS], 0, "payloads that differ");
}

static void eight_check(struct skbext *sk, struct bpf_object *obj, struct bpf_object *none)
{
	sizes_check(obj, "api_eight_write", "api_eight_read", 8);
	ASSERT_EQ(skbext_type_add(sk, "ninth", 1, 0), -ENOSPC, "a ninth type");
}

static void eight_types_fill_payload(void)
{
	with_two(with_room("eight"), "api_eight", NULL, eight_check);
}

static void max_check(struct skbext *sk, struct bpf_object *obj, struct bpf_object *none)
{
	sizes_check(obj, "api_max_write", "api_max_read", 1);
	ASSERT_EQ(skbext_type_add(sk, "second", 1, 0), -ENOSPC, "a type for which no byte is left");
}

static void one_type_of_2040(void)
{
	with_two(with_room("max"), "api_max", NULL, max_check);
}

/* Copies and want of room. */

/* The socket sends to itself: see api_copy.bpf.c. */
static void self_traffic(void)
{
	char data[200];

	for (int i = 0; i < API_PACKETS && !test_failures; i++) {
		ASSERT_OK(api_send(api_to, api_to, 20), "first");
		ASSERT_OK(api_send(api_to, api_to, 30), "second");
		ASSERT_EQ(recv(api_to, data, sizeof(data), 0), 20, "first received");
		ASSERT_EQ(recv(api_to, data, sizeof(data), 0), 30, "second received");
	}
}

static void copy_run(struct bpf_object *obj, const char *name)
{
	struct api_seen *seen;

	API_ONLY(obj, name);
	seen = api_bind_load(obj);
	read_links[0] = seen ? bpf_program__attach(program(obj, name)) : NULL;
	if (!ASSERT_OK_PTR(read_links[0], name))
		return;
	self_traffic();
	ASSERT_GE(seen->runs, API_PACKETS, "packets");
	ASSERT_EQ(seen->failed, 0, "line of the source of these programs");
}

static void copy_check(struct skbext *sk, struct bpf_object *obj, struct bpf_object *none)
{
	copy_run(obj, "api_copy");
	ASSERT_EQ(API_STAT(sk, shares), 4 * API_PACKETS, "shares");
	ASSERT_EQ(API_STAT(sk, cow), 2 * API_PACKETS, "copies on write");
	ASSERT_EQ(API_STAT(sk, share_failed), 0, "shares without room");
	ASSERT_EQ(API_STAT(sk, live), 0, "records left");
	ASSERT_EQ(API_STAT(sk, orphans), 0, "objects left");
}

static void copy_shares_and_unshares(void)
{
	with_two(api_group("copy", 8, 0), "api_copy", NULL, copy_check);
}

/*
 * The second packet of each round carries a reference;
 * it ends with its record, whenever that is.
 */
static void counted_check(struct skbext *sk, struct bpf_object *obj, struct bpf_object *none)
{
	__u64 held = 1;

	copy_run(obj, "api_counted");
	ASSERT_EQ(API_STAT(sk, refs), API_STAT(sk, live), "references held, one by each record");
	ASSERT_OK(skbext_refs(sk, "api_states", 5, &held), "counter");
	ASSERT_EQ(held, 0, "references that were given back");
	if (api_exact(sk))
		ASSERT_EQ(API_STAT(sk, refs), 0, "references after the packets");
	ASSERT_EQ(skbext_refs(sk, "api_states", SKBEXT_DEFAULT_REFS, &held), -EINVAL,
		  "no such counter");
	ASSERT_EQ(skbext_refs(sk, "api_plain", 5, &held), -EINVAL, "counter of a type without");
	ASSERT_EQ(skbext_add(sk, 0xffff888000000000ULL, "api_states", "", 0), -EOPNOTSUPP,
		  "add by address");
	ASSERT_EQ(skbext_type_add(sk, "small", 7, SKBEXT_F_COUNTED), -EINVAL,
		  "no room for a reference");
}

static void references_are_counted(void)
{
	with_two(with_room("cross"), "api_counted", NULL, counted_check);
}

/* Where no skb can be. */
static __u64 nowhere(__u64 n)
{
	return 0xffff888000000000ULL + n * 256;
}

/* Fill a small store with records of such addresses; leave @room places. */
static __u64 fill(struct skbext *sk, int room)
{
	__u64 n = 0, live;

	while (n < 4096 && !skbext_add(sk, nowhere(n), "api_note", "x", 1))
		n++;
	live = API_STAT(sk, live);
	ASSERT_EQ(live, n, "records until the store is full");
	ASSERT_EQ(skbext_add(sk, nowhere(n), "api_note", "x", 1), -ENOSPC, "one more");
	for (int i = 0; i < room; i++)
		ASSERT_OK(skbext_del(sk, nowhere(i), NULL), "make room");
	return live - room;
}

static void empty(struct skbext *sk, int room, __u64 filled)
{
	for (__u64 i = room; i < room + filled; i++)
		ASSERT_OK(skbext_del(sk, nowhere(i), NULL), "what filled it");
}

static void full_run(const char *name, int room)
{
	struct skbext *sk = api_group("copy", 8, 0);
	struct bpf_object *obj = sk ? api_open("api_copy") : NULL;
	__u64 filled, failed;

	api_to = api_socket(SOCK_DGRAM);
	if (obj && ASSERT_GE(skbext_type_add(sk, "api_note", sizeof(struct api_note), 0), 0,
			     "type")) {
		filled = fill(sk, room);
		failed = API_STAT(sk, add_failed);
		copy_run(obj, name);
		ASSERT_GE(API_STAT(sk, add_failed), failed + API_PACKETS, "adds refused");
		ASSERT_EQ(API_STAT(sk, live), filled, "records after it");
		empty(sk, room, filled);
	}
	cross_down();
	bpf_object__close(obj);
	close(api_to);
}

static void full_store_refuses_add(void)
{
	full_run("api_no_room", 0);
}

static void full_store_refuses_unshare(void)
{
	full_run("api_copy_full", 2);
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL api: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(references_are_counted);	/* of all records: so before the others */
	TEST_CASE(cross_hooks);
	TEST_CASE(drop_reads_note);
	TEST_CASE(eight_types_fill_payload);
	TEST_CASE(one_type_of_2040);
	TEST_CASE(copy_shares_and_unshares);
	TEST_CASE(full_store_refuses_add);
	TEST_CASE(full_store_refuses_unshare);
	TEST_CASE(api_last_group_ends);
	return TEST_EXIT();
}
