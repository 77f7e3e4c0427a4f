"""What is due of a center's source: silence where events are usual, a clock that is ahead, a field that is gone."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fixtrail.watch.config import WatchConfig
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.shard import Shard
from fixtrail.watch.words import Wording
from schemas.centers import Center
from schemas.heartbeat import heartbeat_headers
from schemas.times import MINUTE_MS
from tests.workshop import checked_in, diagnosed, facts_after, handed_off, ms, repair

CONFIG = WatchConfig.model_validate(
    {
        "time_zone": "UTC",
        "rule": [
            {"name": "silent", "kind": "source_silent"},
            {"name": "clock", "kind": "clock_skew"},
            {"name": "field", "kind": "field_lost", "fields": ["fault_groups"]},
        ],
    }
)
WORDS = Wording("en", "UTC", {"C1": Center(id="C1", name="Pudong", region="east", time_zone="UTC")})


def record(value: Any, topic: str, **fields: Any) -> Any:
    raw = None if value is None else orjson.dumps(value, default=str)
    about = {"topic": topic, "headers": [], "offset": 0, "partition": 0, "timestamp": 0}
    return SimpleNamespace(key=b"", value=raw, **{**about, **fields})


def hour(clock: str, day: int, check_ins: int) -> Any:
    row = {"center_id": "C1", "hour": ms(clock, day), "partition": 0, "revision": 1, "part_requests": 0}
    return record({**row, "stockouts": 0, "check_ins": check_ins, "handed_off": 0, "cancelled": 0}, "center-hours")


@pytest.fixture
def shard() -> Shard:
    """Of a center that is known since four weeks, with four check-ins an hour from 8 to 17 h on each day."""
    shard = Shard(0, CONFIG, {}, acks={})
    shard.live_since = ms("00:00")
    for day in range(-28, 0):
        for clock in range(8, 18):
            shard.apply_hour(hour(f"{clock:02}:00", day, 4))
    return shard


def at(shard: Shard, clock: str, day: int = 0) -> TickOutput:
    output = shard.tick(ms(clock, day))
    shard.accept(output)
    return output


def lines_of(output: TickOutput) -> list[str]:
    return [WORDS.line(alert, "opened") for alert in output.alerts.values()]


# Silence


def test_a_center_that_sends_nothing_while_ten_events_are_usual_is_told_once(shard: Shard) -> None:
    shard.apply_hour(hour("08:00", 0, 4))

    # At 12 h twelve events would have come since 9 h, and a quarter of an hour's grace is over at 12:15.
    assert lines_of(at(shard, "12:14")) == []
    assert lines_of(at(shard, "12:15")) == [
        "[Alert · warning] Pudong has sent nothing since 03-02 09:00; usually 12 events come in that time"
    ]
    assert lines_of(at(shard, "15:00")) == []
    shard.apply_hour(hour("15:00", 0, 1))
    (alert,) = at(shard, "15:02").alerts.values()
    assert alert.state == "closed"


def test_a_night_is_no_silence(shard: Shard) -> None:
    shard.apply_hour(hour("17:00", 0, 4))

    assert lines_of(at(shard, "08:00", day=1)) == []
    assert len(lines_of(at(shard, "11:15", day=1))) == 1


def test_of_a_center_that_is_new_nothing_is_usual() -> None:
    shard = Shard(0, CONFIG, {}, acks={})
    shard.live_since = ms("00:00")
    for day in range(-6, 0):
        shard.apply_hour(hour("09:00", day, 40))

    assert lines_of(at(shard, "18:00")) == []


def test_while_events_wait_for_the_workers_no_silence_is_told(shard: Shard) -> None:
    shard.apply_journey(record(None, "journeys", headers=heartbeat_headers(ms("11:00"))))
    shard.apply_hour(hour("08:00", 0, 4))

    assert lines_of(at(shard, "15:00")) == []


# The clock


def arrive(shard: Shard, order_id: str, received_ms: int, *events: Any) -> None:
    for fact in facts_after(*events).values():
        shard.apply_journey(record(fact, "journeys", timestamp=received_ms))


def test_a_clock_that_is_ahead_is_told_from_three_orders_on(shard: Shard) -> None:
    shard.apply_hour(hour("08:00", 0, 4))
    for number in range(1, 4):
        arrive(shard, f"R{number}", ms("08:20") - number * MINUTE_MS, checked_in("08:20", order_id=f"R{number}"))
        # One minute is within the limit of two, two are not above it.
        assert lines_of(at(shard, f"08:2{number}")) == []
    arrive(shard, "R4", ms("08:10"), checked_in("08:20", order_id="R4"))
    arrive(shard, "R5", ms("08:17"), checked_in("08:20", order_id="R5"))

    assert lines_of(at(shard, "08:30")) == [
        "[Alert · warning] The clock of Pudong is ahead: events are stamped 10 min after they came (limit 2)"
    ]


def test_events_that_come_late_are_no_clock_that_is_ahead(shard: Shard) -> None:
    shard.apply_hour(hour("11:00", 0, 4))
    for number in range(9):
        arrive(shard, f"R{number}", ms("12:00"), checked_in("08:20", order_id=f"R{number}"))

    assert lines_of(at(shard, "12:01")) == []


# A field


def visits(shard: Shard, day: int, number: int, *groups: str) -> None:
    for n in range(number):
        order = {"order_id": f"D{day}-{n}", "vehicle_id": f"V{day}-{n}"}
        events = (
            checked_in("09:00", day, **order),
            diagnosed("09:10", day, *groups, **order),
            repair("started", "09:20", day, **order),
            repair("completed", "09:30", day, **order),
            handed_off("10:00", day, **order),
        )
        # Written twice, as after a late survey: it is one order.
        arrive(shard, order["order_id"], ms("10:00", day), *events)
        arrive(shard, order["order_id"], ms("10:00", day), *events)


def test_a_field_that_most_orders_had_and_none_has_any_more_is_told(shard: Shard) -> None:
    for day in range(-8, 0):
        visits(shard, day, 10, "brakes")
    shard.apply_hour(hour("10:00", 0, 4))
    visits(shard, 0, 9)
    assert lines_of(at(shard, "10:05")) == []

    visits(shard, 1, 10)
    shard.apply_hour(hour("10:00", 1, 4))
    output = at(shard, "10:10", day=1)

    assert lines_of(output) == [
        "[Alert · warning] Pudong has hardly sent fault_groups since 03-02 00:00: "
        "0.0%, below its control limit of 50.0%"
    ]
    (alert,) = output.alerts.values()
    assert (alert.subject, alert.center_id, alert.unit) == ("C1/fault_groups", "C1", "share")


def test_a_field_that_nobody_ever_sent_is_not_lost(shard: Shard) -> None:
    for day in range(-8, 2):
        visits(shard, day, 10)
    shard.apply_hour(hour("10:00", 1, 4))

    assert lines_of(at(shard, "10:10", day=1)) == []
