/* SPDX-License-Identifier: MIT */
/* Lua values to JSON and flat copies, and back. See value.h. Walks never raise: they work on raw
 * tables and check the stack themselves. Worker thread. */
#include "vu/value.h"
#include "base/memory.h"
#include "base/str.h"
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char tt_json_null_key = 0;
const char tt_json_array_key = 0;

enum { DEPTH_MAX = 128 };

struct walk {
    lua_State *L;
    struct tt_err *err;
    char path[512];
    size_t path_len;
    const void *open[DEPTH_MAX]; /* the tables we are inside of: a cycle meets one again */
    int depth;
};

static bool fail(struct walk *k, const char *what)
{
    return tt_err_set(k->err, 0, "%s: %s", k->path, what);
}

static size_t path_push_key(struct walk *k, int idx)
{
    size_t before = k->path_len, room = sizeof k->path - before;
    int n;
    if (lua_type(k->L, idx) == LUA_TSTRING)
        n = snprintf(k->path + before, room, ".%s", lua_tostring(k->L, idx));
    else
        n = snprintf(k->path + before, room, "[%lld]", (long long)lua_tointeger(k->L, idx));
    if (n > 0)
        k->path_len = (size_t)n < room ? before + (size_t)n : sizeof k->path - 1;
    return before;
}

static void path_pop(struct walk *k, size_t before)
{
    k->path[before] = '\0';
    k->path_len = before;
}

static bool is_null(lua_State *L, int idx)
{
    return lua_islightuserdata(L, idx) && lua_touserdata(L, idx) == &tt_json_null_key;
}

static bool marked_array(lua_State *L, int idx)
{
    if (!lua_getmetatable(L, idx))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* Enters the table at idx: false on a cycle or too deep. *is_list: its keys are 1..n. */
static bool enter(struct walk *k, int idx, bool *is_list, size_t *n)
{
    lua_State *L = k->L;
    const void *p = lua_topointer(L, idx);
    if (k->depth == DEPTH_MAX || !lua_checkstack(L, 8))
        return fail(k, "nested too deeply");
    for (int i = 0; i < k->depth; i++)
        if (k->open[i] == p)
            return fail(k, "a cycle: the table contains itself");
    k->open[k->depth++] = p;
    size_t count = 0, len = lua_rawlen(L, idx);
    bool ints = true, strings = true;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        count++;
        if (lua_type(L, -2) == LUA_TSTRING)
            ints = false;
        else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
                 (uint64_t)lua_tointeger(L, -2) <= len)
            strings = false;
        else
            ints = strings = false;
    }
    *n = count;
    *is_list = count ? ints && count == len : marked_array(L, idx);
    if (!*is_list && count && !strings)
        return fail(k, ints ? "a list with holes"
                            : "a table with mixed keys (use a list, or text keys only)");
    return true;
}

static cJSON *json_value(struct walk *k, int idx);

static int by_name(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Lua's tables have no order: sorted by name, the same data is always the same text. */
static void sort_members(cJSON *object, size_t n)
{
    cJSON *few[32], **list = n <= 32 ? few : tt_xreallocarray(NULL, n, sizeof *list);
    size_t i = 0;
    for (cJSON *c = object->child; c; c = c->next)
        list[i++] = c;
    qsort(list, n, sizeof *list, by_name);
    for (i = 0; i < n; i++) {
        list[i]->next = i + 1 < n ? list[i + 1] : NULL;
        list[i]->prev = list[i ? i - 1 : n - 1]; /* the first one's is the last, as cJSON has it */
    }
    object->child = list[0];
    if (list != few)
        tt_free(list);
}

static cJSON *json_table(struct walk *k, int idx)
{
    lua_State *L = k->L;
    bool is_list = false;
    size_t n = 0;
    if (!enter(k, idx, &is_list, &n))
        return NULL;
    cJSON *out = is_list ? cJSON_CreateArray() : cJSON_CreateObject();
    for (size_t i = 1; is_list && i <= n; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        size_t before = path_push_key(k, lua_gettop(L));
        lua_rawgeti(L, idx, (lua_Integer)i);
        cJSON *item = json_value(k, lua_gettop(L));
        lua_pop(L, 2);
        if (!item)
            goto failed;
        path_pop(k, before);
        cJSON_AddItemToArray(out, item);
    }
    if (!is_list)
        lua_pushnil(L);
    for (; !is_list && lua_next(L, idx); lua_pop(L, 1)) {
        int value = lua_gettop(L);
        size_t before = path_push_key(k, value - 1);
        cJSON *item = json_value(k, value);
        if (!item) {
            lua_pop(L, 2);
            goto failed;
        }
        path_pop(k, before);
        cJSON_AddItemToObject(out, lua_tostring(L, value - 1), item);
    }
    if (!is_list && n > 1)
        sort_members(out, n);
    k->depth--;
    return out;
failed:
    cJSON_Delete(out);
    return NULL;
}

static cJSON *json_value(struct walk *k, int idx)
{
    lua_State *L = k->L;
    char number[40];
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        return cJSON_CreateNull();
    case LUA_TBOOLEAN:
        return cJSON_CreateBool(lua_toboolean(L, idx));
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx)) {
            long long v = lua_tointeger(L, idx);
            if (v > -(1LL << 53) && v < (1LL << 53))
                return cJSON_CreateNumber((double)v);
            snprintf(number, sizeof number, "%lld", v);
            return cJSON_CreateRaw(number);
        }
        if (!isfinite(lua_tonumber(L, idx))) {
            fail(k, "a number that JSON cannot hold (NaN or infinite)");
            return NULL;
        }
        return cJSON_CreateNumber(lua_tonumber(L, idx));
    case LUA_TSTRING: {
        size_t n;
        const char *s = lua_tolstring(L, idx, &n);
        if (strlen(s) != n) {
            fail(k, "a string with a zero byte");
            return NULL;
        }
        return cJSON_CreateString(s);
    }
    case LUA_TTABLE:
        if (tt__thaw_push(L, idx)) {
            cJSON *out = json_table(k, lua_gettop(L));
            lua_pop(L, out ? 1 : 0); /* a failure leaves its walk on the stack */
            return out;
        }
        return json_table(k, idx);
    default:
        if (is_null(L, idx))
            return cJSON_CreateNull();
        fail(k, luaL_typename(L, idx));
        return NULL;
    }
}

static void walk_init(struct walk *k, lua_State *L, const char *root, struct tt_err *err)
{
    k->L = L;
    k->err = err;
    k->depth = 0;
    snprintf(k->path, sizeof k->path, "%s", root);
    k->path_len = strlen(k->path);
}

cJSON *tt_lua_to_json(lua_State *L, int idx, const char *root, struct tt_err *err)
{
    struct walk k;
    walk_init(&k, L, root, err);
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 8)) {
        fail(&k, "no stack left");
        return NULL;
    }
    cJSON *out = json_value(&k, lua_absindex(L, idx));
    lua_settop(L, top);
    return out;
}

static void push_number(lua_State *L, double v)
{
    if (v == floor(v) && fabs(v) <= 9007199254740992.0)
        lua_pushinteger(L, (lua_Integer)v);
    else
        lua_pushnumber(L, v);
}

void tt_json_push(lua_State *L, const cJSON *v, bool keep_null)
{
    luaL_checkstack(L, 4, "JSON nested too deeply");
    if (cJSON_IsBool(v)) {
        lua_pushboolean(L, cJSON_IsTrue(v));
    } else if (cJSON_IsNumber(v)) {
        push_number(L, v->valuedouble);
    } else if (cJSON_IsString(v)) {
        lua_pushstring(L, v->valuestring);
    } else if (cJSON_IsRaw(v)) {
        lua_stringtonumber(L, v->valuestring) ? (void)0 : (void)lua_pushstring(L, v->valuestring);
    } else if (cJSON_IsArray(v)) {
        lua_Integer i = 0;
        lua_newtable(L);
        for (const cJSON *c = v->child; c; c = c->next) {
            tt_json_push(L, c, keep_null);
            lua_rawseti(L, -2, ++i);
        }
        if (!i && lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key) == LUA_TTABLE)
            lua_setmetatable(L, -2);
        else if (!i)
            lua_pop(L, 1);
    } else if (cJSON_IsObject(v)) {
        lua_newtable(L);
        for (const cJSON *c = v->child; c; c = c->next) {
            lua_pushstring(L, c->string);
            tt_json_push(L, c, keep_null);
            lua_rawset(L, -3);
        }
    } else if (keep_null) {
        lua_pushlightuserdata(L, (void *)&tt_json_null_key);
    } else {
        lua_pushnil(L);
    }
}

/* --- flat copies: one tag byte a value, numbers and lengths as 8 raw bytes ----------------------
 */

static bool put(struct walk *k, struct tt_buf *out, char tag, const void *p, size_t n)
{
    return (tt_buf_putc(out, tag) && (!n || tt_buf_append(out, p, n))) || fail(k, "too large");
}

static bool flat_table(struct walk *k, int idx, struct tt_buf *out);

static bool flat_value(struct walk *k, int idx, struct tt_buf *out)
{
    lua_State *L = k->L;
    uint64_t len;
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        return put(k, out, 'z', NULL, 0);
    case LUA_TBOOLEAN:
        return put(k, out, lua_toboolean(L, idx) ? 't' : 'f', NULL, 0);
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx)) {
            lua_Integer v = lua_tointeger(L, idx);
            return put(k, out, 'i', &v, sizeof v);
        } else {
            lua_Number v = lua_tonumber(L, idx);
            return put(k, out, 'n', &v, sizeof v);
        }
    case LUA_TSTRING: {
        size_t n;
        const char *s = lua_tolstring(L, idx, &n);
        len = n;
        return put(k, out, 's', &len, sizeof len) &&
               (tt_buf_append(out, s, n) || fail(k, "too large"));
    }
    case LUA_TTABLE:
        if (tt__thaw_push(L, idx)) {
            bool ok = flat_table(k, lua_gettop(L), out);
            lua_pop(L, ok ? 1 : 0); /* a failure leaves its walk on the stack */
            return ok;
        }
        return flat_table(k, idx, out);
    default:
        return is_null(L, idx) ? put(k, out, '0', NULL, 0) : fail(k, luaL_typename(L, idx));
    }
}

static bool flat_table(struct walk *k, int idx, struct tt_buf *out)
{
    lua_State *L = k->L;
    if (k->depth == DEPTH_MAX || !lua_checkstack(L, 8))
        return fail(k, "nested too deeply");
    const void *p = lua_topointer(L, idx);
    for (int i = 0; i < k->depth; i++)
        if (k->open[i] == p)
            return fail(k, "a cycle: the table contains itself");
    k->open[k->depth++] = p;
    if (!put(k, out, marked_array(L, idx) ? 'a' : 'm', NULL, 0))
        return false;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
        int value = lua_gettop(L);
        size_t before = path_push_key(k, value - 1);
        if (!flat_value(k, value - 1, out) || !flat_value(k, value, out))
            return false;
        path_pop(k, before);
    }
    k->depth--;
    return put(k, out, 'e', NULL, 0);
}

bool tt_lua_flatten(lua_State *L, int idx, const char *root, struct tt_buf *out, struct tt_err *err)
{
    struct walk k;
    walk_init(&k, L, root, err);
    int top = lua_gettop(L);
    bool ok = (lua_checkstack(L, 8) || fail(&k, "no stack left")) &&
              flat_value(&k, lua_absindex(L, idx), out);
    lua_settop(L, top);
    return ok;
}

static const char *unflatten(lua_State *L, const char *p)
{
    uint64_t len;
    lua_Integer i;
    lua_Number v;
    luaL_checkstack(L, 4, "data nested too deeply");
    switch (*p++) {
    case 't':
        lua_pushboolean(L, 1);
        return p;
    case 'f':
        lua_pushboolean(L, 0);
        return p;
    case 'i':
        memcpy(&i, p, sizeof i);
        lua_pushinteger(L, i);
        return p + sizeof i;
    case 'n':
        memcpy(&v, p, sizeof v);
        lua_pushnumber(L, v);
        return p + sizeof v;
    case 's':
        memcpy(&len, p, sizeof len);
        lua_pushlstring(L, p + sizeof len, (size_t)len);
        return p + sizeof len + len;
    case '0':
        lua_pushlightuserdata(L, (void *)&tt_json_null_key);
        return p;
    case 'a':
    case 'm':
        lua_newtable(L);
        if (p[-1] == 'a' && lua_rawgetp(L, LUA_REGISTRYINDEX, &tt_json_array_key))
            lua_setmetatable(L, -2);
        while (*p != 'e') {
            p = unflatten(L, p);
            p = unflatten(L, p);
            lua_rawset(L, -3);
        }
        return p + 1;
    default:
        lua_pushnil(L);
        return p;
    }
}

void tt_lua_unflatten(lua_State *L, const char *p, size_t n)
{
    if (n)
        unflatten(L, p);
    else
        lua_pushnil(L);
}

/* --- flat copies without a Lua state
 * -------------------------------------------------------------- */

static cJSON *flat_json(const char **at)
{
    const char *p = *at;
    char tag = *p++;
    uint64_t len;
    lua_Integer i;
    lua_Number v;
    cJSON *out = NULL;
    switch (tag) {
    case 't':
    case 'f':
        out = cJSON_CreateBool(tag == 't');
        break;
    case 'i':
        memcpy(&i, p, sizeof i);
        p += sizeof i;
        out = cJSON_CreateNumber((double)i);
        break;
    case 'n':
        memcpy(&v, p, sizeof v);
        p += sizeof v;
        out = cJSON_CreateNumber(v);
        break;
    case 's':
        memcpy(&len, p, sizeof len);
        char *text = tt_xstrndup(p + sizeof len, (size_t)len);
        p += sizeof len + len;
        out = cJSON_CreateString(text);
        tt_free(text);
        break;
    case 'a':
    case 'm': {
        bool list = tag == 'a' || *p == 'i';
        out = list ? cJSON_CreateArray() : cJSON_CreateObject();
        while (*p != 'e') {
            char number[40];
            cJSON *key = flat_json(&p);
            cJSON *item = flat_json(&p);
            snprintf(number, sizeof number, "%g", cJSON_IsNumber(key) ? key->valuedouble : 0.0);
            if (list)
                cJSON_AddItemToArray(out, item);
            else
                cJSON_AddItemToObject(out, cJSON_IsString(key) ? key->valuestring : number, item);
            cJSON_Delete(key);
        }
        p++;
        break;
    }
    default:
        out = cJSON_CreateNull();
    }
    *at = p;
    return out;
}

cJSON *tt_flat_to_json(const char *p, size_t n)
{
    return n ? flat_json(&p) : cJSON_CreateNull();
}

static bool flat_text(const char **at, const char **text, size_t *n)
{
    uint64_t len;
    if (**at != 's') {
        cJSON_Delete(flat_json(at));
        return false;
    }
    memcpy(&len, *at + 1, sizeof len);
    *text = *at + 1 + sizeof len;
    *n = (size_t)len;
    *at = *text + len;
    return true;
}

bool tt_flat_is_map(const char *p, size_t n)
{
    return n && (*p == 'm' || *p == 'a');
}

bool tt_flat_next(const char **at, struct tt_flat_pair *out)
{
    if (**at == 'm' || **at == 'a')
        (*at)++;
    if (**at == 'e')
        return false;
    bool key = flat_text(at, &out->key, &out->key_len);
    out->is_text = flat_text(at, &out->value, &out->value_len) && key;
    return true;
}
