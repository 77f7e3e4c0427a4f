"""Another stock-out rate and a closed quick lane, against a queue written apart from the model.

The quick tests play few seeds; the proof of fifty is `make test-long`.
"""

from dataclasses import replace

import numpy as np
import pytest

from fixtrail.whatif.changes import WhatIfChange, parse_changes
from fixtrail.whatif.command import WhatIfRequest, answer_of
from fixtrail.whatif.effect import effects_of
from fixtrail.whatif.report import WhatIfAnswer, report_of
from fixtrail.whatif.usage import check_change
from runtime.failure import USAGE, ExitError
from tests.whatif_history import Workshop, history, holds, mean_wait

SHELVES = Workshop(asks_for_part=0.6, stockout=0.2)
LANES = Workshop(cars_a_day=22.0, has_oil=True, quick_technicians=1)
FEWER = parse_changes(["stockout=0.06"])
CLOSED = parse_changes(["quick_lane=off"])
ONE_LANE = replace(LANES, technicians=4, quick_technicians=0)
TRUE_SEEDS = range(1000, 1200)


def answer(shop: Workshop, seed: int, change: WhatIfChange, runs: int = 20) -> WhatIfAnswer:
    return answer_of(history(shop, seed), WhatIfRequest(change, runs, seed), {})


def true_effect(shop: Workshop, changed: Workshop, seeds: range) -> float:
    """What a change does to the mean wait (s), over so many independent runs of the other queue."""
    return float(np.mean([mean_wait(changed, seed) - mean_wait(shop, seed) for seed in seeds]))


def test_it_recovers_what_fewer_stock_outs_do():
    effect = true_effect(SHELVES, replace(SHELVES, stockout=0.06), TRUE_SEEDS[:20])

    result = answer(SHELVES, 2, FEWER)

    assert effect < -300
    assert holds(result, effect)
    (parts,) = report_of(result).sheet("parts").rows
    assert parts["share"] == pytest.approx(0.2, abs=0.03)
    assert parts["share_after"] == 0.06
    assert report_of(result).title.en == "What if: stock-out rate 6 %"


def test_it_recovers_what_closing_the_quick_lane_does():
    effect = true_effect(LANES, ONE_LANE, TRUE_SEEDS[:20])

    result = answer(LANES, 2, CLOSED)

    assert holds(result, effect)
    (oil,) = report_of(result).sheet("quick_lane").rows
    assert oil["group"] == "oil" and oil["cars"] > 100 and oil["like"] > 100
    assert [pool["pool"] for pool in report_of(result).sheet("inputs").rows] == ["quick", "standard"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("shop", "changed", "change"),
    [(SHELVES, replace(SHELVES, stockout=0.06), FEWER), (LANES, ONE_LANE, CLOSED)],
    ids=["stockout", "quick_lane"],
)
def test_it_recovers_both_in_nine_of_ten_of_fifty_seeds(shop: Workshop, changed: Workshop, change: WhatIfChange):
    effect = true_effect(shop, changed, TRUE_SEEDS)

    recovered = [holds(answer(shop, seed, change, runs=40), effect) for seed in range(1, 51)]

    assert sum(recovered) >= 45


def test_more_stock_outs_are_longer_waits_and_none_are_shorter_ones():
    past = history(SHELVES, 3)

    none, same, more = (
        effects_of(past, parse_changes([f"stockout={share}"]), 2, 1).of["mean_s"] for share in ("0", "0.2", "0.5")
    )

    assert none.before == same.before == more.before
    assert none.change < -500
    assert abs(same.change) < 120
    assert more.change > 600


def test_a_history_without_stock_outs_does_not_say_what_fewer_would_do():
    result = answer(replace(SHELVES, stockout=0.0), 1, FEWER)

    assert result.proof.refusal == "no_stockouts"
    reason = report_of(result).scope["reason"].en
    assert "0 waited for one that was not on the shelf" in reason
    assert reason.endswith("it takes at least 8 of each")


def test_a_center_without_a_quick_lane_has_none_to_close():
    result = answer(SHELVES, 1, CLOSED)

    assert result.proof.refusal == "no_quick_lane"
    assert report_of(result).scope["reason"].en.startswith("0 finished visits were in the quick lane")


def test_with_the_lane_closed_its_people_are_among_all_who_may_go():
    past = history(LANES, 1)

    check_change(past, parse_changes(["quick_lane=off", "technicians=-3"]))
    with pytest.raises(ExitError, match="technicians: there are at most 4; at least one has to remain") as refusal:
        check_change(past, parse_changes(["quick_lane=off", "technicians=-4"]))

    assert refusal.value.exit_code == USAGE
