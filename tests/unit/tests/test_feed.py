"""The dirty feed: the same from the same seed, valid, with every type and result, and bad input of every kind."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.decode import EventError, admit, decode_event
from tests import feed, oracle
from tests.bad_records import POISON, poison, poison_code, poison_key
from tests.paths import ROOT
from tests.unit.tests.clean_feed import LATER, Event, clean, orders

__all__ = ["clean", "orders"]

SENT_MS = int(LATER.timestamp() * 1000)


# Determinism


def test_a_seed_always_gives_the_same_feed():
    assert feed.clean_events(5, orders=40) == feed.clean_events(5, orders=40)
    assert feed.clean_events(5, orders=40) != feed.clean_events(6, orders=40)


def test_the_file_is_the_same_in_another_process(tmp_path: Path):
    outs = [tmp_path / "a", tmp_path / "b"]
    for out, hash_seed in zip(outs, ("1", "2"), strict=True):
        command = [
            sys.executable,
            "-m",
            "tests.feed",
            "--seed",
            "3",
            "--events",
            "630",
            "--conflicts",
            "0.5",
            "--out",
            str(out),
        ]
        subprocess.run(command, cwd=ROOT, check=True, env={"PYTHONHASHSEED": hash_seed}, capture_output=True)

    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert len(outs[0].read_bytes().splitlines()) == 630


def test_so_many_orders_are_made():
    events = feed.clean_events(2, orders=30, vehicles=9, centers=3, days=10)

    assert len({(event["center_id"], event["order_id"]) for event in events}) == 30
    assert len({event["vehicle_id"] for event in events}) <= 9


def test_centers_use_the_same_numbers(clean: list[Event]):
    centers = defaultdict(set)
    for event in clean:
        centers[event["order_id"]].add(event["center_id"])

    assert sum(len(using) > 1 for using in centers.values()) > 100


# Dirt


def test_every_event_is_accepted(clean: list[Event]):
    for line in feed.lines(clean):
        decode_event(line)


def test_duplicates_and_late_arrivals_change_nothing(clean: list[Event], orders: dict[str, Any]):
    arrived = feed.dirty(clean, seed=1)

    assert len(arrived) == 21_000
    assert len({event["event_id"] for event in arrived}) == 20_000
    assert oracle.orders_of(arrived, LATER) == orders


def test_late_events_arrive_behind_younger_ones_but_not_later_than_allowed(clean: list[Event]):
    arrived = feed.dirty(clean, seed=1, duplicates=0, late=0.05, max_late=timedelta(hours=5))
    newest, delays = datetime.min.replace(tzinfo=UTC), []
    for event in arrived:
        at = datetime.fromisoformat(event["occurred_at"])
        delays.append(newest - at)
        newest = max(newest, at)

    assert sorted(map(str, arrived)) == sorted(map(str, clean))
    assert 0.02 < sum(delay > timedelta(0) for delay in delays) / len(clean) <= 0.05
    assert max(delays) <= timedelta(hours=5)


def test_of_contradicting_duplicates_the_first_in_the_file_counts():
    arrived = feed.dirty(feed.clean_events(4, orders=100), seed=4, duplicates=0.3, late=0, conflicts=0.5)
    versions = defaultdict(list)
    for event in arrived:
        versions[event["event_id"]].append(event)
    contradicted = [same for same in versions.values() if any(event != same[0] for event in same)]

    assert len(contradicted) > 50
    for first, *others in contradicted:
        assert {(event["vehicle_id"], event["center_id"], event["order_id"]) for event in (first, *others)} == {
            (first["vehicle_id"], first["center_id"], first["order_id"])
        }
    firsts = [same[0] for same in versions.values()]
    assert oracle.orders_of(arrived, LATER) == oracle.orders_of(firsts, LATER)
    for line in feed.lines(arrived):
        decode_event(line)


def test_written_lines_are_the_events(tmp_path: Path):
    events = feed.clean_events(1, orders=5)
    feed.write(tmp_path / "feed.jsonl", events)

    assert [json.loads(line) for line in (tmp_path / "feed.jsonl").read_bytes().splitlines()] == events


def test_every_address_belongs_to_one_order(clean: list[Event]):
    owners = defaultdict(set)
    for event in clean:
        for address in event.get("contact") or ():
            owners[address].add((event["vehicle_id"], event["order_id"]))

    assert len(owners) > 1000
    assert all(len(owner) == 1 for owner in owners.values())
    assert {address.partition(":")[2] for address in owners} <= feed.canaries(clean)


# Corners


def test_every_type_phase_and_optional_field_occurs(clean: list[Event]):
    phases = Counter((event["type"], event.get("phase")) for event in clean)
    for kind, names in {
        "diagnosis": ("started", "completed"),
        "part_request": ("requested", "backordered", "fulfilled", "cancelled"),
        "repair": ("started", "paused", "resumed", "completed"),
        "quality_check": ("started", "completed", None),
        **dict.fromkeys(("check_in", "quote_decision", "handoff", "cancellation", "survey", "complaint"), (None,)),
    }.items():
        assert all(phases[kind, name] for name in names), kind
    for kind, names in feed.OPTIONAL.items():
        for name in names:
            counts = Counter((name in event, event.get(name) is None) for event in clean if event["type"] == kind)
            assert counts[True, False], f"{name} of {kind} is never given"
            assert counts[False, True], f"{name} of {kind} is never left out"
    reasons = {event.get("pause_reason") for event in clean}
    assert reasons >= {"parts", "approval", "expert", "shift_end", "other"}


def test_every_result_occurs(orders: dict[str, dict[str, Any]]):
    rows = orders.values()

    assert {row["status"] for row in rows} == {"open", "handed_off", "cancelled"}
    assert {row["lane"] for row in rows} == {"quick", "standard", None}
    assert {name for row in rows for name, _, _ in row["stages"]} == {
        *("reception", "diagnosis", "approval", "parts", "bay", "repair", "quality", "pickup", "finishing")
    }
    assert {row["activity"] for row in rows} > {"reception", "diagnosis", "approval", "parts", "repair", "pickup"}
    assert {row["ftf_cause"] for row in rows} == {None, "rework", "open_part", "reopened", "comeback"}
    assert {row["ftf"] for row in rows} == {None, True, False}
    assert {row["score"] for row in rows} == {None, *range(11)}
    assert {row["fault_origin"] for row in rows} == {None, "maintenance", "misuse", "product"}
    assert {kind for row in rows for kind in row["anomalies"]} == {
        *("missing_check_in", "activity_after_close", "negative_gap")
    }


def test_every_activity_adds_up_to_the_lead(orders: dict[str, dict[str, Any]]):
    for row in orders.values():
        if row["lead_s"] is not None:
            parts = [row[f"{name}_s"] for name in ("wait", "touch", "pickup", "finishing")]
            assert sum(parts) == pytest.approx(row["lead_s"], abs=1e-6)
            stages = [
                ((until or max(LATER, row["last_event_at"])) - since).total_seconds()
                for _, since, until in row["stages"]
            ]
            assert sum(stages) == pytest.approx(row["lead_s"], abs=1e-6)


# Bad input


def test_every_kind_of_bad_input_is_refused_with_its_code():
    assert len(POISON) >= 40
    for kind in POISON:
        record = SimpleNamespace(key=poison_key(kind), value=poison(kind), headers=(), timestamp=SENT_MS)
        with pytest.raises(EventError) as refused:
            admit(record)
        assert refused.value.code == poison_code(kind), kind


def test_bad_input_is_bad_by_one_thing_only():
    """What all of it was made from is accepted, so each kind is refused for its own reason."""
    vehicle = "LFV00000000000042"
    value = POISON["no_key"](vehicle)

    assert admit(SimpleNamespace(key=vehicle.encode(), value=value, headers=(), timestamp=SENT_MS))
    assert poison_key("score_11", vehicle) == vehicle.encode()
