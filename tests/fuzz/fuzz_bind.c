// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `skbext bind` of a file: bound, and then good to bind again, or refused and nothing registered. The
 * version of the layout is written "skbv" in an input, so that inputs outlive it.
 */
#include <sys/mman.h>

#include "../../user/lib/bind_file.c"
#include "kernel.h"

#define PAYLOAD	64
#define BUCKETS	3

/* The object's file is one in memory: what it is called there. */
static int put_file(const void *data, size_t size, size_t hole, char *path)
{
	int fd = memfd_create("object", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && !ftruncate(fd, size + hole),
	     "no memory file");
	sprintf(path, "/proc/self/fd/%d", fd);
	return fd;
}

static void set_version(char *data, size_t size)
{
	const __u32 version = SKBEXT_LAYOUT_VERSION;
	char *at;

	while ((at = memmem(data, size, "skbv", sizeof(version))))
		memcpy(at, &version, sizeof(version));
}

static void must_fit(const struct skbext_ctl *ctl)
{
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++) {
		const struct skbext_type_info *t = &ctl->types[i];

		MUST(strnlen(t->name, SKBEXT_NAME_LEN) < SKBEXT_NAME_LEN, "type %d", i);
		MUST(t->offset <= PAYLOAD && t->size <= PAYLOAD - t->offset, "type %s: %u at %u",
		     t->name, t->size, t->offset);
	}
}

static int bind(struct skbext *sk, const void *data, size_t size, size_t hole, struct image *image)
{
	char path[64];
	int fd = put_file(data, size, hole, path), err;

	err = file_read(path, SKBEXT_GAP, &image->data, &image->size);
	MUST(!err, "reading: %s", skbext_errmsg());
	fail(-1, " ");
	err = bind_image(sk, path, image);
	MUST(!err || strlen(skbext_errmsg()) > 10, "error %d without a word", err);
	must_fit(sk->ctl);
	close(fd);
	return err;
}

/* The load that is bound to, of which bind reads one map. */
static int load_map(void)
{
	static const struct skbext_load load;
	static int fd = -1;

	if (fd < 0) {
		kernel_put_pin("stats", sizeof(load), 1, &load, sizeof(load));
		fd = bpf_obj_get("/stats");
	}
	return fd;
}

static bool bound;	/* the last input was */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct skbext_ctl ctl = { .payload = PAYLOAD, .buckets = BUCKETS };
	struct image image = {}, again = {};
	struct skbext_state state = {};
	struct skbext sk = { .ctl = &ctl, .state = &state };
	char *object = memcpy(malloc(size + !size), data, size);
	int err;

	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		sk.type_map[i] = -1;
	for (int i = 0; i < MAX_HOOKS; i++)
		sk.hooks[i].prog_fd = -1;
	sk.map[MAP_STATS] = load_map();
	set_version(object, size);
	err = bind(&sk, object, size, 0, &image);
	MUST(!err == !!types_taken(&ctl), "error %d, types 0x%x", err, types_taken(&ctl));
	bound = !err;
	if (!err)
		MUST(!bind(&sk, image.data, image.size, image.hole, &again), "%s",
		     skbext_errmsg());
	for (int i = 0; i < SKBEXT_MAX_TYPES; i++)
		if (sk.type_map[i] >= 0)
			close(sk.type_map[i]);
	free(object);
	free(again.data);
	free(image.data);
	kernel_forget_btf();
	return 0;
}

/* Where all inputs are refused early, nothing is fuzzed: those of the corpus that are whole bind. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	for (int i = 1; i < *argc; i++) {
		char data[8192];
		FILE *f = strstr((*argv)[i], "_type") ? fopen((*argv)[i], "r") : NULL;
		size_t size = f ? fread(data, 1, sizeof(data), f) : 0;

		if (!f)
			continue;
		fclose(f);
		LLVMFuzzerTestOneInput((uint8_t *)data, size);
		MUST(bound, "%s: %s", (*argv)[i], skbext_errmsg());
	}
	return 0;
}

/*
 * Most changes of a whole file make an ELF of it that libbpf refuses. So three of four are made
 * within what a section holds, or in its header.
 */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	Elf64_Ehdr elf;
	Elf64_Shdr section;
	size_t at, length;

	if (seed % 4 == 0 || size < sizeof(elf))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&elf, data, sizeof(elf));
	at = elf.e_shoff + seed / 16 % (elf.e_shnum ?: 1) * sizeof(section);
	if (at > size || size - at < sizeof(section))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&section, data + at, sizeof(section));
	if (seed % 16 == 1) {
		LLVMFuzzerMutate(data + at, sizeof(section), sizeof(section));
		return size;
	}
	if (section.sh_offset >= size || !section.sh_size)
		return LLVMFuzzerMutate(data, size, max_size);
	length = section.sh_size < size - section.sh_offset ? section.sh_size :
							      size - section.sh_offset;
	LLVMFuzzerMutate(data + section.sh_offset, length, length);
	return size;
}
