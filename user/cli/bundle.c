// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext doctor --bundle: what somebody needs who was not there. It goes to strangers: no payload, no
 * kernel address, no host name.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "cli.h"

static json_t *because(const char *why)
{
	return json_pack("{s:s}", "error", why);
}

/* Lines about what skbext is built on. */
static bool is_of_interest(const char *line)
{
	static const char *const words[] = {
		"BPF", "BTF", "FTRACE", "FUNCTION_TRACER", "KPROBE", "PREEMPT", "DYNAMIC_FTRACE", "IPV6",
		"LOCKDOWN", "SKB_EXT", "XFRM", "MPTCP", "BRIDGE_NETFILTER", "SLUB", "SLAB", "SMP=",
	};

	for (size_t i = 0; !strncmp(line, "CONFIG_", 7) && i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* Read to its end, or in part. */
static int gz_failed(gzFile f)
{
	int err;

	gzerror(f, &err);
	return err != Z_OK && err != Z_STREAM_END && err != Z_BUF_ERROR;
}

static json_t *read_config(const char *path)
{
	gzFile f = gzopen(path, "rb");	/* plain text, too */
	json_t *lines = f ? json_array() : NULL;
	char line[256];
	int err;

	while (f && gzgets(f, line, sizeof(line))) {
		line[strcspn(line, "\n")] = 0;
		if (is_of_interest(line))
			json_array_append_new(lines, json_string(line));
	}
	err = errno;
	if (f && gz_failed(f)) {
		json_decref(lines);
		lines = json_pack("{s:s++}", "error", path, ": ", strerror(err));
	}
	if (f)
		gzclose(f);
	return lines;
}

static json_t *config_json(const struct utsname *uts)
{
	char path[sizeof(uts->release) + 16];
	json_t *lines;

	snprintf(path, sizeof(path), "/boot/config-%s", uts->release);
	lines = read_config(path);
	lines = lines ? lines : read_config("/proc/config.gz");
	return lines ? lines : because("neither /boot/config-RELEASE nor /proc/config.gz can be read");
}

static json_t *first_line(const char *path)
{
	char line[256] = "";
	FILE *f = fopen(path, "re");

	if (!f || !fgets(line, sizeof(line), f))
		snprintf(line, sizeof(line), "cannot be read: %s", strerror(errno));
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	return json_string(line);
}

static json_t *settings_json(void)
{
	static const char *const names[] = {
		"kernel/ftrace_enabled", "kernel/bpf_stats_enabled", "kernel/unprivileged_bpf_disabled",
		"net/core/bpf_jit_enable", "net/core/bpf_jit_harden",
	};
	json_t *all = json_object();
	char path[80];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/%s", names[i]);
		json_object_set_new(all, names[i], first_line(path));
	}
	json_object_set_new(all, "lockdown", first_line("/sys/kernel/security/lockdown"));
	return all;
}

static json_t *program_json(int fd, __u32 id)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	const char *type;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return NULL;
	type = libbpf_bpf_prog_type_str(info.type);
	return json_pack("{s:I, s:s, s:s}", "id", (json_int_t)id, "name", info.name, "type",
			 type ? type : "unknown");
}

/* All of the machine: who else is at a hook is named by doctor, who else there is, here. */
static json_t *programs_json(void)
{
	json_t *list = json_array();
	__u32 id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		json_array_append_new(list, program_json(fd, id));
		close(fd);
	}
	if (errno == ENOENT)
		return list;
	json_decref(list);
	return because(strerror(errno));
}

/* Without the address in it. */
static json_t *loaded_status(struct skbext *sk, const struct cli_common *common)
{
	json_t *status = cli_json_status(sk, common);

	if (!status)
		return because(skbext_errmsg());
	json_object_del(status, "ctl");
	return status;
}

static json_t *loaded_stats(struct skbext *sk)
{
	struct skbext_stats stats = { .sz = sizeof(stats) };

	return skbext_stats(sk, &stats) ? because(skbext_errmsg()) : cli_json_stats(&stats);
}

static void add_loaded(json_t *all, const struct cli_common *common)
{
	struct skbext *sk = skbext_open_pinned(common->bpffs);

	json_object_set_new(all, "status", sk ? loaded_status(sk, common) : because(skbext_errmsg()));
	json_object_set_new(all, "stats", sk ? loaded_stats(sk) : because(skbext_errmsg()));
	skbext_close(sk);
}

static json_t *bundle_json(const struct cli_common *common)
{
	struct utsname uts = { 0 };
	json_t *all;

	uname(&uts);
	all = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "skbext", SKBEXT_VERSION, "layout",
			SKBEXT_LAYOUT_VERSION, "libbpf", libbpf_version_string(), "kernel", uts.release,
			"build", uts.version, "machine", uts.machine);
	if (!all)
		return NULL;
	json_object_set_new(all, "system", first_line("/etc/os-release"));
	json_object_set_new(all, "config", config_json(&uts));
	json_object_set_new(all, "settings", settings_json());
	add_loaded(all, common);
	json_object_set_new(all, "doctor", cli_json_doctor(common));
	json_object_set_new(all, "programs", programs_json());
	return all;
}

int cli_write_bundle(const struct cli_common *common, const char *file)
{
	json_t *all = bundle_json(common);
	char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
	int ret;

	if (text) {
		ret = cli_replace_file(file, text, strlen(text), 0600);
		if (ret == CLI_DONE)
			printf("%s: no payloads are in it, but names of programs and types: look before you send it\n",
			       file);
	} else {
		ret = cli_error("cannot collect: out of memory; try again");
	}
	free(text);
	json_decref(all);
	return ret;
}
