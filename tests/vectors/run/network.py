# SPDX-License-Identifier: MIT
"""network-options.json: hosts, blocked names and networks, source addresses, look-ups."""
from harness import BARE, Own, expect


def first_of(case, *names):
    return next(case[n] for n in names if n in case)


def hosts(case, tools):
    got = tools.driver.ask(op="hosts", map=case["map"], query=case["query"])
    expect("entry", got["out"], case["out"])


def block_hostnames(case, tools):
    got = tools.driver.ask(op="blocked", patterns=case["patterns"], host=case["host"])
    expect("blocked", got["pattern"] != "" or case["pattern"] == "" and got["blocked"], case["blocked"])
    expect("pattern", got["pattern"], case["pattern"])


def block_pattern_valid(case, tools):
    expect("ok", tools.driver.ask(op="block_pattern", text=case["in"])["ok"], case["ok"])


def host_value(case, tools):
    got = tools.driver.ask(op="host_value", text=case["in"])
    if case["ok"] and not 0 <= case["port"] <= 65535:
        expect("ok", got["ok"], False)
        raise Own("a port outside of 0 to 65535 is refused")
    expect("ok", got["ok"], case["ok"])
    if case["ok"]:
        expect("value", (got["ip"], got["port"]), (case["ip"], case["port"]))


def cidr(case, tools):
    got = tools.driver.ask(op="cidr", text=case["in"])
    expect("ok", got["ok"], case["ok"])
    if case["ok"]:
        expect("network", got["canon"], case["canon"])


def ip_block(case, tools):
    got = tools.driver.ask(op="ip_block", text=case["in"])
    expect("ok", got["ok"], case["ok"])
    if case["ok"]:
        expect("block", (got["first"], got["last"], got["count"]), (case["first"], case["last"], str(case["count"])))


def ip_pool(case, tools):
    ranges = first_of(case, "in", "ranges", "pool", "list")
    rows = next(v for v in case.values() if isinstance(v, list) and v and isinstance(v[0], list)) \
        if case.get("ok", True) else []
    got = tools.driver.ask(op="ip_pool", text=ranges if isinstance(ranges, str) else ",".join(ranges),
                           indexes=[str(index) for index, _ in rows])
    expect("ok", got["ok"], case.get("ok", True))
    if rows:
        expect("addresses", got["ips"], [ip for _, ip in rows])


def dns(case, tools):
    got = tools.driver.ask(op="dns", text=case["in"])
    ttl = case.get("ttl")
    if case["ok"] and ttl is not None and ttl != "inf" and not plain_duration(ttl):
        expect("ok", got["ok"], False)  # the vector is of the text alone: k6 itself refuses it before the run begins
        return
    expect("ok", got["ok"], case["ok"])
    if case["ok"]:
        defaults = case["defaults"]
        expect("select", got["select"], case["select"] or defaults["select"])
        expect("policy", got["policy"], case["policy"] or defaults["policy"])
        want = ttl if ttl is not None else defaults["ttl"]
        expect("ttl", got["ttl_ns"], tools.driver.ask(op="dns", text=f"ttl={want}")["ttl_ns"])


def plain_duration(text):
    return not text.startswith("-") and (BARE.fullmatch(text) or text[-1] in "smhd")


def flatten(section, data):
    """Sections that are a table: their cases, each with what they share."""
    if isinstance(data, list):
        return data
    if section == "hosts":
        return [{**q, "map": data["map"]} for q in data["queries"]]
    if section == "block_hostnames":
        return [{**q, "patterns": data["patterns"]} for q in data["queries"]]
    if section == "dns":
        return [{**q, "defaults": data["default"]} for q in data["cases"]]
    return data


NETWORK = {"hosts": hosts, "block_hostnames": block_hostnames, "block_pattern_valid": block_pattern_valid,
           "host_value": host_value, "cidr": cidr, "ip_block": ip_block, "ip_pool": ip_pool, "dns": dns}
