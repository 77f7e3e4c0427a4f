"""The version of the records that Fixtrail writes: events that its senders accepted, facts, notices and alerts.

It stands in a header of each record. It grows when a reader of before would lose something: a type of event, a field or
a figure that it does not know. A record without the header was written before there was one, or by somebody else.
"""

from collections.abc import Sequence

SCHEMA = 1
HEADER = "fixtrail-schema"
SCHEMA_HEADER = (HEADER, str(SCHEMA).encode())


class NewerSchemaError(RuntimeError):
    """A record is of a version of Fixtrail that this one does not know. Only an upgrade of the reader helps."""

    def __init__(self, topic: str, partition: int, offset: int, problem: str) -> None:
        super().__init__(
            f"record {partition}:{offset} of {topic} {problem}, and this process knows version {SCHEMA}: a newer "
            "Fixtrail wrote it. Upgrade this box; nothing was skipped (docs/upgrading.md)"
        )


def schema_of(headers: Sequence[tuple[str, bytes]]) -> int | None:
    """The version that a record says it is of; None where it says none, or nothing that is one."""
    for name, value in headers:
        if name == HEADER:
            return int(value) if value.isdigit() and len(value) < 10 else None
    return None


def require_known(topic: str, partition: int, offset: int, headers: Sequence[tuple[str, bytes]]) -> int | None:
    """The version of a record, as `schema_of` has it. Raises NewerSchemaError where it is newer than this process."""
    schema = schema_of(headers)
    if schema is not None and schema > SCHEMA:
        raise NewerSchemaError(topic, partition, offset, f"has schema version {schema}")
    return schema


def require_no_newer_type(
    topic: str, partition: int, offset: int, headers: Sequence[tuple[str, bytes]], code: str
) -> None:
    """Raise NewerSchemaError where an event is refused for its type, though a sender of Fixtrail knew that type."""
    if code == "unknown_type" and schema_of(headers) is not None:
        raise NewerSchemaError(topic, partition, offset, "has a type of event that is not known here")
