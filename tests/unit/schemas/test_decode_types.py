"""A type that the contract does not have is answered with those that it has, and the nearest one."""

import json

import pytest

from schemas.decode import EventError, decode_event


@pytest.mark.parametrize(
    ("sent", "nearest"), [("checkin", "check_in"), ("CHECK_IN", "check_in"), ("quality-check", "quality_check")]
)
def test_a_slip_in_the_type_is_told_the_nearest_one(sent, nearest):
    with pytest.raises(EventError, match=f"did you mean {nearest}"):
        decode_event(json.dumps({"type": sent}).encode())


@pytest.mark.parametrize("sent", ["zzz", "x" * 100_000, 5])
def test_every_other_type_is_told_those_that_there_are_and_is_not_repeated(sent):
    with pytest.raises(EventError, match="there are the types check_in, ") as refused:
        decode_event(json.dumps({"type": sent}).encode())
    assert "did you mean" not in refused.value.reason
    assert str(sent) not in refused.value.reason
