/* SPDX-License-Identifier: MIT */
/* Threads and mutexes over pthreads. */
#include "base/thread.h"
#include "base/exitcode.h"
#include <stdio.h>

bool tt_thread_start(struct tt_thread *t, const char *name, void *(*fn)(void *), void *arg,
                     struct tt_err *err)
{
    char shown[16];
    int e = pthread_create(&t->id, NULL, fn, arg);
    if (e)
        return tt_err_sys(err, TT_EXIT_OTHER, e, "cannot start a thread (%s)", name);
    t->started = true;
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(t->id, shown);
    return true;
}

void tt_thread_join(struct tt_thread *t)
{
    if (t->started)
        pthread_join(t->id, NULL);
    t->started = false;
}

void tt_mutex_init(struct tt_mutex *m)
{
    TT_ASSERT(pthread_mutex_init(&m->m, NULL) == 0);
}

void tt_mutex_fini(struct tt_mutex *m)
{
    pthread_mutex_destroy(&m->m);
}

void tt_mutex_lock(struct tt_mutex *m)
{
    TT_ASSERT(pthread_mutex_lock(&m->m) == 0);
}

void tt_mutex_unlock(struct tt_mutex *m)
{
    TT_ASSERT(pthread_mutex_unlock(&m->m) == 0);
}
