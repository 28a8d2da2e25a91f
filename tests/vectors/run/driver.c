/* SPDX-License-Identifier: MIT */
/* Answers the questions of vectors.py with the built code: one JSON object per line in, one out. A
 * question that the code cannot take ends with {"ok":false}. */
#include "../../unit/exec/sim.h"
#include "base/json.h"
#include "base/units.h"
#include "plan/needs.h"
#include "plan/network.h"
#include "plan/ramp.h"
#include "proto/http/errors.h"
#include "proto/http/expected.h"

static const cJSON *get(const cJSON *q, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(q, name);
}

static const char *text_of(const cJSON *q, const char *name)
{
    const cJSON *v = get(q, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

/* Numbers beyond 2^53 come as text. */
static int64_t whole_of(const cJSON *q, const char *name)
{
    const cJSON *v = get(q, name);
    return cJSON_IsString(v)   ? strtoll(v->valuestring, NULL, 10)
           : cJSON_IsNumber(v) ? (int64_t)v->valuedouble
                               : 0;
}

static void add_whole(cJSON *list, int64_t v)
{
    cJSON_AddItemToArray(list, cJSON_CreateNumber((double)v));
}

static void add_fraction(cJSON *out, const char *name, struct tt_rational r)
{
    char s[64];
    snprintf(s, sizeof s, r.den == 1 ? "%lld" : "%lld/%lld", (long long)r.num, (long long)r.den);
    cJSON_AddStringToObject(out, name, s);
}

static void fail_answer(cJSON *out, const struct tt_err *err)
{
    cJSON_AddBoolToObject(out, "ok", false);
    cJSON_AddStringToObject(out, "error", err->text);
}

/* --- segments -----------------------------------------------------------------------------------
 */

static void answer_segment(const cJSON *q, cJSON *out)
{
    struct tt_segment s;
    struct tt_err err = {0};
    if (!tt_segment_parse(text_of(q, "text"), &s, &err)) {
        fail_answer(out, &err);
        return;
    }
    cJSON_AddBoolToObject(out, "ok", true);
    add_fraction(out, "from", s.from);
    add_fraction(out, "to", s.to);
}

static void answer_sequence(const cJSON *q, cJSON *out)
{
    struct tt_segment *seq = NULL;
    size_t n;
    struct tt_err err = {0};
    if (!tt_sequence_parse(text_of(q, "text"), &seq, &n, &err)) {
        fail_answer(out, &err);
        return;
    }
    cJSON_AddBoolToObject(out, "ok", true);
    cJSON *list = cJSON_AddArrayToObject(out, "segments");
    for (size_t i = 0; i < n; i++) {
        cJSON *one = cJSON_CreateObject();
        add_fraction(one, "from", seq[i].from);
        add_fraction(one, "to", seq[i].to);
        cJSON_AddItemToArray(list, one);
    }
    tt_free(seq);
}

/* Segment and sequence of a question. */
struct part {
    struct tt_segment seg, *seq;
    size_t n_seq;
};

static bool read_part(const cJSON *q, struct part *p, struct tt_err *err)
{
    p->seq = NULL;
    return tt_segment_parse(text_of(q, "seg"), &p->seg, err) &&
           tt_sequence_parse(text_of(q, "seq"), &p->seq, &p->n_seq, err);
}

static void answer_within(const cJSON *q, cJSON *out)
{
    struct tt_segment base, sub, within;
    struct tt_err err = {0};
    if (!tt_segment_parse(text_of(q, "base"), &base, &err) ||
        !tt_segment_parse(text_of(q, "sub"), &sub, &err)) {
        fail_answer(out, &err);
        return;
    }
    within = tt_segment_within(&base, &sub);
    cJSON_AddBoolToObject(out, "ok", true);
    add_fraction(out, "from", within.from);
    add_fraction(out, "to", within.to);
}

/* recut: by so many items first; scale: numbers to scale; first: so many of the global items. */
static void answer_stripe(const cJSON *q, cJSON *out)
{
    struct part p;
    struct tt_stripe s;
    struct tt_err err = {0};
    const cJSON *v;
    bool ok = read_part(q, &p, &err);
    if (ok && get(q, "recut"))
        ok = tt_stripe_recut(&s, &p.seg, p.seq, p.n_seq, whole_of(q, "recut"));
    else
        ok = ok && tt_stripe_init(&s, &p.seg, p.seq, p.n_seq, &err);
    tt_free(p.seq);
    if (!ok) {
        fail_answer(out, &err);
        return;
    }
    cJSON_AddBoolToObject(out, "ok", true);
    cJSON_AddNumberToObject(out, "start", (double)s.start);
    cJSON_AddNumberToObject(out, "lcd", (double)s.lcd);
    cJSON *offsets = cJSON_AddArrayToObject(out, "offsets");
    for (size_t i = 0; i < s.n_offsets; i++)
        add_whole(offsets, s.offsets[i]);
    cJSON *scaled = cJSON_AddArrayToObject(out, "scaled");
    cJSON_ArrayForEach(v, get(q, "scale"))
        add_whole(scaled, tt_stripe_scale(&s, (int64_t)v->valuedouble));
    cJSON *first = cJSON_AddArrayToObject(out, "globals");
    for (int64_t i = 0; s.n_offsets && i < whole_of(q, "first"); i++)
        add_whole(first, tt_stripe_global(&s, i));
    tt_stripe_fini(&s);
}

/* A stripe given as its numbers. Free with tt_stripe_fini. */
static struct tt_stripe read_stripe(const cJSON *v)
{
    const cJSON *offsets = get(v, "offsets"), *o;
    struct tt_stripe s = {.start = whole_of(v, "start"), .lcd = whole_of(v, "lcd")};
    s.offsets = tt_xcalloc((size_t)cJSON_GetArraySize(offsets) + 1, sizeof *s.offsets);
    cJSON_ArrayForEach(o, offsets) s.offsets[s.n_offsets++] = (int64_t)o->valuedouble;
    return s;
}

/* Items one after the other, back, and to the last that is no later than a global one; counted from
 * 1, 0 is before the first. */
static void answer_walk(const cJSON *q, cJSON *out)
{
    struct tt_stripe s = read_stripe(q);
    cJSON *list = cJSON_AddArrayToObject(out, "at");
    const cJSON *op;
    int64_t local = 0;
    cJSON_ArrayForEach(op, get(q, "ops"))
    {
        if (cJSON_IsNumber(op))
            local = tt_stripe_scale(&s, (int64_t)op->valuedouble);
        else if (strcmp(op->valuestring, "next") == 0)
            local++;
        else
            local -= local > 0;
        const double row[] = {(double)local,
                              local ? (double)tt_stripe_global(&s, local - 1) + 1 : 0};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(row, 2));
    }
    tt_stripe_fini(&s);
}

/* --- durations ----------------------------------------------------------------------------------
 */

static void answer_duration(const cJSON *q, cJSON *out)
{
    struct tt_err err = {0};
    int64_t ns;
    char s[32];
    if (!tt_parse_signed_duration(text_of(q, "text"), &ns, &err)) {
        fail_answer(out, &err);
        return;
    }
    snprintf(s, sizeof s, "%lld", (long long)ns);
    cJSON_AddBoolToObject(out, "ok", true);
    cJSON_AddStringToObject(out, "ns", s);
}

static void answer_format(const cJSON *q, cJSON *out)
{
    char s[64];
    tt_format_duration(s, sizeof s, strtoull(text_of(q, "ns"), NULL, 10));
    cJSON_AddBoolToObject(out, "ok", true);
    cJSON_AddStringToObject(out, "text", s);
}

/* --- executors ----------------------------------------------------------------------------------
 */

struct lengths {
    const cJSON *ns;
    char by; /* c: constant, g: global iteration, v: VU id */
};

static uint64_t length_of(const struct sim *s, uint32_t slot, uint64_t number)
{
    const struct lengths *l = s->length_arg;
    int n = cJSON_GetArraySize(l->ns), at = 0;
    if (l->by == 'g')
        at = (int)(number % (uint64_t)n);
    else if (l->by == 'v')
        at = (int)slot % n;
    return (uint64_t)cJSON_GetArrayItem(l->ns, at)->valuedouble;
}

static void read_scenario(struct tt_scenario *sc, const cJSON *v)
{
    const cJSON *list = get(v, "stages"), *at;
    sc->vus = whole_of(v, "vus");
    sc->start_vus = whole_of(v, "start_vus");
    sc->iterations = whole_of(v, "iterations");
    sc->duration_ns = (uint64_t)whole_of(v, "duration");
    sc->max_duration_ns = (uint64_t)whole_of(v, "max_duration");
    sc->graceful_stop_ns = (uint64_t)whole_of(v, "graceful_stop");
    sc->graceful_ramp_down_ns = (uint64_t)whole_of(v, "graceful_ramp_down");
    sc->rate = cJSON_IsNumber(get(v, "rate")) ? get(v, "rate")->valuedouble : 0;
    sc->start_rate = cJSON_IsNumber(get(v, "start_rate")) ? get(v, "start_rate")->valuedouble : 0;
    sc->time_unit_ns = (uint64_t)whole_of(v, "time_unit");
    sc->pre_allocated_vus = whole_of(v, "pre_allocated_vus");
    sc->max_vus = whole_of(v, "max_vus");
    struct tt_stage *stages = tt_xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *stages);
    cJSON_ArrayForEach(at, list)
    {
        double target = cJSON_GetArrayItem(at, 1)->valuedouble;
        stages[sc->n_stages].duration_ns = (uint64_t)cJSON_GetArrayItem(at, 0)->valuedouble;
        stages[sc->n_stages].target = (int64_t)target;
        stages[sc->n_stages].rate = target;
        sc->duration_ns += stages[sc->n_stages++].duration_ns;
    }
    sc->stages = stages;
}

static void add_result(struct sim *r, cJSON *out)
{
    cJSON *starts = cJSON_AddArrayToObject(out, "starts_ns");
    cJSON *numbers = cJSON_AddArrayToObject(out, "global_iters");
    cJSON *each = cJSON_AddArrayToObject(out, "iters_per_vu");
    for (size_t i = 0; i < r->n_starts; i++) {
        add_whole(starts, (int64_t)r->starts[i].at);
        add_whole(numbers, (int64_t)r->starts[i].number);
    }
    for (unsigned i = 0; i < r->n_lanes; i++)
        for (uint32_t k = 0; k < r->lanes[i].n_slots; k++)
            if (r->lanes[i].slots[k].was_active)
                add_whole(each, (int64_t)r->lanes[i].slots[k].iterations);
    cJSON_AddNumberToObject(out, "full", (double)r->full);
    cJSON_AddNumberToObject(out, "interrupted", (double)r->interrupted);
    cJSON_AddNumberToObject(out, "dropped", (double)r->dropped);
    cJSON_AddNumberToObject(out, "end_ns", (double)r->now);
    cJSON_AddNumberToObject(out, "initialized_vus", (double)r->made);
    cJSON_AddBoolToObject(out, "insufficient_vus_warning", r->refused_growth);
}

/* A whole run on the fake clock. */
static void answer_run(const cJSON *q, cJSON *out)
{
    struct sim *r = sim_new(text_of(q, "executor"));
    struct lengths lengths = {get(q, "iteration_ns"), text_of(q, "by")[0]};
    read_scenario(&r->sc, get(q, "scenario"));
    r->init_ns = (uint64_t)whole_of(q, "init_ns");
    bool ok = sim_segment(r, text_of(q, "seg"), text_of(q, "seq"));
    cJSON_AddBoolToObject(out, "ok", ok);
    if (ok) {
        r->length = length_of;
        r->length_arg = &lengths;
        if (get(q, "stripe"))
            r->given_work = read_stripe(get(q, "stripe"));
        sim_begin(r);
        cJSON_AddBoolToObject(out, "has_work", r->has_work);
        cJSON_AddNumberToObject(out, "slots",
                                (double)r->cls->max_slots(&r->sc, &r->lanes[0].portion.vus));
        cJSON_AddNumberToObject(
            out, "work", (double)(r->has_work ? tt_stripe_scale(&r->work, r->sc.iterations) : 0));
        sim_run(r, UINT64_MAX - 1);
        add_result(r, out);
    }
    sim_free(r);
}

static bool scenario_stripe(const cJSON *q, struct tt_stripe *s, struct tt_err *err)
{
    struct part p;
    bool ok = read_part(q, &p, err) && tt_stripe_init(s, &p.seg, p.seq, p.n_seq, err);
    tt_free(p.seq);
    return ok;
}

/* VUs of a scenario over time: wanted (ramping-vus), and needed. */
static void answer_needs(const cJSON *q, cJSON *out)
{
    struct tt_scenario sc = {.executor = text_of(q, "executor")};
    struct tt_stripe s;
    struct tt_err err = {0};
    struct tt_needs needs = {0};
    struct tt_ramp ramp;
    if (!scenario_stripe(q, &s, &err)) {
        fail_answer(out, &err);
        return;
    }
    read_scenario(&sc, get(q, "scenario"));
    cJSON_AddBoolToObject(out, "ok", tt_scenario_needs(&sc, &s, &needs));
    cJSON *list = cJSON_AddArrayToObject(out, "needs");
    for (size_t i = 0; i < needs.len; i++) {
        const struct tt_need *n = &needs.items[i];
        const double row[] = {(double)n->at_ns, (double)n->planned, (double)n->unplanned};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(row, 3));
    }
    list = cJSON_AddArrayToObject(out, "wanted");
    int64_t count = sc.start_vus;
    uint64_t at = 0;
    tt_ramp_begin(&ramp, &sc, 0);
    while (at != UINT64_MAX) {
        const double row[] = {(double)at, (double)tt_stripe_scale(&s, count)};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(row, 2));
        at = tt_ramp_next_ns(&ramp);
        count = tt_ramp_step(&ramp);
    }
    tt_vec_fini(&needs);
    tt_stripe_fini(&s);
    tt_free((void *)(uintptr_t)sc.stages);
}

/* --- errors of HTTP ------------------------------------------------------------------------------
 */

/* of: "syscall" with op and errno, or "curl" with rc, verify and detail. */
static void answer_http_error(const cJSON *q, cJSON *out)
{
    static const char *const ops[] = {"dial", "read", "write", "close"};
    struct tt_http_error e = {0};
    int op = TT_HTTP_OP_READ;
    for (int i = 0; i < 4; i++)
        if (strcmp(text_of(q, "name"), ops[i]) == 0)
            op = i;
    if (strcmp(text_of(q, "of"), "syscall") == 0)
        tt_http_error_syscall(&e, (enum tt_http_op)op, (int)whole_of(q, "errno"));
    else
        tt_http_error_curl(&e, (CURLcode)whole_of(q, "rc"), 0, (long)whole_of(q, "verify"),
                           text_of(q, "detail"));
    cJSON_AddNumberToObject(out, "code", e.code);
}

static void answer_http_status(const cJSON *q, cJSON *out)
{
    int status = (int)whole_of(q, "status");
    cJSON_AddNumberToObject(out, "code", tt_http_status_error_code(status));
    cJSON_AddBoolToObject(out, "expected", tt_http_expected_has(&tt_http_expected_default, status));
}

static void answer_http_codes(const cJSON *q, cJSON *out)
{
    static const struct {
        const char *id;
        int code;
    } codes[] = {
        {"other", TT_HTTP_E_OTHER},
        {"non_tcp_network", TT_HTTP_E_NOT_TCP},
        {"invalid_url", TT_HTTP_E_BAD_URL},
        {"request_timeout", TT_HTTP_E_TIMEOUT},
        {"dns", TT_HTTP_E_DNS},
        {"dns_no_such_host", TT_HTTP_E_NO_HOST},
        {"tcp", TT_HTTP_E_TCP},
        {"tcp_broken_pipe", TT_HTTP_E_BROKEN_PIPE},
        {"tcp_unknown_errno", TT_HTTP_E_ERRNO},
        {"tcp_dial", TT_HTTP_E_DIAL},
        {"tcp_dial_timeout", TT_HTTP_E_DIAL_TIMEOUT},
        {"tcp_dial_refused", TT_HTTP_E_REFUSED},
        {"tcp_dial_unknown_errno", TT_HTTP_E_DIAL_ERRNO},
        {"tcp_reset", TT_HTTP_E_RESET},
        {"tls", TT_HTTP_E_TLS},
        {"tls_record_header", TT_HTTP_E_NOT_TLS},
        {"x509_unknown_authority", TT_HTTP_E_UNKNOWN_CA},
        {"x509_hostname_mismatch", TT_HTTP_E_WRONG_NAME},
        {"http2", TT_HTTP_E_HTTP2},
        {"http2_goaway", TT_HTTP_E_HTTP2_GOAWAY},
        {"http2_stream", TT_HTTP_E_HTTP2_STREAM},
        {"http2_connection", TT_HTTP_E_HTTP2_CONNECTION},
        {"response_decompression", TT_HTTP_E_DECODE},
    };
    (void)q;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        cJSON_AddNumberToObject(out, codes[i].id, codes[i].code);
}

/* --- the network ---------------------------------------------------------------------------------
 */

static void no_problem(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

/* The rules of one option, given as a part of the question. */
static void read_rules(const cJSON *q, const char *part, const char *option, struct tt_arena *a,
                       struct tt_options *o, struct tt_network *n)
{
    struct tt_err err;
    cJSON *v = cJSON_CreateObject();
    cJSON_AddItemToObject(v, option, cJSON_Duplicate(get(q, part), true));
    tt_arena_init(a);
    tt_options_init(o, a);
    tt_options_apply_json(o, a, v, TT_LAYER_SCRIPT, "options", &err);
    tt_network_init(n);
    tt_network_read(n, a, o, no_problem, NULL);
    cJSON_Delete(v);
}

static void drop_rules(struct tt_arena *a, struct tt_options *o, struct tt_network *n)
{
    tt_network_fini(n);
    tt_options_fini(o);
    tt_arena_fini(a);
}

static void answer_hosts(const cJSON *q, cJSON *out)
{
    struct tt_arena a;
    struct tt_options o;
    struct tt_network n;
    char ip[TT_IP_TEXT_SIZE], text[80];
    read_rules(q, "map", "hosts", &a, &o, &n);
    const struct tt_host_pattern *p = tt_host_find(&n.hosts, text_of(q, "query"));
    if (p) {
        snprintf(text, sizeof text, p->ip.six ? "[%s]:%u" : "%s:%u", tt_ip_text(&p->ip, ip),
                 (unsigned)p->port);
        cJSON_AddStringToObject(out, "out", text);
    } else {
        cJSON_AddNullToObject(out, "out");
    }
    drop_rules(&a, &o, &n);
}

static void answer_blocked(const cJSON *q, cJSON *out)
{
    struct tt_arena a;
    struct tt_options o;
    struct tt_network n;
    read_rules(q, "patterns", "block_hostnames", &a, &o, &n);
    const struct tt_host_pattern *p = tt_host_find(&n.blocked, text_of(q, "host"));
    cJSON_AddBoolToObject(out, "blocked", p != NULL);
    cJSON_AddStringToObject(out, "pattern", p ? p->text : "");
    drop_rules(&a, &o, &n);
}

static void answer_block_pattern(const cJSON *q, cJSON *out)
{
    cJSON_AddBoolToObject(out, "ok", tt_host_pattern_valid(text_of(q, "text"), false));
}

static void add_ip(cJSON *out, const char *name, const struct tt_ip *ip)
{
    char text[TT_IP_TEXT_SIZE];
    cJSON_AddStringToObject(out, name, tt_ip_text(ip, text));
}

static void answer_host_value(const cJSON *q, cJSON *out)
{
    struct tt_ip ip;
    uint16_t port;
    bool ok = tt_ip_parse_port(text_of(q, "text"), &ip, &port);
    cJSON_AddBoolToObject(out, "ok", ok);
    if (!ok)
        return;
    add_ip(out, "ip", &ip);
    cJSON_AddNumberToObject(out, "port", port);
}

static unsigned bits_of(tt_u128 mask)
{
    unsigned n = 0;
    for (; mask; mask >>= 1)
        n += (unsigned)(mask & 1);
    return n;
}

static void answer_cidr(const cJSON *q, cJSON *out)
{
    struct tt_ip_range r;
    char ip[TT_IP_TEXT_SIZE], text[80];
    bool ok = tt_ip_range_parse_cidr(text_of(q, "text"), &r);
    cJSON_AddBoolToObject(out, "ok", ok);
    if (!ok)
        return;
    snprintf(text, sizeof text, "%s/%u", tt_ip_text(&r.first, ip),
             (r.first.six ? 128 : 32) - bits_of(r.first.bits ^ r.last));
    cJSON_AddStringToObject(out, "canon", text);
}

static void answer_ip_block(const cJSON *q, cJSON *out)
{
    struct tt_ip_range r;
    char digits[48];
    size_t at = sizeof digits - 1;
    bool ok = tt_ip_range_parse(text_of(q, "text"), &r);
    cJSON_AddBoolToObject(out, "ok", ok);
    if (!ok)
        return;
    struct tt_ip last = {r.first.six, r.last};
    add_ip(out, "first", &r.first);
    add_ip(out, "last", &last);
    digits[at] = '\0';
    for (tt_u128 count = r.last - r.first.bits + 1; count || !digits[at]; count /= 10)
        digits[--at] = (char)('0' + (unsigned)(count % 10));
    cJSON_AddStringToObject(out, "count", digits + at);
}

static void answer_ip_pool(const cJSON *q, cJSON *out)
{
    struct tt_arena a;
    struct tt_options o;
    struct tt_network n;
    const cJSON *index;
    read_rules(q, "text", "local_ips", &a, &o, &n);
    cJSON_AddBoolToObject(out, "ok", n.local.n > 0);
    cJSON *list = cJSON_AddArrayToObject(out, "ips");
    cJSON_ArrayForEach(index, get(q, "indexes"))
    {
        char text[TT_IP_TEXT_SIZE];
        struct tt_ip ip = tt_ip_pool_at(&n.local, strtoull(index->valuestring, NULL, 10));
        cJSON_AddItemToArray(list, cJSON_CreateString(tt_ip_text(&ip, text)));
    }
    drop_rules(&a, &o, &n);
}

static void answer_dns(const cJSON *q, cJSON *out)
{
    static const char *const selects[] = {"first", "random", "roundRobin"};
    static const char *const policies[] = {"preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6",
                                           "any"};
    struct tt_network n;
    struct tt_err err;
    tt_network_init(&n);
    bool ok = tt_dns_parse(get(q, "text"), &n.dns, &err);
    cJSON_AddBoolToObject(out, "ok", ok);
    cJSON_AddStringToObject(out, "select", selects[n.dns.select]);
    cJSON_AddStringToObject(out, "policy", policies[n.dns.policy]);
    cJSON_AddNumberToObject(out, "ttl_ns", (double)n.dns.ttl_ns);
    tt_network_fini(&n);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*answer)(const cJSON *q, cJSON *out);
    } kinds[] = {{"segment", answer_segment},
                 {"sequence", answer_sequence},
                 {"within", answer_within},
                 {"stripe", answer_stripe},
                 {"walk", answer_walk},
                 {"duration", answer_duration},
                 {"format", answer_format},
                 {"run", answer_run},
                 {"needs", answer_needs},
                 {"http_error", answer_http_error},
                 {"http_status", answer_http_status},
                 {"http_codes", answer_http_codes},
                 {"hosts", answer_hosts},
                 {"blocked", answer_blocked},
                 {"block_pattern", answer_block_pattern},
                 {"host_value", answer_host_value},
                 {"cidr", answer_cidr},
                 {"ip_block", answer_ip_block},
                 {"ip_pool", answer_ip_pool},
                 {"dns", answer_dns}};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        struct tt_err err;
        struct tt_buf text;
        cJSON *q = tt_json_read(line, (size_t)n, 1, &err), *out = cJSON_CreateObject();
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strcmp(text_of(q, "op"), kinds[i].name) == 0)
                kinds[i].answer(q, out);
        tt_buf_init(&text, 1u << 30);
        tt_json_write(&text, out, false);
        puts(text.data);
        fflush(stdout);
        tt_buf_fini(&text);
        cJSON_Delete(q);
        cJSON_Delete(out);
    }
    free(line);
    return 0;
}
