/* SPDX-License-Identifier: MIT */
/* The end of a run: the summary, printed and written. Coordinator thread. */
#include "base/log.h"
#include "run/run_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool no_color(const struct tt_run *r)
{
    return r->plan->opt.no_color || getenv("NO_COLOR") != NULL;
}

void tt__summary_build(struct tt_run *r)
{
    const struct tt_summary_info info = {
        .duration_ns = r->end_ns - r->start_ns,
        .measured_ns = tt__measured_ns(r, r->end_ns),
        .results = r->verdicts,
        .setup_data = r->setup_json,
        .timeline = r->timeline,
        .stdout_tty = isatty(STDOUT_FILENO),
        .stderr_tty = isatty(STDERR_FILENO),
        .no_color = no_color(r),
    };
    r->summary = tt_summary_data(r->plan, r->registry, r->totals, &info);
}

static void write_file(const char *path, const char *text, size_t n)
{
    struct tt_err err;
    if (!tt_summary_write(path, text, n, &err))
        tt_log(TT_LOG_ERROR, "summary: %s", err.text);
}

static void print_standard(struct tt_run *r)
{
    bool full = strcmp(r->plan->opt.summary_mode, "full") == 0;
    bool color = isatty(STDOUT_FILENO) && !no_color(r);
    char *text = tt_summary_text(r->summary, color, full ? TT_SUMMARY_FULL : TT_SUMMARY_COMPACT);
    write_file("stdout", text, strlen(text));
    tt_free(text);
}

/* path -> text, as handle_summary returned it. */
static void write_returned(const struct tt_buf *returned)
{
    const char *at = returned->data;
    struct tt_flat_pair pair;
    while (tt_flat_next(&at, &pair)) {
        if (!pair.is_text) {
            tt_log(TT_LOG_ERROR,
                   "handle_summary: expected path = text pairs; one that is not was skipped");
            continue;
        }
        char *path = tt_xstrndup(pair.key, pair.key_len);
        write_file(path, pair.value, pair.value_len);
        tt_free(path);
    }
}

void tt__summary_write(struct tt_run *r, const struct tt_buf *returned)
{
    bool nothing =
        !returned || !returned->len || returned->data[0] == 'z' || returned->data[0] == 'f';
    if (nothing) {
        print_standard(r);
    } else if (tt_flat_is_map(returned->data, returned->len)) {
        write_returned(returned);
    } else {
        tt_log(TT_LOG_ERROR,
               "handle_summary must return a table path = text, or nil for the standard summary");
        print_standard(r);
    }
    if (r->plan->opt.set[TT_OPT_summary_export]) {
        char *text = tt_summary_export(r->summary);
        write_file(r->plan->opt.summary_export, text, strlen(text));
        tt_free(text);
    }
}
