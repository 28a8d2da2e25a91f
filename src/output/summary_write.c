/* SPDX-License-Identifier: MIT */
/* Writing summaries to files and streams, and the older export format. */
#include "base/exitcode.h"
#include "base/memory.h"
#include "output/summary.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool make_folders(const char *path, struct tt_err *err)
{
    char *copy = tt_xstrdup(path);
    bool ok = true;
    for (char *s = strchr(copy + 1, '/'); s && ok; s = strchr(s + 1, '/')) {
        *s = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            ok = tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot make the folder '%s'", copy);
        *s = '/';
    }
    tt_free(copy);
    return ok;
}

bool tt_summary_write(const char *path, const char *text, size_t n, struct tt_err *err)
{
    bool out = strcmp(path, "stdout") == 0, stream = out || strcmp(path, "stderr") == 0;
    FILE *f = out ? stdout : stderr;
    if (!*path)
        return tt_err_set(err, TT_EXIT_OTHER, "cannot write a summary to a file without a name");
    if (!stream) {
        if (!make_folders(path, err))
            return false;
        f = fopen(path, "wb");
        if (!f)
            return tt_err_sys(err, TT_EXIT_OTHER, errno, "cannot write '%s'", path);
    }
    bool ok = fwrite(text, 1, n, f) == n && fflush(f) == 0;
    int e = errno;
    if (!stream && fclose(f) != 0)
        ok = false;
    return ok || tt_err_sys(err, TT_EXIT_OTHER, e, "cannot write '%s'", path);
}

/* --- the older export format: values beside thresholds, groups and checks by name
 * ------------------------- */

static cJSON *export_group(const cJSON *g)
{
    cJSON *o = cJSON_CreateObject(), *groups, *checks;
    static const char *const same[] = {"name", "path", "id"};
    for (size_t i = 0; i < 3; i++)
        cJSON_AddItemToObject(o, same[i], cJSON_Duplicate(cJSON_GetObjectItem(g, same[i]), true));
    groups = cJSON_AddObjectToObject(o, "groups");
    for (const cJSON *c = cJSON_GetObjectItem(g, "groups")->child; c; c = c->next)
        cJSON_AddItemToObject(groups, cJSON_GetObjectItem(c, "name")->valuestring, export_group(c));
    checks = cJSON_AddObjectToObject(o, "checks");
    for (const cJSON *c = cJSON_GetObjectItem(g, "checks")->child; c; c = c->next)
        cJSON_AddItemToObject(checks, cJSON_GetObjectItem(c, "name")->valuestring,
                              cJSON_Duplicate(c, true));
    return o;
}

char *tt_summary_export(const cJSON *data)
{
    cJSON *out = cJSON_CreateObject(), *metrics = cJSON_AddObjectToObject(out, "metrics");
    for (const cJSON *m = cJSON_GetObjectItem(data, "metrics")->child; m; m = m->next) {
        cJSON *o = cJSON_AddObjectToObject(metrics, m->string);
        bool rate = strcmp(cJSON_GetObjectItem(m, "type")->valuestring, "rate") == 0;
        for (const cJSON *v = cJSON_GetObjectItem(m, "values")->child; v; v = v->next)
            cJSON_AddNumberToObject(o, rate && strcmp(v->string, "rate") == 0 ? "value" : v->string,
                                    v->valuedouble);
        const cJSON *thresholds = cJSON_GetObjectItem(m, "thresholds");
        cJSON *failed = thresholds ? cJSON_AddObjectToObject(o, "thresholds") : NULL;
        for (const cJSON *t = thresholds ? thresholds->child : NULL; t; t = t->next)
            cJSON_AddBoolToObject(failed, t->string, !cJSON_IsTrue(cJSON_GetObjectItem(t, "ok")));
    }
    cJSON_AddItemToObject(out, "root_group", export_group(cJSON_GetObjectItem(data, "root_group")));
    const cJSON *setup = cJSON_GetObjectItem(data, "setup_data");
    if (setup)
        cJSON_AddItemToObject(out, "setup_data", cJSON_Duplicate(setup, true));
    char *text = tt_summary_json(out);
    cJSON_Delete(out);
    return text;
}
