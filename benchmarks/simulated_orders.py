"""Simulated visits as the reports' queries would give them: by the rules from every event, or straight from SimPy.

The second way leaves out the events, their flaws and the rules, and takes a third of the time: for many seeds.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pandas as pd

from fixtrail.simulator.calendar import wave_start
from fixtrail.simulator.feed import Event, FeedOrder
from fixtrail.simulator.run import simulate, workshops
from fixtrail.simulator.scenario import Scenario
from fixtrail.simulator.voice import CustomerReactions, Experience, Reaction
from schemas.events import SERVICE_EVENT
from streams.journey.batch import journey_facts

SHANGHAI = timezone(timedelta(hours=8))
START = datetime(2026, 7, 6, tzinfo=SHANGHAI)
TIMES = ("checked_in_at", "ready_at", "closed_at", "promised_at")


def orders_by_rules(scenario: Scenario, seed: int, days: int) -> pd.DataFrame:
    """Every handed-off order of a run, with the columns of drivers.sql and pilot.sql, by the product's own rules."""
    check_ins: dict[str, set[str]] = {}
    events = []
    for _, event in simulate(scenario, seed, days, None, START):
        if event["type"] == "check_in":
            check_ins.setdefault(event["order_id"], set()).add(event["event_id"])
        events.append(SERVICE_EVENT.validate_json(orjson.dumps(event)))
    regions = {center.id: center.region for center in scenario.center}
    end = START + timedelta(days=days)
    rows = [
        {**fact, "check_ins": len(check_ins.get(fact["order_id"], ())), "region": regions.get(fact["center_id"])}
        for fact in journey_facts(events, int(end.timestamp() * 1000))
        if fact["status"] == "handed_off"
    ]
    frame = pd.DataFrame(rows).drop(columns=["stages", "parts", "timeline", "quote", "promises"])
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name], unit="ms", utc=True)
    return frame


def centers_of(scenario: Scenario) -> pd.DataFrame:
    """The reference data of the run's centers as view `centers` has them: id, region, wave, first day of the wave."""
    return pd.DataFrame(
        [
            {
                "center_id": center.id,
                "region": center.region,
                "wave": center.wave,
                "wave_start": wave_start(scenario, center, START) if center.wave else None,
            }
            for center in scenario.center
        ]
    )


def orders_from_visits(scenario: Scenario, seed: int, days: int, only: Collection[str] | None = None) -> pd.DataFrame:
    """The repaired and handed-off visits of a run, as their customers saw them.

    What the vehicle's comeback tells weeks later is known at once. Visits without a repair (about 4 %) are left out,
    and so are the feed's flaws. `only` these centers are simulated; `center_of_visit` is the one whose people did it.
    """
    rows: list[dict[str, Any]] = []
    for shop in workshops(scenario, seed, days, None, START):
        if only is not None and shop.center.id not in only:
            continue
        feed = _Watched(shop.center.id)
        shop.feed = feed  # type: ignore[assignment]
        shop.reactions = _Heard(shop.reactions, feed, rows)  # type: ignore[assignment]
        for _ in shop.events():
            pass
    frame = pd.DataFrame(rows)
    for name in ("checked_in_at", "closed_at"):
        frame[name] = pd.to_datetime(
            (frame[name] * 1000 + START.timestamp() * 1000).astype("int64"), unit="ms", utc=True
        )
    return frame


class _Watched:
    """A feed that sends nothing and knows which visit was closed last."""

    def __init__(self, center_id: str) -> None:
        self.center_id = center_id
        self.closed: FeedOrder | None = None
        self.closed_s = 0.0
        self._start_ms = int(START.timestamp() * 1000)

    def open_order(self, order_id: str, vehicle_id: str, center_id: str, now_s: float) -> FeedOrder:
        return FeedOrder(order_id, vehicle_id, center_id, now_s)

    def say(self, *_: Any, **__: Any) -> None: ...

    def say_further(self, *_: Any, **__: Any) -> None: ...

    def close_order(self, order: FeedOrder, now_s: float) -> None:
        self.closed, self.closed_s = order, now_s

    def arrived_before(self, at_s: float) -> Iterator[tuple[int, int, Event]]:
        return iter(())

    def stamp(self, at_s: float) -> str:
        return ""

    def next_five_minutes(self, at_s: float) -> float:
        return at_s


@dataclass
class _Heard:
    """A voice whose words are written down beside what the visit was like."""

    voice: CustomerReactions
    feed: _Watched
    rows: list[dict[str, Any]]

    def after(self, experience: Experience) -> list[Reaction]:
        reactions = self.voice.after(experience)
        order = self.feed.closed
        assert order is not None
        surveys = [reaction for reaction in reactions if reaction.kind == "survey"]
        self.rows.append(
            {
                "order_id": order.order_id,
                "center_id": order.center_id,
                "center_of_visit": self.feed.center_id,
                "checked_in_at": order.checked_in_s,
                "closed_at": self.feed.closed_s,
                "wait_s": experience.wait_min * 60,
                "ftf": experience.fixed_first_time,
                "stockouts": int(experience.stockout),
                "score": max(surveys, key=lambda reaction: reaction.after_s).fields["score"] if surveys else None,
                "complaints": sum(reaction.kind == "complaint" for reaction in reactions),
            }
        )
        return reactions


def center_days(orders: pd.DataFrame, settled_before: datetime | None) -> pd.DataFrame:
    """The answer of pilot.sql for these orders; None: whether they were fixed first time is certain of all."""
    rows = orders[orders["checked_in_at"].notna() & orders["center_id"].notna()]
    settled = rows["closed_at"] < settled_before if settled_before else True
    judged = rows["ftf"].notna() & settled
    sums = pd.DataFrame(
        {
            "center_id": rows["center_id"],
            "day": rows["checked_in_at"].dt.tz_convert(SHANGHAI).dt.date,
            "handed_off": 1,
            "waits": rows["wait_s"].notna().astype(int),
            "wait_s": rows["wait_s"].fillna(0.0),
            "judged": judged.astype(int),
            "fixed": (judged & (rows["ftf"] == True)).astype(int),  # noqa: E712
            "scores": rows["score"].notna().astype(int),
            "promoters": (rows["score"] >= 9).astype(int),
            "detractors": (rows["score"] <= 6).astype(int),
            "complaints": rows["complaints"],
            "wait_squares": rows["wait_s"].fillna(0.0) ** 2,
            "complaint_squares": rows["complaints"] ** 2,
        }
    )
    return sums.groupby(["center_id", "day"], as_index=False).sum()


def now_after(days: int) -> datetime:
    """The instant at which a run of so many days ends."""
    return (START + timedelta(days=days)).astimezone(UTC)
