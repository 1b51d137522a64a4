// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext trace: names of functions (/proc/kallsyms), drop reasons (BTF), fates and origins. */
#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"

#define REASON_PREFIX "SKB_DROP_REASON_"

struct symbol {
	__u64 address;
	char *name;
};

static struct symbol *symbols;
static size_t nr_symbols;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static bool add_symbol(__u64 address, const char *name)
{
	static size_t room;

	if (nr_symbols == room) {
		struct symbol *more = realloc(symbols, (room + 65536) * sizeof(*symbols));

		if (!more)
			return false;
		symbols = more;
		room += 65536;
	}
	symbols[nr_symbols].address = address;
	symbols[nr_symbols].name = strdup(name);
	return symbols[nr_symbols++].name;
}

/* Functions only. Addresses are all 0 for those who may not see them. */
int trace_names_read(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[1024], name[512], kind;
	unsigned long long address;
	int err = f ? 0 : -errno;
	bool room = true;

	while (room && f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %c %511s", &address, &kind, name) == 3 && address &&
		    strchr("tTwW", kind))
			room = add_symbol(address, name);
	if (!room)
		err = -ENOMEM;
	else if (f && ferror(f))
		err = -errno;
	if (f)
		fclose(f);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_address);
	return err ?: nr_symbols ? 0 : -EPERM;
}

static const struct symbol *symbol_at(__u64 address)
{
	size_t low = 0, high = nr_symbols;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (symbols[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &symbols[low - 1] : NULL;
}

const char *trace_function(__u64 address, __u64 *offset)
{
	const struct symbol *s = symbol_at(address);

	/* Above the last symbol of a kernel that hides its modules there is nothing to name. */
	if (!s || address - s->address > 1 << 20)
		return NULL;
	*offset = address - s->address;
	return s->name;
}

/* Up to the next symbol. */
struct trace_range trace_range_of(const char *function)
{
	struct trace_range r = { 0 };

	for (size_t i = 0; i + 1 < nr_symbols; i++) {
		if (strcmp(symbols[i].name, function))
			continue;
		r.from = symbols[i].address;
		while (++i < nr_symbols - 1 && symbols[i].address == r.from)
			;
		r.to = symbols[i].address;
		break;
	}
	return r;
}

static const struct btf_type *reason_enum(const struct btf *vmlinux)
{
	int id = btf__find_by_name_kind(vmlinux, "skb_drop_reason", BTF_KIND_ENUM);

	return id > 0 ? btf__type_by_id(vmlinux, id) : NULL;
}

static const char *short_name(const char *name)
{
	size_t len = strlen(REASON_PREFIX);

	return strncmp(name, REASON_PREFIX, len) ? name : name + len;
}

const char *trace_reason(const struct btf *vmlinux, __u32 reason)
{
	const struct btf_type *t = reason_enum(vmlinux);
	static char text[24];

	for (int i = 0; t && i < btf_vlen(t); i++)
		if ((__u32)btf_enum(t)[i].val == reason)
			return short_name(btf__name_by_offset(vmlinux, btf_enum(t)[i].name_off));
	/* mac80211 and others number their own, which are in no BTF that is easily had. */
	snprintf(text, sizeof(text), "0x%x", reason);
	return text;
}

int trace_reason_find(const struct btf *vmlinux, const char *name)
{
	const struct btf_type *t = reason_enum(vmlinux);

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const char *full = btf__name_by_offset(vmlinux, btf_enum(t)[i].name_off);

		if (!strcasecmp(full, name) || !strcasecmp(short_name(full), name))
			return btf_enum(t)[i].val;
	}
	return -1;
}

const char *trace_fate(unsigned int fate)
{
	static const char *const names[] = {
		[TRACE_CONSUMED] = "consumed", [TRACE_DROPPED] = "dropped", [TRACE_FREED] = "freed",
		[TRACE_RECEIVED] = "received", [TRACE_UNSEEN] = "unseen",
	};

	return fate < TRACE_FATES ? names[fate] : "unknown";
}

const char *trace_origin(unsigned int origin)
{
	static const char *const names[] = {
		[TRACE_AT_ALLOC] = "alloc", [TRACE_AT_COPY] = "copy",
		[TRACE_AT_LOCAL_OUT] = "ip_local_out", [TRACE_AT_QUEUE] = "net_dev_queue",
		[TRACE_AT_RX] = "netif_rx", [TRACE_AT_GRO] = "napi_gro_receive",
		[TRACE_AT_RECEIVE] = "netif_receive_skb",
	};

	return origin < TRACE_ORIGINS ? names[origin] : "unknown";
}
