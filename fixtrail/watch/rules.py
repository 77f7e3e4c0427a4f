"""Computes what is due of an order, a center or a partition, and when. Pure: facts in, dues out, no clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, assert_never

from fixtrail.watch.config import (
    CheckMissingRule,
    Counted,
    Customers,
    EmergencyPartRule,
    NoNewsRule,
    OrderRule,
    PipelineRule,
    PromiseRule,
    QuickLaneRule,
    Rule,
    StockoutRule,
    StuckRule,
    Threshold,
    WaitRule,
)
from schemas.centers import Center
from schemas.facts import WAITS
from schemas.opening_hours import day_in, opening_time_after
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS
from streams.journey.clock_notices import NO_NEWS, READY, RUNNING_LATE, clock_notice, promise_passed_at, silent_since
from streams.journey.ids import hashed_id
from streams.journey.ready_setting import CheckHistory, ready_after_ms, ready_by_setting_at
from streams.journey.visit import PICKUP, REPAIR

Fact = Mapping[str, Any]
Centers = Mapping[str, Center]


@dataclass(frozen=True, slots=True)
class Due:
    """One rule's case: from `due_at` on the rule is broken, unless the fact it was made of is replaced.

    `opening` is what began at `since`; the same beginning is the same alert.
    """

    rule: Rule
    subject: str
    opening: str
    since: int
    due_at: int
    limit: float
    value: float | None = None
    order_id: str | None = None
    center_id: str | None = None
    lane: Any = None
    level: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The key of an alert: each has at most one open alert."""
        return self.rule.name, self.subject

    @property
    def alert_id(self) -> str:
        # An order's number says which order it is in its center only.
        center = (self.center_id or "",) if self.order_id is not None else ()
        return hashed_id("alert", self.rule.name, *center, self.subject, self.opening)


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A customer notice to be sent from `due_at` on, while the order's fact is what it is.

    `at` is when the promise was broken, the last event was, or the work was done.
    """

    due_at: int
    milestone: str
    at: int
    order_id: str
    center_id: str | None
    locale: str | None
    promised_at: int | None

    @property
    def order(self) -> OrderKey:
        return OrderKey(self.center_id or "", self.order_id)

    @property
    def notice(self) -> dict[str, Any]:
        """The notice in the shape of schemas.facts.Notice, for nobody yet."""
        fact = {name: getattr(self, name) for name in ("order_id", "center_id", "locale", "promised_at")}
        return clock_notice(fact, self.milestone, self.at, self.due_at)


# Orders


def order_dues(fact: Fact, rules: Sequence[OrderRule], centers: Centers) -> list[Due]:
    """Every case of an open order, due or yet to be; none for one that is closed or not checked in.

    Of a car that is ready only that its check is missing.
    """
    if fact["status"] != "open" or fact["activity"] is None:
        return []
    center, is_ready = centers.get(fact["center_id"]), fact["activity"] == PICKUP
    fitting = [
        rule
        for rule in rules
        if rule.fits(fact["center_id"], fact["lane"]) and is_ready is isinstance(rule, CheckMissingRule)
    ]
    return [due for rule in fitting for due in _dues(rule, fact, center)]


def _dues(rule: OrderRule, fact: Fact, center: Center | None) -> Iterator[Due]:
    match rule:
        case WaitRule(activity="any"):
            if (crossed_at := wait_limit_at(fact["stages"], round(rule.minutes * MINUTE_MS))) is not None:
                yield _due(rule, fact, "check-in", fact["checked_in_at"], crossed_at)
        case WaitRule():
            if fact["activity"] == rule.activity:
                yield _after(rule, rule.counted, rule.minutes, fact, center, rule.activity, fact["activity_since"])
        case NoNewsRule():
            yield _after(rule, rule.counted, rule.minutes, fact, center, "last event", fact["last_event_at"])
        case QuickLaneRule():
            if fact["lane"] == "quick":
                yield _after(rule, rule.counted, rule.minutes, fact, center, "check-in", fact["checked_in_at"])
        case PromiseRule():
            if fact["promised_at"] is not None:
                due_at = max(fact["promised_at"] - round(rule.minutes * MINUTE_MS), fact["checked_in_at"])
                yield _due(rule, fact, "promise", fact["promised_at"], due_at)
        case EmergencyPartRule():
            for part in fact["parts"]:
                if part["emergency"] and part["fulfilled_at"] is None and part["cancelled_at"] is None:
                    began = part["requested_at"] if part["requested_at"] is not None else part["backordered_at"]
                    subject = f"{fact['order_id']}/{part['request_id']}"
                    yield _after(rule, rule.counted, rule.minutes, fact, center, "request", began, subject)
        case CheckMissingRule():
            if fact["lacks_check"] and rule.needs_check(fact["fault_groups"]):
                began = fact["activity_since"]
                yield _due(rule, fact, "ready", began, began + round(rule.minutes * MINUTE_MS))
        case StuckRule():
            began = fact["activity_since"]
            yield _after(rule, rule.counted, rule.minutes, fact, center, fact["activity"], began)
        case _:
            assert_never(rule)


def _after(
    rule: OrderRule,
    counted: Counted,
    minutes: float,
    fact: Fact,
    center: Center | None,
    beginning: str,
    since: int,
    subject: str | None = None,
) -> Due:
    due_at = opening_time_after(since, round(minutes * MINUTE_MS), center if counted == "opening" else None)
    return _due(rule, fact, beginning, since, due_at, subject)


def _due(rule: OrderRule, fact: Fact, beginning: str, since: int, due_at: int, subject: str | None = None) -> Due:
    return Due(
        rule=rule,
        subject=subject or fact["order_id"],
        opening=f"{beginning}:{since}",
        since=since,
        due_at=due_at,
        limit=rule.minutes,
        order_id=fact["order_id"],
        center_id=fact["center_id"],
        lane=fact["lane"],
    )


def is_without_check(fact: Fact) -> bool:
    """Whether a car was mended and no quality check passed since; not of facts that do not say."""
    return fact.get("passed_check") is False and any(stage["activity"] == REPAIR for stage in fact["stages"])


def wait_limit_at(stages: Sequence[Fact], span_ms: int) -> int | None:
    """When the waits of a visit have come to `span_ms` together; None while nothing of the kind is in sight."""
    remaining_ms = span_ms
    for stage in stages:
        if stage["activity"] not in WAITS:
            continue
        if stage["ended_at"] is None or remaining_ms <= stage["ended_at"] - stage["started_at"]:
            return int(stage["started_at"]) + remaining_ms
        remaining_ms -= stage["ended_at"] - stage["started_at"]
    return None


# Customers


def notice_dues(fact: Fact, customers: Customers, centers: Centers) -> list[DueNotice]:
    """What the customer of an open order will have to be told by the clock, while its fact is what it is."""
    dues, order = [], dict(fact)
    center = centers.get(fact["center_id"])
    order_fields = (fact["order_id"], fact["center_id"], fact["locale"], fact["promised_at"])
    late_ms = _threshold_ms(customers.running_late, fact)
    if late_ms is not None and (broken_at := promise_passed_at(order)) is not None:
        dues.append(DueNotice(broken_at + late_ms, RUNNING_LATE, broken_at, *order_fields))
    silent_ms = _threshold_ms(customers.no_news, fact)
    if silent_ms is not None and (since := silent_since(order)) is not None:
        due_at = opening_time_after(since, silent_ms, center)
        dues.append(DueNotice(due_at, NO_NEWS, since, *order_fields))
    return dues


def ready_due(fact: Fact, centers: Centers, checks: CheckHistory, now: int) -> DueNotice | None:
    """The `ready` that the customer of an order whose work is done is to be told without proof; None where not so."""
    center_id = fact["center_id"]
    due_at = ready_by_setting_at(fact, ready_after_ms(centers.get(center_id), center_id, checks, now))
    if due_at is None or fact["status"] != "open":
        return None
    about = (fact["order_id"], center_id, fact["locale"], fact["promised_at"])
    return DueNotice(due_at, READY, fact["activity_since"], *about)


def _threshold_ms(thresholds: Sequence[Threshold], fact: Fact) -> int | None:
    for threshold in thresholds:
        if threshold.fits(fact["center_id"], fact["lane"]):
            return round(threshold.minutes * MINUTE_MS)
    return None


# Centers


@dataclass(slots=True)
class Requests:
    """Part requests, and how many of them met an empty shelf."""

    all: int = 0
    stockouts: int = 0

    def add(self, requests: int, stockouts: int) -> None:
        self.all += requests
        self.stockouts += stockouts


def stockout_due(
    rule: StockoutRule, center_id: str, by_hour: Mapping[int, Requests], center: Center | None, zone: str, now: int
) -> Due | None:
    """The case of a center whose stock-out rate today is above its control limit at `now`; else None.

    `by_hour` counts the part requests of orders closed in the hour that begins at the key, as the contract's figure
    does. Upper limit of a p-chart: p + sigmas × √(p (1 − p) / n), p of the baseline and n of today (Montgomery,
    Introduction to Statistical Quality Control, section 7.2).
    """
    day, began = day_in(now, center, zone)
    today, before = Requests(), Requests()
    for hour, requests in by_hour.items():
        if began <= hour <= now:
            today.add(requests.all, requests.stockouts)
        elif began - rule.baseline_days * DAY_MS <= hour < began:
            before.add(requests.all, requests.stockouts)
    if today.all < rule.least_today or before.all < rule.least_before:
        return None
    limit = upper_limit(before.stockouts / before.all, today.all, rule.sigmas)
    rate = today.stockouts / today.all
    if rate <= limit:
        return None
    return Due(rule, center_id, f"day:{day}", began, now, round(limit, 4), round(rate, 4), center_id=center_id)


def upper_limit(share: float, number: int, sigmas: float) -> float:
    """The upper control limit of a share that is `share` in the long run, for a sample of `number`."""
    return min(1.0, share + sigmas * sqrt(share * (1 - share) / number))


# The pipeline


def pipeline_due(rule: PipelineRule, partition: int, heartbeat_ms: int | None) -> Due | None:
    """The case of a partition whose newest heartbeat was sent then; None before the first."""
    if heartbeat_ms is None:
        return None
    due_at = heartbeat_ms + round(rule.minutes * MINUTE_MS)
    opening = f"heartbeat:{heartbeat_ms}"
    return Due(rule, f"partition {partition}", opening, heartbeat_ms, due_at, rule.minutes)


def due_by(dues: Sequence[Due], now: int) -> dict[tuple[str, str], Due]:
    """The due alerts by key; a key has at most one alert."""
    return {due.key: due for due in dues if due.due_at <= now}
