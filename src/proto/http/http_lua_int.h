/* SPDX-License-Identifier: MIT */
/* What the files of the ttload.http binding share. Worker thread. */
#pragma once
#include "proto/http/call.h"
#include <lauxlib.h>
#include <lua.h>

/* http_lua.c */
/* A call of the running VU, reset; raises when what cannot wait here. */
struct tt_http_call *tt__http_call_new(lua_State *L, const char *what, const char *method);
/* The end of a call: pushes its response, or raises its failure; the call is back in its pool. */
int tt__http_answer(lua_State *L, struct tt_http_call *c);

/* The request whose url, body and params are the stack's first three values. method stays valid. */
int tt__http_send(lua_State *L, const char *what, const char *method);

/* html_lua.c: methods of the response at 1, whose body and URL these are */
struct tt__http_page {
    struct tt_slice body;
    const char *url;
};
int tt__http_submit_form(lua_State *L, const struct tt__http_page *page);
int tt__http_click_link(lua_State *L, const struct tt__http_page *page);

/* Does its failure raise? */
bool tt__http_raises(struct tt_http_call *c);
void tt__http_push_failure(lua_State *L, struct tt_http_call *c); /* the message that is raised */
bool tt__http_is_method(lua_State *L, int idx);

/* batch_lua.c */
void tt__http_batch_open(lua_State *L); /* makes the metatable */
int tt__http_l_batch(lua_State *L);

/* stream_lua.c: what holds a call whose body is taken in pieces */
void tt__http_stream_open(lua_State *L); /* makes the metatable */
/* Pushes a holder that cancels its call when the frame is left by an error or a kill. Then start
 * calls into it. */
struct tt__http_holder *tt__http_holder_push(lua_State *L, size_t size);
struct tt__http_holder {
    struct tt_http_call *call; /* NULL: none under way */
};
void tt__http_holder_start(struct tt__http_holder *h, struct tt_http_call *c);
/* Waits for a piece, or the end: neither is there. */
int tt__http_holder_wait(lua_State *L, struct tt__http_holder *h, lua_KFunction k);
/* Pushes the response whose body still comes; it is made once and kept at index at. */
void tt__http_push_so_far(lua_State *L, struct tt_http_call *c, int at);
/* The function at params.on_chunk gets the body. */
int tt__http_stream(lua_State *L, struct tt_http_call *c);
/* sse_lua.c */
int tt__http_l_sse(lua_State *L);

/* params_lua.c, params_headers_lua.c, body_lua.c (params_int.h) */
/* Fills in c from the arguments: url at 1, body at 2, params at 3 (raises on misuse). A body that
 * is made from a table replaces the one at 2. */
void tt__http_read_request(lua_State *L, struct tt_http_call *c, const char *what);

/* response_lua.c */
void tt__http_response_open(lua_State *L); /* makes the metatables */
/* Pushes the result of a finished call; the request's body is the string at body_index, or nil. */
void tt__http_response_push(lua_State *L, const struct tt_http_call *c, int body_index);

/* json_path.c */
/* Pushes what path names in the JSON text (k6's dotted paths: keys, indexes, '#', '\' escapes), nil
 * when there is no such thing or the text is no JSON. path NULL: all of it; raises when the text is
 * no JSON. text[n] is NUL. */
int tt__http_json(lua_State *L, const char *text, size_t n, const char *path);

/* http_lua.c */
extern const struct tt_module tt_module_http;

/* jar_lua.c */
void tt__http_jar_open(lua_State *L); /* makes the metatable, pushes http.CookieJar */
int tt__http_l_cookie_jar(lua_State *L);

/* upload_lua.c */
/* The function at 2 gives the body. */
int tt__http_upload(lua_State *L, struct tt_http_call *c, const char *what);

/* multipart_lua.c */
void tt__http_file_open(lua_State *L); /* makes the metatable */
int tt__http_l_file(lua_State *L);

/* url_lua.c */
void tt__http_url_open(lua_State *L); /* makes the metatable */
int tt__http_l_url(lua_State *L);

/* expected_lua.c */
void tt__http_expected_open(lua_State *L); /* makes the metatable */
int tt__http_l_expected_statuses(lua_State *L);
int tt__http_l_set_response_callback(lua_State *L);

/* cookies_lua.c */
/* Pushes the cookies that a header block sets: name -> list of tables. */
void tt__http_push_cookies(lua_State *L, const char *head, size_t n);
/* Pushes the cookies that the lines of a request send (tt_http_call.lines). */
void tt__http_push_sent_cookies(lua_State *L, const char *lines, size_t n);
