/* SPDX-License-Identifier: MIT */
/* http.sse(url, params, fn): each event of a text/event-stream goes to fn(event, response so far);
 * false from it ends the stream. Returns the last response and the number of events. Worker thread.
 *
 * params.reconnect says how often in a row a connection that ended is made anew without an event
 * coming; the server's retry and Last-Event-ID are kept to. */
#include "base/clock.h"
#include "base/str.h"
#include "proto/http/params_int.h"
#include "proto/http/sse.h"
#include "vu/args.h"
#include <string.h>

#define WHAT         "http.sse"
#define STATE_TYPE   "ttload.http.sse"
#define RETRY_NS     (3 * TT_NS_PER_S) /* what browsers wait */
#define CONTENT_TYPE "text/event-stream"

/* The frame. */
enum { AT_URL = 1, AT_BODY, AT_PARAMS, AT_FUNCTION, AT_STATE, AT_HOLDER, AT_RESPONSE };

struct state {
    struct tt_sse parser;
    struct tt_buf piece; /* taken from the call, read up to at */
    size_t at;
    lua_Integer events, max_reconnects, fruitless;
    uint64_t retry_ns;
    bool stopped;
    struct tt_op op; /* the pause before a new connection */
    struct tt_timer timer;
    struct tt_loop *loop;
};

static int pump(lua_State *L);
static int open_stream(lua_State *L);

static int l_gc(lua_State *L)
{
    struct state *s = lua_touserdata(L, 1);
    tt_sse_fini(&s->parser);
    tt_buf_fini(&s->piece);
    return 0;
}

static struct state *state_of(lua_State *L)
{
    return lua_touserdata(L, AT_STATE);
}

static struct tt__http_holder *holder_of(lua_State *L)
{
    return lua_touserdata(L, AT_HOLDER);
}

static int go_on(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return pump(L);
}

/* --- the pause between connections -------------------------------------------------------------
 */

static void pause_cancel(struct tt_op *op)
{
    struct state *s = (struct state *)(void *)((char *)op - offsetof(struct state, op));
    tt_timer_stop(s->loop, &s->timer);
}

static const struct tt_op_class pause_class = {"http.sse", pause_cancel};

static void pause_over(struct tt_timer *t)
{
    struct state *s = (struct state *)(void *)((char *)t - offsetof(struct state, timer));
    tt_op_finish(&s->op);
}

static int reconnect(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return open_stream(L);
}

static int pause_then_connect(lua_State *L)
{
    struct state *s = state_of(L);
    s->loop = tt_worker_of(L)->loop;
    tt_op_init(&s->op, &pause_class);
    tt_timer_init(&s->timer, pause_over);
    uint64_t wait = s->parser.has_retry ? s->parser.retry_ms * TT_NS_PER_MS : s->retry_ns;
    tt_timer_start(s->loop, &s->timer, tt_loop_now(s->loop) + wait);
    return tt_op_suspend(L, &s->op, reconnect);
}

/* --- a connection ------------------------------------------------------------------------------
 */

static void default_header(struct tt_http_call *c, const char *name, const char *value)
{
    if (!tt_http_call_has_header(c, name))
        tt_http_call_header(c, name, strlen(name), value, strlen(value));
}

static int open_stream(lua_State *L)
{
    struct state *s = state_of(L);
    lua_settop(L, AT_STATE);
    lua_pushnil(L); /* AT_HOLDER, when the call is ready */
    lua_pushnil(L); /* AT_RESPONSE */
    lua_pushliteral(L, "json");
    bool posts = !lua_isnil(L, AT_PARAMS) && lua_rawget(L, AT_PARAMS) != LUA_TNIL;
    lua_settop(L, AT_HOLDER - 1);
    struct tt__http_holder *h = tt__http_holder_push(L, sizeof *h);
    lua_pushnil(L);
    struct tt_http_call *c = tt__http_call_new(L, WHAT, posts ? "POST" : "GET");
    c->streams = true;
    lua_getiuservalue(L, AT_STATE, 1);
    lua_replace(L, AT_URL); /* these are of the connection before */
    lua_pushnil(L);
    lua_replace(L, AT_BODY);
    tt__http_read_request(L, c, WHAT);
    default_header(c, "Accept", CONTENT_TYPE);
    default_header(c, "Cache-Control", "no-store");
    if (s->parser.id.len)
        tt_http_call_header(c, "Last-Event-ID", 13, s->parser.id.data, s->parser.id.len);
    tt_sse_begin(&s->parser);
    tt_buf_clear(&s->piece);
    s->at = 0;
    tt__http_holder_start(h, c);
    return pump(L);
}

/* Answers that are no stream of events are read to their end, and not repeated. */
static bool is_stream(const struct tt_http_call *c)
{
    struct tt_http_status status = {0};
    struct tt_http_header h;
    size_t at = 0, n = strlen(CONTENT_TYPE);
    if (!tt_http_headers_status(c->x.head.data, c->x.head.len, &status) || status.code != 200)
        return false;
    while (tt_http_headers_next(c->x.head.data, c->x.head.len, &at, &h))
        if (h.name.n == 12 && tt_strnieq(h.name.p, "Content-Type", 12))
            return h.value.n >= n && tt_strnieq(h.value.p, CONTENT_TYPE, n);
    return false;
}

static int ended(lua_State *L)
{
    struct state *s = state_of(L);
    struct tt__http_holder *h = holder_of(L);
    struct tt_http_call *c = h->call;
    bool timed_out = c->x.error.code == TT_HTTP_E_TIMEOUT;
    bool again = !s->stopped && !timed_out && (c->x.error.code || is_stream(c));
    if (again && s->fruitless < s->max_reconnects) {
        s->fruitless++;
        h->call = NULL;
        tt_http_call_put(c);
        return pause_then_connect(L);
    }
    h->call = NULL;
    tt__http_answer(L, c);
    lua_pushinteger(L, s->events);
    return 2;
}

/* --- events ------------------------------------------------------------------------------------
 */

static void set_text(lua_State *L, const char *name, const struct tt_buf *b, const char *def)
{
    if (b->len)
        lua_pushlstring(L, b->data, b->len);
    else
        lua_pushstring(L, def);
    lua_setfield(L, -2, name);
}

/* The function has returned; its result is on top. */
static void after_event(lua_State *L)
{
    struct state *s = state_of(L);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
        s->stopped = true;
        tt_buf_clear(&s->piece);
        s->at = 0;
        tt_http_call_stop(holder_of(L)->call, NULL);
    }
    lua_settop(L, AT_RESPONSE);
}

static int event_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    after_event(L);
    return pump(L);
}

static void give_event(lua_State *L, struct state *s, struct tt_http_call *c)
{
    s->events++;
    s->fruitless = 0;
    lua_pushvalue(L, AT_FUNCTION);
    lua_createtable(L, 0, 4);
    set_text(L, "event", &s->parser.type, "message");
    set_text(L, "data", &s->parser.data, "");
    set_text(L, "id", &s->parser.id, NULL);
    if (s->parser.has_retry) {
        lua_pushinteger(L, (lua_Integer)s->parser.retry_ms);
        lua_setfield(L, -2, "retry");
    }
    tt__http_push_so_far(L, c, AT_RESPONSE);
    lua_callk(L, 2, 1, 0, event_done);
    after_event(L);
}

/* What came into piece: the buffers change places, so that an event costs no move of the rest. */
static void take_piece(struct state *s, struct tt_http_call *c)
{
    if (is_stream(c)) {
        struct tt_buf taken = c->x.body;
        c->x.body = s->piece;
        s->piece = taken;
        s->at = 0;
    }
    tt_http_call_taken(c);
}

static int pump(lua_State *L)
{
    struct state *s = state_of(L);
    struct tt_http_call *c = holder_of(L)->call;
    for (;;) {
        size_t used;
        const char *why;
        if (s->at < s->piece.len) {
            bool event =
                tt_sse_next(&s->parser, s->piece.data + s->at, s->piece.len - s->at, &used, &why);
            s->at += used;
            if (why) {
                s->stopped = true;
                s->at = s->piece.len;
                tt_http_call_stop(c, why);
            } else if (event) {
                give_event(L, s, c);
            }
        } else if (c->x.body.len) {
            take_piece(s, c);
        } else if (!c->ended) {
            return tt__http_holder_wait(L, holder_of(L), go_on);
        } else {
            return ended(L);
        }
    }
}

/* --- arguments ---------------------------------------------------------------------------------
 */

/* params.reconnect: how often, or { max = how often, delay = duration } */
static void read_reconnect(lua_State *L, struct state *s)
{
    static const char *const known[] = {"max", "delay"};
    static const char what[] = WHAT ": params.reconnect";
    if (lua_isnil(L, AT_PARAMS))
        return;
    lua_pushliteral(L, "reconnect");
    lua_rawget(L, AT_PARAMS);
    if (lua_istable(L, -1)) {
        tt_args_only(L, -1, what, "field", known, 2);
        lua_getfield(L, -1, "delay");
        if (!lua_isnil(L, -1))
            s->retry_ns = tt_args_duration(L, -1, WHAT ": params.reconnect.delay");
        lua_pop(L, 1);
        lua_getfield(L, -1, "max");
    }
    int is_int;
    lua_Integer max = lua_tointegerx(L, -1, &is_int);
    if (!lua_isnil(L, -1) && (!is_int || max < 0))
        luaL_error(L, "%s: how often in a row (a whole number), or a table { max, delay }", what);
    s->max_reconnects = lua_isnil(L, -1) ? 0 : max;
    lua_settop(L, AT_STATE);
}

int tt__http_l_sse(lua_State *L)
{
    if (lua_gettop(L) != 3 || lua_type(L, 3) != LUA_TFUNCTION)
        return luaL_error(L, WHAT " takes url, params (or nil) and a function");
    lua_pushnil(L);
    lua_insert(L, AT_BODY);
    if (!lua_isnil(L, AT_PARAMS) && !lua_istable(L, AT_PARAMS))
        return luaL_error(L, WHAT ": params: a table is expected, not a %s",
                          luaL_typename(L, AT_PARAMS));
    tt_vu_running(L, WHAT);
    struct state *s = lua_newuserdatauv(L, sizeof *s, 1);
    memset(s, 0, sizeof *s);
    tt_sse_init(&s->parser);
    tt_buf_init(&s->piece, TT_HTTP_BODY_MAX);
    s->retry_ns = RETRY_NS;
    if (luaL_newmetatable(L, STATE_TYPE)) {
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, AT_URL); /* as given: reading a request adds params.query to it */
    lua_setiuservalue(L, AT_STATE, 1);
    read_reconnect(L, s);
    return open_stream(L);
}
