/* SPDX-License-Identifier: MIT */
/* `ttload completion bash|zsh|fish`: a script for the shell, made from the tables of commands and
 * options. */
#include "base/exitcode.h"
#include "base/str.h"
#include "cli/command.h"
#include "plan/options.h"
#include <stdio.h>
#include <string.h>

/* What the value of an option may be, for the shell. */
static const char *choices(const struct tt_option_info *o)
{
    static const char *const known[][2] = {
        {"summary-mode", "compact full disabled"},
        {"summary-time-unit", "s ms us"},
        {"log-format", "text json raw"},
        {"log-output", "stderr stdout none file= loki="},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i][0], o->flag) == 0)
            return known[i][1];
    return NULL;
}

static bool takes_file(const struct tt_option_info *o)
{
    return strcmp(o->metavar, "FILE") == 0 || strcmp(o->metavar, "PEM") == 0;
}

static bool takes_folder(const struct tt_option_info *o)
{
    return strcmp(o->metavar, "DIR") == 0;
}

static void put_commands(void)
{
    for (size_t i = 0; tt_commands[i]; i++)
        printf("%s ", tt_commands[i]->name);
    fputs("help version", stdout);
}

/* --- bash --------------------------------------------------------------------------------------
 */

static void bash_case(const char *what, bool (*is)(const struct tt_option_info *))
{
    struct tt_option_info o;
    bool any = false;
    for (size_t i = 0; tt_option_info(i, &o); i++)
        if (o.flag[0] && is(&o)) {
            printf("%s--%s", any ? "|" : "    ", o.flag);
            if (o.short_flag)
                printf("|-%c", o.short_flag);
            any = true;
        }
    if (any)
        printf(") COMPREPLY=($(compgen %s -- \"$cur\")); return ;;\n", what);
}

static bool takes_other_value(const struct tt_option_info *o)
{
    return o->metavar[0] && !takes_file(o) && !takes_folder(o) && !choices(o);
}

static void bash(void)
{
    struct tt_option_info o;
    fputs("# bash completion for ttload: . <(ttload completion bash)\n_ttload() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  COMPREPLY=()\n  if [ \"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W \"",
          stdout);
    put_commands();
    fputs("\" -- \"$cur\"))\n    return\n  fi\n  case $prev in\n", stdout);
    for (size_t i = 0; tt_option_info(i, &o); i++)
        if (o.flag[0] && choices(&o))
            printf("    --%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", o.flag,
                   choices(&o));
    bash_case("-f", takes_file);
    bash_case("-d", takes_folder);
    bash_case("-W ''", takes_other_value);
    fputs("  esac\n  case ${COMP_WORDS[1]} in\n"
          "    serve) COMPREPLY=($(compgen -W \"tunnel http ws\" -- \"$cur\")) ;;\n"
          "    completion) COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$cur\")) ;;\n"
          "    help) COMPREPLY=($(compgen -W \"options ",
          stdout);
    put_commands();
    fputs("\" -- \"$cur\")) ;;\n    run|inspect|doctor)\n      case $cur in\n        -*) "
          "COMPREPLY=($(compgen -W \"",
          stdout);
    for (size_t i = 0; tt_option_info(i, &o); i++)
        if (o.flag[0])
            printf("--%s ", o.flag);
    fputs("--execution-requirements --help\" -- \"$cur\")) ;;\n"
          "        *) COMPREPLY=($(compgen -f -X '!*.lua' -- \"$cur\") $(compgen -d -- \"$cur\")) "
          ";;\n"
          "      esac ;;\n  esac\n}\ncomplete -o filenames -F _ttload ttload\n",
          stdout);
}

/* --- zsh ---------------------------------------------------------------------------------------
 */

/* Text inside single quotes and brackets of an _arguments spec. */
static void zsh_text(const char *s)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s))
            putchar('\\');
        if (*s == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*s);
    }
}

static void zsh_option(const struct tt_option_info *o)
{
    printf("      '*--%s%s[", o->flag, o->metavar[0] ? "=" : "");
    zsh_text(o->help);
    putchar(']');
    if (o->metavar[0]) {
        putchar(':');
        zsh_text(o->metavar);
        if (choices(o))
            printf(":(%s)", choices(o));
        else
            fputs(takes_file(o) ? ":_files" : takes_folder(o) ? ":_files -/" : ": ", stdout);
    }
    fputs("' \\\n", stdout);
}

static void zsh(void)
{
    struct tt_option_info o;
    fputs("#compdef ttload\n# zsh completion for ttload: a file _ttload in a folder of $fpath, or\n"
          "# source <(ttload completion zsh)\n_ttload() {\n  local -a commands=(\n",
          stdout);
    for (size_t i = 0; tt_commands[i]; i++) {
        printf("    '%s:", tt_commands[i]->name);
        zsh_text(tt_commands[i]->summary);
        puts("'");
    }
    fputs(
        "    'help:explain a command'\n    'version:print the version'\n  )\n"
        "  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
        "  case $words[2] in\n    serve) _values server tunnel http ws ;;\n"
        "    completion) _values shell bash zsh fish ;;\n    help) _describe command commands ;;\n"
        "    run|inspect|doctor) shift words; (( CURRENT-- )); _arguments \\\n",
        stdout);
    for (size_t i = 0; tt_option_info(i, &o); i++)
        if (o.flag[0])
            zsh_option(&o);
    fputs("      '*:script:_files -g \"*.lua\"' ;;\n  esac\n}\n"
          "if [ \"$funcstack[1]\" = _ttload ]; then _ttload \"$@\"; else compdef _ttload ttload; "
          "fi\n",
          stdout);
}

/* --- fish --------------------------------------------------------------------------------------
 */

static void fish_quoted(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

static void fish(void)
{
    struct tt_option_info o;
    fputs("# fish completion for ttload: ttload completion fish | source\ncomplete -c ttload -f\n",
          stdout);
    for (size_t i = 0; tt_commands[i]; i++) {
        printf("complete -c ttload -n __fish_use_subcommand -a %s -d ", tt_commands[i]->name);
        fish_quoted(tt_commands[i]->summary);
        putchar('\n');
    }
    fputs("complete -c ttload -n '__fish_seen_subcommand_from serve' -a 'tunnel http ws'\n"
          "complete -c ttload -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
          "complete -c ttload -n '__fish_seen_subcommand_from run inspect doctor' -F\n",
          stdout);
    for (size_t i = 0; tt_option_info(i, &o); i++) {
        if (!o.flag[0])
            continue;
        printf("complete -c ttload -n '__fish_seen_subcommand_from run inspect doctor' -l %s",
               o.flag);
        if (o.short_flag)
            printf(" -s %c", o.short_flag);
        if (choices(&o))
            printf(" -x -a '%s'", choices(&o));
        else if (o.metavar[0])
            fputs(takes_file(&o) || takes_folder(&o) ? " -r -F" : " -x", stdout);
        fputs(" -d ", stdout);
        fish_quoted(o.help);
        putchar('\n');
    }
}

static int run(int argc, char **argv, struct tt_err *err)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; argc == 2 && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, argv[1]) == 0) {
            shells[i].print();
            return 0;
        }
    tt_err_set(err, TT_EXIT_OTHER, "completion: for which shell? bash, zsh or fish");
    return -1;
}

static void help(void)
{
    puts("\nPrints a completion script for the shell:\n"
         "  bash  . <(ttload completion bash), in ~/.bashrc\n"
         "  zsh   ttload completion zsh > a file named _ttload in a folder of $fpath\n"
         "  fish  ttload completion fish > ~/.config/fish/completions/ttload.fish");
}

extern const struct tt_command tt_command_completion;
const struct tt_command tt_command_completion = {
    .name = "completion",
    .usage = "completion bash|zsh|fish",
    .summary = "print a completion script for the shell",
    .run = run,
    .help = help,
};
