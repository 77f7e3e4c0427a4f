"""The topics of the broker: their settings, and the log of every partition."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fixtrail.local.broker.config import BadConfigError, TopicConfig, parse_config
from fixtrail.local.broker.errors import ErrorCode
from fixtrail.local.broker.journal import Entry, Journal
from fixtrail.local.broker.log import PartitionLog

LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MOST_PARTITIONS = 1000


class TopicRefusedError(Exception):
    """A topic cannot be made or changed as asked. Trying the same again does not help."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class BrokerTopic:
    """A topic; `settings` are those that somebody set, `config` all that are in force."""

    name: str
    settings: dict[str, str]
    config: TopicConfig
    logs: list[PartitionLog]


class BrokerTopics:
    """All topics, kept as one folder each; which there are and how they are set is in the journal."""

    def __init__(self, folder: Path, journal: Journal, default_partitions: int) -> None:
        self._folder = folder
        self._journal = journal
        self._default_partitions = default_partitions
        self._topics: dict[str, BrokerTopic] = {}
        self._recorded: dict[str, tuple[int, dict[str, str]]] = {}
        self._starts: dict[tuple[str, int], int] = {}

    def apply(self, entry: Entry) -> None:
        """Take over what the journal says of topics; `open` then opens them."""
        match entry:
            case ["topic", name, partitions, settings]:
                self._recorded[name] = (partitions, settings)
            case ["topic-deleted", name]:
                self._recorded.pop(name, None)
                self._starts = {key: start for key, start in self._starts.items() if key[0] != name}
            case ["start", name, partition, offset]:
                self._starts[name, partition] = offset

    def open(self) -> None:
        """Open the logs of all topics and remove folders of topics that were being deleted at a crash."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for left_over in self._folder.iterdir():
            if left_over.name not in self._recorded:
                shutil.rmtree(left_over)
        for name, (partitions, settings) in self._recorded.items():
            config = parse_config(settings)
            logs = [self._open_log(name, number, config) for number in range(partitions)]
            self._topics[name] = BrokerTopic(name, settings, config, logs)

    def entries(self) -> Iterator[Entry]:
        """The topics' entries for a rewritten journal."""
        for topic in self:
            yield ["topic", topic.name, len(topic.logs), topic.settings]
        for (name, partition), start in self._starts.items():
            yield ["start", name, partition, start]

    def __iter__(self) -> Iterator[BrokerTopic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> BrokerTopic | None:
        return self._topics.get(name)

    def log(self, name: str, partition: int) -> PartitionLog | None:
        """The log of a partition; None when there is no such partition."""
        topic = self._topics.get(name)
        if topic is None or not 0 <= partition < len(topic.logs):
            return None
        return topic.logs[partition]

    def check_new(self, name: str, partitions: int, settings: Mapping[str, str | None]) -> int:
        """How many partitions the topic would get (-1 asks for the default). Raises TopicRefusedError."""
        if name in (".", "..") or not LEGAL_NAME.fullmatch(name):
            raise TopicRefusedError(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: '{name}'")
        if name in self._topics:
            raise TopicRefusedError(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
        # Metric names of Kafka have _ for . and so two such topics cannot be told apart there.
        twin = next(
            (existing for existing in self._topics if existing.replace(".", "_") == name.replace(".", "_")), None
        )
        if twin is not None:
            message = f"Topic '{name}' collides with existing topic: {twin}"
            raise TopicRefusedError(ErrorCode.INVALID_TOPIC_EXCEPTION, message)
        count = self._default_partitions if partitions == -1 else partitions
        if not 0 < count <= MOST_PARTITIONS:
            message = f"Number of partitions was set to an invalid value: {partitions}"
            raise TopicRefusedError(ErrorCode.INVALID_PARTITIONS, message)
        try:
            parse_config(settings)
        except BadConfigError as error:
            raise TopicRefusedError(ErrorCode.INVALID_CONFIG, str(error)) from error
        return count

    def create(self, name: str, partitions: int, settings: Mapping[str, str | None]) -> BrokerTopic:
        """The new topic. Raises TopicRefusedError."""
        count = self.check_new(name, partitions, settings)
        own_settings = {key: value for key, value in settings.items() if value is not None}
        config = parse_config(own_settings)
        self._journal.append(["topic", name, count, own_settings])
        logs = [self._open_log(name, number, config) for number in range(count)]
        self._topics[name] = BrokerTopic(name, own_settings, config, logs)
        return self._topics[name]

    def delete(self, name: str) -> None:
        """Remove the topic with its records. Raises TopicRefusedError when there is none."""
        topic = self._need(name)
        self._journal.append(["topic-deleted", name])
        del self._topics[name]
        self._starts = {key: start for key, start in self._starts.items() if key[0] != name}
        for log in topic.logs:
            log.close()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        for log in topic.logs:
            log.wake()

    def grow(self, name: str, count: int, *, dry_run: bool) -> None:
        """Give the topic `count` partitions in all. Raises TopicRefusedError when it has as many already."""
        topic = self._need(name)
        if not len(topic.logs) < count <= MOST_PARTITIONS:
            message = (
                f"The topic {name} currently has {len(topic.logs)} partition(s); {count} would not be an increase."
            )
            raise TopicRefusedError(ErrorCode.INVALID_PARTITIONS, message)
        if dry_run:
            return
        self._journal.append(["topic", name, count, topic.settings])
        topic.logs += [self._open_log(name, number, topic.config) for number in range(len(topic.logs), count)]

    def configure(self, name: str, settings: Mapping[str, str | None], *, dry_run: bool) -> None:
        """Give the topic these settings and the default for all others. Raises TopicRefusedError."""
        topic = self._need(name)
        try:
            config = parse_config(settings)
        except BadConfigError as error:
            raise TopicRefusedError(ErrorCode.INVALID_CONFIG, str(error)) from error
        if dry_run:
            return
        topic.settings = {key: value for key, value in settings.items() if value is not None}
        topic.config = config
        for log in topic.logs:
            log.config = config
        self._journal.append(["topic", name, len(topic.logs), topic.settings])

    def delete_records(self, name: str, partition: int, offset: int) -> int:
        """Hide the records before `offset` (-1: all); the new start of the log. Raises TopicRefusedError."""
        log = self.log(name, partition)
        if log is None:
            raise TopicRefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "")
        before = log.end if offset == -1 else offset
        if not 0 <= before <= log.end:
            raise TopicRefusedError(ErrorCode.OFFSET_OUT_OF_RANGE, "")
        self._starts[name, partition] = log.delete_before(before)
        self._journal.append(["start", name, partition, log.start])
        return log.start

    def close(self) -> None:
        """Save the indexes and close all files."""
        for topic in self:
            for log in topic.logs:
                log.checkpoint()
                log.close()

    def _need(self, name: str) -> BrokerTopic:
        topic = self._topics.get(name)
        if topic is None:
            raise TopicRefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"Unknown topic: {name}")
        return topic

    def _open_log(self, name: str, partition: int, config: TopicConfig) -> PartitionLog:
        return PartitionLog(self._folder / name / str(partition), config, self._starts.get((name, partition), 0))
