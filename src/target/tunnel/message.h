/* SPDX-License-Identifier: MIT */
/* The tunnel's messages: JSON objects told apart by their field "type". Pure; any thread. */
#pragma once
#include "base/json.h"
#include <stdint.h>

enum tt__message_kind {
    TT__MESSAGE_BAD, /* no JSON, unknown type, or a required field is missing */
    TT__MESSAGE_READY,
    TT__MESSAGE_RESPONSE,
    TT__MESSAGE_ERROR,
    TT__MESSAGE_IGNORED, /* ping, pong, and what only the service says */
};

/* What an agent said. Texts live in json. */
struct tt__message {
    enum tt__message_kind kind;
    cJSON *json;
    const char *request_id; /* NULL in an ERROR that names none */
    unsigned status;        /* RESPONSE's; ERROR: what the caller gets */
    const cJSON *headers;   /* RESPONSE: name -> array of text */
    const char *body;       /* RESPONSE: base64; ERROR: its message */
};
void tt__message_read(struct tt__message *m, const char *p, size_t n);
void tt__message_fini(struct tt__message *m);

struct tt__address {
    char tunnel_id[16], connection_id[32];
    char public_url[160], subdomain_url[160], path_based_url[160];
};
void tt__message_established(struct tt_buf *out, const struct tt__address *a);

struct tt__forward {
    const char *request_id, *method, *path, *query;
    const cJSON *headers; /* name -> array of text */
    const void *body;
    size_t body_len;
    uint64_t timestamp_ms;
};
void tt__message_request(struct tt_buf *out, const struct tt__forward *f);
/* What the gateway says when a message could not be processed: a frame without a type. */
void tt__message_failed(struct tt_buf *out, const char *connection_id, const char *request_id);
