/* SPDX-License-Identifier: MIT */
/* Threads and mutexes, for loop/ and for the few process-wide tables. Any thread. */
#pragma once
#include "base/err.h"
#include <pthread.h>

struct tt_thread {
    pthread_t id;
    bool started;
};
/* name: at most 15 bytes are shown by the system. False when the system has no thread left. */
bool tt_thread_start(struct tt_thread *t, const char *name, void *(*fn)(void *), void *arg,
                     struct tt_err *err);
void tt_thread_join(struct tt_thread *t); /* fine when never started */

struct tt_mutex {
    pthread_mutex_t m;
};
void tt_mutex_init(struct tt_mutex *m);
void tt_mutex_fini(struct tt_mutex *m);
void tt_mutex_lock(struct tt_mutex *m);
void tt_mutex_unlock(struct tt_mutex *m);
