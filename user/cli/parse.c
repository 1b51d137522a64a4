// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Numbers, addresses, payloads and types of the command line. Whatever is left over or out of
 * range is wrong usage.
 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* strtoull() takes blanks and signs, and wraps a negative: only digits get that far. */
static bool parse_u64(const char *text, int base, __u64 *value)
{
	char *end;

	if (!isxdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return !errno && !*end;
}

__u64 cli_parse_number(const char *text, const char *what, __u64 min, __u64 max)
{
	__u64 value;

	if (!parse_u64(text, 10, &value))
		cli_usage_error("%s wants a number, not '%s'", what, text);
	if (value < min || value > max)
		cli_usage_error("%s is %llu to %llu, not %s", what, min, max, text);
	return value;
}

__u64 cli_parse_time(const char *text, const char *what)
{
	static const struct {
		const char *name;
		__u64 ns;
	} units[] = {
		{ "", 1000000000ULL }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
		{ "s", 1000000000ULL }, { "m", 60000000000ULL }, { "h", 3600000000000ULL },
	};
	size_t digits = strspn(text, "0123456789");
	__u64 value = digits && digits < 10 ? strtoull(text, NULL, 10) : 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (value && !strcmp(text + digits, units[i].name))
			return value * units[i].ns;
	cli_usage_error("%s wants a time like 5s or 200ms, not '%s'", what, text);
}

__u64 cli_parse_address(const char *text)
{
	const char *digits = text;
	__u64 value;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		digits += 2;
	if (!parse_u64(digits, 16, &value) || (digits[1] && (digits[1] | 0x20) == 'x'))
		cli_usage_error("'%s' is not an address; 0x and hex digits, as dump prints them", text);
	return value;
}

enum skbext_mode cli_parse_mode(const char *name)
{
	for (enum skbext_mode mode = SKBEXT_MODE_AUTO; mode <= SKBEXT_MODE_TRACEPOINT; mode++)
		if (!strcmp(name, skbext_mode_name(mode)))
			return mode;
	cli_usage_error("--mode is auto, exact or tracepoint, not '%s'", name);
}

void *cli_parse_hex(const char *text, size_t *len)
{
	size_t digits = strlen(text);
	unsigned char *buf;

	if (digits % 2 || strspn(text, "0123456789abcdefABCDEF") != digits)
		cli_usage_error("'%.64s' is not a payload; two hex digits for each byte", text);
	*len = digits / 2;
	buf = calloc(1, *len + 1);
	for (size_t i = 0; buf && i < *len; i++) {
		char byte[3] = { text[2 * i], text[2 * i + 1], 0 };

		buf[i] = strtoul(byte, NULL, 16);
	}
	return buf;
}

static bool is_identifier(const char *name, size_t len)
{
	if (!len || len >= SKBEXT_NAME_LEN || isdigit((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return true;
}

#define LISTED(flag, mask, name, help)	name ", "
#define OPTIONAL(flag, mask, name, help)	"[," name "]"

static __u32 parse_flag(const char *word, const char *spec)
{
#define IS_WORD(flag, mask, name, help)							\
	if (!strcmp(word, name))							\
		return flag;
	SKBEXT_POLICIES(IS_WORD)
	if (!strncmp(word, "max", 3))
		cli_usage_error("--type %s: a max is given as max=N", spec);
	if (!strcmp(word, "keep-udp"))
		cli_usage_error("--type %s: keep-udp is what every type does now; leave it out", spec);
	cli_usage_error("--type %s: '%s' is none of " SKBEXT_POLICIES(LISTED) "max=N", spec, word);
}

/* Whether the size fits is for the library to say, so that all of that is one kind of failure. */
struct cli_type cli_parse_type(const char *spec)
{
	const char *colon = strchr(spec, ':');
	struct cli_type type = { 0 };
	char rest[128], *word, *next = rest;

	if (!colon || strlen(colon + 1) >= sizeof(rest))
		cli_usage_error("--type wants NAME:SIZE" SKBEXT_POLICIES(OPTIONAL) "[,max=N], not %s", spec);
	if (!is_identifier(spec, colon - spec))
		cli_usage_error("--type %s: the name is not an identifier of at most %d characters",
				spec, SKBEXT_NAME_LEN - 1);
	memcpy(type.name, spec, colon - spec);
	strcpy(rest, colon + 1);
	word = strsep(&next, ",");
	type.size = cli_parse_number(word, "the SIZE of --type", 1, UINT32_MAX);
	while ((word = strsep(&next, ","))) {
		if (!strncmp(word, "max=", 4))
			type.max = cli_parse_number(word + 4, "the max of --type", 1, UINT32_MAX);
		else
			type.flags |= parse_flag(word, spec);
	}
	return type;
}
