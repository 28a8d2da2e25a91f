/* SPDX-License-Identifier: MIT */
#include "base/file.h"
#include <errno.h>
#include <stdio.h>

bool tt_file_read(const char *path, size_t max, struct tt_buf *out, int exit_code,
                  struct tt_err *err)
{
    char block[16384];
    size_t n;
    tt_buf_init(out, max);
    FILE *f = fopen(path, "rb");
    if (!f)
        return tt_err_sys(err, exit_code, errno, "cannot read '%s'", path);
    bool fits = tt_buf_puts(out, "");
    while (fits && (n = fread(block, 1, sizeof block, f)) > 0)
        fits = tt_buf_append(out, block, n);
    int e = ferror(f) ? errno : 0;
    fclose(f);
    if (fits && !e)
        return true;
    tt_buf_fini(out);
    return e ? tt_err_sys(err, exit_code, e, "cannot read '%s'", path)
             : tt_err_set(err, exit_code, "'%s' is larger than %zu bytes", path, max);
}
