/* SPDX-License-Identifier: MIT */
/* `ttload ps, status, pause, resume, scale, stop, abort, tail`: a running test, from another
 * terminal, over its control socket. */
#include "base/buf.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/units.h"
#include "cli/command.h"
#include "control/control.h"
#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- requests
 * --------------------------------------------------------------------------------------- */

static size_t keep(char *p, size_t size, size_t n, void *arg)
{
    return tt_buf_append(arg, p, size * n) ? size * n : 0;
}

static CURL *handle(const char *socket, const char *path)
{
    char url[256];
    CURL *c = curl_easy_init();
    TT_ASSERT(c);
    snprintf(url, sizeof url, "http://ttload%s", path);
    curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_URL, url);
    return c;
}

/* The answer's JSON, NULL with err: nobody there, or the test's reason for a refusal. body may be
 * NULL. */
static cJSON *request(const char *socket, const char *method, const char *path, const char *body,
                      struct tt_err *err)
{
    struct tt_buf in;
    long status = 0;
    CURL *c = handle(socket, path);
    tt_buf_init(&in, 64 << 20);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &in);
    if (body)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    cJSON *answer = cJSON_ParseWithLength(in.data, in.len);
    tt_buf_fini(&in);
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(answer, "errors");
    const char *detail = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(errors, 0), "detail"));
    if (rc == CURLE_OK && status == 200 && answer)
        return answer;
    if (rc != CURLE_OK)
        tt_err_set(err, TT_EXIT_OTHER, "the test does not answer (%s)", curl_easy_strerror(rc));
    else
        tt_err_set(err, TT_EXIT_OTHER, "%s", detail ? detail : "the test gave no good answer");
    cJSON_Delete(answer);
    return NULL;
}

static const cJSON *attributes_of(const cJSON *answer)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(answer, "data"),
                                            "attributes");
}

static const char *text_of(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : "";
}

static double number_of(const cJSON *o, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

/* --- which tests run
 * -------------------------------------------------------------------------------- */

struct found {
    char socket[512], id[64];
    cJSON *answer; /* to GET /v1/status */
};

/* Its process has left it behind. */
static bool is_stale(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool fits = strlen(path) < sizeof a.sun_path;
    memcpy(a.sun_path, path, fits ? strlen(path) : 0);
    bool stale = fits && fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale;
}

/* The tests that answer; sockets that nobody listens on are removed. */
static size_t find_tests(struct found *out, size_t max)
{
    char folder[96];
    struct tt_err err;
    size_t n = 0;
    if (!tt_control_folder(folder, sizeof folder, false, &err))
        return 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && n < max && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len < 6 || len - 5 >= sizeof out[n].id || strcmp(e->d_name + len - 5, ".sock") != 0)
            continue;
        snprintf(out[n].socket, sizeof out[n].socket, "%s/%s", folder, e->d_name);
        snprintf(out[n].id, sizeof out[n].id, "%.*s", (int)(len - 5), e->d_name);
        if (is_stale(out[n].socket))
            unlink(out[n].socket);
        else if ((out[n].answer = request(out[n].socket, "GET", "/v1/status", NULL, &err)))
            n++;
    }
    if (d)
        closedir(d);
    return n;
}

enum { TESTS_MAX = 256 };

/* The test of that id, or the only one. */
static bool pick(const char *id, struct found *out, struct tt_err *err)
{
    struct found *all = tt_xcalloc(TESTS_MAX, sizeof *all);
    size_t n = find_tests(all, TESTS_MAX), hit = n;
    for (size_t i = 0; i < n; i++)
        if (id ? strcmp(all[i].id, id) == 0 : n == 1)
            hit = i;
    if (hit < n) {
        *out = all[hit];
        all[hit].answer = NULL;
    } else if (id) {
        tt_err_set(err, TT_EXIT_OTHER, "no running test has the id '%s'; see ttload ps", id);
    } else {
        tt_err_set(err, TT_EXIT_OTHER,
                   n ? "%zu tests are running; name one by its id (ttload ps)"
                     : "no test is running here",
                   n);
    }
    for (size_t i = 0; i < n; i++)
        cJSON_Delete(all[i].answer);
    tt_free(all);
    return out->answer != NULL;
}

/* --- the commands
 * ----------------------------------------------------------------------------------- */

static void print_line(const cJSON *a)
{
    char t[48];
    double s = number_of(a, "elapsed_s");
    printf("%-8s %-9s %6s  %5.0f VUs  %8.0f iterations  %s\n", text_of(a, "id"),
           text_of(a, "phase"), tt_format_duration(t, sizeof t, (uint64_t)s * 1000000000u),
           number_of(a, "vus"), number_of(a, "iterations"), text_of(a, "script"));
}

static bool no_words(int argc, char **argv, struct tt_err *err)
{
    return argc < 2 || tt_err_set(err, TT_EXIT_OTHER, "%s takes no '%s'", argv[0], argv[1]);
}

static int ps(int argc, char **argv, struct tt_err *err)
{
    if (!no_words(argc, argv, err))
        return -1;
    struct found *all = tt_xcalloc(TESTS_MAX, sizeof *all);
    size_t n = find_tests(all, TESTS_MAX);
    for (size_t i = 0; i < n; i++) {
        print_line(attributes_of(all[i].answer));
        cJSON_Delete(all[i].answer);
    }
    if (!n)
        puts("no test is running here");
    tt_free(all);
    return 0;
}

static void print_status(const cJSON *a)
{
    const cJSON *s;
    print_line(a);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(a, "scenarios"))
        printf("  %-20s %-24s %-8s %3.0f%%  %.0f/%.0f VUs  %.0f iterations\n", text_of(s, "name"),
               text_of(s, "executor"), text_of(s, "state"), number_of(s, "progress") * 100,
               number_of(s, "vus"), number_of(s, "vus-max"), number_of(s, "iterations"));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a, "tainted")))
        puts("  a threshold is failing");
}

/* argv: the command, perhaps an id. */
static bool pick_by_words(int argc, char **argv, struct found *test, struct tt_err *err)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' || i > 1)
            return tt_err_set(err, TT_EXIT_OTHER,
                              "%s: '%s' is not expected here; it takes at most the id of a test",
                              argv[0], argv[i]);
    return pick(argc == 2 ? argv[1] : NULL, test, err);
}

static int status(int argc, char **argv, struct tt_err *err)
{
    struct found test = {0};
    if (!pick_by_words(argc, argv, &test, err))
        return -1;
    print_status(attributes_of(test.answer));
    cJSON_Delete(test.answer);
    return 0;
}

/* Sends body and shows the status that comes back. */
static int intervene(struct found *test, const char *method, const char *path, const char *body,
                     struct tt_err *err)
{
    cJSON *answer = request(test->socket, method, path, body, err);
    cJSON_Delete(test->answer);
    if (!answer)
        return -1;
    print_status(attributes_of(answer));
    cJSON_Delete(answer);
    return 0;
}

static int patch(int argc, char **argv, const char *attributes, struct tt_err *err)
{
    struct found test = {0};
    char body[128];
    if (!pick_by_words(argc, argv, &test, err))
        return -1;
    snprintf(body, sizeof body, "{\"data\":{\"attributes\":%s}}", attributes);
    return intervene(&test, "PATCH", "/v1/status", body, err);
}

static int pause_test(int argc, char **argv, struct tt_err *err)
{
    return patch(argc, argv, "{\"paused\":true}", err);
}

static int resume(int argc, char **argv, struct tt_err *err)
{
    return patch(argc, argv, "{\"paused\":false}", err);
}

static int stop(int argc, char **argv, struct tt_err *err)
{
    return patch(argc, argv, "{\"stopped\":true}", err);
}

/* Flags with a value, and at most one id. */
struct words {
    const char *id, *vus, *max_vus, *rate, *scenario, *reason;
};

static bool read_words(int argc, char **argv, struct words *w, struct tt_err *err)
{
    const struct {
        const char *command, *flag;
        const char **value;
    } flags[] = {{"scale", "--vus", &w->vus},
                 {"scale", "--max-vus", &w->max_vus},
                 {"scale", "--rate", &w->rate},
                 {"scale", "--scenario", &w->scenario},
                 {"abort", "--reason", &w->reason}};
    for (int i = 1; i < argc; i++) {
        const char **value = NULL;
        const char *eq = strchr(argv[i], '=');
        size_t n = eq ? (size_t)(eq - argv[i]) : strlen(argv[i]);
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
            if (strcmp(flags[k].command, argv[0]) == 0 && strlen(flags[k].flag) == n &&
                memcmp(flags[k].flag, argv[i], n) == 0)
                value = flags[k].value;
        if (!value && (argv[i][0] == '-' || w->id))
            return tt_err_set(err, TT_EXIT_OTHER,
                              "%s: '%s' is not expected here; see ttload help %s", argv[0], argv[i],
                              argv[0]);
        if (!value)
            w->id = argv[i];
        else if (eq)
            *value = eq + 1;
        else if (i + 1 < argc)
            *value = argv[++i];
        else
            return tt_err_set(err, TT_EXIT_OTHER, "%s needs a value", argv[i]);
    }
    return true;
}

static bool add_number(cJSON *o, const char *name, const char *flag, const char *text,
                       struct tt_err *err)
{
    char *end;
    if (!text)
        return true;
    double v = strtod(text, &end);
    if (!*text || *end || !(v >= 0) || v > 1e9)
        return tt_err_set(err, TT_EXIT_OTHER, "%s '%s': expected a number from 0 on", flag, text);
    cJSON_AddNumberToObject(o, name, v);
    return true;
}

static int scale(int argc, char **argv, struct tt_err *err)
{
    struct words w = {0};
    struct found test = {0};
    int rc = -1;
    cJSON *body = cJSON_CreateObject();
    cJSON *a = cJSON_AddObjectToObject(cJSON_AddObjectToObject(body, "data"), "attributes");
    if (read_words(argc, argv, &w, err) && add_number(a, "vus", "--vus", w.vus, err) &&
        add_number(a, "vus-max", "--max-vus", w.max_vus, err) &&
        add_number(a, "rate", "--rate", w.rate, err)) {
        if (w.scenario)
            cJSON_AddStringToObject(a, "scenario", w.scenario);
        if (!w.vus && !w.max_vus && !w.rate) {
            tt_err_set(err, TT_EXIT_OTHER, "scale needs --vus N, --max-vus N or --rate R");
        } else if (pick(w.id, &test, err)) {
            char *text = cJSON_PrintUnformatted(body);
            rc = intervene(&test, "PATCH", "/v1/status", text, err);
            cJSON_free(text);
        }
    }
    cJSON_Delete(body);
    return rc;
}

static int abort_test(int argc, char **argv, struct tt_err *err)
{
    struct words w = {0};
    struct found test = {0};
    if (!read_words(argc, argv, &w, err) || !pick(w.id, &test, err))
        return -1;
    cJSON *body = cJSON_CreateObject();
    if (w.reason)
        cJSON_AddStringToObject(body, "reason", w.reason);
    char *text = cJSON_PrintUnformatted(body);
    int rc = intervene(&test, "POST", "/v1/abort", text, err);
    cJSON_free(text);
    cJSON_Delete(body);
    return rc;
}

/* --- tail
 * ------------------------------------------------------------------------------------------- */

static double sample(const cJSON *metrics, const char *id, const char *value)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, metrics) if (strcmp(text_of(m, "id"), id) == 0) return number_of(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(m, "attributes"),
                                         "sample"),
        value);
    return -1;
}

static void print_event(const char *json)
{
    char t[48];
    cJSON *event = cJSON_Parse(json);
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(event, "status");
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(event, "metrics");
    uint64_t s = (uint64_t)number_of(a, "elapsed_s");
    double p95 = sample(metrics, "http_req_duration", "p(95)");
    double checks = sample(metrics, "checks", "rate");
    printf("%-9s %6s  %5.0f VUs  %8.0f iterations", text_of(a, "phase"),
           tt_format_duration(t, sizeof t, s * 1000000000u), number_of(a, "vus"),
           number_of(a, "iterations"));
    if (p95 >= 0)
        printf("  http p95 %.1fms", p95);
    if (checks >= 0)
        printf("  checks %.2f%%", checks * 100);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a, "tainted")))
        printf("  a threshold is failing");
    putchar('\n');
    fflush(stdout);
    cJSON_Delete(event);
}

/* Whole lines of the event stream; "data: " lines are the snapshots. */
static size_t got_events(char *p, size_t size, size_t n, void *arg)
{
    struct tt_buf *in = arg;
    if (!tt_buf_append(in, p, size * n))
        return 0;
    for (char *end; in->len && (end = memchr(in->data, '\n', in->len));) {
        *end = '\0';
        if (tt_starts_with(in->data, "data: "))
            print_event(in->data + 6);
        tt_buf_consume(in, (size_t)(end - in->data) + 1);
    }
    return size * n;
}

static int tail(int argc, char **argv, struct tt_err *err)
{
    struct found test = {0};
    struct tt_buf in;
    if (!pick_by_words(argc, argv, &test, err))
        return -1;
    cJSON_Delete(test.answer);
    tt_buf_init(&in, 64 << 20);
    CURL *c = handle(test.socket, "/v1/events");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, got_events);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &in);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_cleanup(c);
    tt_buf_fini(&in);
    if (rc != CURLE_OK)
        tt_err_set(err, TT_EXIT_OTHER, "the test went away: %s", curl_easy_strerror(rc));
    return rc == CURLE_OK ? 0 : -1;
}

/* --- registration
 * ----------------------------------------------------------------------------------- */

static void help_scale(void)
{
    puts("\n  --vus N         virtual users: constant-vus, ramping-vus, externally-controlled\n"
         "  --max-vus N     upper bound: externally-controlled\n"
         "  --rate R        iterations per time_unit: constant-arrival-rate\n"
         "  --scenario S    which scenario, when several can be scaled\n\n"
         "Without ID: the only test that runs.");
}

#define COMMAND(symbol, words, text, function, more)                                               \
    extern const struct tt_command tt_command_##symbol;                                            \
    const struct tt_command tt_command_##symbol = {                                                \
        .name = #symbol, .usage = words, .summary = text, .run = function, .help = more}

COMMAND(ps, "ps", "list the tests that run here", ps, NULL);
COMMAND(status, "status [ID]", "show a running test and its scenarios", status, NULL);
COMMAND(pause, "pause [ID]", "start no more iterations; the schedule stands still", pause_test,
        NULL);
COMMAND(resume, "resume [ID]", "go on after pause, or begin after --paused", resume, NULL);
COMMAND(scale, "scale [ID] --vus N | --max-vus N | --rate R [--scenario S]",
        "change the load of a running test", scale, help_scale);
COMMAND(stop, "stop [ID]", "end a running test: teardown and summary follow (exit code 103)", stop,
        NULL);
COMMAND(abort, "abort [ID] [--reason TEXT]", "as stop, as the script's abort (exit code 108)",
        abort_test, NULL);
COMMAND(tail, "tail [ID]", "follow a running test, a line a second", tail, NULL);
