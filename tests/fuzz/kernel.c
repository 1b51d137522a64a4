// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* bpf() as a fuzzer answers it, in place of the C library's syscall(). */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel.h"

#define MAX_PINS	8

struct pin {
	const char *name;
	uint32_t value_size, entries;
	int fd;			/* of a file in memory, which mmap() takes as it takes a map */
	ino_t inode;		/* by which another descriptor of it is known */
};

static struct pin pins[MAX_PINS];
static unsigned int nr_pins;
static const void *answer;
static size_t answer_size;

const void *kernel_btf;
size_t kernel_btf_size;

static uint32_t stride(const struct pin *p)
{
	return (p->value_size + 7) / 8 * 8;
}

/* As the kernel has it: whole pages. */
void kernel_put_pin(const char *name, uint32_t value_size, uint32_t entries, const void *content,
		    size_t size)
{
	struct pin *p = &pins[nr_pins++];
	struct stat st;
	size_t page = sysconf(_SC_PAGESIZE), bytes;

	MUST(nr_pins <= MAX_PINS, "too many pins");
	*p = (struct pin){ .name = name, .value_size = value_size, .entries = entries };
	bytes = ((size_t)stride(p) * entries + page - 1) / page * page;
	p->fd = memfd_create(name, MFD_CLOEXEC);
	MUST(p->fd >= 0 && !ftruncate(p->fd, bytes) && !fstat(p->fd, &st), "no memory file");
	p->inode = st.st_ino;
	size = size < bytes ? size : bytes;
	MUST(pwrite(p->fd, content, size, 0) == (ssize_t)size, "no memory");
}

void kernel_forget_pins(void)
{
	while (nr_pins)
		close(pins[--nr_pins].fd);
}

void kernel_put_answer(const void *content, size_t size)
{
	answer = content;
	answer_size = size;
}

void kernel_forget_btf(void)
{
	free((void *)kernel_btf);
	kernel_btf = NULL;
}

static struct pin *pin_of(int fd)
{
	struct stat st;

	for (unsigned int i = 0; !fstat(fd, &st) && i < nr_pins; i++)
		if (pins[i].inode == st.st_ino)
			return &pins[i];
	return NULL;
}

static int get(const char *path)
{
	const char *slash = strrchr(path, '/');

	for (unsigned int i = 0; slash && i < nr_pins; i++)
		if (!strcmp(pins[i].name, slash + 1))
			return dup(pins[i].fd);
	return errno = ENOENT, -1;
}

static int get_info(const union bpf_attr *attr)
{
	const struct pin *p = pin_of(attr->info.bpf_fd);
	struct bpf_map_info map = { .type = BPF_MAP_TYPE_ARRAY, .id = 1, .key_size = 4 };
	struct bpf_prog_info prog = { .type = BPF_PROG_TYPE_SYSCALL, .id = 2 };
	size_t len = attr->info.info_len;

	if (!p)
		return errno = EBADF, -1;
	map.value_size = p->value_size;
	map.max_entries = p->entries;
	map.map_flags = BPF_F_MMAPABLE;
	if (p->value_size)
		memcpy((void *)attr->info.info, &map, len < sizeof(map) ? len : sizeof(map));
	else
		memcpy((void *)attr->info.info, &prog, len < sizeof(prog) ? len : sizeof(prog));
	return 0;
}

static int lookup(const union bpf_attr *attr)
{
	const struct pin *p = pin_of(attr->map_fd);
	uint32_t n = *(uint32_t *)attr->key;

	if (!p || n >= p->entries)
		return errno = ENOENT, -1;
	return pread(p->fd, (void *)attr->value, p->value_size, (off_t)stride(p) * n) < 0 ? -1 : 0;
}

static int run_program(void)
{
	for (unsigned int i = 0; i < nr_pins; i++)
		if (!strcmp(pins[i].name, "request"))
			return pwrite(pins[i].fd, answer, answer_size, 0) < 0 ? -1 : 0;
	return errno = ENOENT, -1;
}

static int load_btf(const union bpf_attr *attr)
{
	kernel_forget_btf();
	kernel_btf_size = attr->btf_size;
	kernel_btf = memcpy(malloc(attr->btf_size), (void *)attr->btf, attr->btf_size);
	return memfd_create("btf", MFD_CLOEXEC);
}

static int bpf(int cmd, const union bpf_attr *attr)
{
	switch (cmd) {
	case BPF_OBJ_GET:
		return get((const char *)attr->pathname);
	case BPF_OBJ_GET_INFO_BY_FD:
		return get_info(attr);
	case BPF_MAP_LOOKUP_ELEM:
		return lookup(attr);
	case BPF_MAP_UPDATE_ELEM:
		return 0;
	case BPF_PROG_TEST_RUN:
		return run_program();
	case BPF_BTF_LOAD:
		return load_btf(attr);
	default:
		return errno = EPERM, -1;
	}
}

/*
 * libbpf's calls come here as well: what a program has goes before what libraries have. Six
 * arguments are taken of whoever gave fewer.
 */
__attribute__((no_sanitize("address"))) long syscall(long nr, ...)
{
	static long (*real)(long nr, ...);
	long a[6];
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (nr == SYS_bpf)
		return bpf(a[0], (const union bpf_attr *)a[1]);
	if (nr == SYS_membarrier)
		return 0;
	if (!real)
		real = (long (*)(long nr, ...))dlsym(RTLD_NEXT, "syscall");
	return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int statfs(const char *path, struct statfs *fs)
{
	memset(fs, 0, sizeof(*fs));
	return 0;
}

int fstatfs(int fd, struct statfs *fs)
{
	return statfs("", fs);
}

/* In place of the library's (the linker's --wrap): where there are pins, nobody else has the lock. */
int __real_dir_lock(const char *dir);
int __wrap_dir_lock(const char *dir);

int __wrap_dir_lock(const char *dir)
{
	return nr_pins ? dup(pins[0].fd) : __real_dir_lock(dir);
}

int mount(const char *what, const char *where, const char *type, unsigned long flags,
	  const void *data)
{
	return errno = EPERM, -1;
}
