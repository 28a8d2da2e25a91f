/* SPDX-License-Identifier: MIT */
/* From the command line to a plan: flags, config file, the script's first init, environment, then
 * the layers in their order. Coordinator thread. */
#include "base/exitcode.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "net/tls.h"
#include "run/run_int.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first init: the script's top level, in a worker of its own that is thrown away afterwards. */
struct probe {
    struct tt_loop *loop;
    struct tt_worker *w;
    struct tt_vu *vu;
};

static bool probe_open(struct probe *p, struct tt_run *r, const struct tt_options *o,
                       const struct tt_tag_list *env, struct tt_err *err)
{
    p->loop = tt_loop_new(err);
    if (!p->loop)
        return false;
    const struct tt_worker_config c = {
        .loop = p->loop,
        .script = r->script,
        .registry = r->registry,
        .env = env->items,
        .n_env = env->n,
        .services = &tt__services,
        .allow_unsafe = o->allow_unsafe,
    };
    p->w = tt_worker_new(&c, err);
    p->vu = p->w ? tt_vu_new(p->w, 0, err) : NULL;
    return p->vu != NULL;
}

static void probe_close(struct probe *p)
{
    tt_vu_free(p->vu);
    tt_worker_free(p->w);
    tt_loop_free(p->loop);
}

static bool has_function(void *probe, const char *name)
{
    return tt_vu_has(((struct probe *)probe)->vu, name);
}

enum { CONFIG_BYTES_MAX = 16 * 1024 * 1024 };

static cJSON *read_config(const char *path, struct tt_err *err)
{
    struct tt_buf text;
    if (!tt_file_read(path, CONFIG_BYTES_MAX, &text, TT_EXIT_CONFIG, err)) {
        tt_err_wrap(err, "--config");
        return NULL;
    }
    cJSON *v = tt_json_read(text.data, text.len, TT_EXIT_CONFIG, err);
    if (!v)
        tt_err_wrap(err, "%s", path);
    tt_buf_fini(&text);
    return v;
}

static bool apply_config(struct tt_plan *p, const char *path, struct tt_err *err)
{
    cJSON *v = read_config(path, err);
    bool ok = v && tt_options_apply_json(&p->opt, &p->arena, v, TT_LAYER_CONFIG, path, err);
    cJSON_Delete(v);
    return ok;
}

/* What has a meaning of its own in the script's table must be a function. */
static bool check_functions(struct probe *probe, struct tt_err *err)
{
    static const char *const names[] = {"default", "setup", "teardown", "handle_summary"};
    struct tt_err all = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tt_err one = {0};
        if (has_function(probe, names[i]))
            continue;
        cJSON *v = tt_vu_field_json(probe->vu, names[i], &one);
        if (v || one.text[0]) {
            tt_err_set(&one, TT_EXIT_CONFIG, "%s: expected a function", names[i]);
            tt_err_join(&all, &one);
        }
        cJSON_Delete(v);
    }
    return tt_err_none(&all, err);
}

/* Layer upon layer into plan->opt, then the plan; all that is wrong is told together. The words and
 * the environment were taken once before (read_early): they are good. */
static bool settle_plan(struct tt_run *r, const struct tt_options *early, struct probe *probe,
                        const cJSON *script, int argc, char **argv, char **environment,
                        struct tt_err *err)
{
    struct tt_plan *p = r->plan;
    struct tt_text_list positional;
    struct tt_err one, all = {0};
    if (early->set[TT_OPT_config] && !apply_config(p, early->config, &one))
        tt_err_join(&all, &one);
    if (script &&
        !tt_options_apply_json(&p->opt, &p->arena, script, TT_LAYER_SCRIPT, "options", &one))
        tt_err_join(&all, &one);
    if (!tt_options_apply_env(&p->opt, &p->arena, environment, &one) ||
        !tt_options_apply_flags(&p->opt, &p->arena, argc, argv, &positional, &one))
        tt_err_join(&all, &one);
    if (!check_functions(probe, &one))
        tt_err_join(&all, &one);
    if (!tt_plan_build(p, r->registry, has_function, probe, &one))
        tt_err_join(&all, &one);
    return tt_err_none(&all, err);
}

/* "script.lua: problem", or each problem on a line of its own below the script's path. */
static bool under_script(const struct tt_run *r, struct tt_err *err)
{
    const struct tt_err found = *err;
    const char *between = strstr(found.text, "\n  ") ? ":\n  " : ": ";
    return tt_err_set(err, found.exit_code, "%s%s%s", tt_script_path(r->script), between,
                      found.text);
}

static bool open_log(struct tt_run *r, const struct tt_options *o, struct tt_err *err)
{
    tt_log_output_free(r->log);
    r->log = tt_log_output_new(o->log_output, o->log_format,
                               o->set[TT_OPT_console_output] ? o->console_output : NULL, err);
    return r->log != NULL;
}

/* The config file may say where the log goes: from then on. */
static bool log_moved(const struct tt_options *o)
{
    return o->layer[TT_OPT_log_output] == TT_LAYER_CONFIG ||
           o->layer[TT_OPT_log_format] == TT_LAYER_CONFIG ||
           o->layer[TT_OPT_console_output] == TT_LAYER_CONFIG;
}

/* What init itself needs, before the script's options are known: --env, --lib and the like. */
static bool read_early(struct tt_run *r, int argc, char **argv, char **environment,
                       struct tt_options *o, struct tt_tag_list *env, struct tt_err *err)
{
    struct tt_text_list positional;
    tt_options_init(o, &r->arena);
    if (!tt_options_apply_env(o, &r->arena, environment, err) ||
        !tt_options_apply_flags(o, &r->arena, argc, argv, &positional, err) ||
        !tt_options_script_env(o, &r->arena, environment, env, err))
        return false;
    if (!r->own && positional.n != 1)
        return tt_err_set(err, TT_EXIT_OTHER,
                          positional.n ? "expected one script, found %zu ('%s', '%s', ...)"
                                       : "expected a script: SCRIPT.lua",
                          positional.n, positional.n ? positional.items[0] : "",
                          positional.n ? positional.items[1] : "");
    if (o->verbose)
        tt_log_set_level(TT_LOG_DEBUG);
    if (!open_log(r, o, err))
        return false;
    r->script = r->own ? tt_script_of_text(r->own->name, r->own->text, r->own->size, &o->lib)
                       : tt_script_load(positional.items[0], &o->lib, err);
    return r->script != NULL;
}

enum { MANY_VUS = 10000 };

/* A plan that cannot fit is refused before it fills the machine; a small one is not worth the look.
 */
static bool check_machine(struct tt_run *r, struct tt_worker *w, struct tt_err *err)
{
    struct tt_stripe all;
    if (!tt_stripe_init(&all, &r->plan->segment, r->plan->sequence, r->plan->n_sequence, err))
        return false;
    int64_t vus = tt_plan_planned_vus(r->plan, &all);
    tt_stripe_fini(&all);
    tt__check_connections(vus, tt_ip_pool_size(&r->plan->network.local));
    return vus < MANY_VUS || tt__memory_suffices(vus, tt__vu_bytes(w, err), err);
}

/* A file that no request could do without is missed before the first one. */
static bool check_ca_file(const struct tt_options *o, struct tt_err *err)
{
    if (!o->ca_file || !*o->ca_file)
        return true;
    struct tt_tls_profile *p = tt_tls_profile_new(o, err);
    bool ok = p != NULL;
    tt_tls_profile_free(p);
    return ok;
}

static bool prepare(struct tt_run *r, int argc, char **argv, char **environment,
                    enum tt_run_purpose purpose, struct probe *probe, struct tt_options *early,
                    struct tt_err *err)
{
    struct tt_tag_list env;
    tt_options_warn_env(environment);
    if (!read_early(r, argc, argv, environment, early, &env, err))
        return false;
    r->registry = tt_registry_new();
    r->plan = tt_plan_new();
    r->plan->env = env.items;
    r->plan->n_env = env.n;
    r->plan->script_path = tt_script_path(r->script);
    if (!probe_open(probe, r, early, &env, err))
        return false;
    r->has_setup = tt_vu_has(probe->vu, "setup");
    r->has_teardown = tt_vu_has(probe->vu, "teardown");
    r->has_summary = tt_vu_has(probe->vu, "handle_summary");
    cJSON *script = tt_vu_field_json(probe->vu, "options", err);
    bool ok = script || !err->text[0];
    if (!ok)
        err->exit_code = TT_EXIT_CONFIG;
    ok = ok && settle_plan(r, early, probe, script, argc, argv, environment, err);
    cJSON_Delete(script);
    if (!ok)
        return under_script(r, err);
    if (log_moved(&r->plan->opt) && !open_log(r, &r->plan->opt, err))
        return false;
    if (purpose == TT_RUN_GO &&
        (!check_ca_file(&r->plan->opt, err) || !check_machine(r, probe->w, err)))
        return false;
    tt_registry_freeze(r->registry);
    return true;
}

static struct tt_run *prepare_any(const struct tt_own_script *own, int argc, char **argv,
                                  char **environment, enum tt_run_purpose purpose,
                                  struct tt_err *err)
{
    struct tt_run *r = tt_xcalloc(1, sizeof *r);
    r->own = own;
    struct probe probe = {0};
    struct tt_options early = {0};
    tt_arena_init(&r->arena);
    bool ok = prepare(r, argc, argv, environment, purpose, &probe, &early, err);
    r->vu_bytes = ok && purpose == TT_RUN_MEASURE ? tt__vu_bytes(probe.w, err) : 0;
    probe_close(&probe);
    tt_options_fini(&early);
    r->own = NULL;
    if (ok)
        return r;
    tt_run_free(r);
    return NULL;
}

struct tt_run *tt_run_prepare(int argc, char **argv, char **environment,
                              enum tt_run_purpose purpose, struct tt_err *err)
{
    return prepare_any(NULL, argc, argv, environment, purpose, err);
}

struct tt_run *tt_run_prepare_own(const struct tt_own_script *own, int argc, char **argv,
                                  char **environment, struct tt_err *err)
{
    return prepare_any(own, argc, argv, environment, TT_RUN_GO, err);
}

cJSON *tt_run_requirements(const struct tt_run *r)
{
    cJSON *out = tt_plan_requirements_json(r->plan);
    const cJSON *vus = cJSON_GetObjectItemCaseSensitive(out, "max_vus");
    double each = (double)r->vu_bytes;
    cJSON_AddNumberToObject(out, "memory_per_vu_bytes", each);
    cJSON_AddNumberToObject(out, "estimated_memory_bytes", each * cJSON_GetNumberValue(vus));
    return out;
}

const struct tt_plan *tt_run_plan(const struct tt_run *r)
{
    return r->plan;
}

void tt_run_free(struct tt_run *r)
{
    if (!r)
        return;
    tt_plan_free(r->plan);
    tt_registry_free(r->registry);
    tt_script_free(r->script);
    tt_arena_fini(&r->arena);
    tt_log_output_free(r->log);
    tt_free(r);
}
