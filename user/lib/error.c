// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The last error of a thread: one line that says what, why and what to do. */
#include <fcntl.h>
#include <stdarg.h>

#include "internal.h"

static _Thread_local char message[MESSAGE_LEN] = "no error";
static bool debugging;		/* what libbpf and the verifier say is shown */

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	errno = -err;
	return err;
}

int set_errno(int err)
{
	if (err < 0)
		errno = -err;
	return err;
}

struct failure failure_keep(int err)
{
	struct failure f = { .err = err };

	snprintf(f.message, sizeof(f.message), "%s", message);
	return f;
}

int fail_again(const struct failure *f)
{
	return fail(f->err, "%s", f->message);
}

/* The level in force is in brackets. Without securityfs nobody can tell. Keeps errno. */
static bool is_confidential(void)
{
	int kept = errno;
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";
	bool found = f && fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");

	if (f)
		fclose(f);
	errno = kept;
	return found;
}

int need_files(unsigned int n)
{
	int fd[128], err = 0;
	unsigned int got = 0;

	while (!err && got < n && got < ARRAY_SIZE(fd)) {
		fd[got] = open("/", O_PATH | O_CLOEXEC);
		if (fd[got] < 0)
			err = -errno;
		else
			got++;
	}
	while (got)
		close(fd[--got]);
	return err ? fail(err, "%u more files must be open at the same time: %s", n, why_bpf(err)) : 0;
}

int object_quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return debugging ? vfprintf(stderr, fmt, args) : 0;
}

void skbext_debug(bool on)
{
	debugging = on;
}

const char *why_bpf(int err)
{
	if ((err == -EINVAL || err == -EPERM || err == -EACCES) && is_confidential())
		return "the kernel's lockdown is confidentiality, in which BPF programs may not read kernel memory; boot with lockdown=integrity or none";
	switch (err) {
	case -EACCES:	/* of root, it is the verifier's */
		if (!geteuid())
			return "the kernel's verifier refuses them; please report it with the kernel's version";
		/* fallthrough */
	case -EPERM:
		return "not permitted; run as root (CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)";
	case -ENOMEM:
		return "out of memory; ask for less with a smaller capacity or payload";
	case -EMFILE:
	case -ENFILE:
		return "out of file descriptors (EMFILE); raise `ulimit -n` or fs.file-max";
	case -EROFS:
		return "the file system is read-only (EROFS); mount it again with -o remount,rw";
	case -ENOTSUPP:
		return "this kernel does not support them (ENOTSUPP), as arm64 before 6.4, which has no ftrace direct calls";
	default:
		return strerror(-err);
	}
}

const char *why_load(int err)
{
	static _Thread_local char why[96];

	if (err != -EIO && err != -ESRCH)
		return why_bpf(err);
	snprintf(why, sizeof(why), "reading the kernel's BTF: %s", strerror(-err));
	return why;
}

const char *skbext_errmsg(void)
{
	return message;
}
