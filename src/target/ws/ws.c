/* SPDX-License-Identifier: MIT */
/* `ws`: a WebSocket server that echoes, to test clients and scripts with. Server's thread. The
 * query of the upgrade's URL asks for more, on any path:
 *
 *   ?protocol=P          choose subprotocol P, offered or not
 *   ?greeting=TEXT       send TEXT first
 *   ?repeat=N            echo every message N times
 *   ?ping=true           send a ping first
 *   /close?code=N&reason=TEXT&after=K   Close at once, or after K messages
 *   /reject?status=N     refuse the upgrade (403) with a text body
 *   /drop                close TCP instead of upgrading; ?after=K: upgrade, then drop after K
 *                        messages */
#include "base/memory.h"
#include "base/str.h"
#include "target/target.h"
#include <string.h>

enum counter { CONNECTIONS, MESSAGES, REJECTED, DROPPED, CLOSED };
static const char *const counters[] = {"connections", "messages", "rejected", "dropped", "closed"};

struct config {
    struct tt_target_common common;
    const char *subprotocols;
    uint64_t message_max;
};

struct session {
    uint64_t repeat, after, seen;
    unsigned close_code;
    bool close, drop, ping;
    char reason[124], greeting[1024];
};

static uint64_t number(const char *query, const char *name, uint64_t absent)
{
    char text[24];
    uint64_t v;
    return tt_query_get(query, name, text, sizeof text) && tt_parse_u64(text, &v) ? v : absent;
}

/* The first offered one that the server has; ?protocol wins. */
static const char *choose(const struct config *config, const struct tt_http_request *req, char *out,
                          size_t size)
{
    const char *offered = tt_http_request_header(req, "sec-websocket-protocol");
    if (tt_query_get(req->query, "protocol", out, size))
        return out;
    while (offered && config->subprotocols && *offered) {
        offered += strspn(offered, ", \t");
        size_t n = strcspn(offered, ", \t");
        const char *at = config->subprotocols;
        while (n && n < size && *at) {
            at += strspn(at, ", ");
            size_t len = strcspn(at, ", ");
            if (len == n && strncmp(at, offered, n) == 0) {
                memcpy(out, offered, n);
                out[n] = '\0';
                return out;
            }
            at += len;
        }
        offered += n;
    }
    return NULL;
}

static void upgrade(struct tt_exchange *x, struct tt_target *t)
{
    const char *query = x->req.query;
    struct session *s = tt_xcalloc(1, sizeof *s);
    char chosen[256];
    s->repeat = number(query, "repeat", 1);
    s->after = number(query, "after", 0);
    s->close = strcmp(x->req.path, "/close") == 0;
    s->drop = strcmp(x->req.path, "/drop") == 0;
    s->close_code = (unsigned)number(query, "code", 1000);
    s->ping = number(query, "ping", 0) || strstr(query, "ping=true");
    if (!tt_query_get(query, "reason", s->reason, sizeof s->reason))
        s->reason[0] = '\0';
    if (!tt_query_get(query, "greeting", s->greeting, sizeof s->greeting))
        s->greeting[0] = '\0';
    tt_target_count(t, CONNECTIONS);
    tt_exchange_upgrade(x, choose(t->config, &x->req, chosen, sizeof chosen), s);
}

static void request(struct tt_exchange *x, void *user)
{
    struct tt_target *t = user;
    bool drop = strcmp(x->req.path, "/drop") == 0;
    if (strcmp(x->req.path, "/reject") == 0) {
        uint64_t status = number(x->req.query, "status", 403);
        tt_target_count(t, REJECTED);
        tt_exchange_reply_text(x, status < 200 || status > 599 ? 403 : (int)status, "text/plain",
                               "rejected");
    } else if (drop && !number(x->req.query, "after", 0)) {
        tt_target_count(t, DROPPED);
        tt_exchange_drop(x, false);
    } else if (x->req.wants_websocket) {
        upgrade(x, t);
    } else {
        tt_target_count(t, REJECTED);
        tt_exchange_add(x, "upgrade", "websocket");
        tt_exchange_reply_text(x, 426, "text/plain", "a WebSocket upgrade is expected");
    }
}

static void end_if_due(struct tt_peer *ws, struct session *s, struct tt_target *t)
{
    if (s->seen < s->after || !tt_peer_open(ws))
        return;
    if (s->close)
        tt_peer_close(ws, s->close_code, s->reason);
    if (s->drop) {
        tt_target_count(t, DROPPED);
        tt_peer_kill(ws, false);
    }
}

static void ws_open(struct tt_peer *ws, void *user)
{
    struct session *s = tt_peer_user(ws);
    if (s->greeting[0])
        tt_peer_send(ws, s->greeting, strlen(s->greeting), false, 0);
    if (s->ping)
        tt_peer_ping(ws, "ttload", 6);
    end_if_due(ws, s, user);
}

static void ws_message(struct tt_peer *ws, const char *p, size_t n, bool binary, void *user)
{
    struct session *s = tt_peer_user(ws);
    tt_target_count(user, MESSAGES);
    for (uint64_t i = 0; i < s->repeat; i++)
        tt_peer_send(ws, p, n, binary, 0);
    s->seen++;
    end_if_due(ws, s, user);
}

static void ws_closed(struct tt_peer *ws, void *user)
{
    tt_target_count(user, CLOSED);
    tt_free(tt_peer_user(ws));
}

static bool prepare(struct tt_target *t, struct tt_server_config *server, struct tt_err *err)
{
    const struct config *config = t->config;
    (void)err;
    server->ws_message_max = (size_t)config->message_max;
    return true;
}

static const struct tt_target_option options[] = {
    {"subprotocols", TT_TARGET_TEXT, offsetof(struct config, subprotocols),
     "those that the server has, comma-separated"},
    {"message_max", TT_TARGET_COUNT, offsetof(struct config, message_max),
     "longest message in bytes (64 MiB), beyond it 1009"},
};

static const struct tt_server_handler handler = {
    .request = request, .ws_open = ws_open, .ws_message = ws_message, .ws_closed = ws_closed};

extern const struct tt_target_class tt_target_ws;
const struct tt_target_class tt_target_ws = {
    .name = "ws",
    .scheme = "ws",
    .summary = "a WebSocket server that echoes; queries ask for closes, drops, refusals",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .config_size = sizeof(struct config),
    .counters = counters,
    .n_counters = sizeof counters / sizeof *counters,
    .handler = &handler,
    .prepare = prepare,
};
