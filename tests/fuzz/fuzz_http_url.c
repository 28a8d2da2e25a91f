/* SPDX-License-Identifier: MIT */
/* URLs: what is accepted can be put on the wire and cleaned for tags. */
#include "proto/http/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tt_http_url u;
    struct tt_buf b;
    const char *why;
    tt_buf_init(&b, 1 << 20);
    if (tt_http_url_parse((const char *)data, size, &u, &why)) {
        tt_http_url_clean(&u, &b);
        tt_buf_clear(&b);
        tt_http_url_template(&u, &b);
        tt_buf_clear(&b);
        tt_http_url_wire(&u, &b);
        tt_buf_clear(&b);
        if (u.has_userinfo)
            tt_http_url_basic_auth(&u, &b);
        tt_http_url_plain(&u, (const char *)data, size);
    }
    tt_buf_fini(&b);
    return 0;
}
