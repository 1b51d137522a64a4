// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One frame into a tap device as a virtual machine sends it:
 * the one way on which tun has its NAPI poll for packets.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "paths_traffic.h"

#define TX	1	/* number of the queue */

/* The machine's memory: a queue with one entry, and the frame behind its header. */
struct guest {
	struct vring_desc desc[1] __attribute__((aligned(16)));
	struct {
		struct vring_avail head;
		__virtio16 ring[2];
	} avail;
	struct {
		struct vring_used head;
		struct vring_used_elem ring[2];
	} used __attribute__((aligned(16)));
	struct virtio_net_hdr hdr;
	unsigned char frame[2048];
};

static int set_memory(int fd, struct guest *g)
{
	union {
		struct vhost_memory memory;
		char room[sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region)];
	} m = { .memory.nregions = 1 };

	m.memory.regions[0] = (struct vhost_memory_region){
		.guest_phys_addr = (unsigned long)g,
		.memory_size = sizeof(*g),
		.userspace_addr = (unsigned long)g,
	};
	return ioctl(fd, VHOST_SET_MEM_TABLE, &m) ? -errno : 0;
}

static int set_queue(int fd, struct guest *g, int kick, int tap)
{
	struct vhost_vring_addr addr = {
		.index = TX, .desc_user_addr = (unsigned long)g->desc,
		.avail_user_addr = (unsigned long)&g->avail,
		.used_user_addr = (unsigned long)&g->used,
	};

	if (ioctl(fd, VHOST_SET_VRING_NUM, &(struct vhost_vring_state){ .index = TX, .num = 1 }) ||
	    ioctl(fd, VHOST_SET_VRING_BASE, &(struct vhost_vring_state){ .index = TX }) ||
	    ioctl(fd, VHOST_SET_VRING_ADDR, &addr) ||
	    ioctl(fd, VHOST_SET_VRING_KICK,
		  &(struct vhost_vring_file){ .index = TX, .fd = kick }) ||
	    ioctl(fd, VHOST_NET_SET_BACKEND, &(struct vhost_vring_file){ .index = TX, .fd = tap }))
		return -errno;
	return 0;
}

static int send_one(int kick, struct guest *g, size_t len)
{
	g->desc[0] = (struct vring_desc){ .addr = (unsigned long)&g->hdr,
					  .len = sizeof(g->hdr) + len };
	__atomic_store_n(&g->avail.head.idx, 1, __ATOMIC_RELEASE);
	if (eventfd_write(kick, 1))
		return -errno;
	for (int i = 0; i < 1000; i++) {
		if (__atomic_load_n(&g->used.head.idx, __ATOMIC_ACQUIRE) == 1)
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

int paths_vhost_send(int tap, const void *frame, size_t len)
{
	/* vhost takes the header off, which the tap device was not told of. */
	const __u64 features = 1ULL << VHOST_NET_F_VIRTIO_NET_HDR;
	static struct guest g;
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC), kick, err = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV))
		return paths_why("no vhost_net here");
	kick = eventfd(0, EFD_CLOEXEC);
	if (fd < 0 || kick < 0 || ioctl(fd, VHOST_SET_OWNER) ||
	    ioctl(fd, VHOST_SET_FEATURES, &features))
		err = -errno;
	memset(&g, 0, sizeof(g));
	memcpy(g.frame, frame, len);
	err = err ?: set_memory(fd, &g) ?: set_queue(fd, &g, kick, tap) ?: send_one(kick, &g, len);
	if (fd >= 0)
		close(fd);
	if (kick >= 0)
		close(kick);
	return err;
}
