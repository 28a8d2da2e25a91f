/* SPDX-License-Identifier: MIT */
/* Sockets watched by one epoll set of their own, which the loop watches as one descriptor: a change
 * of what a socket waits for is one system call, where uv_poll needs two to four. Worker thread. */
#pragma once
#include "loop/loop.h"

enum { TT_POLL_READ = 1, TT_POLL_WRITE = 2, TT_POLL_ERROR = 4 };

struct tt_poller;
/* fire gets a socket's events (of those watched, and ERROR, always); then the ready list runs. */
struct tt_poller *tt_poller_new(struct tt_loop *loop, void (*fire)(void *owner, int events));
void tt_poller_free(struct tt_poller *p); /* nothing is watched any more */
/* Watches fd for events instead of those in *armed, which is kept up to date (0 at first: none).
 * 0, or an errno. */
int tt_poller_watch(struct tt_poller *p, int fd, void *owner, int events, int *armed);
/* Call when fd is closed: no event of its owner comes any more. */
void tt_poller_forget(struct tt_poller *p, const void *owner);
