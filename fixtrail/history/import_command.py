"""`fixtrail import --history`: another system's log, what was closed long ago of it straight into ClickHouse."""

import asyncio
import json

from fixtrail.history.command import HistoryReport, run_history, show
from fixtrail.history.reading import HistoryFile
from fixtrail.imports.errors import LogError
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.report_lines import report_lines
from fixtrail.imports.run import import_log
from fixtrail.sending.sources import ImportRun, Say, rejects_file
from fixtrail.settings import HistorySettings
from fixtrail.terminal.progress_bars import share_bar
from runtime.failure import NEGATIVE, OK, USAGE, ExitError
from schemas.event_topics import REFERENCE
from schemas.toml_file import TomlFileError


def run_history_import(settings: HistorySettings, run: ImportRun, *, as_json: bool, say: Say) -> int:
    """Send the events of a log as history and print both reports; the exit code. Raises ExitError as `run_import`."""
    imported: list[ImportReport] = []

    async def go_by_history() -> HistoryReport:
        mapping = load_mapping(run.mapping)
        if mapping.topic is REFERENCE:
            raise ExitError("--history is about the events of orders, and the mapping makes reference events", USAGE)
        with rejects_file(run.rejects) as rejects:

            async def fill(file: HistoryFile) -> None:
                async def put(value: bytes, _: bytes) -> None:
                    file.add(value)

                with share_bar("importing") as moved:
                    imported.append(await import_log(run.log, mapping, put, moved, rejects))

            return await run_history(settings, fill, dry_run=run.dry_run)

    try:
        history = asyncio.run(go_by_history())
    except (TomlFileError, LogError) as error:
        raise ExitError(str(error)) from None
    (report,) = imported
    if as_json:
        say(json.dumps({**report.model_dump(mode="json"), "history": history.as_json()}, indent=2, ensure_ascii=False))
        return OK if not history.too_long else NEGATIVE
    for line in report_lines(report):
        say(line)
    return show(history, say, as_json=False)
