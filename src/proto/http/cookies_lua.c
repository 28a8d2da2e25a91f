/* SPDX-License-Identifier: MIT */
/* A response's Set-Cookie headers as a table. The jar itself is the transport's. Worker thread. */
#include "base/str.h"
#include "proto/http/http_lua_int.h"
#include <string.h>

enum { NUMBER_MAX = 24, DATE_MAX = 64 };

static struct tt_slice trim(struct tt_slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The next ';'-separated part of *rest as name and value; value.p is NULL without '='. */
static bool next_part(struct tt_slice *rest, struct tt_slice *name, struct tt_slice *value)
{
    if (!rest->p)
        return false;
    const char *semi = memchr(rest->p, ';', rest->n);
    struct tt_slice part = {rest->p, semi ? (size_t)(semi - rest->p) : rest->n};
    *rest = semi ? (struct tt_slice){semi + 1, rest->n - part.n - 1} : (struct tt_slice){NULL, 0};
    const char *eq = memchr(part.p, '=', part.n);
    *name = trim((struct tt_slice){part.p, eq ? (size_t)(eq - part.p) : part.n});
    *value = eq ? trim((struct tt_slice){eq + 1, (size_t)(part.p + part.n - eq - 1)})
                : (struct tt_slice){NULL, 0};
    return true;
}

static bool is(struct tt_slice s, const char *name)
{
    return s.n == strlen(name) && tt_strnieq(s.p, name, s.n);
}

static void set_text(lua_State *L, const char *field, struct tt_slice s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
    lua_setfield(L, -2, field);
}

static void set_max_age(lua_State *L, struct tt_slice s)
{
    char text[NUMBER_MAX];
    int64_t v;
    if (!s.p || s.n >= sizeof text)
        return;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (!tt_parse_i64(text, &v))
        return;
    lua_pushinteger(L, v);
    lua_setfield(L, -2, "max_age");
}

static void set_expires(lua_State *L, struct tt_slice s)
{
    char text[DATE_MAX];
    if (!s.p || s.n >= sizeof text)
        return;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    time_t at = curl_getdate(text, NULL);
    if (at == -1)
        return;
    lua_pushinteger(L, (lua_Integer)at * 1000);
    lua_setfield(L, -2, "expires");
}

static void set_attribute(lua_State *L, struct tt_slice name, struct tt_slice value)
{
    if (is(name, "Domain")) {
        if (value.n && value.p[0] == '.')
            value = (struct tt_slice){value.p + 1, value.n - 1};
        set_text(L, "domain", value);
    } else if (is(name, "Path")) {
        set_text(L, "path", value);
    } else if (is(name, "Max-Age")) {
        set_max_age(L, value);
    } else if (is(name, "Expires")) {
        set_expires(L, value);
    } else if (is(name, "Secure") || is(name, "HttpOnly")) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, is(name, "Secure") ? "secure" : "http_only");
    }
}

/* Adds the cookie that line sets to the table on top: cookies[name] is a list. */
static void add_cookie(lua_State *L, struct tt_slice line)
{
    struct tt_slice name, value;
    if (!next_part(&line, &name, &value) || !value.p || name.n == 0)
        return;
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = (struct tt_slice){value.p + 1, value.n - 2};
    lua_pushlstring(L, name.p, name.n);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_createtable(L, 0, 6);
    set_text(L, "name", name);
    set_text(L, "value", value);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "secure");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "http_only");
    while (next_part(&line, &name, &value))
        set_attribute(L, name, value);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
}

void tt__http_push_cookies(lua_State *L, const char *head, size_t n)
{
    struct tt_http_header h;
    size_t at = 0;
    lua_newtable(L);
    while (tt_http_headers_next(head, n, &at, &h))
        if (is(h.name, "Set-Cookie"))
            add_cookie(L, h.value);
}
