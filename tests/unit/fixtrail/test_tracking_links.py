"""Tracking links: what opens a page, what does not, and that nothing tells the two kinds of nothing apart."""

import base64
import random
import statistics
import time
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.tracking_links import LIFE_DAYS, MAX_TOKEN, TAG_BYTES, Links
from schemas.order_key import OrderKey
from schemas.times import DAY_MS

NOW = 1_772_438_400_000
GUESSES = 100_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def order_of(number: str) -> OrderKey:
    return OrderKey("east-01", number)


def revocation(number: str, at: int) -> SimpleNamespace:
    value = orjson.dumps({"revoked_at": at})
    return SimpleNamespace(headers=(), key=order_of(number).encode(), value=value, offset=0, partition=0)


def opened(links: Links, token: str, now: int) -> OrderKey | None:
    link = links.opens(token, now)
    return None if link is None else link.order


def issued(links: Links, number: str, at: int = NOW, *days: int) -> str:
    return links.issue(order_of(number), "V1", at, *days)


def issued_before(links: Links, number: str, at: int = NOW, days: int = LIFE_DAYS) -> str:
    """As earlier versions issued them: signed was the number alone."""
    signed = at.to_bytes(6, "big") + days.to_bytes(2, "big") + number.encode()
    return base64.urlsafe_b64encode(links._keys.tag(signed) + signed).rstrip(b"=").decode()


IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=64)


@given(IDS, IDS, IDS, st.integers(1, 3650))
def test_a_link_opens_its_order_until_it_expires(center_id, order_id, vehicle_id, days):
    links, order = Links(b"secret"), OrderKey(center_id, order_id)
    token = links.issue(order, vehicle_id, NOW, days)

    assert opened(links, token, NOW) == order
    assert opened(links, token, NOW + days * DAY_MS - 1) == order
    assert links.opens(token, NOW + days * DAY_MS) is None
    assert len(token) <= MAX_TOKEN


def test_a_link_is_for_one_center_and_one_vehicle_and_names_no_vehicle():
    links = Links(b"secret")
    token = issued(links, "R-1")
    link = links.opens(token, NOW)

    assert link.order == ("east-01", "R-1")
    assert (links.is_of(link, "V1"), links.is_of(link, "V2")) == (True, False)
    assert b"V1" not in base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def test_a_link_of_an_earlier_version_opens_a_number_of_any_vehicle():
    links = Links(b"secret")
    link = links.opens(issued_before(links, "R-1"), NOW)

    assert (link.order, link.vehicle) == (OrderKey("", "R-1"), None)
    assert links.is_of(link, "V1")
    assert links.opens(issued_before(links, "R-1", NOW - 91 * DAY_MS), NOW) is None


def test_what_an_earlier_version_revoked_stays_void():
    links = Links(b"secret")
    value = orjson.dumps({"revoked_at": NOW + 1000})
    links.revocations.apply([SimpleNamespace(headers=(), key=b"R-1", value=value, offset=0, partition=0)])

    assert links.opens(issued_before(links, "R-1"), NOW) is None
    assert links.opens(issued(links, "R-1"), NOW) is None
    assert opened(links, issued(links, "R-1", NOW + 1001), NOW + 2000) == order_of("R-1")


def test_revoking_the_links_of_an_order_leaves_those_of_its_namesake():
    links = Links(b"secret")
    second = links.issue(OrderKey("west-02", "R-1"), "V1", NOW)
    links.revocations.apply([revocation("R-1", NOW + 1000)])

    assert opened(links, second, NOW) == ("west-02", "R-1")


def test_another_secret_opens_nothing():
    assert Links(b"theirs").opens(issued(Links(b"ours"), "R-1"), NOW) is None


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_link_opens_nothing(index, change):
    links = Links(b"secret")
    token = issued(links, "R-1001", NOW)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[index % len(raw)] ^= change

    assert links.opens(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), NOW) is None


@pytest.mark.parametrize("added", ["=", "A", "\n", " ", "%00", "é"])
def test_a_link_is_written_in_one_way_only(added):
    links = Links(b"secret")
    token = issued(links, "R-1001", NOW)

    assert links.opens(token + added, NOW) is None
    assert links.opens(added + token, NOW) is None


def test_revoking_voids_what_was_issued_until_then_of_that_order_alone():
    links = Links(b"secret")
    before, second = issued(links, "R-1", NOW), issued(links, "R-2", NOW)
    links.revocations.apply([revocation("R-1", NOW + 1000)])

    assert links.opens(before, NOW) is None
    assert links.opens(issued(links, "R-1", NOW + 1000), NOW + 2000) is None
    assert opened(links, issued(links, "R-1", NOW + 1001), NOW + 2000) == order_of("R-1")
    assert opened(links, second, NOW) == order_of("R-2")


def test_an_older_revocation_that_comes_later_gives_nothing_back():
    links = Links(b"secret")
    links.revocations.apply([revocation("R-1", NOW + 1000), revocation("R-1", NOW)])

    assert links.opens(issued(links, "R-1", NOW + 500), NOW + 2000) is None


def test_what_is_no_revocation_is_passed_over():
    links = Links(b"secret")
    bad = SimpleNamespace(headers=(), key=b"R-1", value=b"{}", offset=0, partition=0)

    links.revocations.apply([bad, SimpleNamespace(headers=(), key=None, value=None, offset=1, partition=0)])

    assert not links.revocations
    assert opened(links, issued(links, "R-1", NOW), NOW) == order_of("R-1")


def guesses(links: Links, draw: random.Random) -> dict[str, list[str]]:
    """Links that somebody without the key makes up, by kind; and those that were good once."""
    good = issued(links, "R-1001", NOW)
    head = (NOW.to_bytes(6, "big") + LIFE_DAYS.to_bytes(2, "big") + b"R-1001").ljust(14)
    forged = [
        base64.urlsafe_b64encode(draw.randbytes(TAG_BYTES) + head).decode().rstrip("=") for _ in range(GUESSES // 2)
    ]
    return {
        "forged": forged,
        "random": ["".join(draw.choices(LETTERS, k=len(good))) for _ in range(GUESSES // 2)],
        "unknown": [issued(links, f"X-{number:04}", NOW) for number in range(2000)],
        "expired": [issued(links, f"R-{number:04}", NOW - 200 * DAY_MS) for number in range(2000)],
        "revoked": [issued(links, f"V-{number:04}", NOW) for number in range(2000)],
    }


def test_a_hundred_thousand_guesses_open_nothing(capsys):
    links, draw = Links(b"secret"), random.Random(4)
    kinds = guesses(links, draw)
    links.revocations.apply([revocation(f"V-{number:04}", NOW) for number in range(2000)])
    orders = {order_of(f"R-{number:04}") for number in range(2000)}
    seconds: dict[str, float] = {}
    for kind, tokens in kinds.items():
        times = []
        for token in tokens:
            began = time.perf_counter_ns()
            order = opened(links, token, NOW)
            hit = order in orders
            times.append(time.perf_counter_ns() - began)
            assert not hit, kind
        seconds[kind] = statistics.median(times) / 1000
    with capsys.disabled():
        print("\nmedian µs to refuse a link:", ", ".join(f"{kind} {us:.1f}" for kind, us in seconds.items()))

    # Far more than the noise of a busy machine, far less than anybody could use over a network.
    assert max(seconds.values()) - min(seconds.values()) < 50
