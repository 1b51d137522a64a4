// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext bench: what it costs to have it: memory per record, time to load and attach, and
 * what the verifier looked at.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"

/* As the kernel charges it: fdinfo's memlock. */
static double map_bytes(const char *pin)
{
	char path[320], line[256];
	double bytes = 0;
	int fd;
	FILE *f;

	snprintf(path, sizeof(path), SKBEXT_DEFAULT_BPFFS "/%s", pin);
	fd = bpf_obj_get(path);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "memlock: %lf", &bytes);
	if (f)
		fclose(f);
	if (fd >= 0)
		close(fd);
	return bytes;
}

static int memory(struct bench *b)
{
	static const char *const pins[] = { "ctl", "slots", "stats" };
	struct skbext_status st = { .sz = sizeof(st) };
	struct skbext *sk = bench_skbext(0, 0, false);
	double bytes = 0, beyond;

	if (!sk || skbext_status(sk, &st))
		return CLI_FAILED;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++)
		bytes += map_bytes(pins[i]);
	/* Of the records asked for: the places on top that make them fit are part of the price. */
	beyond = bytes / SKBEXT_DEFAULT_CAPACITY - st.payload;
	bench_say(b,
		  "\nmemory: %.0f bytes for %d records of %u: %.1f a record beyond the payload\n",
		  bytes, SKBEXT_DEFAULT_CAPACITY, st.payload, beyond);
	json_object_set_new(b->out, "memory",
			    json_pack("{s:f, s:i, s:i, s:f}", "bytes", bytes, "records",
				      SKBEXT_DEFAULT_CAPACITY, "payload", (int)st.payload,
				      "beyond_payload", beyond));
	skbext_close(sk);
	skbext_unpin(NULL);
	return CLI_DONE;
}

static int load_time(struct bench *b)
{
	struct figure load = {}, attach = {}, total = {};

	for (unsigned int i = 0; i < b->rounds; i++) {
		double start = cli_now(), loaded, end;
		struct skbext *sk = skbext_open(NULL);

		if (!sk || skbext_load(sk))
			return cli_lib_error("run the bench: load");
		loaded = cli_now();
		if (skbext_attach(sk) || skbext_pin(sk))
			return cli_lib_error("run the bench: attach");
		end = cli_now();
		figure_add(&load, loaded - start);
		figure_add(&attach, end - loaded);
		figure_add(&total, end - start);
		skbext_close(sk);
		skbext_unpin(NULL);
	}
	bench_say(b, "load %.3f s, attach and pin %.3f s, together %.3f s\n", figure_median(&load),
		  figure_median(&attach), figure_median(&total));
	json_object_set_new(b->out, "load",
			    json_pack("{s:o, s:o, s:o}", "load_s", figure_json(&load), "attach_s",
				      figure_json(&attach), "total_s", figure_json(&total)));
	return CLI_DONE;
}

static int programs(struct bench *b)
{
	struct skbext *sk = bench_skbext(0, 0, true);
	json_t *list = json_array();
	struct bench_hooks h = {};
	int err;

	if (!sk)
		return CLI_FAILED;
	skbext_close(sk);
	err = bench_hooks_take(&h);
	bench_say(b, "  %-32s %10s %10s\n", "program", "verified", "jited");
	for (unsigned int i = 0; !err && i < h.nr; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(h.prog[i], &info, &len))
			err = -errno;
		bench_say(b, "  %-32s %10u %9uB\n", h.name[i], info.verified_insns,
			  info.jited_prog_len);
		json_array_append_new(list, json_pack("{s:s, s:i, s:i}", "name", h.name[i],
						      "verified_insns", (int)info.verified_insns,
						      "jited_bytes", (int)info.jited_prog_len));
	}
	json_object_set_new(b->out, "programs", list);
	bench_hooks_free(&h);
	skbext_unpin(NULL);
	return err ? bench_error("read the programs", err) : CLI_DONE;
}

int bench_cost(struct bench *b)
{
	return memory(b) ?: load_time(b) ?: programs(b);
}
