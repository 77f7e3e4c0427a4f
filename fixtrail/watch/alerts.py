"""The life of an alert: opened, escalated, acknowledged, ended. Pure: each step gives the alert's next version.

A version is a function of how far the alert has come, so of what two processes write at the same time the one that is
further wins: ended before acknowledged before open.
"""

from typing import Any, Literal

from fixtrail.watch.config import Rule
from fixtrail.watch.rules import Due
from schemas.facts import Acknowledgement, Alert, Telling
from schemas.times import MINUTE_MS

_RANK = 1_000_000
_NOTE = 500
_NAME = 100
_UNITS: dict[str, Literal["share", "events", "cases"]] = {
    "stockout_rate": "share",
    "field_lost": "share",
    "source_silent": "events",
    "quality_warning": "cases",
}


def opened(due: Due) -> Alert:
    """The first version of a case's alert. The same case gives the same, whoever finds it, and when."""
    return Alert(
        alert_id=due.alert_id,
        rule=due.rule.name,
        kind=due.rule.kind,
        severity=due.rule.severity,
        subject=due.subject,
        order_id=due.order_id,
        center_id=due.center_id,
        lane=due.lane,
        opening=due.opening,
        since=due.since,
        opened_at=due.due_at,
        value=due.value,
        limit=due.limit,
        unit=_UNITS.get(due.rule.kind, "minutes"),
        level=due.level,
        version=1,
    )


def escalated(alert: Alert, rule: Rule, now: int) -> Alert | None:
    """The alert at the level that its age has reached; None where that is no news."""
    if alert.closed_at is not None:
        return None
    steps = [alert.opened_at + round(minutes * MINUTE_MS) for minutes in rule.escalate_minutes]
    level = sum(at <= now for at in steps)
    return _next(alert, level=level, escalated_at=steps[level - 1]) if level > alert.level else None


def acknowledged(alert: Alert, ack: Acknowledgement) -> Alert | None:
    """The alert closed by somebody; None where it was closed before."""
    if alert.closed_at is not None:
        return None
    at = max(ack.acknowledged_at, alert.opened_at)
    return _next(
        alert,
        acknowledged_at=at,
        acknowledged_by=ack.acknowledged_by[:_NAME],
        note=ack.note[:_NOTE] if ack.note else None,
        closed_at=at,
        closed_by="acknowledgement",
    )


def ended(alert: Alert, at: int, by: str = "condition") -> Alert | None:
    """The alert whose condition holds no more, or whose rule is gone (`configuration`); None where that is known."""
    if alert.ended_at is not None:
        return None
    at = max(at, alert.opened_at)
    closed = {} if alert.closed_at is not None else {"closed_at": at, "closed_by": by}
    return _next(alert, ended_at=at, **closed)


def with_tellings(alert: Alert, tellings: list[Telling]) -> Alert:
    """The alert with these tellings; a telling replaces the one of the same step and channel."""
    by_step = {(telling.step, telling.channel): telling for telling in (*alert.told, *tellings)}
    return _next(alert, told=tuple(by_step.values()))


def step_of(alert: Alert) -> str:
    """The step that there is to tell of the alert as it is."""
    if alert.closed_at is not None:
        return "closed"
    return f"level-{alert.level}" if alert.level else "opened"


def is_newer(alert: Alert, than: Alert | None) -> bool:
    return than is None or alert.version > than.version


def _next(alert: Alert, **changes: Any) -> Alert:
    after = alert.model_copy(update=changes)
    rank = (after.closed_at is not None) + (after.ended_at is not None)
    return after.model_copy(update={"version": rank * _RANK + alert.version % _RANK + 1})
