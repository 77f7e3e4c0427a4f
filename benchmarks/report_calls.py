"""How the reports ask each query of the orders that benchmarks.queries makes up: with which parameters, how often."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fixtrail.export.history import SLICES_AT_ONCE, Size
from fixtrail.parts.plan import ForecastPlan
from fixtrail.reports.change.report import FIGURES, USUAL_DAYS
from fixtrail.reports.data.rules import rules
from fixtrail.reports.eta import report as eta
from fixtrail.reports.journey.report import MOST_FOLLOWED
from fixtrail.reports.kpi.waits import spreads_of, wait_ranks
from fixtrail.reports.league.words import LEAGUES
from fixtrail.reports.need import report as need
from fixtrail.reports.need.stored import MOST_VISITS, groups_of, most_visits_of_events
from fixtrail.reports.parts.outlook import MOST_REQUESTS
from fixtrail.reports.parts.window import WINDOW_DAYS
from fixtrail.reports.quality.report import MOST_ORDERS as MOST_JUDGED
from fixtrail.reports.queries import FOLDER, Ask, parameters_of, questions, text_of
from fixtrail.reports.sample import MOST_ORDERS, end_key, events_of, key_ranges, one_vehicle_in, ranges_of
from fixtrail.reports.warning.cells import ONCE_IN_DAYS
from fixtrail.reports.warning.sources import WEEKS

# The orders are of the year up to this day.
LAST = date(2025, 12, 31)
MOST_OF = {"quality_technicians": MOST_JUDGED}
WHOLE: dict[str, Any] = {
    **dict.fromkeys(("since", "until", "open_until", "rollout", "by", "source", "center", "before"), ""),
    "centers": [],
    "without": [],
    "time_zone": "UTC",
    "zone": "UTC",
}
_FROM_FIRST = ("need_check_ins", "need_bookings", "need_work", "need_centers")


@dataclass(frozen=True, slots=True)
class Call:
    """One question of a report, and how many such questions it asks, one after another."""

    parameters: dict[str, Any]
    times: int = 1


def queries_of_reports() -> list[str]:
    """The queries that are asked; others are parts of these."""
    parts = {name for query in questions() for name in questions() if f"-- with: {name}\n" in text_of_file(query)}
    return [query for query in questions() if query not in parts]


def text_of_file(query: str) -> str:
    """A query's SQL without the one that it is built on."""
    return (FOLDER / f"{query}.sql").read_text(encoding="utf-8")


def call_of(ask: Ask, query: str, orders: int) -> Call:
    """How the report asks this query without days and center, of so many orders."""
    given, times = _common(query, orders), 1
    for prefix, special in _SPECIAL.items():
        if query.startswith(prefix):
            further, times = special(ask, query, orders)
            given |= further
            break
    return Call({name: value for name, value in given.items() if name in parameters_of(text_of(query))}, times)


def _common(query: str, orders: int) -> dict[str, Any]:
    return {
        **WHOLE,
        "limits": [60.0] * 8,
        # The longest of the eight that report journey asks for.
        "seconds": "repair_s",
        "clock_s": 60,
        "figure": "wait_mean_s",
        **rules().bounds.model_dump(),
        "one_in": max(1, -(-orders // MOST_FOLLOWED)),
        "end_key": end_key(one_vehicle_in(orders, MOST_OF.get(query, MOST_ORDERS))),
    }


def _kpi(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    if query not in ("kpi_centers", "kpi_wait_ranks"):
        return {}, 1
    counts = ask("kpi", **WHOLE).iloc[0]
    median, p90 = counts["wait_quantiles_s"]
    given: dict[str, Any] = {"names": [""], "medians": [median], "p90s": [p90]}
    if query == "kpi_wait_ranks":
        waits, spread = int(counts["waits"]), spreads_of(ask("kpi_centers", **WHOLE, **given)).get("")
        given["ranks"] = {"": [*wait_ranks(waits), *wait_ranks(waits, spread)]}
    return given, 1


def _eta(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    since = LAST - timedelta(days=eta.DAYS - 1 + eta.LEARNED_FROM_DAYS)
    visits = int(ask("eta_size", since=since).iloc[0]["visits"])
    return {"since": since, "end_key": end_key(one_vehicle_in(visits, MOST_ORDERS))}, 1


def _need(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    first = LAST - timedelta(days=need.DAYS - 1)
    since = first - timedelta(days=need.LEARNED_FROM_DAYS)
    centers = ask("need_centers", since=since)
    visits = dict(zip(centers["center_id"], centers["visits"], strict=True))
    of_events = query in ("need_bookings", "need_technicians")
    most = most_visits_of_events(sum(visits.values()), events_of(ask)) if of_events else MOST_VISITS
    groups = list(groups_of(visits, most))
    days = {"since": since if query in _FROM_FIRST else first - timedelta(days=1), "until": LAST}
    return {**days, "centers": groups[0]}, len(groups) if "centers" in parameters_of(text_of(query)) else 1


def _warning(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    since = LAST - timedelta(weeks=WEEKS, days=ONCE_IN_DAYS)
    size = ask("warning_size", since=since, time_zone="UTC").iloc[0]
    number = {"warning_visits": size["visits"], "warning_orders": size["cases"], "warning_batches": 0}.get(query)
    ranges = [("", "")] if number is None else _of_vehicles(ask, int(number))
    return {"since": since, **_first(ranges)}, len(ranges)


def _staff(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    return _first(ranges := _of_vehicles(ask, orders)), len(ranges)


def _of_vehicles(ask: Ask, orders: int) -> list[tuple[str, str]]:
    return list(key_ranges(ranges_of(orders, events_of(ask))))


def _export(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    arrivals = int(ask("export_size", **WHOLE).iloc[0]["arrivals"])
    number = Size(orders, 0, 0, arrivals).questions()
    ranges = list(key_ranges(number * SLICES_AT_ONCE if query == "export_events" else number))
    return _first(ranges), 1 if query == "export_size" else len(ranges)


def _parts(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    origin = LAST + timedelta(days=1)
    slices = max(1, -(-int(ask("parts_last_day", **WHOLE).iloc[0]["requests"]) // MOST_REQUESTS))
    days = {"parts_days": ForecastPlan().reach, "parts_window": WINDOW_DAYS, "parts_shipments": WINDOW_DAYS}.get(query)
    given: dict[str, Any] = {"before": origin, "slices": slices, "slice": 0}
    if days is not None:
        given |= {"since": origin - timedelta(days=days), "until": origin}
    return given, slices if query == "parts_days" else 1


def _days(number: int, times: int) -> Any:
    """A special of the last days."""
    return lambda ask, query, orders: ({"since": LAST - timedelta(days=number - 1), "until": LAST}, times)


def _pack(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    partitions = list(range(4))
    week = {"since": LAST - timedelta(days=13), "until": LAST}
    return {**week, "partitions": partitions, "offsets": [orders] * len(partitions)}, 1


def _whatif(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    return {"center": "C0", "since": LAST - timedelta(days=27), "until": LAST}, 1


def _league(ask: Ask, query: str, orders: int) -> tuple[dict[str, Any], int]:
    return {}, len(LEAGUES)


def _first(ranges: Iterable[tuple[str, str]]) -> dict[str, str]:
    first_key, end = next(iter(ranges))
    return {"first_key": first_key, "end_key": end}


_SPECIAL: dict[str, Any] = {
    "kpi_": _kpi,
    "eta_": _eta,
    "need_": _need,
    "warning_": _warning,
    "staff_subscores": _staff,
    "export_": _export,
    "parts_": _parts,
    "change": _days(USUAL_DAYS, 2 * len(FIGURES)),
    "pack_": _pack,
    "whatif_": _whatif,
    "league": _league,
}
