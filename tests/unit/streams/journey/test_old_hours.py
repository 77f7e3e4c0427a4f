"""Hours whose orders are named by vehicle and number alone are read as if they were named with the center."""

import msgspec
import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.journey.hour_state import HourState, Share, decode_hour, hour_clock
from streams.journey.old_state import with_centers

KEY = b'["C1",1780000000000,0]'
# What JSON within JSON writes in several ways, and what looks like the end of a name.
IDS = st.one_of(st.sampled_from(['a":[', '","', "\\", '\\"', '"', "[", "京A·1"]), st.text(max_size=4))
NAMES = st.one_of(st.tuples(IDS, IDS), st.tuples(IDS, st.just("C1"), IDS))


@given(names=st.sets(NAMES, max_size=5), clock=st.one_of(st.none(), st.integers(0, 2**45)))
def test_each_order_is_named_with_the_hours_center(names: set[tuple[str, ...]], clock: int | None):
    shares = {orjson.dumps(name).decode(): Share(number, None) for number, name in enumerate(sorted(names))}
    state = msgspec.json.encode(HourState(clock, shares))
    hours = {KEY: state}

    with_centers({}, {}, hours)

    expected = {name if len(name) == 3 else (name[0], "C1", name[1]) for name in names}
    assert {tuple(orjson.loads(name)) for name in decode_hour(hours[KEY]).shares} == expected
    assert hour_clock(hours[KEY]) == clock
    if all(len(name) == 3 for name in names):
        assert hours[KEY] is state
