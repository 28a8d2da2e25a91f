/* SPDX-License-Identifier: MIT */
/* A body from a function: it is called in the fiber that asked, each time that the transport has
 * sent what it gave, and returns the next piece, or nil at the end. It may wait. Worker thread. */
#include "proto/http/params_int.h"
#include <string.h>

/* The frame: url, body, params and the method's text, then these. */
enum { AT_HOLDER = 5, AT_PIECE };

struct upload {
    struct tt__http_holder holder;
    struct tt_http_source source;
    struct tt_http_call *call;
    const char *what;
    struct tt_slice piece; /* the text at AT_PIECE, without what was sent of it */
    bool begun, ended, wanted;
};

static size_t upload_read(struct tt_http_source *s, char *p, size_t n)
{
    struct upload *u = (struct upload *)(void *)((char *)s - offsetof(struct upload, source));
    if (u->piece.n == 0 && u->ended)
        return 0;
    if (u->piece.n == 0) {
        u->wanted = true;
        tt_http_call_wake(u->call);
        return TT_HTTP_SOURCE_WAITS;
    }
    if (n > u->piece.n)
        n = u->piece.n;
    memcpy(p, u->piece.p, n);
    u->piece = (struct tt_slice){u->piece.p + n, u->piece.n - n};
    return n;
}

/* What a function gave is gone. */
static bool upload_rewind(struct tt_http_source *s)
{
    const struct upload *u =
        (const struct upload *)(void *)((char *)s - offsetof(struct upload, source));
    return !u->begun;
}

static int pump(lua_State *L);

static int woken(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return pump(L);
}

/* The function has returned: its result is on top. */
static void after_piece(lua_State *L, struct upload *u)
{
    struct tt_http_call *c = u->call;
    int type = lua_type(L, -1);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        luaL_error(L, "%s: body: its function returns the next text, or nil at the end, not a %s",
                   u->what, lua_typename(L, type));
    u->ended = type == LUA_TNIL;
    u->begun = true;
    u->piece = (struct tt_slice){0};
    if (!u->ended)
        u->piece.p = lua_tolstring(L, -1, &u->piece.n);
    lua_replace(L, AT_PIECE);
    lua_settop(L, AT_PIECE);
    u->wanted = !u->ended && u->piece.n == 0; /* an empty text would be the end */
    if (!u->wanted)
        tt_http_call_fed(c);
}

static int piece_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    after_piece(L, lua_touserdata(L, AT_HOLDER));
    return pump(L);
}

static int pump(lua_State *L)
{
    struct upload *u = lua_touserdata(L, AT_HOLDER);
    struct tt_http_call *c = u->call;
    while (!c->ended && c->source && u->wanted) {
        u->wanted = false;
        lua_pushvalue(L, TT__ARG_BODY);
        lua_callk(L, 0, 1, 0, piece_done);
        after_piece(L, u);
    }
    if (!c->ended)
        return tt__http_holder_wait(L, &u->holder, woken);
    u->holder.call = NULL;
    return tt__http_answer(L, c);
}

int tt__http_upload(lua_State *L, struct tt_http_call *c, const char *what)
{
    lua_settop(L, AT_HOLDER - 1);
    struct upload *u = (struct upload *)(void *)tt__http_holder_push(L, sizeof *u);
    lua_pushnil(L); /* AT_PIECE */
    u->what = what;
    u->call = c;
    u->source = (struct tt_http_source){TT_HTTP_LENGTH_UNKNOWN, upload_read, upload_rewind};
    c->source = &u->source;
    tt__http_holder_start(&u->holder, c);
    return pump(L);
}
