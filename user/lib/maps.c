// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The maps of one skbext, and how any object comes to use them: ours and other people's objects
 * declare the same maps with no room in them (skbext.bpf.h) and get these in their place before
 * they are loaded.
 */
#include <limits.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "cpus.h"
#include "internal.h"
#include "../../bpf/request.h"

static bool is_prime(__u32 n)
{
	for (__u32 i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return n > 1;
}

/*
 * 5/128 more places than records, so that of the buckets that a record may be in one has room until
 * all are taken (simulated with a million slab addresses); a prime, so that these are different
 * ones. Few enough buckets are all probed: no more room is needed.
 */
static __u32 buckets_for(__u32 capacity)
{
	__u32 n = (capacity + SKBEXT_BUCKET_SLOTS - 1) / SKBEXT_BUCKET_SLOTS;

	if (n > SKBEXT_PROBES)
		n += n * 5 / 128;
	while (n > 1 && !is_prime(n))
		n++;
	return n;
}

bool maps_have(const struct skbext_ctl *ctl, __u32 capacity)
{
	return ctl->buckets == buckets_for(capacity) ||
	       ctl->buckets * SKBEXT_BUCKET_SLOTS == capacity;	/* as status shows it */
}

__u64 maps_bytes(__u32 capacity, __u32 payload)
{
	return SKBEXT_BYTES((__u64)payload, buckets_for(capacity));
}

static __u32 sizeof_sk_buff(void)
{
	struct btf *btf = vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "sk_buff", BTF_KIND_STRUCT) : -ENOENT;

	return id > 0 ? btf__type_by_id(btf, id)->size : 0;
}

/*
 * libbpf tries whether the kernel keeps names, and where that fails, for want of memory or files, it
 * gives none: what is pinned would not be known again.
 */
static int check_named(int fd)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	if (err)
		return fail(err, "looking at a map: %s", why_bpf(err));
	return info.name[0] ? 0 : fail(-EAGAIN, "the kernel refused a first trial, so maps and programs have no names; try again");
}

static int create_with(struct skbext *sk, enum map_id id, const char *name, __u32 value_size,
		       __u32 n, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | flags);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), value_size, n, &opts);

	if (fd < 0)
		return fail(-errno, "map %s of %llu bytes: %s", name,
			    (unsigned long long)value_size * n, why_bpf(-errno));
	sk->map[id] = fd;
	return check_named(fd);
}

static int create(struct skbext *sk, enum map_id id, const char *name, __u32 value_size, __u32 n)
{
	return create_with(sk, id, name, value_size, n, 0);
}

/* Frozen before anything can have its descriptor. */
static int create_load(struct skbext *sk)
{
	int err = create_with(sk, MAP_STATS, "skbext_stats", sizeof(struct skbext_load), 1,
			      BPF_F_RDONLY_PROG);
	struct skbext_load load;
	__u32 zero = 0;

	if (err)
		return err;
	do {
		if (getrandom(&load, sizeof(load), 0) != sizeof(load))
			return fail(-errno, "no random number: %s", strerror(errno));
	} while (load.epoch[0] <= SKBEXT_EPOCH_OURS);
	if (bpf_map_update_elem(sk->map[MAP_STATS], &zero, &load, BPF_ANY) ||
	    bpf_map_freeze(sk->map[MAP_STATS]))
		return fail(-errno, "map skbext_stats: %s", why_bpf(-errno));
	return 0;
}

static void ctl_init(struct skbext *sk, __u32 buckets, __u32 skb_size)
{
	sk->ctl->version = SKBEXT_LAYOUT_VERSION;
	sk->ctl->buckets = buckets;
	sk->ctl->payload = sk->payload;
	sk->state->skb_size = skb_size;
	sk->state->refs = sk->ctl->refs = sk->refs;
	sk->ctl->limits = sk->limits ? SKBEXT_LIMITED : 0;
	sk->ctl->magic = SKBEXT_MAGIC;
}

int maps_create(struct skbext *sk)
{
	__u32 buckets = buckets_for(sk->capacity);
	__u32 skb_size = sizeof_sk_buff();
	int cpus, err;

	if (!skb_size)
		return no_btf(-errno);
	cpus = cpu_numbers();
	if (cpus < 0)
		return cpus;

	err = memory_fits(SKBEXT_BYTES((__u64)sk->payload, buckets) +
			  sk->refs * SKBEXT_MAX_TYPES * sizeof(__u64));
	err = err ?: create(sk, MAP_CTL, "skbext_ctl", sizeof(struct skbext_ctl), 1);
	err = err ?: create(sk, MAP_SLOTS, "skbext_slots", SKBEXT_BYTES(sk->payload, buckets),
			   1);
	err = err ?: create_load(sk);
	err = err ?: create(sk, MAP_WATCH, "skbext_watches", sizeof(struct skbext_watch),
			    cpus);
	err = err ?: create(sk, MAP_REFS, "skbext_refs", sizeof(__u64),
			    sk->refs * SKBEXT_MAX_TYPES);
	err = err ?: create(sk, MAP_REQUEST, "skbext_request", sizeof(struct skbext_request), 1);
	if (err)
		return err;

	err = maps_mmap(sk);
	if (!err)
		ctl_init(sk, buckets, skb_size);
	return err;
}

/* Of an array map; the kernel pads values to 8. */
static size_t map_bytes(const struct bpf_map_info *info)
{
	return (size_t)(info->value_size + 7) / 8 * 8 * info->max_entries;
}

/* mmap() refuses a map that is not ours, or that was frozen, with one of these. */
static bool says_damaged(int err)
{
	return err == EPERM || err == EACCES || err == EINVAL || err == ENODEV || err == ENOTSUPP;
}

int map_memory(const struct skbext *sk, enum map_id id, size_t *size, void *where)
{
	struct bpf_map_info info;
	int err = map_info(sk->map[id], &info);
	void *p;

	*size = map_bytes(&info);
	p = err ? MAP_FAILED : mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, sk->map[id], 0);
	if (p == MAP_FAILED && !err && says_damaged(errno))
		return damaged(sk->dir, map_pin_name(id));
	if (p == MAP_FAILED)
		return fail(err ?: -errno, "mapping %s: %s", map_pin_name(id), why_bpf(err ?: -errno));
	*(void **)where = p;
	return 0;
}

int maps_mmap(struct skbext *sk)
{
	int err = map_memory(sk, MAP_CTL, &sk->ctl_sz, &sk->ctl);

	if (!err)
		sk->reason = sk->ctl->reason;
	err = err ?: map_memory(sk, MAP_SLOTS, &sk->slots_sz, &sk->slots);
	return err ?: map_memory(sk, MAP_REFS, &sk->counters_sz, &sk->counters);
}

void maps_close(struct skbext *sk)
{
	if (sk->ctl)
		munmap(sk->ctl, sk->ctl_sz);
	if (sk->slots)
		munmap(sk->slots, sk->slots_sz);
	if (sk->counters)
		munmap(sk->counters, sk->counters_sz);
	for (int i = 0; i < MAP_NR; i++)
		if (sk->map[i] >= 0)
			close(sk->map[i]);
}

/* Where a variable of so many bytes is in a data section; -ENOENT. */
static int section_var(const struct btf *btf, const char *section, const char *var, size_t size)
{
	int id = btf ? btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC) : -ENOENT;
	const struct btf_type *sec;

	if (id < 0)
		return -ENOENT;
	sec = btf__type_by_id(btf, id);
	for (int i = 0; i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *vi = btf_var_secinfos(sec) + i;
		const struct btf_type *t = btf__type_by_id(btf, vi->type);
		const char *name = t && btf_is_var(t) ? btf__name_by_offset(btf, t->name_off) : NULL;

		if (name && !strcmp(name, var))
			return vi->offset > INT_MAX || vi->size < size ? -ENOENT : (int)vi->offset;
	}
	return -ENOENT;
}

/*
 * Where the fronts are is known to the assembler, so of an object that was linked of several each
 * part has its own idea of it: programs of two parts would not mean the same record.
 */
static bool is_linked(const struct btf *btf)
{
	int sec = btf__find_by_name_kind(btf, ".data.skbext", BTF_KIND_DATASEC);

	return sec > 0 && btf__type_by_id(btf, sec)->size > sizeof(struct skbext_ctl);
}

int cfg_bind(const struct btf *btf, char *rodata, size_t size, const struct skbext_ctl *ctl,
	     const struct skbext_load *load)
{
	int offset = section_var(btf, ".rodata.skbext", "__skbext_cfg",
				 sizeof(struct skbext_cfg));
	struct skbext_cfg *cfg = (void *)(rodata + offset);
	int cpus = cpu_numbers();

	if (offset >= 0 && (unsigned long)cfg % _Alignof(struct skbext_cfg))
		return fail(-EINVAL, "damaged object: its configuration is not aligned; compile it again");
	if (offset < 0 || !rodata || offset + sizeof(*cfg) > size)
		return fail(-EINVAL, "the object does not use skbext.bpf.h, or was compiled without -g; nothing to bind");
	if (cfg->version != SKBEXT_LAYOUT_VERSION)
		return fail(-ESTALE, "the object was compiled for layout %u of skbext, this is %d; compile it again",
			    cfg->version, SKBEXT_LAYOUT_VERSION);
	if (cpus < 0)
		return cpus;
	if (is_linked(btf))
		return fail(-EINVAL, "the object was linked of several (bpftool gen object); bind and load each of them instead");
	cfg->buckets = ctl->buckets;
	cfg->payload = ctl->payload;
	cfg->cpus = cpus;
	cfg->last_home = SKBEXT_HOMES_OF(ctl->buckets) - 1;
	cfg->mask = SKBEXT_MASK_OF(ctl->payload, ctl->buckets);
	cfg->entering = cfg->mask | ctl->limits;
	cfg->leaving = cfg->last_home | ctl->limits;
	cfg->front = SKBEXT_FRONT(ctl->payload);
	cfg->lines = cfg->front / SKBEXT_LINE;
	cfg->rest_at = SKBEXT_REST_AT(ctl->payload, ctl->buckets);
	cfg->rest = SKBEXT_REST(ctl->payload);
	cfg->objects_at = SKBEXT_OBJECTS_AT(ctl->payload, ctl->buckets);
	cfg->object = SKBEXT_OBJECT(ctl->payload);
	cfg->bytes = SKBEXT_BYTES((__u64)ctl->payload, (__u64)ctl->buckets);
	memcpy(cfg->epoch, load->epoch, sizeof(cfg->epoch));
	return 0;
}

/*
 * A section's map is in this process's memory as well, as many bytes as the object says: it gets
 * more before it is replaced, or a skeleton that is loaded would map it over what lies behind.
 */
static int put_map(struct bpf_map *map, int fd)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	if (!err && bpf_map__value_size(map) != info.value_size)
		err = bpf_map__set_value_size(map, info.value_size);
	return err ?: bpf_map__reuse_fd(map, fd);
}

/*
 * Give an object these maps and the constants that go with them: all of them, so that it is not for
 * the verifier to see which are missing. A map that it does not use is not there.
 */
int maps_bind(struct bpf_object *obj, const int *fds, const struct skbext_ctl *ctl)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(obj, ".rodata.skbext");
	size_t size = 0;
	char *data = rodata ? bpf_map__initial_value(rodata, &size) : NULL;
	const struct skbext_load ours = { .epoch = { SKBEXT_EPOCH_OURS } };
	int err = cfg_bind(bpf_object__btf(obj), data, size, ctl, &ours);

	if (err)
		return err;
	for (int i = 0; i < MAP_NR; i++) {
		struct bpf_map *map = map_in_object(obj, i);

		err = map && fds[i] >= 0 ? put_map(map, fds[i]) : 0;
		if (err)
			return fail(err, "map %s of object %s: %s", bpf_map__name(map),
				    bpf_object__name(obj), why_bpf(err));
	}
	return 0;
}
