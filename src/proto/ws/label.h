/* SPDX-License-Identifier: MIT */
/* A WebSocket URL as samples are tagged with it. Pure. */
#pragma once
#include "base/buf.h"
#include "proto/http/url.h"

/* url: of the URL's http form. Appends its ws form with user, password and the values of query
 * parameters that look like secrets (token, access_token, key, signature ...) as "****". */
bool tt_ws_label(const struct tt_http_url *url, struct tt_buf *out);
/* Of text that is no URL: queries likewise; nothing where there may be a password. */
bool tt_ws_label_text(const char *text, struct tt_buf *out);
