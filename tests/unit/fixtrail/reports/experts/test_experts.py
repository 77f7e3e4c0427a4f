"""Report experts: figures beside others counted by hand."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from fixtrail.reports.experts.report import report_of
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options

MINUTE = 60_000.0
NONE = np.nan


def session(order: int, joined: float, resolved: float = NONE, part: float = NONE, *, ftf: object = True, center="A"):
    """One order; minutes after the request of its session, nan for never."""
    times = {"requested_ms": 0.0, "joined_ms": joined * MINUTE, "resolved_ms": resolved * MINUTE}
    about = {
        "center_id": center,
        "order_id": str(order),
        "vehicle_key": "v",
        "fault_groups": ["g"],
        "ftf": ftf,
        "session_id": "s",
    }
    return {**about, **times, "part_ms": part * MINUTE}


def without(order: int, *, ftf: object = True, center="A"):
    return session(order, NONE, ftf=ftf, center=center) | {"requested_ms": NONE, "session_id": ""}


FRAME = pd.DataFrame(
    [
        session(1, 2, 20),
        session(2, 9, 30, part=40.0, ftf=False),
        session(3, 12, 50, part=-10.0),
        session(4, NONE, ftf=False),
        session(5, 4, center="B"),
        *(without(order, ftf=order % 2 == 0) for order in range(10, 20)),
        without(30, ftf=None, center="B"),
    ]
)


def figures() -> dict:
    document = as_json(report_of(FRAME, Options(datetime(2026, 3, 2, tzinfo=UTC))))
    return {figure["figure"]: figure for figure in document["figures"]}


def test_times_to_the_expert_count_from_the_request():
    values = figures()

    assert values["expert_wait_median_s"]["value"] == np.median([2, 9, 12, 4]) * 60
    assert values["expert_wait_p90_s"]["value"] == pytest.approx(np.quantile([2, 9, 12, 4], 0.9) * 60)
    assert (values["expert_in_time"]["count"], values["expert_in_time"]["n"], values["expert_in_time"]["n_all"]) == (
        3,
        4,
        5,
    )
    assert values["expert_in_time"]["left_out"] == {"never_joined": 1}


def test_a_part_that_came_after_the_request_is_a_part_that_was_needed():
    values = figures()["expert_without_part"]

    assert (values["count"], values["n"], values["left_out"]) == (2, 3, {"not_resolved": 2})


def test_first_time_fix_with_and_without_is_compared_within_center_and_group():
    values = figures()

    assert (values["expert_ftfr"]["count"], values["expert_ftfr"]["n"]) == (3, 5)
    assert (values["expert_ftfr_without"]["count"], values["expert_ftfr_without"]["n"]) == (5, 10)
    # Center B has no judged order without an expert.
    assert values["expert_ftfr_difference"]["value"] == pytest.approx(2 / 4 - 5 / 10)
    assert values["expert_ftfr_difference"]["n"] == 14


def test_without_any_session_the_figures_say_so():
    document = as_json(report_of(FRAME[FRAME["requested_ms"].isna()], Options(datetime(2026, 3, 2, tzinfo=UTC))))

    assert all(figure["value"] is None for figure in document["figures"] if figure["figure"] != "expert_ftfr_without")


def test_days_without_any_order_are_told_as_such():
    document = as_json(report_of(FRAME.head(0), Options(datetime(2026, 3, 2, tzinfo=UTC))))

    assert {figure["value"] for figure in document["figures"]} == {None}
    assert {figure["no_interval"] for figure in document["figures"]} == {"no_data"}


def test_a_session_that_cannot_be_timed_is_left_out_by_its_reason_and_is_a_session_all_the_same():
    """The first joined before the request, the second was never requested, of the third only the end was told."""
    frame = pd.DataFrame(
        [
            session(1, -5, 20),
            session(2, 3) | {"requested_ms": NONE},
            session(3, NONE, 8) | {"requested_ms": NONE},
            session(4, 6),
            without(5),
        ]
    )

    document = as_json(report_of(frame, Options(datetime(2026, 3, 2, tzinfo=UTC))))
    values = {figure["figure"]: figure for figure in document["figures"]}

    assert (values["expert_wait_median_s"]["value"], values["expert_in_time"]["count"]) == (360, 1)
    reasons = {"joined_before_request": 1, "not_requested": 1, "never_joined": 1}
    assert values["expert_in_time"]["left_out"] == values["expert_wait_median_s"]["left_out"] == reasons
    assert (values["expert_without_part"]["n"], values["expert_without_part"]["left_out"]) == (
        1,
        {"not_resolved": 2, "not_requested": 1},
    )
    assert (values["expert_ftfr"]["n"], values["expert_ftfr_without"]["n"]) == (4, 1)
    (center,) = document["tables"]["centers"]
    assert (center["sessions"], center["joined"], center["in_time"], center["median_s"]) == (4, 1, 1, 360)
