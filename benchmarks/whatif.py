"""What if: does `fixtrail whatif technicians=+1` recover what one technician more does to the waits of a workshop?

python -m benchmarks.whatif [CHANGE] [--seeds 50] [--runs 40] [--days 112] [--processes 2]

A simulated center with three technicians tells its history; the same center with four of them tells the truth, or
one with fewer stock-outs (CHANGE stockout=0.06), or without its quick lane (quick_lane=off). The history goes through
the product's own rules, and the model sees what ClickHouse would answer. As many centers that change over (shorter
delays) in the middle of their last eight weeks have to be refused.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pandas as pd

from benchmarks.simulated_orders import START
from fixtrail.reports.need.holidays import NO_HOLIDAYS
from fixtrail.reports.need.slots import OpenSlots, open_slots
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import Scenario, load_scenario
from fixtrail.whatif.changes import parse_changes
from fixtrail.whatif.command import RUNS, WhatIfRequest, answer_of
from fixtrail.whatif.history import WhatIfHistory, history_of
from fixtrail.whatif.records import records_of
from fixtrail.whatif.runs import RunWaits, waits_of
from schemas.centers import Center
from schemas.events import SERVICE_EVENT
from streams.journey.batch import journey_facts

FIRST = date(2026, 7, 6)
CENTER = Center(
    id="east-01",
    name="east-01",
    region="East",
    time_zone="Asia/Shanghai",
    opens=time(8, 30),
    closes=time(18),
    weekdays=(1, 2, 3, 4, 5, 6, 7),
)
ONE_MORE = "technicians=+1"
# Which figure of the model is which of the truth.
TITLES = {"mean_s": "mean wait, min", "p90_s": "90th percentile, min"}
DAYS, SEEDS = 112, 50
ORDERS_A_DAY = 14.0


def one_center(technicians: int = 3, change_over_on: int | None = None, bays: int = 5) -> Scenario:
    """The story's first center alone, busy, with so many technicians; the same delays in every seed."""
    story = load_scenario("owners-story")
    wave = story.wave[0].model_copy(update={"from_day": change_over_on})
    return story.model_copy(
        update={
            "waves_take_effect": change_over_on is not None,
            "crew": story.crew.model_copy(update={"technicians": technicians, "bays": bays}),
            "arrivals": story.arrivals.model_copy(update={"orders_per_day": ORDERS_A_DAY}),
            "spread": story.spread.model_copy(update={"center_delays": 0.0}),
            "center": story.center[:1],
            "wave": () if change_over_on is None else (wave,),
        }
    )


def fewer_stockouts() -> Scenario:
    center = one_center()
    return center.model_copy(update={"baseline": center.baseline.model_copy(update={"stockout_share": 0.06})})


def no_quick_lane() -> Scenario:
    """Its technician and its bay are the standard lane's."""
    center = one_center(4, bays=6)
    return center.model_copy(update={"work": center.work.model_copy(update={"quick_share": 0.0})})


# The center as it would have been with each change.
CHANGED: Mapping[str, Callable[[], Scenario]] = {
    ONE_MORE: partial(one_center, 4),
    "stockout=0.06": fewer_stockouts,
    "quick_lane=off": no_quick_lane,
}


def history(scenario: Scenario, seed: int, days: int = DAYS) -> WhatIfHistory:
    """A run's history as `fixtrail whatif` has it from ClickHouse."""
    return history_of(records_of(*answers(scenario, seed, days), _slots(days)))


def answers(scenario: Scenario, seed: int, days: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The answers of the queries whatif_visits, whatif_stages and whatif_touches over a run's events."""
    events = [SERVICE_EVENT.validate_json(orjson.dumps(event)) for _, event in simulate(scenario, seed, days, 1, START)]
    end = int((START + timedelta(days=days)).timestamp() * 1000)
    facts = [fact for fact in journey_facts(events, end) if fact["center_id"] == CENTER.id]
    visited = [fact for fact in facts if fact["checked_in_at"] is not None or "missing_check_in" in fact["anomalies"]]
    for_part = {fact["comeback_order_id"] for fact in facts if fact["ftf_cause"] == "open_part"}
    visits = pd.DataFrame([_visit(fact, for_part) for fact in visited]).sort_values(["checked_in_ms", "order_id"])
    stages = pd.DataFrame([_order(fact) | {"runs": list(_runs(fact))} for fact in visited])
    return visits.astype({"checked_in_ms": "float64", "closed_ms": "float64"}), stages, pd.DataFrame(_touches(events))


def _slots(days: int) -> OpenSlots:
    slots = open_slots(CENTER.id, CENTER, FIRST, FIRST + timedelta(days=days - 1), NO_HOLIDAYS)
    assert slots is not None
    return slots


def _order(fact: Mapping[str, Any]) -> dict[str, str]:
    return {"order_id": fact["order_id"], "vehicle_key": fact["vehicle_id"]}


def _visit(fact: Mapping[str, Any], for_part: Collection[str]) -> dict[str, Any]:
    same = {name: fact[name] for name in ("lane", "status", "wait_s", "part_requests", "stockouts")}
    groups = fact["fault_groups"] or []
    return {
        **_order(fact),
        **same,
        "fault_group": groups[0] if groups else "",
        "faults": len(groups),
        "checked_in_ms": fact["checked_in_at"],
        "closed_ms": fact["closed_at"],
        "comes_for_part": fact["order_id"] in for_part,
    }


def _runs(fact: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    for stage in fact["stages"]:
        yield stage["activity"], stage["started_at"], stage["ended_at"] or 0


def _touches(events: Sequence[Any]) -> Iterator[dict[str, Any]]:
    jobs: dict[tuple[Any, ...], dict[str, Any]] = {}
    for event in events:
        if event.type in ("diagnosis", "repair") and event.center_id == CENTER.id:
            job = event.vehicle_id, event.order_id, event.type, getattr(event, "job_id", None)
            jobs.setdefault(job, {}).setdefault(event.event_id, event)
    for (vehicle_id, order_id, *_), by_id in jobs.items():
        order = {"order_id": order_id, "vehicle_key": vehicle_id}
        technician = bay = ""
        ordered = sorted(by_id.values(), key=lambda event: (event.occurred_at, event.event_id))
        for event, after in pairwise(ordered):
            technician, bay = event.technician_id or technician, getattr(event, "bay_id", None) or bay
            if event.phase in ("started", "resumed") and after.occurred_at > event.occurred_at:
                at, until = (int(1000 * one.occurred_at.timestamp()) for one in (event, after))
                yield {**order, "technician": technician, "bay": bay, "started_ms": at, "ended_ms": until}


def waits(past: WhatIfHistory) -> RunWaits:
    """The waits of a run's handed-off orders, by the product's rules."""
    counted = [arrival for arrival in past.arrivals if arrival.is_handed_off]
    return waits_of([arrival.wait_s for arrival in counted], [arrival.day for arrival in counted])


@dataclass(frozen=True, slots=True)
class Trial:
    """One seed: what was answered, and the waits of the center as it was and with the change."""

    refusal: str
    changes: Mapping[str, tuple[float, float, float]]
    before: RunWaits
    after: RunWaits


def trial(seed: int, runs: int = RUNS, days: int = DAYS, change: str = ONE_MORE) -> Trial:
    """The answer to a change at the center of a seed, and what that would have been."""
    past = history(one_center(), seed, days)
    answer = answer_of(past, WhatIfRequest(parse_changes([change]), runs, seed), {})
    changes = {}
    if answer.effects is not None:
        changes = {
            name: (effect.change, effect.interval.low or 0.0, effect.interval.high or 0.0)
            for name, effect in answer.effects.of.items()
        }
    return Trial(answer.proof.refusal, changes, waits(past), waits(history(CHANGED[change](), seed, days)))


def unfit(seed: int, runs: int = RUNS, days: int = DAYS) -> str:
    """Why there is no answer about a center that changed over four weeks before the end; "" where there is one."""
    past = history(one_center(change_over_on=days - 28), seed, days)
    return answer_of(past, WhatIfRequest(parse_changes([ONE_MORE]), runs, seed), {}).proof.refusal


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("change", nargs="?", default=ONE_MORE, choices=CHANGED)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    seeds = range(1, arguments.seeds + 1)
    with ProcessPoolExecutor(arguments.processes) as pool:
        trials = list(
            pool.map(partial(trial, runs=arguments.runs, days=arguments.days, change=arguments.change), seeds)
        )
        refused = list(pool.map(partial(unfit, runs=arguments.runs, days=arguments.days), seeds))
    print_recovery(trials)
    refusals = Counter(one.refusal for one in trials if one.refusal)
    print(f"\nrefused: {refusals.total()} of {len(trials)} that fit {dict(refusals)},")
    print(f"{sum(map(bool, refused))} of {len(refused)} that changed over four weeks before the end")


def print_recovery(trials: list[Trial]) -> None:
    """How often the interval holds the effect, over all seeds; one that was refused has not."""
    print("| figure | as it was | with the change | effect | modelled, mean | interval, mean width | holds it |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, title in TITLES.items():
        scale = 60.0
        before, after = (np.array([getattr(w, name) for w in rows]) / scale for rows in _before_and_after(trials))
        effect, error = float((after - before).mean()), float((after - before).std(ddof=1) / len(trials) ** 0.5)
        modelled, low, high = (np.array([one.changes[name] for one in trials if one.changes]) / scale).T
        holds = int(((low <= effect) & (effect <= high)).sum())
        print(
            f"| {title} | {before.mean():.1f} | {after.mean():.1f} | {effect:.2f} ± {error:.2f} "
            f"| {modelled.mean():.2f} | {(high - low).mean():.1f} | {holds} of {len(trials)} |"
        )


def _before_and_after(trials: list[Trial]) -> tuple[list[RunWaits], list[RunWaits]]:
    return [one.before for one in trials], [one.after for one in trials]


if __name__ == "__main__":
    main()
