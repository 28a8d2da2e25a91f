/* SPDX-License-Identifier: MIT */
/* Writing JSON with exact numbers: cJSON's own printer gives some doubles 15 digits only. Reading
 * with the place of an error. Any thread. */
#pragma once
#include "base/buf.h"
#include <cjson/cJSON.h>

/* Appends v. indent: two spaces a level, else everything on one line. NaN and infinities become
 * null. False when out is full. */
bool tt_json_write(struct tt_buf *out, const cJSON *v, bool indent);
bool tt_json_write_text(struct tt_buf *out, const char *s); /* quoted */
bool tt_json_write_number(struct tt_buf *out, double v);    /* NaN and infinities: null */
/* NULL with err ("line 3, column 14: not valid JSON near '}'") when the n bytes are no JSON value;
 * text[n] must be NUL. The caller's (cJSON_Delete). */
cJSON *tt_json_read(const char *text, size_t n, int exit_code, struct tt_err *err);
