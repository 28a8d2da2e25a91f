/* SPDX-License-Identifier: MIT */
/* The log's destinations; see log_output.h. */
#include "output/log_output.h"
#include "base/exitcode.h"
#include "base/memory.h"
#include "base/str.h"
#include "output/log_loki.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES_MAX = 1 << 20 };

struct tt_log_output {
    enum tt_log_format format;
    FILE *stream; /* stdout or a file */
    FILE *file;   /* the file, to be closed */
    enum tt_log_level file_level;
    struct tt_loki *loki;
    FILE *console;
};

static void write_line(const struct tt_log_output *o, FILE *to, const struct tt_log_entry *e)
{
    struct tt_buf line;
    tt_buf_init(&line, LINE_BYTES_MAX);
    tt_log_format_entry(&line, e, o->format);
    tt_buf_putc(&line, '\n');
    fwrite(line.data, 1, line.len, to);
    fflush(to); /* the reader may follow it, and the run may be killed */
    tt_buf_fini(&line);
}

static void write_entry(void *arg, const struct tt_log_entry *e)
{
    struct tt_log_output *o = arg;
    if (o->loki)
        tt_loki_add(o->loki, e);
    else if (o->stream && e->level >= o->file_level)
        write_line(o, o->stream, e);
}

static void write_console(void *arg, const struct tt_log_entry *e)
{
    struct tt_log_output *o = arg;
    write_line(o, o->console, e);
}

static FILE *append_to(const char *path, struct tt_err *err)
{
    FILE *f = fopen(path, "ae");
    if (!f)
        tt_err_sys(err, TT_EXIT_CONFIG, errno, "cannot write to '%s'", path);
    return f;
}

/* "PATH[,level=L]" */
static bool open_file(struct tt_log_output *o, const char *settings, struct tt_err *err)
{
    char *path = tt_xstrdup(settings), *comma = strchr(path, ',');
    bool ok = true;
    if (comma)
        *comma++ = '\0';
    if (comma)
        ok = tt_starts_with(comma, "level=")
                 ? tt_log_level_from(comma + 6, &o->file_level, err)
                 : tt_err_set(err, TT_EXIT_CONFIG, "'%s': expected file=PATH,level=LEVEL", comma);
    if (ok && !*path)
        ok = tt_err_set(err, TT_EXIT_CONFIG, "expected file=PATH");
    o->file = ok ? append_to(path, err) : NULL;
    o->stream = o->file;
    tt_free(path);
    return o->file != NULL;
}

/* *all: whether entries go anywhere but to stderr. */
static bool open_output(struct tt_log_output *o, const char *output, bool *all, struct tt_err *err)
{
    bool loki = tt_starts_with(output, "loki") && (!output[4] || output[4] == '=');
    *all = strcmp(output, "stderr") != 0;
    if (!*all || strcmp(output, "none") == 0)
        return true;
    if (strcmp(output, "stdout") == 0) {
        o->stream = stdout;
        return true;
    }
    if (tt_starts_with(output, "file="))
        return open_file(o, output + 5, err);
    if (loki) {
        o->loki = tt_loki_new(output[4] ? output + 5 : "", err);
        return o->loki != NULL;
    }
    return tt_err_set(err, TT_EXIT_CONFIG,
                      "'%s': expected stderr, stdout, none, file=PATH[,level=LEVEL] or "
                      "loki[=URL,name=value,...]",
                      output);
}

static bool read_format(const char *text, enum tt_log_format *out, struct tt_err *err)
{
    static const char *const names[] = {"text", "raw", "json"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], text) == 0) {
            *out = (enum tt_log_format)i;
            return true;
        }
    return tt_err_set(err, TT_EXIT_CONFIG, "log_format: '%s': expected text, raw or json", text);
}

struct tt_log_output *tt_log_output_new(const char *output, const char *format, const char *console,
                                        struct tt_err *err)
{
    struct tt_log_output *o = tt_xcalloc(1, sizeof *o);
    bool all = false, ok = read_format(format, &o->format, err);
    if (ok && !open_output(o, output, &all, err))
        ok = tt_err_wrap(err, "log_output");
    if (ok && console && !(o->console = append_to(console, err)))
        ok = tt_err_wrap(err, "console_output");
    if (!ok) {
        tt_log_output_free(o);
        return NULL;
    }
    tt_log_set_format(o->format);
    tt_log_set_writers(all ? write_entry : NULL, console ? write_console : NULL, o);
    return o;
}

void tt_log_output_free(struct tt_log_output *o)
{
    if (!o)
        return;
    tt_log_set_writers(NULL, NULL, NULL);
    tt_log_set_format(TT_LOG_TEXT);
    tt_loki_free(o->loki);
    if (o->file)
        fclose(o->file);
    if (o->console)
        fclose(o->console);
    tt_free(o);
}
