"""Keys are due in the order of their times, once the clock has passed them, however the days lie."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import DAY_MS
from streams.journey.expiry import Expiry

TIMES = st.integers(0, 5 * DAY_MS)


@given(st.lists(st.tuples(st.booleans(), TIMES), max_size=60))
def test_what_is_due_is_what_a_plain_list_would_say(steps: list[tuple[bool, int]]) -> None:
    expiry, waiting, clock = Expiry(), list[tuple[int, bytes]](), 0
    for number, (is_new, at) in enumerate(steps):
        if is_new:
            expiry.add(at, b"%d" % number)
            waiting.append((at, b"%d" % number))
            continue
        clock = max(clock, at)
        expired = sorted(item for item in waiting if item[0] < clock)
        assert list(expiry.due(clock)) == [key for _, key in expired]
        waiting = [item for item in waiting if item[0] >= clock]


def test_a_key_added_while_others_are_taken_out_waits_for_its_own_time() -> None:
    expiry, keys = Expiry(), list[bytes]()
    for number in range(3):
        expiry.add(number, b"%d" % number)

    for key in expiry.due(DAY_MS):
        keys.append(key)
        expiry.add(2 * DAY_MS, b"later " + key)

    assert keys == [b"0", b"1", b"2"]
    assert list(expiry.due(2 * DAY_MS)) == []
    assert list(expiry.due(2 * DAY_MS + 1)) == [b"later 0", b"later 1", b"later 2"]
