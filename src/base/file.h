/* SPDX-License-Identifier: MIT */
/* Whole files. Any thread; blocks. */
#pragma once
#include "base/buf.h"

/* Reads the file at path into out, which it initialises (NUL-terminated, data never NULL on
 * success; tt_buf_fini). False with exit_code when it cannot be read or is larger than max bytes;
 * out is empty then. */
bool tt_file_read(const char *path, size_t max, struct tt_buf *out, int exit_code,
                  struct tt_err *err);
