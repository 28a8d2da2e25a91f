/* SPDX-License-Identifier: MIT */
/* Set-Cookie lines: what is read goes into a jar and comes out of it as a Cookie header. */
#include "proto/http/jar.h"
#include <string.h>

static void put(void *arg, struct tt_slice name, struct tt_slice value)
{
    tt_http_cookie_put(arg, name, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "https://www.example.test/a/b";
    struct tt_http_cookie c;
    struct tt_http_url u;
    struct tt_buf b;
    const char *why;
    if (!tt_http_cookie_parse((struct tt_slice){(const char *)data, size}, &c))
        return 0;
    struct tt_http_jar *j = tt_http_jar_new();
    tt_buf_init(&b, 1 << 20);
    tt_http_url_parse(text, strlen(text), &u, &why);
    tt_http_jar_set(j, &u, &c, 1000);
    tt_http_jar_for(j, &u, 1000, put, &b);
    tt_http_jar_remove(j, &u, c.name);
    tt_buf_fini(&b);
    tt_http_jar_unref(j);
    return 0;
}
