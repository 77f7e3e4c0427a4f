"""The screen of `fixtrail status`: lags, boxes, heartbeats and dead letters, as far as each answers."""

import asyncio
import contextlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from fixtrail.clickhouse.query import rows
from fixtrail.operations.status import LagSnapshot, look_once
from fixtrail.operations.topics import check_topics
from fixtrail.settings import ClickHouseSettings, KafkaSettings, NoEndpointError, ServerSettings
from runtime.failure import ExitError
from runtime.kafka.topic_check import TopicDifference

ANSWER_LIMIT_S = 10.0
# It lives, and has not been asked anything.
RUNNING = "running"

T = TypeVar("T")

# By metric name: labels and value of each sample.
Samples = dict[str, list[tuple[dict[str, str], float]]]

_LETTERS = """
SELECT code, count() AS letters FROM dead_letters GROUP BY code ORDER BY letters DESC, code
"""


@dataclass(frozen=True, slots=True)
class BoxState:
    """One process; what it does not tell of itself is None.

    `state` is ready, starting, not ready, running (it lives, no more is known), stuck or gone. `ended` says how it
    ended the last time, before it was started again, `reasons` why it is not ready.
    """

    name: str
    pid: int
    state: str
    restarts: int = 0
    ended: str | None = None
    up_s: float | None = None
    memory_bytes: float | None = None
    records: float | None = None
    newest_event_at: float | None = None
    retries: float | None = None
    clock_jumps: float | None = None
    reasons: tuple[str, ...] = ()
    samples: Samples = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How long the newest heartbeats took on one way, the slowest partition's, and how old the oldest of them is."""

    way: str
    took_s: float
    age_s: float


@dataclass(frozen=True, slots=True)
class LostRecordCount:
    """How many records of a partition a box or a group never saw: the broker had deleted them."""

    reader: str
    topic: str
    partition: int
    records: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it; `troubles` says what could not be asked, and then `look` or `letters` may be None."""

    look: LagSnapshot | None
    boxes: list[BoxState]
    heartbeats: list[Heartbeat]
    letters: dict[str, int] | None
    troubles: list[str]
    topics: list[TopicDifference] = field(default_factory=list)

    @property
    def lost(self) -> list[LostRecordCount]:
        """Records that brokers deleted before a box had read them, as the boxes and the brokers tell."""
        return lost_records(self.boxes, self.look)

    @property
    def broken_parts(self) -> dict[str, int]:
        """Parts that ClickHouse has put aside as broken, by table, as the writers tell."""
        parts: dict[str, int] = {}
        for box in self.boxes:
            for labels, value in box.samples.get("fixtrail_clickhouse_broken_parts", ()):
                if value:
                    parts[labels["table"]] = max(parts.get(labels["table"], 0), int(value))
        return parts

    def as_json(self) -> dict[str, Any]:
        """For scripts: {idle, dead_letters, groups, children, heartbeats, topics, lost_records, broken_parts …}."""
        children = {box.name: {**asdict(box), "samples": None} for box in self.boxes}
        for child in children.values():
            del child["samples"], child["name"]
        return {
            "idle": self.look is not None and not self.look.behind,
            "dead_letters": self.look.dead_letters if self.look else None,
            "dead_letters_by_code": self.letters,
            "groups": groups_as_json(self.look) if self.look else {},
            "children": children,
            "heartbeats": [asdict(heartbeat) for heartbeat in self.heartbeats],
            "topics": [asdict(difference) for difference in self.topics],
            "lost_records": [asdict(lost) for lost in self.lost],
            "broken_parts": self.broken_parts,
            "troubles": self.troubles,
        }


def overview(settings: ServerSettings, pages: Sequence[str] = (), look: LagSnapshot | None = None) -> Overview:
    """Everything that can be asked now; `pages` are health pages of boxes that no stack.json names."""
    troubles = []
    if look is None:
        try:
            look = asyncio.run(_answer(look_once(settings)))
        except (ExitError, TimeoutError, OSError) as error:
            troubles.append(_kafka_trouble(error))
    topics: list[TopicDifference] = []
    # Where the lags could not be asked, the topics may say why.
    with contextlib.suppress(ExitError, NoEndpointError, TimeoutError, OSError):
        topics = asyncio.run(_answer(check_topics(settings)))
    boxes = [_as_asked(box, look) for box in look_at_boxes(settings, pages)]
    letters = None
    try:
        letters = letters_by_code(settings)
    except NoEndpointError:
        # A place that runs only the workers has no ClickHouse to ask.
        pass
    except ExitError as error:
        troubles.append(str(error).splitlines()[0])
    return Overview(look, boxes, heartbeats_of(boxes, time.time()), letters, troubles, topics)


def _as_asked(box: BoxState, look: LagSnapshot | None) -> BoxState:
    """The broker by what it answered: it has no health page of its own."""
    if box.state != RUNNING:
        return box
    return replace(box, state="stuck" if look is None else "ready")


async def _answer(question: Coroutine[Any, Any, T]) -> T:
    """Kafka's answer. Raises ExitError for an error that it tells, ConnectionError or TimeoutError without one."""
    from aiokafka.errors import KafkaConnectionError, KafkaError

    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await question
    except KafkaConnectionError as error:
        raise ConnectionError(str(error)) from None
    except KafkaError as error:
        raise ExitError(f"{type(error).__name__} {error}") from None


def _kafka_trouble(error: Exception) -> str:
    text = f"Kafka cannot be used: {str(error) or 'no answer'}"
    return text if isinstance(error, ExitError) else f"{text}. Is it running?"


def lost_records(boxes: Iterable[BoxState], look: LagSnapshot | None) -> list[LostRecordCount]:
    """What the boxes count as lost, and what a group would find lost now."""
    lost = [
        LostRecordCount(box.name, labels["topic"], int(labels["partition"]), int(records))
        for box in boxes
        for name, samples in box.samples.items()
        if name.endswith("_lost_records")
        for labels, records in samples
        if records
    ]
    lags = look.lags if look else ()
    return lost + [LostRecordCount(lag.group, lag.topic, lag.partition, lag.lost) for lag in lags if lag.lost]


def groups_as_json(look: LagSnapshot) -> dict[str, Any]:
    """{group: {lag, partitions: [{topic, partition, committed, end, lag}]}}."""
    groups: dict[str, Any] = {}
    for lag in look.lags:
        group = groups.setdefault(lag.group, {"lag": 0, "partitions": []})
        group["lag"] += lag.lag
        fields = asdict(lag)
        del fields["group"]
        group["partitions"].append(fields)
    return groups


def look_at_boxes(settings: KafkaSettings, pages: Sequence[str] = ()) -> list[BoxState]:
    """Every child of the embedded stack, then the boxes behind `pages`, all asked at once."""
    stack = {} if settings.kafka else settings.stack
    targets = [(name, child) for name, child in stack.get("children", {}).items()]
    targets += [(page.split("//")[-1].strip("/"), {"health": page.rstrip("/")}) for page in pages]
    with ThreadPoolExecutor(max(1, len(targets))) as threads:
        return list(threads.map(lambda target: _box(*target), targets))


def _box(name: str, child: dict[str, Any]) -> BoxState:
    from runtime.process import is_alive

    pid, page, is_child = child.get("pid") or 0, child.get("health"), "pid" in child
    common: dict[str, Any] = {"restarts": child.get("restarts", 0), "ended": child.get("ended")}
    if is_child and not (pid and is_alive(pid)):
        return BoxState(name, pid, "gone", **common)
    if not page:
        ping = child.get("ping")
        # A process that lives says nothing about whether it serves anybody.
        return BoxState(name, pid, RUNNING if ping is None else "ready" if _answers(ping) else "stuck", **common)
    try:
        health = _state(page)
        samples = scrape(page)
    except (OSError, ValueError) as error:
        refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
        return BoxState(name, pid, "stuck" if not refused else "starting" if is_child else "gone", **common)
    common |= {"reasons": tuple(health.get("problems", ())), **_measured(samples)}
    return BoxState(name if is_child else health["box"], health["pid"], health["state"], **common)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (OSError, http.client.HTTPException):
        return False


def _state(page: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{page}/readyz", timeout=2) as answer:
            health: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        health = json.load(error)
    return health


def scrape(page: str) -> Samples:
    """All metrics of a health page. Raises OSError where it does not answer."""
    from prometheus_client.parser import text_string_to_metric_families

    with urllib.request.urlopen(f"{page}/metrics", timeout=2) as answer:
        text = answer.read().decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def _measured(samples: Samples) -> dict[str, Any]:
    def values(*endings: str) -> list[float]:
        return [value for name, series in samples.items() if name.endswith(endings) for _, value in series]

    started = values("process_start_time_seconds")
    return {
        "up_s": time.time() - started[0] if started else None,
        "memory_bytes": max(values("process_resident_memory_bytes"), default=None),
        "records": sum(values_of_boxes) if (values_of_boxes := values("_records_total")) else None,
        "newest_event_at": max(values("_newest_event_timestamp_seconds"), default=None),
        "clock_jumps": sum(values("_clock_jumps_total")),
        "retries": sum(values_of_boxes) if (values_of_boxes := values("_retries_total")) else None,
        "samples": samples,
    }


def heartbeats_of(boxes: Iterable[BoxState], now: float) -> list[Heartbeat]:
    """How long heartbeats take to the worker and on to the rows; of several boxes the one that saw the newest tells."""
    newest: dict[str, dict[str, tuple[float, float]]] = {}
    for box in boxes:
        for name, samples in box.samples.items():
            if not name.endswith("_heartbeat_timestamp_seconds"):
                continue
            delays = dict(_by_labels(box.samples.get(name.replace("_timestamp_", "_delay_"), [])))
            for labels, sent_at in samples:
                way = "service-events to worker" if "worker" in name else f"{labels['topic']} to row"
                partitions = newest.setdefault(way, {})
                newest_so_far = partitions.get(labels["partition"], (0.0, 0.0))
                partitions[labels["partition"]] = max(
                    newest_so_far, (sent_at, delays.get(tuple(sorted(labels.items())), 0.0))
                )
    return [
        Heartbeat(
            way,
            max(delays for _, delays in partitions.values()),
            now - min(sent_at for sent_at, _ in partitions.values()),
        )
        for way, partitions in sorted(newest.items(), reverse=True)
    ]


def _by_labels(samples: Iterable[tuple[dict[str, str], float]]) -> Iterable[tuple[tuple[tuple[str, str], ...], float]]:
    return ((tuple(sorted(labels.items())), value) for labels, value in samples)


def letters_by_code(settings: ClickHouseSettings) -> dict[str, int]:
    """Records refused by reason, and how many were put back. Raises ExitError without ClickHouse."""
    return {row["code"]: int(row["letters"]) for row in rows(settings, _LETTERS)}


def rates(before: Iterable[BoxState], after: Iterable[BoxState], seconds: float) -> Counter[str]:
    """Records a second by box."""
    records_before = {box.name: box.records or 0.0 for box in before}
    differences = {
        box.name: box.records - records_before[box.name]
        for box in after
        if box.records is not None and box.name in records_before
    }
    return Counter({name: round(max(0.0, records) / seconds) for name, records in differences.items()})
