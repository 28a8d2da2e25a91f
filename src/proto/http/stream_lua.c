/* SPDX-License-Identifier: MIT */
/* params.on_chunk: the body goes to a function of the script, piece by piece, in the fiber that
 * asked. While the function is busy the transport reads on only as far as its window.
 *
 * The function may wait for other things, or raise, or its fiber may be killed: then nobody waits
 * on the call's op. So the call is held by a to-be-closed userdata on the frame. Worker thread. */
#include "proto/http/params_int.h"
#include <string.h>

#define HOLDER_TYPE "ttload.http.stream"

/* The frame: url, body, params and the method's text, then these. */
enum { AT_FUNCTION = 5, AT_HOLDER, AT_RESPONSE };

static void forget(struct tt_op *op)
{
    struct tt_http_call *c = (struct tt_http_call *)(void *)op; /* op is its first member */
    struct tt__http_holder *h = c->owner;
    h->call = NULL;
    tt_http_call_cancel(c);
}

static const struct tt_op_class stream_class = {"http stream", forget};

static int l_close(lua_State *L)
{
    struct tt__http_holder *h = lua_touserdata(L, 1);
    struct tt_http_call *c = h->call;
    h->call = NULL;
    if (c)
        tt_http_call_cancel(c);
    return 0;
}

void tt__http_stream_open(lua_State *L)
{
    luaL_newmetatable(L, HOLDER_TYPE);
    lua_pushcfunction(L, l_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

struct tt__http_holder *tt__http_holder_push(lua_State *L, size_t size)
{
    struct tt__http_holder *h = lua_newuserdatauv(L, size, 0);
    memset(h, 0, size);
    luaL_setmetatable(L, HOLDER_TYPE);
    lua_toclose(L, -1);
    return h;
}

void tt__http_holder_start(struct tt__http_holder *h, struct tt_http_call *c)
{
    h->call = c;
    c->owner = h;
    c->op.cls = &stream_class;
    tt_http_call_start(c);
}

int tt__http_holder_wait(lua_State *L, struct tt__http_holder *h, lua_KFunction k)
{
    tt_op_init(&h->call->op, &stream_class);
    return tt_op_suspend(L, &h->call->op, k);
}

void tt__http_push_so_far(lua_State *L, struct tt_http_call *c, int at)
{
    if (lua_isnil(L, at)) {
        if (!c->x.error.code) /* the block may have moved since it was read */
            tt_http_headers_status(c->x.head.data, c->x.head.len, &c->status);
        tt__http_response_push(L, c, TT__ARG_BODY);
        lua_replace(L, at);
    }
    lua_pushvalue(L, at);
}

static int pump(lua_State *L);

static struct tt__http_holder *holder_of(lua_State *L)
{
    return lua_touserdata(L, AT_HOLDER);
}

static int woken(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return pump(L);
}

/* The function has returned: false ends the transfer. */
static void after_piece(lua_State *L)
{
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        tt_http_call_stop(holder_of(L)->call, NULL);
    lua_settop(L, AT_RESPONSE);
}

static int piece_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    after_piece(L);
    return pump(L);
}

/* on_chunk(piece, response so far) */
static void give_piece(lua_State *L, struct tt_http_call *c)
{
    lua_pushvalue(L, AT_FUNCTION);
    lua_pushlstring(L, c->x.body.data, c->x.body.len);
    tt__http_push_so_far(L, c, AT_RESPONSE);
    tt_http_call_taken(c);
    lua_callk(L, 2, 1, 0, piece_done);
    after_piece(L);
}

static int pump(lua_State *L)
{
    struct tt__http_holder *h = holder_of(L);
    struct tt_http_call *c = h->call;
    while (c->x.body.len)
        give_piece(L, c);
    if (!c->ended)
        return tt__http_holder_wait(L, h, woken);
    h->call = NULL;
    return tt__http_answer(L, c);
}

int tt__http_stream(lua_State *L, struct tt_http_call *c)
{
    lua_settop(L, AT_FUNCTION - 1);
    lua_pushliteral(L, "on_chunk");
    lua_rawget(L, TT__ARG_PARAMS);
    struct tt__http_holder *h = tt__http_holder_push(L, sizeof *h);
    lua_pushnil(L); /* AT_RESPONSE */
    tt__http_holder_start(h, c);
    return pump(L);
}
