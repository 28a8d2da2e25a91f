/* SPDX-License-Identifier: MIT */
/* Controls of forms: what a browser would send of them. Pure. */
#pragma once
#include "html/doc.h"

/* Its name, when it is sent at all: it is a control with a name, not disabled, no button, and
 * checked where that matters. */
const char *tt_html_sent_name(const xmlNode *n);
/* Calls one for each value of a control: several for a select of several options, none where there
 * is none. text has the value where it is not an attribute (text of textarea, option). */
typedef void (*tt_html_value)(void *arg, const char *value);
void tt_html_values(xmlNode *n, struct tt_buf *text, tt_html_value one, void *arg);
bool tt_html_is_multiple(const xmlNode *n); /* a select of several options */
