/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shared by the commands of `skbext`. A command is one cmd_x.c and one word in CLI_COMMANDS(): it
 * reads its options with cli_getopt(), does its work through the public API and returns an exit
 * status. Results go to stdout, as text or with --json as one JSON value; an error is one line on
 * stderr: "skbext: cannot <do>: <why>; <what to do>".
 */
#ifndef SKBEXT_CLI_H
#define SKBEXT_CLI_H

#include <getopt.h>
#include <jansson.h>
#include <skbext/skbext.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#ifndef SKBEXT_VERSION
#define SKBEXT_VERSION "0.1"
#endif

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
};

/* --help, the man page and the shells' completion are made of these. */
struct cli_option {
	const char *name;	/* without its dashes */
	int val;		/* what cli_getopt() returns: CLI_OPT_OWN and above */
	const char *metavar;	/* "SECONDS"; "[SECONDS]": may be left out; NULL: it has no value */
	const char *help;	/* what it does, its unit and its default; a line break is one */
};

struct command {
	const char *name;
	int (*fn)(int argc, char **argv);	/* argv[0] is the command's name */
	const char *args;	/* behind the options: "SKB TYPE"; what is no capital is meant as it is */
	const char *help;	/* one line */
	const struct cli_option *options;	/* of its own, up to one without a name; or NULL */
};

/* Each cmd_x.c defines its own; in the order in which help lists them. */
#define CLI_COMMANDS(X) \
	X(load) X(unload) X(status) X(doctor) X(stats) X(top) X(dump) X(add) X(find) X(del) X(purge) \
	X(demo) X(bench) X(trace) X(bind) X(attach) X(detach) X(type) X(metrics)
#define CLI_DECLARE(name)	extern const struct command cmd_##name;
CLI_COMMANDS(CLI_DECLARE)

/* main.c: all of them; NULL after the last. */
extern const struct command *const cli_commands[];
/* NULL: there is none of this name. */
const struct command *cli_find_command(const char *name);

/* options.c: the command that runs; NULL until it is known. */
extern const struct command *cli_current;

/* Options that every command takes. */
struct cli_common {
	const char *bpffs;	/* NULL: the library's default */
	bool json;		/* with --jsonl too, see cli_print_list() */
};

enum {
	CLI_OPT_JSON = 0x100,
	CLI_OPT_JSONL,
	CLI_OPT_BPFFS,
	CLI_OPT_HELP,
	CLI_OPT_DEBUG,
	CLI_OPT_OWN,		/* a command's own options count from here */
};

/*
 * The next of the command's own options, -1 after the last, with optind at the first argument.
 * Takes the common options itself. Wrong usage ends the process with CLI_USAGE, --help with
 * CLI_DONE.
 */
int cli_getopt(int argc, char **argv, struct cli_common *common);

/* For commands without options of their own: the arguments, min to max of them. */
char **cli_args(int argc, char **argv, int min, int max, struct cli_common *common);

/* After cli_getopt(): wrong usage unless min to max arguments are left. */
void cli_want_args(int argc, int min, int max);

/* help.c: all commands; one; and what is made of the tables: "bash", "zsh", "scdoc". -1: no such. */
void cli_print_usage(FILE *to);
void cli_print_command_usage(const struct command *command);
int cli_print_tables(const char *format);

/* "skbext: " and one line on stderr, whatever is in it. Returns CLI_FAILED. */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "skbext: cannot <do>: " and what the library says. Returns CLI_FAILED. */
int cli_lib_error(const char *action);

/* The same for what the command line got wrong: says why, points to --help. Never returns. */
void cli_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A handle on the loaded skbext, or NULL and the error is printed. */
struct skbext *cli_open(const struct cli_common *common, const char *action);

/*
 * Names of files, devices and programs are any bytes: what is not text for a terminal and for JSON becomes
 * '?'. cli_json_text() makes a new value of a copy.
 */
void cli_clean_text(char *text);
json_t *cli_json_text(const char *text);

/* A member that is text; "": there is none, or it is another kind. */
const char *cli_member(const json_t *object, const char *key);

/* Print and free a JSON value, with --jsonl in one line. Returns CLI_DONE. */
int cli_print_json(json_t *value);

/* The same; with --jsonl only the items of the list of this name, one line each. */
int cli_print_list(json_t *value, const char *list);

/* --jsonl was given: each object is one line. */
extern bool cli_lines;

/* libbpf.c: --debug was given. From cli_libbpf_words() on, libbpf's words are shown with it alone. */
extern bool cli_debug;
void cli_libbpf_words(void);
/* Why an object was not loaded; -EAGAIN: it was, but its data is not mapped. May be a static buffer. */
const char *cli_why_load(int err);

/*
 * library.c: loads the first of these files that there is, and sets each pointer to its function; both lists
 * end with NULL. Returns NULL, or what is wrong with the library: "is not installed".
 */
struct cli_function {
	const char *name;
	void *at;	/* a pointer to that function */
};

const char *cli_load_library(const char *const *files, const struct cli_function *functions);

/* clock.c: seconds; the second one only ever goes on. */
double cli_clock(clockid_t clock);
double cli_now(void);

/* wait.c: SIGINT and SIGTERM end the command from now on only where it waits for that. */
void cli_expect_interrupt(void);
bool cli_interrupted_within(double seconds);

/*
 * progress.c: from now on tell, each second, on a terminal alone, that this is being done; NULL: it is
 * done.
 */
void cli_progress(const char *what);

/* Where skbext is pinned, for people. */
const char *cli_bpffs(const struct cli_common *common);

/* parse.c: strict. Wrong usage ends the process; what: as in "--capacity". */
__u64 cli_parse_number(const char *text, const char *what, __u64 min, __u64 max);
__u64 cli_parse_address(const char *text);
__u64 cli_parse_time(const char *text, const char *what);	/* "5s", "200ms", "3": ns */
void *cli_parse_hex(const char *text, size_t *len);	/* free() it */
enum skbext_mode cli_parse_mode(const char *name);

struct cli_type {
	char name[SKBEXT_NAME_LEN];
	__u32 size;
	__u32 flags;
	__u32 max;		/* records; 0: as many as there is room for */
};

struct cli_type cli_parse_type(const char *spec);

/* types.c: the registered types with what is needed to show a payload. */
struct btf;
struct btf_dump;
struct cli_types {
	unsigned int nr;
	char unread[256];	/* why there is BTF that could not be read */
	char uncounted[256];	/* why .stats is not known; "": it is, or was not asked for */
	struct skbext_stats stats;	/* capacity is 0: not known */
	struct {
		struct skbext_type_info info;
		struct btf *btf;	/* NULL: it has none, or see unread */
		struct btf_dump *dump;
		__u32 btf_id;
		bool taken;
	} type[SKBEXT_MAX_TYPES];
};

void cli_types_read(struct skbext *sk, struct cli_types *types);
void cli_types_count(struct skbext *sk, struct cli_types *types);	/* .stats, or .uncounted */
void cli_types_warn(const struct cli_types *types);	/* a line on stderr if some is unread */
void cli_types_free(struct cli_types *types);
json_t *cli_json_types(const struct cli_types *types);
json_t *cli_json_flags(__u32 flags);	/* ["noclone"] */
/* ",noclone,max=9"; static buffer */
const char *cli_policy_text(const struct skbext_type_info *info);
/* Its records now, their share of the capacity, and its adds that failed; nothing if not known. */
void cli_print_use(const struct cli_types *types, unsigned int id);

/*
 * seen.c: the records there are now, each with since when it is known, by an earlier look or by this one.
 * before: or NULL; not kept. NULL: out of memory.
 */
struct cli_seen;
struct cli_seen *cli_see(struct skbext *sk, const struct cli_seen *before);
void cli_seen_free(struct cli_seen *seen);
bool cli_seen_has(const struct cli_seen *seen, const struct skbext_record *rec);
/* How many have been seen for at least so long, and not for the next: [{"from": 1, "records": 7}]. */
json_t *cli_json_ages(const struct cli_seen *seen);

/* hooks.c: the hooks of a mode, as status and doctor show them. */
json_t *cli_json_hook(const struct skbext_hook *hook);
json_t *cli_json_hooks(struct skbext *sk, enum skbext_mode mode);
void cli_print_hooks(struct skbext *sk, enum skbext_mode mode);
bool cli_hook_serves(const struct skbext_hook *hook, enum skbext_mode mode);

/*
 * bound.c: an array of the programs that are bound, with the names of their types if these are
 * given. NULL: it could not look, and skbext_errmsg() says why.
 */
json_t *cli_json_bound(const struct cli_common *common, const struct cli_types *types);
void cli_print_bound(const json_t *one);	/* in one line */

/* counters.c: up to one without a name. */
struct cli_counter {
	const char *name;
	size_t offset;
	bool gauge;	/* a state, not a count of events */
	const char *unit;	/* what the name of a gauge ends with as a metric: "_records" */
	const char *help;
};

extern const struct cli_counter cli_counters[];
__u64 cli_stat(const struct skbext_stats *stats, size_t offset);
__u64 cli_count(const struct skbext_stats *stats, const struct cli_counter *counter);
json_t *cli_json_stats(const struct skbext_stats *stats);

/*
 * attached.c: an array of what `skbext attach` has attached. NULL: it could not look, and
 * skbext_errmsg() says why.
 */
json_t *cli_json_attached(const struct cli_common *common);
void cli_print_attached(const json_t *one);	/* name and object, and its programs, a line each */

/* lost.c: records that packets lost, by cause. */
struct cli_cause {
	const char *name;	/* the field of struct skbext_stats */
	size_t offset;
	bool once;		/* counts each lost record once, and may be added to others that do */
	const char *what;
};

extern const struct cli_cause cli_causes[];	/* up to one without a name */
__u64 cli_cause_value(const struct skbext_stats *stats, const struct cli_cause *cause);
json_t *cli_json_lost(const struct skbext_stats *stats);
void cli_print_lost(const struct skbext_stats *stats);

/* The meaning of a guarantee, one sentence each; "" where there is nothing to say. */
const char *cli_holds(const struct skbext_status *status);
const char *cli_holds_not(const struct skbext_status *status);

/* payload.c: one payload of a type, as text on stdout and as JSON {"hex":, "value":}. */
void cli_print_part(void *ctx, const char *fmt, va_list args);	/* where a btf_dump writes to */
void cli_print_payload(const struct cli_types *types, unsigned int id, const void *data);
json_t *cli_json_payload(const struct cli_types *types, unsigned int id, const void *data);

/* btf_json.c: a value of a BTF type. NULL: the type cannot be shown, or is larger than the data. */
json_t *btf_json(const struct btf *btf, __u32 id, const void *data, size_t size);

/* health.c: what else is too much. NULL: see there. */
struct cli_limits {
	const __u64 *lost, *missed;
};

/*
 * An array of what is wrong and what to do about it, the worst first; empty: healthy. uncounted: why
 * stats could not be read; "": they were. missing: of keep_missing(), and why it is NULL.
 */
json_t *cli_problems(struct skbext *sk, const struct cli_common *common,
		     const struct skbext_status *status, const struct skbext_stats *stats,
		     const char *uncounted, const json_t *missing, const char *unknown,
		     const struct cli_limits *limits);

/* dead.c: how many programs hold an skbext that is no more, and the first; 0 also if it may not look. */
unsigned int cli_find_dead(const struct cli_common *common, char *first, size_t size);

/* The objects that status --json and doctor --json print. NULL: out of memory, or skbext_errmsg() says why. */
json_t *cli_json_status(struct skbext *sk, const struct cli_common *common);
json_t *cli_json_doctor(const struct cli_common *common);

/* bundle.c: what a bug report needs, in a file. Returns an exit status. */
int cli_write_bundle(const struct cli_common *common, const char *file);

/* memory.c: bytes that the kernel accounts to what is pinned there. NULL, or why that is not known. */
struct cli_memory {
	__u64 maps, programs;
};

const char *cli_read_memory(const struct cli_common *common, struct cli_memory *memory);

/*
 * textfile.c: make or replace a file, or leave it as it is: a reader finds the old one or the new one,
 * and who is killed leaves nothing beside it. Only a regular file is replaced. Each returns an exit
 * status, an error is printed.
 */
struct cli_file {
	const char *path, *name;	/* name: the last of path */
	unsigned int mode;
	int dir;
	FILE *to;	/* NULL: it is not open */
	bool unnamed;	/* else it is called: */
	char beside[48];
	int err;	/* a write failed: errno */
};

int cli_file_open(struct cli_file *file, const char *path, unsigned int mode);
void cli_file_write(struct cli_file *file, const void *data, size_t len);	/* close tells errors */
int cli_file_close(struct cli_file *file);	/* puts it in its place */
void cli_file_drop(struct cli_file *file);	/* nothing is made; also where it is not open */
/* The three in one. */
int cli_replace_file(const char *path, const char *text, size_t len, unsigned int mode);

#endif /* SKBEXT_CLI_H */
