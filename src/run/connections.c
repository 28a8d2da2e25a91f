/* SPDX-License-Identifier: MIT */
/* Whether the process may hold a connection per virtual user: open files, ports. Said before the
 * start, because a script may open fewer, or more. Coordinator thread. */
#include "base/log.h"
#include "run/run_int.h"
#include <stdio.h>
#include <sys/resource.h>

enum { OWN_FILES = 64, DEFAULT_PORTS = 28232 };

bool tt__connections_short(int64_t vus, uint64_t files, uint64_t ports, char *text, size_t size)
{
    if ((uint64_t)vus + OWN_FILES > files)
        snprintf(text, size,
                 "%lld virtual users may want more connections than the %llu open files that this "
                 "process may have (ulimit -Hn): those beyond fail with 'too many open files'; "
                 "raise the limit, or divide the load with --execution-segment",
                 (long long)vus, (unsigned long long)files);
    else if ((uint64_t)vus > ports)
        snprintf(text, size,
                 "%lld virtual users may want more connections to one address than the %llu ports "
                 "that there are for it (net.ipv4.ip_local_port_range): those beyond fail with "
                 "'cannot assign requested address'; give more source addresses with local_ips",
                 (long long)vus, (unsigned long long)ports);
    else
        return false;
    return true;
}

/* The soft limit is raised to the hard one: it guards select(), which nobody uses here. */
static uint64_t files_allowed(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return UINT64_MAX;
    if (l.rlim_cur < l.rlim_max) {
        const struct rlimit raised = {l.rlim_max, l.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            l = raised;
    }
    return l.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)l.rlim_cur;
}

static uint64_t ports_of_an_address(void)
{
    unsigned first, last;
    uint64_t n = DEFAULT_PORTS;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    if (f && fscanf(f, "%u %u", &first, &last) == 2 && last >= first)
        n = last - first + 1;
    if (f)
        fclose(f);
    return n;
}

void tt__check_connections(int64_t vus, uint64_t source_addresses)
{
    char text[512];
    uint64_t ports = ports_of_an_address() * (source_addresses ? source_addresses : 1);
    if (tt__connections_short(vus, files_allowed(), ports, text, sizeof text))
        tt_log(TT_LOG_WARN, "%s", text);
}
