"""Events straight into ClickHouse, without Kafka: what the stream processors and the writer would have put there.

For tests of what is asked of ClickHouse; that both ways end in the same rows is what the end-to-end tests show.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

from fixtrail.all_settings import Settings
from schemas.decode import decode_event
from sinks.clickhouse.centers import load_centers
from sinks.clickhouse.event_rows import EVENTS, EventRows
from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.batch import journey_facts
from tests.clickhouse_node import ClickHouseNode

KEYED = KeyedHash(b"a secret of these tests, long enough")
BLOCK = 20_000
# An arrival long after every event, so that none is stamped too far ahead.
ARRIVED_MS = 4_000_000_000_000
# With these a query of the reports answers on all that there is.
EVERYTHING: dict[str, Any] = {
    **dict.fromkeys(("since", "until", "open_until", "rollout", "by", "first_key", "end_key"), ""),
    **{"time_zone": "UTC", "centers": []},
}


def settings_of(node: ClickHouseNode) -> Settings:
    """Settings with which the commands find this server."""
    passwords, layout = node.passwords, node.layout
    return Settings(
        clickhouse=node.url,
        clickhouse_layout=layout.kind,
        clickhouse_cluster=layout.cluster,
        clickhouse_nodes=list(layout.nodes),
        clickhouse_password=passwords["app"],
        clickhouse_reader_password=passwords["reader"],
        hash_key="a secret of these tests, long enough",
    )


def fill(node: ClickHouseNode, lines: Iterable[bytes], centers: Path | None = None) -> None:
    """Put the events of these lines, in order of arrival, and the orders that they make into the server."""
    inserter = Inserter(node.server())
    try:
        values = list(lines)
        for rows in _blocks(_event_rows(values)):
            assert inserter.insert(EVENTS, rows) == []
        facts = FactRows(KEYED)
        for rows in _blocks(facts.journey_row(fact) for fact in journey_facts(map(decode_event, values))):
            assert inserter.insert(JOURNEYS, rows) == []
    finally:
        inserter.close()
    if centers is not None:
        load_centers(node.client(), centers)


def _event_rows(values: list[bytes]) -> Iterator[Any]:
    rows = EventRows(KEYED, clear_staff=True)
    for offset, value in enumerate(values):
        record = SimpleNamespace(
            topic="service-events",
            key=orjson.loads(value)["vehicle_id"].encode(),
            value=value,
            headers=(),
            timestamp=ARRIVED_MS,
            partition=0,
            offset=offset,
        )
        yield rows.row(record)


def _blocks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while block := list(islice(rows, BLOCK)):
        yield block


def write_centers(file: Path, waves: Mapping[str, tuple[int, date | None]]) -> Path:
    """The file with these centers, in three regions: of each its wave, 0 for none, and the day on which that begins."""
    file.write_text(
        "\n".join(
            f'[[center]]\nid = "{center}"\nname = "{center}"\nregion = "R{number % 3}"\nwave = {wave}\n'
            + ("" if start is None else f"wave_start = {start}\n")
            for number, (center, (wave, start)) in enumerate(waves.items())
        )
    )
    return file
