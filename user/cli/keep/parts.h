/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `attach --keep` was told to keep: one file each in SKBEXT_STATE_DIR, which only root can change,
 *
 *	NAME@sys-fs-bpf-skbext.json
 *
 * with the object and the options of its attach, in JSON. `load` and `attach --again` attach it again,
 * `detach` forgets it. A file replaces another whole or not at all; .new, which a killed process may
 * leave, is read by nobody.
 */
#ifndef SKBEXT_KEEP_PARTS_H
#define SKBEXT_KEEP_PARTS_H

#include <limits.h>

#include "../cli.h"

#ifndef SKBEXT_STATE_DIR
#define SKBEXT_STATE_DIR "/var/lib/skbext"
#endif

#define KEEP_PROGRAMS	32	/* of one object that attach takes */

/* Why something cannot be kept, or attached again; one line. */
struct keep_why {
	char text[1024];
};

__attribute__((format(printf, 3, 4)))
int keep_fail(struct keep_why *why, int err, const char *fmt, ...);	/* returns err */

/*
 * trust.c: open a file that nobody but root, or the user who runs this, can change or replace: neither it
 * nor a directory on the way belongs to others or can be written by them, and none is a link. An fd.
 */
int keep_open_trusted(const char *path, int flags, struct keep_why *why);

/* netns.c: a device means one of this network namespace, also after a reboot where it is pid 1's. */
int keep_mark_netns(json_t *entry, struct keep_why *why);
int keep_check_netns(const json_t *entry, struct keep_why *why);

/* entry.c: one attach as the file has it. */
json_t *keep_entry(const char *file, const struct skbext_attach_opts *opts, struct keep_why *why);
/* Of a file: a member of a wrong type would be taken as if it had not been given. */
bool keep_is_sound(json_t *entry);
/* The options borrow from the entry, and programs has room for them. */
int keep_opts(const json_t *entry, struct skbext_attach_opts *opts,
	      const char *programs[KEEP_PROGRAMS + 1], struct keep_why *why);

/* dir.c, and store.c: the files of one directory of a bpffs. */
enum keep_access {
	KEEP_READ,
	KEEP_CHANGE,	/* alone */
	KEEP_CREATE,	/* alone, and the directory is made if it is not there */
};

struct keep_store {
	int dir;	/* -1: there is none, and nothing is kept */
	char suffix[NAME_MAX + 1];
};

int keep_open(struct keep_store *store, const struct cli_common *common, enum keep_access access,
	      struct keep_why *why);
void keep_close(struct keep_store *store);
/*
 * Objects with a name each, in the order in which they were kept; one that cannot be read has a member
 * "damaged", which says why. NULL: see why.
 */
json_t *keep_list(const struct keep_store *store, struct keep_why *why);
json_t *keep_read(const struct cli_common *common, struct keep_why *why);	/* the same list */
json_t *keep_find(json_t *list, const char *name);	/* borrowed; also of other lists with names */
int keep_write(const struct keep_store *store, const char *name, json_t *entry,
	       struct keep_why *why);
int keep_remove(const struct keep_store *store, const char *name, struct keep_why *why);

/* again.c */
/*
 * What is kept and is not attached: [{"name", "object"}], with "damaged", also where a part of it is
 * attached and the rest has gone. attached: of cli_json_attached(), also NULL. NULL: see why.
 */
json_t *keep_missing(const struct cli_common *common, json_t *attached, struct keep_why *why);
/*
 * Attach what is kept and is not attached: [{"name", "object", "attached", "why"}], "why" where it could
 * not. Where nobody can tell what is kept, NULL and why.
 */
json_t *keep_attach_again(const struct cli_common *common, struct keep_why *why);
/* A line each; those that failed on stderr, after stdout was written. How many these are. */
void keep_print_attached(const json_t *results);
unsigned int keep_print_failed(const json_t *results);

#endif /* SKBEXT_KEEP_PARTS_H */
