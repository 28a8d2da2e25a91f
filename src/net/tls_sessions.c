/* SPDX-License-Identifier: MIT */
/* A few sessions, newest first, by the name that was verified and the port: one that is resumed is
 * not verified again. A connection's seat says where its sessions go; those of TLS 1.3 come after
 * the handshake. */
#include "net/tls_sessions.h"
#include "base/err.h"
#include "base/memory.h"
#include "base/str.h"
#include "net/conn_int.h"
#include <pthread.h>
#include <string.h>

enum { SESSIONS_MAX = 8 }; /* as many as libcurl keeps */

struct entry {
    char *name;
    uint16_t port;
    SSL_SESSION *session;
};
struct tt_tls_sessions {
    unsigned refs, n;
    struct entry entries[SESSIONS_MAX];
};

/* A connection's. */
struct seat {
    struct tt_tls_sessions *sessions; /* counted */
    uint16_t port;
    char name[];
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static int slot; /* written once */

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct seat *seat = ptr;
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    if (seat)
        tt_tls_sessions_unref(seat->sessions);
    tt_free(seat);
}

static void make_slot(void)
{
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_free);
    TT_ASSERT(slot >= 0);
}

/* --- the sessions ---------------------------------------------------------------------------- */

struct tt_tls_sessions *tt_tls_sessions_new(void)
{
    struct tt_tls_sessions *s = tt_xcalloc(1, sizeof *s);
    s->refs = 1;
    return s;
}

void tt_tls_sessions_ref(struct tt_tls_sessions *s)
{
    s->refs++;
}

static void drop(struct tt_tls_sessions *s, unsigned i)
{
    tt_free(s->entries[i].name);
    SSL_SESSION_free(s->entries[i].session);
    s->n--;
    memmove(&s->entries[i], &s->entries[i + 1], (s->n - i) * sizeof *s->entries);
}

void tt_tls_sessions_unref(struct tt_tls_sessions *s)
{
    if (!s || --s->refs)
        return;
    while (s->n)
        drop(s, s->n - 1);
    tt_free(s);
}

static int find(const struct tt_tls_sessions *s, const char *name, uint16_t port)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->entries[i].port == port && tt_strieq(s->entries[i].name, name))
            return (int)i;
    return -1;
}

/* --- connections ----------------------------------------------------------------------------- */

/* The server gives a session to resume; ours from here on. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct seat *seat = SSL_get_ex_data(ssl, slot);
    if (!seat)
        return 0;
    struct tt_tls_sessions *s = seat->sessions;
    int old = find(s, seat->name, seat->port);
    if (old >= 0)
        drop(s, (unsigned)old);
    else if (s->n == SESSIONS_MAX)
        drop(s, s->n - 1);
    memmove(&s->entries[1], &s->entries[0], s->n * sizeof *s->entries);
    s->entries[0] = (struct entry){tt_xstrdup(seat->name), seat->port, session};
    s->n++;
    return 1;
}

void tt__tls_sessions_enable(SSL_CTX *ctx)
{
    pthread_once(&slot_once, make_slot);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
}

void tt__tls_sessions_use(struct tt_tls_sessions *s, SSL *ssl, const char *name, uint16_t port)
{
    size_t n = strlen(name) + 1;
    struct seat *seat = tt_xmalloc(sizeof *seat + n);
    int known = find(s, name, port);
    tt_tls_sessions_ref(s);
    seat->sessions = s;
    seat->port = port;
    memcpy(seat->name, name, n);
    TT_ASSERT(SSL_set_ex_data(ssl, slot, seat) == 1);
    if (known >= 0)
        SSL_set_session(ssl, s->entries[known].session);
}
