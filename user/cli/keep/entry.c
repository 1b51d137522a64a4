// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The object and the options of one attach, in JSON and back. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

static void set_text(json_t *entry, const char *key, const char *value)
{
	if (value)
		json_object_set_new(entry, key, json_string(value));
}

static void set_path(json_t *entry, const char *key, const char *path)
{
	char *whole = path ? realpath(path, NULL) : NULL;

	set_text(entry, key, whole ? whole : path);
	free(whole);
}

static const char *direction(const struct skbext_attach_opts *o)
{
	return o->direction == SKBEXT_EGRESS ? "egress" : o->direction == SKBEXT_INGRESS ? "ingress" : NULL;
}

/* JSON takes no other text, and a part that was left out would be kept as if it had not been given. */
static bool all_there(const json_t *entry, const struct skbext_attach_opts *o)
{
	return json_object_get(entry, "object") && !o->dev == !json_object_get(entry, "dev") &&
	       !o->cgroup == !json_object_get(entry, "cgroup") &&
	       !o->before == !json_object_get(entry, "before") &&
	       !o->after == !json_object_get(entry, "after");
}

static json_t *from_opts(const char *file, const struct skbext_attach_opts *o)
{
	json_t *entry = json_object(), *programs = json_array();

	set_path(entry, "object", file);
	for (const char *const *p = o->programs; p && *p; p++)
		json_array_append_new(programs, json_string(*p));
	json_object_set_new(entry, "programs", programs);
	set_text(entry, "dev", o->dev);
	set_path(entry, "cgroup", o->cgroup);
	json_object_set_new(entry, "tracing", json_boolean(o->tracing));
	set_text(entry, "direction", direction(o));
	set_text(entry, "before", o->before);
	set_text(entry, "after", o->after);
	json_object_set_new(entry, "prio", json_integer(o->prio));
	return entry;
}

/* To open a FIFO would wait for somebody who writes to it. */
static int check_object(const json_t *entry, struct keep_why *why)
{
	const char *object = json_string_value(json_object_get(entry, "object"));
	int fd = object && *object == '/' ? keep_open_trusted(object, O_RDONLY | O_NONBLOCK, why) :
		 keep_fail(why, -EINVAL, "it names no object");
	struct stat st;
	int err = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;

	if (fd < 0)
		return err;
	close(fd);
	if (!err && S_ISREG(st.st_mode))
		return 0;
	return keep_fail(why, -EINVAL, "%s: %s", object, err ? strerror(-err) : "is not a regular file");
}

json_t *keep_entry(const char *file, const struct skbext_attach_opts *opts, struct keep_why *why)
{
	json_t *entry = from_opts(file, opts);

	if (!all_there(entry, opts))
		keep_fail(why, -EILSEQ, "a path or a name is not UTF-8; give another one");
	else if (!check_object(entry, why) && !(opts->dev && keep_mark_netns(entry, why)))
		return entry;
	json_decref(entry);
	return NULL;
}

static bool are_texts(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!json_is_string(one))
			return false;
	return !list || json_is_array(list);
}

bool keep_is_sound(json_t *entry)
{
	json_t *programs = NULL;
	const char *direction = NULL, *s;
	json_int_t prio = 0, n;
	int b;

	return !json_unpack(entry, "{s:s, s?o, s?s, s?s, s?b, s?s, s?s, s?s, s?I, s?I, s?I, s?I, s?s}",
			    "object", &s, "programs", &programs, "dev", &s, "cgroup", &s, "tracing", &b,
			    "direction", &direction, "before", &s, "after", &s, "prio", &prio,
			    "order", &n, "netns", &n, "cookie", &n, "boot", &s) &&
	       are_texts(programs) && prio >= 0 && prio <= SKBEXT_MAX_PRIO &&
	       (!direction || !strcmp(direction, "egress") || !strcmp(direction, "ingress"));
}

static const char *text(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

static int set_programs(const json_t *entry, struct skbext_attach_opts *opts,
			const char *programs[KEEP_PROGRAMS + 1], struct keep_why *why)
{
	const json_t *all = json_object_get(entry, "programs"), *one;
	size_t i, nr = json_array_size(all);

	if (nr > KEEP_PROGRAMS)
		return keep_fail(why, -E2BIG, "it names more than %d programs", KEEP_PROGRAMS);
	json_array_foreach(all, i, one)
		programs[i] = json_string_value(one);
	programs[nr] = NULL;
	opts->programs = nr ? programs : NULL;
	return 0;
}

int keep_opts(const json_t *entry, struct skbext_attach_opts *opts,
	      const char *programs[KEEP_PROGRAMS + 1], struct keep_why *why)
{
	const char *direction = text(entry, "direction");

	*opts = (struct skbext_attach_opts){
		.sz = sizeof(*opts), .name = text(entry, "name"), .dev = text(entry, "dev"),
		.cgroup = text(entry, "cgroup"), .tracing = json_is_true(json_object_get(entry, "tracing")),
		.before = text(entry, "before"), .after = text(entry, "after"),
		.prio = json_integer_value(json_object_get(entry, "prio")),
		.direction = !direction ? SKBEXT_BY_SECTION :
			     !strcmp(direction, "egress") ? SKBEXT_EGRESS : SKBEXT_INGRESS,
	};
	return set_programs(entry, opts, programs, why) ?: check_object(entry, why) ?:
	       keep_check_netns(entry, why);
}
