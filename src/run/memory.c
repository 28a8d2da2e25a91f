/* SPDX-License-Identifier: MIT */
/* What virtual users cost, measured with a few of this script's, and whether the machine has it.
 * Coordinator thread, except
 * tt__memory_left. */
#include "run/run_int.h"
#include <malloc.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLE = 8, LEFT_MIN_MIB = 128 };

static uint64_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return (uint64_t)m.uordblks + (uint64_t)m.hblkhd;
}

uint64_t tt__vu_bytes(struct tt_worker *w, struct tt_err *err)
{
    struct tt_vu *vus[SAMPLE] = {0};
    bool ok = true;
    lua_gc(w->L, LUA_GCCOLLECT);
    uint64_t before = allocated();
    for (size_t i = 0; ok && i < SAMPLE; i++)
        ok = (vus[i] = tt_vu_new(w, 0, err)) != NULL;
    lua_gc(w->L, LUA_GCCOLLECT);
    uint64_t after = allocated();
    for (size_t i = 0; i < SAMPLE; i++)
        tt_vu_free(vus[i]);
    return ok && after > before ? (after - before) / SAMPLE : 0;
}

static uint64_t number_in(const char *path, const char *prefix, uint64_t otherwise)
{
    char line[128];
    FILE *f = fopen(path, "r");
    unsigned long long value;
    uint64_t found = otherwise;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, prefix, strlen(prefix)) == 0 &&
            sscanf(line + strlen(prefix), "%llu", &value) == 1)
            found = value;
    if (f)
        fclose(f);
    return found;
}

/* Bytes that may still be taken: the system's, and what a control group leaves. */
static uint64_t available(void)
{
    uint64_t system = number_in("/proc/meminfo", "MemAvailable:", UINT64_MAX / 1024) * 1024;
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max", "", UINT64_MAX);
    uint64_t used = number_in("/sys/fs/cgroup/memory.current", "", 0);
    uint64_t left = limit == UINT64_MAX ? UINT64_MAX : limit > used ? limit - used : 0;
    return system < left ? system : left;
}

bool tt__memory_left(struct tt_err *err)
{
    uint64_t mib = available() >> 20;
    return mib >= LEFT_MIN_MIB ||
           tt_err_set(err, 0, "only %llu MiB of memory are left", (unsigned long long)mib);
}

bool tt__memory_suffices(int64_t vus, uint64_t vu_bytes, struct tt_err *err)
{
    double need = (double)vus * (double)vu_bytes, have = (double)available();
    if (need <= have)
        return true;
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "options: %lld virtual users of this script take about %.1f GiB (%.1f KiB "
                      "each), and %.1f GiB are free; use fewer, or divide the load over machines "
                      "with --execution-segment",
                      (long long)vus, need / 1073741824, (double)vu_bytes / 1024,
                      have / 1073741824);
}
