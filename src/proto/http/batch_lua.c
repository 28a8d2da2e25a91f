/* SPDX-License-Identifier: MIT */
/* `http.batch(requests)`: many requests under one wait. Worker thread.
 *
 * While it waits the coroutine's stack holds the batch (whose __gc gives back what is left when
 * reading raises) and a table with all that the calls point to, so that scripts may change what
 * they passed. */
#include "proto/http/batch.h"
#include "proto/http/call_int.h"
#include "proto/http/http_lua_int.h"
#include "vu/args.h"
#include <stdio.h>
#include <string.h>

#define BATCH_TYPE "ttload.http.batch"

enum { AT_REQUESTS = 1, AT_BATCH, AT_KEYS, AT_TEXTS };
enum { IN_URL = 1, IN_BODY, IN_PARAMS, IN_METHOD, IN_CALL };

static int l_batch_gc(lua_State *L)
{
    tt_http_batch_fini(lua_touserdata(L, 1));
    return 0;
}

void tt__http_batch_open(lua_State *L)
{
    if (luaL_newmetatable(L, BATCH_TYPE)) {
        lua_pushcfunction(L, l_batch_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
}

static void cancel(struct tt_op *op)
{
    tt_http_batch_fini((struct tt_http_batch *)(void *)op);
}

static const struct tt_op_class batch_class = {"http.batch", cancel};

/* --- reading ------------------------------------------------------------------------------------
 */

/* url, body, params, method, call -> a table of those that the call points to. A frame of its own:
 * the arguments of a request have fixed places. */
static int l_read_entry(lua_State *L)
{
    struct tt_http_call *c = lua_touserdata(L, IN_CALL);
    c->method = lua_tostring(L, IN_METHOD);
    tt__http_read_request(L, c, "http.batch");
    if (c->streams || lua_isfunction(L, IN_BODY)) /* their fiber runs meanwhile */
        return luaL_error(L, "http.batch: params.on_chunk and bodies from functions are for single "
                             "requests");
    lua_createtable(L, 4, 0);
    for (int i = IN_URL; i <= IN_METHOD; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* Pushes the part that a positional request has at i, a named one under name. */
static void push_part(lua_State *L, int entry, bool positional, int i, const char *name)
{
    if (positional) {
        lua_rawgeti(L, entry, i);
    } else {
        lua_pushstring(L, name);
        lua_rawget(L, entry);
    }
}

static void check_names(lua_State *L, int entry, bool positional)
{
    static const char *const names[] = {"method", "url", "body", "params"};
    lua_pushnil(L);
    while (lua_next(L, entry)) {
        bool known = false;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        if (positional && lua_isinteger(L, -2))
            known = lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= 4;
        for (size_t i = 0; !positional && i < 4; i++)
            known |= strcmp(name, names[i]) == 0;
        if (!known)
            tt_args_unknown(L, "http.batch", "field of a request", name, names, 4);
        lua_pop(L, 1);
    }
}

/* The request on top of the stack: pushes url, body, params, method. */
static void push_parts(lua_State *L)
{
    int entry = lua_gettop(L);
    if (lua_type(L, entry) == LUA_TSTRING || lua_type(L, entry) == LUA_TUSERDATA) {
        lua_pushvalue(L, entry); /* a URL */
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushliteral(L, "GET");
        return;
    }
    if (lua_type(L, entry) != LUA_TTABLE)
        luaL_error(L,
                   "http.batch: a request is a URL, { method, url, body, params } or a table "
                   "with these names, not a %s",
                   luaL_typename(L, entry));
    lua_rawgeti(L, entry, 1);
    bool positional = !lua_isnil(L, -1);
    lua_pop(L, 1);
    check_names(L, entry, positional);
    push_part(L, entry, positional, 2, "url");
    push_part(L, entry, positional, 3, "body");
    push_part(L, entry, positional, 4, "params");
    push_part(L, entry, positional, 1, "method");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushliteral(L, "GET");
    }
    if (!tt__http_is_method(L, -1))
        luaL_error(L, "http.batch: method: a method name is expected");
}

/* What l_read_entry says has no script line, being called from here; the key tells which one. */
static void reraise(lua_State *L, int key)
{
    const char *message = lua_tostring(L, -1);
    luaL_error(L, "%s (request %s)", message ? message : "http.batch",
               luaL_tolstring(L, key, NULL));
}

/* The key and the request are on top; both are popped. */
static void add_entry(lua_State *L, struct tt_http_batch *b)
{
    lua_Integer i = (lua_Integer)b->n + 1;
    if (b->n == b->room)
        luaL_error(L, "http.batch: the table changes while it is read");
    int entry = lua_gettop(L);
    lua_pushvalue(L, entry - 1);
    lua_rawseti(L, AT_KEYS, i);
    lua_pushcfunction(L, l_read_entry);
    lua_pushvalue(L, entry);
    push_parts(L);
    lua_remove(L, entry + 2);
    struct tt_http_call *c = tt__http_call_new(L, "http.batch", "GET");
    lua_pushlightuserdata(L, c);
    if (lua_pcall(L, 5, 1, 0) != LUA_OK)
        reraise(L, entry - 1);
    lua_rawseti(L, AT_TEXTS, i);
    tt_http_batch_add(b, c);
    lua_settop(L, entry - 2);
}

/* Is the URL of the last entry none at all? */
static bool is_bad(const struct tt_http_batch *b)
{
    return b->n && b->entries[b->n - 1].call->parsed.fault == TT_HTTP_URL_BAD;
}

/* In the order of a list, then whatever else the table has; as far as the first bad URL. */
static void read_entries(lua_State *L, struct tt_http_batch *b)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, AT_REQUESTS);
    for (lua_Integer i = 1; i <= n && !is_bad(b); i++) {
        lua_pushinteger(L, i);
        lua_rawgeti(L, AT_REQUESTS, i);
        add_entry(L, b);
    }
    if (is_bad(b))
        return;
    lua_pushnil(L);
    while (lua_next(L, AT_REQUESTS)) {
        if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= n) {
            lua_pop(L, 1);
            continue;
        }
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        add_entry(L, b);
        if (is_bad(b))
            return;
    }
}

static size_t count_entries(lua_State *L)
{
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, AT_REQUESTS)) {
        n++;
        lua_pop(L, 1);
    }
    return n;
}

/* --- the call -----------------------------------------------------------------------------------
 */

/* Returns the responses, or raises the first failure that does, now that all have ended. */
static int give(lua_State *L, struct tt_http_batch *b)
{
    struct tt_http_call *failure = NULL;
    lua_settop(L, AT_TEXTS);
    lua_newtable(L);
    for (size_t i = 0; i < b->n; i++) {
        struct tt_http_call *c = b->entries[i].call;
        if (tt__http_raises(c) && !failure)
            failure = c;
        lua_rawgeti(L, AT_KEYS, (lua_Integer)i + 1);
        lua_rawgeti(L, AT_TEXTS, (lua_Integer)i + 1);
        lua_rawgeti(L, -1, IN_BODY);
        tt__http_response_push(L, c, lua_gettop(L));
        lua_replace(L, -3);
        lua_pop(L, 1);
        lua_rawset(L, -3);
    }
    if (failure)
        tt__http_push_failure(L, failure);
    tt_http_batch_fini(b);
    return failure ? lua_error(L) : 1;
}

static int answered(lua_State *L, int status, lua_KContext op)
{
    (void)status;
    return give(L, (struct tt_http_batch *)(void *)op);
}

/* The last entry's URL is none: as in k6 nothing is sent, and what follows it has no response. */
static int refuse(lua_State *L, struct tt_http_batch *b)
{
    char text[200];
    struct tt_http_call *bad = b->entries[b->n - 1].call;
    for (size_t i = 0; i + 1 < b->n; i++) {
        struct tt_http_call *c = b->entries[i].call;
        tt_http_call_refuse(c, 0, "not sent: a later request of the batch has an invalid URL");
        c->url = (struct tt_slice){0};
    }
    snprintf(text, sizeof text, "invalid URL: %s", bad->bad_url);
    tt_http_call_refuse(bad, TT_HTTP_E_BAD_URL, text);
    if (!bad->throws)
        tt__http_warn(bad, "nothing of a batch was sent", text);
    return give(L, b);
}

int tt__http_l_batch(lua_State *L)
{
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TTABLE)
        return luaL_error(L, "http.batch takes a table of requests");
    tt_vu_running(L, "http.batch");
    tt_op_check(L, "http.batch");
    size_t n = count_entries(L);
    struct tt_http_batch *b = lua_newuserdatauv(L, sizeof *b, 0);
    memset(b, 0, sizeof *b);
    luaL_setmetatable(L, BATCH_TYPE);
    tt_http_batch_init(b, tt_worker_state(tt_worker_of(L), &tt_module_http), n);
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    read_entries(L, b);
    if (is_bad(b))
        return refuse(L, b);
    tt_op_init(&b->op, &batch_class);
    tt_http_batch_start(b);
    return tt_op_suspend(L, &b->op, answered);
}
