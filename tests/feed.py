"""A dirty feed as real workshops send it, from a seed: all types, every corner of CONTRACT.md, late and twice.

python -m tests.feed --seed 1 --events 50000 --duplicates 0.05 --late 0.05 --out FILE
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.feed_visit import DAY, HOUR, MINUTE, Visit, play

Event = dict[str, Any]

START = datetime(2025, 3, 3, tzinfo=UTC)
DAYS = 45
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FAULTS = ("brakes", "battery", "door-lock", "充电口", "suspension", "screen", "空调", "maintenance")
# Latin capitals sort before small letters by code point, and the wrench after ￥ but before it in UTF-16.
ID_PREFIXES = ("e-", "E-", "ä-", "事件-", "￥-", "🔧-")
OFFSETS = tuple(timezone(timedelta(minutes=m)) for m in (0, 480, 480, 345, -210, 840, -720))
OPTIONAL = {
    "check_in": ("odometer_km", "promised_at", "locale", "contact"),
    "diagnosis": ("technician_id", "fault_groups", "fault_origin", "fault_codes", "quote"),
    "quote_decision": ("amount",),
    "part_request": ("urgency", "expected_at", "unit_price"),
    "repair": ("technician_id", "bay_id", "pause_reason"),
    "quality_check": (),
    "handoff": ("odometer_km", "amount"),
    "cancellation": ("reason",),
    "survey": ("reasons", "comment"),
    "complaint": ("severity", "complaint_id"),
    "ready": (),
    "follow_up": ("handler_id",),
    "appointment": ("fault_groups", "contact"),
    "expert": (),
}


# Clean histories


def clean_events(
    seed: int,
    orders: int = 400,
    vehicles: int = 250,
    centers: int = 15,
    days: int = DAYS,
    start: datetime = START,
) -> list[Event]:
    """The events of so many orders, none twice, sorted by time and event id.

    First visits are checked in within `days`; a comeback comes when it is due, so up to a month after that.
    """
    workshops = _Workshops(seed, vehicles, centers, days, start)
    return _in_order(event for _ in range(orders) for event in workshops.next_order())


def clean_feed(seed: int, events: int, centers: int = 15, days: int = DAYS, start: datetime = START) -> list[Event]:
    """Like `clean_events`, but exactly so many events; the last order generated may so stay open."""
    workshops = _Workshops(seed, max(10, events // 20), centers, days, start)
    feed: list[Event] = []
    while len(feed) < events:
        feed += workshops.next_order()
    return _in_order(feed[:events])


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (_us_of(event), event["event_id"]))


def _us_of(event: Event) -> int:
    return (datetime.fromisoformat(event["occurred_at"]) - EPOCH) // timedelta(microseconds=1)


@dataclass
class _Past:
    """What a comeback needs to know of the visit before."""

    vehicle: str
    center: str
    groups: list[str]
    odometer: float | None
    handed_off: int


class _Workshops:
    """Makes one order after the other; every choice comes from one random number generator."""

    def __init__(self, seed: int, vehicles: int, centers: int, days: int, start: datetime) -> None:
        self.rng = random.Random(seed)
        self.vehicles = [f"粤B·{n:05d}" if n % 10 == 3 else f"LFVFT{n:012d}" for n in range(vehicles)]
        self.centers = [f"深圳-{n:02d}" if n % 4 == 2 else f"C{n:02d}" for n in range(1, centers + 1)]
        self.start = (start - EPOCH) // timedelta(microseconds=1)
        self.days = days
        self.past: list[_Past] = []
        self.orders = 0
        # These centers number their orders for themselves, from 1; the numbers of the others occur once.
        self.numbers = Counter(dict.fromkeys(self.centers[::2], 0))
        self.ids = 0

    def next_order(self) -> list[Event]:
        """The wire events of one more order, in the order they happened."""
        visit = self._comeback() if self.past and self.rng.random() < 0.3 else self._first_visit()
        play(visit)
        _disturb(visit, self.centers[1::2])
        self._remember(visit)
        return [self._on_the_wire(visit, event) for event in sorted(visit.events, key=lambda event: event["us"])]

    def _visit(self, vehicle: str, center: str, at: int, groups: list[str], odometer: float | None) -> Visit:
        self.orders += 1
        number = 500_000 + self.orders
        if center in self.numbers:
            self.numbers[center] += 1
            number = self.numbers[center]
        order_id = {7: f"工单-{number:06d}", 13: f'WO/{number} \'a\\b"c"'}.get(number % 20, f"R{number:07d}")
        lane = self.rng.choices(("quick", "standard"), (3, 7))[0]
        return Visit(self.rng, self.orders, order_id, vehicle, center, lane, at, groups, odometer)

    def _first_visit(self) -> Visit:
        rng = self.rng
        # Mostly in opening hours, by the clock of UTC+8.
        at = self.start + rng.randrange(self.days) * DAY + rng.randint(0, 11 * HOUR) // 1000 * 1000
        groups = rng.sample(FAULTS, rng.choices((0, 1, 2, 3), (1, 6, 3, 1))[0])
        odometer = rng.choices((None, rng.randint(500, 180_000), rng.randint(500, 90_000) + 0.5), (2, 8, 1))[0]
        return self._visit(rng.choice(self.vehicles), rng.choice(self.centers), at, groups, odometer)

    def _comeback(self) -> Visit:
        """The vehicle of an earlier order again, close to every limit of the comeback rule."""
        rng = self.rng
        past = rng.choice(self.past)
        ms = 1000
        exact = (0, ms, 30 * DAY, 30 * DAY + ms, 30 * DAY - ms)
        gap = rng.randint(HOUR, 29 * DAY) if rng.random() < 0.8 else rng.randint(30 * DAY, 33 * DAY)
        gap = rng.choice(exact) if rng.random() < 0.4 else gap // ms * ms
        others = [fault for fault in FAULTS if fault not in past.groups]
        shared = rng.random() < 0.75
        groups = past.groups[:1] + rng.sample(others, rng.randint(0, 1)) if shared else rng.sample(others, 1)
        odometer = None
        if past.odometer is not None and rng.random() < 0.85:
            odometer = max(0, past.odometer + rng.choice((-30, 0, 250, 700, 1000, 1000.5, 1001, 4000)))
        center = past.center if rng.random() < 0.5 else rng.choice(self.centers)
        visit = self._visit(past.vehicle, center, past.handed_off // ms * ms + gap, groups, odometer)
        visit.is_comeback = True
        return visit

    def _remember(self, visit: Visit) -> None:
        handoffs = [event["us"] for event in visit.events if event["type"] == "handoff"]
        if handoffs and visit.at < self.start + self.days * DAY:
            self.past.append(_Past(visit.vehicle, visit.center, visit.groups, visit.odometer, handoffs[0]))

    def _on_the_wire(self, visit: Visit, event: Event) -> Event:
        rng = self.rng
        self.ids += 1
        prefix = ID_PREFIXES[0] if rng.random() < 0.6 else rng.choice(ID_PREFIXES)
        us = event["us"] + (rng.randrange(1000) if rng.random() < 0.05 else 0)
        wire = {
            "event_id": f"{prefix}{rng.getrandbits(40):010x}-{self.ids}",
            "type": event["type"],
            "order_id": visit.order_id,
            "vehicle_id": visit.vehicle,
            "center_id": event.get("center_id", visit.center),
            "occurred_at": _stamp(us, rng),
        }
        wire |= {name: value for name, value in event.items() if name not in ("us", "type", "center_id")}
        for name in ("promised_at", "expected_at", "starts_at"):
            if name in wire:
                wire[name] = _stamp(wire[name], rng)
        for name in OPTIONAL[event["type"]]:
            if name in wire and name != "quote" and rng.random() < 0.06:
                if rng.random() < 0.3:
                    wire[name] = None
                else:
                    del wire[name]
        if rng.random() < 0.04:
            wire |= rng.choice(_extras(visit.number))
        return wire


def _extras(number: int) -> list[dict[str, Any]]:
    """Fields the contract does not know, with something personal in them that must not turn up anywhere."""
    return [
        {"customer_name": f"王小明 canary-name-{number:06d}"},
        {"plate": f"粤B canary-plate-{number:06d}", "x_trace": 17},
        {"internal": {"note": f"canary-note-{number:06d}", "tags": [1, None, {"deep": True}]}},
    ]


def _stamp(us: int, rng: random.Random) -> str:
    """RFC 3339 in one of the forms that senders use."""
    at = EPOCH + timedelta(microseconds=us)
    if us % 1000 == 0 and rng.random() < 0.75:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
    return at.astimezone(rng.choice(OFFSETS)).isoformat()


# What goes wrong with the records


def _disturb(visit: Visit, centers: list[str]) -> None:
    """Lose, cut off, shift, tie and misplace some of the order's events, the last among these centers."""
    rng = visit.rng
    visit.events.sort(key=lambda event: event["us"])
    if visit.chance(0.05):
        del visit.events[rng.randint(1, len(visit.events)) :]
    if visit.chance(0.03):
        at = rng.choice(visit.events)["us"] + 60_000_000
        visit.add("cancellation", at=at)
    if visit.chance(0.04):
        visit.events = [event for event in visit.events if event["type"] != "check_in"] or visit.events
    visit.events = [event for event in visit.events if not visit.chance(0.012)] or visit.events[:1]
    visit.events.sort(key=lambda event: event["us"])
    for before, event in zip(visit.events, visit.events[1:], strict=False):
        if visit.chance(0.03):
            event["us"] = before["us"]
    if visit.chance(0.01):
        for event in visit.events:
            event["us"] = visit.events[0]["us"]
    if visit.chance(0.06):
        # The tablet's clock was wrong.
        event = rng.choice(visit.events)
        event["us"] -= rng.choice((1000, 10 * MINUTE, 5 * HOUR))
    if visit.center in centers and visit.chance(0.06):
        # Which makes an order of the other center, of the same number.
        center = rng.choice(centers)
        for event in rng.sample(visit.events, rng.randint(1, len(visit.events))):
            event["center_id"] = center


# Dirt on the way


def dirty(
    events: list[Event],
    seed: int,
    duplicates: float = 0.05,
    late: float = 0.05,
    max_late: timedelta = timedelta(days=3),
    conflicts: float = 0.0,
) -> list[Event]:
    """The same events in order of arrival: a share of them late, and a share once more, at once or days later.

    `conflicts` is the share of the duplicates that say something else under the same id: what stands first in the file
    counts.
    """
    rng = random.Random(f"dirty {seed}")
    count = len(events)
    late_ones = set(rng.sample(range(count), round(count * late)))
    arrivals: list[tuple[int, int, Event]] = []
    for number, event in enumerate(events):
        at = _us_of(event)
        if number in late_ones:
            at += round(MINUTE * (max_late / timedelta(minutes=1)) ** rng.random())
        arrivals.append((at, number, event))
    for number in rng.sample(range(count), round(count * duplicates)):
        at, _, event = arrivals[number]
        at += rng.choice((0, rng.randint(0, 10 * MINUTE), rng.randint(0, DAY), rng.randint(0, 10 * DAY)))
        again = _contradicted(event, rng) if rng.random() < conflicts else dict(event)
        arrivals.append((at, count + number, again))
    return [event for _, _, event in sorted(arrivals, key=lambda arrival: arrival[:2])]


def _contradicted(event: Event, rng: random.Random) -> Event:
    """The same id, order and vehicle, but another content."""
    changed = dict(event)
    if rng.random() < 0.5:
        changed["occurred_at"] = _stamp(_us_of(event) + rng.choice((-HOUR, 1000, 2 * DAY)), rng)
    if event["type"] == "survey":
        changed["score"] = 10 - event["score"]
    elif event["type"] == "quote_decision":
        changed["approved"] = not event["approved"]
    elif event["type"] == "handoff":
        changed["amount"] = 1234.56
    elif changed == event:
        changed["occurred_at"] = _stamp(_us_of(event) + 1000, rng)
    return changed


def canaries(events: Iterable[Event]) -> set[str]:
    """Personal text in these events that may stand nowhere but in the source topic: addresses, comments, extras."""
    names: set[str] = set()
    for event in events:
        names |= {address.partition(":")[2] for address in event.get("contact") or ()}
        texts = (
            event.get("comment"),
            event.get("customer_name"),
            event.get("plate"),
            event.get("internal", {}).get("note"),
        )
        names |= {word for text in texts if text for word in text.split() if word.startswith("canary-")}
    return names


def lines(events: Iterable[Event]) -> Iterator[bytes]:
    """Each event as one line of JSON, without the line end."""
    for event in events:
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def write(path: str | Path, events: Iterable[Event]) -> None:
    """The events as JSON Lines in a file."""
    with Path(path).open("wb") as file:
        for line in lines(events):
            file.write(line + b"\n")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=50_000, help="lines in the file, duplicates included")
    parser.add_argument("--duplicates", type=float, default=0.05, help="share of distinct events that come twice")
    parser.add_argument("--late", type=float, default=0.05, help="share of distinct events that come late")
    parser.add_argument("--conflicts", type=float, default=0.0, help="share of duplicates with another content")
    parser.add_argument("--max-late-days", type=float, default=3.0)
    parser.add_argument("--centers", type=int, default=15)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    distinct = round(options.events / (1 + options.duplicates))
    feed = dirty(
        clean_feed(options.seed, distinct, options.centers, options.days),
        options.seed,
        options.duplicates,
        options.late,
        timedelta(days=options.max_late_days),
        options.conflicts,
    )
    write(options.out, feed)
    print(
        f"{len(feed)} lines, {distinct} distinct events, {len({e['order_id'] for e in feed})} orders in {options.out}"
    )


if __name__ == "__main__":
    main()
