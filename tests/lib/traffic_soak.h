/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that traffic.h has at once, on two CPUs, for as long as the caller wants: UDP many
 * datagrams a system call, with and without segmentation, over loopback and veth; TCP, MPTCP and
 * ICMP; and packet taps that come and go, each of which clones all that passes.
 */
#ifndef TRAFFIC_SOAK_H
#define TRAFFIC_SOAK_H

#include "traffic.h"

/* Until enough() says so; asked some times a second. 0 or the negative errno of what failed. */
int traffic_soak(const struct traffic_net *net, bool (*enough)(void *arg), void *arg);

#endif /* TRAFFIC_SOAK_H */
