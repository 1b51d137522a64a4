// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The BTF of one type, copied out of an object's: what is copied shows every payload as the
 * original does.
 */
#include "../../user/lib/internal.h"
#include "kernel.h"

static void must_show_the_same(const struct btf *from, __u32 id, __u32 copied)
{
	struct btf *to = btf__new(kernel_btf, kernel_btf_size);
	unsigned char payload[256];
	json_t *a, *b;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = i * 37;
	MUST(to, "what was loaded is not BTF");
	a = btf_json(from, id, payload, sizeof(payload));
	b = btf_json(to, copied, payload, sizeof(payload));
	MUST(json_equal(a, b) || (!a && !b), "type %u: %s, copied: %s", id,
	     json_dumps(a, JSON_ENCODE_ANY), json_dumps(b, JSON_ENCODE_ANY));
	json_decref(a);
	json_decref(b);
	btf__free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf *btf;

	libbpf_set_print(NULL);
	btf = btf__new(data, size);
	for (__u32 id = 0; btf && id <= btf__type_cnt(btf); id++) {
		__u32 key, value;
		int fd = btf_load_type(btf, id, &key, &value);

		if (fd >= 0)
			must_show_the_same(btf, id, value);
		if (fd >= 0)
			close(fd);
	}
	btf__free(btf);
	kernel_forget_btf();
	return 0;
}
