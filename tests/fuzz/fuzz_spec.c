// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* NAME:SIZE[,POLICY]..., addresses, numbers, modes, filters, times: what is taken says the same written out again. */
#include "../../user/cli/dump/parts.h"
#include "kernel.h"

static void type(const char *text)
{
	struct cli_type once = cli_parse_type(text), again;
	const struct skbext_type_info info = { .flags = once.flags, .max = once.max };
	char spec[160];

	MUST(once.name[0] && once.size && !(once.flags & ~SKBEXT_F_ALL), "%s", text);
	snprintf(spec, sizeof(spec), "%s:%u%s", once.name, once.size, cli_policy_text(&info));
	again = cli_parse_type(spec);
	MUST(!memcmp(&once, &again, sizeof(once)), "%s, %s", text, spec);
}

static void address(const char *text)
{
	__u64 once = cli_parse_address(text);
	char written[24];

	snprintf(written, sizeof(written), "0x%016llx", once);
	MUST(cli_parse_address(written) == once, "%s, %s", text, written);
}

static void number(const char *text)
{
	__u64 once = cli_parse_number(text, "--number", 5, 1000);
	char written[24];

	MUST(once >= 5 && once <= 1000, "%s", text);
	snprintf(written, sizeof(written), "%llu", once);
	MUST(strlen(text) >= strlen(written) &&
	     !strcmp(text + strlen(text) - strlen(written), written), "%s, %s", text, written);
}

static void mode(const char *text)
{
	MUST(!strcmp(skbext_mode_name(cli_parse_mode(text)), text), "%s", text);
}

/* A record without a payload. */
static void filter(const char *text)
{
	json_t *record;

	filter_check(text);	/* does not come back with what is wrong */
	record = json_object();
	filter_holds(text, record);
	json_decref(record);
}

static void length_of_time(const char *text)
{
	MUST(cli_parse_time(text, "--time"), "%s", text);
}

static int parse(void *arg)
{
	static void (*const parsers[])(const char *text) = {
		type, address, number, mode, filter, length_of_time
	};
	const char *text = arg;

	if (text[0] >= '0' && text[0] <= '5')
		parsers[text[0] - '0'](text + 1);
	return CLI_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct outcome o;

	catch_exit(parse, text, &o);
	must_be_one_line(&o);
	MUST(o.status != CLI_FAILED, "%s", o.err);
	outcome_free(&o);
	free(text);
	return 0;
}
