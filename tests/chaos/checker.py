"""Whether a run kept its promises: what was acknowledged, against ClickHouse, the dead letters and the topics.

Shares no code with `streams/`: the figures come from tests/oracle.py, the topics are read by plain clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests import compare, feed
from tests.chaos import topics
from tests.chaos.load import Log, Sent
from tests.chaos.watch import Sample
from tests.compare import Truth
from tests.kafka_io import read_topic
from tests.stack import Stack

EVENTS, LETTERS = "service-events", "service-events.dead-letter"
CODE, ORIGIN = "fixtrail-code", ("fixtrail-topic", "fixtrail-partition", "fixtrail-offset")
REDRIVEN = b"redriven"
ALLOWED_EXITS = {0, 70, 75}
# What tests/feed.py makes up as personal: addresses, names, comments, vehicle ids and customer ids.
PERSONAL = r"canary-[a-z]+-\d+|86138\d{8}|LFVFT\d{12}|LFVPOISON\d{8}|粤B·\d{5}|客户-\d+|\bK\d{5}\b"
RAW_TABLES = ("journeys", "events", "dead_letters", "center_hours")

Place = tuple[int, int]


@dataclass(slots=True)
class Findings:
    """By promise what was found against it; and how often a fault hit something interesting."""

    broken: dict[str, list[str]] = field(default_factory=dict)
    coverage: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not any(self.broken.values())

    def __str__(self) -> str:
        lines = [f"  {'broken' if found else 'holds':<7} {promise}" for promise, found in self.broken.items()]
        lines += [f"\n{promise}: {compare.said(found)}" for promise, found in self.broken.items() if found]
        return "\n".join(lines)


def check(stack: Stack, log: Log, samples: list[Sample]) -> Findings:
    """Everything that can be checked once the stack is idle."""
    kafka = stack.facts["kafka"]
    records = {(r.partition, r.offset): r for r in read_topic(kafka, EVENTS) if not topics.is_heartbeat(r)}
    sent = _sent_by_place(records, log)
    truth = Truth(record.event for _, record in sorted(sent.items()) if record.event is not None)
    letters = read_topic(kafka, LETTERS)
    journeys = read_topic(kafka, "journeys")
    status = stack.status()
    findings = Findings()
    findings.broken = {
        "every acknowledged record is in the topic, and nothing else is": list(_topic_differences(records, log)),
        "every bad record is in the dead letters with its code, no good one is": list(
            _letter_differences(letters, sent)
        ),
        "all views in ClickHouse are the truth": compare.clickhouse_differences(stack.ask, truth),
        "raw facts are the truth as of the last event": compare.as_of_last_event_differences(stack.ask_raw, truth),
        "topic journeys ends at the truth": topics.journey_differences(journeys, truth),
        "topic center-hours adds up to the truth": topics.center_hour_differences(
            read_topic(kafka, "center-hours"), truth
        ),
        "the changelog replayed is the set of events": topics.changelog_differences(
            read_topic(kafka, topics.ORDERS_CHANGELOG), truth
        ),
        "commits never went back": list(_commits_that_went_back(samples)),
        "what is committed is in ClickHouse": list(_commits_ahead_of_the_sink(samples, sent)),
        "no lag is left": [f"{name}: {group['lag']}" for name, group in status["groups"].items() if group["lag"]],
        "processes ended only as they may": list(_unexpected_ends(stack)),
        "nothing personal is in logs or ClickHouse": list(_personal_texts(stack)),
    }
    findings.coverage = {
        "records sent": len(log.acknowledged),
        "of unknown fate": len(log.unknown),
        "distinct events": sum(1 for _ in compare.distinct(truth.events)),
        "orders": len(truth.orders),
        "bad records": sum(record.event is None for record in sent.values()),
        "dead letters written again": len(letters) - len({_origin(letter) for letter in letters}),
        "journeys told again after lost state": topics.journeys_told_again(journeys),
        "commits sampled": len(samples),
    }
    return findings


def _sent_by_place(records: dict[Place, Any], log: Log) -> dict[Place, Sent]:
    """What each record of the topic is: what was acknowledged there, or one whose fate was unknown."""
    unknown = {(record.key, record.value): record for record in log.unknown}
    return {
        place: log.acknowledged.get(place) or unknown[record.key, record.value]
        for place, record in records.items()
        if place in log.acknowledged or (record.key, record.value) in unknown
    }


def _topic_differences(records: dict[Place, Any], log: Log) -> Iterator[str]:
    for place, sent in log.acknowledged.items():
        record = records.get(place)
        if record is None:
            yield f"{place} was acknowledged and is not there"
        elif (record.key, record.value) != (sent.key, sent.value):
            yield f"{place} holds something else than was acknowledged"
    unknown = {(record.key, record.value) for record in log.unknown}
    for place, record in records.items():
        if place not in log.acknowledged and (record.key, record.value) not in unknown:
            yield f"{place} was never sent"


def _letter_differences(letters: list[Any], sent: dict[Place, Sent]) -> Iterator[str]:
    found: dict[Place, str] = {}
    for letter in letters:
        headers = dict(letter.headers)
        place = _origin(letter)
        code = headers.get(CODE, b"").decode()
        right = sent.get(place)
        if headers.get(ORIGIN[0]) != EVENTS.encode() or right is None:
            yield f"letter {letter.partition}:{letter.offset} ({code}) comes from nowhere"
        elif right.event is not None:
            yield f"letter {letter.partition}:{letter.offset} ({code}) diverts good {right.event['event_id']!r}"
        elif code != right.code:
            yield f"letter {letter.partition}:{letter.offset}: {code}, expected {right.code}"
        elif (letter.key, letter.value) != (right.key, right.value):
            yield f"letter {letter.partition}:{letter.offset} ({code}) has other bytes than were sent"
        found[place] = code
    for place, record in sent.items():
        if record.event is None and place not in found:
            yield f"bad record {place} ({record.code}) is in no letter"


def _origin(letter: Any) -> Place:
    headers = dict(letter.headers)
    return int(headers.get(ORIGIN[1], b"-1")), int(headers.get(ORIGIN[2], b"-1"))


def _commits_that_went_back(samples: list[Sample]) -> Iterator[str]:
    last: dict[tuple[str, str, int], int] = {}
    for sample in samples:
        for key, offset in sample.commits.items():
            if offset < last.get(key, 0):
                yield f"{sample.at_s:.1f} s: {key} from {last[key]} to {offset}"
            last[key] = offset


def _commits_ahead_of_the_sink(samples: list[Sample], sent: dict[Place, Sent]) -> Iterator[str]:
    """All good records below the ClickHouse group's commit were rows by the time the commit was seen."""
    good: dict[int, list[int]] = {}
    for (partition, offset), record in sent.items():
        if record.event is not None:
            good.setdefault(partition, []).append(offset)
    for sample in samples:
        for partition, (below, rows) in sample.stored.items():
            expected = sum(offset < below for offset in good.get(partition, ()))
            if rows < expected:
                yield f"{sample.at_s:.1f} s: {partition} committed to {below}, {rows} of {expected} rows are there"


def _unexpected_ends(stack: Stack) -> Iterator[str]:
    said = stack.said.read_text(errors="replace")
    for line in said.splitlines():
        ended = re.match(r"(\S+) ended with exit code (\d+)", line)
        if ended and int(ended.group(2)) not in ALLOWED_EXITS:
            yield line[:300]
        killed = re.match(r"(\S+) was killed by (\w+)", line)
        if killed and killed.group(2) not in ("SIGKILL", "SIGTERM"):
            yield line[:300]


def _personal_texts(stack: Stack) -> Iterator[str]:
    for name, text in {**stack.logs(), "fixtrail up": stack.said.read_text(errors="replace")}.items():
        for found in sorted(set(re.findall(PERSONAL, text)))[:5]:
            yield f"{name}: {found}"
    pattern = PERSONAL.replace("\\", "\\\\")
    for table in RAW_TABLES:
        rows = stack.ask_raw(
            f"SELECT toString(tuple(*)) AS content FROM fixtrail_raw.{table} "
            f"WHERE match(toString(tuple(*)), '{pattern}') LIMIT 1"
        )
        yield from (f"{table}: {row['content'][:200]}" for row in rows)


def canaries_are_known(records: list[Sent]) -> bool:
    """Whether PERSONAL would find what this load carries; a search that finds nothing would prove nothing."""
    texts = feed.canaries(record.event for record in records if record.event is not None)
    return bool(texts) and all(re.search(PERSONAL, text) for text in texts)
