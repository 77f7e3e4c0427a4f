"""Who asks, as far as limits are concerned."""

import pytest

from fixtrail.web.config import RequestLimits
from fixtrail.web.security import Gate, address_of
from fixtrail.web.windows import SlidingWindow


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_of_an_ipv6_address_the_network_counts(client: str, address: str):
    assert address_of({"type": "http", "client": (client, 1234)}) == address


def test_without_an_address_all_count_together():
    assert address_of({"type": "http"}) == ""


def test_no_more_pass_around_the_turn_of_a_minute():
    gate = Gate(RequestLimits())
    passed = [gate.lets_in("link R-1", 120, now=50 + number / 20) for number in range(400)]
    assert sum(passed) == 120
    assert gate.lets_in("link R-1", 120, now=110.1)


def test_many_other_addresses_keep_nobody_out():
    """An IPv6 network of 2^17 customers' networks: whoever comes after them is let in all the same."""
    gate = Gate(RequestLimits())
    for number in range(131_072):
        gate.lets_in(f"address {number}", 600, now=1.0)
    assert gate.lets_in("address of a customer", 600, now=2.0)


def test_a_window_remembers_only_so_many_keys():
    window = SlidingWindow(60, most_keys=3)
    for number in range(10):
        window.add(str(number), float(number))
    assert len(window) == 3
    assert window.count("9", 10.0) == 1
    assert window.count("9", 80.0) == 0
