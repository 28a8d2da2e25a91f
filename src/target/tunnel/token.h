/* SPDX-License-Identifier: MIT */
/* The tunnel's bearer tokens: JWT (RFC 7519) signed with HS256. Pure; any thread. */
#pragma once
#include "serve/request.h"

enum { TT__TOKEN_LEEWAY_S = 60, TT__TOKEN_MAX = 8192 };

/* `exp` (a minute of leeway) and `sub` are required, `aud` is refused, nbf and iat are not looked
 * at. now_s: seconds since the epoch. */
bool tt__token_valid(const char *token, const char *secret, double now_s);
/* The token that an upgrade request presents, in out: "Authorization: Bearer X" wins over
 * ?token=X; any other Authorization is looked through. False when there is none. */
bool tt__token_presented(const struct tt_http_request *req, char *out, size_t size);
