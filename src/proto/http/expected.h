/* SPDX-License-Identifier: MIT */
/* Which statuses a script expects: they decide http_req_failed and the tag expected_response. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TT_HTTP_EXPECTED_MAX = 16 };

struct tt_http_expected {
    bool judged; /* false: no http_req_failed, no expected_response */
    uint8_t n;
    struct {
        uint16_t min, max;
    } ranges[TT_HTTP_EXPECTED_MAX];
};

extern const struct tt_http_expected tt_http_expected_default; /* 200 to 399 */

static inline bool tt_http_expected_has(const struct tt_http_expected *e, int status)
{
    for (size_t i = 0; i < e->n; i++)
        if (status >= e->ranges[i].min && status <= e->ranges[i].max)
            return true;
    return false;
}
