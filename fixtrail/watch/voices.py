"""Complaints and bad scores that nobody looks after: an alert a level, the higher ends the lower.

The id of an alert is a hash of rule, case and level, so after a crash each level is still told once.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fixtrail.voices.cases import VoiceCase, cases_of
from fixtrail.watch.config import DetractorRule, VoiceRule
from fixtrail.watch.rules import Centers, Due, due_by
from fixtrail.watch.settling import is_settled
from schemas.centers import Center
from schemas.opening_hours import opening_time_after
from schemas.order_key import OrderKey
from schemas.times import MINUTE_MS

log = logging.getLogger(__name__)

Fact = Mapping[str, Any]


def voice_dues(fact: Fact, rules: Iterable[VoiceRule], centers: Centers) -> list[Due]:
    """Every level of the order's cases that are not looked after, due or yet to be, whatever became of the order."""
    cases, center = cases_of(fact), centers.get(fact["center_id"])
    fitting = [rule for rule in rules if rule.fits(fact["center_id"], fact["lane"])]
    return [due for rule in fitting for case in cases for due in _levels(rule, case, fact, center)]


def _levels(rule: VoiceRule, case: VoiceCase, fact: Fact, center: Center | None) -> Iterator[Due]:
    if not _is_neglected(rule, case):
        return
    for level, minutes in enumerate(_minutes_of(rule, case)):
        span_ms = round(minutes * MINUTE_MS)
        yield Due(
            rule=rule,
            subject=f"{fact['order_id']}/{case.case_id}",
            opening=f"level {level + 1}:{case.asked_at}",
            since=case.asked_at,
            due_at=opening_time_after(case.asked_at, span_ms, center if rule.counted == "opening" else None),
            limit=minutes,
            order_id=fact["order_id"],
            center_id=fact["center_id"],
            lane=fact["lane"],
            level=level,
        )


def _is_neglected(rule: VoiceRule, case: VoiceCase) -> bool:
    if isinstance(rule, DetractorRule):
        return case.kind == "detractor" and not case.is_contacted
    if case.kind != "complaint" or not case.is_open:
        return False
    return rule.until == "resolved" or not case.is_contacted


def _minutes_of(rule: VoiceRule, case: VoiceCase) -> tuple[float, ...]:
    if isinstance(rule, DetractorRule):
        return rule.minutes
    return rule.high_minutes if case.severity == "high" else rule.low_minutes


class VoiceCases:
    """What is due of the cases of a partition's orders, by order. Only orders with a case that waits take memory."""

    def __init__(self, rules: Iterable[object], centers: Centers) -> None:
        self._rules = [rule for rule in rules if isinstance(rule, VoiceRule)]
        self._centers = centers
        self._dues: dict[OrderKey, tuple[list[Due], int]] = {}

    def add(self, key: OrderKey, fact: Fact, settled_at: int) -> None:
        """Note an order's newest fact; before `settled_at` more of it may be on its way, as in an import."""
        try:
            dues = voice_dues(fact, self._rules, self._centers)
        except (TypeError, KeyError, ValueError, OverflowError):
            log.exception("nothing can be said of an order's complaints and scores")
            dues = []
        if dues:
            self._dues[key] = dues, settled_at
        else:
            self._dues.pop(key, None)

    def due_by(self, key: OrderKey, now: int) -> dict[tuple[str, str], Due]:
        """The highest level of each case that is due."""
        return due_by(self._dues.get(key, ([], 0))[0], now)

    def is_settled(self, key: OrderKey, now: int) -> bool:
        return is_settled(self._dues.get(key, ([], 0))[1], now)

    def times_after(self, key: OrderKey, now: int) -> list[int]:
        """When the order has to be looked at again."""
        dues, settled_at = self._dues.get(key, ([], 0))
        return [at for at in (settled_at, *(due.due_at for due in dues)) if at > now]
