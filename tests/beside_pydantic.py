"""The fast path beside pydantic: whatever it accepts, pydantic accepts, as the same event, entry and row.

Run as a program it reads a million mutated records both ways (`make fast-path`).
"""

import argparse
import time
from collections import Counter
from random import Random

from schemas.decode import EventError, decode_carefully
from schemas.events import Event
from schemas.fast_path import fast_event
from sinks.clickhouse.event_rows import EventRows
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.content_digest import content_digest
from streams.journey.entries import entry_of
from tests.kafka_record import KafkaRecord
from tests.mutations import mutated

_KEY = KeyedHash(b"\x01" * 32)
_ROWS = [EventRows(_KEY), EventRows(_KEY, keep_free_text=True, clear_staff=True)]


def difference(value: bytes) -> str | None:
    """What is different where the fast path accepts the bytes; None where nothing is, or where it leaves them."""
    event = fast_event(value)
    if event is None:
        return None
    try:
        expected, ignored = decode_carefully(value)
    except EventError as error:
        return f"pydantic refuses: {error}"
    if ignored:
        return f"fields nobody reads: {sorted(ignored)}"
    return _unequal_part(event, expected, KafkaRecord(value))


def _unequal_part(event: Event, expected: Event, record: KafkaRecord) -> str | None:
    parts = {
        "type": (type(event), type(expected)),
        "event": (event, expected),
        "fields set": (event.model_fields_set, expected.model_fields_set),
        "JSON": (event.model_dump_json(), expected.model_dump_json()),
        "entry": (repr(entry_of(event)), repr(entry_of(expected))),
        "digest": (content_digest(event), content_digest(expected)),
        "rows": tuple([rows.row_of(item, record) for rows in _ROWS] for item in (event, expected)),
    }
    return next((name for name, (ours, theirs) in parts.items() if ours != theirs), None)


def main() -> None:
    """Read mutated records both ways; exit code 1 where one is read differently."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random, began, outcomes = Random(options.seed), time.process_time(), Counter[str]()
    for _ in range(options.records):
        value = mutated(random)
        outcomes["accepted" if fast_event(value) is not None else "left to pydantic"] += 1
        if (part := difference(value)) is not None:
            outcomes["different"] += 1
            print(f"{part}: {value!r}")
    print(
        f"{options.records:,} mutated records, seed {options.seed}: {outcomes['accepted']:,} accepted by the fast path,"
    )
    print(f"{outcomes['left to pydantic']:,} left to pydantic, {outcomes['different']:,} different")
    print(f"{time.process_time() - began:,.0f} CPU s")
    raise SystemExit(1 if outcomes["different"] else 0)


if __name__ == "__main__":
    main()
