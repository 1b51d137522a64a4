// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `skbext add SKB TYPE HEX`: a payload is taken whole or refused, and shown as it was given. */
#include <ctype.h>

#include "kernel.h"

static int parse_and_show(void *text)
{
	struct cli_types types = { 0 };
	size_t len;
	void *data = cli_parse_hex(text, &len);
	json_t *shown;

	types.type[0].info.size = len;
	MUST(len == strlen(text) / 2, "%zu bytes of %s", len, (char *)text);
	if (len <= SKBEXT_MAX_PAYLOAD) {
		shown = cli_json_payload(&types, 0, data);
		MUST(!strcasecmp(json_string_value(json_object_get(shown, "hex")), text), "%s",
		     (char *)text);
		json_decref(shown);
	}
	free(data);
	return CLI_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct outcome o;
	bool good = strlen(text) % 2 == 0;

	for (char *c = text; *c; c++)
		good &= !!isxdigit((unsigned char)*c);
	catch_exit(parse_and_show, text, &o);
	must_be_one_line(&o);
	MUST(o.status == (good ? CLI_DONE : CLI_USAGE), "status %d: %s", o.status, text);
	outcome_free(&o);
	free(text);
	return 0;
}
