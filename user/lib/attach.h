/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that skbext_attach_file() has attached, below a loaded skbext's directory:
 *
 *	attached/NAME			a map of one struct attached
 *	attached/NAME:PROGRAM		the program's link; at clsact, which has none, the program
 *	attached/NAME:MAP		the object's program arrays
 *
 * The map is pinned before anything is attached, and says last that all is: what a killed process
 * leaves can be found, and the next one that has the directory's lock takes it away.
 */
#ifndef SKBEXT_ATTACH_H
#define SKBEXT_ATTACH_H

#include <net/if.h>

#include "internal.h"

#define ATTACHED_PROGRAMS	32	/* of one object */
#define ATTACHED_NAME		32	/* with its 0, as the following */
#define PROGRAM_NAME		64
#define DEFAULT_PRIO		50

enum place { PLACE_NONE, PLACE_TCX, PLACE_CLSACT, PLACE_CGROUP, PLACE_TRACING };

struct attached_program {
	char name[PROGRAM_NAME], section[PROGRAM_NAME];
	__u32 id;
	__u32 place;		/* enum place; PLACE_NONE: not attached yet */
	__u32 egress;
	__u32 prio, handle;	/* PLACE_CLSACT: of its filter; PLACE_TCX: prio alone */
};

struct attached {
	__u64 magic;
	__u32 whole;		/* all programs are attached */
	__u32 nr;
	char name[ATTACHED_NAME];
	char file[PATH_LEN], cgroup[PATH_LEN];
	char dev[IF_NAMESIZE];
	__u32 ifindex;
	__u64 netns[2];		/* device and inode of its network namespace */
	__u32 owns_qdisc;	/* clsact is there because of us */
	struct attached_program program[ATTACHED_PROGRAMS];
};

struct attached_list {
	struct attached *all;
	unsigned int nr;
};

/* attached.c; the caller has the lock of the directory, but for reading. */
void attached_path(char *path, const char *dir, const struct attached *a, const char *what);
int attached_create(const char *dir, struct attached *a);	/* the map's fd */
int attached_open(const char *path);				/* the same */
int attached_write(int fd, const struct attached *a);
int attached_pin(const char *dir, const struct attached *a, const char *what, int fd);
/* Pin all of it in another directory as well. */
int attached_copy(const char *from, const char *to);
int attached_leave_dir(const char *dir);	/* remove it if it is empty */
/* All that are there, also half made ones. The caller frees .all. */
int attached_read(const char *dir, struct attached_list *list);
const struct attached *attached_find(const struct attached_list *list, const char *name);

/* attached_show.c: its devices and cgroups are not there any more. */
bool attached_is_gone(const char *dir, const struct attached *a);

/* detach.c; the caller has the lock. */
int attached_end(const char *dir, struct attached *a);
/* Take away what is half made, and what was at a device or cgroup that has gone. */
int attached_clean(const char *dir);
int attached_end_all(const char *dir);

/* clsact.c: filters of tc, for kernels without tcx. */
int clsact_add(struct attached *a, struct attached_program *p, int prog_fd, int map_fd,
	       bool owns_qdisc);
int clsact_remove(const struct attached *a, const struct attached_program *p);
bool clsact_is_there(const struct attached *a, const struct attached_program *p);
/* After the last filter of ours: the qdisc, if it is ours and nobody else uses it. */
int clsact_leave(const struct attached *a);

/* order.c: where among others a program at a device goes. */
struct order {
	__u32 flags;		/* BPF_F_BEFORE or BPF_F_AFTER, of this program; 0: at the end */
	__u32 relative_id;
	__u32 prio;
};
int order_find(const struct attached_list *others, const struct attached *a, bool egress,
	       const struct skbext_attach_opts *opts, bool tcx, struct order *order);
/* Does this kernel have tcx? Negative: nobody can tell, or the device is gone. */
int tcx_offered(__u32 ifindex);
#define TCX(egress)	(46 + !!(egress))	/* BPF_TCX_INGRESS, _EGRESS: newer than some headers */

/* attach.c: one call of skbext_attach_file(). */
struct attach_job {
	struct skbext *sk;
	const struct skbext_attach_opts *opts;
	struct attached_list others;
	struct attached a;
	struct bpf_object *obj;
	struct bpf_program *prog[ATTACHED_PROGRAMS];	/* of a.program */
	unsigned int left_out;
	int cgroup;
	bool tcx;
	int map;
};

/* attach_choose.c: fills in .prog, .left_out and a.program, without ids. */
int attach_choose(struct attach_job *j);
const char *attach_base(const char *path);	/* without its directory */

/* netns.c */
int netns_own(__u64 netns[2]);
/*
 * This thread goes into that network namespace; *back is for netns_leave(). -ENOENT: no process
 * is in it, and it has no name.
 */
int netns_enter(const __u64 netns[2], int *back);
void netns_leave(int back);

#endif /* SKBEXT_ATTACH_H */
