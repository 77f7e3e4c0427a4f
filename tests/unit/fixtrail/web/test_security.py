"""Who asks, as far as limits are concerned."""

from __future__ import annotations

import pytest

from fixtrail.web.security import address_of


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
