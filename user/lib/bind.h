/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef SKBEXT_BIND_H
#define SKBEXT_BIND_H

/* The head of what SKBEXT_TYPE() of skbext.bpf.h defines; an array of no payloads follows. */
struct skbext_type_head {
	__u32 active, offset, mask, entering, size, flags;
};

/* -EINVAL: a program that adds is for a place behind the packet's release. */
int bind_check_adds(const struct bpf_object *obj);

/* -EINVAL, and the message that says so. */
int damaged_object(void);

/* Between open and load; the caller has the lock of what is pinned. */
int bind_object(struct skbext *sk, struct bpf_object *obj);
int bind_section(struct skbext *sk, const struct btf *btf, char *data, size_t size);

#endif /* SKBEXT_BIND_H */
