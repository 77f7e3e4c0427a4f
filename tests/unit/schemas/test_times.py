"""Milliseconds and instants are each other's inverse, and one judgement says what a time zone is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import checked_time_zone, from_ms, is_time_zone, to_ms


@given(st.integers(-2_208_988_800_000, 10_413_791_999_999))
def test_an_instant_comes_back_from_its_milliseconds(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Asia/Shanghai\0", "Asia", "a" * 300]
)
def test_what_is_no_time_zone_is_refused_not_a_crash(name: str) -> None:
    assert not is_time_zone(name)
    with pytest.raises(ValueError, match="no time zone"):
        checked_time_zone(name)


def test_a_time_zone_is_itself() -> None:
    assert checked_time_zone("Asia/Shanghai") == "Asia/Shanghai"
