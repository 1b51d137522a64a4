// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext trace --pcap: packets as pcapng, in the byte order of this machine. libpcap writes neither this
 * format nor comments, which are what the file is for. An interface of the file is the first device of
 * a packet and how its bytes begin; the time of a packet is that of its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "parts.h"

enum pcap_block { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6 };
enum pcap_option {
	OPT_END = 0, OPT_COMMENT = 1, OPT_NAME = 2, OPT_OS = 3, OPT_APPLICATION = 4, OPT_TIME_UNIT = 9,
};
enum pcap_link { LINK_ETHERNET = 1, LINK_RAW = 101 };

#define BYTE_ORDER_MAGIC	0x1a2b3c4d
#define MAX_BLOCK		8192	/* comments that are longer are cut */
#define MAX_OPTION		4000

struct trace_interface {
	__u64 device[TRACE_DEVICE_LEN / 8];
	enum pcap_link link;
};

/* A block as it is made; its length comes first and last. */
struct maker {
	size_t len;
	char data[MAX_BLOCK];
};

static void put(struct maker *m, const void *data, size_t len)
{
	if (len > sizeof(m->data) - m->len)
		return;		/* not reached: whoever puts much looks for room first */
	memcpy(m->data + m->len, data, len);
	m->len += len;
	while (m->len % 4)
		m->data[m->len++] = 0;
}

static void put32(struct maker *m, __u32 value)
{
	put(m, &value, sizeof(value));
}

static void put_option(struct maker *m, enum pcap_option option, const void *data, size_t len)
{
	__u16 head[2] = { option, len };

	if (m->len + len + 64 > sizeof(m->data))
		return;
	put(m, head, sizeof(head));
	put(m, data, len);
}

static void put_text(struct maker *m, enum pcap_option option, const char *text)
{
	size_t len = strlen(text);

	put_option(m, option, text, len < MAX_OPTION ? len : MAX_OPTION);
}

static void begin(struct maker *m, enum pcap_block type)
{
	m->len = 0;
	put32(m, type);
	put32(m, 0);
}

static void end(struct maker *m, struct cli_file *file)
{
	__u32 len;

	put32(m, OPT_END);
	len = m->len + sizeof(len);
	put32(m, len);
	memcpy(m->data + 4, &len, sizeof(len));
	cli_file_write(file, m->data, len);
}

static void write_section(struct trace_pcap *p)
{
	static const __u64 unknown = ~0ULL;	/* length of the section */
	static const __u16 version[2] = { 1, 0 };
	struct utsname uts = { 0 };
	struct maker m;

	uname(&uts);
	begin(&m, SECTION);
	put32(&m, BYTE_ORDER_MAGIC);
	put(&m, version, sizeof(version));
	put(&m, &unknown, sizeof(unknown));
	put_text(&m, OPT_OS, uts.release);
	put_text(&m, OPT_APPLICATION, "skbext trace " SKBEXT_VERSION);
	end(&m, &p->file);
}

static void write_interface(struct trace_pcap *p, const struct trace_interface *interface)
{
	__u16 link[2] = { interface->link };
	char device[TRACE_DEVICE_LEN + 1];
	static const char unit[1] = { 9 };	/* ns */
	struct maker m;

	trace_device(device, interface->device);
	begin(&m, INTERFACE);
	put(&m, link, sizeof(link));
	put32(&m, TRACE_SNAP);
	put_text(&m, OPT_NAME, device);
	put_option(&m, OPT_TIME_UNIT, unit, sizeof(unit));
	end(&m, &p->file);
}

static bool is_of(const struct trace_interface *i, const struct trace_report *r, enum pcap_link link)
{
	return i->link == link && !memcmp(i->device, r->note.device, sizeof(i->device));
}

/* Its number in the file; -1: out of memory. */
static int interface_of(struct trace_pcap *p, const struct trace_report *r)
{
	enum pcap_link link = r->frame == TRACE_FRAMED || !r->bytes ? LINK_ETHERNET : LINK_RAW;
	struct trace_interface *more;

	for (__u32 i = 0; i < p->nr_interfaces; i++)
		if (is_of(&p->interface[i], r, link))
			return i;
	more = realloc(p->interface, (p->nr_interfaces + 1) * sizeof(*more));
	if (!more)
		return -1;
	p->interface = more;
	more += p->nr_interfaces;
	more->link = link;
	memcpy(more->device, r->note.device, sizeof(more->device));
	write_interface(p, more);
	return p->nr_interfaces++;
}

static void put_life(struct maker *m, const struct trace_run *t, const struct trace_report *r)
{
	char copy[32] = "", text[256];
	__u64 offset;
	const char *place = r->place ? trace_function(r->place, &offset) : NULL;
	bool dropped = r->fate == TRACE_DROPPED;

	if (r->note.parent)
		snprintf(copy, sizeof(copy), " copy_of=%llu", r->note.parent);
	snprintf(text, sizeof(text), "age%s%lluns fate=%s%s%s place=%s id=%llu%s cpus=%u>%u",
		 r->fate == TRACE_UNSEEN ? ">=" : "=", trace_age(r), trace_fate(r->fate),
		 dropped ? " reason=" : "", dropped ? trace_reason(t->vmlinux, r->reason) : "",
		 place ? place : "-", r->note.id, copy, r->note.cpu, r->cpu);
	put_text(m, OPT_COMMENT, text);
}

/* A comment for each: NAME=JSON, or the bytes in hex where nothing says what they are. */
static void put_types(struct maker *m, struct trace_run *t, const struct trace_report *r)
{
	json_t *types = trace_types(t, r), *value;
	char text[MAX_OPTION];
	const char *name;

	json_object_foreach(types, name, value) {
		char *payload = trace_payload_text(value);

		snprintf(text, sizeof(text), "%s=%s", name, payload ? payload : "");
		put_text(m, OPT_COMMENT, text);
		free(payload);
	}
	json_decref(types);
}

static void put_packet(struct maker *m, const struct trace_pcap *p, const struct trace_run *t,
		       const struct trace_report *r, __u32 interface)
{
	__u64 when = r->ended + p->wall;

	put32(m, interface);
	put32(m, when >> 32);
	put32(m, when);
	put32(m, r->bytes);
	put32(m, r->bytes ? r->len : r->note.len);
	put(m, (const char *)r->payload + t->others.payload, r->bytes);
}

void trace_pcap_add(struct trace_run *t, const struct trace_report *r)
{
	struct trace_pcap *p = &t->pcap;
	int interface = interface_of(p, r);
	struct maker m;

	if (interface < 0) {
		p->file.err = ENOMEM;
		return;
	}
	begin(&m, PACKET);
	put_packet(&m, p, t, r, interface);
	put_life(&m, t, r);
	put_types(&m, t, r);
	end(&m, &p->file);
}

int trace_pcap_open(struct trace_pcap *p, const char *path)
{
	if (cli_file_open(&p->file, path, 0600))
		return CLI_FAILED;
	p->wall = (cli_clock(CLOCK_REALTIME) - cli_clock(CLOCK_MONOTONIC)) * 1e9;
	write_section(p);
	return CLI_DONE;
}

int trace_pcap_close(struct trace_pcap *p)
{
	return cli_file_close(&p->file);
}

void trace_pcap_free(struct trace_pcap *p)
{
	cli_file_drop(&p->file);
	free(p->interface);
}
