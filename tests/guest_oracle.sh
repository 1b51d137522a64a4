#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Inside a machine of scripts/vm-run: loads what the oracle's traffic needs, and runs it.
#
#	guest_oracle.sh COMPARISONS [KIND OF TRAFFIC]
set -u
for module in veth dummy bridge br_netfilter nf_tables nft_exthdr nf_conntrack nft_ct xfrm_user esp4 esp6 crypto_null; do
	modprobe "$module" 2>/dev/null	# built in, or missing: then its traffic says so
done
exec .output/tests/oracle "$@"
