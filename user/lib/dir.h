/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* dir.c: directories of a bpffs and locks on them. Errors are negative errnos. */
#ifndef SKBEXT_DIR_H
#define SKBEXT_DIR_H

#include <stdbool.h>
#include <stddef.h>

const char *dir_or_default(const char *dir);	/* NULL: the default */
int dir_is_bpffs(const char *path);	/* 1, 0, or why nobody can tell */
/* The parent is a bpffs in which nobody else can put names. Mounts the usual one if need be. */
int dir_check_parent(const char *dir);
/* A file descriptor; a link, another's directory and one that is not of a bpffs are refused. */
int dir_open_at(int at, const char *name);
/* Why nothing can be loaded there, or be looked at; 0: it is a directory of a bpffs. */
int dir_fault(const char *dir);
/* A lock, patiently; an fd, which close() ends. -ENOENT: nothing is loaded there. */
int dir_lock(const char *dir);
bool dir_is_at(int fd, const char *dir);
/* Make DIR-new-N, and lock it before anybody can take it for left behind. path: which it is. */
int dir_make_locked(const char *dir, char *path, size_t size);
/* Lists end with NULL. What else is in the directory stays, and so does the directory then. */
int dir_remove(int fd, const char *dir, const char *const *subs, const char *const *files);
/* 1, 0, or why nobody can tell. */
int dir_has_only(int fd, const char *const *subs, const char *const *files);
/* Call fn for each DIR-new-N until it returns other than 0; returns that. */
int dir_each_half_made(const char *dir, int (*fn)(const char *path, void *arg), void *arg);
/* Lock one that was left behind. -EBUSY: somebody is at it. -EPERM, -ELOOP, -ENOTDIR: not ours. */
int dir_take(const char *path);

#endif /* SKBEXT_DIR_H */
