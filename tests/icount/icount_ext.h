/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own extension (module/icount_ext.c) against skbext: 16 bytes written on each packet that
 * leaves, found where it arrives, and their end. Each is counted above the same writer and reader
 * without contents and without any hook, so all that skbext attaches is in its figure. Included by
 * tests/icount/icount.c alone.
 */
#ifndef ICOUNT_EXT_H
#define ICOUNT_EXT_H

#include <fcntl.h>
#include <sys/syscall.h>

static void insert_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, params, 0))
		die("%s", path);
	close(fd);
}

static void remove_module(void)
{
	if (syscall(SYS_delete_module, "icount_ext", 0))
		die("remove the module");
}

static unsigned long found_by_module(void)
{
	FILE *f = fopen("/sys/module/icount_ext/parameters/found", "re");
	unsigned long found;

	if (!f || fscanf(f, "%lu", &found) != 1)
		die("what the module found");
	fclose(f);
	return found;
}

static int measure_module(const char *traffic, const char *path)
{
	unsigned long packets = (blocks / 4 + blocks) * BLOCK, found;
	int base;

	insert_module(path, "tagged=0");
	base = measure(traffic, "skb_ext_add()", "empty probes", -1);
	remove_module();
	insert_module(path, "tagged=1");
	base = measure(traffic, "skb_ext_add()", "everything included", base);
	found = found_by_module();
	remove_module();
	if (found < packets)
		die("the module found %lu on %lu packets", found, packets);
	return base;
}

/* As measure(): a row of programs at tc and these hooks, which found every packet's note. */
static int measure_set(const char *traffic, const char *name, const char *detail,
		       const struct set *set, const char *writer, const char *reader, int hooks,
		       int base)
{
	__u64 packets = (blocks / 4 + blocks) * BLOCK, found = found_by(set->obj);
	int row;

	attach_hooks(set, hooks);
	attach_pair(set, writer, reader);
	row = measure(traffic, name, detail, base);
	detach_tc();
	detach_hooks();
	found = found_by(set->obj) - found;
	if (found < packets)
		die("%s: found %llu notes on %llu packets", name, found, packets);
	return row;
}

static double added(int row)
{
	return rows[row].median - rows[rows[row].base].median;
}

static void ext_ratio(int ours, int rival, const char *kernel)
{
	double ratio = added(ours) / added(rival);

	fprintf(stderr, "%s, %s: skbext / skb_ext_add(): %.3f\n", rows[ours].traffic,
		rows[ours].detail, ratio);
	printf("{\"kernel\":\"%s\",\"traffic\":\"%s\",\"detail\":\"%s\",\"variant\":\"skbext\","
	       "\"rival\":\"skb_ext_add()\",\"ratio\":%.4f}\n", kernel, rows[ours].traffic,
	       rows[ours].detail, ratio);
}

static void ext_rows(const char *traffic, const char *path, const char *kernel, bool guard)
{
	static const char ours[] = "skbext, everything included";
	int rival = measure_module(traffic, path), base, row;

	attach_tc(&empty, "write_all");
	base = measure(traffic, "no hooks", "empty writer and reader", -1);
	detach_tc();
	if (!guard)
		measure_set(traffic, "hash, everything included", "", &hash, "write_all",
			    "read_back", HOOKS & ~POLICY, base);
	row = measure_set(traffic, ours, "default", &skbext, "write_kept", "read_kept",
			  HOOKS & ~POLICY, base);
	ext_ratio(row, rival, kernel);
	row = measure_set(traffic, ours, "drop-udp, as native", &skbext, "write_all", "read_back",
			  HOOKS, base);
	ext_ratio(row, rival, kernel);
}

/* Without the module nothing is measured: scripts/icount has said why. */
static void ext_variants(const char *kernel, const char *dir, bool guard)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/icount_ext.ko", dir);
	if (access(path, R_OK))
		return;
	ext_rows("udp", path, kernel, guard);
	ext_rows("tcp", path, kernel, guard);
}

#endif /* ICOUNT_EXT_H */
