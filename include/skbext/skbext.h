/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libskbext: load, inspect and feed skbext from user space.
 *
 *	struct skbext *sk = skbext_open(NULL);
 *	if (!sk || skbext_load(sk) || skbext_attach(sk) || skbext_pin(sk))
 *		fprintf(stderr, "%s\n", skbext_errmsg());
 *	skbext_close(sk);		// what is pinned lives on
 *
 * Errors: functions return 0 (or what they say) or a negative errno, pointers are NULL; errno is
 * set as well, and skbext_errmsg() says in one line what, why and what to do. The library never
 * prints and never exits.
 * Threads: a handle belongs to one thread at a time. Every function that changes a pinned skbext
 * takes a lock on its directory, so processes do not get into each other's way.
 */
#ifndef SKBEXT_H
#define SKBEXT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <skbext/layout.h>

#define SKBEXT_API		__attribute__((visibility("default")))
#define SKBEXT_DEFAULT_BPFFS	"/sys/fs/bpf/skbext"
#define SKBEXT_DEFAULT_CAPACITY	65536
#define SKBEXT_DEFAULT_PAYLOAD	128
#define SKBEXT_DEFAULT_REFS	1024

struct skbext;			/* one skbext: being set up, or loaded and pinned */
struct bpf_object;

enum skbext_mode {
	SKBEXT_MODE_AUTO,	/* exact if its hooks attach, else tracepoint */
	SKBEXT_MODE_EXACT,	/* fentry where the kernel itself drops and shares extensions */
	SKBEXT_MODE_TRACEPOINT,	/* kfree_skb, consume_skb, purging by slab: clones not followed */
};

enum skbext_guarantee {
	SKBEXT_GUARANTEE_NONE,		/* not loaded, or hooks are gone */
	SKBEXT_GUARANTEE_PARTIAL,
	SKBEXT_GUARANTEE_COMPLETE,
};

enum skbext_role {
	SKBEXT_ROLE_RELEASE,	/* the skb ends: so does its record */
	SKBEXT_ROLE_SHARE,	/* a copy of the skb: it shares the record */
	SKBEXT_ROLE_POLICY,	/* the kernel drops its extensions here; types may stay */
	SKBEXT_ROLE_PURGE,	/* an skb is born: nothing may be found under its address */
	SKBEXT_ROLE_FATE,	/* dropped or consumed: counted */
	SKBEXT_ROLE_WATCH,	/* sees that others were skipped, or are gone */
};

struct skbext_open_opts {
	size_t sz;		/* of this struct: new fields do not break old callers */
	const char *bpffs_dir;	/* where to pin; NULL: SKBEXT_DEFAULT_BPFFS */
	__u32 capacity;		/* records to make room for; 0: SKBEXT_DEFAULT_CAPACITY */
	/* Bytes for all types of one object, at most 2040; 0: SKBEXT_DEFAULT_PAYLOAD. */
	__u32 payload;
	enum skbext_mode mode;
	/* skbext_attach() fails with -EOPNOTSUPP where it could be no more than partial. */
	bool require_complete;
	__u32 refs;		/* counters of each counted type; 0: SKBEXT_DEFAULT_REFS */
	bool unpinned;		/* ends with the handle; bpffs_dir is not looked at */
	bool limits;		/* types may get a max: skbext_type_limit() */
};

/**
 * skbext_open - prepare a new skbext; the kernel is not touched yet
 * @opts: NULL: all defaults
 * Returns: a handle, to be ended with skbext_close(). NULL: -EINVAL (capacity, payload or mode out
 * of range), -ENOMEM.
 */
SKBEXT_API struct skbext *skbext_open(const struct skbext_open_opts *opts);

/**
 * skbext_open_pinned - a handle on the skbext that is loaded
 * @bpffs_dir: NULL: SKBEXT_DEFAULT_BPFFS
 * Returns: a handle. NULL: -ENOENT (not loaded), -EPERM, -ESTALE (pinned by another version of
 * skbext: layout differs), -EUCLEAN (pins are missing or damaged), -ENODEV (no bpffs), -ENOTDIR, -ELOOP
 * (a file or a link is there).
 */
SKBEXT_API struct skbext *skbext_open_pinned(const char *bpffs_dir);

/**
 * skbext_load - make the maps and load the programs
 * Returns: 0. -EPERM, -EOPNOTSUPP (no BTF, or mode exact is not to be had), -ENOMEM, -EAGAIN (the
 * kernel refused a first trial; maps would have no names).
 */
SKBEXT_API int skbext_load(struct skbext *sk);

/**
 * skbext_attach - attach the lifecycle programs, all that the mode needs or none
 * Mode auto becomes exact or tracepoint here, by trying.
 * Returns: 0. -EPERM, -EOPNOTSUPP (require_complete, or mode exact is not to be had).
 */
SKBEXT_API int skbext_attach(struct skbext *sk);

/**
 * skbext_pin - keep maps, programs and links under the handle's directory beyond this process
 * A bpffs is mounted on /sys/fs/bpf if nothing is. On failure nothing stays pinned.
 * Returns: 0. -EEXIST (an skbext is pinned there), -ENODEV (no bpffs there), -EPERM.
 */
SKBEXT_API int skbext_pin(struct skbext *sk);

/**
 * skbext_replace - put this library's programs in place of those that are loaded
 * @sk: what skbext_open() has just made, for the directory where it is loaded
 * For a newer skbext of the same layout. Maps, records, types and bound programs stay; no packet
 * passes without hooks, and nothing is ended. The new programs are proved before the old ones go.
 * Capacity, payload, refs and mode are those that are loaded: others are refused, 0 is any. A process
 * that is killed in the middle leaves the old or the new, whole; the next call that takes the lock on
 * the directory removes what is left of the others. The directory is another one after that.
 * Counters of skipped runs (missed_hooks and its parts) begin at 0 again, as programs have them.
 * Returns: 0: @sk is as skbext_open_pinned() gives it. -ENOENT: nothing is loaded. -ESTALE: it has
 * another layout, and skbext_errmsg() names the programs that must be bound again; it is stopped, or
 * one of its hooks is gone. -EINVAL: other options than those that are loaded. -EBUSY: a bound
 * program is attached at a function or tracepoint of the hooks, where the order of programs matters:
 * skbext_errmsg() names it. -EOPNOTSUPP: the guarantee would be less. -EEXIST: files of others are in
 * the directory. -EPERM: this takes CAP_SYS_ADMIN. After an error what was loaded is as before.
 */
SKBEXT_API int skbext_replace(struct skbext *sk);

/**
 * skbext_unpin - detach and remove what is pinned under a directory, also what is damaged or of
 * another version
 * @bpffs_dir: NULL: SKBEXT_DEFAULT_BPFFS. Only names that skbext pins are removed.
 * Returns: 1: removed, 0: there was nothing. Programs that were bound keep their maps, where
 * nothing is added to or freed any more. -EPERM, -ELOOP: what is there is somebody else's, or a
 * link, and was not touched. -EBUSY: another process holds a lock on it. Other errors: the programs
 * that are bound could not be stopped, and nothing was removed.
 */
SKBEXT_API int skbext_unpin(const char *bpffs_dir);
/**
 * skbext_unpin_unused - the same, unless programs are bound (skbext_for_each_bound())
 *
 * A program that was just detached is given a second to end.
 * Returns: also -EBUSY: skbext_errmsg() names one that is bound, or what is attached by
 * skbext_attach_file(). -EPERM: it could not look, which
 * takes CAP_SYS_ADMIN. Nothing was changed then.
 */
SKBEXT_API int skbext_unpin_unused(const char *bpffs_dir);
/**
 * skbext_unpin_force - the same, and removes also what could not be stopped
 *
 * Programs that are bound may then find what earlier packets had.
 */
SKBEXT_API int skbext_unpin_force(const char *bpffs_dir);

/**
 * skbext_close - end a handle; NULL is legal. An skbext that is not pinned is detached and gone.
 * errno stays as it was.
 */
SKBEXT_API void skbext_close(struct skbext *sk);

/**
 * skbext_bind - give each SKBEXT_TYPE of an object its place in the loaded skbext
 * @obj:       opened, not yet loaded
 * @bpffs_dir: NULL: SKBEXT_DEFAULT_BPFFS
 * A type that nobody named before is registered with the size, policy and BTF of @obj; all or none
 * of them.
 * Returns: 0. -ENOENT (not loaded), -EEXIST (a type is known with another size or policy), -ENOSPC
 * (a ninth type, or no room in the payload), -EINVAL (@obj has no SKBEXT_TYPE or no BTF, was linked
 * of several, or adds where packets have ended), -EBUSY (@obj is loaded already), -ESTALE (@obj or
 * what is loaded is of another version of skbext, or what is loaded is stopped: a hook is gone, or
 * an unload did not end).
 */
SKBEXT_API int skbext_bind(struct bpf_object *obj, const char *bpffs_dir);

/**
 * skbext_bind_to - the same with an skbext of this process, which need not be pinned
 * @sk: loaded; it must outlive the programs of @obj
 * Returns: 0, or what skbext_bind() returns. -EINVAL: @sk is not loaded.
 */
SKBEXT_API int skbext_bind_to(struct skbext *sk, struct bpf_object *obj);

/**
 * skbext_bind_file - skbext_bind() for loaders that know nothing of skbext: write a bound copy of an
 * object file
 * @in, @out: paths; may be the same. Load @out with the maps of skbext_map_pin() in place of its
 *            own. It is as long as they are large, most of it a hole, because loaders take the map
 *            of a section for as large as the section.
 * What was written holds for this load: the verifier refuses it with the maps of another, or with
 * only some of this one's.
 */
SKBEXT_API int skbext_bind_file(const char *in, const char *out, const char *bpffs_dir);

/**
 * skbext_map_pin - the maps a bound object shares with skbext
 * @n: 0, 1, ... @map_name, @pin: set to the map's name in the object and its file name under the
 *     directory.
 * Returns: 0; -ENOENT: no more.
 */
SKBEXT_API int skbext_map_pin(unsigned int n, const char **map_name, const char **pin);

enum skbext_direction {
	SKBEXT_BY_SECTION,	/* as in SEC("tcx/egress") */
	SKBEXT_INGRESS,
	SKBEXT_EGRESS,
};

#define SKBEXT_MAX_PRIO		65535

/* What is left 0 is not asked for. A name and at least one place are needed. */
struct skbext_attach_opts {
	size_t sz;		/* of this struct: new fields do not break old callers */
	const char *name;	/* for skbext_detach(): 1 to 31 letters, digits, _ and - */
	/* Ends with a NULL. These and no others, in any direction. NULL: all that fit a place. */
	const char *const *programs;
	/* The places: for programs of tc, of cgroup_skb, and for fentry, tp_btf, kprobe and their kin. */
	const char *dev;	/* in the caller's network namespace */
	const char *cgroup;	/* a directory of cgroup v2 */
	bool tracing;
	enum skbext_direction direction;
	/* At dev, one of the three. */
	const char *before, *after;	/* a program there: its name or id */
	/* Lower runs first among those of skbext; 1 to SKBEXT_MAX_PRIO, and 0: after the others. */
	__u32 prio;
};

/**
 * skbext_attach_file - bind an object file, load it, and keep its programs attached beyond this
 * process
 * @file: bound or not. @opts: where; @opts->sz is to be set before.
 * @bpffs_dir: NULL: SKBEXT_DEFAULT_BPFFS. The pins are below it, and unload refuses while they are.
 * At a device it takes tcx, or where the kernel has none, a filter of clsact. A place that has gone
 * takes what was attached there with it.
 * Returns: how many programs of the object were left out, because they fit no place or were not
 * named. On failure nothing of it is attached or pinned, and types that it registered are gone.
 * Errors as skbext_bind(), and -EEXIST (something of that name is attached), -ENOENT (no file, no
 * program fits, or none of that name), -ENODEV (no such device), -EINVAL (options that contradict
 * each other, or no direction is given), -ERANGE (no priority is left there), and what the kernel
 * says when it refuses to load or to attach a program.
 */
SKBEXT_API int skbext_attach_file(const char *file, const struct skbext_attach_opts *opts,
				  const char *bpffs_dir);

/**
 * skbext_detach - end what skbext_attach_file() has attached under that name
 * @name: NULL: all of it, also what a killed process has left
 * A device or cgroup that has gone is not an error.
 * Returns: 0. -ENOENT (no such name, or not loaded), -EPERM and others: what is not detached yet
 * stays known, and can be tried again.
 */
SKBEXT_API int skbext_detach(const char *name, const char *bpffs_dir);

/* One program of skbext_attach_file(), as skbext_for_each_attached() shows it: until @fn returns. */
struct skbext_attached {
	size_t sz;		/* of this struct: the fields that the library knows */
	const char *name;	/* for skbext_detach(); several programs may have it */
	const char *file;	/* the object's path, as it was then */
	const char *program, *section;
	__u32 id;		/* the kernel's, of the program */
	const char *how;	/* "tcx", "clsact", "cgroup" or "tracing" */
	const char *dev;	/* NULL: not at a device */
	__u64 netns;		/* inode of the device's network namespace */
	const char *cgroup;	/* NULL: not at a cgroup */
	enum skbext_direction direction;	/* SKBEXT_BY_SECTION: it has none */
	__u32 prio;		/* at a device */
	bool gone;		/* its device or cgroup has gone, or somebody else detached it */
};

/**
 * skbext_for_each_attached - call @fn for every program of skbext_attach_file()
 * Those of one name follow each other. Stops when @fn returns other than 0.
 * Returns: what @fn returned last, or 0; nothing is loaded: 0. -EPERM.
 */
SKBEXT_API int skbext_for_each_attached(const char *bpffs_dir,
					int (*fn)(const struct skbext_attached *attached, void *arg),
					void *arg);

/**
 * skbext_type_add - register a type, as `load --type` does
 * @size: bytes of payload. @flags: SKBEXT_F_* or'ed.
 * Returns: the type's id, 0 to 7. A type that is known with the same size and policy: its id.
 * Errors as skbext_bind().
 */
SKBEXT_API int skbext_type_add(struct skbext *sk, const char *name, __u32 size, __u32 flags);

/**
 * skbext_type_limit - at most so many records at one time have this type, as `load --type NAME:SIZE,max=N`
 * @name: registered, and not bound or added yet. @max: 1 to the capacity.
 * Records are sk_buffs that carry the type: a clone counts, and so does one that waits for its end
 * after a release was missed. An add beyond the max fails as in a full table, counted as add_limited;
 * a clone beyond it lacks the type, counted as share_limited. Other types go on. Where no type has a
 * max, this costs nothing; operations on one that has are calls.
 * Returns: 0, also if it has this max already. -EINVAL (out of range), -ENOENT (unknown type),
 * -EOPNOTSUPP (loaded without opts.limits), -EEXIST (it has another max), -EBUSY (it is in use).
 */
SKBEXT_API int skbext_type_limit(struct skbext *sk, const char *name, __u32 max);

/**
 * skbext_type_remove - forget a type that no program uses
 * @sk: pinned
 * All records lose it first, as by skbext_del(). A type that was ever bound, or added by
 * skbext_add(), keeps its id and its part of the payload until all is unloaded, since what was bound
 * to it may be loaded at any time; registered again with the same size and policy it gets them back.
 * Returns: 0. -ENOENT (unknown type), -EBUSY (a program uses it: skbext_errmsg() names it), -EPERM
 * (it could not look, which takes CAP_SYS_ADMIN), -EINVAL (not pinned).
 */
SKBEXT_API int skbext_type_remove(struct skbext *sk, const char *name);

/**
 * skbext_type_get - a registered type
 * @id: 0 to 7. @info: filled in.
 * Returns: 0. -ENOENT: not taken.
 */
SKBEXT_API int skbext_type_get(struct skbext *sk, unsigned int id, struct skbext_type_info *info);

/** skbext_type_find - the id of a type by name. -ENOENT: unknown. */
SKBEXT_API int skbext_type_find(struct skbext *sk, const char *name);

struct btf;
/**
 * skbext_type_btf - the BTF of a type's payload
 * @type_id: set to the payload's type in it. The caller frees the result with btf__free(). NULL:
 *           -ENOENT: it has none. -EPERM, -EMFILE, -ENOMEM and others: it cannot be read.
 */
SKBEXT_API struct btf *skbext_type_btf(struct skbext *sk, unsigned int id, __u32 *type_id);

/**
 * skbext_add - make a type active on the skb at a kernel address and write its payload
 * @skb:  the address, as printed by dump. It is not checked that an skb lives there: what is added
 *        to an address that is not an skb stays until it is deleted.
 *        It must not be freed meanwhile: only who holds an skb can say to which packet an address
 *        belongs.
 * @data: @len bytes, at most the type's size; the rest is 0
 * Runs as a BPF program: whole or not at all, also when the caller is killed.
 * Returns: 0. -EFAULT (no kernel address, or not aligned), -ENOENT (unknown type), -E2BIG (@len),
 * -ENOSPC (no room), -ESTALE (what is loaded is stopped, as in skbext_bind()).
 * -ENOENT: the skb ended meanwhile, too.
 * -EBUSY: it shares its payloads with clones, which only a BPF program that owns it can unshare; or
 * its owner changed its record all the while.
 * While it runs, some ten milliseconds, all packets' records are slower to add, delete and end.
 * -EOPNOTSUPP: a type with SKBEXT_F_COUNTED; only a BPF program can take references.
 */
SKBEXT_API int skbext_add(struct skbext *sk, __u64 skb, const char *type, const void *data,
			  size_t len);

/**
 * skbext_find - read a payload
 * @buf: at most @len bytes are written
 * Returns: the type's size. -ENODATA: not active on this skb; else as skbext_add().
 */
SKBEXT_API int skbext_find(struct skbext *sk, __u64 skb, const char *type, void *buf, size_t len);

/**
 * skbext_del - take a type from an skb; @type NULL: all types
 * Returns: 0. -ENODATA: not active on this skb; else as skbext_add().
 */
SKBEXT_API int skbext_del(struct skbext *sk, __u64 skb, const char *type);

/**
 * skbext_purge - end all records that were made before the last release was missed
 * @ended: set to how many there were; NULL: not wanted
 * No program finds such a record, and it goes by itself only when an sk_buff at its address ends.
 * Until then it holds a place, and the references of its counted types. What is trusted stays.
 * When a hook is gone all are distrusted, and all end. It waits until the programs that run have
 * ended, as synchronize_rcu() does. Packets may come and go meanwhile; an add, a del or the drop
 * of a policy on a record that is made at the very moment when purge reads it may change nothing,
 * as when skbext_del() comes between.
 * In the tracepoint mode a record may also stay because its free left no trace. That one is
 * trusted, its sk_buff lies in a cache, and nothing tells it from a packet that waits: it is not
 * ended here, whatever its age, but when the sk_buff is handed out again.
 * Returns: 0. -EPERM, -ENOENT (unloaded meanwhile), -EINVAL (not loaded).
 */
SKBEXT_API int skbext_purge(struct skbext *sk, __u64 *ended);

/* One record, as skbext_for_each() shows it: a copy, good until the next one. */
struct skbext_record {
	__u64 skb;		/* kernel address */
	__u8 active;		/* bit n: the type with id n */
	bool shared;		/* other records use the same object */
	__u32 refs;		/* how many, itself included */
	__u32 object;		/* number of the object: equal for those who share it */
	const void *payload;	/* of the object; a type's is at its offset */
	/*
	 * Another, if the record that was seen at this address has ended and this one followed it
	 * there. The same says so only of a record that was added, at the first place of its bucket.
	 */
	__u64 turn;
};

/**
 * skbext_for_each - call @fn for every record; stops when it returns other than 0
 * Reads through mmap, no system call per record. Records come and go meanwhile; each is seen at
 * most once.
 * Returns: what @fn returned last, or 0.
 */
SKBEXT_API int skbext_for_each(struct skbext *sk,
			       int (*fn)(const struct skbext_record *rec, void *arg), void *arg);

/*
 * A __u64 for each row of SKBEXT_STATS() in layout.h, which says what it counts.
 * adds + shares = releases + dels_emptied + live, when nothing is under way.
 */
#define __SKBEXT_STAT_COUNT(NAME, field, help)	__u64 field;
#define __SKBEXT_STAT_SUM(field, help)		__u64 field;
#define __SKBEXT_STAT_GAUGE(field, unit, help)	__u64 field;
struct skbext_stats {
	size_t sz;
	SKBEXT_STATS(__SKBEXT_STAT_COUNT, __SKBEXT_STAT_SUM, __SKBEXT_STAT_GAUGE)
	/* By the type's id. A record with several types is one of live and counts for each of them. */
	__u64 type_live[SKBEXT_MAX_TYPES];
	__u64 type_add_failed[SKBEXT_MAX_TYPES];	/* of add_failed */
	__u64 type_add_limited[SKBEXT_MAX_TYPES];	/* of add_limited */
};

/** skbext_stats - counters; set @stats->sz before. Returns: 0. */
SKBEXT_API int skbext_stats(struct skbext *sk, struct skbext_stats *stats);

/**
 * skbext_refs - a counter of a type with SKBEXT_F_COUNTED
 * @held: set to how many references the objects of all packets hold to @id
 * Returns: 0. -ENOENT (unknown type), -EINVAL (not counted, or no such counter).
 */
SKBEXT_API int skbext_refs(struct skbext *sk, const char *type, __u32 id, __u64 *held);

struct skbext_hook {
	size_t sz;
	const char *name;	/* the kernel function or tracepoint */
	const char *kind;	/* "fentry" or "tp_btf" */
	enum skbext_role role;
	enum skbext_mode mode;	/* the mode that uses it; AUTO: both */
	bool offered;		/* this kernel has it */
	bool attached;
	__u64 missed;		/* recursion_misses */
	int err;		/* negative errno: why it is not attached although offered */
	/* Not attached, because no type needs it; the first one that does attaches it. */
	bool idle;
	char others[64];	/* skbext_probe() only: programs of others there, by name and id */
	bool tried;		/* this process tried to attach it; 0 in .err: it could */
	/* While the kernel measures that (kernel.bpf_stats_enabled, bpf_enable_stats()). */
	__u64 runs;
	__u64 run_time_ns;
};

/**
 * skbext_hook - one hook
 * @n: 0, 1, ...: those of all modes. @hook->sz is to be set before.
 * Returns: 0. -ENOENT: no more.
 */
SKBEXT_API int skbext_hook(struct skbext *sk, unsigned int n, struct skbext_hook *hook);

struct skbext_status {
	size_t sz;
	enum skbext_mode mode;		/* never AUTO once attached */
	enum skbext_guarantee guarantee;
	/* All hooks of the mode are attached, nothing missed, nothing refused for want of room. */
	bool healthy;
	__u32 capacity;
	__u32 payload;			/* bytes of an object */
	__u32 payload_used;
	__u32 version;			/* of the pinned layout */
	__u64 ctl;			/* kernel address of struct skbext_ctl, for tracers */
	/* Why the guarantee is not complete, in one line; "": it is. */
	char reason[SKBEXT_REASON_LEN];
};

/** skbext_status - what holds; set @status->sz before. Returns: 0. */
SKBEXT_API int skbext_status(struct skbext *sk, struct skbext_status *status);

/* A program that uses what is loaded, as skbext_for_each_bound() shows it: until @fn returns. */
struct skbext_bound {
	size_t sz;		/* of this struct: the fields that the library knows */
	__u32 id;		/* the kernel's, of the program */
	__u32 prog_type;	/* enum bpf_prog_type */
	const char *name;
	__u8 tag[8];
	const __u32 *pids;	/* of processes that have it or its link open */
	unsigned int nr_pids;
	const char *pin;	/* NULL: none found in what is mounted here */
	bool types_known;
	__u8 types;		/* bit n: its object uses the type with id n */
};

/**
 * skbext_for_each_bound - call @fn for every program that is bound to what is loaded
 * @bpffs_dir: NULL: SKBEXT_DEFAULT_BPFFS. It may be damaged or of another version.
 * These are the programs that hold its maps, but for its own. An object that was bound and is not
 * loaded yet is not among them. Stops when @fn returns other than 0.
 * Returns: what @fn returned last, or 0. -ENOENT: not loaded. -EPERM: it could not look, which takes
 * CAP_SYS_ADMIN.
 */
SKBEXT_API int skbext_for_each_bound(const char *bpffs_dir,
				     int (*fn)(const struct skbext_bound *bound, void *arg),
				     void *arg);

/**
 * skbext_probe - what would load on this kernel: tries to attach every hook and lets go again
 * @hook, @arg: called for every hook, with .offered, .attached (it would) and .err
 * @status: what `load` would come to: mode, guarantee and reason; @status->sz is to be set before
 */
SKBEXT_API int skbext_probe(int (*fn)(const struct skbext_hook *hook, void *arg), void *arg,
			    struct skbext_status *status);

/** skbext_errmsg - the last error of this thread in one line: what, why, what to do. Never NULL. */
SKBEXT_API const char *skbext_errmsg(void);

/** skbext_debug - from now on, what libbpf and the kernel's verifier say goes to stderr, or not */
SKBEXT_API void skbext_debug(bool on);

/** Names for people and JSON: "exact", "partial", "release" ... */
SKBEXT_API const char *skbext_mode_name(enum skbext_mode mode);
SKBEXT_API const char *skbext_guarantee_name(enum skbext_guarantee guarantee);
SKBEXT_API const char *skbext_role_name(enum skbext_role role);

#ifdef __cplusplus
}
#endif

#endif /* SKBEXT_H */
