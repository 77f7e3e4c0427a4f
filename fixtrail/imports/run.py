"""A whole import: scan, map, send, count."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO

from fixtrail.imports.log import Progress, read_log, scan_log
from fixtrail.imports.mapping import Mapping
from fixtrail.imports.report import ImportReport, Tally
from fixtrail.imports.rules import MappedEvent, Rejected, map_row

# (value, key) of one record for `service-events`.
Send = Callable[[bytes, bytes], Awaitable[object]]

_ROWS_AT_A_TIME = 200


async def import_log(
    path: Path,
    mapping: Mapping,
    send: Send | None = None,
    progress: Progress | None = None,
    rejects: TextIO | None = None,
) -> ImportReport:
    """Send the events of a log and report every row of it; without `send` it is a dry run.

    The log is read twice: nothing is sent of one that turns out unreadable or without a column that the mapping names.
    `rejects` gets a JSON line for each event that could not be made, with the whole row, so that it can be repaired.
    Raises LogError, and whatever `send` raises. Doing it again sends the same events with the same ids.
    """
    scan = scan_log(path, mapping, progress)
    tally = Tally()
    for row in read_log(path, mapping, scan, progress):
        outcomes = map_row(row, mapping)
        for outcome in outcomes:
            if isinstance(outcome, MappedEvent) and send is not None:
                await send(outcome.value, outcome.key)
            elif isinstance(outcome, Rejected) and rejects is not None:
                rejects.write(reject_line(outcome) + "\n")
        tally.add(row, outcomes)
        # A producer that only takes the record needs the loop for itself now and then.
        if tally.rows % _ROWS_AT_A_TIME == 0:
            await asyncio.sleep(0)
    return tally.report(path.name, scan)


def reject_line(rejected: Rejected) -> str:
    """One line of a rejects file: where, why, the value at fault and the row's own columns."""
    row = rejected.row
    said = {
        "line": row.line,
        "case": row.case,
        "activity": row.activity,
        "event": rejected.type,
        "rule": rejected.rule,
        "reason": rejected.reason,
        "value": rejected.value,
        "row": {name: text for name, text in row.columns.items() if not name.startswith("@")},
    }
    return json.dumps(said, ensure_ascii=False)
