"""Tracking links: what opens a page, what does not, and that nothing tells the two kinds of nothing apart."""

from __future__ import annotations

import base64
import random
import statistics
import time
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.tracking_links import LIFE_DAYS, TAG_BYTES, Links
from schemas.times import DAY_MS

NOW = 1_772_438_400_000
GUESSES = 100_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def revocation(order_id: str, at: int) -> SimpleNamespace:
    value = orjson.dumps({"revoked_at": at})
    return SimpleNamespace(key=order_id.encode(), value=value, offset=0, partition=0)


@given(st.text(min_size=1, max_size=64), st.integers(1, 3650))
def test_a_link_opens_its_order_until_it_expires(order_id, days):
    links = Links(b"secret")
    token = links.issue(order_id, NOW, days)

    assert links.opens(token, NOW) == order_id
    assert links.opens(token, NOW + days * DAY_MS - 1) == order_id
    assert links.opens(token, NOW + days * DAY_MS) is None


def test_another_secret_opens_nothing():
    assert Links(b"theirs").opens(Links(b"ours").issue("R-1", NOW), NOW) is None


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_link_opens_nothing(place, change):
    links = Links(b"secret")
    token = links.issue("R-1001", NOW)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[place % len(raw)] ^= change

    assert links.opens(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), NOW) is None


@pytest.mark.parametrize("added", ["=", "A", "\n", " ", "%00", "é"])
def test_a_link_is_written_in_one_way_only(added):
    links = Links(b"secret")
    token = links.issue("R-1001", NOW)

    assert links.opens(token + added, NOW) is None
    assert links.opens(added + token, NOW) is None


def test_revoking_voids_what_was_issued_until_then_of_that_order_alone():
    links = Links(b"secret")
    before, other = links.issue("R-1", NOW), links.issue("R-2", NOW)
    links.revocations.apply([revocation("R-1", NOW + 1000)])

    assert links.opens(before, NOW) is None
    assert links.opens(links.issue("R-1", NOW + 1000), NOW + 2000) is None
    assert links.opens(links.issue("R-1", NOW + 1001), NOW + 2000) == "R-1"
    assert links.opens(other, NOW) == "R-2"


def test_an_older_revocation_that_comes_later_gives_nothing_back():
    links = Links(b"secret")
    links.revocations.apply([revocation("R-1", NOW + 1000), revocation("R-1", NOW)])

    assert links.opens(links.issue("R-1", NOW + 500), NOW + 2000) is None


def test_what_is_no_revocation_is_passed_over():
    links = Links(b"secret")
    bad = SimpleNamespace(key=b"R-1", value=b"{}", offset=0, partition=0)

    links.revocations.apply([bad, SimpleNamespace(key=None, value=None, offset=1, partition=0)])

    assert not links.revocations
    assert links.opens(links.issue("R-1", NOW), NOW) == "R-1"


def guesses(links: Links, draw: random.Random) -> dict[str, list[str]]:
    """Links that somebody without the key makes up, by kind; and those that were good once."""
    good = links.issue("R-1001", NOW)
    said = (NOW.to_bytes(6, "big") + LIFE_DAYS.to_bytes(2, "big") + b"R-1001").ljust(14)
    forged = [
        base64.urlsafe_b64encode(draw.randbytes(TAG_BYTES) + said).decode().rstrip("=") for _ in range(GUESSES // 2)
    ]
    return {
        "forged": forged,
        "random": ["".join(draw.choices(LETTERS, k=len(good))) for _ in range(GUESSES // 2)],
        "unknown": [links.issue(f"X-{number:04}", NOW) for number in range(2000)],
        "expired": [links.issue(f"R-{number:04}", NOW - 200 * DAY_MS) for number in range(2000)],
        "revoked": [links.issue(f"V-{number:04}", NOW) for number in range(2000)],
    }


def test_a_hundred_thousand_guesses_open_nothing(capsys):
    links, draw = Links(b"secret"), random.Random(4)
    kinds = guesses(links, draw)
    links.revocations.apply([revocation(f"V-{number:04}", NOW) for number in range(2000)])
    orders = {f"R-{number:04}" for number in range(2000)}
    took: dict[str, float] = {}
    for kind, tokens in kinds.items():
        times = []
        for token in tokens:
            began = time.perf_counter_ns()
            order_id = links.opens(token, NOW)
            hit = order_id in orders
            times.append(time.perf_counter_ns() - began)
            assert not hit, kind
        took[kind] = statistics.median(times) / 1000
    with capsys.disabled():
        print("\nmedian µs to refuse a link:", ", ".join(f"{kind} {us:.1f}" for kind, us in took.items()))

    # Far more than the noise of a busy machine, far less than anybody could use over a network.
    assert max(took.values()) - min(took.values()) < 50
