/* SPDX-License-Identifier: MIT */
/* The control API's life: its servers, the snapshot between the coordinator and them, commands
 * under way. See control.h. */
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include "control/control_int.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void done(struct tt_intervention *command);

/* --- the snapshot
 * ----------------------------------------------------------------------------------- */

cJSON *tt__control_member(struct tt_control *c, const char *name)
{
    pthread_mutex_lock(&c->lock);
    cJSON *found = cJSON_GetObjectItemCaseSensitive(c->snapshot, name);
    found = found ? cJSON_Duplicate(found, true) : NULL;
    pthread_mutex_unlock(&c->lock);
    return found;
}

struct news { /* to an endpoint: there is a new snapshot */
    struct tt_letter letter;
    struct tt__endpoint *end;
    bool last;
};

static void tell_streams(struct tt_letter *l)
{
    struct news *n = (struct news *)(void *)((char *)l - offsetof(struct news, letter));
    if (n->end->streams) {
        cJSON *event = cJSON_CreateObject();
        cJSON_AddItemToObject(event, "status", tt__control_member(n->end->control, "status"));
        cJSON_AddItemToObject(event, "metrics", tt__control_member(n->end->control, "metrics"));
        char *text = cJSON_PrintUnformatted(event);
        tt__stream_event(n->end, n->last ? "end" : "snapshot", text);
        cJSON_free(text);
        cJSON_Delete(event);
    }
    while (n->last && n->end->streams) {
        struct tt__stream *s = n->end->streams;
        n->end->streams = s->next;
        tt_exchange_end(s->x);
        tt_free(s);
    }
    tt_free(n);
}

static void post_news(struct tt__endpoint *end, bool last)
{
    if (!end->server)
        return;
    struct news *n = tt_xcalloc(1, sizeof *n);
    *n = (struct news){.letter.deliver = tell_streams, .end = end, .last = last};
    if (!tt_loop_post(tt_server_loop(end->server), &n->letter))
        tt_free(n);
}

void tt_control_publish(struct tt_control *c, cJSON *snapshot)
{
    pthread_mutex_lock(&c->lock);
    cJSON *old = c->snapshot;
    c->snapshot = snapshot;
    pthread_mutex_unlock(&c->lock);
    cJSON_Delete(old);
    post_news(&c->unix_end, false);
    post_news(&c->tcp_end, false);
}

/* --- commands
 * --------------------------------------------------------------------------------------- */

bool tt__control_submit(struct tt__pending *p)
{
    struct tt_control *c = p->end->control;
    p->command.done = done;
    pthread_mutex_lock(&c->lock);
    c->pending++;
    pthread_mutex_unlock(&c->lock);
    if (c->submit(c->arg, &p->command))
        return true;
    pthread_mutex_lock(&c->lock);
    c->pending--;
    pthread_mutex_unlock(&c->lock);
    return false;
}

static void answer(struct tt_letter *l)
{
    tt__control_answer(
        (struct tt__pending *)(void *)((char *)l - offsetof(struct tt__pending, letter)));
}

static void control_free(struct tt_control *c)
{
    cJSON_Delete(c->snapshot);
    pthread_mutex_destroy(&c->lock);
    tt_free(c->token);
    tt_free(c);
}

/* Coordinator's thread. */
static void done(struct tt_intervention *command)
{
    struct tt__pending *p = (struct tt__pending *)(void *)command;
    struct tt_control *c = p->end->control;
    p->letter.deliver = answer;
    pthread_mutex_lock(&c->lock);
    bool last = --c->pending == 0 && c->stopped;
    bool posted = !c->stopped && tt_loop_post(tt_server_loop(p->end->server), &p->letter);
    pthread_mutex_unlock(&c->lock);
    if (!posted)
        tt__control_free_pending(p);
    if (last)
        control_free(c);
}

/* --- start and stop
 * --------------------------------------------------------------------------------- */

static const struct tt_server_handler handler = {.request = tt__control_request,
                                                 .gone = tt__control_gone};

static bool is_loopback(const char *host)
{
    return tt_starts_with(host, "127.") || tt_streq(host, "::1");
}

/* "127.0.0.1:6565", "[::1]:6565", "localhost:6565", ":6565" */
static bool split_address(const char *address, char *host, size_t size, uint16_t *port,
                          struct tt_err *err)
{
    const char *colon = strrchr(address, ':');
    int64_t number;
    if (!colon || !tt_parse_i64(colon + 1, &number) || number < 0 || number > 65535)
        return tt_err_set(err, TT_EXIT_API_BIND,
                          "address '%s': expected HOST:PORT, like 127.0.0.1:6565", address);
    snprintf(host, size, "%.*s", (int)(colon - address), address);
    if (host[0] == '[' && strchr(host, ']')) {
        memmove(host, host + 1, strlen(host));
        *strchr(host, ']') = '\0';
    }
    if (!host[0] || tt_streq(host, "localhost"))
        snprintf(host, size, "127.0.0.1");
    *port = (uint16_t)number;
    return true;
}

static bool start_tcp(struct tt_control *c, const char *address, struct tt_err *err)
{
    char host[128];
    struct tt_server_config config = {.name = "control-tcp",
                                      .host = host,
                                      .body_max = 1 << 20,
                                      .handler = &handler,
                                      .user = &c->tcp_end};
    if (!split_address(address, host, sizeof host, &config.port, err))
        return false;
    if (!is_loopback(host) && !c->token)
        return tt_err_set(err, TT_EXIT_API_BIND,
                          "address '%s' is not loopback: everybody who reaches it could stop the "
                          "test; set a token with --address-token or TTLOAD_ADDRESS_TOKEN",
                          address);
    c->tcp_end.tcp = true;
    c->tcp_end.server = tt_server_start(&config, err);
    err->exit_code = TT_EXIT_API_BIND;
    return c->tcp_end.server || tt_err_wrap(err, "control API");
}

struct tt_control *tt_control_start(const struct tt_control_config *config, struct tt_err *err)
{
    struct tt_control *c = tt_xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    c->unix_end.control = c->tcp_end.control = c;
    c->token = config->token && config->token[0] ? tt_xstrdup(config->token) : NULL;
    c->submit = config->submit;
    c->arg = config->arg;
    c->snapshot = config->first ? config->first : cJSON_CreateObject();
    const struct tt_server_config unix_config = {.name = "control",
                                                 .unix_path = config->socket_path,
                                                 .body_max = 1 << 20,
                                                 .handler = &handler,
                                                 .user = &c->unix_end};
    bool ok = !config->address || start_tcp(c, config->address, err);
    if (ok && config->socket_path) {
        c->unix_end.server = tt_server_start(&unix_config, err);
        ok = c->unix_end.server != NULL;
        err->exit_code = TT_EXIT_API_BIND;
    }
    if (ok)
        return c;
    tt_control_stop(c);
    return NULL;
}

void tt_control_stop(struct tt_control *c)
{
    if (!c)
        return;
    post_news(&c->unix_end, true);
    post_news(&c->tcp_end, true);
    pthread_mutex_lock(&c->lock);
    c->stopped = true; /* done() posts no more */
    bool last = c->pending == 0;
    pthread_mutex_unlock(&c->lock);
    tt_server_stop(c->unix_end.server);
    tt_server_stop(c->tcp_end.server);
    if (last)
        control_free(c);
}

bool tt_control_folder(char *out, size_t size, bool make, struct tt_err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    int n = runtime && runtime[0] == '/'
                ? snprintf(out, size, "%s/ttload", runtime)
                : snprintf(out, size, "/tmp/ttload-%u", (unsigned)getuid());
    if ((size_t)n >= size)
        return tt_err_set(err, TT_EXIT_OTHER, "%s/ttload is too long for the path of a socket",
                          runtime);
    if (make && mkdir(out, 0700) != 0 && errno != EEXIST)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot make the folder %s", out);
    if (lstat(out, &st) != 0)
        return tt_err_sys(err, TT_EXIT_OTHER, errno, "%s", out);
    if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 077))
        return tt_err_set(err, TT_EXIT_OTHER, "%s is not a folder of yours alone (mode 0700)", out);
    return true;
}
