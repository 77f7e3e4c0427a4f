"""What is to be different is read from words such as technicians=+1; all else is refused with what would do."""

import pytest

from fixtrail.whatif.changes import parse_changes
from runtime.failure import USAGE, ExitError


def test_people_bays_and_shares_together_are_one_change():
    change = parse_changes(["technicians=+1", "bays=-2", "arrivals=+12.5%", "parts=-40%"])

    assert (change.more("technicians"), change.more("bays"), change.more("quick_bays")) == (1, -2, 0)
    assert change.factor("arrivals") == pytest.approx(1.125)
    assert change.factor("parts") == pytest.approx(0.6)
    assert change.factor("work") == 1.0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "say what is to be different"),
        (["technicians"], "'technicians' is no change"),
        (["mechanics=+1"], "'mechanics=+1' is no change"),
        (["technicians=1"], "so many more or fewer, as in technicians=+1 or technicians=-1"),
        (["technicians=+0"], "so many more or fewer"),
        (["technicians=+101"], "so many more or fewer"),
        (["technicians=+1", "technicians=+2"], "technicians is given twice"),
        (["arrivals=+10"], "a share more or less, -90% to +200%, as in arrivals=+10%"),
        (["arrivals=-95%"], "a share more or less"),
        (["work=+0%"], "a share more or less"),
        (["bays=+١"], "so many more or fewer"),
    ],
)
def test_what_is_no_change_is_refused_with_what_would_be_one(words: list[str], reason: str):
    with pytest.raises(ExitError) as refusal:
        parse_changes(words)

    assert reason in str(refusal.value)
    assert refusal.value.exit_code == USAGE
