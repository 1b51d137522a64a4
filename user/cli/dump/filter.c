// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dump --filter: an expression over a record's fields.
 *
 *	or     := and { "||" and }
 *	and    := not { "&&" not }
 *	not    := "!" not | sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]
 *	sum    := value { ( "+" | "-" | "&" ) value }
 *	value  := number [ unit of time ] | "text" | 'text' | now | field | "(" or ")"
 *
 * It is read anew for each record, so that there is no tree to keep. With a field that a record has
 * not, each comparison is false.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parts.h"

#define MAX_DEPTH	64

struct value {
	enum { NOTHING, NUMBER, TEXT } kind;
	long double n;		/* exact for each integer of 64 bits */
	const char *text;
	size_t len;
};

struct reader {
	const char *at;
	const char *wrong;	/* what was expected at .at; NULL: all is well */
	const json_t *record;	/* NULL: it has no fields */
	const struct dump *d;	/* NULL, or ask whether fields are known */
	int unknown;
	int depth;
};

static struct value read_or(struct reader *r);

static const struct value nothing;

static struct value number(long double n)
{
	return (struct value){ .kind = NUMBER, .n = n };
}

static struct value text(const char *at, size_t len)
{
	return (struct value){ .kind = TEXT, .text = at, .len = len };
}

static struct value expected(struct reader *r, const char *what)
{
	if (!r->wrong)
		r->wrong = what;
	return nothing;
}

static bool take(struct reader *r, const char *token)
{
	size_t len = strlen(token);

	r->at += strspn(r->at, " \t\n");
	if (strncmp(r->at, token, len))
		return false;
	r->at += len;
	return true;
}

static long double take_unit(struct reader *r)
{
	static const struct {
		const char *name;
		long double ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1e3L }, { "ms", 1e6L }, { "s", 1e9L }, { "m", 60e9L },
		{ "h", 3600e9L },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (!strncmp(r->at, units[i].name, len) && !isalnum((unsigned char)r->at[len])) {
			r->at += len;
			return units[i].ns;
		}
	}
	return 1;
}

static struct value read_number(struct reader *r)
{
	bool hex = r->at[0] == '0' && r->at[1] == 'x';
	char *end;
	long double n = strtoull(r->at, &end, hex ? 16 : 10);

	r->at = end;
	if (!hex)
		n *= take_unit(r);
	if (isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.')
		return expected(r, "ns, us, ms, s, m, h or nothing");
	return number(n);
}

static struct value read_text(struct reader *r)
{
	const char *begin = r->at + 1, *end = strchr(begin, *r->at);

	if (!end)
		return expected(r, "a second quote");
	r->at = end + 1;
	return text(begin, end - begin);
}

/* bpf_ktime_get_ns(), with which programs stamp. */
static struct value now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return number(ts.tv_sec * 1e9L + ts.tv_nsec);
}

static struct value value_of(const json_t *json)
{
	if (json_is_number(json))
		return number(json_is_real(json) ? json_real_value(json) : json_integer_value(json));
	if (json_is_boolean(json))
		return number(json_is_true(json));
	if (json_is_string(json))
		return text(json_string_value(json), json_string_length(json));
	return nothing;
}

static struct value read_name(struct reader *r)
{
	char name[DUMP_NAME_LEN];
	size_t len = 0;

	while (isalnum((unsigned char)r->at[len]) || r->at[len] == '_' || r->at[len] == '.')
		len++;
	if (!len || len >= sizeof(name))
		return expected(r, "a field, a number, a text or (");
	memcpy(name, r->at, len);
	name[len] = 0;
	r->at += len;
	if (!strcmp(name, "now"))
		return now();
	if (r->d && !r->unknown)
		r->unknown = dump_know_field(r->d, name);
	return value_of(r->record ? dump_field(r->record, name) : NULL);
}

static struct value read_value(struct reader *r)
{
	struct value v;

	if (take(r, "(")) {
		v = read_or(r);
		return take(r, ")") ? v : expected(r, ")");
	}
	if (isdigit((unsigned char)*r->at))
		return read_number(r);
	return *r->at == '"' || *r->at == '\'' ? read_text(r) : read_name(r);
}

/* Addresses, and integers beyond 2^63, come as texts. */
static bool as_number(const struct value *v, long double *n)
{
	char digits[32], *end;

	*n = v->n;
	if (v->kind != TEXT)
		return v->kind == NUMBER;
	if (!v->len || v->len > 20 || !isdigit((unsigned char)v->text[0]))
		return false;
	memcpy(digits, v->text, v->len);
	digits[v->len] = 0;
	*n = strtoull(digits, &end, digits[1] == 'x' ? 16 : 10);
	return !*end;
}

/* One '&' alone: two of them are another operator. */
static char sum_operator(struct reader *r)
{
	take(r, "");
	return *r->at == '+' || *r->at == '-' || (*r->at == '&' && r->at[1] != '&') ? *r->at++ : 0;
}

static struct value calculate(char op, const struct value *a, const struct value *b)
{
	const long double end = 0x1p64L;
	long double x, y;

	if (!as_number(a, &x) || !as_number(b, &y))
		return nothing;
	if (op != '&')
		return number(op == '+' ? x + y : x - y);
	if (x < 0 || y < 0 || x >= end || y >= end)
		return nothing;
	return number((__u64)x & (__u64)y);
}

static struct value read_sum(struct reader *r)
{
	struct value a = read_value(r), b;
	char op;

	while (!r->wrong && (op = sum_operator(r))) {
		b = read_value(r);
		a = calculate(op, &a, &b);
	}
	return a;
}

enum { LESS = 1, EQUAL = 2, MORE = 4, NOT_ORDERED = 8 };

static int order(const struct value *a, const struct value *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	long double x, y;
	int cmp;

	if (!a->kind || !b->kind)
		return 0;
	if ((a->kind == NUMBER || b->kind == NUMBER) && as_number(a, &x) && as_number(b, &y))
		return x < y ? LESS : x > y ? MORE : EQUAL;
	if (a->kind != TEXT || b->kind != TEXT)
		return NOT_ORDERED;
	cmp = memcmp(a->text, b->text, len);
	if (!cmp)
		cmp = a->len < b->len ? -1 : a->len > b->len;
	return cmp < 0 ? LESS : cmp ? MORE : EQUAL;
}

static const struct {
	const char *token;
	int holds;
} comparisons[] = {
	{ "==", EQUAL },
	{ "!=", LESS | MORE | NOT_ORDERED },
	{ "<=", LESS | EQUAL },
	{ ">=", MORE | EQUAL },
	{ "<", LESS },
	{ ">", MORE },
};

static struct value read_comparison(struct reader *r)
{
	struct value a = read_sum(r), b;

	for (size_t i = 0; !r->wrong && i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		if (!take(r, comparisons[i].token))
			continue;
		b = read_sum(r);
		return number(!!(comparisons[i].holds & order(&a, &b)));
	}
	return a;
}

static bool is_true(const struct value *v)
{
	return v->kind == TEXT ? v->len : v->kind == NUMBER && v->n != 0;
}

static struct value read_not(struct reader *r)
{
	struct value v;

	if (++r->depth > MAX_DEPTH)
		return expected(r, "fewer parentheses");
	if (take(r, "!")) {
		v = read_not(r);
		v = number(!is_true(&v));
	} else {
		v = read_comparison(r);
	}
	r->depth--;
	return v;
}

static struct value read_and(struct reader *r)
{
	struct value a = read_not(r), b;

	while (!r->wrong && take(r, "&&")) {
		b = read_not(r);
		a = number(is_true(&a) && is_true(&b));
	}
	return a;
}

static struct value read_or(struct reader *r)
{
	struct value a = read_and(r), b;

	while (!r->wrong && take(r, "||")) {
		b = read_and(r);
		a = number(is_true(&a) || is_true(&b));
	}
	return a;
}

void filter_check(const char *filter)
{
	struct reader r = { .at = filter };

	read_or(&r);
	take(&r, "");
	if (!r.wrong && *r.at)
		expected(&r, "an operator");
	if (r.wrong)
		cli_usage_error("--filter: expected %s at '%.40s'", r.wrong, *r.at ? r.at : "its end");
}

bool filter_holds(const char *filter, const json_t *record)
{
	struct reader r = { .at = filter, .record = record };
	struct value v = read_or(&r);

	return is_true(&v);
}

int filter_know_fields(const struct dump *d)
{
	struct reader r = { .at = d->filter, .d = d };

	read_or(&r);
	return r.unknown;
}
