/* SPDX-License-Identifier: MIT */
/* The scenario file and require. Text is read from disk once per worker; each file is compiled once
 * per worker, and each VU runs the compiled chunk with its own _ENV upvalue. So the closures that
 * it makes share code and nothing else.
 *
 * lua_upvaluejoin gives the one closure of a chunk a fresh upvalue before each run; the closures
 * created by the run keep that upvalue, so joining again for the next VU does not disturb them. */
#include "base/file.h"
#include "base/str.h"
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

struct tt_script {
    char *path, *dir, *text;
    size_t size;
    struct tt_text_list libs;
    struct tt_arena arena;
};

enum { SCRIPT_BYTES_MAX = 64 * 1024 * 1024 };

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? tt_xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : tt_xstrdup(".");
}

/* text is taken over. */
static struct tt_script *script_new(const char *path, char *text, size_t size,
                                    const struct tt_text_list *libs)
{
    struct tt_script *s = tt_xcalloc(1, sizeof *s);
    s->path = tt_xstrdup(path);
    s->dir = folder_of(path);
    s->size = size;
    s->text = text;
    tt_arena_init(&s->arena);
    const char **items = tt_arena_alloc(&s->arena, (libs->n + 1) * sizeof *items);
    for (size_t i = 0; i < libs->n; i++)
        items[i] = tt_arena_strdup(&s->arena, libs->items[i]);
    s->libs = (struct tt_text_list){items, libs->n};
    return s;
}

struct tt_script *tt_script_load(const char *path, const struct tt_text_list *libs,
                                 struct tt_err *err)
{
    struct tt_buf text;
    if (!tt_file_read(path, SCRIPT_BYTES_MAX, &text, TT_EXIT_OTHER, err)) {
        tt_err_wrap(err, "script");
        return NULL;
    }
    size_t size = text.len;
    return script_new(path, tt_buf_take(&text), size, libs);
}

struct tt_script *tt_script_of_text(const char *name, const char *text, size_t size,
                                    const struct tt_text_list *libs)
{
    return script_new(name, tt_xstrndup(text, size), size, libs);
}

void tt_script_free(struct tt_script *s)
{
    if (!s)
        return;
    tt_arena_fini(&s->arena);
    tt_free(s->path);
    tt_free(s->dir);
    tt_free(s->text);
    tt_free(s);
}

const char *tt_script_path(const struct tt_script *s)
{
    return s->path;
}

/* Leaves the chunk's one closure on the stack, compiling it at the first use. */
static void push_compiled(lua_State *L, struct tt_worker *w, const char *path)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->chunks_ref);
    if (lua_getfield(L, -1, path) == LUA_TFUNCTION) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    const char *text = w->script->text;
    size_t n = w->script->size;
    struct tt_buf read = {0};
    struct tt_err err;
    if (strcmp(path, w->script->path) != 0) {
        if (!tt_file_read(path, SCRIPT_BYTES_MAX, &read, TT_EXIT_OTHER, &err))
            luaL_error(L, "%s", err.text);
        text = read.data ? read.data : "";
        n = read.len;
    }
    const char *name = lua_pushfstring(L, "@%s", path);
    if (n &&
        text[0] == '#') { /* a first line for the shell; its newline stays, for the line numbers */
        const char *end = memchr(text, '\n', n);
        n = end ? n - (size_t)(end - text) : 0;
        text = end ? end : "";
    }
    int status = luaL_loadbufferx(L, text, n, name, "t");
    tt_buf_fini(&read);
    if (status != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, path);
    lua_remove(L, -2);
}

/* Pushes the chunk's closure with its _ENV joined to the VU's environment. It must be called before
 * the chunk is pushed for another VU. */
static void push_chunk(lua_State *L, struct tt_vu *vu, const char *path)
{
    push_compiled(L, vu->w, path);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->w->in->join_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->env_ref);
    lua_call(L, 1, 1);
    lua_upvaluejoin(L, -2, 1, -1, 1);
    lua_pop(L, 1);
}

static const char *enter_chunk(struct tt_vu *vu, const char *path)
{
    const char *before = vu->in->chunk;
    vu->in->chunk = path;
    return before;
}

int tt__l_main(lua_State *L)
{
    struct tt_vu *vu = lua_touserdata(L, 1);
    const char *path = vu->w->script->path;
    push_chunk(L, vu, path);
    enter_chunk(vu, path);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "%s: the scenario file must return a table (return M), it returned %s",
                          path, luaL_typename(L, -1));
    return 1;
}

/* --- require -----------------------------------------------------------------------------------
 */

static bool readable(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f)
        fclose(f);
    return f != NULL;
}

/* Tries DIR/x/y<suffix>; pushes the path when there is such a file, else adds it to tried. */
static bool try_path(lua_State *L, luaL_Buffer *tried, const char *dir, const char *name,
                     const char *suffix)
{
    const char *file = luaL_gsub(L, name, ".", "/");
    bool here = strcmp(dir, ".") == 0;
    const char *path =
        lua_pushfstring(L, "%s%s%s%s", here ? "" : dir, here ? "" : "/", file, suffix);
    lua_remove(L, -2);
    if (readable(path))
        return true;
    char line[1024];
    snprintf(line, sizeof line, "\n\tno file '%s'", path);
    lua_pop(L, 1);
    luaL_addstring(tried, line);
    return false;
}

static int load_c_module(lua_State *L, const char *name, const char *path)
{
    struct tt_worker *w = tt_worker_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->builtin_ref);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "ttload.loadlib");
    lua_pushstring(L, path);
    luaL_gsub(L, name, ".", "_");
    lua_pushfstring(L, "luaopen_%s", lua_tostring(L, -1));
    lua_remove(L, -2);
    lua_call(L, 2, 2);
    if (!lua_isfunction(L, -2))
        return luaL_error(L, "module '%s': %s", name, lua_tostring(L, -1));
    lua_pop(L, 1);
    lua_pushstring(L, name);
    lua_pushstring(L, path);
    lua_call(L, 2, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    return 1;
}

static int run_module(lua_State *L, struct tt_vu *vu, const char *name, const char *path)
{
    push_chunk(L, vu, path);
    const char *before = enter_chunk(vu, path);
    lua_pushstring(L, name);
    lua_pushstring(L, path);
    int status = lua_pcall(L, 2, 1, 0);
    vu->in->chunk = before;
    if (status != LUA_OK)
        return lua_error(L);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->loaded_ref);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    return 1;
}

/* The folders that require looks in, in order; NULL after the last. */
static const char *search_dir(const struct tt_script *s, size_t i, char *buf, size_t size, bool c)
{
    const char *rest = getenv("TTLOAD_PATH");
    if (i == 0)
        return s->dir;
    if (i == 1)
        return c ? "lua_modules/lib/lua/5.4" : "lua_modules/share/lua/5.4";
    i -= 2;
    if (i < s->libs.n)
        return s->libs.items[i];
    for (i -= s->libs.n; rest && *rest; i--) {
        size_t n = strcspn(rest, ":;");
        if (i == 0) {
            snprintf(buf, size, "%.*s", (int)n, rest);
            return buf;
        }
        rest += n + (rest[n] != '\0');
    }
    return NULL;
}

int tt__l_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    struct tt_vu *vu = tt_vu_current(L);
    struct tt_worker *w = tt_worker_of(L);
    char buf[1024];
    if (!vu)
        return luaL_error(L, "require is not possible here");
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->in->builtin_ref);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->loaded_ref);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_settop(L, 1);
    if (strncmp(name, "ttload.", 7) == 0) {
        const char *names[32];
        size_t n = 0;
        for (const struct tt_module *const *m = tt_modules; *m && n < 32; m++)
            names[n++] = (*m)->name;
        const char *near = tt_suggest(name, names, n);
        return luaL_error(L, "no module '%s' in the library%s%s%s", name,
                          near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    luaL_Buffer tried;
    luaL_buffinit(L, &tried);
    static const char *const suffixes[] = {".lua", "/init.lua", ".so"};
    const char *dir;
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; (dir = search_dir(w->script, i, buf, sizeof buf, s == 2)); i++) {
            if (!try_path(L, &tried, dir, name, suffixes[s]))
                continue;
            return s == 2 ? load_c_module(L, name, lua_tostring(L, -1))
                          : run_module(L, vu, name, lua_tostring(L, -1));
        }
    luaL_pushresult(&tried);
    return luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, -1));
}

/* --- load, loadfile, dofile: text only, the VU's environment
 * -------------------------------------- */

static void push_env(lua_State *L)
{
    struct tt_vu *vu = tt_vu_current(L);
    if (vu)
        lua_rawgeti(L, LUA_REGISTRYINDEX, vu->in->env_ref);
    else
        lua_pushglobaltable(L);
}

/* upvalue 1: the standard load */
int tt__l_load(lua_State *L)
{
    int n = lua_gettop(L);
    bool unsafe = tt_worker_of(L)->in->allow_unsafe;
    lua_settop(L, 4);
    if (n < 4) {
        push_env(L);
        lua_replace(L, 4);
    }
    if (!unsafe) {
        lua_pushliteral(L, "t");
        lua_replace(L, 3);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 4, LUA_MULTRET);
    return lua_gettop(L);
}

static int load_path(lua_State *L, const char *mode, int env)
{
    const char *path = luaL_checkstring(L, 1);
    int status = luaL_loadfilex(L, path, tt_worker_of(L)->in->allow_unsafe ? mode : "t");
    if (status != LUA_OK)
        return status;
    if (env)
        lua_pushvalue(L, env);
    else
        push_env(L);
    if (!lua_setupvalue(L, -2, 1)) /* a binary function may have none */
        lua_pop(L, 1);
    return LUA_OK;
}

/* loadfile(path, mode?, env?) */
int tt__l_loadfile(lua_State *L)
{
    int env = lua_isnone(L, 3) ? 0 : 3;
    if (load_path(L, luaL_optstring(L, 2, NULL), env) == LUA_OK)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

int tt__l_dofile(lua_State *L)
{
    if (load_path(L, NULL, 0) != LUA_OK)
        return lua_error(L);
    int base = lua_gettop(L);
    lua_call(L, 0, LUA_MULTRET);
    return lua_gettop(L) - base + 1;
}
