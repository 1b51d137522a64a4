// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which network namespace the device of a kept attachment is of: pid 1's, which is there after a reboot
 * too, or another one of this boot. A device of the same name elsewhere is not the one that was meant.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

#define OWN	"/proc/thread-self/ns/net"
#define FIRST	"/proc/1/ns/net"
#define FIRST_ONLY	"/proc/sys/net/core/netdev_max_backlog"	/* one for all, seen in the first alone */

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE	71
#endif

/* A new namespace gets the inode number of one that ended, never its cookie. 0: before Linux 5.14. */
static json_int_t own_cookie(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long long cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	if (fd >= 0)
		close(fd);
	return (json_int_t)cookie;
}

static void read_boot(char *boot, size_t size)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(boot, size, f))
		*boot = 0;
	boot[strcspn(boot, "\n")] = 0;
	if (f)
		fclose(f);
}

/* To ask where pid 1 is takes CAP_SYS_PTRACE, which the unit has not. -1: nobody can tell. */
static int is_first(const struct stat *own)
{
	struct stat first;

	if (!stat(FIRST, &first))
		return first.st_ino == own->st_ino && first.st_dev == own->st_dev;
	return access(FIRST_ONLY, F_OK) ? -1 : 1;
}

int keep_mark_netns(json_t *entry, struct keep_why *why)
{
	char boot[64];
	struct stat own;

	if (stat(OWN, &own))
		return keep_fail(why, -errno, "its network namespace: %s", strerror(errno));
	if (is_first(&own) > 0)
		return 0;
	read_boot(boot, sizeof(boot));
	json_object_update_new(entry, json_pack("{s:I, s:I, s:s}", "netns", (json_int_t)own.st_ino,
						"cookie", own_cookie(), "boot", boot));
	return 0;
}

static int check_other(const json_t *entry, const struct stat *own, struct keep_why *why)
{
	json_int_t netns = json_integer_value(json_object_get(entry, "netns"));
	json_int_t cookie = json_integer_value(json_object_get(entry, "cookie"));
	const char *kept = json_string_value(json_object_get(entry, "boot"));
	char boot[64];

	read_boot(boot, sizeof(boot));
	if (!kept || strcmp(kept, boot))
		return keep_fail(why, -ESTALE, "its device was one of a network namespace that ended with the last boot");
	if (netns != (json_int_t)own->st_ino)
		return keep_fail(why, -ESTALE, "its device is one of another network namespace, net:[%lld]",
				 (long long)netns);
	if (cookie && cookie != own_cookie())
		return keep_fail(why, -ESTALE, "its device was one of a network namespace that has ended");
	return 0;
}

int keep_check_netns(const json_t *entry, struct keep_why *why)
{
	struct stat own;

	if (!json_object_get(entry, "dev"))
		return 0;
	if (stat(OWN, &own))
		return keep_fail(why, -errno, "its network namespace: %s", strerror(errno));
	if (json_object_get(entry, "netns"))
		return check_other(entry, &own, why);
	return is_first(&own) ? 0 :
	       keep_fail(why, -ESTALE, "its device is one of the machine's own network namespace, that of pid 1");
}
