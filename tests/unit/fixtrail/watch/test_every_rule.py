"""Every kind of rule about orders opens an alert of a journey as the watch reads it, and ends it with what ends it."""

import typing
from typing import Any

import pytest

from fixtrail.watch.config import OrderRule, VoiceRule, WatchConfig
from fixtrail.watch.shard import Shard
from tests.unit.fixtrail.watch.shards import at, learn, rules
from tests.workshop import (
    approved,
    check_passed,
    checked_in,
    complained,
    diagnosed,
    diagnosis_started,
    followed_up,
    ms,
    part,
    quoted,
    repair,
    repaired_visit,
    said_ready,
    surveyed,
)

ARRIVED = [checked_in("08:00", promised="12:00", lane="quick")]
ORDERED = [*ARRIVED, quoted("08:10", 0, "brakes"), approved("08:20"), part("requested", "08:30", urgency="emergency")]
MENDED = [*ARRIVED, diagnosed("08:20", 0, "brakes"), repair("started", "08:30"), repair("completed", "09:00")]
READY = [*MENDED, said_ready("09:10")]
COMPLAINT = [*repaired_visit(), complained("11:10", event_id="k1", severity="high")]
BAD_SCORE = [*repaired_visit(), surveyed("11:10", score=2)]

# By kind: what the rule says, the events that break it, when it is told, the events that end it, when that is told.
CASES: dict[str, tuple[dict[str, Any], list[Any], str, list[Any], str]] = {
    "wait": ({"activity": "parts", "minutes": 30}, ORDERED, "09:01", [part("fulfilled", "09:02")], "09:03"),
    "no_news": ({"minutes": 60}, ORDERED, "09:31", [part("backordered", "09:32")], "09:33"),
    "quick_lane": ({}, ARRIVED, "08:16", [*READY[1:]], "09:20"),
    "promise": ({"minutes": 30}, ARRIVED, "11:31", [*READY[1:]], "11:40"),
    "emergency_part": ({"minutes": 60}, ORDERED, "09:31", [part("fulfilled", "09:32")], "09:33"),
    "check_missing": ({"groups": ["brakes"]}, READY, "09:11", [check_passed("09:12")], "09:13"),
    "stuck": ({"minutes": 60}, ARRIVED, "09:01", [diagnosis_started("09:02")], "09:03"),
    "complaint_age": ({}, COMPLAINT, "12:11", [followed_up("12:20")], "12:21"),
    "detractor": ({"minutes": [60]}, BAD_SCORE, "12:11", [surveyed("12:20")], "12:21"),
}


def kinds() -> set[str]:
    """The kinds of the rules about what happens to an order."""
    models = (*typing.get_args(OrderRule), *typing.get_args(VoiceRule))
    return {typing.get_args(model.model_fields["kind"].annotation)[0] for model in models}


def test_every_kind_has_a_case():
    assert CASES.keys() == kinds()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_it_opens_and_ends(kind: str):
    says, events, due, ends, ended = CASES[kind]
    config = {"time_zone": "UTC", "rule": [{"name": "it", "kind": kind, **says}]}
    shard = Shard(0, WatchConfig.model_validate(config), {}, acks={})
    shard.live_since = ms("00:00")

    learn(shard, *events)
    assert rules(at(shard, due)) == [("it", "open")]

    learn(shard, *events, *ends)
    assert rules(at(shard, ended)) == [("it", "closed")]
