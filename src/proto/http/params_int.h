/* SPDX-License-Identifier: MIT */
/* What the readers of a request's arguments share. A parameter is a row of the table in
 * params_lua.c: its name and its reader, which finds the value on top of the stack, leaves it there
 * and raises on misuse. Readers run in no order: what depends on several of them is done at the
 * end (tt__http_read_request). Worker thread. */
#pragma once
#include "proto/http/http_lua_int.h"

enum { TT__ARG_URL = 1, TT__ARG_BODY, TT__ARG_PARAMS };

struct tt__http_request {
    struct tt_http_call *call;
    const char *what; /* "http.get", for messages */
    bool has_json;    /* params.json is given */
};

struct tt__http_param {
    const char *name;
    void (*read)(lua_State *L, struct tt__http_request *r, const char *name);
};

/* Raises unless the value on top is of that type. */
void tt__param_type(lua_State *L, const struct tt__http_request *r, const char *name, int type);
/* "http.get: params.timeout", on the stack. */
const char *tt__param_what(lua_State *L, const struct tt__http_request *r, const char *name);

/* params_headers_lua.c */
void tt__param_headers(lua_State *L, struct tt__http_request *r, const char *name);

/* cookies_lua.c */
void tt__param_cookies(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_jar(lua_State *L, struct tt__http_request *r, const char *name);

/* body_lua.c */
/* The body at TT__ARG_BODY, or params.json, into the call. */
void tt__http_read_body(lua_State *L, struct tt__http_request *r);
