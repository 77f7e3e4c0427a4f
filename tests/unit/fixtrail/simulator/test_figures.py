"""The owner's story comes out as it was told: the figures before the rollout and in the pilot."""

from datetime import datetime, timedelta, timezone
from statistics import mean
from typing import Any

import orjson
import pandas as pd
import pytest

from fixtrail.reports.parts.window import window_frame
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from schemas.events import SERVICE_EVENT
from streams.journey.batch import journey_facts

Fact = dict[str, Any]
SEED = 2
MONDAY = datetime(2026, 7, 6, tzinfo=timezone(timedelta(hours=8)))
SIX_WEEKS, WHOLE_RUN, PILOTS = 42, 126, 3
# A vehicle that has not come back yet has not failed yet: the last days of a span flatter it.
NOT_YET_BACK = timedelta(days=14)
END = (MONDAY + timedelta(days=WHOLE_RUN)).date()
NO_WAITS = pd.DataFrame({"part_no": [], "waited_s": []})


def handed_off(days: int, centers: int | None, since: datetime = MONDAY) -> list[Fact]:
    """Facts of the orders handed off from `since`, comebacks after the span included."""
    run = simulate(load_scenario("owners-story"), SEED, days, centers, MONDAY)
    decoded = (SERVICE_EVENT.validate_json(orjson.dumps(event)) for _, event in run)
    since_ms = int(since.timestamp() * 1000)
    facts = journey_facts(decoded, int((MONDAY + timedelta(days=days)).timestamp() * 1000))
    return [f for f in facts if f["status"] == "handed_off" and f["wait_s"] and f["checked_in_at"] >= since_ms]


@pytest.fixture(scope="module")
def before() -> list[Fact]:
    return handed_off(SIX_WEEKS, None)


@pytest.fixture(scope="module")
def pilot() -> list[Fact]:
    """The first three centers of the list are the pilots, and no center minds how many others there are."""
    return handed_off(WHOLE_RUN, PILOTS, since=MONDAY + timedelta(days=SIX_WEEKS))


def wait_min(facts: list[Fact]) -> float:
    return mean(fact["wait_s"] for fact in facts) / 60


def ftfr(facts: list[Fact]) -> float:
    last = max(fact["closed_at"] for fact in facts) - NOT_YET_BACK / timedelta(milliseconds=1)
    return mean(fact["ftf"] for fact in facts if fact["ftf"] is not None and fact["closed_at"] < last)


def nps(facts: list[Fact]) -> float:
    scores = [fact["score"] for fact in facts if fact["score"] is not None]
    return 100 * (mean(score >= 9 for score in scores) - mean(score <= 6 for score in scores))


def stockout_share(facts: list[Fact]) -> float:
    return sum(fact["stockouts"] for fact in facts) / sum(fact["part_requests"] for fact in facts)


def days_of(facts: list[Fact]) -> pd.DataFrame:
    """Part requests by center, part and day, as query parts_days gives them."""
    rows = [
        {
            "center_id": fact["center_id"], "part_no": part["part_no"], "pieces": float(part["quantity"]), "hits": 1,
            "day": pd.Timestamp(part["requested_at"], unit="ms", tz="UTC").normalize(),
            "stockouts": int(part["backordered_at"] is not None), "emergencies": int(part["emergency"]),
            "in_time": 0, "left_without": 0,
        }
        for fact in facts for part in fact["parts"]
    ]  # fmt: skip
    return pd.DataFrame(rows).groupby(["center_id", "part_no", "day"], as_index=False).sum()


def complaints_per_100(facts: list[Fact]) -> float:
    return 100 * sum(fact["complaints"] for fact in facts) / len(facts)


def test_before_the_rollout_it_is_as_the_owner_found_it(before: list[Fact]) -> None:
    assert wait_min(before) == pytest.approx(45, abs=3)
    assert ftfr(before) == pytest.approx(0.82, abs=0.02)
    assert nps(before) == pytest.approx(72, abs=4)
    assert stockout_share(before) == pytest.approx(0.15, abs=0.015)


def test_the_pilot_is_as_the_owner_left_it(pilot: list[Fact]) -> None:
    assert wait_min(pilot) == pytest.approx(18, abs=3)
    assert ftfr(pilot) == pytest.approx(0.93, abs=0.02)
    assert nps(pilot) == pytest.approx(89, abs=4)
    assert stockout_share(pilot) == pytest.approx(0.06, abs=0.015)


def test_the_report_on_parts_finds_the_planted_stock_outs(before: list[Fact], pilot: list[Fact]) -> None:
    for facts, planted in ((before, 0.15), (pilot, 0.06)):
        window = window_frame(days_of(facts), END, pd.DataFrame(columns=["part_no", "price"]), NO_WAITS)

        assert window["stockouts"].sum() / window["hits"].sum() == pytest.approx(planted, abs=0.02)
        assert window.loc[window["class_hits"] == "A", "share_of_hits"].sum() >= 0.8


def test_complaints_halve(before: list[Fact], pilot: list[Fact]) -> None:
    assert 0.3 < complaints_per_100(pilot) / complaints_per_100(before) < 0.7


def test_most_visits_are_maintenance_then_misuse_then_product(before: list[Fact]) -> None:
    origins = [fact["fault_origin"] for fact in before if fact["fault_origin"]]

    for origin, share in {"maintenance": 0.80, "misuse": 0.15, "product": 0.05}.items():
        assert origins.count(origin) / len(origins) == pytest.approx(share, abs=0.02)


def test_first_time_fix_fails_by_all_three_causes(before: list[Fact]) -> None:
    causes = [fact["ftf_cause"] for fact in before if fact["ftf_cause"]]

    for cause in ("rework", "open_part", "comeback"):
        assert causes.count(cause) > 0.1 * len(causes)


def test_scores_fall_with_the_wait_with_rework_and_with_stockouts(before: list[Fact]) -> None:
    scored = [fact for fact in before if fact["score"] is not None]

    def mean_score(holds: bool, condition: Any) -> float:
        return mean(fact["score"] for fact in scored if bool(condition(fact)) is holds)

    for condition in (lambda f: f["wait_s"] > 3600, lambda f: f["ftf"] is False, lambda f: f["stockouts"] > 0):
        assert mean_score(True, condition) < mean_score(False, condition) - 0.3
