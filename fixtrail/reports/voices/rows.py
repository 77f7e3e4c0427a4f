"""The cases of report `voices`: one row per complaint and per bad score, from the answers of its queries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fixtrail.voices.cases import VoiceCase, complaint_case, detractor_case
from fixtrail.voices.limits import VoiceLimits
from schemas.centers import Center
from schemas.opening_hours import opening_ms_between
from schemas.times import DAY_MS

COLUMNS = [
    *("kind", "center_id", "order_id", "case_id", "category", "severity", "score", "customer_key", "complainer"),
    *("opened_at", "contacted_at", "phase", "is_open", "is_contacted", "was_resolved", "is_reopened", "is_repeat"),
    *("contact_s", "resolution_s", "age_s", "in_time"),
]
Order = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Moments:
    """`at`: the end of the report's days, or now; `now`: up to when anything is known. In ms."""

    at: int
    now: int


class CaseRows:
    """Makes the rows: `of` all cases that were opened up to the end of the report."""

    def __init__(self, centers: Mapping[str, Center], limits: VoiceLimits, moments: Moments) -> None:
        self._centers, self._limits, self._moments = centers, limits, moments

    def of(self, complaints: pd.DataFrame, surveys: pd.DataFrame, follow_ups: pd.DataFrame) -> pd.DataFrame:
        """One row per case, from queries voices_complaints, voices_surveys and voices_follow_ups."""
        calls = calls_by_order(follow_ups)
        rows = [*self._complaints(complaints, calls), *self._detractors(surveys, calls)]
        return pd.DataFrame([row for row in rows if row["opened_at"] <= self._moments.at], columns=COLUMNS)

    def _complaints(self, complaints: pd.DataFrame, calls: "Calls") -> Iterator[dict[str, Any]]:
        repeated = repeats(complaints, self._limits.repeat_days)
        for row, is_repeat in zip(complaints.to_dict("records"), repeated, strict=True):
            fact = {
                **{name: row[name] for name in ("complaint_id", "category", "severity", "phases")},
                "complained_at": int(row["complained_ms"]),
                "reached_at": [int(at) for at in row["reached_ms"]],
            }
            case = complaint_case(fact, calls.get(_order_of(row), ()))
            yield {**self._row(case, row), "complainer": _complainer(row), "is_repeat": is_repeat}

    def _detractors(self, surveys: pd.DataFrame, calls: "Calls") -> Iterator[dict[str, Any]]:
        for row in surveys.to_dict("records"):
            answers = [
                {"answered_at": int(at), "event_id": event_id, "score": int(score)}
                for at, event_id, score in row["answers"]
            ]
            case = detractor_case(answers, calls.get(_order_of(row), ()), row["fault_origin"])
            if case is not None:
                yield {**self._row(case, row), "complainer": None, "is_repeat": False}

    def _row(self, case: VoiceCase, row: Mapping[Any, Any]) -> dict[str, Any]:
        center = self._centers.get(row["center_id"])
        then, contacted_at, resolved_at = case.as_of(self._moments.at), case.contacted_at, case.resolved_at
        return {
            **{name: row[name] for name in ("center_id", "order_id", "customer_key")},
            **{name: getattr(case, name) for name in ("kind", "case_id", "category", "severity", "score", "opened_at")},
            **{"contacted_at": contacted_at, "phase": then.phase, "is_open": then.is_open},
            **{"is_contacted": then.is_contacted, "is_reopened": case.is_reopened},
            "was_resolved": any(phase == "resolved" for phase, _ in case.phases),
            "contact_s": self._spent_s(case, contacted_at, center),
            "resolution_s": self._spent_s(case, resolved_at, center),
            "age_s": opening_ms_between(case.opened_at, self._moments.at, center) / 1000,
            "in_time": self._in_time(case, center),
        }

    def _spent_s(self, case: VoiceCase, until: int | None, center: Center | None) -> float | None:
        """From the opening on: of a complaint opening time, of a bad score time on the clock."""
        if until is None:
            return None
        counted = center if case.kind == "complaint" else None
        return opening_ms_between(case.opened_at, until, counted) / 1000

    def _in_time(self, case: VoiceCase, center: Center | None) -> bool | None:
        """Whether the first contact was in time; None while it still may be."""
        limit_s = self._limits.levels(case)[0] * 3600
        spent_s = self._spent_s(case, case.contacted_at, center)
        if spent_s is not None:
            return spent_s <= limit_s
        is_past = (self._spent_s(case, self._moments.now, center) or 0.0) > limit_s
        # Nobody gets in touch any more about what is closed.
        return False if is_past or not case.is_open else None


Calls = Mapping[Order, list[dict[str, Any]]]


def calls_by_order(follow_ups: pd.DataFrame) -> Calls:
    """The follow-ups of each order, as its fact has them."""
    return {
        _order_of(row): [
            {"followed_up_at": int(at), "event_id": event_id, "of": of, "phase": phase}
            for at, event_id, of, phase in row["calls"]
        ]
        for row in follow_ups.to_dict("records")
    }


def repeats(complaints: pd.DataFrame, days: float) -> list[bool]:
    """Of each complaint whether the same vehicle had one of the same category within so many days before."""
    last: dict[tuple[Any, Any], int] = {}
    repeated = dict.fromkeys(range(len(complaints)), False)
    for number, vehicle, category, at in _by_time(complaints):
        before = last.get((vehicle, category))
        repeated[number] = before is not None and at - before <= days * DAY_MS
        last[vehicle, category] = at
    return [repeated[number] for number in range(len(complaints))]


def _by_time(complaints: pd.DataFrame) -> Iterable[tuple[int, Any, Any, int]]:
    names = ("vehicle_key", "category", "complained_ms", "complaint_id")
    rows = [(*row[:2], int(row[2]), row[3]) for row in zip(*(complaints[name] for name in names), strict=True)]
    for number in sorted(range(len(rows)), key=lambda number: rows[number][2:]):
        vehicle, category, at, _ = rows[number]
        yield number, vehicle, category, at


def _order_of(row: Mapping[Any, Any]) -> Order:
    return row["center_id"], row["order_id"], row["vehicle_key"]


def _complainer(row: Mapping[Any, Any]) -> Any:
    return row["customer_key"] or row["vehicle_key"]


def last_answers(answers: pd.DataFrame) -> Mapping[str, list[tuple[int, int]]]:
    """By customer the (ms, score) of the last answer of each order, in order, from query voices_answers."""
    customers = zip(answers["customer_key"], answers["answers"], strict=True)
    return {str(customer): [(int(at), int(score)) for at, score in own] for customer, own in customers}
