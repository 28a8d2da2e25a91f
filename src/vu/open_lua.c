/* SPDX-License-Identifier: MIT */
/* Data files, read whole during init; a relative path counts from the file that asks. */
#include "vu/open_lua.h"
#include "base/file.h"
#include "vu/args.h"
#include "vu/vu_int.h"
#include <lauxlib.h>
#include <string.h>

enum { DATA_BYTES_MAX = 1024 * 1024 * 1024 };

int tt_l_open(lua_State *L)
{
    static const char *const modes[] = {"text", "binary"};
    const char *path = luaL_checkstring(L, 1);
    struct tt_vu *vu = tt_vu_current(L);
    struct tt_err err = {0};
    struct tt_buf data;
    tt_args_choice(L, 2, "open: mode", modes, 2, 0);
    if (!vu || vu->stage != TT_STAGE_INIT)
        return luaL_error(L, "open is possible in init only (the top level of the script)");
    const char *from = vu->in->chunk ? vu->in->chunk : "";
    const char *slash = strrchr(from, '/');
    if (path[0] != '/' && slash) {
        lua_pushlstring(L, from, (size_t)(slash - from) + 1);
        lua_pushvalue(L, 1);
        lua_concat(L, 2);
        path = lua_tostring(L, -1);
    }
    if (!tt_file_read(path, DATA_BYTES_MAX, &data, TT_EXIT_SCRIPT, &err))
        return luaL_error(L, "open: %s", err.text);
    lua_pushlstring(L, data.data, data.len);
    tt_buf_fini(&data);
    return 1;
}
