// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * That a program is attached to a function does not say that packets pass the function: a compiler
 * may have inlined it into a caller. So packets are sent, each way that the kernel has for them,
 * through a network namespace that exists for this alone, and bpf/proof.bpf.c sees which functions
 * they pass. What no packet can be sent through from here, GRO, is told by the kernel's symbols.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/if_ether.h>

#include "internal.h"
#include "../../bpf/proof.h"
#include "proof.skel.h"

#define ATTEMPTS	5
#define TRIES		40
#define PAUSE		5000	/* microseconds */
#define MTU		1500
#define LARGE		4000	/* bytes of a datagram that is fragmented */

struct run {
	struct proof *obj;
	int err;		/* why it could not be done */
	const char *what;
	bool ip6, no_hook6;
};

static const char *const functions[PROOF_NR] = {
	[PROOF_RELEASE] = "skb_release_head_state",
	[PROOF_STATELESS] = "__consume_stateless_skb",
	[PROOF_COPY] = "__copy_skb_header",
	[PROOF_FRAGMENT] = "ip_copy_metadata",
	[PROOF_FRAGMENT6] = "ip6_copy_metadata",
	[PROOF_SCRUB] = "skb_scrub_packet",
	[PROOF_UDP] = "__udp_enqueue_schedule_skb",
};

/* ---- a namespace, and packets in it */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;	/* a kernel without IPv6 has none: then there is no ::1 either */
	if (fd >= 0)
		close(fd);
}

static int loopback_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_mtu = MTU };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 || ioctl(fd, SIOCSIFMTU, &req) ? -errno : 0;

	put("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
	req.ifr_flags = IFF_UP;
	if (!err && ioctl(fd, SIOCSIFFLAGS, &req))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t loopback(union address *a, int family)
{
	memset(a, 0, sizeof(*a));
	a->any.sa_family = family;
	if (family == AF_INET6) {
		a->in6.sin6_addr = in6addr_loopback;
		return sizeof(a->in6);
	}
	a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(a->in);
}

/* A socket that is bound to a port of its own, and its address. */
static int bound(union address *a, int family, int type)
{
	const struct timeval limit = { .tv_sec = 1 };
	socklen_t len = loopback(a, family);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    bind(fd, &a->any, len) || getsockname(fd, &a->any, &len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int exchange(int from, int to)
{
	char byte = 1;

	if (send(from, &byte, 1, MSG_NOSIGNAL) != 1 || recv(to, &byte, 1, 0) != 1)
		return -errno;
	return 0;
}

/* To itself: received and read. A size beyond the MTU comes in fragments. */
static int datagram(int family, size_t size)
{
	static char data[LARGE];
	union address a;
	int fd = bound(&a, family, SOCK_DGRAM), err;

	if (fd < 0)
		return fd;
	err = connect(fd, &a.any, family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in)) ||
	      send(fd, data, size, 0) < 0 || recv(fd, data, size, 0) < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* To a port that nobody listens at: dropped, and answered. */
static int rejected(void)
{
	union address a;
	int fd = bound(&a, AF_INET, SOCK_DGRAM), err;

	if (fd < 0)
		return fd;
	a.in.sin_port = htons(9);
	err = sendto(fd, "", 1, 0, &a.any, sizeof(a.in)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int stream(void)
{
	union address a;
	int listener = bound(&a, AF_INET, SOCK_STREAM), to = -1, from = -1, err = 0;

	if (listener < 0)
		return listener;
	from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (from < 0 || listen(listener, 1) || connect(from, &a.any, sizeof(a.in)))
		err = -errno;
	to = err ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (int i = 0; !err && i < 4; i++)
		err = to < 0 ? -errno : exchange(from, to) ?: exchange(to, from);
	close(to);
	close(from);
	close(listener);
	return err;
}

static int cross(struct run *run)
{
	static char frame[ETH_HLEN + 64];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	return bpf_prog_test_run_opts(bpf_program__fd(run->obj->progs.skbext_proof_cross),
				      &opts) ? -errno : 0;
}

/* ---- what the kernel's symbols say */

/* One of the function's name and a suffix that is a copy of it: name.isra.0, name.part.0 ... */
static bool is_twin(const char *symbol, const char *function)
{
	size_t len = strlen(function);

	return !strncmp(symbol, function, len) && symbol[len] == '.' &&
	       strncmp(symbol + len, ".cold", 5);
}

static const char *const driven_by_no_packet[] = {
	"napi_skb_free_stolen_head", "napi_reuse_skb", "__consume_stateless_skb",
};

static void check_symbols(struct skbext *sk)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], symbol[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %255s", symbol) != 1)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(driven_by_no_packet); i++)
			if (is_twin(symbol, driven_by_no_packet[i]))
				not_complete(sk, "this kernel calls %s, where no hook can be, in place of %s",
					     symbol, driven_by_no_packet[i]);
	}
	if (!f || ferror(f))
		not_complete(sk, "/proc/kallsyms cannot be read, which tells of functions that have another copy: %s",
			     strerror(errno));
	if (f)
		fclose(f);
}

/* ---- what they must have passed */

static bool has_run(const struct run *run, enum proof_hook hook)
{
	return __atomic_load_n(&run->obj->bss->state.ran[hook], __ATOMIC_ACQUIRE) ||
	       (hook == PROOF_FRAGMENT6 && !run->ip6);
}

/* Softirqs may be late. A packet that no release and no UDP queue has seen by then is not an accident. */
static bool all_released(const struct run *run)
{
	int fd = bpf_map__fd(run->obj->maps.alive);
	__u64 first;

	return bpf_map_get_next_key(fd, NULL, &first) != 0;
}

static int send_each(struct run *run)
{
	int err = 0;

	for (int i = 0; !err && i < 4; i++) {
		run->what = "a datagram";
		err = datagram(AF_INET, 64) ?: rejected();
	}
	run->what = err ? run->what : "fragments";
	err = err ?: datagram(AF_INET, LARGE);
	run->what = err ? run->what : "TCP";
	err = err ?: stream();
	run->what = err ? run->what : "a packet between namespaces";
	err = err ?: cross(run);
	run->what = err ? run->what : "IPv6 fragments";
	return err ?: (run->ip6 ? datagram(AF_INET6, LARGE) : 0);
}

static bool have_ip6(void)
{
	union address a;
	int fd = bound(&a, AF_INET6, SOCK_DGRAM);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static __u32 own_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

static void *drive(void *arg)
{
	struct run *run = arg;
	struct proof_state *state = &run->obj->bss->state;

	run->what = "a network namespace";
	run->err = unshare(CLONE_NEWNET) ? -errno : loopback_up();
	if (run->err)
		return NULL;
	run->ip6 = have_ip6();
	state->thread = syscall(SYS_gettid);
	__atomic_store_n(&state->netns, own_netns(), __ATOMIC_RELEASE);
	run->err = send_each(run);
	for (int i = 0; i < TRIES && !all_released(run); i++)
		usleep(PAUSE);
	return NULL;
}

/* Its error is in the run, as those of the thread. */
static void run_thread(struct run *run)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);	/* the caller's signals are the caller's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, drive, run);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		run->err = -err;
	else
		pthread_join(thread, NULL);
}

static void not_proved(struct skbext *sk, const struct run *run)
{
	not_complete(sk, "that its hooks fire is not proved, %s failed: %s", run->what,
		     run->err == -ENOSPC ? "the limit user.max_net_namespaces is reached" :
					   why_load(run->err));
}

static bool must_run(int hook)
{
	return hook != PROOF_STATELESS;
}

static bool all_fired(const struct run *run)
{
	for (int i = 0; i < PROOF_NR; i++)
		if (must_run(i) && !has_run(run, i))
			return false;
	return true;
}

static bool all_ended(const struct run *run)
{
	return !run->obj->bss->state.unseen && all_released(run);
}

static void conclude(struct skbext *sk, const struct run *run)
{
	for (int i = 0; i < PROOF_NR; i++)
		if (must_run(i) && !has_run(run, i))
			not_complete(sk, "%s is attached and does not fire", functions[i]);
	if (!all_ended(run))
		not_complete(sk, "packets end on this kernel where no release hook fires");
	if (run->no_hook6)
		not_complete(sk, "ip6_copy_metadata has no BTF, so IPv6 fragments carry nothing");
	check_symbols(sk);
}

static struct run prove_once(void)
{
	struct run run = { .obj = proof__open(), .what = "its programs" };
	bool ip6 = hook_offered(hook_named("ip6_copy_metadata"));

	run.err = run.obj ? 0 : -errno;
	if (!run.err)
		bpf_program__set_autoload(run.obj->progs.skbext_proof_fragment6, ip6);
	run.err = run.err ?: proof__load(run.obj) ?: run.obj->bss ? 0 : -EAGAIN;
	run.err = run.err ?: proof__attach(run.obj);
	if (!run.err)
		run_thread(&run);
	run.no_hook6 = run.ip6 && !ip6;
	run.ip6 &= ip6;
	return run;
}

/*
 * What packets do not pass they do not pass in any attempt. A program of the proof may be skipped,
 * as every other, where it interrupts itself, and on a busy machine a packet waits longer than this
 * does: one attempt without a gap is the proof.
 */
static struct run prove(void)
{
	libbpf_print_fn_t print = libbpf_set_print(object_quiet);
	struct run run = prove_once();

	for (int i = 1; i < ATTEMPTS && (run.err || !all_fired(&run) || !all_ended(&run)); i++) {
		proof__destroy(run.obj);
		run = prove_once();
	}
	libbpf_set_print(print);
	return run;
}

static void prove_and_tell(struct skbext *sk, char *found, bool *proved)
{
	size_t before = strlen(sk->reason);
	struct run run = prove();

	if (run.err)
		not_proved(sk, &run);
	else
		conclude(sk, &run);
	*proved = !run.err;
	proof__destroy(run.obj);
	strcpy(found, sk->reason + before);
	if (before && found[0])		/* "; " */
		memmove(found, found + 2, strlen(found + 2) + 1);
}

/* A kernel does not change while it runs: what is proved is kept for the process. */
void proof_run(struct skbext *sk)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char found[SKBEXT_REASON_LEN];
	static bool proved;

	pthread_mutex_lock(&lock);
	if (!proved)
		prove_and_tell(sk, found, &proved);
	else if (found[0])
		not_complete(sk, "%s", found);
	pthread_mutex_unlock(&lock);
}
