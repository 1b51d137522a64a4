/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that are read whole, and written whole or not at all. All set skbext_errmsg(). */
#ifndef SKBEXT_WHOLE_FILE_H
#define SKBEXT_WHOLE_FILE_H

#include <stddef.h>

/*
 * *data is for the caller to free, with room for so many spare bytes behind *size. Only a regular
 * file is read: a pipe may never end, and a device may do something.
 */
int file_read(const char *path, size_t spare, char **data, size_t *size);

/* May file_write() make or replace it? Not where another kind of file is, or a link. */
int file_check_target(const char *path);

/* Zeros follow the data up to `full` bytes. An old file is replaced, or stays as it is. */
int file_write(const char *path, const char *data, size_t size, size_t full);

#endif /* SKBEXT_WHOLE_FILE_H */
