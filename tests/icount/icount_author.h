/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The workload of the kernel patches' author: loopback UDP, 36-byte datagrams, 16 bytes written at
 * tc egress, read at tc ingress, released when the packet is freed; above two programs that only
 * count. His ruler is kernel.bpf_stats_enabled, so the same is measured twice: all that the machine
 * executes, and what the kernel counts as time in programs, which here are instructions too.
 *
 * Rivals get the cheapest that is correct for this traffic: one program, at the one function that
 * each of these packets passes at its end; no clones, no policy. An LRU map evicts only where no
 * free place is left on any list: with entries that end with their packet, of 65536, never here;
 * and a guest with one CPU spares the per-CPU kind the zeroing of the other CPUs' values. Included
 * by tests/icount/icount.c alone.
 */
#ifndef ICOUNT_AUTHOR_H
#define ICOUNT_AUTHOR_H

enum { FLOOR, LRU, PLAIN, UNTAGGED, OURS, KEPT, NR_AUTHORS };

static const struct author {
	const char *name;
	const struct set *set, *tc;
	const char *writer, *reader;
	int hooks;		/* roles; 0: nothing; -1: one release */
	bool guarded;		/* in tests/icount/icount.expected */
} authors[NR_AUTHORS] = {
	[FLOOR] = { "two counting programs", NULL, &empty, "count_out", "count_in", 0, true },
	[LRU] = { "LRU_PERCPU_HASH", &lru, &lru, "write_all", "read_back", -1, true },
	[PLAIN] = { "HASH", &hash, &hash, "write_all", "read_back", -1, false },
	[UNTAGGED] = { "skbext, untagged", &skbext, &empty, "count_out", "count_in", HOOKS, false },
	[OURS] = { "skbext", &skbext, &skbext, "write_all", "read_back", HOOKS, true },
	/* Of such types alone, nothing is attached to the UDP queue. */
	[KEPT] = { "skbext, default", &skbext, &skbext, "write_kept", "read_kept",
		   HOOKS & ~POLICY, false },
};

static int offset_in_bss(const struct bpf_object *obj, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC);
	const struct btf_type *t = btf__type_by_id(btf, id);

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(t)[i];
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), name))
			return v->offset;
	}
	return -1;
}

/* How many records the reader found so far. */
static __u64 found_by(const struct bpf_object *obj)
{
	struct bpf_map *bss = bpf_object__find_map_by_name(obj, ".bss");
	int offset = offset_in_bss(obj, "read");
	char value[64];
	__u32 zero = 0;
	__u64 found;

	if (!bss || offset < 0 || bpf_map__value_size(bss) > sizeof(value) ||
	    bpf_map_lookup_elem(bpf_map__fd(bss), &zero, value))
		die("the reader's count");
	memcpy(&found, value + offset, sizeof(found));
	return found;
}

/* Where datagrams end: up to 6.17 without head state to release, later as all packets do. */
static const char *where_freed(void)
{
	static const char *const ends[] = { "__consume_stateless_skb", "skb_release_head_state" };
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	const char *found = NULL;

	for (int i = 0; !found && i < 2; i++) {
		int prog = set_find(&empty, ends[i]);
		__u64 before = runs(prog);

		attach(prog);
		block("udp");
		detach_hooks();
		if (runs(prog) - before >= BLOCK)
			found = ends[i];
	}
	close(stats);
	if (!found)
		die("no hook sees the end of a datagram");
	return found;
}

/* Each program that ran: where a variant's instructions are. */
static void author_programs(const struct author *a, const char *kernel)
{
	struct bpf_prog_info before[64];

	for (int i = 0; i < nr_attached; i++)
		before[i] = prog_info(attached[i]);
	block("udp");
	for (int i = 0; i < nr_attached; i++) {
		struct bpf_prog_info now = prog_info(attached[i]);
		double ran = (double)(now.run_cnt - before[i].run_cnt) / BLOCK;
		double time = (double)(now.run_time_ns - before[i].run_time_ns) / BLOCK;

		if (ran < 0.5)	/* an interrupt's */
			continue;
		fprintf(stderr, "       %-38s %-27s %9.1f in %.2f runs\n", "", now.name, time, ran);
		printf("{\"kernel\":\"%s\",\"variant\":\"%s\",\"program\":\"%s\",\"time\":%.2f,"
		       "\"runs\":%.2f}\n", kernel, a->name, now.name, time, ran);
	}
}

/* One release for a rival is enough only if it leaves nothing. */
static bool left_over(const struct author *a)
{
	struct bpf_map *notes = bpf_object__find_map_by_name(a->tc->obj, "notes");
	__u64 key;

	return a->hooks < 0 && !bpf_map__get_next_key(notes, NULL, &key, sizeof(key));
}

/* As measure(), of which this is one row. A variant that does not find all measures something else. */
static int author_row(const struct author *a, const char *end, const char *detail, int base,
		      const char *kernel)
{
	__u64 packets = (blocks / 4 + blocks) * BLOCK, found = found_by(a->tc->obj);
	int row;

	if (a->hooks > 0)
		attach_hooks(a->set, a->hooks);
	else if (a->hooks)
		attach(set_find(a->set, end));
	attach_pair(a->tc, a->writer, a->reader);
	row = measure("udp", a->name, detail, base);
	if (ruler == run_time)
		author_programs(a, kernel);
	detach_tc();
	detach_hooks();
	found = found_by(a->tc->obj) - found;
	if (left_over(a))
		die("%s: packets left entries", a->name);
	if (found < packets)
		die("%s found %llu records on %llu packets", a->name, found, packets);
	return row;
}

static void author_ratio(const int row[NR_AUTHORS], int ours, int rival, const char *kernel)
{
	double floor, ratio;

	if (row[ours] < 0 || row[rival] < 0)
		return;
	floor = rows[row[FLOOR]].median;
	ratio = (rows[row[ours]].median - floor) / (rows[row[rival]].median - floor);
	fprintf(stderr, "%s: %s / %s, above the floor: %.3f\n", rows[row[ours]].detail,
		authors[ours].name, authors[rival].name, ratio);
	printf("{\"kernel\":\"%s\",\"detail\":\"%s\",\"variant\":\"%s\",\"rival\":\"%s\","
	       "\"ratio\":%.4f}\n", kernel, rows[row[ours]].detail, authors[ours].name,
	       authors[rival].name, ratio);
}

static void author_rows(const char *end, const char *detail, const char *kernel, bool guard)
{
	int row[NR_AUTHORS];

	for (int i = 0; i < NR_AUTHORS; i++)
		row[i] = guard && !authors[i].guarded ? -1 :
			 author_row(&authors[i], end, detail, i ? row[FLOOR] : -1, kernel);
	for (int ours = OURS; ours <= KEPT; ours++)
		for (int rival = LRU; rival <= PLAIN; rival++)
			author_ratio(row, ours, rival, kernel);
}

static void author_variants(const char *kernel, bool guard)
{
	const char *end = where_freed();
	int stats;

	fprintf(stderr, "author: datagrams end at %s\n", end);
	if (!guard)		/* there are rows like these */
		author_rows(end, "author, all executed", kernel, guard);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		die("bpf_stats");
	ruler = run_time;
	author_rows(end, "author, time in programs", kernel, guard);
	ruler = now;
	close(stats);
}

#endif /* ICOUNT_AUTHOR_H */
