// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A type with a max: packets that wait in a socket nobody reads fill it, and not the table. Others'
 * adds go on, and when the packets are gone there are as many places as before, whatever happened
 * to them meanwhile.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>

#include "api_env.h"

#define MAX		16
#define HELD		0		/* the ids of the types, in the order of limit_up() */
#define OTHER		1
#define CAPACITY	2048

static struct api_seen *seen;
static struct bpf_object *tags;

static __u64 live(struct skbext *sk, int type)
{
	struct skbext_stats st = { .sz = sizeof(st) };

	ASSERT_OK(skbext_stats(sk, &st), "stats");
	return st.type_live[type];
}

static struct skbext *limit_up(void)
{
	struct skbext_open_opts opts = {
		.sz = sizeof(opts), .bpffs_dir = api_bpffs, .capacity = CAPACITY, .limits = true,
	};
	struct skbext *sk = skbext_open(&opts);

	if (!sk || skbext_load(sk) || skbext_attach(sk) ||
	    skbext_type_add(sk, "limit_held", 16, 0) != HELD ||
	    skbext_type_limit(sk, "limit_held", MAX) || skbext_pin(sk)) {
		TEST_FAIL("skbext does not load: %s", skbext_errmsg());
		skbext_close(sk);
		return NULL;
	}
	tags = api_open("limit_tag");
	seen = api_bind_load(tags);
	api_from = api_socket(SOCK_DGRAM);
	api_to = api_socket(SOCK_DGRAM);
	if (seen && ASSERT_OK(api_tc_attach(api_prog_fd(tags, "limit_tag"), BPF_TC_EGRESS), "tc") &&
	    ASSERT_OK(api_tc_attach(api_prog_fd(tags, "limit_look"), BPF_TC_INGRESS), "tc"))
		return sk;
	return sk;
}

static void limit_down(struct skbext *sk)
{
	api_tc_clear();
	bpf_object__close(tags);
	close(api_from);
	close(api_to);
	api_down(sk);
}

/* One datagram to a socket, of what the programs make this of it. */
static void send_as(int to, char what)
{
	char data[32] = { what };
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	getsockname(to, (struct sockaddr *)&sa, &len);
	ASSERT_EQ(sendto(api_from, data, sizeof(data), 0, (struct sockaddr *)&sa, len), sizeof(data),
		  "send");
}

static void send_many(int to, char what, int n)
{
	for (int i = 0; i < n; i++)
		send_as(to, what);
	ASSERT_TRUE(traffic_settle(), "what was sent arrives");
}

static void drain(int fd)
{
	char data[2048];

	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) >= 0)
		;
}

/*
 * As many records as the max, and not one more, from packets that wait in a socket. In the tracepoint
 * mode a record may outlive its packet until the sk_buff is used again: it counts until then, and
 * all may be left where others use the memory meanwhile.
 */
static void fill(struct skbext *sk)
{
	__u64 before = seen->right[HELD], left = live(sk, HELD);

	send_many(api_to, 'h', 3 * MAX);
	ASSERT_EQ(live(sk, HELD), MAX, "records of packets that wait");
	if (api_exact(sk))
		ASSERT_EQ(seen->right[HELD] - before, MAX, "adds granted");
	else
		ASSERT_GE(seen->right[HELD] - before, MAX - left, "adds granted");
}

static int send_one(int cpu, void *arg)
{
	send_as(api_to, 'x');
	return 0;
}

/* An skb of another CPU that this one frees waits there for a packet (skb_attempt_defer_free()). */
static void poke_each_cpu(void)
{
	ASSERT_OK(traffic_on_each_cpu(send_one, NULL), "CPUs");
	ASSERT_TRUE(traffic_settle(), "all is read");
	drain(api_to);
}

static void empty(struct skbext *sk)
{
	drain(api_to);
	ASSERT_TRUE(traffic_settle(), "all is read");
	for (int n = 0; n < 100 && live(sk, HELD); n++)
		poke_each_cpu();
	if (api_exact(sk))
		ASSERT_EQ(live(sk, HELD), 0, "records of packets that are gone");
}

static void held_check(struct skbext *sk)
{
	struct skbext_status status = { .sz = sizeof(status) };
	int others = api_socket(SOCK_DGRAM);
	struct skbext_stats st = { .sz = sizeof(st) };

	fill(sk);
	ASSERT_EQ(seen->wrong[HELD], 2 * MAX, "adds refused");
	send_many(others, 'o', 3 * MAX);
	ASSERT_EQ(seen->right[OTHER], 3 * MAX, "another type's adds");
	ASSERT_EQ(seen->wrong[OTHER], 0, "another type's adds that failed");
	send_many(others, 'b', MAX);
	ASSERT_EQ(seen->right[OTHER], 4 * MAX, "another type's adds to packets that lack the first");
	ASSERT_EQ(seen->wrong[HELD], 3 * MAX, "adds refused");
	ASSERT_OK(skbext_stats(sk, &st), "stats");
	ASSERT_EQ(st.type_add_limited[HELD], 3 * MAX, "whose adds failed");
	ASSERT_EQ(st.add_limited, 3 * MAX, "adds that failed");
	ASSERT_EQ(st.type_add_limited[OTHER] + st.type_add_failed[OTHER] + st.add_failed, 0,
		  "others' adds that failed");
	ASSERT_OK(skbext_status(sk, &status), "status");
	ASSERT_TRUE(status.healthy, "a type that has its max harms nobody");
	empty(sk);
	fill(sk);
	empty(sk);
	drain(others);
	close(others);
}

static void held_packets(void)
{
	struct skbext *sk = limit_up();

	if (sk && seen)
		held_check(sk);
	limit_down(sk);
}

/* A socket that gets a clone of each packet of lo, twice: as it leaves and as it comes. */
static int tap(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), room = 4 << 20;

	ASSERT_GE(fd, 0, "packet socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

static void clones_check(struct skbext *sk)
{
	__u64 limited = API_STAT(sk, share_limited);
	int taps[3];

	if (!api_exact(sk))
		TEST_SKIP("in the tracepoint mode clones carry nothing");
	for (int i = 0; i < 3; i++)
		taps[i] = tap();
	send_many(api_to, 'h', MAX);
	ASSERT_EQ(live(sk, HELD), MAX, "records of packets and clones that wait");
	ASSERT_GE(API_STAT(sk, share_limited), limited + 1, "clones that lack it");
	ASSERT_EQ(API_STAT(sk, share_failed), 0, "clones for which there was no room");
	/* Each keeps what it had from before, whoever ends first. */
	drain(api_to);
	for (int round = 0; round < 20; round++) {
		send_many(api_to, "hbdo"[round % 4], MAX);
		ASSERT_GE(MAX, live(sk, HELD), "records beside traffic");
		drain(taps[round % 3]);
		if (round % 2)
			drain(api_to);
	}
	for (int i = 0; i < 3; i++)
		close(taps[i]);
	empty(sk);
	fill(sk);
	empty(sk);
}

static void clones_count(void)
{
	struct skbext *sk = limit_up();

	if (sk && seen)
		clones_check(sk);
	limit_down(sk);
}

/* Programs that delete, and user space: del, purge, add; then all places are there again. */
static void ends_check(struct skbext *sk)
{
	const __u64 nowhere = 0xffff888000001000ULL;

	for (int round = 0; round < 10; round++) {
		send_many(api_to, 'd', 4 * MAX);
		drain(api_to);
	}
	if (api_exact(sk))
		ASSERT_EQ(seen->wrong[HELD], 0, "adds refused, of packets that lose it at ingress");
	fill(sk);
	ASSERT_EQ(skbext_add(sk, nowhere, "limit_held", "x", 1), -ENOSPC, "add by address");
	ASSERT_TRUE(strstr(skbext_errmsg(), "limit_held") != NULL, skbext_errmsg());
	ASSERT_OK(skbext_add(sk, nowhere, "limit_other", "x", 1), "add of another type");
	ASSERT_EQ(skbext_add(sk, nowhere, "limit_held", "x", 1), -ENOSPC, "add to that record");
	ASSERT_OK(skbext_purge(sk, NULL), "purge of nothing");
	empty(sk);
	if (api_exact(sk)) {
		for (int i = 1; i <= MAX; i++)
			ASSERT_OK(skbext_add(sk, nowhere + i * 256, "limit_held", "x", 1), "add");
		ASSERT_EQ(skbext_add(sk, nowhere, "limit_held", "x", 1), -ENOSPC, "one more");
		for (int i = 1; i <= MAX; i++)
			ASSERT_OK(skbext_del(sk, nowhere + i * 256, NULL), "del");
		ASSERT_OK(skbext_add(sk, nowhere, "limit_held", "x", 1), "to the one of another type");
	}
	skbext_del(sk, nowhere, NULL);
	fill(sk);
	empty(sk);
}

static void ends_give_back(void)
{
	struct skbext *sk = limit_up();

	if (sk && seen)
		ends_check(sk);
	limit_down(sk);
}

static void wrong_limits(void)
{
	struct skbext *sk = limit_up(), *plain;
	struct skbext_open_opts opts = { .sz = sizeof(opts), .unpinned = true };

	if (sk && seen) {
		ASSERT_EQ(skbext_type_limit(sk, "nothing", 1), -ENOENT, "unknown type");
		ASSERT_EQ(skbext_type_limit(sk, "limit_held", 0), -EINVAL, "none");
		ASSERT_EQ(skbext_type_limit(sk, "limit_held", 1U << 30), -EINVAL, "beyond capacity");
		ASSERT_EQ(skbext_type_limit(sk, "limit_held", MAX + 1), -EEXIST, "another");
		ASSERT_OK(skbext_type_limit(sk, "limit_held", MAX), "the same");
		ASSERT_EQ(skbext_type_limit(sk, "limit_other", 5), -EBUSY, "of a type that is bound");
	}
	limit_down(sk);
	plain = skbext_open(&opts);
	if (plain && ASSERT_OK(skbext_load(plain), skbext_errmsg()) &&
	    ASSERT_GE(skbext_type_add(plain, "late", 8, 0), 0, "type"))
		ASSERT_EQ(skbext_type_limit(plain, "late", 5), -EOPNOTSUPP, "loaded without limits");
	skbext_close(plain);
}

int main(int argc, char **argv)
{
	if (api_enter(argv[0])) {
		printf("FAIL limit: no network namespace: %s\n", strerror(errno));
		return 1;
	}
	TEST_CASE(held_packets);
	TEST_CASE(clones_count);
	TEST_CASE(ends_give_back);
	TEST_CASE(wrong_limits);
	return TEST_EXIT();
}
