// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A payload shown by its BTF, neither of which the reader has made: bytes of the input that are the
 * payload (their number first), then BTF.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "kernel.h"

/* In memory of its own size, so that a read behind it is seen. */
static void show(const struct btf *btf, const uint8_t *data, size_t size)
{
	void *payload = memcpy(malloc(size + !size), data, size);

	for (__u32 id = 0; id < btf__type_cnt(btf); id++) {
		json_t *json = btf_json(btf, id, payload, size);
		char *text = json_dumps(json, JSON_ENCODE_ANY);

		MUST(!json || text, "type %u: a value that cannot be written", id);
		free(text);
		json_decref(json);
	}
	free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t payload = size ? data[0] : 0;
	struct btf *btf = NULL;

	libbpf_set_print(NULL);
	if (size > payload)
		btf = btf__new(data + 1 + payload, size - 1 - payload);
	if (btf)
		show(btf, data + 1, payload);
	btf__free(btf);
	return 0;
}
