"""A closed order's state is packed, and says what it said before it was."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.journey.entries import entry_of
from streams.journey.merge import merge_orders
from streams.journey.order import Order
from streams.journey.packed_state import packed_state, plain_state
from tests.workshop import R1, entries_of, event_of, order_of, repaired_visit, surveyed

VISIT = entries_of(repaired_visit())


@given(st.binary(max_size=20_000))
def test_what_was_packed_is_the_same_to_the_byte(state: bytes) -> None:
    assert plain_state(packed_state(state)) == state


def test_a_closed_order_takes_less_than_half_and_an_open_one_stays_as_it_is() -> None:
    open_state, closed_state = order_of(VISIT[:-1]).state(), order_of(VISIT).state()

    assert plain_state(open_state) is open_state
    assert len(closed_state) < len(plain_state(closed_state)) / 2


def test_a_closed_order_of_an_earlier_version_is_read_and_packed_once_it_has_news() -> None:
    packed = order_of(VISIT).state()
    order = Order(R1, plain_state(packed))

    assert order.state() == plain_state(packed)
    assert order.visit == Order(R1, packed).visit
    order.apply(entry_of(event_of(surveyed("18:00", score=9))), 90)
    assert order.state() != plain_state(order.state())


PLAIN = b"""\
[5,[],null,7,"Z80WF3yi"]
["e1",1772438400000,"i","C1","K1","standard",null,null,null,[],null,null]
["e2",1772449200000,"h","C1",null]"""
PACKED_BEFORE_WORDS = (
    "018b36d5898ed5c92bcdc9d131d7518ab230087733aecc548ae58a564a3554d2313437373231b6303100011da54c251d2567"
    "a0b0923788282e49cc4b492c4a5182e847103013412260938ca02699581a414dca809a04560200"
)
PACKED_WITH_WORDS = (
    "028b36d589466494280b837037e3ca4cb09e54b043cc8d4c8c2d4ca0192413a41364ae37344c9033133892c004cc44986f53"
    "c10e079a646209cb6a6027c2020400"
)


@pytest.mark.parametrize("packed", [PACKED_BEFORE_WORDS, PACKED_WITH_WORDS], ids=["before words", "with words"])
def test_what_a_version_has_packed_every_later_one_can_read(packed: str) -> None:
    assert plain_state(bytes.fromhex(packed)) == PLAIN


def test_a_packed_order_still_knows_its_events() -> None:
    order = Order(R1, order_of(VISIT).state())

    assert [order.apply(entry, 50)[0] for entry in VISIT] == ["duplicate"] * len(VISIT)
    assert order.apply(entry_of(event_of(surveyed("18:00", score=9))), 51)[0] == "new"


def test_a_packed_order_is_merged_with_one_that_is_not() -> None:
    packed, opened = order_of(VISIT).state(), order_of(VISIT[:3]).state()

    for merged in (merge_orders(packed, opened), merge_orders(opened, packed)):
        assert Order(R1, merged).visit == order_of(VISIT).visit


@pytest.mark.parametrize("length", [2, 40, -1])
def test_a_packed_state_that_was_cut_short_is_no_state(length: int) -> None:
    with pytest.raises(zlib.error):
        plain_state(order_of(VISIT).state()[:length])
