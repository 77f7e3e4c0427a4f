"""When a center is open, and when the rollout reaches it, in seconds since the start of the run."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fixtrail.simulator.scenario import Scenario, ScenarioCenter

REGIONS = ("East", "South", "North", "West")
NEVER_S = float("inf")
# Comebacks and cars left overnight need opening hours after the end of the run.
AFTERWARDS = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class OpenDay:
    opens_s: float
    closes_s: float
    weekday: int  # 0 is Monday
    first_hour: float  # local hour of opening, 8.5 is half past eight


class Calendar:
    """The open days of one center around a run."""

    def __init__(self, center: ScenarioCenter, start: datetime, days: int) -> None:
        zone = ZoneInfo(center.time_zone)
        self.days: list[OpenDay] = []
        day = start.astimezone(zone).date()
        last = (start + timedelta(days=days) + AFTERWARDS).astimezone(zone).date()
        while day <= last:
            if day.isoweekday() in center.weekdays:
                opens, closes = _seconds(start, day, center.opens, zone), _seconds(start, day, center.closes, zone)
                hour = center.opens.hour + center.opens.minute / 60
                self.days.append(OpenDay(opens, closes, day.weekday(), hour))
            day += timedelta(days=1)
        self._opens = [day.opens_s for day in self.days]

    def at_or_after(self, at_s: float, margin_s: float = 0.0) -> OpenDay:
        """The day on which the center is open at `at_s`, `margin_s` before closing at the latest, or opens next."""
        index = max(bisect_right(self._opens, at_s) - 1, 0)
        while index < len(self.days) - 1 and self.days[index].closes_s - margin_s <= at_s:
            index += 1
        return self.days[index]

    def working_day(self, at_s: float) -> float:
        """Working days from the first one around the run to `at_s`: 2.5 is noon of the third."""
        index = max(bisect_right(self._opens, at_s) - 1, 0)
        day = self.days[index]
        return index + min(max((at_s - day.opens_s) / (day.closes_s - day.opens_s), 0.0), 1.0)

    def latest(self, at_s: float) -> OpenDay:
        """The day that has opened last at `at_s`, closed again or not."""
        return self.days[max(bisect_right(self._opens, at_s) - 1, 0)]


def wave_start(scenario: Scenario, center: ScenarioCenter, start: datetime) -> date | None:
    """The local date from whose first minute the center works as in `improved`; None for never."""
    for wave in scenario.wave:
        if wave.number == center.wave:
            if wave.from_date is not None:
                return wave.from_date
            return start.astimezone(ZoneInfo(center.time_zone)).date() + timedelta(days=wave.from_day or 0)
    return None


def improved_from_s(scenario: Scenario, center: ScenarioCenter, start: datetime) -> float:
    """Seconds from the start of the run to the center's change; NEVER_S when it does not change."""
    day = wave_start(scenario, center, start)
    if day is None or not scenario.waves_take_effect:
        return NEVER_S
    return _seconds(start, day, time(), ZoneInfo(center.time_zone))


def centers_of(scenario: Scenario, count: int | None) -> list[ScenarioCenter]:
    """The first `count` centers; past the scenario's list, invented ones that no wave reaches."""
    listed = list(scenario.center)
    if count is None:
        return listed
    return listed[:count] + [_invented(number) for number in range(len(listed) + 1, count + 1)]


def _invented(number: int) -> ScenarioCenter:
    region = REGIONS[number % len(REGIONS)]
    return ScenarioCenter(id=f"more-{number:03}", name=f"服务中心{number}", name_en=f"Center {number}", region=region)


def _seconds(start: datetime, day: date, at: time, zone: ZoneInfo) -> float:
    return (datetime.combine(day, at, tzinfo=zone).astimezone(UTC) - start).total_seconds()
