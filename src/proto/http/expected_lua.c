/* SPDX-License-Identifier: MIT */
/* http.expected_statuses, http.set_response_callback and params.response_callback. A callback is
 * what expected_statuses gives, or false for none. Worker thread. */
#include "base/memory.h"
#include "proto/http/params_int.h"
#include <string.h>

#define EXPECTED_TYPE "ttload.http.expected_statuses"

static const struct tt_http_expected unjudged = {0};

static uint16_t check_status(lua_State *L, int arg, const char *field)
{
    int is_int;
    lua_Integer v = lua_tointegerx(L, -1, &is_int);
    if (!is_int || lua_type(L, -1) != LUA_TNUMBER || v < 0 || v > 999)
        luaL_error(L,
                   "http.expected_statuses: argument %d%s: a status is expected, a whole number "
                   "to 999",
                   arg, field);
    return (uint16_t)v;
}

static uint16_t check_bound(lua_State *L, int arg, const char *name, const char *field)
{
    lua_getfield(L, arg, name);
    uint16_t v = check_status(L, arg, field);
    lua_pop(L, 1);
    return v;
}

/* expected_statuses(200, { min = 300, max = 399 }, ...) */
int tt__http_l_expected_statuses(lua_State *L)
{
    int n = lua_gettop(L);
    if (n == 0 || n > TT_HTTP_EXPECTED_MAX)
        return luaL_error(L,
                          "http.expected_statuses: 1 to %d statuses or { min =, max = } are "
                          "expected",
                          TT_HTTP_EXPECTED_MAX);
    struct tt_http_expected *e = lua_newuserdatauv(L, sizeof *e, 0);
    *e = (struct tt_http_expected){.judged = true, .n = (uint8_t)n};
    for (int i = 1; i <= n; i++) {
        if (lua_istable(L, i)) {
            e->ranges[i - 1].min = check_bound(L, i, "min", ".min");
            e->ranges[i - 1].max = check_bound(L, i, "max", ".max");
        } else {
            lua_pushvalue(L, i);
            e->ranges[i - 1].min = e->ranges[i - 1].max = check_status(L, i, "");
            lua_pop(L, 1);
        }
    }
    luaL_setmetatable(L, EXPECTED_TYPE);
    return 1;
}

/* The callback at idx; NULL when it is none. */
static const struct tt_http_expected *callback_at(lua_State *L, int idx)
{
    if (lua_isnil(L, idx) || (lua_isboolean(L, idx) && !lua_toboolean(L, idx)))
        return &unjudged;
    return luaL_testudata(L, idx, EXPECTED_TYPE);
}

/* set_response_callback(cb or nil): for this VU, from now on */
int tt__http_l_set_response_callback(lua_State *L)
{
    struct tt_vu *vu = tt_vu_running(L, "http.set_response_callback");
    struct tt_http_vu *hv = tt_vu_state(vu, &tt_module_http);
    luaL_checkany(L, 1);
    const struct tt_http_expected *e = callback_at(L, 1);
    if (!e)
        return luaL_error(L,
                          "http.set_response_callback: http.expected_statuses(...) or nil is "
                          "expected, not a %s",
                          luaL_typename(L, 1));
    if (!hv->expected)
        hv->expected = tt_xmalloc(sizeof *hv->expected);
    *hv->expected = *e;
    return 0;
}

void tt__param_response_callback(lua_State *L, struct tt__http_request *r, const char *name)
{
    const struct tt_http_expected *e = callback_at(L, -1);
    if (!e)
        luaL_error(L, "%s: params.%s: http.expected_statuses(...) or false is expected, not a %s",
                   r->what, name, luaL_typename(L, -1));
    r->call->expected = *e;
}

void tt__http_expected_open(lua_State *L)
{
    luaL_newmetatable(L, EXPECTED_TYPE);
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
