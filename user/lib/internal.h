/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of the library share, floor by floor. Nothing here is exported. A file calls
 * files of its own floor, in no circle, and of those below it, which this list has above it:
 * tests/package/test_floors.sh reads it.
 *
 *	words: what the user is told
 *		error.c reason.c
 *	kernel: what it says, and what it is asked to do
 *		kernel.c cpus.c grace.c memcg.c btf_copy.c
 *	tables: a row a hook, a row a map
 *		hook_table.c map_table.c
 *	dir: directories, pins, and locks on them
 *		dir.c stop.c pin.c pin_link.c
 *	maps: the maps, and the types in them
 *		maps.c type_btf.c types.c ctl.c
 *	hooks: the lifecycle programs
 *		hook_offered.c watch.c explain.c hook_state.c hooks.c
 *	handle: from open to close, what one process does alone
 *		ops.c records.c status.c proof.c pin_open.c pin_loaded.c skbext.c
 *	lock: what is loaded belongs to one process at a time, and nothing of it is half replaced
 *		settle.c lock.c
 *	use: what is done with it
 *		by_address.c purge.c holders.c bound.c type_change.c
 *		late.c bind.c whole_file.c elf_check.c bind_file.c
 *		netns.c attached.c clsact.c attached_show.c detach.c order.c attach_choose.c attach.c
 *		hook_order.c replace.c unload.c
 */
#ifndef SKBEXT_INTERNAL_H
#define SKBEXT_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skbext/skbext.h>

#define ENOTSUPP	524	/* the kernel's own: not in <errno.h> */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define DIR_LEN		256
#define PATH_LEN	(2 * DIR_LEN)
#define MESSAGE_LEN	512
#define SKBEXT_REFS_LIMIT	(1U << 24)	/* counters of each type */

/* The maps of one skbext; all but the request are shared with bound objects. */
enum map_id { MAP_CTL, MAP_SLOTS, MAP_STATS, MAP_WATCH, MAP_REFS, MAP_REQUEST, MAP_NR };

struct prog_counts {
	__u64 missed;			/* runs that the kernel skipped */
	__u64 runs, run_time_ns;	/* while the kernel measures that */
};

struct hook_state {
	/* Of this process. Pinned programs are not kept open: they may be replaced. */
	struct bpf_link *link;
	int prog_fd;		/* of link, and its object's; -1: none */
	bool found;		/* pinned, and looked at */
	struct prog_counts counts;	/* at that time */
	int err;
	bool tried;
	int unseen;		/* why what is pinned could not be looked at */
};

#define MAX_HOOKS 40

struct skbext {
	char dir[DIR_LEN];
	struct skbext_open_opts asked;
	__u32 capacity, payload, refs;
	enum skbext_mode want;
	bool require_complete;
	bool all_hooks;			/* also those that no type needs */
	bool unpinned;			/* and will not be; dir is "" */
	bool limits;			/* types may have a max */

	int map[MAP_NR];		/* -1: not there */
	int prog_op;			/* -1 when it is pinned */
	int type_map[SKBEXT_MAX_TYPES];	/* carries a type's BTF; -1: none */
	struct skbext_ctl *ctl;		/* mmapped */
	char *reason;			/* of ctl, but for one that is to replace another */
	union {				/* mmapped too */
		char *slots;		/* SKBEXT_BYTES(): the gap, all fronts, all rests */
		struct skbext_state *state;	/* in the gap */
	};
	__u64 *counters;		/* of references: ctl->refs for each type */
	size_t slots_sz, ctl_sz, counters_sz;

	struct bpf_object *lifecycle;	/* of the mode that attached; NULL when opened from pins */
	struct bpf_object *ops;
	struct hook_state hooks[MAX_HOOKS];
	bool pinned;			/* close() leaves everything running */
	unsigned int set;		/* of lifecycle programs: SKBEXT_SETS */
};

/* ---- words */

/* error.c: set errno and skbext_errmsg(), return err. */
__attribute__((format(printf, 2, 3))) int fail(int err, const char *fmt, ...);
/* The last step of what cleans up behind an error. Returns err. */
int set_errno(int err);
/* The last error, while a cleanup may fail as well; fail_again() returns its err. */
struct failure { int err; char message[MESSAGE_LEN]; };
struct failure failure_keep(int err);
int fail_again(const struct failure *f);
/* The part of a message that explains an errno of the bpf() system call. */
const char *why_bpf(int err);
/* The same of bpf_object__load(), which says EIO or ESRCH where it could not read the kernel's BTF. */
const char *why_load(int err);
/*
 * libbpf does not always say that it had no descriptor left: so many must be
 * there before it begins.
 */
int need_files(unsigned int n);
/* For libbpf_set_print(): shows nothing, unless skbext_debug() is on. */
int object_quiet(enum libbpf_print_level level, const char *fmt, va_list args);

/*
 * reason.c: a reason why what is being loaded is not `complete`; it stays with
 * what is loaded. Call it between maps_create() and skbext_pin().
 */
__attribute__((format(printf, 2, 3))) void not_complete(struct skbext *sk, const char *fmt, ...);

/* ---- kernel (and cpus.h) */

/* kernel.c */
struct btf *vmlinux_btf(void);	/* NULL and errno: none that can be read; not the caller's to free */
int no_btf(int err);	/* of vmlinux_btf(); -EOPNOTSUPP */
bool preempts_softirqs(void);	/* PREEMPT_RT: hooks interrupt each other everywhere */
bool btf_is_vmlinux(__u32 btf_id);	/* the kernel's own, and not a module's */
int prog_id_get(int prog_fd, __u32 *id);	/* 0 or a negative errno */
__u32 prog_id_of(int prog_fd);	/* 0: it is none, or cannot be asked */
int map_info(int map_fd, struct bpf_map_info *info);	/* 0 or a negative errno */
struct prog_counts prog_counts(int prog_fd);

/* grace.c: all BPF programs that were running have ended. */
int grace(void);

/* memcg.c: -ENOMEM: a cgroup that this process is in has a limit below that. */
int memory_fits(__u64 bytes);

/* btf_copy.c: a BTF of its own for one type, in the kernel. */
int btf_load_type(const struct btf *src, __u32 type_id, __u32 *int_id, __u32 *loaded_id);

/* ---- tables */

/* hook_table.c */
enum hook_watched {		/* what of it is missed ends trust: watch.c */
	NOT_WATCHED, WATCHED,
	WATCHED_ON_RT,		/* only where softirqs are preempted */
};

struct hook_def {
	const char *name;	/* of its pins: the function's, but for a second program there */
	const char *function;	/* the kernel's, or its tracepoint */
	const char *prog;	/* our program at it */
	const char *kind;
	enum skbext_role role;
	enum skbext_mode mode;	/* SKBEXT_MODE_AUTO: both */
	bool optional;		/* a kernel without it has nothing to hook there */
	bool second;		/* program there; the next row is the first */
	enum hook_watched watched;
	__u32 dropped_with, kept_with;	/* POLICY, one of them: SKBEXT_F_ of the types */
};
const struct hook_def *hook_def(unsigned int n);	/* NULL behind the last */
const struct hook_def *hook_named(const char *name);	/* NULL: no such */
bool hook_in_mode(const struct hook_def *def, enum skbext_mode mode);
/* At this policy point a type with these flags has to be dropped. */
bool hook_drops(const struct hook_def *def, __u32 flags);

/* map_table.c */
const char *map_pin_name(enum map_id id);
struct bpf_map *map_in_object(const struct bpf_object *obj, enum map_id id);

/* ---- dir (and dir.h) */

/* stop.c */
int store_stop(const char *dir);	/* what is pinned there, whatever else is damaged */
bool store_can_stop(const char *dir);
int store_stopped(struct skbext *sk);	/* -ESTALE: programs find and add nothing any more */

/* pin.c: what DIR holds. */
int pin_put(int fd, const char *dir, const char *name);	/* -1: nothing to pin */
int pin_get(const char *dir, const char *name);	/* as bpf_obj_get(): an fd, or -1 and errno */
int pin_not_got(const char *dir, const char *name, int err);	/* why: the errno of pin_get() */
int pin_make_sub(const char *dir, const char *name, char *path, size_t size);
int pin_get_op(const struct skbext *sk);	/* a file descriptor, or an error and its message */
int damaged(const char *dir, const char *name);	/* -EUCLEAN: what is pinned there */
int pin_remove(int fd, const char *dir);
void pin_keep_modes(const char *from, const char *to);	/* whoever was let in stays in */
int pin_is_alone(const char *dir);	/* nothing else is in there; or a negative errno */
__u64 pin_number(const char *dir);	/* another one after a replace */
struct cleaned { int removed, foreign; };
/* Remove each DIR-new-N that something killed has left; nothing is loaded beside it. */
struct cleaned pin_clean(const char *dir);

/* pin_link.c */
bool pin_has_program(const char *dir, const char *hook);
/* The program of a pinned link, for its counters. -ENOENT: none; else it could not be looked at. */
int pin_link_prog(const char *dir, const struct hook_def *def);
int pin_wake(const char *dir, const char *hook);	/* attach a pinned program */
void pin_unlink_link(const char *dir, const char *hook);	/* detached when it returns */

/* ---- maps */

/* maps.c */
/* Bytes of the buckets for so many records. */
__u64 maps_bytes(__u32 capacity, __u32 payload);
/* As many as that would be made. */
bool maps_have(const struct skbext_ctl *ctl, __u32 capacity);
int maps_create(struct skbext *sk);
int maps_mmap(struct skbext *sk);
/* For munmap(). -EUCLEAN: it is not the array of skbext. */
int map_memory(const struct skbext *sk, enum map_id id, size_t *size, void *where);
void maps_close(struct skbext *sk);
int maps_bind(struct bpf_object *obj, const int *fds, const struct skbext_ctl *ctl);
int cfg_bind(const struct btf *btf, char *rodata, size_t size, const struct skbext_ctl *ctl,
	     const struct skbext_load *load);

/* type_btf.c */
int type_pin(struct skbext *sk, unsigned int id, const char *dir);
/* The map of a new type, under the name that it will have. NULL: it has none. */
int type_keep_btf(struct skbext *sk, unsigned int id, const char *name, const struct btf *btf,
		  __u32 type_id);
/* The map of a type that is known, and has none yet. Returns its id. */
int type_adopt_btf(struct skbext *sk, int id, const struct btf *btf, __u32 type_id);
void type_drop_btf(struct skbext *sk, unsigned int id);

/* types.c */
static inline bool type_is_there(const struct skbext_type_info *t)
{
	return t->name[0] && !t->removed;
}
bool type_name_is_valid(const char *name);
__u32 types_room(const struct skbext_ctl *ctl);	/* bytes of an object that types have taken */
__u8 types_taken(const struct skbext_ctl *ctl);	/* a bit for each */
/* The types that type_enter() would refuse: a type that is known otherwise, or that has no room. */
int type_check(struct skbext *sk, const char *name, __u32 size, __u32 flags);
/* Returns its id. Its hooks are attached, and type_check() agrees. */
int type_enter(struct skbext *sk, const char *name, __u32 size, __u32 flags,
	       const struct btf *btf, __u32 type_id);
void type_forget(struct skbext *sk, unsigned int id);
void types_forget_but(struct skbext *sk, __u8 known);	/* those registered since */
void types_use(struct skbext *sk, __u8 types);	/* from now on their places are theirs for good */
void type_set_max(struct skbext *sk, int id, __u32 max);

/* ctl.c */
int need_loaded(const struct skbext *sk);	/* -EINVAL: it has no maps yet */
/* The numbers of a control map that is pinned are those that load and bind write. */
bool ctl_is_whole(const struct skbext_ctl *ctl);

/* ---- hooks */

/* hook_offered.c */
/* This kernel, its modules included, has it, and skbext wants it there. */
bool hook_offered(const struct hook_def *def);
bool births_in_sight(void);	/* this kernel allows the tracepoint mode */

/*
 * watch.c: tell the lifecycle programs, loaded and not attached yet,
 * which of the kernel's programs they are.
 */
int watch_learn(struct skbext *sk);

/* explain.c: why this hook cannot be had, into the reason */
void hook_explain(struct skbext *sk, const struct hook_def *def, int err);
/* How many programs but these two are there, loaded for that hook, and the names of the first. */
unsigned int hook_others(const struct hook_def *def, int own_fd, int second_fd, char *names, size_t size);

/* hook_state.c */
bool hook_is_idle(const struct skbext *sk, const struct hook_def *def);
bool hook_is_there(struct skbext *sk, unsigned int n);
int hook_seen(struct skbext *sk, unsigned int n);
int hook_second(unsigned int n);	/* the row of its second program; -1: it has none here */
int hook_shown(unsigned int n);	/* the nth that users see; -1: no more */
void hooks_look(struct skbext *sk);	/* at the pinned links */
int hooks_seen(struct skbext *sk);	/* an error: one of them could not be looked at */
/* Adds the runs that the kernel skipped, by enum skbext_role. */
void hooks_missed(struct skbext *sk, __u64 *by_role);
/*
 * The first hook of the mode that is not attached and should be, one that only looks at fates after
 * all others; NULL: none.
 */
const struct hook_def *hooks_missing(struct skbext *sk, enum skbext_mode mode);
/* The first whose program is pinned, as all are that load attaches, and whose link is not. */
const struct hook_def *hooks_lost(struct skbext *sk);

/* hooks.c */
int hooks_load(struct skbext *sk, enum skbext_mode mode);
int hooks_attach(struct skbext *sk);
/* Attach what this type, with its policy, needs. */
int hooks_wake(struct skbext *sk, const char *type, __u32 flags);
void hooks_detach(struct skbext *sk);
bool hooks_silenced(void);
void hooks_explain(struct skbext *sk, int err);	/* why exact failed: into the reason */

/* ---- handle */

/* ops.c */
int ops_load(struct skbext *sk);
struct skbext_request;
int ops_request(struct skbext *sk, struct skbext_request *rq);	/* the caller has the lock */
/* Run request() while owners of records know that another may change them. */
int ops_meddle(struct skbext *sk, int (*request)(struct skbext *sk, void *arg), void *arg);

/* records.c */
void store_kill(struct skbext *sk);

/*
 * proof.c: programs attached in the exact mode fire. One that does not goes into the reason, and so
 * does what kept it from looking.
 */
void proof_run(struct skbext *sk);

/* pin_open.c */
int pin_open(struct skbext *sk);

/* pin_loaded.c */
int pin_check_free(const char *dir);	/* -EEXIST: something is loaded there */
int pin_programs(struct skbext *sk, const char *dir);	/* maps and types too */
int pin_links(struct skbext *sk, const char *dir);
void pin_forget_programs(struct skbext *sk);

/* skbext.c: proves what is attached; what it finds missing goes into the reason. */
void find_reasons(struct skbext *sk);

/* ---- lock */

/*
 * settle.c: end what a replace that was killed has left. The caller has the lock on the directory, in
 * all of these.
 */
int settle(struct skbext *sk);
int settle_place(const struct skbext *sk);	/* the set that is in place */
/* From now on that one counts. Returns the other one, or an error. */
int settle_arm(struct skbext *sk);
/* Detach what is pinned in DIR-new-N, which fd has the lock on, and remove it. */
int settle_retire(struct skbext *sk, unsigned int set, int fd, const char *path);

/*
 * lock.c: a lock on the directory of what is loaded, and sees that it is still what is loaded there,
 * and that no killed replace has left anything. An fd, which close() ends.
 */
int pin_lock(struct skbext *sk);
int pin_lock_alone(struct skbext *sk);	/* whatever a killed replace has left */
int lock_pinned(struct skbext *sk, int *lock);	/* pin_lock() if it is pinned, for unlock() */
void unlock(int lock);

/* ---- use (and attach.h, bind.h, bound.h, elf_check.h, whole_file.h) */

/*
 * hook_order.c: -EBUSY: a bound program is attached at a hook where it matters that ours, which came
 * first, are not attached anew.
 */
int order_check(struct skbext *sk);

/* purge.c: take these types, which no program uses, of all records. The caller has the lock. */
int records_strip(struct skbext *sk, __u8 types);

/* type_change.c: type_check(), the hooks, type_enter(). The caller has the lock. */
int type_register(struct skbext *sk, const char *name, __u32 size, __u32 flags,
		  const struct btf *btf, __u32 type_id);

#endif /* SKBEXT_INTERNAL_H */
