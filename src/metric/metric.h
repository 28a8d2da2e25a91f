/* SPDX-License-Identifier: MIT */
/* What is measured: the registry of metrics and sub-metrics. Filled during the first init
 * (coordinator thread), then frozen and read by every thread. */
#pragma once
#include "base/err.h"
#include <stdint.h>

enum tt_metric_type { TT_COUNTER, TT_GAUGE, TT_RATE, TT_TREND };
enum tt_metric_contains {
    TT_DEFAULT,
    TT_TIME,
    TT_DATA
}; /* TIME: values are milliseconds; DATA: bytes */

typedef uint32_t tt_metric_id; /* index in the registry */

/* Built-in metrics, ids fixed. Rows: name, type, contains. */
#define TT_BUILTIN_METRICS(X)                                                                      \
    X(vus, TT_GAUGE, TT_DEFAULT)                                                                   \
    X(vus_max, TT_GAUGE, TT_DEFAULT)                                                               \
    X(iterations, TT_COUNTER, TT_DEFAULT)                                                          \
    X(iteration_duration, TT_TREND, TT_TIME)                                                       \
    X(iteration_start_lateness, TT_TREND, TT_TIME)                                                 \
    X(dropped_iterations, TT_COUNTER, TT_DEFAULT)                                                  \
    X(pacing_overruns, TT_COUNTER, TT_DEFAULT)                                                     \
    X(script_errors, TT_COUNTER, TT_DEFAULT)                                                       \
    X(checks, TT_RATE, TT_DEFAULT)                                                                 \
    X(group_duration, TT_TREND, TT_TIME)                                                           \
    X(http_reqs, TT_COUNTER, TT_DEFAULT)                                                           \
    X(http_req_duration, TT_TREND, TT_TIME)                                                        \
    X(http_req_blocked, TT_TREND, TT_TIME)                                                         \
    X(http_req_connecting, TT_TREND, TT_TIME)                                                      \
    X(http_req_tls_handshaking, TT_TREND, TT_TIME)                                                 \
    X(http_req_sending, TT_TREND, TT_TIME)                                                         \
    X(http_req_waiting, TT_TREND, TT_TIME)                                                         \
    X(http_req_receiving, TT_TREND, TT_TIME)                                                       \
    X(http_req_failed, TT_RATE, TT_DEFAULT)                                                        \
    X(http_names_other, TT_COUNTER, TT_DEFAULT)                                                    \
    X(http_req_tcp_rtt, TT_TREND, TT_TIME)                                                         \
    X(http_req_tcp_retransmits, TT_COUNTER, TT_DEFAULT)                                            \
    X(ws_sessions, TT_COUNTER, TT_DEFAULT)                                                         \
    X(ws_connecting, TT_TREND, TT_TIME)                                                            \
    X(ws_session_duration, TT_TREND, TT_TIME)                                                      \
    X(ws_msgs_sent, TT_COUNTER, TT_DEFAULT)                                                        \
    X(ws_msgs_received, TT_COUNTER, TT_DEFAULT)                                                    \
    X(ws_ping, TT_TREND, TT_TIME)                                                                  \
    X(ws_handshake_failed, TT_RATE, TT_DEFAULT)                                                    \
    X(ws_closed, TT_COUNTER, TT_DEFAULT)                                                           \
    X(ws_bytes_sent, TT_COUNTER, TT_DATA)                                                          \
    X(ws_bytes_received, TT_COUNTER, TT_DATA)                                                      \
    X(ws_compression_ratio, TT_TREND, TT_DEFAULT)                                                  \
    X(ws_msg_latency, TT_TREND, TT_TIME)                                                           \
    X(ws_request_duration, TT_TREND, TT_TIME)                                                      \
    X(ws_request_latency, TT_TREND, TT_TIME)                                                       \
    X(ws_request_failed, TT_RATE, TT_DEFAULT)                                                      \
    X(ws_dropped_ticks, TT_COUNTER, TT_DEFAULT)                                                    \
    X(ws_fanout, TT_TREND, TT_TIME)                                                                \
    X(ws_fanout_first, TT_TREND, TT_TIME)                                                          \
    X(ws_fanout_last, TT_TREND, TT_TIME)                                                           \
    X(ws_fanout_incomplete, TT_RATE, TT_DEFAULT)                                                   \
    X(ws_reconnect_duration, TT_TREND, TT_TIME)                                                    \
    X(data_sent, TT_COUNTER, TT_DATA)                                                              \
    X(data_received, TT_COUNTER, TT_DATA)

enum tt_builtin_metric {
#define X(name, type, contains) TT_M_##name,
    TT_BUILTIN_METRICS(X)
#undef X
        TT_M_COUNT
};

struct tt_registry;
struct tt_tag {
    const char *key;
    const char *value;
};

struct tt_metric {
    const char *name;
    tt_metric_id id;
    enum tt_metric_type type;
    enum tt_metric_contains contains;
    bool builtin;
};

/* A slice of a metric: the samples that carry all of these tags. */
struct tt_submetric {
    const char *name;   /* canonical, "metric{k:v,k2:v2}" */
    const char *suffix; /* "k:v,k2:v2" */
    tt_metric_id parent;
    uint32_t sink; /* index of its sink: the metrics' sinks come first, then the sub-metrics' */
    const struct tt_tag *tags;
    size_t n_tags;
};

struct tt_registry *tt_registry_new(void); /* with the built-ins; the caller's */
void tt_registry_free(struct tt_registry *r);
/* Declares a custom metric, or finds the one of the same name. False when the name is bad, the type
 * or contains differ, or it is new and the registry is frozen. *id is set on success. */
bool tt_registry_add(struct tt_registry *r, const char *name, enum tt_metric_type type,
                     enum tt_metric_contains contains, tt_metric_id *id, struct tt_err *err);
const struct tt_metric *tt_registry_get(const struct tt_registry *r, tt_metric_id id);
const struct tt_metric *tt_registry_find(const struct tt_registry *r,
                                         const char *name); /* NULL when unknown */
size_t tt_registry_count(const struct tt_registry *r);
/* "name" or "name{k:v,...}": parses it (k6-semantics 4.5) and makes the sub-metric when it is one.
 * *sink gets the sink's index. Unknown metric: error with a suggestion. Before freezing only.
 * Submetric sink indices are settled by freezing, so callers keep the name and ask tt_registry_sink
 * later. */
bool tt_registry_add_sub(struct tt_registry *r, const char *text, struct tt_err *err);
void tt_registry_freeze(struct tt_registry *r);
bool tt_registry_frozen(const struct tt_registry *r);
/* After freezing. */
size_t tt_registry_sink_count(const struct tt_registry *r);
bool tt_registry_sink(const struct tt_registry *r, const char *text, uint32_t *sink);
size_t tt_registry_sub_count(const struct tt_registry *r);
const struct tt_submetric *tt_registry_sub(const struct tt_registry *r, size_t i);
const char *tt_metric_type_name(enum tt_metric_type t);         /* "counter", ... */
const char *tt_metric_contains_name(enum tt_metric_contains c); /* "default", "time", "data" */
bool tt_metric_name_valid(const char *name);
