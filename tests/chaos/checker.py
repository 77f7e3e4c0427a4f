"""Whether a run kept its promises: what was acknowledged, against ClickHouse, the dead letters and the topics.

Shares no code with `streams/`: the figures come from tests/oracle.py, the topics are read by plain clients.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests import compare, feed
from tests.chaos import messages, notices, topics
from tests.chaos.api_load import event_in, identity_of
from tests.chaos.commits import Commit, commits_sampled, commits_that_went_back, stored_commits
from tests.chaos.faults import GROUP_OF, FaultRun
from tests.chaos.fleet import Fleet
from tests.chaos.load import Log, Sent
from tests.chaos.watch import CHANGELOG, EVENTS, LETTERS, OUTPUTS, Sample, Watch
from tests.kafka_io import read_topic
from tests.truth import Event, Truth

CODE = "fixtrail-code"
ENDS = "processes ended only as they may"
# What tests/feed.py makes up as personal: addresses, names, comments, vehicle ids and customer ids.
PERSONAL = r"canary-[a-z]+-\d+|8613[89]\d{8}|LFVFT\d{12}|LFVTD\d{12}|LFVPOISON\d{8}|粤B·\d{5}|客户-\d+|\bK\d{5}\b"
RAW_TABLES = ("journeys", "events", "dead_letters", "center_hours")

Position = tuple[int, int]


@dataclass(slots=True)
class Findings:
    """By promise what was found against it."""

    broken: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not any(self.broken.values())

    def __str__(self) -> str:
        lines = [
            f"  {'broken' if differences else 'holds':<7} {promise}" for promise, differences in self.broken.items()
        ]
        lines += [
            f"\n{promise}: {compare.summary_of(differences)}"
            for promise, differences in self.broken.items()
            if differences
        ]
        return "\n".join(lines)


@dataclass(slots=True)
class Evidence:
    """What a run left behind, read once for all checks. `sent` is what stands at each place of the events' topic."""

    fleet: Fleet
    log: Log
    samples: list[Sample]
    commits: list[Commit]
    fault_runs: list[FaultRun]
    metrics: dict[str, str]
    records: dict[Position, Any]
    sent: dict[Position, Sent]
    truth: Truth
    topics: dict[str, list[Any]]
    ended_ms: int

    def events(self) -> list[tuple[Position, Event]]:
        """Good records in the order of their places."""
        return [(position, record.event) for position, record in sorted(self.sent.items()) if record.event is not None]


def gather(fleet: Fleet, log: Log, watch: Watch, fault_runs: list[FaultRun], ended_ms: int) -> Evidence:
    """Read the topics, once everything is idle; `ended_ms` is when the watch had its last look at the clock."""
    records = {(r.partition, r.offset): r for r in read_topic(fleet.kafka, EVENTS) if not topics.is_heartbeat(r)}
    sent = sent_by_position(records, log)
    truth = Truth(record.event for _, record in sorted(sent.items()) if record.event is not None)
    outputs = {name: read_topic(fleet.kafka, name) for name in OUTPUTS}
    outputs[CHANGELOG] = read_topic(fleet.kafka, fleet.app_id + CHANGELOG)
    commits = commits_of(fleet, watch)
    return Evidence(
        fleet, log, watch.samples, commits, fault_runs, watch.metrics, records, sent, truth, outputs, ended_ms
    )


def commits_of(fleet: Fleet, watch: Watch) -> list[Commit]:
    """Commits of the fleet's app id as it is now: all of them, or with the embedded broker those that were seen."""
    if fleet.broker == "embedded":
        return commits_sampled(watch.samples)
    return stored_commits(fleet.kafka, fleet.app_id)


def check(evidence: Evidence) -> Findings:
    """Every promise, and what was found against it."""
    fleet, truth, sent, samples = evidence.fleet, evidence.truth, evidence.sent, evidence.samples
    outputs = evidence.topics
    rewound = rewinds(evidence.fault_runs)
    return Findings(
        {
            "every acknowledged record is in the topic, and nothing else is": list(
                topic_differences(evidence.records, sent, evidence.log)
            ),
            "every bad record is in the dead letters with its code, no good one is": list(
                _letter_differences(outputs[LETTERS], sent)
            ),
            "all views in ClickHouse are the truth": compare.clickhouse_differences(fleet.ask, truth),
            "raw facts are the truth as of the last event": compare.as_of_last_event_differences(fleet.ask_raw, truth),
            "topic journeys says one thing a version, and its highest versions are the truth": (
                topics.journey_differences(outputs["journeys"], truth)
            ),
            "topic center-hours adds up to the truth": topics.center_hour_differences(outputs["center-hours"], truth),
            "the changelog replayed is the set of events": topics.changelog_differences(outputs[CHANGELOG], truth),
            "notices have exactly the expected ids": notices.differences(
                outputs["notices"], [event for _, event in evidence.events()]
            ),
            "commits never went back": list(commits_that_went_back(evidence.commits, rewound)),
            "commits ended at the end of every topic": list(_commits_short_of_the_end(samples)),
            "what workers had committed was in the output topics and the changelog": list(
                _commits_ahead_of_the_outputs(evidence)
            ),
            "what writers had committed was in ClickHouse": list(_commits_ahead_of_the_sink(samples, sent)),
            ENDS: [
                f"{end.name} ended with {end.code}, signal {end.signal_sent}, step {end.step!r}: {end.log_tail[-200:]}"
                for end in fleet.ends
                if not end.is_allowed
            ],
            "nothing personal is in logs, metrics or ClickHouse": list(_personal_texts(fleet, evidence.metrics)),
            **(_of_customers(evidence) if fleet.has_customers else {}),
        }
    )


def _of_customers(evidence: Evidence) -> dict[str, list[str]]:
    fleet, notice_records = evidence.fleet, evidence.topics["notices"]
    sends = messages.rows(fleet)
    freezes = sum(fault_run.fault.kind.startswith("freeze") for fault_run in evidence.fault_runs)
    unclear = messages.unclear_calls(fleet.providers["sms"], fleet.ends, freezes)
    return {
        "every notice has one final outcome for each recipient": messages.ledger_differences(
            sends, notice_records, evidence.ended_ms
        ),
        "each webhook was taken once, and is known to be": messages.webhook_differences(
            sends, fleet.providers["webhooks"]
        ),
        "no text was sent twice, and few ended unknown": messages.sms_differences(
            sends, fleet.providers["sms"], unclear
        ),
        "the watch told of broken promises, and of no other": messages.clock_differences(
            notice_records, evidence.truth, evidence.ended_ms
        ),
    }


def sent_by_position(records: dict[Position, Any], log: Log) -> dict[Position, Sent]:
    """What each record of the topic is: acknowledged there, of unknown fate, or accepted by the API."""
    unknown = {(record.key, record.value): record for record in log.unknown}
    sent = {
        position: log.acknowledged.get(position) or unknown.get((record.key, record.value)) or _accepted(record, log)
        for position, record in records.items()
    }
    return {position: record for position, record in sent.items() if record is not None}


def _accepted(record: Any, log: Log) -> Sent | None:
    event = event_in(record.value) if log.accepted else None
    return log.accepted.get(identity_of(record.key, event)) if event is not None else None


def topic_differences(records: dict[Position, Any], sent: dict[Position, Sent], log: Log) -> Iterator[str]:
    for position, acknowledged in log.acknowledged.items():
        record = records.get(position)
        if record is None:
            yield f"{position} was acknowledged and is not there"
        elif (record.key, record.value) != (acknowledged.key, acknowledged.value):
            yield f"{position} holds something else than was acknowledged"
    yield from (f"{position} was never sent" for position in records.keys() - sent.keys())
    stored = set(map(id, sent.values()))
    yield from (
        f"{name} was accepted by the API and is not there" for name, r in log.accepted.items() if id(r) not in stored
    )


def _letter_differences(letters: list[Any], sent: dict[Position, Sent]) -> Iterator[str]:
    code_by_position: dict[Position, str] = {}
    codes = _codes(sent)
    for letter in letters:
        headers = dict(letter.headers)
        position = topics.origin(letter)
        code = headers.get(CODE, b"").decode()
        right = sent.get(position)
        if headers.get(topics.ORIGIN[0]) != EVENTS.encode() or right is None:
            yield f"letter {letter.partition}:{letter.offset} ({code}) comes from nowhere"
        elif position not in codes:
            yield f"letter {letter.partition}:{letter.offset} ({code}) diverts good {right.value!r}"
        elif code != codes[position]:
            yield f"letter {letter.partition}:{letter.offset}: {code}, expected {codes[position]}"
        elif (letter.key, letter.value) != (right.key, right.value):
            yield f"letter {letter.partition}:{letter.offset} ({code}) has other bytes than were sent"
        code_by_position[position] = code
    yield from (
        f"record {position} ({codes[position]}) is in no letter" for position in codes.keys() - code_by_position.keys()
    )


def _codes(sent: dict[Position, Sent]) -> dict[Position, str]:
    """With which code each record is refused, of those that are: the bad ones, and events that contradict others."""
    events = [record.event for _, record in sorted(sent.items(), key=lambda item: item[0]) if record.event is not None]
    contradicting = set(map(id, compare.contradictions(events)))
    return {
        position: record.code or "event_id_conflict"
        for position, record in sent.items()
        if record.event is None or id(record.event) in contradicting
    }


def rewinds(fault_runs: list[FaultRun]) -> list[tuple[str, float, float]]:
    """The groups that were set back on purpose, and when."""
    rewinding = [fault_run for fault_run in fault_runs if fault_run.fault.kind.startswith("rewind-")]
    return [
        (GROUP_OF[fault_run.fault.kind.split("-")[1]], fault_run.began, fault_run.ended or fault_run.began)
        for fault_run in rewinding
    ]


def _commits_short_of_the_end(samples: list[Sample]) -> Iterator[str]:
    for (group, topic), lag in samples[-1].lags().items() if samples else ():
        if lag:
            yield f"group …{group} has {lag} records of {topic} left"


def _commits_ahead_of_the_outputs(evidence: Evidence) -> Iterator[str]:
    """By the time a worker's commit was seen, all below it stood in the changelog, the facts and the dead letters."""
    if any("changelog" in fault_run.fault.kind for fault_run in evidence.fault_runs):
        return  # it was, and then some of it was taken away
    logged = topics.first_logged(evidence.topics[CHANGELOG])
    counted = topics.counts_by_order(evidence.topics["journeys"])
    letters: dict[Position, tuple[int, int]] = {}
    for letter in evidence.topics[LETTERS]:
        letters.setdefault(topics.origin(letter), (letter.partition, letter.offset))
    known_events: set[tuple[str, str, str, str]] = set()
    counts: Counter[tuple[str, str, str]] = Counter()
    waiting: dict[int, list[tuple[int, Sent, int]]] = {}
    for (partition, offset), record in sorted(evidence.sent.items()):
        number = 0
        if record.event is not None:
            event = record.event
            name = event["vehicle_id"], event["center_id"], event["order_id"]
            if (*name, event["event_id"]) in known_events:
                continue
            known_events.add((*name, event["event_id"]))
            counts[name] += 1
            number = counts[name]
        waiting.setdefault(partition, []).append((offset, record, number))
    begun = dict.fromkeys(waiting, 0)
    for sample in evidence.samples:
        for partition, records in waiting.items():
            commit = sample.commits.get(("", EVENTS, partition), 0)
            while begun[partition] < len(records) and records[begun[partition]][0] < commit:
                offset, record, number = records[begun[partition]]
                begun[partition] += 1
                commit_text = f"{sample.at:.1f} s: {partition}:{offset} is committed"
                if record.event is None:
                    where, at = letters.get((partition, offset), (partition, None))
                    if at is None or at >= sample.ends[LETTERS, where]:
                        yield f"{commit_text}, its dead letter was not there"
                    continue
                event = record.event
                name = event["vehicle_id"], event["center_id"], event["order_id"]
                at = logged.get((*name, event["event_id"]))
                if at is None or at >= sample.ends[CHANGELOG, partition]:
                    yield f"{commit_text}, {event['event_id']!r} was not in the changelog"
                where, facts = counted.get(name, (0, []))
                at = next((at for at, count in facts if count >= number), None)
                if at is None or at >= sample.ends["journeys", where]:
                    yield f"{commit_text}, no fact had counted {event['event_id']!r}"


def _commits_ahead_of_the_sink(samples: list[Sample], sent: dict[Position, Sent]) -> Iterator[str]:
    """All good records below the ClickHouse group's commit were rows by the time the commit was seen."""
    good: dict[int, list[int]] = {}
    for (partition, offset), record in sorted(sent.items(), key=lambda item: item[0]):
        if record.event is not None:
            good.setdefault(partition, []).append(offset)
    for sample in samples:
        for partition, (below, rows) in sample.stored.items():
            expected = bisect_left(good.get(partition, []), below)
            if rows < expected:
                yield f"{sample.at:.1f} s: {partition} committed to {below}, {rows} of {expected} rows are there"


def _personal_texts(fleet: Fleet, metrics: dict[str, str]) -> Iterator[str]:
    for name, text in {**fleet.logs(), **metrics}.items():
        for personal_text in sorted(set(re.findall(PERSONAL, text)))[:5]:
            yield f"{name}: {personal_text}"
    pattern = PERSONAL.replace("\\", "\\\\")
    for table in RAW_TABLES:
        rows = fleet.ask_raw(
            f"SELECT toString(tuple(*)) AS content FROM fixtrail_raw.{table} "
            f"WHERE match(toString(tuple(*)), '{pattern}') LIMIT 1"
        )
        yield from (f"{table}: {row['content'][:200]}" for row in rows)


def canaries_are_known(records: list[Sent]) -> bool:
    """Whether PERSONAL would find what this load carries; a search that finds nothing would prove nothing."""
    texts = feed.canaries(record.event for record in records if record.event is not None)
    return bool(texts) and all(re.search(PERSONAL, text) for text in texts)
