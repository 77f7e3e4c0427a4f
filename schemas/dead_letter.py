"""The format of a refused record in the dead letter topic.

Key and value are the original bytes, unchanged; what was wrong and where it came from stands in headers, behind the
original headers, which are kept. So a dead letter can be put back by sending key, value and the original headers.
Only where the dead letter topic does not take a record of that size the value is cut, and a header says so.
"""

from dataclasses import asdict, dataclass

PREFIX = "fixtrail-"

Header = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record's origin and the reason; `code` is one word, `reason` a sentence without any input value.

    `value_cut`: how many bytes the original value had, where the letter holds only the first of them; else None.
    """

    code: str
    reason: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    value_cut: int | None = None

    def headers(self, original: tuple[Header, ...] = ()) -> list[Header]:
        """The original record headers, then those with the fields of this dead letter."""
        stated = {header_name(name): value for name, value in asdict(self).items() if value is not None}
        return [*original_headers(original), *((name, str(value).encode()) for name, value in stated.items())]


def header_name(field: str) -> str:
    """The header in which a field of a dead letter stands."""
    return PREFIX + field.replace("_", "-")


def original_headers(headers: tuple[Header, ...] | list[Header]) -> list[Header]:
    """The headers that the refused record itself had."""
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


def read_dead_letter(headers: tuple[Header, ...] | list[Header]) -> DeadLetter:
    """The origin and reason that a record of the dead letter topic states.

    Raises ValueError where a header is missing: the record was not written by Fixtrail.
    """
    fields = {name.removeprefix(PREFIX): value.decode() for name, value in headers if name.startswith(PREFIX)}
    try:
        return DeadLetter(
            code=fields["code"],
            reason=fields["reason"],
            topic=fields["topic"],
            partition=int(fields["partition"]),
            offset=int(fields["offset"]),
            timestamp=int(fields["timestamp"]),
            value_cut=int(fields["value-cut"]) if "value-cut" in fields else None,
        )
    except KeyError as error:
        raise ValueError(f"no dead letter of Fixtrail: header {PREFIX}{error.args[0]} is missing") from None
