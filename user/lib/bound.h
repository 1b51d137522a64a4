/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bound.c: the programs that use a loaded skbext and are not its own. */
#ifndef SKBEXT_BOUND_H
#define SKBEXT_BOUND_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define BOUND_PIDS	16	/* of one program: no more are shown */

struct bound {
	__u32 id, type;
	char name[64];
	__u8 tag[8];
	bool types_known;
	__u8 types;
	__u32 pid[BOUND_PIDS];
	unsigned int nr_pids;
	char pin[512];		/* "": none found */
};

struct bound_list {
	struct bound *bound;
	unsigned int nr;
};

/* 0, or an error: it could not look, and skbext_errmsg() says why. The caller frees the list. */
int bound_read(const char *dir, struct bound_list *list);
/*
 * The same of those that use this type or may do so, -1: any. One that was just detached, which
 * nothing that can be seen holds, is given a second to end.
 */
int bound_read_users(const char *dir, int type, struct bound_list *list);
void bound_free(struct bound_list *list);
/* "NAME (id N, pid P)", and how many there are beside it. */
void bound_name(const struct bound_list *list, char *text, size_t size);
/* As many as there is room for, and how many there are beside them. */
void bound_names(const struct bound_list *list, char *text, size_t size);

/* holders.c: the pids and pins of those in the list. */
void bound_find_holders(struct bound_list *list);

#endif /* SKBEXT_BOUND_H */
