"""A whole import: scan, map, put in order, send, count."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from fixtrail.imports.journeys import ImportedJourneys
from fixtrail.imports.log import Progress, Scan, read_log, scan_log
from fixtrail.imports.mapping import Mapping
from fixtrail.imports.ordering import SortedRecord, TimeOrder
from fixtrail.imports.report import ImportReport, Tally
from fixtrail.imports.rules import MappedEvent, RejectedRow, map_row
from schemas.event_topics import SERVICE

# (value, key) of one record for the topic of the mapping.
Send = Callable[[bytes, bytes], Awaitable[object]]

_AT_A_TIME = 200


async def import_log(
    path: Path,
    mapping: Mapping,
    send: Send | None = None,
    progress: Progress | None = None,
    rejects: TextIO | None = None,
) -> ImportReport:
    """Send the events of a log and report every row of it; without `send` it is a dry run, which folds them.

    The whole log is read and mapped before the first event is sent: nothing goes out of one that turns out unreadable
    or without a column that the mapping names. `rejects` gets a JSON line for each event that could not be made, with
    the row, so that it can be repaired. Raises LogError, and whatever `send` raises. Doing it again sends the same
    events with the same ids.
    """
    scan_progress = progress and (lambda done, total: progress(done, total * 3 // 2))
    scan = scan_log(path, mapping, scan_progress, whole_rows=rejects is not None)
    tally = Tally(datetime.now(UTC))
    levels = mapping.service_levels
    folds = send is None and mapping.topic is SERVICE
    journeys = ImportedJourneys(levels.emergency_min * 60, levels.quick_lane_min * 60) if folds else None
    # By time, since logs are mostly sorted by case: state is let go by event time, and a log that jumps years ahead
    # and back would come too late for its own comebacks.
    with TimeOrder() as records:
        await _map(path, mapping, scan, scan_progress, tally, journeys or records, rejects)
        if send is not None:
            await _send(records, tally.events, send, progress, path.stat().st_size)
    if progress is not None:
        progress(3 * path.stat().st_size, 3 * path.stat().st_size)
    return tally.report(path.name, scan, journeys.figures() if journeys else None)


async def _map(
    path: Path,
    mapping: Mapping,
    scan: Scan,
    progress: Progress | None,
    tally: Tally,
    target: TimeOrder | ImportedJourneys,
    rejects: TextIO | None,
) -> None:
    for row in read_log(path, mapping, scan, progress):
        outcomes = map_row(row, mapping)
        for outcome in outcomes:
            if isinstance(outcome, MappedEvent):
                _add(outcome, target)
            elif isinstance(outcome, RejectedRow) and rejects is not None:
                rejects.write(reject_line(outcome) + "\n")
        tally.add(row, outcomes)
        if tally.rows % _AT_A_TIME == 0:
            await asyncio.sleep(0)


def _add(mapped: MappedEvent, target: TimeOrder | ImportedJourneys) -> None:
    event = mapped.event
    if isinstance(target, ImportedJourneys):
        target.add(event)
    else:
        target.add(SortedRecord(mapped.at, event.event_id, mapped.value, mapped.key))


async def _send(records: TimeOrder, events: int, send: Send, progress: Progress | None, size: int) -> None:
    for number, record in enumerate(records):
        await send(record.value, record.key)
        # A producer that only takes the record needs the loop for itself now and then.
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
            if progress is not None:
                progress(2 * size + size * number // events, 3 * size)


def reject_line(rejected: RejectedRow) -> str:
    """One line of a rejects file: where, why, the value at fault and the row's own columns."""
    row = rejected.row
    document = {
        "line": row.line,
        "case": row.case,
        "activity": row.activity,
        "event": rejected.type,
        "rule": rejected.rule,
        "reason": rejected.reason,
        "value": rejected.value,
        "row": {name: text for name, text in row.columns.items() if not name.startswith("@")},
    }
    return json.dumps(document, ensure_ascii=False)
