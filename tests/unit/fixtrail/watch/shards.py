"""A shard of the watch, what it learns, and the clock that it is asked at."""

from types import SimpleNamespace
from typing import Any

import orjson

from fixtrail.watch.config import WatchConfig
from fixtrail.watch.open_order import TickOutput
from fixtrail.watch.shard import Shard
from schemas.facts import Acknowledgement, Alert
from tests.workshop import (
    facts_after,
    ms,
)

CONFIG = WatchConfig.model_validate(
    {
        "time_zone": "UTC",
        "customers": {"running_late": [{"minutes": 10}], "no_news": [{"minutes": 60}]},
        "rule": [
            {"name": "reception", "kind": "wait", "activity": "reception", "minutes": 30, "escalate_minutes": [30, 90]},
            {"name": "parts", "kind": "wait", "activity": "parts", "minutes": 30},
            {"name": "promise", "kind": "promise", "minutes": 30},
            {"name": "emergency", "kind": "emergency_part", "minutes": 120},
            {"name": "stockouts", "kind": "stockout_rate", "least_today": 5, "least_before": 20},
            {"name": "pipeline", "kind": "pipeline_lag", "minutes": 2},
            {"name": "vehicle", "kind": "vehicle_changed"},
        ],
    }
)


def a_record(value: Any, key: str = "", topic: str = "journeys", **fields: Any) -> Any:
    raw = value if value is None or isinstance(value, bytes) else orjson.dumps(value, default=str)
    record_fields = {"topic": topic, "headers": [], "offset": 0, "partition": 0, "timestamp": 0}
    return SimpleNamespace(key=key.encode(), value=raw, **{**record_fields, **fields})


def a_shard(*events: dict[str, Any], live_since: str = "00:00") -> Shard:
    shard = Shard(0, CONFIG, {}, acks={})
    shard.live_since = ms(live_since)
    learn(shard, *events)
    return shard


def learn(shard: Shard, *events: dict[str, Any]) -> None:
    """The journeys of these events, as they are now."""
    for fact in facts_after(*events).values():
        shard.apply_journey(a_record(fact))


def at(shard: Shard, clock: str, day: int = 0) -> TickOutput:
    """What the shard writes at that time."""
    changes = shard.tick(ms(clock, day))
    shard.accept(changes)
    return changes


def rules(output: TickOutput) -> list[tuple[str, str]]:
    return sorted((alert.rule, alert.state) for alert in output.alerts.values())


def acknowledge(shard: Shard, alert: Alert, clock: str) -> None:
    acknowledgement = Acknowledgement(
        alert_id=alert.alert_id, acknowledged_at=ms(clock), acknowledged_by="Li Wei", note="on it"
    )
    shard._acks[alert.alert_id] = acknowledgement
