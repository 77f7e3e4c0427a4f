"""Dead letters name records by their places, which change when topics get another number of partitions."""

from typing import Any

from fixtrail.operations.dead_letters import REDRIVEN
from fixtrail.partitions.copying import Headers, Source
from fixtrail.partitions.tables import GONE
from schemas.dead_letter import DeadLetter, header_name, read_dead_letter
from schemas.topics import DEAD_LETTERS, SERVICE_EVENTS
from sinks.clickhouse.tables import HISTORY

Origin = tuple[int, int]


def _letter(record: Any) -> DeadLetter | None:
    try:
        return read_dead_letter(record.headers)
    except ValueError:
        return None


async def letter_origins(source: Source, partitions: int) -> set[Origin]:
    """The places in `service-events` that dead letters name."""
    if not partitions:
        return set()
    letters = [_letter(record) async for record in source.records(DEAD_LETTERS, [*range(partitions)])]
    return {(letter.partition, letter.offset) for letter in letters if letter and letter.topic == SERVICE_EVENTS}


class LetterRewrite:
    """Learns where events and letters have gone, and gives each letter, and each mark about one, its new places."""

    def __init__(self, origins: set[Origin]) -> None:
        self._origins = origins
        self._events: dict[Origin, Origin] = {}
        self._letters: dict[Origin, Origin] = {}

    def note_event(self, record: Any, partition: int, offset: int) -> None:
        if (origin := (record.partition, record.offset)) in self._origins:
            self._events[origin] = partition, offset

    def note_letter(self, record: Any, partition: int, offset: int) -> None:
        self._letters[record.partition, record.offset] = partition, offset

    def rewrite(self, record: Any) -> tuple[bytes | None, Headers]:
        """The letter's key and headers; of a record that is nowhere any more, a partition that there is not."""
        letter, headers = _letter(record), [*record.headers]
        if letter is None:
            return record.key, headers
        origin = letter.partition, letter.offset
        is_mark = letter.code == REDRIVEN
        places = self._letters if is_mark else self._events if letter.topic == SERVICE_EVENTS else {}
        gone = letter.partition + (GONE if letter.partition < HISTORY else 0)
        partition, offset = places.get(origin, (gone, letter.offset))
        new = {header_name("partition"): partition, header_name("offset"): offset}
        changed = [(name, str(new[name]).encode() if name in new else value) for name, value in headers]
        return f"{partition}:{offset}".encode() if is_mark else record.key, changed
