/* SPDX-License-Identifier: MIT */
/* socket:request: sends a message and waits for the one that answers it. Worker thread.
 *
 * An answer is taken out of the stream of messages as it arrives (answers to fields and to nothing
 * in particular in the I/O callback, so that its time is exact). A match function is Lua: while a
 * request that has one is open, messages pass it on the ready list first, in their order. */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "proto/ws/field.h"
#include "proto/ws/ws_lua_int.h"
#include "vu/args.h"
#include "vu/value.h"
#include <string.h>

enum { ARG_SOCKET = 1, ARG_MESSAGE, ARG_PARAMS };
enum { ID_MAX = 4096, MESSAGE_MAX = 256 * 1024 * 1024 };

struct request {
    struct tt__ws_wait wait; /* the first member */
    const struct tt_tags *tags;
    uint64_t sent_ns, intended_ns; /* intended: 0 outside of every() */
    const char *path;              /* of the field; NULL: none. The params' */
    int match_ref, error_ref;      /* the match function; what it raised */
    char id[];                     /* what the field must be */
};

static struct request *request_of(struct tt__ws_wait *wait)
{
    return wait->kind == TT__WS_ANSWER ? (struct request *)(void *)wait : NULL;
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void answered(struct request *r, struct tt_ws_event *ev)
{
    struct tt_vu *vu = r->wait.script->s->vu;
    uint64_t at = ev->at_ns;
    if (vu)
        tt_vu_sample(vu, TT_M_ws_request_duration, tt_ns_to_ms(at - r->sent_ns), r->tags, at);
    if (vu && r->intended_ns)
        tt_vu_sample(vu, TT_M_ws_request_latency, tt_ns_to_ms(at - r->intended_ns), r->tags, at);
    r->wait.event = ev;
    tt__ws_wait_over(&r->wait);
}

/* Without Lua: the first request that has no match, or whose field fits. */
static bool try_plain(struct tt__ws_script *x, struct tt_ws_event *ev)
{
    cJSON *v = NULL;
    bool read = false, found = false;
    struct tt_buf text;
    tt_buf_init(&text, ID_MAX);
    for (struct tt__ws_wait *wait = x->waits; wait && !found; wait = wait->next) {
        struct request *r = request_of(wait);
        if (!r || r->match_ref != LUA_NOREF)
            continue;
        if (r->path && !read) {
            v = ev->kind == TT_WS_EV_MESSAGE ? tt_ws_json(ev->data, ev->len) : NULL;
            read = true;
        }
        tt_buf_clear(&text);
        found = !r->path || (tt_ws_field_text(tt_ws_field(v, r->path), &text) &&
                             strcmp(text.len ? text.data : "", r->id) == 0);
        if (found)
            answered(r, ev);
    }
    cJSON_Delete(v);
    tt_buf_fini(&text);
    return found;
}

/* Asks a request's function. */
static bool try_function(struct request *r, struct tt_ws_event *ev)
{
    struct tt_worker *w = r->wait.script->w;
    lua_State *L = w->L;
    struct tt_fiber *outer = w->current;
    w->current = r->wait.op.fiber;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->match_ref);
    lua_pushlstring(L, ev->data, ev->len);
    lua_pushstring(L, ev->kind == TT_WS_EV_BINARY ? "binary" : "text");
    bool ok = lua_pcall(L, 2, 1, 0) == LUA_OK;
    w->current = outer;
    bool yes = ok && lua_toboolean(L, -1);
    if (ok) {
        lua_pop(L, 1);
    } else {
        r->error_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        tt__ws_wait_over(&r->wait);
    }
    return yes;
}

static bool try_functions(struct tt__ws_script *x, struct tt_ws_event *ev)
{
    for (struct tt__ws_wait *wait = x->waits, *next; wait; wait = next) {
        struct request *r = request_of(wait);
        next = wait->next;
        if (!r || r->match_ref == LUA_NOREF || !try_function(r, ev))
            continue;
        answered(r, ev);
        return true;
    }
    return false;
}

static void route(struct tt_ready *ready)
{
    struct tt__ws_script *x =
        (struct tt__ws_script *)(void *)((char *)ready - offsetof(struct tt__ws_script, route));
    struct tt_ws_event *ev;
    tt__ws_script_ref(x);
    while ((ev = tt_ws_queue_take(&x->unrouted)))
        if (!try_functions(x, ev) && !try_plain(x, ev))
            tt__ws_deliver(x, ev);
    tt__ws_inbox_taken(x);
    if (x->s->state == TT_WS_CLOSED)
        tt__ws_wake(x, TT__WS_ANSWER);
    tt__ws_script_unref(x);
}

bool tt__ws_answers(struct tt__ws_script *x, struct tt_ws_event *ev)
{
    bool asks = x->unrouted.head;
    if (!x->requests)
        return false;
    for (struct tt__ws_wait *wait = x->waits; wait && !asks; wait = wait->next)
        asks = request_of(wait) && request_of(wait)->match_ref != LUA_NOREF;
    if (!asks)
        return try_plain(x, ev);
    tt_ws_queue_put(&x->unrouted, ev);
    tt_loop_ready(x->w->loop, &x->route);
    return true;
}

void tt__ws_requests_init(struct tt__ws_script *x)
{
    tt_ready_init(&x->route, route);
}

void tt__ws_request_left(struct tt__ws_wait *wait, bool cancelled)
{
    struct request *r = request_of(wait);
    struct tt_vu *vu = wait->script->s->vu;
    wait->script->requests--;
    if (vu && !cancelled)
        tt_vu_sample(vu, TT_M_ws_request_failed, wait->event == NULL, r->tags, tt_now_ns());
    luaL_unref(wait->script->w->L, LUA_REGISTRYINDEX, r->match_ref);
    r->match_ref = LUA_NOREF;
    tt_tags_hold(&r->tags, NULL);
}

/* --- the call ----------------------------------------------------------------------------------
 */

static int over(lua_State *L, int status, lua_KContext op)
{
    struct tt__ws_wait *wait = tt__ws_wait_of(op);
    struct request *r = request_of(wait);
    struct tt_ws_event *ev = wait->event;
    (void)status;
    wait->event = NULL;
    if (ev)
        return tt__ws_push_message(L, ev);
    if (r->error_ref != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, r->error_ref);
        luaL_unref(L, LUA_REGISTRYINDEX, r->error_ref);
        return lua_error(L);
    }
    lua_pushnil(L);
    lua_pushstring(L, wait->timed_out ? "timeout" : "closed");
    return 2;
}

/* A table becomes JSON, in the argument's place. */
static void encode_message(lua_State *L)
{
    struct tt_err err = {0};
    luaL_Buffer place; /* a collected home for the text while it is made */
    if (lua_type(L, ARG_MESSAGE) == LUA_TSTRING)
        return;
    if (!lua_istable(L, ARG_MESSAGE))
        luaL_error(L, "socket:request: text or a table (sent as JSON) is expected, not a %s",
                   luaL_typename(L, ARG_MESSAGE));
    cJSON *v = tt_lua_to_json(L, ARG_MESSAGE, "message", &err);
    if (!v)
        luaL_error(L, "socket:request: %s", err.text);
    struct tt_buf out;
    tt_buf_init(&out, MESSAGE_MAX);
    tt_json_write(&out, v, false);
    cJSON_Delete(v);
    luaL_buffinitsize(L, &place, out.len);
    luaL_addlstring(&place, out.data, out.len);
    tt_buf_fini(&out);
    luaL_pushresult(&place);
    lua_replace(L, ARG_MESSAGE);
}

/* Pushes the text that the field has in the message; raises when it has none. */
static const char *push_id(lua_State *L, const char *path)
{
    size_t n;
    const char *text = lua_tolstring(L, ARG_MESSAGE, &n);
    struct tt_buf id;
    char copy[ID_MAX + 1];
    cJSON *v = tt_ws_json(text, n);
    tt_buf_init(&id, ID_MAX);
    bool ok = tt_ws_field_text(tt_ws_field(v, path), &id);
    memcpy(copy, id.len ? id.data : "", id.len + 1);
    cJSON_Delete(v);
    tt_buf_fini(&id);
    if (!ok)
        luaL_error(L, "socket:request: params.match: the message has no text or number '%s'", path);
    return lua_pushstring(L, copy);
}

/* Pushes the request; its wait is not begun. */
static struct request *new_request(lua_State *L, struct tt__ws_script *x, uint64_t *timeout_ns)
{
    static const char *const names[] = {"match", "tags", "timeout"};
    const struct tt_tags *tags = x->s->tags;
    const char *path = NULL, *id = "";
    bool has_params = !lua_isnoneornil(L, ARG_PARAMS);
    lua_settop(L, ARG_PARAMS);
    *timeout_ns = UINT64_C(60000000000);
    if (has_params) {
        luaL_checktype(L, ARG_PARAMS, LUA_TTABLE);
        tt_args_only(L, ARG_PARAMS, "socket:request", "parameter", names, 3);
        if (lua_getfield(L, ARG_PARAMS, "tags") != LUA_TNIL)
            tags = tt_args_tags(L, -1, "socket:request: params.tags", tags);
        if (lua_getfield(L, ARG_PARAMS, "timeout") != LUA_TNIL)
            *timeout_ns = tt_args_duration(L, -1, "socket:request: params.timeout");
        lua_settop(L, ARG_PARAMS);
        int type = lua_getfield(L, ARG_PARAMS, "match");
        if (type == LUA_TSTRING) {
            path = lua_tostring(L, -1);
            id = push_id(L, path);
        } else if (type != LUA_TNIL && type != LUA_TFUNCTION) {
            luaL_error(L,
                       "socket:request: params.match: a field or a function is expected, not a %s",
                       luaL_typename(L, -1));
        }
    } else {
        lua_pushnil(L);
    }
    struct request *r = lua_newuserdatauv(L, sizeof *r + strlen(id) + 1, 0);
    *r = (struct request){
        .tags = tags, .path = path, .match_ref = LUA_NOREF, .error_ref = LUA_NOREF};
    memcpy(r->id, id, strlen(id) + 1);
    return r;
}

/* socket:request(message, params?) -> text, kind, or nil, "timeout" | "closed" */
int tt__ws_l_request(lua_State *L, struct tt__ws_script *x)
{
    uint64_t timeout_ns;
    size_t n;
    tt_op_check(L, "socket:request");
    encode_message(L);
    struct request *r = new_request(L, x, &timeout_ns);
    r->sent_ns = tt_now_ns();
    r->intended_ns = tt__ws_intended(x->w->current);
    const char *p = lua_tolstring(L, ARG_MESSAGE, &n);
    if (!tt_ws_send(x->s, TT_WS_TEXT, p, n)) {
        if (x->s->vu)
            tt_vu_sample(x->s->vu, TT_M_ws_request_failed, 1, r->tags, r->sent_ns);
        lua_pushnil(L);
        lua_pushliteral(L, "closed");
        return 2;
    }
    if (lua_type(L, ARG_PARAMS + 1) == LUA_TFUNCTION) {
        lua_pushvalue(L, ARG_PARAMS + 1);
        r->match_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    tt_tags_keep(r->tags);
    x->requests++;
    return tt__ws_wait_on(L, x, &r->wait, TT__WS_ANSWER, timeout_ns, over);
}
