"""Commits of consumer groups, as the broker itself keeps them.

Samples of what groups have committed may come from a broker that was the group's coordinator before and still answers
with what it knew then. The topic in which Kafka keeps commits has each one, in order.
"""

import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.watch import READ_BY, Sample
from tests.kafka_io import read_topic

OFFSETS_TOPIC = "__consumer_offsets"
# Keys of these versions are commits; Kafka's OffsetCommitKey.json. All versions of its value begin alike.
COMMIT_KEYS = (0, 1)


@dataclass(frozen=True, slots=True)
class Commit:
    """`offset` of a topic's partition, committed at `at` (seconds of the monotonic clock).

    `group` is what follows the app id in its name.
    """

    at: float
    group: str
    topic: str
    partition: int
    offset: int

    @property
    def partition_key(self) -> tuple[str, str, int]:
        """The group, and the partition that it reads."""
        return self.group, self.topic, self.partition


def stored_commits(bootstrap: str, app_id: str) -> list[Commit]:
    """Every commit of the app's groups that Apache Kafka has, each partition's in order."""
    return list(commits_in(read_topic(bootstrap, OFFSETS_TOPIC), app_id))


def commits_in(records: Iterable[Any], app_id: str) -> Iterator[Commit]:
    """Commits of the app's groups among the records of Kafka's own topic."""
    groups = {app_id + name: name for name in READ_BY}
    monotonic_ms = (time.time() - time.monotonic()) * 1000
    for record in records:
        if record.value is None or struct.unpack_from(">h", record.key)[0] not in COMMIT_KEYS:
            continue
        group, at = _text(record.key, 2)
        topic, at = _text(record.key, at)
        if group in groups:
            (partition,) = struct.unpack_from(">i", record.key, at)
            _, offset = struct.unpack_from(">hq", record.value)
            yield Commit((record.timestamp - monotonic_ms) / 1000, groups[group], topic, partition, offset)


def _text(data: bytes, at: int) -> tuple[str, int]:
    """The text at a position, and where it ends."""
    (length,) = struct.unpack_from(">h", data, at)
    end = at + 2 + length
    return data[at + 2 : end].decode(), end


def commits_sampled(samples: Iterable[Sample]) -> list[Commit]:
    """What was seen once a second: for a broker that keeps its commits elsewhere."""
    return [
        Commit(sample.at, *partition_key, offset)
        for sample in samples
        for partition_key, offset in sample.commits.items()
    ]


def commits_that_went_back(commits: Iterable[Commit], rewound: list[tuple[str, float, float]]) -> Iterator[str]:
    """Each commit that is lower than the one before; `rewound` are groups set back on purpose: began, ended."""
    last: dict[tuple[str, str, int], Commit] = {}
    for commit in commits:
        before = last.get(commit.partition_key)
        last[commit.partition_key] = commit
        if before is None or commit.offset >= before.offset:
            continue
        if not any(group == commit.group and began <= commit.at and before.at <= end for group, began, end in rewound):
            yield f"{commit.at:.1f} s: {commit.partition_key} from {before.offset} to {commit.offset}"
