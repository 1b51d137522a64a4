// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which programs of an object go to the places that a caller of skbext_attach_file() gives. */
#include "attach.h"

const char *attach_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The direction that its section says, which a caller's overrides; SKBEXT_BY_SECTION: none. */
static enum skbext_direction stated(const struct bpf_program *prog, bool at_dev)
{
	int type = bpf_program__expected_attach_type(prog);

	if (at_dev)
		return type == TCX(false) ? SKBEXT_INGRESS : type == TCX(true) ? SKBEXT_EGRESS :
		       SKBEXT_BY_SECTION;
	if (!strcmp(bpf_program__section_name(prog), "cgroup/skb"))
		return SKBEXT_BY_SECTION;
	return type == BPF_CGROUP_INET_EGRESS ? SKBEXT_EGRESS : SKBEXT_INGRESS;
}

static bool is_traced(const struct bpf_program *prog)
{
	switch (bpf_program__type(prog)) {
	case BPF_PROG_TYPE_TRACING:
		return bpf_program__expected_attach_type(prog) != BPF_TRACE_ITER;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_KPROBE:
		return true;
	default:
		return false;
	}
}

static enum place place_for(const struct attach_job *j, const struct bpf_program *prog)
{
	if (bpf_program__type(prog) == BPF_PROG_TYPE_SCHED_CLS && j->opts->dev)
		return j->tcx ? PLACE_TCX : PLACE_CLSACT;
	if (bpf_program__type(prog) == BPF_PROG_TYPE_CGROUP_SKB && j->opts->cgroup)
		return PLACE_CGROUP;
	return is_traced(prog) && j->opts->tracing ? PLACE_TRACING : PLACE_NONE;
}

static bool is_named(const struct skbext_attach_opts *opts, const struct bpf_program *prog)
{
	for (const char *const *name = opts->programs; name && *name; name++)
		if (!strcmp(*name, bpf_program__name(prog)))
			return true;
	return false;
}

static int no_direction(const struct bpf_program *prog)
{
	return fail(-EINVAL, "program %s, section %s, says no direction; give --ingress or --egress",
		    bpf_program__name(prog), bpf_program__section_name(prog));
}

/* 1: it goes there; 0: it is left out. */
static int choose(struct attach_job *j, struct bpf_program *prog)
{
	enum skbext_direction wanted = j->opts->direction, says;
	enum place place = place_for(j, prog);
	struct attached_program *p = &j->a.program[j->a.nr];
	bool named = is_named(j->opts, prog);

	if (place == PLACE_NONE || (j->opts->programs && !named) ||
	    (!named && !bpf_program__autoload(prog)))
		return 0;
	if (place != PLACE_TRACING) {
		says = stated(prog, place != PLACE_CGROUP);
		if (!named && wanted && says && wanted != says)
			return 0;
		says = wanted ?: says;
		if (!says)
			return no_direction(prog);
		p->egress = says == SKBEXT_EGRESS;
	}
	snprintf(p->name, sizeof(p->name), "%s", bpf_program__name(prog));
	snprintf(p->section, sizeof(p->section), "%s", bpf_program__section_name(prog));
	p->place = place;
	return 1;
}

/* The object's programs, for the error that none of them fits. */
static int nothing_fits(const struct attach_job *j)
{
	char has[256] = "";
	struct bpf_program *prog;
	size_t used = 0;

	bpf_object__for_each_program(prog, j->obj)
		if (used < sizeof(has))
			used += snprintf(has + used, sizeof(has) - used, "%s%s (%s)",
					 used ? ", " : "", bpf_program__name(prog),
					 bpf_program__section_name(prog));
	return fail(-ENOENT, "no program of %s goes there; it has %s", attach_base(j->a.file),
		    used ? has : "none");
}

/* Each that was named is in the object, and has a place. */
static int check_named(const struct attach_job *j)
{
	for (const char *const *name = j->opts->programs; name && *name; name++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(j->obj, *name);
		bool chosen = false;

		if (!prog)
			return fail(-ENOENT, "%s has no program '%s'", attach_base(j->a.file), *name);
		for (unsigned int i = 0; i < j->a.nr; i++)
			chosen |= j->prog[i] == prog;
		if (!chosen)
			return fail(-EINVAL, "program %s, section %s, goes to none of these places",
				    *name, bpf_program__section_name(prog));
	}
	return 0;
}

/* The kernel compares with what a cgroup's program was loaded for; tc's is not asked for any. */
static void set_attach_type(struct bpf_program *prog, const struct attached_program *p)
{
	if (p->place == PLACE_CGROUP)
		bpf_program__set_expected_attach_type(prog, p->egress ? BPF_CGROUP_INET_EGRESS :
								       BPF_CGROUP_INET_INGRESS);
	else if (p->place != PLACE_TRACING)
		bpf_program__set_expected_attach_type(prog, 0);
	bpf_program__set_autoload(prog, true);
}

int attach_choose(struct attach_job *j)
{
	struct bpf_program *prog;
	int ret;

	bpf_object__for_each_program(prog, j->obj) {
		if (j->a.nr == ATTACHED_PROGRAMS)
			return fail(-E2BIG, "%s has more than %d programs; name those that are meant",
				    attach_base(j->a.file), ATTACHED_PROGRAMS);
		ret = choose(j, prog);
		if (ret < 0)
			return ret;
		if (ret)
			j->prog[j->a.nr++] = prog;
		else
			j->left_out++;
	}
	ret = check_named(j) ?: j->a.nr ? 0 : nothing_fits(j);
	for (unsigned int i = 0; !ret && i < j->a.nr; i++)
		set_attach_type(j->prog[i], &j->a.program[i]);
	return ret;
}
