"""Waiting for one of several servers: Erlang's formula C, and the smallest number of servers that waits allow.

Erlang (1917): requests come by chance, wait in one queue, and are served for exponentially distributed times.
"""

import math


def erlang_c(servers: int, load: float) -> float:
    """The probability that a request has to wait. `load` is work per time: requests per hour times hours each.

    1 where the servers cannot do the work. By Erlang's B, whose recursion never overflows.
    """
    if load <= 0:
        return 0.0
    if servers <= load:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))


def wait_beyond(servers: int, load: float, service_s: float, wait_s: float) -> float:
    """The probability that a request waits longer than `wait_s`, served for `service_s` on average."""
    if servers <= load:
        return 1.0 if load > 0 else 0.0
    return erlang_c(servers, load) * math.exp(-(servers - load) * wait_s / service_s)


def servers_needed(load: float, service_s: float, wait_s: float, share: float) -> int:
    """The smallest number of servers with which at most this share waits longer than `wait_s`; 0 without work."""
    if load <= 0:
        return 0
    servers = math.floor(load) + 1
    while wait_beyond(servers, load, service_s, wait_s) > share:
        servers += 1
    return servers
