/* SPDX-License-Identifier: MIT */
/* Tables as application/x-www-form-urlencoded: forms and queries, encoded as Go's url.Values. */
#include "proto/http/call_int.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include "vu/value.h"
#include <stdlib.h>
#include <string.h>

static bool put(struct tt_buf *out, const char *p, size_t n, const char *space)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~')
            ok = tt_buf_putc(out, (char)c);
        else if (c == ' ')
            ok = tt_buf_puts(out, space);
        else
            ok = tt_buf_printf(out, "%%%02X", c);
    }
    return ok;
}

static bool is_null(lua_State *L)
{
    return lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == &tt_json_null_key;
}

/* key=value of the scalar on top (popped). */
static void put_pair(lua_State *L, const struct tt__http_request *r,
                     const struct tt__http_form *form, struct tt_slice key)
{
    struct tt_buf *out = &r->call->wire;
    size_t n = 0;
    const char *type = luaL_typename(L, -1);
    const char *value = is_null(L) ? "" : tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: %s.%s: text, a number or a boolean is expected, not a %s", r->what,
                   form->what, key.p, type);
    if ((out->len && !tt_buf_putc(out, '&')) || !put(out, key.p, key.n, form->space) ||
        !tt_buf_putc(out, '=') || !put(out, value, n, form->space))
        luaL_error(L, "%s: %s: too large", r->what, form->what);
    lua_pop(L, 1);
}

/* --- keys in order -----------------------------------------------------------------------------
 */

static int by_bytes(const void *a, const void *b)
{
    const struct tt_slice *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

size_t tt__http_push_keys(lua_State *L, const struct tt__http_request *r, const char *what,
                          struct tt_slice **out)
{
    int table = lua_gettop(L);
    size_t n = 0, i = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), n++)
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: %s: the table's keys are names, not a %s", r->what, what,
                       luaL_typename(L, -2));
    struct tt_slice *keys = lua_newuserdatauv(L, (n ? n : 1) * sizeof *keys, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), i++)
        keys[i].p = lua_tolstring(L, -2, &keys[i].n);
    qsort(keys, n, sizeof *keys, by_bytes);
    *out = keys;
    return n;
}

/* key=value for each of the list on top (popped). A table with names goes as nothing, as in k6. */
static void put_list(lua_State *L, const struct tt__http_request *r,
                     const struct tt__http_form *form, struct tt_slice key)
{
    lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer k = 1; k <= len; k++) {
        lua_rawgeti(L, -1, k);
        put_pair(L, r, form, key);
    }
    lua_pushnil(L);
    if (len || !lua_next(L, -2)) {
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 3);
    lua_pushliteral(L, "");
    put_pair(L, r, form, key);
    tt__http_warn(r->call, "a form has no tables within tables, empty text is sent", key.p);
}

void tt__http_put_form(lua_State *L, const struct tt__http_request *r,
                       const struct tt__http_form *form)
{
    int table = lua_gettop(L);
    struct tt_slice *keys;
    size_t n = tt__http_push_keys(L, r, form->what, &keys);
    for (size_t i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].p, keys[i].n);
        if (lua_rawget(L, table) == LUA_TTABLE) {
            put_list(L, r, form, keys[i]);
        } else {
            put_pair(L, r, form, keys[i]);
        }
    }
    lua_settop(L, table);
}
