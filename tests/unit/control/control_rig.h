/* SPDX-License-Identifier: MIT */
/* The control API on a unix socket and TCP, in front of a run that only notes what it is told. */
#pragma once
#include "client.h"
#include "control/control_int.h"
#include "vectors.h"

enum fake_mode { FAKE_DOES, FAKE_REFUSES, FAKE_IS_OVER, FAKE_HOLDS };

struct rig {
    struct tt_control *control;
    char folder[64], path[96];
    pthread_mutex_t lock; /* over what follows: the servers' threads submit */
    pthread_cond_t submitted;
    enum fake_mode mode;
    unsigned n;
    struct tt_intervention last; /* its texts are below */
    char scenario[64], reason[64], client[64];
    struct tt_intervention *held;
};

static inline void rig_copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "-");
}

static inline bool rig_submit(void *arg, struct tt_intervention *c)
{
    struct rig *g = arg;
    pthread_mutex_lock(&g->lock);
    enum fake_mode mode = g->mode;
    g->n++;
    g->last = *c;
    rig_copy(g->scenario, sizeof g->scenario, c->scenario);
    rig_copy(g->reason, sizeof g->reason, c->reason);
    rig_copy(g->client, sizeof g->client, c->client);
    g->held = mode == FAKE_HOLDS ? c : NULL;
    pthread_cond_broadcast(&g->submitted);
    pthread_mutex_unlock(&g->lock);
    if (mode == FAKE_IS_OVER)
        return false;
    c->ok = mode == FAKE_DOES;
    if (mode == FAKE_REFUSES)
        tt_err_set(&c->err, 0, "not now");
    if (mode != FAKE_HOLDS)
        c->done(c);
    return true;
}

static inline struct tt_intervention *rig_wait_held(struct rig *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->held)
        pthread_cond_wait(&g->submitted, &g->lock);
    struct tt_intervention *c = g->held;
    pthread_mutex_unlock(&g->lock);
    return c;
}

static inline void rig_mode(struct rig *g, enum fake_mode mode)
{
    pthread_mutex_lock(&g->lock);
    g->mode = mode;
    pthread_mutex_unlock(&g->lock);
}

static inline struct rig *rig_new(const char *address, const char *token)
{
    struct rig *g = tt_xcalloc(1, sizeof *g);
    struct tt_err err = {0};
    snprintf(g->folder, sizeof g->folder, "/tmp/ttload-control-XXXXXX");
    assert_non_null(mkdtemp(g->folder));
    snprintf(g->path, sizeof g->path, "%s/t.sock", g->folder);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->submitted, NULL);
    const struct tt_control_config config = {
        .socket_path = g->path, .address = address, .token = token, .submit = rig_submit, .arg = g};
    g->control = tt_control_start(&config, &err);
    if (!g->control)
        fail_msg("%s", err.text);
    return g;
}

static inline void rig_free(struct rig *g)
{
    tt_control_stop(g->control);
    assert_int_equal(access(g->path, F_OK), -1); /* the socket's file goes with it */
    rmdir(g->folder);
    pthread_cond_destroy(&g->submitted);
    pthread_mutex_destroy(&g->lock);
    tt_free(g);
}

static inline void rig_publish(struct rig *g, const char *snapshot)
{
    struct tt_err err = {0};
    cJSON *v = tt_json_read(snapshot, strlen(snapshot), 1, &err);
    assert_non_null(v);
    tt_control_publish(g->control, v);
}

/* An answer's JSON, cJSON_Delete. */
static inline cJSON *rig_answer(int fd, int status)
{
    struct client_answer a;
    struct tt_err err = {0};
    client_read_answer(fd, &a, true);
    if (a.status != status)
        fail_msg("%d: %s", a.status, a.body);
    assert_string_equal(client_header(&a, "content-type"), "application/json; charset=utf-8");
    cJSON *v = tt_json_read(a.body, a.len, 1, &err);
    assert_non_null(v);
    client_answer_fini(&a);
    return v;
}

static inline cJSON *rig_ask(struct rig *g, const char *method, const char *target,
                             const char *body, int status)
{
    int fd = client_unix(g->path);
    client_request(fd, method, target, "", body);
    cJSON *v = rig_answer(fd, status);
    close(fd);
    return v;
}

/* An error's detail holds the text. */
static inline void rig_expect_error(struct rig *g, const char *method, const char *target,
                                    const char *body, int status, const char *detail)
{
    char number_text[16];
    cJSON *v = rig_ask(g, method, target, body, status);
    const cJSON *e = cJSON_GetArrayItem(field(v, "errors"), 0);
    snprintf(number_text, sizeof number_text, "%d", status);
    assert_string_equal(text(e, "status"), number_text);
    assert_true(text(e, "title")[0] != '\0');
    if (!strstr(text(e, "detail"), detail))
        fail_msg("'%s' is not in: %s", detail, text(e, "detail"));
    assert_null(field(v, "data"));
    cJSON_Delete(v);
}
