"""`fixtrail import --history`: a log of another system, mapped and then sent as history."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fixtrail.history.command import HistoryReport, run_history, show
from fixtrail.history.reading import HistoryFile
from fixtrail.imports import mapping as mappings
from fixtrail.imports.errors import LogError
from fixtrail.imports.report import ImportReport
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.run import import_log
from fixtrail.settings import HistorySettings
from fixtrail.terminal.progress_bars import share_bar
from runtime.failure import NEGATIVE, OK, USAGE, ExitError
from schemas.event_topics import REFERENCE
from schemas.toml_file import TomlFileError

Say = Callable[[str], object]


def run_history_import(
    settings: HistorySettings, log: Path, mapping: Path, rejects: Path | None, *, dry_run: bool, as_json: bool, say: Say
) -> int:
    """Send the events of a log as history and print both reports; the exit code, 1 where a line was not sent.

    Raises ExitError where the mapping or the log cannot be used, and as `run_history` does.
    """
    try:
        report, history = asyncio.run(_import(settings, log, mapping, rejects, dry_run))
    except (TomlFileError, LogError) as error:
        raise ExitError(str(error)) from None
    if as_json:
        say(json.dumps({**report.model_dump(mode="json"), "history": history.as_json()}, indent=2, ensure_ascii=False))
        return NEGATIVE if history.too_long else OK
    for line in report_lines(report):
        say(line)
    return show(history, say, as_json=False)


async def _import(
    settings: HistorySettings, log: Path, mapping_file: Path, rejects: Path | None, dry_run: bool
) -> tuple[ImportReport, HistoryReport]:
    mapping = mappings.load_mapping(mapping_file)
    if mapping.topic is REFERENCE:
        raise ExitError("--history is about the events of orders, and the mapping makes reference events", USAGE)
    reports: list[ImportReport] = []
    with ExitStack() as stack:
        rejected = None if rejects is None else stack.enter_context(rejects.open("w", encoding="utf-8"))

        async def fill(file: HistoryFile) -> None:
            async def put(value: bytes, _: bytes) -> None:
                file.add(value)

            with share_bar("importing") as moved:
                reports.append(await import_log(log, mapping, put, moved, rejected))

        history = await run_history(settings, fill, dry_run=dry_run)
    return reports[0], history
