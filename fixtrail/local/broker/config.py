"""Topic settings: which ones this broker knows, their defaults and what they may be."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULTS: dict[str, str] = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "file.delete.delay.ms": "60000",
    "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.5",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "33554432",
    "segment.ms": "604800000",
}
"""As in Apache Kafka, but segments of 32 MiB: a development stack wants its changelogs compacted sooner."""

ALLOWED_WORDS: dict[str, frozenset[str]] = {
    "cleanup.policy": frozenset({"delete", "compact"}),
    "compression.type": frozenset({"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"}),
    "message.timestamp.type": frozenset({"CreateTime", "LogAppendTime"}),
}

LOWEST: dict[str, int] = {
    "delete.retention.ms": 0,
    "file.delete.delay.ms": 0,
    "max.message.bytes": 0,
    "min.compaction.lag.ms": 0,
    "min.insync.replicas": 1,
    "retention.bytes": -1,
    "retention.ms": -1,
    "segment.bytes": 1024,
    "segment.ms": 1,
}


class BadConfigError(ValueError):
    """A setting's name or value is wrong. Trying again does not help."""


@dataclass(frozen=True)
class TopicConfig:
    """The settings of a topic that change what the broker does."""

    compact: bool
    delete: bool
    append_time: bool
    max_message_bytes: int
    retention_ms: int
    retention_bytes: int
    segment_bytes: int
    segment_ms: int
    delete_retention_ms: int
    min_compaction_lag_ms: int
    dirty_ratio: float
    min_insync_replicas: int


def parse_config(settings: Mapping[str, str | None]) -> TopicConfig:
    """Settings in force where `settings` names those that are not the default.

    `compression.type` other than `producer` is taken but not applied: batches stay as the producer packed them.

    Raises BadConfigError for an unknown name or a value that cannot be.
    """
    for name, value in settings.items():
        _check(name, value)
    values = {**DEFAULTS, **{name: value for name, value in settings.items() if value is not None}}
    policies = {policy.strip() for policy in values["cleanup.policy"].split(",")}
    return TopicConfig(
        compact="compact" in policies,
        delete="delete" in policies,
        append_time=values["message.timestamp.type"] == "LogAppendTime",
        max_message_bytes=int(values["max.message.bytes"]),
        retention_ms=int(values["retention.ms"]),
        retention_bytes=int(values["retention.bytes"]),
        segment_bytes=int(values["segment.bytes"]),
        segment_ms=int(values["segment.ms"]),
        delete_retention_ms=int(values["delete.retention.ms"]),
        min_compaction_lag_ms=int(values["min.compaction.lag.ms"]),
        dirty_ratio=float(values["min.cleanable.dirty.ratio"]),
        min_insync_replicas=int(values["min.insync.replicas"]),
    )


def _check(name: str, value: str | None) -> None:
    if name not in DEFAULTS:
        raise BadConfigError(f"Unknown topic config name: {name}")
    if value is None:
        raise BadConfigError(f"Null value not supported for topic configs: {name}")
    if name in ALLOWED_WORDS:
        if not all(part.strip() in ALLOWED_WORDS[name] for part in value.split(",")):
            raise BadConfigError(f"Invalid value {value} for configuration {name}")
        return
    try:
        is_allowed = 0 <= float(value) <= 1 if name == "min.cleanable.dirty.ratio" else int(value) >= LOWEST[name]
    except ValueError as error:
        raise BadConfigError(f"Invalid value {value} for configuration {name}: Not a number") from error
    if not is_allowed:
        raise BadConfigError(f"Invalid value {value} for configuration {name}: out of range")
