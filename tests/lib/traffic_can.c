// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* CAN frames over a bus within a namespace, and over one between two. */
#include <errno.h>
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic_ext.h"

static int device_index(const struct traffic_net *net, int side, const char *dev)
{
	int home = traffic_ext_enter(net, side);
	int index = if_nametoindex(dev);

	traffic_ext_leave(home);
	return index;
}

static int can_socket(const struct traffic_net *net, int side, const char *dev)
{
	struct sockaddr_can a = { .can_family = AF_CAN,
				  .can_ifindex = device_index(net, side, dev) };
	int fd = traffic_socket(net, side, AF_CAN, SOCK_RAW, CAN_RAW);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int pass_frame(int from, int to, unsigned int id)
{
	struct can_frame sent = { .can_id = id, .can_dlc = 8 }, got;

	if (write(from, &sent, sizeof(sent)) != sizeof(sent) ||
	    read(to, &got, sizeof(got)) != sizeof(got))
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return got.can_id == id ? 0 : -EBADMSG;
}

int traffic_can(const struct traffic_net *net, const struct traffic_can *t)
{
	int from = can_socket(net, 0, t->from), err = from < 0 ? from : 0;
	int to = err ? -1 : can_socket(net, t->side, t->to);

	err = err ?: to < 0 ? to : 0;
	for (unsigned int i = 0; !err && i < t->count; i++)
		err = pass_frame(from, to, i & CAN_SFF_MASK);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return err;
}

int traffic_can_up(const struct traffic_net *net)
{
	return traffic_ext_run(net, 0, "ip link add can0 type vcan && ip link set can0 up && "
			       "ip link add vx0 type vxcan peer name vx1 && "
			       "ip link set vx1 netns /proc/%d/fd/%d && ip link set vx0 up",
			       getpid(), net->ns[1]) ?:
	       traffic_ext_run(net, 1, "ip link set vx1 up");
}
