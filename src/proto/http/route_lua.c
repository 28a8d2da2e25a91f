/* SPDX-License-Identifier: MIT */
/* Parameters that say how a request travels: auth, aws, proxy, unix_socket, http_version. What is
 * special is libcurl's to do. Worker thread. */
#include "base/str.h"
#include "proto/http/params_int.h"
#include "vu/args.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

/* Copies the text on top. */
static void take_text(lua_State *L, const struct tt__http_request *r, const char *name, char *to,
                      size_t size)
{
    size_t n;
    tt__param_type(L, r, name, LUA_TSTRING);
    const char *text = lua_tolstring(L, -1, &n);
    if (n >= size || strlen(text) != n)
        luaL_error(L, "%s: params.%s: too long, or with a NUL (at most %d bytes)", r->what, name,
                   (int)size - 1);
    memcpy(to, text, n + 1);
}

/* Which of the choices the text on top is. */
static size_t choice(lua_State *L, const struct tt__http_request *r, const char *name,
                     const char *const *choices, size_t n)
{
    int value = lua_gettop(L);
    size_t i = tt_args_choice(L, value, tt__param_what(L, r, name), choices, n, 0);
    lua_settop(L, value);
    return i;
}

void tt__param_auth(lua_State *L, struct tt__http_request *r, const char *name)
{
    static const char *const kinds[] = {"basic", "digest", "ntlm", "aws-sigv4"};
    r->call->auth = (enum tt_http_auth)choice(L, r, name, kinds, 4);
}

void tt__param_proxy(lua_State *L, struct tt__http_request *r, const char *name)
{
    static const char *const schemes[] = {"http://",    "https://",  "socks4://",
                                          "socks4a://", "socks5://", "socks5h://"};
    struct tt_http_call *c = r->call;
    c->ignores_proxies = true;
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        return;
    take_text(L, r, name, c->special.proxy, sizeof c->special.proxy);
    c->is_special = true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (tt_strnieq(c->special.proxy, schemes[i], strlen(schemes[i])))
            return;
    luaL_error(L,
               "%s: params.%s: an http://, https://, socks4://, socks4a://, socks5:// or "
               "socks5h:// URL, or false for none, is expected, not '%s'",
               r->what, name, c->special.proxy);
}

void tt__param_unix_socket(lua_State *L, struct tt__http_request *r, const char *name)
{
    struct tt_http_call *c = r->call;
    take_text(L, r, name, c->special.unix_socket, sizeof c->special.unix_socket);
    if (!*c->special.unix_socket)
        luaL_error(L, "%s: params.%s: a path is expected, not ''", r->what, name);
    c->is_special = c->ignores_proxies = true;
}

void tt__param_server_name(lua_State *L, struct tt__http_request *r, const char *name)
{
    char *to = r->call->server_name;
    take_text(L, r, name, to, sizeof r->call->server_name);
    if (!tt_http_host_ok(to))
        luaL_error(L, "%s: params.%s: a host name is expected, not '%s'", r->what, name, to);
}

void tt__param_http_version(lua_State *L, struct tt__http_request *r, const char *name)
{
    static const char *const versions[] = {"1.0", "1.1", "2", "2-prior-knowledge", "3"};
    struct tt_http_call *c = r->call;
    size_t i = choice(L, r, name, versions, 5);
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    c->special.version = (enum tt_http_version)(TT_HTTP_VERSION_1_0 + i);
    c->is_special = true;
    if (c->special.version == TT_HTTP_VERSION_3 && !(curl->features & CURL_VERSION_HTTP3))
        luaL_error(L, "%s: params.%s: '3' needs a libcurl with HTTP/3; the one here, %s, has none",
                   r->what, name, curl->version);
}

/* --- AWS ---------------------------------------------------------------------------------------
 */

/* aws.<name> of the table at aws; stays on the stack. */
static const char *field(lua_State *L, const struct tt__http_request *r, int aws, const char *name,
                         bool needed)
{
    lua_pushstring(L, name);
    int type = lua_rawget(L, aws);
    if (type != LUA_TSTRING && (needed || type != LUA_TNIL))
        luaL_error(L, "%s: params.aws.%s: text is expected, not a %s", r->what, name,
                   lua_typename(L, type));
    return lua_tostring(L, -1);
}

void tt__param_aws(lua_State *L, struct tt__http_request *r, const char *name)
{
    static const char *const names[] = {"access_key", "secret_key", "region", "service",
                                        "session_token"};
    struct tt_http_special *s = &r->call->special;
    int aws = lua_gettop(L);
    tt__param_type(L, r, name, LUA_TTABLE);
    tt_args_only(L, aws, tt__param_what(L, r, name), "field", names, 5);
    const char *key = field(L, r, aws, "access_key", true),
               *secret = field(L, r, aws, "secret_key", true),
               *region = field(L, r, aws, "region", true),
               *service = field(L, r, aws, "service", true),
               *token = field(L, r, aws, "session_token", false);
    int user = snprintf(s->userpwd, sizeof s->userpwd, "%s:%s", key, secret);
    int scope = snprintf(s->sigv4, sizeof s->sigv4, "aws:amz:%s:%s", region, service);
    if (user >= (int)sizeof s->userpwd || scope >= (int)sizeof s->sigv4)
        luaL_error(L, "%s: params.aws: too long", r->what);
    if (token && !tt_http_call_header(r->call, "X-Amz-Security-Token", 20, token, strlen(token)))
        luaL_error(L, "%s: params.aws.session_token: a line break in it", r->what);
    r->call->is_special = true;
    lua_settop(L, aws);
}

void tt__http_check_route(lua_State *L, const struct tt__http_request *r)
{
    struct tt_http_call *c = r->call;
    if (*c->special.unix_socket && *c->special.proxy)
        luaL_error(L, "%s: params.unix_socket and params.proxy exclude each other", r->what);
    bool signs = c->auth == TT_HTTP_AUTH_SIGV4;
    if (signs != (*c->special.sigv4 != '\0'))
        luaL_error(L, "%s: params.auth = 'aws-sigv4' and params.aws go together", r->what);
    if (signs && (c->source || lua_isfunction(L, TT__ARG_BODY)))
        luaL_error(L, "%s: params.aws: only a body in one piece can be signed", r->what);
    if (c->auth == TT_HTTP_AUTH_DIGEST || c->auth == TT_HTTP_AUTH_NTLM) {
        if (!c->parsed.has_userinfo)
            luaL_error(L,
                       "%s: params.auth: the credentials belong in the URL: "
                       "https://user:password@host/",
                       r->what);
        c->is_special = c->is_special || c->auth == TT_HTTP_AUTH_NTLM;
    }
}
