/* SPDX-License-Identifier: MIT */
/* A field of a JSON message, by the names on the way to it. Pure. */
#pragma once
#include "base/buf.h"
#include <cjson/cJSON.h>

/* "a.b.0": members, and elements by their number. NULL: there is none. */
const cJSON *tt_ws_field(const cJSON *v, const char *path);
/* A message's; the caller's (cJSON_Delete). NULL: it is no JSON. text[n] must be NUL. */
cJSON *tt_ws_json(const char *text, size_t n);
/* The text of a string, a number's shortest form; false: v is neither (or NULL). */
bool tt_ws_field_text(const cJSON *v, struct tt_buf *out);
