/* SPDX-License-Identifier: MIT */
/* Fields of JSON messages. */
#include "proto/ws/field.h"
#include "base/json.h"
#include "base/str.h"
#include <string.h>

static const cJSON *step(const cJSON *v, const char *name, size_t n)
{
    char number[24];
    uint64_t index;
    if (cJSON_IsArray(v)) {
        if (n >= sizeof number)
            return NULL;
        memcpy(number, name, n);
        number[n] = '\0';
        return tt_parse_u64(number, &index) && index < INT32_MAX ? cJSON_GetArrayItem(v, (int)index)
                                                                 : NULL;
    }
    const cJSON *child;
    cJSON_ArrayForEach(child, v) if (child->string && strncmp(child->string, name, n) == 0 &&
                                     !child->string[n]) return child;
    return NULL;
}

const cJSON *tt_ws_field(const cJSON *v, const char *path)
{
    while (v) {
        size_t n = strcspn(path, ".");
        v = step(v, path, n);
        if (!path[n])
            return v;
        path += n + 1;
    }
    return NULL;
}

cJSON *tt_ws_json(const char *text, size_t n)
{
    struct tt_err err = {0};
    while (n && (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t'))
        text++, n--;
    /* only objects and lists have fields; most other text is told apart by one byte */
    return n && (*text == '{' || *text == '[') ? tt_json_read(text, n, 0, &err) : NULL;
}

bool tt_ws_field_text(const cJSON *v, struct tt_buf *out)
{
    if (cJSON_IsString(v))
        return tt_buf_puts(out, v->valuestring);
    return cJSON_IsNumber(v) && tt_json_write_number(out, v->valuedouble);
}
