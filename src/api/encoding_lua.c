/* SPDX-License-Identifier: MIT */
/* `ttload.encoding`: base64, hex, URL encoding. Decoders return nil, message for text that is not
 * in the encoding. Worker thread. */
#include "base/digest.h"
#include "vu/args.h"
#include <lauxlib.h>

static const char *const forms[] = {"std", "rawstd", "url", "rawurl"};
static const enum tt_base64 form_of[] = {TT_BASE64_STD, TT_BASE64_RAWSTD, TT_BASE64_URL,
                                         TT_BASE64_RAWURL};

static int push(lua_State *L, struct tt_buf *out, bool ok, const char *error)
{
    if (ok)
        lua_pushlstring(L, out->len ? out->data : "", out->len);
    else
        lua_pushnil(L);
    tt_buf_fini(out);
    if (ok)
        return 1;
    lua_pushstring(L, error);
    return 2;
}

static int l_base64_encode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    size_t form = tt_args_choice(L, 2, "base64_encode: form", forms, 4, 0);
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    return push(L, &out, tt_base64_encode(&out, s, n, form_of[form]), "too long");
}

static int l_base64_decode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    size_t form = tt_args_choice(L, 2, "base64_decode: form", forms, 4, 0);
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    return push(L, &out, tt_base64_decode(&out, s, n, form_of[form]), "not base64 of this form");
}

static int l_hex_encode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    return push(L, &out, tt_hex_encode(&out, s, n), "too long");
}

static int l_hex_decode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    struct tt_buf out;
    tt_buf_init(&out, SIZE_MAX);
    return push(L, &out, tt_hex_decode(&out, s, n), "not hexadecimal");
}

static int l_urlencode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    luaL_Buffer b;
    luaL_buffinitsize(L, &b, n);
    for (size_t i = 0; i < n; i++) { /* RFC 3986's unreserved characters stand for themselves */
        unsigned char c = (unsigned char)s[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~') {
            luaL_addchar(&b, (char)c);
        } else {
            luaL_addchar(&b, '%');
            luaL_addchar(&b, "0123456789ABCDEF"[c >> 4]);
            luaL_addchar(&b, "0123456789ABCDEF"[c & 15]);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int l_urldecode(lua_State *L)
{
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    luaL_Buffer b;
    luaL_buffinitsize(L, &b, n);
    for (size_t i = 0; i < n; i++) {
        int high = s[i] == '%' && i + 2 < n ? hex_value(s[i + 1]) : -1;
        int low = high >= 0 ? hex_value(s[i + 2]) : -1;
        if (s[i] == '%' && low < 0) {
            lua_pushnil(L);
            lua_pushfstring(L, "'%%' at byte %d is not followed by two hexadecimal digits",
                            (int)i + 1);
            return 2;
        }
        if (low >= 0) {
            luaL_addchar(&b, (char)(high << 4 | low));
            i += 2;
        } else {
            luaL_addchar(&b, s[i] == '+' ? ' ' : s[i]);
        }
    }
    luaL_pushresult(&b);
    return 1;
}

static int open_encoding(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"base64_encode", l_base64_encode},
        {"base64_decode", l_base64_decode},
        {"hex_encode", l_hex_encode},
        {"hex_decode", l_hex_decode},
        {"urlencode", l_urlencode},
        {"urldecode", l_urldecode},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}

extern const struct tt_module tt_module_encoding;
const struct tt_module tt_module_encoding = {.name = "ttload.encoding", .open = open_encoding};
