/* SPDX-License-Identifier: MIT */
/* What the files of the HTTP engine share. Worker thread. */
#pragma once
#include "proto/http/call.h"

/* call.c */
/* A line in the log; identical ones are counted, one a second is written. */
void tt__http_warn(const struct tt_http_call *c, const char *what, const char *detail);
/* call_auth.c */
/* Before a hop: what the URL's userinfo asks for, without a challenge. False: too long. */
bool tt__http_put_credentials(struct tt_http_call *c);
/* The hop was refused: can it be sent again with an answer? The header is then there. */
bool tt__http_answer_challenge(struct tt_http_call *c);

/* call_cookies.c */
/* Before a hop: makes its Cookie line, of the script's cookies and the jar's. */
void tt__http_put_cookies(struct tt_http_call *c);
/* After a hop: what the response set goes into the jar. */
void tt__http_take_cookies(struct tt_http_call *c);

/* call_lines.c */
/* Before a redirect's hop: the header lines that its request keeps. */
void tt__http_keep_lines(struct tt_http_call *c, bool trusted, bool same_authority);

/* call_proxy.c */
/* Before a hop: the proxy that it goes through, if any: proxy_host is then its name or address.
 * False: it is no URL. */
bool tt__http_set_proxy(struct tt_http_call *c);
/* Where proxy_host is. */
void tt__http_proxy_found(struct tt_http_call *c, const struct tt_lookup *l);

/* call_redirect.c */
/* Does the response lead elsewhere? */
bool tt__http_is_redirect(const struct tt_http_call *c, struct tt_slice *location);
/* Makes the call the request of the next hop, whose URL may have a fault. False: the Location is no
 * URL, c->x.error says so. */
bool tt__http_redirect(struct tt_http_call *c, struct tt_slice location);
