// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* skbext trace: one line, or one JSON object on a line, for each packet at its end. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

void trace_age_text(char *text, size_t size, double ns)
{
	static const char *const units[] = { "ns", "us", "ms" };
	unsigned int i = 0;

	for (; i < 3 && ns >= 1000; i++)
		ns /= 1000;
	snprintf(text, size, ns >= 100 || !i ? "%.0f%s" : "%.1f%s", ns, i < 3 ? units[i] : "s");
}

void trace_device(char text[TRACE_DEVICE_LEN + 1], const __u64 *device)
{
	memcpy(text, device, TRACE_DEVICE_LEN);
	text[TRACE_DEVICE_LEN] = 0;
	cli_clean_text(text);
}

const char *trace_protocol(__u16 protocol)
{
	static char text[8];

	switch (ntohs(protocol)) {
	case ETH_P_IP:
		return "ip";
	case ETH_P_IPV6:
		return "ipv6";
	case ETH_P_ARP:
		return "arp";
	}
	snprintf(text, sizeof(text), "0x%04x", ntohs(protocol));
	return text;
}

void trace_print_head(const struct trace_run *t)
{
	if (!t->common.json)
		printf("%8s %-9s %-18s %-26s %-12s %5s %-6s %5s %-7s %6s\n", "AGE", "FATE",
		       "REASON", "PLACE", "DEVICE", "CPUS", "PROTO", "BYTES", "ID", "CLONES");
}

__u64 trace_age(const struct trace_report *r)
{
	return r->ended - r->note.born;
}

/* A type that was bound after we began is known by its number alone until it is read. */
static bool carries(struct trace_run *t, const struct trace_report *r, unsigned int id)
{
	const struct skbext_type_info *info = &t->types.type[id].info;

	if (!(r->active & 1U << id))
		return false;
	if (!t->types.type[id].taken) {
		cli_types_free(&t->types);
		cli_types_read(t->loaded, &t->types);
	}
	return t->types.type[id].taken && info->offset + info->size <= t->others.payload;
}

static const unsigned char *payload_of(const struct trace_run *t, const struct trace_report *r,
				       unsigned int id)
{
	return (const unsigned char *)r->payload + t->types.type[id].info.offset;
}

static void print_text(struct trace_run *t, const struct trace_report *r)
{
	const struct skbext_trace *n = &r->note;
	char age[16], cpus[16], copies[16] = "-", device[TRACE_DEVICE_LEN + 1];
	__u64 offset;
	const char *place = r->place ? trace_function(r->place, &offset) : NULL;

	trace_age_text(age, sizeof(age), trace_age(r));
	trace_device(device, n->device);
	snprintf(cpus, sizeof(cpus), "%u>%u", n->cpu, r->cpu);
	if (t->status.mode == SKBEXT_MODE_EXACT)
		snprintf(copies, sizeof(copies), "%u", n->copies);
	printf("%s%*s %-9s %-18s %-26s %-12s %5s %-6s %5u %-7llu %6s",
	       r->fate == TRACE_UNSEEN ? ">" : "", r->fate == TRACE_UNSEEN ? 7 : 8, age,
	       trace_fate(r->fate),
	       r->fate == TRACE_DROPPED ? trace_reason(t->vmlinux, r->reason) : "-",
	       place ? place : "-", device, cpus, trace_protocol(n->protocol),
	       n->len, n->id, copies);
	if (n->parent)
		printf("  copy of %llu", n->parent);
	putchar('\n');
	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (carries(t, r, id))
			cli_print_payload(&t->types, id, payload_of(t, r, id));
}

json_t *trace_types(struct trace_run *t, const struct trace_report *r)
{
	json_t *types = json_object();

	for (unsigned int id = 0; id < SKBEXT_MAX_TYPES; id++)
		if (carries(t, r, id))
			json_object_set_new(types, t->types.type[id].info.name,
					    cli_json_payload(&t->types, id, payload_of(t, r, id)));
	return types;
}

char *trace_payload_text(const json_t *payload)
{
	const json_t *value = json_object_get(payload, "value");

	if (!value || json_is_null(value))
		value = json_object_get(payload, "hex");
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static json_t *end_json(const struct trace_run *t, const struct trace_report *r)
{
	__u64 offset = 0;
	const char *place = r->place ? trace_function(r->place, &offset) : NULL;
	json_t *o = json_pack("{s:s, s:i, s:s?, s:I}", "fate", trace_fate(r->fate),
			      "cpu", (int)r->cpu, "place", place, "offset", (json_int_t)offset);

	if (r->fate == TRACE_DROPPED)
		json_object_update_new(o, json_pack("{s:s, s:I}", "reason",
						    trace_reason(t->vmlinux, r->reason),
						    "reason_code", (json_int_t)r->reason));
	return o;
}

unsigned int trace_steps(const struct skbext_trace *n)
{
	return n->steps < TRACE_STEPS ? n->steps : TRACE_STEPS;
}

static json_t *path_json(const struct skbext_trace *n)
{
	char device[TRACE_DEVICE_LEN + 1];
	json_t *path = json_array();

	for (unsigned int i = 0; i < trace_steps(n); i++) {
		const struct trace_step *s = &n->path[i];

		trace_device(device, s->device);
		json_array_append_new(path, json_pack("{s:s, s:s, s:i, s:I}", "at", trace_origin(s->where),
						      "device", device, "cpu", (int)s->cpu,
						      "after_ns", (json_int_t)(s->when - n->born)));
	}
	return path;
}

static json_t *packet_json(struct trace_run *t, const struct trace_report *r)
{
	const struct skbext_trace *n = &r->note;
	bool exact = t->status.mode == SKBEXT_MODE_EXACT;
	char skb[24], device[TRACE_DEVICE_LEN + 1];

	snprintf(skb, sizeof(skb), "0x%016llx", r->skb);
	trace_device(device, n->device);
	return json_pack("{s:I, s:o, s:s, s:I, s:s, s:s, s:i, s:s, s:I, s:o, s:i, s:o, s:o, s:o}",
			 "id", (json_int_t)n->id,
			 "copy_of", n->parent ? json_integer(n->parent) : json_null(),
			 "skb", skb, "age_ns", (json_int_t)trace_age(r),
			 "age_is", r->fate == TRACE_UNSEEN ? "at least" : "exact",
			 "born_at", trace_origin(n->origin), "born_cpu", (int)n->cpu,
			 "device", device, "bytes", (json_int_t)n->len,
			 "clones", exact ? json_integer(n->copies) : json_null(),
			 "steps", (int)n->steps, "path", path_json(n),
			 "end", end_json(t, r), "types", trace_types(t, r));
}

int trace_print(struct trace_run *t, const struct trace_report *r)
{
	json_t *packet;

	t->printed++;
	if (!t->common.json) {
		print_text(t, r);
		return CLI_DONE;
	}
	packet = packet_json(t, r);
	if (!packet || json_dumpf(packet, stdout, JSON_COMPACT))
		return cli_error("cannot trace: print JSON: out of memory or a failed write; "
				 "try again");
	putchar('\n');
	json_decref(packet);
	return CLI_DONE;
}

/* Losses are told even where only results are wanted. */
void trace_print_end(const struct trace_run *t)
{
	const struct trace_counts *c = trace_counts(t);
	json_t *counts;

	if (t->common.json) {
		counts = json_pack("{s:o}", "counts", trace_json_counts(t));
		json_dumpf(counts, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(counts);
		return;
	}
	fprintf(stderr, "skbext: %llu packets seen, %llu ended, %llu shown, %llu filtered out, "
		"%llu alive, %llu lost\n", c->seen, c->ended, t->printed, c->filtered, t->alive,
		c->lost + c->untracked);
}
