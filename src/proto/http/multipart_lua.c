/* SPDX-License-Identifier: MIT */
/* http.file and forms with files: multipart/form-data (RFC 7578). A part's data are not copied: the
 * body is a list of texts that Lua keeps, read piece by piece as the transport takes it. */
#include "proto/http/params_int.h"
#include "vu/args.h"
#include <stdio.h>
#include <string.h>

#define FILE_TYPE "ttload.http.file"

enum { UV_DATA = 1, UV_NAME, UV_CONTENT_TYPE, UV_COUNT = UV_CONTENT_TYPE };

/* --- http.file ---------------------------------------------------------------------------------
 */

static bool one_line(const char *p)
{
    return strpbrk(p, "\r\n") == NULL;
}

/* file(data, name?, content_type?) */
int tt__http_l_file(lua_State *L)
{
    lua_settop(L, 3);
    if (lua_type(L, 1) != LUA_TSTRING)
        return luaL_error(L, "http.file: data: text is expected, not a %s", luaL_typename(L, 1));
    if (lua_isnil(L, 2)) {
        lua_pushliteral(L, "file");
        lua_replace(L, 2);
    }
    if (lua_isnil(L, 3)) {
        lua_pushliteral(L, "application/octet-stream");
        lua_replace(L, 3);
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "http.file: name: text is expected, not a %s", luaL_typename(L, 2));
    if (lua_type(L, 3) != LUA_TSTRING || !one_line(lua_tostring(L, 3)))
        return luaL_error(L, "http.file: content_type: text in one line is expected");
    lua_newuserdatauv(L, 0, UV_COUNT);
    luaL_setmetatable(L, FILE_TYPE);
    for (int i = 1; i <= UV_COUNT; i++) {
        lua_pushvalue(L, i);
        lua_setiuservalue(L, 4, i);
    }
    return 1;
}

/* --- the body ----------------------------------------------------------------------------------
 */

/* Its uservalue is a list of all the texts. */
struct multipart {
    struct tt_http_source source;
    size_t n, at, off; /* the next byte: parts[at].p[off] */
    struct tt_slice parts[];
};

static size_t multipart_read(struct tt_http_source *s, char *p, size_t n)
{
    struct multipart *m = (struct multipart *)(void *)s;
    size_t got = 0;
    while (got < n && m->at < m->n) {
        struct tt_slice part = m->parts[m->at];
        size_t left = part.n - m->off, take = left < n - got ? left : n - got;
        memcpy(p + got, part.p + m->off, take);
        got += take;
        m->off += take;
        if (m->off == part.n) {
            m->at++;
            m->off = 0;
        }
    }
    return got;
}

static bool multipart_rewind(struct tt_http_source *s)
{
    struct multipart *m = (struct multipart *)(void *)s;
    m->at = m->off = 0;
    return true;
}

/* What is being built: its list of texts is at index list of the stack. */
struct build {
    const struct tt__http_request *r;
    int list;
    lua_Integer n;
    char boundary[40];
};

/* The text on top (popped) comes next. */
static void add_text(lua_State *L, struct build *b)
{
    lua_rawseti(L, b->list, ++b->n);
}

/* Names as k6 writes them; line ends, which would break the head, as browsers do. */
static void add_quoted(luaL_Buffer *out, struct tt_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\')
            luaL_addchar(out, '\\');
        if (c == '\r' || c == '\n')
            luaL_addstring(out, c == '\r' ? "%0D" : "%0A");
        else
            luaL_addchar(out, c);
    }
}

static void add_head(lua_State *L, struct build *b, struct tt_slice key, const char *file_name,
                     const char *type)
{
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    luaL_addstring(&out, b->n ? "\r\n--" : "--");
    luaL_addstring(&out, b->boundary);
    luaL_addstring(&out, "\r\nContent-Disposition: form-data; name=\"");
    add_quoted(&out, key);
    if (file_name) {
        luaL_addstring(&out, "\"; filename=\"");
        add_quoted(&out, (struct tt_slice){file_name, strlen(file_name)});
        luaL_addstring(&out, "\"\r\nContent-Type: ");
        luaL_addstring(&out, type);
        luaL_addstring(&out, "\r\n\r\n");
    } else {
        luaL_addstring(&out, "\"\r\n\r\n");
    }
    luaL_pushresult(&out);
    add_text(L, b);
}

/* The value on top (popped). */
static void add_part(lua_State *L, struct build *b, struct tt_slice key)
{
    if (luaL_testudata(L, -1, FILE_TYPE)) {
        lua_getiuservalue(L, -1, UV_NAME);
        lua_getiuservalue(L, -2, UV_CONTENT_TYPE);
        add_head(L, b, key, lua_tostring(L, -2), lua_tostring(L, -1));
        lua_pop(L, 2);
        lua_getiuservalue(L, -1, UV_DATA);
        lua_replace(L, -2);
    } else {
        const char *type = luaL_typename(L, -1);
        if (!tt_args_text(L, -1, NULL))
            luaL_error(L,
                       "%s: body.%s: text, a number, a boolean or http.file(...) is expected, "
                       "not a %s",
                       b->r->what, key.p, type);
        lua_tostring(L, -1);
        add_head(L, b, key, NULL, NULL);
    }
    add_text(L, b);
}

static void add_parts(lua_State *L, struct build *b)
{
    struct tt_slice *keys;
    lua_pushvalue(L, TT__ARG_BODY);
    size_t n = tt__http_push_keys(L, b->r, "body", &keys);
    for (size_t i = 0; i < n; i++) {
        lua_pushlstring(L, keys[i].p, keys[i].n);
        if (lua_rawget(L, TT__ARG_BODY) == LUA_TTABLE) {
            lua_Integer len = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer k = 1; k <= len; k++) {
                lua_rawgeti(L, -1, k);
                add_part(L, b, keys[i]);
            }
            lua_pop(L, 1);
        } else {
            add_part(L, b, keys[i]);
        }
    }
    lua_pop(L, 2);
    lua_pushfstring(L, "\r\n--%s--\r\n", b->boundary);
    add_text(L, b);
}

/* The list of texts on top becomes the body. */
static struct tt_http_source *finish(lua_State *L, const struct build *b)
{
    struct multipart *m = lua_newuserdatauv(L, sizeof *m + (size_t)b->n * sizeof *m->parts, 1);
    *m = (struct multipart){.source = {.read = multipart_read, .rewind = multipart_rewind},
                            .n = (size_t)b->n};
    for (lua_Integer i = 1; i <= b->n; i++) {
        lua_rawgeti(L, b->list, i);
        struct tt_slice *part = &m->parts[i - 1];
        part->p = lua_tolstring(L, -1, &part->n);
        m->source.length += part->n;
        lua_pop(L, 1);
    }
    lua_pushvalue(L, b->list);
    lua_setiuservalue(L, -2, 1);
    lua_replace(L, TT__ARG_BODY);
    return &m->source;
}

bool tt__http_has_file(lua_State *L, int idx)
{
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        bool found = luaL_testudata(L, -1, FILE_TYPE) != NULL;
        if (!found && lua_istable(L, -1)) {
            lua_rawgeti(L, -1, 1);
            found = luaL_testudata(L, -1, FILE_TYPE) != NULL;
            lua_pop(L, 1);
        }
        if (found) {
            lua_pop(L, 2);
            return true;
        }
    }
    return false;
}

void tt__http_read_multipart(lua_State *L, struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    struct tt_rng *rng = &c->engine->w->rng;
    struct build b = {.r = r};
    char type[96];
    snprintf(b.boundary, sizeof b.boundary, "ttload-%016llx%016llx",
             (unsigned long long)tt_rng_next(rng), (unsigned long long)tt_rng_next(rng));
    snprintf(type, sizeof type, "multipart/form-data; boundary=%s", b.boundary);
    if (!tt_http_call_has_header(c, "Content-Type"))
        tt_http_call_header(c, "Content-Type", 12, type, strlen(type));
    lua_newtable(L);
    b.list = lua_gettop(L);
    add_parts(L, &b);
    c->source = finish(L, &b);
    lua_pop(L, 1);
}

void tt__http_file_open(lua_State *L)
{
    luaL_newmetatable(L, FILE_TYPE);
    lua_pushliteral(L, "frozen");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}
