/* SPDX-License-Identifier: MIT */
/* Growing arrays by macro: struct { T *items; size_t len, cap; }. */
#pragma once
#include "base/memory.h"

#define TT_VEC(T)                                                                                  \
    struct {                                                                                       \
        T *items;                                                                                  \
        size_t len, cap;                                                                           \
    }
#define tt_vec_push(v, item)                                                                       \
    do {                                                                                           \
        if ((v)->len == (v)->cap) {                                                                \
            (v)->cap = (v)->cap ? (v)->cap * 2 : 8;                                                \
            (v)->items = tt_xreallocarray((v)->items, (v)->cap, sizeof *(v)->items);               \
        }                                                                                          \
        (v)->items[(v)->len++] = (item);                                                           \
    } while (0)
#define tt_vec_fini(v)                                                                             \
    do {                                                                                           \
        tt_free((v)->items);                                                                       \
        (v)->items = NULL;                                                                         \
        (v)->len = (v)->cap = 0;                                                                   \
    } while (0)
