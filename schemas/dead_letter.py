"""How a refused record is written to the dead letter topic.

Key and value are the original bytes, unchanged; what was wrong and where it came from stands in headers, behind the
original headers, which are kept. So a dead letter can be put back by sending key, value and the original headers.
"""

from dataclasses import dataclass

PREFIX = "fixtrail-"

Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record's origin and the reason; `code` is one word, `reason` a sentence without any input value."""

    code: str
    reason: str
    topic: str
    partition: int
    offset: int
    timestamp: int

    def headers(self, original: tuple[Header, ...] = ()) -> list[Header]:
        """The record headers that say all this, behind the original ones."""
        said = {
            "code": self.code,
            "reason": self.reason,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "timestamp": str(self.timestamp),
        }
        return [*original_headers(original), *((PREFIX + name, text.encode()) for name, text in said.items())]


def original_headers(headers: tuple[Header, ...] | list[Header]) -> list[Header]:
    """The headers that the refused record itself had."""
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


def read_dead_letter(headers: tuple[Header, ...] | list[Header]) -> DeadLetter:
    """The origin and reason that a record of the dead letter topic states.

    Raises ValueError where a header is missing: the record was not written by Fixtrail.
    """
    said = {name.removeprefix(PREFIX): value.decode() for name, value in headers if name.startswith(PREFIX)}
    try:
        return DeadLetter(
            code=said["code"],
            reason=said["reason"],
            topic=said["topic"],
            partition=int(said["partition"]),
            offset=int(said["offset"]),
            timestamp=int(said["timestamp"]),
        )
    except KeyError as error:
        raise ValueError(f"no dead letter of Fixtrail: header {PREFIX}{error.args[0]} is missing") from None
