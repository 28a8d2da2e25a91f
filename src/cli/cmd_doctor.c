/* SPDX-License-Identifier: MIT */
/* `ttload doctor [SCRIPT.lua | URL] [options]`: what is wrong between here and a service. The steps
 * are lua/doctor.lua, a script inside the program, run by the engine that carries load. This file
 * finds out what to check, and prints what that script prints. Main thread. */
#include "base/buf.h"
#include "base/exitcode.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "run/run.h"
#include <stdio.h>
#include <string.h>

extern char **environ;
extern const char tt_doctor_lua[]; /* made by the build */
extern const size_t tt_doctor_lua_size;

enum { SUBJECT_BYTES_MAX = 16 << 20, ENTRY_BYTES_MAX = 1 << 16 };

/* --- what to check ---------------------------------------------------------------------------- */

/* What decides how connections are made; all else of a script's options is about load. */
static const enum tt_opt_id network_options[] = {
    TT_OPT_insecure_skip_tls_verify,
    TT_OPT_ca_file,
    TT_OPT_tls_version,
    TT_OPT_tls_cipher_suites,
    TT_OPT_hosts,
    TT_OPT_block_hostnames,
    TT_OPT_blacklist_ips,
    TT_OPT_local_ips,
    TT_OPT_dns,
    TT_OPT_user_agent,
};

static cJSON *options_of(const struct tt_plan *plan)
{
    cJSON *all = tt_plan_json(plan), *out = cJSON_CreateObject();
    struct tt_option_info info;
    for (size_t i = 0; i < sizeof network_options / sizeof *network_options; i++) {
        enum tt_opt_id id = network_options[i];
        if (plan->opt.set[id] && tt_option_info(id, &info))
            cJSON_AddItemToObject(out, info.name,
                                  cJSON_DetachItemFromObjectCaseSensitive(all, info.name));
    }
    if (plan->opt.set[TT_OPT_tls_auth]) /* not in the plan's JSON: it has keys */
        cJSON_AddItemToObject(out, "tls_auth", cJSON_Duplicate(plan->opt.tls_auth, true));
    cJSON_Delete(all);
    return out;
}

/* The script's init runs, as for `ttload inspect`: it may fail, and has the options. */
static bool add_script(cJSON *subject, int argc, char **argv, struct tt_err *err)
{
    struct tt_stripe whole;
    struct tt_run *r = tt_run_prepare(argc, argv, environ, TT_RUN_SHOW, err);
    if (!r)
        return false;
    const struct tt_plan *plan = tt_run_plan(r);
    bool ok = tt_stripe_init(&whole, &plan->segment, plan->sequence, plan->n_sequence, err);
    if (ok) {
        cJSON_AddStringToObject(subject, "script", plan->script_path);
        cJSON_AddNumberToObject(subject, "max_vus", (double)tt_plan_max_vus(plan, &whole));
        cJSON_AddItemToObject(subject, "options", options_of(plan));
        tt_stripe_fini(&whole);
    }
    tt_run_free(r);
    return ok;
}

/* The word that is no option: NULL when there is none. False: bad options, or more than one. */
static bool find_word(int argc, char **argv, struct tt_arena *a, const char **word,
                      struct tt_err *err)
{
    struct tt_options o = {0};
    struct tt_text_list words;
    tt_options_init(&o, a);
    bool ok = tt_options_apply_flags(&o, a, argc, argv, &words, err);
    tt_options_fini(&o);
    if (ok && words.n > 1)
        return tt_err_set(err, TT_EXIT_OTHER, "doctor: one script or URL, not '%s' and '%s'",
                          words.items[0], words.items[1]);
    *word = ok && words.n ? words.items[0] : NULL;
    return ok;
}

/* { url?, script?, max_vus?, options? } as NAME=JSON, for the script's environment; NULL with err.
 */
static char *subject_of(int argc, char **argv, struct tt_err *err)
{
    struct tt_arena a;
    struct tt_buf out;
    const char *word = NULL;
    cJSON *subject = cJSON_CreateObject();
    tt_arena_init(&a);
    bool ok = find_word(argc, argv, &a, &word, err);
    if (ok && word && strstr(word, "://"))
        cJSON_AddStringToObject(subject, "url", word);
    else if (ok && word)
        ok = add_script(subject, argc, argv, err);
    tt_buf_init(&out, SUBJECT_BYTES_MAX);
    ok = ok && tt_buf_puts(&out, "TTLOAD_DOCTOR=") && tt_json_write(&out, subject, false);
    cJSON_Delete(subject);
    tt_arena_fini(&a);
    if (ok)
        return tt_buf_take(&out);
    tt_buf_fini(&out);
    return NULL;
}

/* --- checking it ------------------------------------------------------------------------------ */

struct printer {
    bool verbose;
    struct tt_buf errors; /* shown where they are why there is no verdict */
};

static void print_line(void *arg, const struct tt_log_entry *e)
{
    (void)arg;
    puts(e->message);
    fflush(stdout); /* a step may take its time */
}

/* The engine's own words about what fails: the lines say it better. */
static void keep_rest(void *arg, const struct tt_log_entry *e)
{
    struct printer *p = arg;
    if (p->verbose) {
        struct tt_buf line;
        tt_buf_init(&line, ENTRY_BYTES_MAX);
        tt_log_format_entry(&line, e, TT_LOG_TEXT);
        fprintf(stderr, "%s\n", line.data ? line.data : "");
        tt_buf_fini(&line);
    } else if (e->level >= TT_LOG_ERROR) {
        tt_buf_printf(&p->errors, "%s\n", e->message);
    }
}

static int check(int argc, char **argv, struct tt_err *err)
{
    const struct tt_own_script own = {"doctor.lua", tt_doctor_lua, tt_doctor_lua_size};
    struct tt_run *r = tt_run_prepare_own(&own, argc, argv, environ, err);
    if (!r)
        return -1;
    struct printer p = {.verbose = tt_run_plan(r)->opt.verbose};
    tt_buf_init(&p.errors, ENTRY_BYTES_MAX);
    tt_log_set_writers(keep_rest, print_line, &p);
    int rc = tt_run_go(r, NULL, err);
    tt_run_free(r); /* resets the writers */
    if (rc != TT_EXIT_OK && rc != TT_EXIT_MARKED_FAILED && p.errors.len)
        fprintf(stderr, "ttload: doctor: %s", p.errors.data);
    tt_buf_fini(&p.errors);
    return rc;
}

static int run(int argc, char **argv, struct tt_err *err)
{
    char *subject = subject_of(argc - 1, argv + 1, err);
    if (!subject)
        return -1;
    /* Ours come first: behind a "--" they would be words. */
    char *fixed[] = {"--env",          subject,    "--iterations",    "1",  "--vus", "1", "--quiet",
                     "--summary-mode", "disabled", "--setup-timeout", "10m"};
    size_t n_fixed = sizeof fixed / sizeof *fixed;
    char **words = tt_xcalloc((size_t)argc + n_fixed, sizeof *words);
    memcpy(words, fixed, sizeof fixed);
    memcpy(words + n_fixed, argv + 1, ((size_t)argc - 1) * sizeof *words);
    int rc = check(argc - 1 + (int)n_fixed, words, err);
    tt_free(words);
    tt_free(subject);
    return rc;
}

static void help(void)
{
    puts("\nChecks, step by step, what lies between this machine and a service, and says what to do"
         " about what\nfails: names, TCP, TLS and certificates, proxies, token, WebSocket upgrade,"
         " the tunnel and a request\nthrough it, clocks, limits of this machine. A line per step:"
         " ✓ well, ✗ not, - not checked.\n\n"
         "  URL         ws://, wss://, http:// or https://\n"
         "  SCRIPT.lua  its options say how to connect; the endpoint is WS_ENDPOINT or "
         "TTF_ENDPOINT\n"
         "  neither     the same endpoint; without one an embedded tunnel server\n\n"
         "Settings (--env NAME=VALUE, or the environment):\n"
         "  WS_ENDPOINT, TTF_ENDPOINT   the service\n"
         "  TOKEN, TTF_TOKEN            sent as Authorization: Bearer\n"
         "  PUBLIC_BASE                 scheme and authority instead of the public URL's\n"
         "  TUNNEL=no                   an ordinary WebSocket service: nothing after the upgrade\n"
         "  CONNECT_TIMEOUT (10s), REQUEST_TIMEOUT (30s)\n\n"
         "Other options are those of `ttload run`: --ca-file, --hosts, --insecure-skip-tls-verify,"
         " --verbose ...\nExit code: 0 when nothing failed, else 110.");
}

extern const struct tt_command tt_command_doctor;
const struct tt_command tt_command_doctor = {
    .name = "doctor",
    .usage = "doctor [SCRIPT.lua | URL] [options]",
    .summary = "find out why a service cannot be reached",
    .run = run,
    .help = help,
};
