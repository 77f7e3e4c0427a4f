"""Computes what is due of a center's source: it is silent, its clock is ahead, or a field of it is lost. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from fixtrail.watch.center_counts import FIELDS, CenterCounts, DayCounts
from fixtrail.watch.config import ClockSkewRule, FieldLostRule, SourceRule, SourceSilentRule
from fixtrail.watch.rules import Due
from schemas.times import DAY_MS, HOUR_MS, MINUTE_MS


def source_dues(rule: SourceRule, center_id: str, counts: CenterCounts, now: int) -> Iterator[Due]:
    """The cases of a center that are due at `now`."""
    match rule:
        case SourceSilentRule():
            due = silence_due(rule, center_id, counts.events[center_id], now)
        case ClockSkewRule():
            due = clock_due(rule, center_id, counts.days[center_id].get(now // DAY_MS, DayCounts()), now)
        case FieldLostRule():
            yield from field_dues(rule, center_id, counts.days[center_id], now)
            return
    if due is not None:
        yield due


def silence_due(rule: SourceSilentRule, center_id: str, events: Mapping[int, int], now: int) -> Due | None:
    """The case of a center from which nothing has come since when `least_usual` events usually come.

    Usual is the mean of the same hours in the weeks before, of which two must be known. Where ten events are to be
    expected, chance brings none at all once in twenty thousand times (Poisson).
    """
    last = max((hour for hour, n in events.items() if n > 0 and hour <= now), default=None)
    if last is None:
        return None
    since, usual, first = last + HOUR_MS, 0.0, min(events)
    for hour in range(since, now - HOUR_MS + 1, HOUR_MS):
        weeks = [hour - week * 7 * DAY_MS for week in range(1, rule.weeks + 1)]
        numbers = [events.get(at, 0) for at in weeks if at >= first]
        if len(numbers) < 2:
            return None
        usual += sum(numbers) / len(numbers)
        if usual >= rule.least_usual:
            due_at = hour + HOUR_MS + round(rule.minutes * MINUTE_MS)
            return _due(rule, center_id, f"silent:{since}", since, due_at, rule.least_usual, round(usual, 1))
    return None


def clock_due(rule: ClockSkewRule, center_id: str, day: DayCounts, now: int) -> Due | None:
    """The case of a center of which several orders' events were stamped long after they came, today (UTC)."""
    limit_ms = round(rule.minutes * MINUTE_MS)
    ahead = [ms for ms in day.ahead_ms.values() if ms > limit_ms]
    if len(ahead) < rule.least_orders:
        return None
    began = now // DAY_MS * DAY_MS
    value = round(max(ahead) / MINUTE_MS, 1)
    return _due(rule, center_id, f"day:{began}", began, now, rule.minutes, value)


def field_dues(rule: FieldLostRule, center_id: str, days: Mapping[int, DayCounts], now: int) -> Iterator[Due]:
    """The cases of a center whose orders of the last days have a field much less often than those before.

    Below the lower limit of a p-chart (`sigmas`), and less than half as often as before.
    """
    today = now // DAY_MS
    lately = [days[day] for day in days if today - rule.window_days < day <= today]
    before = {day: days[day] for day in days if 0 <= today - rule.window_days - day < rule.baseline_days}
    n, n_before = sum(day.handed_off for day in lately), sum(day.handed_off for day in before.values())
    if n < rule.least_now or n_before < rule.least_before:
        return
    names: Sequence[str] = rule.fields or tuple(FIELDS)
    for name in names:
        usual = sum(day.filled[name] for day in before.values()) / n_before
        share = sum(day.filled[name] for day in lately) / n
        limit = min(usual / 2, usual - rule.sigmas * sqrt(usual * (1 - usual) / n))
        if share < limit:
            # The day on which it was last there as usual: the same loss is the same alert on every day.
            usual_days = (
                day for day, counts in days.items() if counts.filled[name] * 2 >= usual * counts.handed_off > 0
            )
            since = (max(usual_days) + 1) * DAY_MS
            yield _due(
                rule, center_id, f"field:{since}", since, now, round(limit, 4), round(share, 4), f"{center_id}/{name}"
            )


def _due(
    rule: SourceRule,
    center_id: str,
    opening: str,
    since: int,
    due_at: int,
    limit: float,
    value: float,
    subject: str | None = None,
) -> Due:
    return Due(rule, subject or center_id, opening, since, due_at, limit, value, center_id=center_id)
