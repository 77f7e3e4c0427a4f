"""Links to a story: they open one order for some hours, and nobody can make, change or read one."""

import base64
import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.tracking_links import Links
from fixtrail.web.stories.links import StoryLinks
from schemas.order_key import OrderKey
from schemas.times import HOUR_MS

NOW = 1_772_438_400_000
ORDER = OrderKey("east-01", "RO-4711")
IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=64)


@given(IDS, IDS, st.integers(1, 720))
def test_a_link_opens_its_order_until_it_ends(center_id, order_id, hours):
    links, order = StoryLinks(b"secret"), OrderKey(center_id, order_id)
    token = links.issue(order, NOW, hours)

    assert links.opens(token, NOW).order == order
    assert links.opens(token, NOW + hours * HOUR_MS - 1).order == order
    assert links.opens(token, NOW + hours * HOUR_MS) is None
    # One from the future was made by another clock than ours.
    assert links.opens(token, NOW - 1) is None


def test_no_bit_of_a_token_can_be_changed():
    links = StoryLinks(b"secret")
    sealed = base64.urlsafe_b64decode(links.issue(ORDER, NOW) + "==")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        token = base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()
        assert links.opens(token, NOW) is None, bit


@given(st.text(max_size=200) | st.binary(max_size=120).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_what_is_no_token_opens_nothing(text):
    assert StoryLinks(b"secret").opens(text, NOW) is None


def test_a_token_has_one_form_alone():
    links, token = StoryLinks(b"secret"), StoryLinks(b"secret").issue(ORDER, NOW)

    for forged in (token + "=", token + "A", token[:-1], token.swapcase(), " " + token, token + "\n", "A" * 801):
        assert links.opens(forged, NOW) is None
    assert links.opens(token, NOW) is not None


def test_a_token_does_not_tell_which_order_it_opens():
    token = StoryLinks(b"secret").issue(ORDER, NOW)

    raw = base64.urlsafe_b64decode(token + "==")
    assert b"4711" not in raw and b"east" not in raw
    second = StoryLinks(b"secret").issue(OrderKey("east-01", "RO-4712"), NOW)
    assert sum(a == b for a, b in zip(token, second, strict=True)) < len(token) / 3


def test_two_tokens_cannot_be_mixed_into_one_of_another_order_or_another_end():
    links, draw = StoryLinks(b"secret"), random.Random(1)
    short, long = (links.issue(order, NOW, hours) for order, hours in ((ORDER, 1), (OrderKey("east-01", "RO-9"), 720)))
    for _ in range(300):
        cut = draw.randrange(1, min(len(short), len(long)))
        for mixed in (short[:cut] + long[cut:], long[:cut] + short[cut:]):
            assert mixed in (short, long) or links.opens(mixed, NOW) is None


def test_no_other_key_and_no_other_kind_of_link_opens_a_story():
    token = StoryLinks(b"secret").issue(ORDER, NOW)
    tracking = Links(b"secret").issue(ORDER, "V1", NOW)

    assert StoryLinks(b"another").opens(token, NOW) is None
    assert StoryLinks(b"secret").opens(tracking, NOW) is None
    assert Links(b"secret").opens(token, NOW) is None


def test_the_key_before_still_opens_and_the_new_one_issues():
    old = StoryLinks(b"old").issue(ORDER, NOW)
    both = StoryLinks(b"new", b"old")

    assert both.opens(old, NOW).order == ORDER
    assert StoryLinks(b"new").opens(both.issue(ORDER, NOW), NOW).order == ORDER


@pytest.mark.parametrize("value", [b"", b"[]", b'["east-01"]', orjson.dumps({"a": 1})])
def test_a_token_of_our_own_that_names_no_order_opens_nothing(value):
    links = StoryLinks(b"secret")
    sealed = links._ciphers[0].encrypt(NOW.to_bytes(6, "big") + (NOW + 1).to_bytes(6, "big") + value, [b"story-link"])

    assert links.opens(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode(), NOW) is None
