/* SPDX-License-Identifier: MIT */
/* Requests of the control API, in JSON:API shapes: {"data": {"type", "id", "attributes"}} and
 * {"errors": [...]}. Server's thread. */
#include "base/digest.h"
#include "base/memory.h"
#include "base/str.h"
#include "control/control_int.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void reply(struct tt_exchange *x, int status, cJSON *body)
{
    char *text = cJSON_PrintUnformatted(body);
    tt_exchange_reply_text(x, status, "application/json; charset=utf-8", text);
    cJSON_free(text);
    cJSON_Delete(body);
}

static void reply_error(struct tt_exchange *x, int status, const char *detail)
{
    char number[16];
    cJSON *body = cJSON_CreateObject();
    cJSON *e = cJSON_CreateObject();
    snprintf(number, sizeof number, "%d", status);
    cJSON_AddStringToObject(e, "status", number);
    cJSON_AddStringToObject(e, "title", tt_status_text(status));
    cJSON_AddStringToObject(e, "detail", detail);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "errors"), e);
    reply(x, status, body);
}

/* attributes is taken. */
static cJSON *resource(const char *type, const char *id, cJSON *attributes)
{
    cJSON *r = cJSON_CreateObject();
    cJSON_AddStringToObject(r, "type", type);
    cJSON_AddStringToObject(r, "id", id);
    cJSON_AddItemToObject(r, "attributes", attributes ? attributes : cJSON_CreateObject());
    return r;
}

static void reply_data(struct tt_exchange *x, cJSON *data)
{
    cJSON *body = cJSON_CreateObject();
    cJSON_AddItemToObject(body, "data", data);
    reply(x, 200, body);
}

/* --- what there is to read
 * -------------------------------------------------------------------------- */

static void get_status(struct tt__endpoint *end, struct tt_exchange *x)
{
    reply_data(x, resource("status", "default", tt__control_member(end->control, "status")));
}

/* A list of the snapshot, whole or the one with the id. */
static void get_list(struct tt__endpoint *end, struct tt_exchange *x, const char *type,
                     const char *id)
{
    cJSON *list = tt__control_member(end->control, type), *item;
    cJSON *data = id ? NULL : cJSON_CreateArray();
    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "id"));
        if (id && (!name || strcmp(name, id) != 0))
            continue;
        cJSON *attributes = cJSON_GetObjectItemCaseSensitive(item, "attributes");
        cJSON *r = resource(type, name ? name : "", cJSON_Duplicate(attributes, true));
        if (id)
            data = r;
        else
            cJSON_AddItemToArray(data, r);
    }
    cJSON_Delete(list);
    if (data)
        reply_data(x, data);
    else
        reply_error(x, 404, "there is none of this name");
}

static void get_setup(struct tt__endpoint *end, struct tt_exchange *x)
{
    cJSON *attributes = cJSON_CreateObject();
    cJSON *data = tt__control_member(end->control, "setup");
    cJSON_AddItemToObject(attributes, "data", data ? data : cJSON_CreateNull());
    reply_data(x, resource("setupData", "default", attributes));
}

static void get_timeline(struct tt__endpoint *end, struct tt_exchange *x)
{
    cJSON *list = tt__control_member(end->control, "timeline");
    reply_data(x, list ? list : cJSON_CreateArray());
}

static void get_events(struct tt__endpoint *end, struct tt_exchange *x)
{
    tt_exchange_add(x, "cache-control", "no-store");
    struct tt__stream *s = tt_xcalloc(1, sizeof *s);
    s->x = x;
    s->next = end->streams;
    end->streams = s;
    tt_exchange_stream(x, "text/event-stream");
}

void tt__stream_event(struct tt__endpoint *end, const char *name, const char *json)
{
    struct tt_buf text;
    tt_buf_init(&text, SIZE_MAX);
    tt_buf_printf(&text, "event: %s\ndata: ", name);
    tt_buf_puts(&text, json);
    tt_buf_puts(&text, "\n\n");
    for (struct tt__stream *s = end->streams, *next; s; s = next) {
        next = s->next; /* a stream that breaks takes itself out */
        tt_exchange_send(s->x, text.data, text.len);
    }
    tt_buf_fini(&text);
}

/* --- commands
 * --------------------------------------------------------------------------------------- */

void tt__control_free_pending(struct tt__pending *p)
{
    tt_free(p->scenario);
    tt_free(p->reason);
    tt_free(p);
}

void tt__control_answer(struct tt__pending *p)
{
    if (p->x) {
        p->x->user = NULL;
        if (p->command.ok)
            get_status(p->end, p->x);
        else
            reply_error(p->x, 409, p->command.err.text);
    }
    tt__control_free_pending(p);
}

static void submit(struct tt__endpoint *end, struct tt_exchange *x, const struct tt_intervention *c)
{
    struct tt__pending *p = tt_xcalloc(1, sizeof *p);
    p->command = *c;
    p->end = end;
    p->x = x;
    p->scenario = tt_xstrdup(c->scenario);
    p->reason = tt_xstrdup(c->reason);
    p->command.scenario = p->scenario;
    p->command.reason = p->reason;
    snprintf(p->client, sizeof p->client, "%s", x->peer);
    p->command.client = p->client;
    x->user = p;
    if (tt__control_submit(p))
        return;
    x->user = NULL;
    tt__control_free_pending(p);
    reply_error(x, 409, "the test is over");
}

void tt__control_gone(struct tt_exchange *x, void *endpoint)
{
    struct tt__endpoint *end = endpoint;
    if (x->user) {
        ((struct tt__pending *)x->user)->x = NULL;
        return;
    }
    for (struct tt__stream **at = &end->streams; *at; at = &(*at)->next)
        if ((*at)->x == x) {
            struct tt__stream *s = *at;
            *at = s->next;
            tt_free(s);
            return;
        }
}

static bool number_of(const cJSON *attributes, const char *name, bool whole, double *out,
                      const char **wrong)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(attributes, name);
    if (!v || cJSON_IsNull(v))
        return false;
    if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 1e9 ||
        (whole && v->valuedouble != floor(v->valuedouble)))
        *wrong = name;
    else
        *out = v->valuedouble;
    return true;
}

/* The command in a PATCH of the status: stopped, else vus, vus-max and rate, else paused. */
static const char *read_patch(const cJSON *attributes, struct tt_intervention *c)
{
    static const char *const known[] = {"stopped", "paused", "vus", "vus-max", "rate", "scenario"};
    const cJSON *stopped = cJSON_GetObjectItemCaseSensitive(attributes, "stopped");
    const cJSON *paused = cJSON_GetObjectItemCaseSensitive(attributes, "paused");
    const char *wrong = NULL;
    double vus = -1, max = -1, rate = -1;
    bool any = number_of(attributes, "vus", true, &vus, &wrong);
    any |= number_of(attributes, "vus-max", true, &max, &wrong);
    any |= number_of(attributes, "rate", false, &rate, &wrong);
    for (const cJSON *a = attributes ? attributes->child : NULL; a; a = a->next) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= strcmp(a->string, known[i]) == 0;
        if (!found)
            return "unknown attribute; expected stopped, paused, vus, vus-max, rate or scenario";
    }
    if (wrong)
        return "vus, vus-max and rate are numbers from 0 on, vus and vus-max whole ones";
    if ((stopped && !cJSON_IsBool(stopped) && !cJSON_IsNull(stopped)) ||
        (paused && !cJSON_IsBool(paused) && !cJSON_IsNull(paused)))
        return "stopped and paused are true or false";
    c->vus = (int64_t)vus;
    c->max_vus = (int64_t)max;
    c->rate = rate;
    c->scenario = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(attributes, "scenario"));
    if (cJSON_IsTrue(stopped))
        c->kind = TT_INTERVENE_STOP;
    else if (any)
        c->kind = TT_INTERVENE_SCALE;
    else if (cJSON_IsBool(paused))
        c->kind = cJSON_IsTrue(paused) ? TT_INTERVENE_PAUSE : TT_INTERVENE_RESUME;
    else
        return "nothing to change: expected stopped, paused, vus, vus-max or rate";
    return NULL;
}

static void patch_status(struct tt__endpoint *end, struct tt_exchange *x)
{
    struct tt_intervention c = {.vus = -1, .max_vus = -1, .rate = -1};
    cJSON *body = cJSON_ParseWithLength(x->body.data, x->body.len);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(body, "data");
    const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(data, "attributes");
    const char *why = cJSON_IsObject(attributes) ? read_patch(attributes, &c)
                                                 : "expected {\"data\": {\"attributes\": {...}}}";
    if (why)
        reply_error(x, 400, why);
    else
        submit(end, x, &c);
    cJSON_Delete(body);
}

static void post_abort(struct tt__endpoint *end, struct tt_exchange *x)
{
    cJSON *body = cJSON_ParseWithLength(x->body.data, x->body.len);
    struct tt_intervention c = {
        .kind = TT_INTERVENE_ABORT,
        .reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "reason"))};
    if (x->body.len && !cJSON_IsObject(body))
        reply_error(x, 400, "expected {\"reason\": \"...\"} or nothing");
    else
        submit(end, x, &c);
    cJSON_Delete(body);
}

/* --- routing
 * ---------------------------------------------------------------------------------------- */

/* TCP clients prove that they know the token, and that no web page sent them: a page's requests
 * name a foreign Origin. */
static bool allowed(struct tt__endpoint *end, struct tt_exchange *x)
{
    const char *token = end->control->token;
    const char *sent = tt_http_request_header(&x->req, "authorization");
    if (!end->tcp)
        return true;
    if (tt_http_request_header(&x->req, "origin")) {
        reply_error(x, 403, "requests of web pages are not answered");
        return false;
    }
    if (!token)
        return true;
    bool right = sent && tt_strnieq(sent, "Bearer ", 7) && strlen(sent + 7) == strlen(token) &&
                 tt_equal_constant_time(sent + 7, token, strlen(token));
    if (!right) {
        tt_exchange_add(x, "www-authenticate", "Bearer");
        reply_error(x, 401, "send the header Authorization: Bearer TOKEN");
    }
    return right;
}

struct route {
    const char *path, *methods;
    void (*get)(struct tt__endpoint *end, struct tt_exchange *x);
    const char *other; /* method */
    void (*change)(struct tt__endpoint *end, struct tt_exchange *x);
};

static void get_metrics(struct tt__endpoint *end, struct tt_exchange *x)
{
    get_list(end, x, "metrics", NULL);
}

static void get_groups(struct tt__endpoint *end, struct tt_exchange *x)
{
    get_list(end, x, "groups", NULL);
}

static const struct route routes[] = {
    {"/v1/status", "GET, PATCH", get_status, "PATCH", patch_status},
    {"/v1/metrics", "GET", get_metrics, NULL, NULL},
    {"/v1/groups", "GET", get_groups, NULL, NULL},
    {"/v1/setup", "GET", get_setup, NULL, NULL},
    {"/v1/timeline", "GET", get_timeline, NULL, NULL},
    {"/v1/events", "GET", get_events, NULL, NULL},
    {"/v1/abort", "POST", NULL, "POST", post_abort},
};

/* "/v1/metrics/NAME": NAME, its %-escapes decoded, in out. */
static bool below(const char *path, const char *prefix, char *out, size_t size)
{
    struct tt_buf name;
    if (!tt_starts_with(path, prefix) || !path[strlen(prefix)])
        return false;
    path += strlen(prefix);
    tt_buf_init(&name, size - 1);
    bool ok = tt_url_decode(&name, path, strlen(path), false);
    snprintf(out, size, "%s", name.len ? name.data : "");
    tt_buf_fini(&name);
    return ok;
}

void tt__control_request(struct tt_exchange *x, void *endpoint)
{
    struct tt__endpoint *end = endpoint;
    char id[512];
    if (!allowed(end, x))
        return;
    if (x->body_too_large) {
        reply_error(x, 413, "the body is too large");
        return;
    }
    bool get = strcmp(x->req.method, "GET") == 0;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route *r = &routes[i];
        if (strcmp(r->path, x->req.path) != 0)
            continue;
        if (get && r->get) {
            r->get(end, x);
        } else if (r->other && strcmp(x->req.method, r->other) == 0) {
            r->change(end, x);
        } else {
            tt_exchange_add(x, "allow", r->methods);
            reply_error(x, 405, "this resource has other methods, see the Allow header");
        }
        return;
    }
    if (get && below(x->req.path, "/v1/metrics/", id, sizeof id))
        get_list(end, x, "metrics", id);
    else if (get && below(x->req.path, "/v1/groups/", id, sizeof id))
        get_list(end, x, "groups", id);
    else
        reply_error(x, 404, "there is no such resource; see docs/control-api.md");
}
