/* SPDX-License-Identifier: MIT */
/* What the files of the ttload.ws binding share: the script's side of a socket. Worker thread. */
#pragma once
#include "proto/ws/socket.h"
#include "vu/fiber.h"
#include <lauxlib.h>
#include <lua.h>

/* Per VU: its sockets that are not closed for good. */
struct tt__ws_vu {
    struct tt__ws_script *first;
    bool running; /* an iteration is on: handlers may be called */
};

/* A fiber's wait on a socket: the socket's own where it is free, else a userdata on the fiber's
 * stack. */
enum tt__ws_wait_kind {
    TT__WS_SETTLED,
    TT__WS_RECEIVE,
    TT__WS_ANSWER, /* of socket:request */
    TT__WS_DRAINED,
    TT__WS_CLOSED
};
struct tt__ws_wait {
    struct tt_op op;
    struct tt_timer timer;
    struct tt__ws_script *script;
    struct tt__ws_wait *next;
    struct tt_ws_event *event; /* RECEIVE, ANSWER: what it got */
    enum tt__ws_wait_kind kind;
    bool timed_out;
    bool in_use; /* of a socket's own: until its fiber has been resumed or killed */
};

enum tt__ws_timer_kind { TT__WS_TIMEOUT, TT__WS_INTERVAL, TT__WS_EVERY };
struct tt__ws_timer {
    struct tt_timer timer;
    struct tt__ws_timer *next;
    struct tt__ws_script *script;
    unsigned number;
    enum tt__ws_timer_kind kind;
    uint64_t period_ns, due_ns;
    bool pending; /* its call is in the queue of events */
};

/* Behind the userdata; counted: the userdata, the VU's list, running handlers. */
struct tt__ws_script {
    struct tt_ws_socket *s;
    struct tt_worker *w;
    struct tt_vu *vu; /* NULL: detached */
    struct tt__ws_vu *home;
    struct tt__ws_script *prev, *next; /* in home */
    struct tt_ready ready;             /* events wait for their handlers */
    struct tt_ws_queue inbox;          /* messages for receive() */
    struct tt_ws_queue events;         /* for handlers */
    struct tt_ws_queue unrouted;       /* messages that match functions are to be asked about */
    struct tt_ready route;
    struct tt__ws_wait *waits;
    struct tt__ws_wait own_wait; /* most sockets have one fiber that waits */
    struct tt__ws_timer *timers;
    const struct tt_tags *tags; /* of the fiber that opened it: its handlers inherit them */
    const char *group;
    int handlers_ref; /* table: event name -> list of functions, timer number -> function */
    unsigned handled; /* bit per tt_ws_event_kind with a handler */
    uint64_t events_seen;
    unsigned timers_made, refs;
    unsigned requests;                       /* that wait for their answers */
    unsigned handlers_running, ticks_queued; /* ticks of every() among events */
    int error_ref;                           /* connect() is to raise it; LUA_NOREF: none */
    bool connecting;                         /* a connect() waits for its end */
    bool hold;                               /* connect()'s function has not returned yet */
    bool keep;                               /* over iterations */
    bool settled;                            /* the handshake */
};

/* socket_lua.c */
void tt__ws_socket_open(lua_State *L);                         /* makes the metatable */
struct tt__ws_script *tt__ws_socket_at(lua_State *L, int idx); /* NULL: it is none */
void tt__ws_socket_push(lua_State *L, struct tt__ws_script *x);
int tt__ws_push_message(lua_State *L, struct tt_ws_event *ev); /* text, kind; frees ev */
void tt__ws_push_headers(lua_State *L, const struct tt_ws_socket *s);

/* How many calls of a socket's handlers may be under way; the events after that wait. */
enum { TT__WS_HANDLERS_MAX = 1000 };

/* script.c: the life of a struct tt__ws_script */
struct tt__ws_script *tt__ws_script_new(struct tt_vu *vu, struct tt__ws_vu *home);
void tt__ws_script_ref(struct tt__ws_script *x);
void tt__ws_script_unref(struct tt__ws_script *x);
extern const struct tt_ws_owner tt__ws_owner;
/* Ends it for the script; sampled as tt_ws_detach. */
void tt__ws_script_detach(struct tt__ws_script *x, bool sampled);
/* Suspends on what kind says; timeout_ns 0: no limit. Call tt_op_check before; x must be held by
 * the fiber's stack. One value is pushed. */
/* waits.c */
int tt__ws_wait(lua_State *L, struct tt__ws_script *x, enum tt__ws_wait_kind kind,
                uint64_t timeout_ns, lua_KFunction k);
/* The same with a wait that is already pushed. */
int tt__ws_wait_on(lua_State *L, struct tt__ws_script *x, struct tt__ws_wait *wait,
                   enum tt__ws_wait_kind kind, uint64_t timeout_ns, lua_KFunction k);
struct tt__ws_wait *tt__ws_wait_of(lua_KContext op);
void tt__ws_wait_over(struct tt__ws_wait *wait);
void tt__ws_wake(struct tt__ws_script *x, enum tt__ws_wait_kind kind); /* all of the kind */
struct tt__ws_wait *tt__ws_receiver(struct tt__ws_script *x);          /* the first, or NULL */

/* request_lua.c */
int tt__ws_l_request(lua_State *L, struct tt__ws_script *x);
void tt__ws_requests_init(struct tt__ws_script *x);
/* Is the message, now or after a match function was asked, an answer? Takes it then. */
bool tt__ws_answers(struct tt__ws_script *x, struct tt_ws_event *ev);
void tt__ws_request_left(struct tt__ws_wait *wait, bool cancelled);

/* backoff_lua.c */
int tt__ws_l_backoff(lua_State *L);
void tt__ws_backoff_open(lua_State *L); /* makes the metatable */

/* fanout_lua.c */
int tt__ws_l_fanout(lua_State *L);
void tt__ws_fanout_open(lua_State *L);

/* storm_lua.c */
int tt__ws_l_storm(lua_State *L);
void tt__ws_storm_open(lua_State *L);

/* timers.c */
void tt__ws_timers_drop(struct tt__ws_script *x);
void tt__ws_timer_called(struct tt__ws_script *x, unsigned number);
/* A function at idx for an event, or for a timer's number. */
void tt__ws_handle(lua_State *L, struct tt__ws_script *x, enum tt_ws_event_kind kind, int idx);
unsigned tt__ws_timer_start(lua_State *L, struct tt__ws_script *x, int idx, uint64_t ns,
                            enum tt__ws_timer_kind kind);
void tt__ws_timer_clear(lua_State *L, struct tt__ws_script *x, unsigned number);
void tt__ws_push_handlers(lua_State *L, struct tt__ws_script *x);
void tt__ws_to_handlers(struct tt__ws_script *x, struct tt_ws_event *ev);
void tt__ws_deliver(struct tt__ws_script *x, struct tt_ws_event *ev); /* to whom it belongs */
uint64_t tt__ws_intended(const struct tt_fiber *f); /* of a call by every(), else 0 */
void tt__ws_release(struct tt__ws_script *x); /* connect(): events may go to their handlers now */
/* connect(): its function or a handler has raised what is on top of L (popped). Only the handlers
 * of its end are called yet. */
void tt__ws_failed(struct tt__ws_script *x, lua_State *L);
void tt__ws_stop_handlers(struct tt__ws_script *x); /* those that still wait for something */
void tt__ws_connect_left(struct tt__ws_script *x);  /* connect() will raise nothing any more */
void tt__ws_inbox_taken(struct tt__ws_script *x);
/* Closed, and every handler has returned; after an error: every handler has been called. */
bool tt__ws_over(const struct tt__ws_script *x);
void tt__ws_resume_iteration(struct tt__ws_vu *home);

/* params_lua.c */
/* url at 1, params at 2 (raises on misuse); pushes the texts that config points to. */
void tt__ws_read_params(lua_State *L, struct tt_ws_config *c, const char *what,
                        const struct tt_worker *w);
