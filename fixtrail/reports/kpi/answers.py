"""What ClickHouse answers about one period of the KPI report, key by key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fixtrail.reports.kpi.waits import WaitSpreads, ask_waits, key_of, keys_of, quantiles_of
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import plain
from fixtrail.reports.stats.pooled import Complaints

Row = Mapping[Any, Any]
NO_COMPLAINTS = Complaints(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class KeyAnswers:
    """One key's sums, what each center adds to them, and what bounds its waits. `key` is None where there is none."""

    key: str | None
    counts: Row
    centers: Sequence[Row] = ()
    emergencies: Sequence[Row] = ()
    answers: Sequence[Row] = ()
    service_levels: Sequence[Row] = ()
    complainers: Complaints = NO_COMPLAINTS
    by_date: Complaints = NO_COMPLAINTS
    waits: WaitSpreads | None = None
    anomalies: Mapping[str, int] = field(default_factory=dict)


def ask_keys(
    ask: Ask, parameters: Mapping[str, Any], by: str | None, limits: Sequence[float] = ()
) -> Iterator[KeyAnswers]:
    """Every key of the period; without a cut there is always one, even of no order at all.

    `limits`: the operator's own, as kpi_service_levels takes them; it is not asked where there are none.
    """
    counts = ask("kpi", **parameters)
    centers = ask("kpi_centers", **quantiles_of(counts), **parameters)
    rows = {key_of(row["key"]): row for row in counts.to_dict("records")}
    by_date = ask("kpi_complaints", **parameters)
    # A complaint of an order that is not in the period makes a key of its own.
    names: dict[str, str | None] = {}
    for key in (*counts["key"], *by_date["key"]):
        names.setdefault(key_of(key), plain(key))
    parts = {name: _by_key(ask(f"kpi_{name}", **parameters)) for name in ("emergencies", "answers")}
    levels = _by_key(ask("kpi_service_levels", limits=limits, **parameters)) if limits else {}
    complainers, dated = _complaints(ask("kpi_complainers", **parameters)), _complaints(by_date)
    waits = ask_waits(ask, counts, centers, parameters)
    of_centers = _by_key(centers)
    nothing = dict.fromkeys(counts.columns, 0)
    for key, name in (names if by else {"": ""}).items():
        row = rows.get(key, nothing)
        yield KeyAnswers(
            None if by is None else name,
            row,
            of_centers.get(key, ()),
            parts["emergencies"].get(key, ()),
            parts["answers"].get(key, ()),
            levels.get(key, ()),
            complainers.get(key, NO_COMPLAINTS),
            dated.get(key, NO_COMPLAINTS),
            waits.get(key),
            _anomalies(row.get("odd")),
        )


def _by_key(frame: pd.DataFrame) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in frame.to_dict("records"):
        rows.setdefault(key_of(row["key"]), []).append(row)
    return rows


def _complaints(frame: pd.DataFrame) -> dict[str, Complaints]:
    values = zip(frame["complaints"], frame["squares"], frame["most"], strict=True)
    return {
        key: Complaints(int(events), float(squares), float(most))
        for key, (events, squares, most) in zip(keys_of(frame), values, strict=True)
    }


def _anomalies(odd: Any) -> dict[str, int]:
    """Orders by kind of anomaly, from the two lists of a sumMap."""
    kinds, numbers = odd if isinstance(odd, (list, tuple)) and len(odd) == 2 else ((), ())
    return {str(kind): int(n) for kind, n in zip(kinds, numbers, strict=True)}
