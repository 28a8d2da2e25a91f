/* SPDX-License-Identifier: MIT */
/* Options: one struct generated from options.def, filled layer by layer (defaults < config file <
 * script < environment < flags). Coordinator thread while it is made; immutable in a plan. Strings
 * live in the plan's arena. */
#pragma once
#include "base/memory.h"
#include "base/vec.h"
#include "metric/metric.h"
#include <cjson/cJSON.h>

#ifndef TT_VERSION
#define TT_VERSION "0.1.0"
#endif

enum tt_opt_layer {
    TT_LAYER_DEFAULT,
    TT_LAYER_CONFIG,
    TT_LAYER_SCRIPT,
    TT_LAYER_ENV,
    TT_LAYER_FLAG
};

struct tt_text_list {
    const char **items;
    size_t n;
};
struct tt_tag_list {
    const struct tt_tag *items;
    size_t n;
};

#define TT_OPT_CTYPE_BOOL     bool
#define TT_OPT_CTYPE_INT      int64_t
#define TT_OPT_CTYPE_DURATION uint64_t /* ns */
#define TT_OPT_CTYPE_STRING   const char *
#define TT_OPT_CTYPE_LIST     struct tt_text_list
#define TT_OPT_CTYPE_TAGS     struct tt_tag_list
#define TT_OPT_CTYPE_ENV      struct tt_tag_list
#define TT_OPT_CTYPE_JSON     cJSON * /* owned by the options; tt_options_fini */

enum tt_opt_id {
#define OPT(type, field, ...) TT_OPT_##field,
#include "plan/options.def"
#undef OPT
    TT_OPT_COUNT
};

struct tt_options {
#define OPT(type, field, ...) TT_OPT_CTYPE_##type field;
#include "plan/options.def"
#undef OPT
    uint8_t layer[TT_OPT_COUNT]; /* enum tt_opt_layer that set it last; TT_LAYER_DEFAULT with ""
                                    default = unset */
    bool set[TT_OPT_COUNT];      /* has a value (given, or a default that is not "") */
};
