/* SPDX-License-Identifier: MIT */
/* The summary's text against golden files (TTLOAD_GOLDEN=1 writes them anew), its numbers, files.
 */
#include "output/summary.h"
#include "unit.h"
#include "vectors.h"
#include <sys/stat.h>
#include <unistd.h>

static cJSON *golden_data(void)
{
    return vectors_read("../golden/summary-data.json");
}

static void assert_golden(const char *name, const char *got)
{
    char path[512];
    struct tt_err err = {0};
    struct tt_buf want;
    snprintf(path, sizeof path, TT_TEST_DATA "/golden/%s", name);
    if (getenv("TTLOAD_GOLDEN"))
        assert_true(tt_summary_write(path, got, strlen(got), &err));
    assert_true(tt_file_read(path, 1 << 20, &want, 1, &err));
    assert_string_equal(got, want.data);
    tt_buf_fini(&want);
}

static void text_is_golden(const char *name, bool color, enum tt_summary_mode mode)
{
    cJSON *data = golden_data();
    char *text = tt_summary_text(data, color, mode);
    assert_golden(name, text);
    tt_free(text);
    cJSON_Delete(data);
}

static void the_compact_summary_is_golden(void **state)
{
    (void)state;
    text_is_golden("summary-compact.txt", false, TT_SUMMARY_COMPACT);
}

static void the_full_summary_is_golden(void **state)
{
    (void)state;
    text_is_golden("summary-full.txt", false, TT_SUMMARY_FULL);
}

static void the_coloured_summary_is_golden(void **state)
{
    (void)state;
    text_is_golden("summary-color.txt", true, TT_SUMMARY_COMPACT);
}

static void the_export_says_true_for_thresholds_that_failed(void **state)
{
    (void)state;
    cJSON *data = golden_data();
    struct tt_err err = {0};
    char *text = tt_summary_export(data);
    cJSON *export = tt_json_read(text, strlen(text), 1, &err);
    const cJSON *thresholds =
        field(field(field(export, "metrics"), "http_req_duration"), "thresholds");
    assert_true(cJSON_IsTrue(field(thresholds, "avg<1")));
    assert_true(cJSON_IsFalse(field(thresholds, "p(95)<1000")));
    cJSON_Delete(export);
    tt_free(text);
    cJSON_Delete(data);
}

static void json_reads_back_as_the_same_data(void **state)
{
    (void)state;
    cJSON *data = golden_data();
    struct tt_err err = {0};
    char *text = tt_summary_json(data);
    cJSON *again = tt_json_read(text, strlen(text), 1, &err);
    assert_true(cJSON_Compare(data, again, true));
    cJSON_Delete(again);
    tt_free(text);
    cJSON_Delete(data);
}

static void numbers_fit_their_unit(void **state)
{
    (void)state;
    char b[48];
    assert_string_equal(tt_summary_duration(b, sizeof b, 0.0005, NULL), "500ns");
    assert_string_equal(tt_summary_duration(b, sizeof b, 0.25, NULL), "250\xC2\xB5s");
    assert_string_equal(tt_summary_duration(b, sizeof b, 12.345678, NULL), "12.34ms");
    assert_string_equal(tt_summary_duration(b, sizeof b, 61234.5, NULL), "1m1s");
    assert_string_equal(tt_summary_duration(b, sizeof b, 1500, "ms"), "1500.00ms");
    assert_string_equal(tt_summary_bytes(b, sizeof b, 1536), "1.5 kB");
    assert_string_equal(tt_summary_bytes(b, sizeof b, 10), "10 B");
    assert_string_equal(tt_summary_rate(b, sizeof b, 0.98765), "98.76%");
    assert_string_equal(tt_summary_rate(b, sizeof b, 0.999999),
                        "99.99%"); /* never rounded up to all */
}

static void files_are_written_into_folders_that_are_made(void **state)
{
    (void)state;
    char dir[] = "/tmp/ttload-test-XXXXXX", path[128];
    struct tt_err err = {0};
    struct tt_buf back;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a/b/out.txt", dir);
    assert_true(tt_summary_write(path, "text", 4, &err));
    assert_true(tt_file_read(path, 100, &back, 1, &err));
    assert_string_equal(back.data, "text");
    tt_buf_fini(&back);
    unlink(path);
    snprintf(path, sizeof path, "%s/a", dir);
    assert_false(tt_summary_write(path, "text", 4, &err)); /* a folder is no file */
    assert_non_null(strstr(err.text, dir));
    snprintf(path, sizeof path, "%s/a/b", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/a", dir);
    rmdir(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_compact_summary_is_golden),
        cmocka_unit_test(the_full_summary_is_golden),
        cmocka_unit_test(the_coloured_summary_is_golden),
        cmocka_unit_test(the_export_says_true_for_thresholds_that_failed),
        cmocka_unit_test(json_reads_back_as_the_same_data),
        cmocka_unit_test(numbers_fit_their_unit),
        cmocka_unit_test(files_are_written_into_folders_that_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
