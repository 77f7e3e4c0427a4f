"""The planted effects of a run, to check estimates against, and the reference data of its centers."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fixtrail.simulator.calendar import centers_of, wave_start
from fixtrail.simulator.run import run_tag, workshops
from fixtrail.simulator.scenario import Scenario, ScenarioCenter
from fixtrail.simulator.voice import borders
from fixtrail.simulator.workshop import Workshop


def truth(scenario: Scenario, seed: int, days: int, centers: int | None, start: datetime) -> dict[str, Any]:
    """The run's planted effects, JSON-normal; docs/simulator.md explains each key.

    `score.log_odds` and `complaint.log_odds` are what an ordinal and a logistic model should find again.
    """
    return {
        "run": {
            "scenario": scenario.name,
            "seed": seed,
            "days": days,
            "start": start.astimezone(UTC).isoformat(),
            "ids_begin_with": run_tag(scenario, seed, start),
            "waves_take_effect": scenario.waves_take_effect,
        },
        "figures": scenario.figures.model_dump() if scenario.figures else None,
        "profiles": {"baseline": scenario.baseline.model_dump(), "improved": scenario.improved.model_dump()},
        "centers": [_center(shop, start) for shop in workshops(scenario, seed, days, centers, start)],
        "fault_groups": {group.name: {"origin": group.origin, "share": share} for group, share in scenario.mix},
        "score": {
            "log_odds": scenario.score.model_dump(
                include={"wait_per_10_min", "not_fixed_first_time", "stockout", "progress_update", "quote_overrun"}
            ),
            "borders": borders(scenario.score),
            "longest_wait_min": scenario.score.longest_wait_min,
            "most_updates": scenario.score.most_updates,
        },
        "complaint": {
            "log_odds": scenario.complaint.model_dump(include={"wait_per_10_min", "not_fixed_first_time"}),
            "base_share": scenario.complaint.base_share,
        },
        "fault_waves": [wave.model_dump(exclude_none=True) for wave in scenario.fault_wave],
        "anomalies": scenario.anomalies.model_dump(),
    }


def centers_toml(scenario: Scenario, centers: int | None, start: datetime) -> str:
    """The reference data of a run's centers, as `fixtrail` reads it: one [[center]] each."""
    return "\n".join(_reference(scenario, center, start) for center in centers_of(scenario, centers))


def _center(shop: Workshop, start: datetime) -> dict[str, Any]:
    center, scenario = shop.center, shop.scenario
    starts = wave_start(scenario, center, start)
    return {
        "id": center.id,
        "region": center.region,
        "wave": center.wave,
        "wave_start": starts.isoformat() if starts and scenario.waves_take_effect else None,
        "delays_times": shop.slowness,
        "score_offset": shop.score_offset,
        "technician_rework_times": {
            f"{center.id}-t{number}": factor for number, factor in enumerate(shop.technician_factors, 1)
        },
    }


def _reference(scenario: Scenario, center: ScenarioCenter, start: datetime) -> str:
    return "[[center]]\n" + "".join(f"{key} = {value}\n" for key, value in _keys(scenario, center, start))


def _keys(scenario: Scenario, center: ScenarioCenter, start: datetime) -> Iterator[tuple[str, str]]:
    for key in ("id", "name", "name_en", "region"):
        # A JSON string is a TOML string too.
        yield key, json.dumps(getattr(center, key), ensure_ascii=False)
    yield "wave", str(center.wave)
    starts = wave_start(scenario, center, start)
    if starts is not None:
        yield "wave_start", starts.isoformat()
    yield "time_zone", json.dumps(center.time_zone)
    yield "opens", json.dumps(center.opens.isoformat("minutes"))
    yield "closes", json.dumps(center.closes.isoformat("minutes"))
    yield "weekdays", json.dumps(list(center.weekdays))
