/* SPDX-License-Identifier: MIT */
/* Arguments of ws.open and ws.connect. Nothing is held that a raised error could leak: texts live
 * on the Lua stack. */
#include "base/str.h"
#include "proto/http/jar_lua.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include <string.h>

enum { ARG_URL = 1, ARG_PARAMS };

static bool token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 127 ||
            strchr("()<>@,;:\\\"/[]?={}", p[i]))
            return false;
    return n != 0;
}

static bool one_line(const char *p, size_t n)
{
    return !memchr(p, '\r', n) && !memchr(p, '\n', n) && !memchr(p, '\0', n);
}

/* These are the handshake's. */
static bool reserved(const char *name)
{
    static const char *const names[] = {"Upgrade",           "Connection",
                                        "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                                        "Content-Length",    "Sec-WebSocket-Extensions",
                                        "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tt_strieq(name, names[i]))
            return true;
    return false;
}

/* --- headers -----------------------------------------------------------------------------------
 */

/* Adds "name: value" of the value on top (popped) to the lines at index lines. */
static void add_line(lua_State *L, const char *what, int lines, const char *name)
{
    size_t n;
    const char *type = luaL_typename(L, -1);
    const char *value = tt_args_text(L, -1, &n);
    if (!value)
        luaL_error(L, "%s: params.headers['%s']: text is expected, not a %s", what, name, type);
    if (!one_line(value, n))
        luaL_error(L, "%s: params.headers['%s']: a line break in the value", what, name);
    if (reserved(name))
        luaL_error(L, "%s: params.headers['%s']: the handshake sets this header itself", what,
                   name);
    lua_pushvalue(L, lines);
    lua_insert(L, -2);
    lua_pushfstring(L, "%s: ", name);
    lua_insert(L, -2);
    lua_pushliteral(L, "\r\n");
    lua_concat(L, 4);
    lua_replace(L, lines);
}

/* A table; its lines are pushed. k6's scripts name subprotocols in a header. */
static void read_headers(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int table = lua_gettop(L), lines = table + 1;
    if (!lua_istable(L, table))
        luaL_error(L, "%s: params.headers: a table is expected, not a %s", what,
                   luaL_typename(L, table));
    lua_pushliteral(L, "");
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, lines + 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !token(lua_tostring(L, -2), lua_rawlen(L, -2)))
            luaL_error(L, "%s: params.headers: '%s' is no header name", what,
                       luaL_tolstring(L, -2, NULL));
        const char *name = lua_tostring(L, -2);
        if (tt_strieq(name, "Sec-WebSocket-Protocol") && lua_type(L, -1) == LUA_TSTRING) {
            c->subprotocols = lua_tostring(L, -1); /* the script's table keeps it */
        } else if (lua_istable(L, -1)) {
            lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer i = 1; i <= n; i++) {
                lua_rawgeti(L, lines + 2, i);
                add_line(L, what, lines, name);
            }
        } else {
            add_line(L, what, lines, name);
        }
    }
    c->lines = lua_tostring(L, lines);
}

/* --- the others --------------------------------------------------------------------------------
 */

/* The value on top: text or a list of texts; the joined text is pushed. */
static void read_subprotocols(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int value = lua_gettop(L);
    bool list = lua_istable(L, value);
    lua_Integer n = list ? (lua_Integer)lua_rawlen(L, value) : 1;
    lua_pushliteral(L, "");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_pushstring(L, i > 1 ? ", " : "");
        if (list)
            lua_rawgeti(L, value, i);
        else
            lua_pushvalue(L, value);
        if (lua_type(L, -1) != LUA_TSTRING || !token(lua_tostring(L, -1), lua_rawlen(L, -1)))
            luaL_error(L, "%s: params.subprotocols: a name or a list of names is expected", what);
        lua_concat(L, 3);
    }
    c->subprotocols = n ? lua_tostring(L, -1) : NULL;
}

static size_t read_size(lua_State *L, const char *what, const char *name)
{
    lua_Integer v = lua_type(L, -1) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;
    if (v <= 0)
        luaL_error(L, "%s: params.%s: a number of bytes above 0 is expected", what, name);
    return (size_t)v;
}

static void read_max_size(lua_State *L, struct tt_ws_config *c, const char *what)
{
    c->max_message_bytes = read_size(L, what, "max_message_size");
}

static void read_fragment_size(lua_State *L, struct tt_ws_config *c, const char *what)
{
    c->fragment_bytes = read_size(L, what, "fragment_size");
}

static void read_jar(lua_State *L, struct tt_ws_config *c, const char *what)
{
    c->jar = tt_http_jar_at(L, -1); /* the script's table keeps it */
    if (!c->jar)
        luaL_error(L, "%s: params.jar: a cookie jar is expected, not a %s", what,
                   luaL_typename(L, -1));
}

static void read_unix_socket(lua_State *L, struct tt_ws_config *c, const char *what)
{
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: params.unix_socket: a path is expected, not a %s", what,
                   luaL_typename(L, -1));
    c->unix_path = lua_tostring(L, -1);
    if (!*c->unix_path || lua_rawlen(L, -1) > TT_CONN_UNIX_PATH_MAX ||
        strlen(c->unix_path) != lua_rawlen(L, -1))
        luaL_error(L, "%s: params.unix_socket: a path of 1 to %d bytes is expected", what,
                   TT_CONN_UNIX_PATH_MAX);
}

static void read_server_name(lua_State *L, struct tt_ws_config *c, const char *what)
{
    if (lua_type(L, -1) != LUA_TSTRING || !tt_http_host_ok(lua_tostring(L, -1)))
        luaL_error(L, "%s: params.tls_server_name: a host name is expected", what);
    c->server_name = lua_tostring(L, -1); /* the script's table keeps it */
}

/* A URL, or false for none, whatever the environment says. */
static void read_proxy(lua_State *L, struct tt_ws_config *c, const char *what)
{
    static const char *const schemes[] = {"http://", "socks4://", "socks4a://", "socks5://",
                                          "socks5h://"};
    c->proxy = lua_isboolean(L, -1) && !lua_toboolean(L, -1) ? "" : NULL;
    for (size_t i = 0; lua_type(L, -1) == LUA_TSTRING && i < sizeof schemes / sizeof *schemes; i++)
        if (tt_strnieq(lua_tostring(L, -1), schemes[i], strlen(schemes[i])))
            c->proxy = lua_tostring(L, -1); /* the script's table keeps it */
    if (!c->proxy || (*c->proxy && strlen(c->proxy) != lua_rawlen(L, -1)))
        luaL_error(L,
                   "%s: params.proxy: an http://, socks4://, socks4a://, socks5:// or socks5h:// "
                   "URL, or false for none, is expected",
                   what);
}

static void read_redirects(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int is_int;
    c->redirects = lua_tointegerx(L, -1, &is_int);
    if (!is_int || lua_type(L, -1) != LUA_TNUMBER || c->redirects < 0)
        luaL_error(L, "%s: params.redirects: a whole number from 0 is expected", what);
}

static void read_tags(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int value = lua_gettop(L);
    const char *name = lua_pushfstring(L, "%s: params.tags", what);
    c->tags = tt_args_tags(L, value, name, c->tags);
}

static void read_timeout(lua_State *L, struct tt_ws_config *c, const char *what)
{
    int value = lua_gettop(L);
    const char *name = lua_pushfstring(L, "%s: params.timeout", what);
    c->timeout_ns = tt_args_duration(L, value, name);
    if (!c->timeout_ns)
        luaL_error(L, "%s: it must be more than 0", name);
}

static void read_scope(lua_State *L, struct tt_ws_config *c, const char *what)
{
    static const char *const scopes[] = {"iteration", "vu"};
    (void)what;
    c->keep = tt_args_choice(L, -1, "params.scope", scopes, 2, 0) == 1;
}

/* A field, or { field = "meta.ts", unit = "s" }; milliseconds of the epoch without a unit. */
static void read_timestamp(lua_State *L, struct tt_ws_config *c, const char *what)
{
    static const char *const names[] = {"field", "unit"};
    static const char *const units[] = {"ms", "s", "us", "ns"};
    static const double in_ms[] = {1, 1000, 1e-3, 1e-6};
    size_t unit = 0;
    if (lua_istable(L, -1)) {
        int table = lua_gettop(L);
        const char *name = lua_pushfstring(L, "%s: params.timestamp", what);
        tt_args_only(L, table, name, "field", names, 2);
        lua_getfield(L, table, "unit");
        unit = tt_args_choice(L, -1, name, units, 4, 0);
        lua_getfield(L, table, "field");
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: params.timestamp: the name of a field is expected, not a %s", what,
                   luaL_typename(L, -1));
    c->timestamp = lua_tostring(L, -1);
    c->timestamp_ms = in_ms[unit];
}

/* --- compression -------------------------------------------------------------------------------
 */

static unsigned char window(lua_State *L, int table, const char *what, const char *name)
{
    int is_int;
    if (lua_getfield(L, table, name) == LUA_TNIL)
        return 0;
    lua_Integer v = lua_tointegerx(L, -1, &is_int);
    if (!is_int || lua_type(L, -1) != LUA_TNUMBER || v <= TT_WS_WINDOW_MIN || v > TT_WS_WINDOW_MAX)
        luaL_error(L, "%s.%s: a number from 9 to 15 is expected", what, name);
    return (unsigned char)v;
}

static bool flag(lua_State *L, int table, const char *what, const char *name)
{
    if (lua_getfield(L, table, name) != LUA_TNIL && !lua_isboolean(L, -1))
        luaL_error(L, "%s.%s: a boolean is expected, not a %s", what, name, luaL_typename(L, -1));
    return lua_toboolean(L, -1);
}

/* "deflate" is k6's: no context is kept; a table has its limits, {} none. */
static void read_compression(lua_State *L, struct tt_ws_config *c, const char *what)
{
    static const char *const names[] = {"client_max_window_bits", "server_max_window_bits",
                                        "client_no_context_takeover", "server_no_context_takeover"};
    int table = lua_gettop(L);
    const char *name = lua_pushfstring(L, "%s: params.compression", what);
    c->deflate = (struct tt_ws_deflate){.on = true};
    if (lua_type(L, table) == LUA_TSTRING && strcmp(lua_tostring(L, table), "deflate") == 0) {
        c->deflate.client_no_takeover = c->deflate.server_no_takeover = true;
        c->deflate.no_client_bits = true;
        return;
    }
    if (!lua_istable(L, table))
        luaL_error(L, "%s: 'deflate' or a table of its limits is expected", name);
    tt_args_only(L, table, name, "limit", names, sizeof names / sizeof *names);
    c->deflate.client_bits = window(L, table, name, names[0]);
    c->deflate.server_bits = window(L, table, name, names[1]);
    c->deflate.client_no_takeover = flag(L, table, name, names[2]);
    c->deflate.server_no_takeover = flag(L, table, name, names[3]);
}

/* --- all of them -------------------------------------------------------------------------------
 */

/* Each finds its value on top and may leave more on the stack. */
static const struct {
    const char *name;
    void (*read)(lua_State *L, struct tt_ws_config *c, const char *what);
} readers[] = {
    {"compression", read_compression},
    {"fragment_size", read_fragment_size},
    {"headers", read_headers},
    {"jar", read_jar},
    {"max_message_size", read_max_size},
    {"proxy", read_proxy},
    {"redirects", read_redirects},
    {"scope", read_scope},
    {"subprotocols",
     read_subprotocols}, /* after headers, whose Sec-WebSocket-Protocol it replaces */
    {"tags", read_tags},
    {"timeout", read_timeout},
    {"timestamp", read_timestamp},
    {"tls_server_name", read_server_name},
    {"unix_socket", read_unix_socket},
};
enum { N_READERS = sizeof readers / sizeof *readers };

void tt__ws_read_params(lua_State *L, struct tt_ws_config *c, const char *what,
                        const struct tt_worker *w)
{
    const struct tt_options *opt = w->plan ? &w->plan->opt : NULL;
    const char *names[N_READERS];
    *c = (struct tt_ws_config){.lines = "",
                               .timeout_ns = UINT64_C(60000000000),
                               .max_message_bytes = (size_t)16 << 20,
                               .redirects = opt ? opt->max_redirects : 10,
                               .tags = w->current->tags};
    if (lua_type(L, ARG_URL) != LUA_TSTRING)
        luaL_error(L, "%s: url: text is expected, not a %s", what, luaL_typename(L, ARG_URL));
    c->url = lua_tolstring(L, ARG_URL, &c->url_len);
    if (lua_isnoneornil(L, ARG_PARAMS))
        return;
    if (!lua_istable(L, ARG_PARAMS))
        luaL_error(L, "%s: params: a table is expected, not a %s", what,
                   luaL_typename(L, ARG_PARAMS));
    for (size_t i = 0; i < N_READERS; i++)
        names[i] = readers[i].name;
    tt_args_only(L, ARG_PARAMS, what, "parameter", names, N_READERS);
    luaL_checkstack(L, 64, NULL);
    for (size_t i = 0; i < N_READERS; i++) {
        lua_pushstring(L, readers[i].name);
        if (lua_rawget(L, ARG_PARAMS) != LUA_TNIL)
            readers[i].read(L, c, what);
    }
}
