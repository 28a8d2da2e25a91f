/* SPDX-License-Identifier: MIT */
/* Outputs: samples on their way from a shard to a file, what is lost, what is said. */
#include "capture.h"
/* after it */
#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "metric/shard.h"
#include "output/output.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct rig {
    char folder[32], path[64], item[80];
    struct tt_plan *plan;
    struct tt_registry *registry;
    struct tt_tagpool *tags;
    struct tt_shard *shard;
    struct tt_outputs *outputs;
    struct tt_err err;
};

static bool has_function(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "default") == 0;
}

/* file: the name of json's file; tag_sets: how many the pool keeps. */
static struct rig *rig_new(const char *file, size_t tag_sets)
{
    struct rig *r = tt_xcalloc(1, sizeof *r);
    struct tt_err err = {0};
    cJSON *options = cJSON_Parse("{\"thresholds\": {\"checks\": [\"rate>0.5\"]},"
                                 " \"submetrics\": [\"checks{page:home}\"]}");
    snprintf(r->folder, sizeof r->folder, "/tmp/ttload-out-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/%s", r->folder, file);
    snprintf(r->item, sizeof r->item, "json=%s", r->path);
    r->plan = tt_plan_new();
    r->registry = tt_registry_new();
    assert_true(tt_options_apply_json(&r->plan->opt, &r->plan->arena, options, TT_LAYER_SCRIPT,
                                      "options", &err));
    assert_true(tt_plan_build(r->plan, r->registry, has_function, NULL, &err));
    cJSON_Delete(options);
    tt_registry_freeze(r->registry);
    r->tags = tt_tagpool_new(r->registry, tag_sets);
    r->shard = tt_shard_new(r->registry);
    return r;
}

static bool rig_open(struct rig *r)
{
    const char *items[] = {r->item};
    const struct tt_text_list list = {items, 1};
    r->outputs = tt_outputs_open(&list, r->plan, r->registry, &r->err);
    if (r->outputs)
        tt_shard_feed(r->shard, tt_outputs_feed(r->outputs));
    return r->outputs != NULL;
}

/* What waits in the shard goes out, and everything is written. */
static void rig_close(struct rig *r)
{
    tt_batch_free(tt_shard_swap(r->shard, NULL));
    tt_outputs_close(r->outputs);
}

static void rig_free(struct rig *r)
{
    tt_outputs_free(r->outputs);
    tt_shard_free(r->shard);
    tt_tagpool_free(r->tags);
    tt_plan_free(r->plan);
    tt_registry_free(r->registry);
    unlink(r->path);
    rmdir(r->folder);
    tt_free(r);
}

static const struct tt_tags *tagged(struct rig *r, const char *key, const char *value)
{
    const struct tt_tag t = {key, value};
    return tt_tags_with(r->tags, tt_tags_empty(r->tags), &t, 1);
}

/* The file's lines as a JSON list; gzread takes plain files too. */
static cJSON *lines(const struct rig *r)
{
    cJSON *list = cJSON_CreateArray();
    char line[4096];
    gzFile f = gzopen(r->path, "rb");
    assert_non_null(f);
    while (gzgets(f, line, sizeof line)) {
        struct tt_err err = {0};
        cJSON *v = tt_json_read(line, strlen(line), 1, &err);
        assert_non_null(v);
        cJSON_AddItemToArray(list, v);
    }
    gzclose(f);
    return list;
}

static const cJSON *at(const cJSON *v, const char *a, const char *b)
{
    const cJSON *in = cJSON_GetObjectItemCaseSensitive(v, a);
    return b ? cJSON_GetObjectItemCaseSensitive(in, b) : in;
}

static void assert_json(const cJSON *v, const char *want)
{
    char *got = cJSON_PrintUnformatted(v);
    assert_non_null(got);
    assert_string_equal(got, want);
    cJSON_free(got);
}

static void a_sample_is_a_line_and_a_metric_is_announced_before(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    assert_true(rig_open(r));
    tt_shard_add(r->shard, TT_M_checks, 1, tagged(r, "page", "ho\"me"), tt_now_ns());
    tt_shard_add(r->shard, TT_M_http_req_duration, 0.1, tagged(r, "page", ""), tt_now_ns());
    rig_close(r);
    cJSON *l = lines(r);
    assert_int_equal(cJSON_GetArraySize(l), 4);
    assert_json(cJSON_GetArrayItem(l, 0),
                "{\"type\":\"Metric\",\"data\":{\"name\":\"checks\",\"type\":\"rate\",\"contains\":"
                "\"default\",\"thresholds\":[\"rate>0.5\"],\"submetrics\":[{\"name\":\"checks{page:"
                "home}\",\"suffix\":\"page:home\",\"tags\":{\"page\":\"home\"}}]},\"metric\":"
                "\"checks\"}");
    const cJSON *point = cJSON_GetArrayItem(l, 1), *trend = cJSON_GetArrayItem(l, 3);
    assert_json(at(point, "type", NULL), "\"Point\"");
    assert_json(at(point, "data", "value"), "1");
    assert_json(at(point, "data", "tags"), "{\"page\":\"ho\\\"me\"}");
    assert_json(at(trend, "metric", NULL), "\"http_req_duration\"");
    assert_json(at(trend, "data", "value"), "0.1");
    assert_json(at(trend, "data", "tags"), "{\"page\":\"\"}");
    assert_json(at(at(cJSON_GetArrayItem(l, 2), "data", NULL), "submetrics", NULL), "null");
    cJSON_Delete(l);
    rig_free(r);
}

static void the_time_is_the_wall_clocks(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    assert_true(rig_open(r));
    uint64_t before = tt_wall_ns();
    tt_shard_add(r->shard, TT_M_iterations, 1, tt_tags_empty(r->tags), tt_now_ns());
    uint64_t after = tt_wall_ns();
    rig_close(r);
    cJSON *l = lines(r);
    struct tm tm = {0};
    const char *text = at(cJSON_GetArrayItem(l, 1), "data", "time")->valuestring;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm);
    assert_non_null(rest);
    assert_int_equal(strspn(rest, "0123456789"), 9);
    assert_string_equal(rest + 9, "Z");
    uint64_t got = (uint64_t)timegm(&tm) * TT_NS_PER_S + strtoull(rest, NULL, 10);
    assert_true(got + TT_NS_PER_S > before && got < after + TT_NS_PER_S);
    cJSON_Delete(l);
    rig_free(r);
}

/* Blocks end where they like; .gz is compressed. */
static void every_sample_arrives_in_order(void **state)
{
    (void)state;
    enum { N = 3 * TT_SAMPLES_PER_BLOCK + 17 };
    struct rig *r = rig_new("out.json.gz", 100);
    unsigned char magic[2];
    assert_true(rig_open(r));
    for (int i = 0; i < N; i++)
        tt_shard_add(r->shard, TT_M_iterations, i, tt_tags_empty(r->tags), tt_now_ns());
    rig_close(r);
    FILE *f = fopen(r->path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(magic, 1, 2, f), 2);
    fclose(f);
    assert_true(magic[0] == 0x1f && magic[1] == 0x8b);
    cJSON *l = lines(r);
    assert_int_equal(cJSON_GetArraySize(l), N + 1);
    int expected = 0;
    for (const cJSON *v = l->child->next; v; v = v->next)
        assert_int_equal(at(v, "data", "value")->valueint, expected++);
    cJSON_Delete(l);
    rig_free(r);
}

/* The pool keeps one set: the others are temporary, and long replaced when the output reads them.
 */
static void tag_sets_beyond_the_pool_are_written_too(void **state)
{
    (void)state;
    enum { N = 900 };
    struct rig *r = rig_new("out.json", 1);
    char text[16];
    assert_true(rig_open(r));
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%d", i);
        tt_shard_add(r->shard, TT_M_iterations, 1, tagged(r, "n", text), tt_now_ns());
    }
    rig_close(r);
    cJSON *l = lines(r);
    int expected = 0;
    for (const cJSON *v = l->child->next; v; v = v->next) {
        snprintf(text, sizeof text, "%d", expected++);
        assert_string_equal(at(at(v, "data", NULL), "tags", "n")->valuestring, text);
    }
    assert_int_equal(expected, N);
    cJSON_Delete(l);
    rig_free(r);
}

static void what_only_passes_counts_for_no_figure(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    struct tt_totals *t = tt_totals_new(r->registry);
    assert_true(rig_open(r));
    tt_shard_pass(r->shard, TT_M_iterations, 1, tagged(r, "warmup", "true"), tt_now_ns());
    struct tt_batch *b = tt_shard_swap(r->shard, NULL);
    tt_totals_merge(t, b);
    tt_batch_free(b);
    assert_false(tt_totals_seen(t, TT_M_iterations));
    tt_outputs_close(r->outputs);
    cJSON *l = lines(r);
    assert_json(at(cJSON_GetArrayItem(l, 1), "data", "tags"), "{\"warmup\":\"true\"}");
    cJSON_Delete(l);
    tt_totals_free(t);
    rig_free(r);
}

static void metadata_are_those_at_the_time_of_the_sample(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    static const char *const changes[][2] = {{"trace", "a"}, {"n", "1"},     {"trace", "b"},
                                             {"n", NULL},    {"none", NULL}, {"trace", NULL}};
    static const char *const expected[] = {"{\"trace\":\"a\"}", "{\"n\":\"1\",\"trace\":\"a\"}",
                                           "{\"n\":\"1\",\"trace\":\"b\"}", "{\"trace\":\"b\"}",
                                           "{\"trace\":\"b\"}"};
    struct tt_metadata *m = NULL;
    assert_true(rig_open(r));
    for (size_t i = 0; i < 6; i++) {
        struct tt_metadata *before = m;
        m = tt_metadata_with(before, changes[i][0], changes[i][1]);
        tt_metadata_drop(before);
        tt_shard_attach(r->shard, m);
        tt_shard_add(r->shard, TT_M_iterations, 1, tagged(r, "a", "b"), tt_now_ns());
    }
    assert_null(m);
    rig_close(r);
    cJSON *l = lines(r);
    for (int i = 0; i < 5; i++)
        assert_json(at(cJSON_GetArrayItem(l, i + 1), "data", "metadata"), expected[i]);
    assert_null(at(cJSON_GetArrayItem(l, 6), "data", "metadata"));
    assert_non_null(at(cJSON_GetArrayItem(l, 6), "data", "tags"));
    cJSON_Delete(l);
    rig_free(r);
}

static void *read_all(void *path)
{
    char buf[65536];
    FILE *f = fopen(path, "rb");
    while (fread(buf, 1, sizeof buf, f) > 0) {
    }
    fclose(f);
    return NULL;
}

/* A pipe that nobody reads until the end: the shard goes on, the queue is bounded. */
static void a_slow_receiver_loses_samples_and_holds_nobody_up(void **state)
{
    (void)state;
    enum { N = 300 * TT_SAMPLES_PER_BLOCK };
    struct rig *r = rig_new("pipe", 100);
    struct tt_thread reader = {0};
    assert_int_equal(mkfifo(r->path, 0600), 0);
    int hold = open(r->path, O_RDWR); /* a reader that does not read: opening does not wait */
    assert_true(hold >= 0);
    assert_true(rig_open(r));
    struct capture c;
    capture_begin(&c, stderr);
    for (int i = 0; i < N; i++)
        tt_shard_add(r->shard, TT_M_iterations, 1, tt_tags_empty(r->tags), tt_now_ns());
    assert_true(tt_thread_start(&reader, "reader", read_all, r->path, &r->err));
    tt_batch_free(tt_shard_swap(r->shard, NULL));
    tt_outputs_close(r->outputs);
    close(hold);
    tt_thread_join(&reader);
    char *text = capture_end(&c);
    assert_non_null(strstr(text, "samples were lost: it was slower than the test"));
    tt_free(text);
    rig_free(r);
}

static void a_full_disk_is_said_once_and_ends_the_output(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    snprintf(r->item, sizeof r->item, "json=/dev/full");
    assert_true(rig_open(r));
    struct capture c;
    capture_begin(&c, stderr);
    for (int i = 0; i < 20 * TT_SAMPLES_PER_BLOCK; i++)
        tt_shard_add(r->shard, TT_M_iterations, 1, tt_tags_empty(r->tags), tt_now_ns());
    rig_close(r);
    char *text = capture_end(&c);
    const char *said = strstr(text, "/dev/full");
    assert_non_null(said);
    assert_null(strstr(said + 1, "/dev/full"));
    assert_non_null(strstr(said, "No space left on device"));
    assert_non_null(strstr(said, "samples were lost"));
    tt_free(text);
    rig_free(r);
}

static void assert_refused(const char *item, const char *expected)
{
    struct rig *r = rig_new("out.json", 100);
    snprintf(r->item, sizeof r->item, "%s", item);
    assert_false(rig_open(r));
    assert_non_null(strstr(r->err.text, expected));
    rig_free(r);
}

static void what_cannot_begin_is_refused(void **state)
{
    (void)state;
    assert_refused("jsno=x",
                   "option out: no output 'jsno' (did you mean 'json'?); there are: json");
    assert_refused("json=/nowhere/out.json", "option out: output json: cannot write");
    assert_refused("=x", "no output ''");
}

static void without_outputs_nobody_wants_samples(void **state)
{
    (void)state;
    struct rig *r = rig_new("out.json", 100);
    const struct tt_text_list none = {0};
    r->outputs = tt_outputs_open(&none, r->plan, r->registry, &r->err);
    assert_non_null(r->outputs);
    assert_null(tt_outputs_feed(r->outputs));
    tt_shard_add(r->shard, TT_M_iterations, 1, tt_tags_empty(r->tags), 1);
    rig_close(r);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_a_line_and_a_metric_is_announced_before),
        cmocka_unit_test(the_time_is_the_wall_clocks),
        cmocka_unit_test(every_sample_arrives_in_order),
        cmocka_unit_test(tag_sets_beyond_the_pool_are_written_too),
        cmocka_unit_test(what_only_passes_counts_for_no_figure),
        cmocka_unit_test(metadata_are_those_at_the_time_of_the_sample),
        cmocka_unit_test(a_slow_receiver_loses_samples_and_holds_nobody_up),
        cmocka_unit_test(a_full_disk_is_said_once_and_ends_the_output),
        cmocka_unit_test(what_cannot_begin_is_refused),
        cmocka_unit_test(without_outputs_nobody_wants_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
