/* SPDX-License-Identifier: MIT */
/* The response: one block with everything that came, copied out of the call; Lua values are made
 * when a script reads a field, and kept in the block's user values when they are tables or long.
 * A script that looks at the status only costs one allocation. Worker thread. */
#include "base/str.h"
#include "html/selection.h"
#include "proto/http/http_lua_int.h"
#include "proto/http/tls_lua.h"
#include <string.h>

#define RESPONSE_TYPE "ttload.http.response"
#define HEADERS_TYPE  "ttload.http.headers"

enum uservalue {
    UV_BODY = 1,
    UV_REQUEST_BODY,
    UV_HEADERS,
    UV_TIMINGS,
    UV_COOKIES,
    UV_REQUEST,
    UV_PEER,
    UV_CERTIFICATES
};
enum { UV_COUNT = UV_CERTIFICATES };

struct response {
    int status, error_code;
    uint16_t remote_port;
    bool has_body, tls_resumed;
    uint64_t body_size, wire_size;
    const char *proto, *tls_version, *tls_cipher; /* static; NULL: none */
    struct tt_tls_peer *peer;                     /* held by UV_PEER */
    struct tt_http_timings timings;
    char remote_ip[46];
    /* In the block. A NUL follows body. */
    struct tt_slice head, body, url, error, method, lines, status_text;
    char block[];
};

/* --- making it ---------------------------------------------------------------------------------
 */

static char *place(char *at, struct tt_slice *s, const char *p, size_t n)
{
    if (n)
        memcpy(at, p, n);
    at[n] = '\0';
    *s = (struct tt_slice){at, n};
    return at + n + 1;
}

/* A failed one has what had arrived. */
static bool has_body(const struct tt_http_call *c)
{
    int status = c->status.code;
    if (c->streams)
        return false;
    if (c->x.error.code)
        return c->x.body.len != 0;
    return c->keep_body && status >= 200 && status != 204 && status != 304;
}

void tt__http_response_push(lua_State *L, const struct tt_http_call *c, int body_index)
{
    const struct tt_http_exchange *x = &c->x;
    const bool failed = x->error.code || !c->status.code; /* or never sent */
    const struct tt_slice url = c->parsed.fault == TT_HTTP_URL_BAD ? (struct tt_slice){0} : c->url;
    const size_t head = x->head.len, body = has_body(c) ? x->body.len : 0,
                 error = failed ? strlen(x->error.text) : 0, method = strlen(c->method);
    struct response *r = lua_newuserdatauv(
        L, sizeof *r + head + body + error + method + url.n + c->lines.len + 6, UV_COUNT);
    luaL_setmetatable(L, RESPONSE_TYPE);
    *r = (struct response){
        .status = failed ? 0 : c->status.code,
        .error_code = failed ? x->error.code : tt_http_status_error_code(c->status.code),
        .remote_port = x->remote_port,
        .has_body = has_body(c),
        .proto = failed ? NULL : c->status.proto,
        .tls_version = x->tls.version,
        .tls_resumed = x->tls.resumed,
        .peer = x->tls.peer,
        .body_size = x->decoded_bytes,
        .wire_size = x->wire_bytes,
        .tls_cipher = x->tls.cipher,
        .timings = tt_http_timings_of(&x->at),
    };
    memcpy(r->remote_ip, x->remote_ip, sizeof r->remote_ip);
    char *at = place(r->block, &r->head, x->head.data, head);
    at = place(at, &r->body, x->body.data, body);
    at = place(at, &r->error, x->error.text, error);
    at = place(at, &r->method, c->method, method);
    at = place(at, &r->url, url.p, url.n);
    place(at, &r->lines, c->lines.data, c->lines.len);
    if (!failed) /* a slice of x->head, so one of our copy of it */
        r->status_text =
            (struct tt_slice){r->head.p + (c->status.text.p - x->head.data), c->status.text.n};
    if (c->body) {
        lua_pushvalue(L, body_index);
        lua_setiuservalue(L, -2, UV_REQUEST_BODY);
    }
    if (r->peer) {
        tt_http_push_tls_peer(L, r->peer);
        lua_setiuservalue(L, -2, UV_PEER);
    }
}

/* --- headers -----------------------------------------------------------------------------------
 */

static bool name_is(struct tt_slice s, const char *name, size_t n)
{
    return s.n == n && tt_strnieq(s.p, name, n);
}

static const struct response *headers_response(lua_State *L, int idx)
{
    luaL_checkudata(L, idx, HEADERS_TYPE);
    lua_getiuservalue(L, idx, 1);
    const struct response *r = lua_touserdata(L, -1);
    lua_pop(L, 1); /* the headers keep it */
    return r;
}

/* Pushes the values of a header joined with ", "; false and nothing when there is none. */
static bool push_joined(lua_State *L, const struct response *r, const char *name, size_t n)
{
    struct tt_http_header h, first = {0};
    size_t at = 0, times = 0;
    luaL_Buffer b;
    while (tt_http_headers_next(r->head.p, r->head.n, &at, &h)) {
        if (!name_is(h.name, name, n))
            continue;
        if (times++ == 0) {
            first = h;
            continue;
        }
        if (times == 2) {
            luaL_buffinit(L, &b);
            luaL_addlstring(&b, first.value.p, first.value.n);
        }
        luaL_addlstring(&b, ", ", 2);
        luaL_addlstring(&b, h.value.p, h.value.n);
    }
    if (times == 1)
        lua_pushlstring(L, first.value.p, first.value.n);
    else if (times)
        luaL_pushresult(&b);
    return times != 0;
}

/* headers:all(name) -> list of the values */
static int l_headers_all(lua_State *L)
{
    const struct response *r = headers_response(L, 1);
    size_t n, at = 0;
    const char *name = luaL_checklstring(L, 2, &n);
    struct tt_http_header h;
    lua_Integer i = 0;
    lua_newtable(L);
    while (tt_http_headers_next(r->head.p, r->head.n, &at, &h))
        if (name_is(h.name, name, n)) {
            lua_pushlstring(L, h.value.p, h.value.n);
            lua_rawseti(L, -2, ++i);
        }
    return 1;
}

static int l_headers_index(lua_State *L)
{
    const struct response *r = headers_response(L, 1);
    size_t n;
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *name = lua_tolstring(L, 2, &n);
    if (strcmp(name, "all") == 0)
        lua_pushcfunction(L, l_headers_all);
    else if (!push_joined(L, r, name, n))
        return 0;
    return 1;
}

/* Adds name = value to the table on top, joined with what is there; the name in canonical case. */
static void add_header(lua_State *L, struct tt_slice name, struct tt_slice value)
{
    luaL_Buffer b;
    char *text = luaL_buffinitsize(L, &b, name.n);
    memcpy(text, name.p, name.n);
    tt_http_header_canonical(text, name.n);
    luaL_pushresultsize(&b, name.n);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushlstring(L, value.p, value.n);
    } else {
        lua_pushliteral(L, ", ");
        lua_pushlstring(L, value.p, value.n);
        lua_concat(L, 3);
    }
    lua_rawset(L, -3);
}

static int l_headers_next(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_replace(L, 1);
    return lua_next(L, 1) ? 2 : 0;
}

static int l_headers_pairs(lua_State *L)
{
    const struct response *r = headers_response(L, 1);
    struct tt_http_header h;
    size_t at = 0;
    lua_newtable(L);
    while (tt_http_headers_next(r->head.p, r->head.n, &at, &h))
        add_header(L, h.name, h.value);
    lua_pushcclosure(L, l_headers_next, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static void push_headers(lua_State *L, const struct response *r)
{
    (void)r;
    lua_newuserdatauv(L, 0, 1);
    luaL_setmetatable(L, HEADERS_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
}

/* --- fields that are tables --------------------------------------------------------------------
 */

static void push_timings(lua_State *L, const struct response *r)
{
    const struct tt_http_timings *t = &r->timings;
    const struct {
        const char *name;
        double ms;
    } fields[] = {
        {"blocked", t->blocked},       {"looking_up", t->looking_up},
        {"connecting", t->connecting}, {"tls_handshaking", t->tls_handshaking},
        {"sending", t->sending},       {"waiting", t->waiting},
        {"receiving", t->receiving},   {"duration", t->duration},
        {"first_byte", t->first_byte}, {"last_byte", t->last_byte},
    };
    const size_t n = sizeof fields / sizeof *fields;
    lua_createtable(L, 0, (int)n);
    for (size_t i = 0; i < n; i++) {
        lua_pushnumber(L, fields[i].ms);
        lua_setfield(L, -2, fields[i].name);
    }
}

static void push_cookies(lua_State *L, const struct response *r)
{
    tt__http_push_cookies(L, r->head.p, r->head.n);
}

static void push_certificates(lua_State *L, const struct response *r)
{
    tt_http_push_certificates(L, r->peer);
}

static void push_body(lua_State *L, const struct response *r)
{
    if (r->has_body)
        lua_pushlstring(L, r->body.p, r->body.n);
    else
        lua_pushnil(L);
}

/* What was sent at last, after redirects. A line is "Name: value", or "Name;" without a value. */
static void push_request(lua_State *L, const struct response *r)
{
    lua_createtable(L, 0, 5);
    lua_pushlstring(L, r->method.p, r->method.n);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, r->url.p, r->url.n);
    lua_setfield(L, -2, "url");
    lua_getiuservalue(L, 1, UV_REQUEST_BODY);
    lua_setfield(L, -2, "body");
    lua_newtable(L);
    const char *end = r->lines.p + r->lines.n;
    for (const char *p = r->lines.p; p < end; p += strlen(p) + 1) {
        size_t name = strcspn(p, ":;");
        struct tt_slice value = {p + name + 1, 0};
        if (p[name] == ':') {
            value.p += strspn(value.p, " ");
            value.n = strlen(value.p);
        }
        add_header(L, (struct tt_slice){p, name}, value);
    }
    lua_setfield(L, -2, "headers");
    tt__http_push_sent_cookies(L, r->lines.p, r->lines.n);
    lua_setfield(L, -2, "cookies");
}

/* --- fields ------------------------------------------------------------------------------------
 */

enum field {
    F_STATUS,
    F_STATUS_TEXT,
    F_PROTO,
    F_URL,
    F_BODY,
    F_HEADERS,
    F_COOKIES,
    F_ERROR,
    F_ERROR_CODE,
    F_REMOTE_IP,
    F_REMOTE_PORT,
    F_TIMINGS,
    F_REQUEST,
    F_TLS_VERSION,
    F_TLS_CIPHER,
    F_TLS_RESUMED,
    F_CERTIFICATES,
    F_OCSP,
    F_BODY_SIZE,
    F_WIRE_SIZE,
    F_COUNT
};

static const char *const field_names[] = {
    [F_STATUS] = "status",
    [F_STATUS_TEXT] = "status_text",
    [F_PROTO] = "proto",
    [F_URL] = "url",
    [F_BODY] = "body",
    [F_HEADERS] = "headers",
    [F_COOKIES] = "cookies",
    [F_ERROR] = "error",
    [F_ERROR_CODE] = "error_code",
    [F_REMOTE_IP] = "remote_ip",
    [F_REMOTE_PORT] = "remote_port",
    [F_TIMINGS] = "timings",
    [F_REQUEST] = "request",
    [F_TLS_VERSION] = "tls_version",
    [F_TLS_CIPHER] = "tls_cipher_suite",
    [F_TLS_RESUMED] = "tls_resumed",
    [F_CERTIFICATES] = "certificates",
    [F_OCSP] = "ocsp",
    [F_BODY_SIZE] = "body_size",
    [F_WIRE_SIZE] = "wire_size",
    [F_COUNT] = "json",
    "html",
    "submit_form",
    "click_link",
};
enum { N_NAMES = sizeof field_names / sizeof *field_names };

/* Pushes what make makes of the response at 1, once. */
static void push_kept(lua_State *L, const struct response *r, enum uservalue uv,
                      void (*make)(lua_State *L, const struct response *r))
{
    if (lua_getiuservalue(L, 1, (int)uv) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    make(L, r);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, (int)uv);
}

/* HTTP/2 sends the number alone: k6 shows the usual phrase with it. */
static void push_status_text(lua_State *L, const struct response *r)
{
    const char *phrase = r->status_text.n == 3 ? tt_http_status_phrase(r->status) : "";
    if (!r->status)
        lua_pushnil(L);
    else if (*phrase)
        lua_pushfstring(L, "%d %s", r->status, phrase);
    else
        lua_pushlstring(L, r->status_text.p, r->status_text.n);
}

static void push_slice(lua_State *L, struct tt_slice s)
{
    if (s.n)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushnil(L);
}

static void push_field(lua_State *L, const struct response *r, enum field f)
{
    switch (f) {
    case F_STATUS:
        lua_pushinteger(L, r->status);
        break;
    case F_STATUS_TEXT:
        push_status_text(L, r);
        break;
    case F_PROTO:
        lua_pushstring(L, r->proto);
        break;
    case F_URL:
        push_slice(L, r->url);
        break;
    case F_BODY:
        push_kept(L, r, UV_BODY, push_body);
        break;
    case F_HEADERS:
        push_kept(L, r, UV_HEADERS, push_headers);
        break;
    case F_COOKIES:
        push_kept(L, r, UV_COOKIES, push_cookies);
        break;
    case F_ERROR:
        push_slice(L, r->error);
        break;
    case F_ERROR_CODE:
        lua_pushinteger(L, r->error_code);
        break;
    case F_REMOTE_IP:
        lua_pushstring(L, r->remote_ip[0] ? r->remote_ip : NULL);
        break;
    case F_REMOTE_PORT:
        lua_pushinteger(L, r->remote_port);
        break;
    case F_TIMINGS:
        push_kept(L, r, UV_TIMINGS, push_timings);
        break;
    case F_REQUEST:
        push_kept(L, r, UV_REQUEST, push_request);
        break;
    case F_TLS_VERSION:
        lua_pushstring(L, r->tls_version);
        break;
    case F_TLS_RESUMED:
        lua_pushboolean(L, r->tls_resumed);
        break;
    case F_CERTIFICATES:
        push_kept(L, r, UV_CERTIFICATES, push_certificates);
        break;
    case F_OCSP:
        tt_http_push_ocsp(L, r->peer);
        break;
    case F_BODY_SIZE:
        lua_pushinteger(L, (lua_Integer)r->body_size);
        break;
    case F_WIRE_SIZE:
        lua_pushinteger(L, (lua_Integer)r->wire_size);
        break;
    default:
        lua_pushstring(L, r->tls_cipher);
    }
}

/* upvalue 1: name -> number of the field, or the method */
static int l_index(lua_State *L)
{
    const struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(1));
    if (type == LUA_TFUNCTION)
        return 1;
    if (type == LUA_TNUMBER) {
        push_field(L, r, (enum field)lua_tointeger(L, -1));
        return 1;
    }
    const char *name = luaL_tolstring(L, 2, NULL);
    const char *near = tt_suggest(name, field_names, N_NAMES);
    return luaL_error(L, "a response has no field '%s'%s%s%s", name, near ? " (did you mean '" : "",
                      near ? near : "", near ? "'?)" : "");
}

static void check_body(lua_State *L, const struct response *r, const char *what)
{
    if (!r->has_body && r->status)
        luaL_error(L,
                   "%s: there is no body (status 204 or 304), or it was not kept "
                   "(response_type \"none\", on_chunk, option discard_response_bodies)",
                   what);
}

/* response:json(path?) -> value */
static int l_json(lua_State *L)
{
    const struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
    const char *path = luaL_optstring(L, 2, NULL);
    check_body(L, r, "json");
    return tt__http_json(L, r->body.p, r->status ? r->body.n : 0, path);
}

/* The body of a failed response is no page, as for json. */
static struct tt__http_page page_of(lua_State *L, const char *what)
{
    const struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
    check_body(L, r, what);
    return (struct tt__http_page){{r->body.p, r->status ? r->body.n : 0}, r->url.p};
}

/* response:html(selector?) -> selection */
static int l_html(lua_State *L)
{
    const struct tt__http_page page = page_of(L, "html");
    tt_html_push(L, page.body.p, page.body.n, 2, "html");
    return 1;
}

static int l_submit_form(lua_State *L)
{
    const struct tt__http_page page = page_of(L, "submit_form");
    return tt__http_submit_form(L, &page);
}

static int l_click_link(lua_State *L)
{
    const struct tt__http_page page = page_of(L, "click_link");
    return tt__http_click_link(L, &page);
}

static int l_tostring(lua_State *L)
{
    const struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
    lua_pushfstring(L, "response %d of %s", r->status, r->method.p);
    lua_pushfstring(L, " %s", r->url.p);
    lua_concat(L, 2);
    return 1;
}

void tt__http_response_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"json", l_json},
                                       {"html", l_html},
                                       {"submit_form", l_submit_form},
                                       {"click_link", l_click_link},
                                       {NULL, NULL}};
    luaL_newmetatable(L, RESPONSE_TYPE);
    lua_createtable(L, 0, F_COUNT + 1);
    for (int i = 0; i < F_COUNT; i++) {
        lua_pushinteger(L, i);
        lua_setfield(L, -2, field_names[i]);
    }
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newmetatable(L, HEADERS_TYPE);
    lua_pushcfunction(L, l_headers_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_headers_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
