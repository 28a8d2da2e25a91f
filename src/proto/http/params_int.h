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
    const char *what;                          /* "http.get", for messages */
    const char *url_name;                      /* of http.url; NULL: none */
    bool has_json, has_query, has_compression; /* the parameter is given */
    bool is_sse; /* of http.sse: it takes a parameter more and has no timeout by default */
};

struct tt__http_param {
    const char *name;
    void (*read)(lua_State *L, struct tt__http_request *r, const char *name);
};

/* Raises unless the value on top is of that type. */
void tt__param_type(lua_State *L, const struct tt__http_request *r, const char *name, int type);
/* "http.get: params.timeout", on the stack. */
const char *tt__param_what(lua_State *L, const struct tt__http_request *r, const char *name);

/* url_lua.c */
void tt__http_read_url(lua_State *L, struct tt__http_request *r); /* may leave something pushed */
void tt__param_query(lua_State *L, struct tt__http_request *r, const char *name);
void tt__http_add_query(lua_State *L, const struct tt__http_request *r);

/* params_headers_lua.c */
void tt__param_headers(lua_State *L, struct tt__http_request *r, const char *name);

/* cookies_lua.c */
void tt__param_cookies(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_jar(lua_State *L, struct tt__http_request *r, const char *name);

/* expected_lua.c */
void tt__param_response_callback(lua_State *L, struct tt__http_request *r, const char *name);

/* form_lua.c */
/* Pushes (one value) and gives the names in the table on top, sorted. */
size_t tt__http_push_keys(lua_State *L, const struct tt__http_request *r, const char *what,
                          struct tt_slice **out);
/* How a table becomes "name=value&...": sorted by name, a list repeats it, json.null is empty. */
struct tt__http_form {
    const char *what;  /* "body", for messages */
    const char *space; /* what stands for a space */
};
/* Appends the table on top to call->wire. */
void tt__http_put_form(lua_State *L, const struct tt__http_request *r,
                       const struct tt__http_form *form);

/* route_lua.c */
void tt__param_auth(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_aws(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_http_version(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_proxy(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_server_name(lua_State *L, struct tt__http_request *r, const char *name);
void tt__param_unix_socket(lua_State *L, struct tt__http_request *r, const char *name);
void tt__http_check_route(lua_State *L, const struct tt__http_request *r);

/* compression_lua.c */
void tt__param_compression(lua_State *L, struct tt__http_request *r, const char *name);
/* Encodes the text at TT__ARG_BODY. */
void tt__http_compress(lua_State *L, const struct tt__http_request *r);

/* multipart_lua.c */
bool tt__http_has_file(lua_State *L, int idx); /* the form at idx: is a file in it? */
/* The form at TT__ARG_BODY into the call, with its content type. */
void tt__http_read_multipart(lua_State *L, struct tt__http_request *r);

/* body_lua.c */
/* The body at TT__ARG_BODY, or params.json, into the call. */
void tt__http_read_body(lua_State *L, struct tt__http_request *r);
