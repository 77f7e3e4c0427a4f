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


def test_a_stock_out_rate_is_a_share_or_in_percent_and_a_lane_is_closed():
    change = parse_changes(["stockout=0.06", "quick_lane=off", "technicians=+1"])

    assert change.stockout == parse_changes(["stockout=6%"]).stockout == pytest.approx(0.06)
    assert not change.has_quick_lane
    assert parse_changes(["stockout=0"]).stockout == 0.0
    untouched = parse_changes(["technicians=+1"])
    assert untouched.stockout is None and untouched.has_quick_lane


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
        (["stockout=6"], "stockout=6: the share of part requests that are backordered, from 0 to 0.95, as in"),
        (["stockout=+6%"], "as in stockout=0.06 or stockout=6%"),
        (["stockout=-0.1"], "the share of part requests"),
        (["stockout="], "the share of part requests"),
        (["stockout=."], "the share of part requests"),
        (["stockout=0.06", "stockout=0.07"], "stockout is given twice"),
        (["quick_lane=on"], "quick_lane=on: the lane can only be closed, as in quick_lane=off"),
        (["quick_lane=off", "quick_technicians=+1"], "quick_technicians: there are none with quick_lane=off; say tech"),
    ],
)
def test_what_is_no_change_is_refused_with_what_would_be_one(words: list[str], reason: str):
    with pytest.raises(ExitError) as refusal:
        parse_changes(words)

    assert reason in str(refusal.value)
    assert refusal.value.exit_code == USAGE
