// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every operation, and payloads without a named struct: compiled in all ways, and loaded; never run. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <skbext/skbext.bpf.h>
typedef struct { SKBEXT_REFS(4); __u32 n; } counted_t;
typedef __u16 four_t[4];
SKBEXT_TYPE_FLAGS(counted, counted_t, SKBEXT_F_COUNTED);
SKBEXT_TYPE(number, __u64);
SKBEXT_TYPE(four, four_t);
SEC("tc")
int all(struct __sk_buff *skb)
{
	__u64 *n = skbext_add(skb, number);
	const four_t *four = skbext_find(skb, four);

	if (n)
		*n = 7;
	if (four && (*four)[1] == 8 && skbext_exist(skb, number))
		return skbext_del(skb, number);
	if (skbext_refs_held(counted, 3))
		skbext_reset(skb);
	return skbext_copy(skb, skb) + skbext_ref(skb, counted, 3);
}
char LICENSE[] SEC("license") = "GPL";
