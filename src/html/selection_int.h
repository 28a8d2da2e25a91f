/* SPDX-License-Identifier: MIT */
/* What the files of the binding share. A selection is a userdata with its nodes; its user value is
 * the page, which owns the tree and the list under construction, so that an error leaks nothing. */
#pragma once
#include "html/css.h"
#include "html/doc.h"
#include "html/selection.h"
#include <lauxlib.h>

struct tt__page {
    xmlDoc *doc;
    xmlNode **list; /* under construction */
    size_t len, cap;
    struct tt_buf text; /* for results */
};
struct tt__selection {
    size_t n;
    xmlNode *nodes[];
};

const struct tt__selection *tt__selection_at(lua_State *L, int idx);
/* The page of the selection at idx, its list and text emptied; pushes its userdata. */
struct tt__page *tt__page_begin(lua_State *L, int idx);
void tt__page_add(struct tt__page *p, xmlNode *n);
/* Pops the page and pushes the selection of its list, in the page's order, each node once. */
int tt__page_end(lua_State *L, struct tt__page *p);
/* A selection of one node, of the page of the selection at idx. */
void tt__push_node(lua_State *L, int idx, xmlNode *n);
/* Reads the selector at idx; raises. */
void tt__read_css(lua_State *L, int idx, struct tt_css *css);
/* Is there a selector at idx (not nil or none)? Then it is read. */
bool tt__opt_css(lua_State *L, int idx, struct tt_css *css);

/* walk_lua.c, values_lua.c: methods for the metatable */
extern const luaL_Reg tt__walk_methods[], tt__value_methods[];
