"""Bad records among good ones: each is named and kept, none stops or changes anything, and repaired ones go back."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runtime.personal.sealing import personal_event
from schemas.dead_letter import read_dead_letter
from schemas.heartbeat import heartbeat_sent_at
from tests import compare, feed
from tests.bad_records import POISON, poison, poison_code, poison_key
from tests.integration.conftest import SEED, MakeStack
from tests.kafka_io import RecordPosition, produce, read_topic
from tests.stack import Stack, wait_for
from tests.truth import Truth

EVENTS, LETTERS = "service-events", "service-events.dead-letter"
# A line sender cannot say these: no value, no or another key, a line end inside.
ONLY_BY_PRODUCER = {"tombstone", "empty_bytes", "blank", "two_records", "no_key", "key_of_another_vehicle"}
# `fixtrail send` seals what is personal, so that its letter would have other bytes.
BY_PRODUCER = {
    kind
    for kind in POISON
    if kind in ONLY_BY_PRODUCER or b"\n" in (poison(kind) or b"") or personal_event(poison(kind)) is not None
}


def vehicle_of(kind: str) -> str:
    """A vehicle of its own for each kind of bad record."""
    return f"LFVPOISON{list(POISON).index(kind):08d}"


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(feed.dirty(feed.clean_feed(SEED + 2, 3000), SEED))


@pytest.mark.long
def test_bad_records_among_good_ones(make_stack: MakeStack, tmp_path: Path, truth: Truth):
    stack = make_stack()
    kafka = stack.facts["kafka"]

    stack.send(mixed_file(tmp_path, truth))
    produced = produce_poison(kafka, BY_PRODUCER)
    stack.wait_idle()

    letters = letters_by_content(kafka)
    origins = {RecordPosition(EVENTS, record.partition, record.offset): record for record in read_topic(kafka, EVENTS)}
    for kind in POISON:
        assert_is_named_and_kept(kind, letters, origins, produced.get(kind))
    assert sum(map(len, letters.values())) == len(POISON)
    assert_listed(stack, Counter(map(poison_code, POISON)))
    differences = compare.clickhouse_differences(stack.ask, truth)
    assert not differences, compare.summary_of(differences)

    assert_repaired_letter_becomes_an_order(stack, tmp_path, truth, letters)


@pytest.mark.long
def test_worker_that_would_divert_everything_stops_and_says_why(make_stack: MakeStack, tmp_path: Path, truth: Truth):
    """60 bad records in a row are more likely our fault than theirs. An operator may insist."""
    source = tmp_path / "all-bad.ndjson"
    source.write_bytes(b"\n".join(poison("score_11", vehicle_of("score_11")) or b"" for _ in range(60)))
    stack = make_stack()

    stack.send(source)
    wait_for(lambda: b"worker-1 ended with exit code 78" in stack.log_path.read_bytes(), 180, "the worker has stopped")

    assert "FIXTRAIL_DEAD_LETTER_LIMITS=false" in stack.logs()["worker-1.log"]
    assert read_topic(stack.facts["kafka"], LETTERS) == []
    assert stack.stop() == 0

    # The rest of the stack comes up all the same, for whoever has to find out why.
    stack.start()
    wait_for(lambda: b"NOT RUNNING: worker-1" in stack.log_path.read_bytes(), 60, "it is said which box refuses")
    assert json.loads(stack.run("dead-letters", "list", "--json"))["codes"] == {}
    worker = stack.status()["children"]["worker-1"]
    assert worker["state"] != "ready" and "refuses to go on" in worker["ended"]
    assert stack.stop() == 0

    stack.environment["FIXTRAIL_DEAD_LETTER_LIMITS"] = "false"
    stack.start()
    stack.wait_idle()
    assert_listed(stack, Counter({"invalid_field": 60}))


def mixed_file(folder: Path, truth: Truth) -> Path:
    """The good events as lines, with bad ones spread among them."""
    lines = list(feed.lines(truth.events))
    bad = [kind for kind in POISON if kind not in BY_PRODUCER]
    step = len(lines) // len(bad)
    for number, kind in reversed(list(enumerate(bad))):
        value = poison(kind, vehicle_of(kind))
        assert value is not None
        lines.insert(number * step, value)
    path = folder / "mixed.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def produce_poison(kafka: str, kinds: set[str]) -> dict[str, RecordPosition]:
    """Each of these kinds as a record of its own, with the key it must have; where it stands."""
    kinds_in_order = sorted(kinds)
    records = [(poison_key(kind, vehicle_of(kind)), poison(kind, vehicle_of(kind))) for kind in kinds_in_order]
    return dict(zip(kinds_in_order, produce(kafka, EVENTS, records), strict=True))


def letters_by_content(kafka: str) -> dict[bytes | None, list[Any]]:
    letters: dict[bytes | None, list[Any]] = {}
    for letter in read_topic(kafka, LETTERS):
        letters.setdefault(letter.value, []).append(letter)
    return letters


def assert_is_named_and_kept(
    kind: str,
    letters: dict[bytes | None, list[Any]],
    origins: dict[RecordPosition, Any],
    produced: RecordPosition | None,
) -> None:
    """One letter with the record's own bytes and key, the code of its kind, and the place where the record stands."""
    matching = letters.get(poison(kind, vehicle_of(kind)), [])
    assert matching, f"{kind} is not in the dead letters"
    headers = [read_dead_letter(letter.headers) for letter in matching]
    positions = [RecordPosition(letter.topic, letter.partition, letter.offset) for letter in headers]
    at = positions.index(produced) if produced is not None else 0
    assert produced is not None or len(matching) == 1, f"{kind} has {len(matching)} letters"
    letter, about, origin = matching[at], headers[at], origins[positions[at]]
    assert about.code == poison_code(kind), f"{kind}: {about}"
    assert (letter.key, letter.value) == (origin.key, origin.value), kind
    assert about.timestamp == origin.timestamp, kind
    assert produced is None or letter.key == poison_key(kind, vehicle_of(kind)), kind
    assert vehicle_of(kind) not in about.reason, f"{kind}: the reason tells content"
    assert "hello workshop" not in about.reason


def assert_listed(stack: Stack, codes: Counter[str]) -> None:
    """`dead-letters list` and view `dead_letters` count the same."""
    listed = json.loads(stack.run("dead-letters", "list", "--json"))
    assert listed["codes"] == codes
    rows = stack.ask("SELECT code, count() AS n FROM dead_letters GROUP BY code")
    assert {row["code"]: row["n"] for row in rows} == codes


def assert_repaired_letter_becomes_an_order(
    stack: Stack, folder: Path, truth: Truth, letters: dict[bytes | None, list[Any]]
) -> None:
    kind = "check_in_without_lane"
    original = poison(kind, vehicle_of(kind))
    letter = letters[original][0]
    position = f"{letter.partition}:{letter.offset}"
    assert stack.run("dead-letters", "show", position, "--raw").encode() == original
    repaired = {**json.loads(original or b""), "order_id": "R-repaired", "lane": "quick"}
    file = folder / "repaired.json"
    file.write_text(json.dumps(repaired))
    topics = contents_of_topics(stack)

    # As it is, it would only come back; and a rehearsal changes nothing.
    stack.run("dead-letters", "redrive", position, exit_code=1)
    stack.run("dead-letters", "redrive", position, "--file", str(file), "--dry-run")
    stack.run("dead-letters", "redrive", "--code", "key_missing", "--dry-run")
    assert contents_of_topics(stack) == topics

    stack.run("dead-letters", "redrive", position, "--file", str(file))
    stack.run("dead-letters", "redrive", "--code", "key_missing")
    stack.wait_idle()

    without_key = json.loads(poison("no_key", vehicle_of("no_key")) or b"")
    differences = compare.clickhouse_differences(stack.ask, Truth([*truth.events, repaired, without_key]))
    assert not differences, compare.summary_of(differences)
    orders = stack.sql("SELECT order_id, lane, status FROM orders WHERE order_id IN ('R-repaired', 'R-poison')")
    assert sorted((order["order_id"], order["lane"], order["status"]) for order in orders) == [
        ("R-poison", None, "open"),
        ("R-repaired", "quick", "open"),
    ]
    # What was put back once is not put back again by mistake.
    stack.run("dead-letters", "redrive", position, "--file", str(file), exit_code=1)


def contents_of_topics(stack: Stack) -> list[tuple[int, int, bytes | None]]:
    """What stands where in both topics, but for the heartbeats, which come all the time."""
    kafka = stack.facts["kafka"]
    return [
        (record.partition, record.offset, record.value)
        for topic in (EVENTS, LETTERS)
        for record in read_topic(kafka, topic)
        if heartbeat_sent_at(record) is None
    ]
