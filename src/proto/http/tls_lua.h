/* SPDX-License-Identifier: MIT */
/* TLS details as Lua values, for responses and sockets. Worker thread. */
#pragma once
#include "net/tls_info.h"
#include <lua.h>

/* Pushes what keeps the peer as long as Lua holds it; not for scripts to see. */
void tt_http_push_tls_peer(lua_State *L, struct tt_tls_peer *peer);
/* Pushes the list of certificates, the peer's own first; NULL: nil. */
void tt_http_push_certificates(lua_State *L, const struct tt_tls_peer *peer);
/* Pushes the table of the stapled OCSP response; NULL: nil. */
void tt_http_push_ocsp(lua_State *L, struct tt_tls_peer *peer);
