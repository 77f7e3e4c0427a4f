"""`fixtrail export`: the orders and their events as files that process-mining tools read."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Literal, cast

from fixtrail.export.history import ExportScope, OrderHistory, OrderSource
from fixtrail.export.objects import ObjectMaker, OcelEvent
from fixtrail.export.ocel_json import OcelJsonWriter
from fixtrail.export.ocel_sqlite import OcelSqliteWriter
from fixtrail.export.xes import XesWriter
from fixtrail.settings import ReportSettings
from fixtrail.terminal.progress_bars import share_bar
from runtime.failure import USAGE, ExitError

Form = Literal["ocel", "xes"]
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported and into which file. `stages`: the stretches of visits instead of events, XES only."""

    form: Form
    file: Path
    scope: ExportScope
    people: bool = False
    stages: bool = False

    def check(self) -> None:
        """Raises ExitError for a file of a kind that the format is not written in."""
        endings = {"ocel": (".json", ".json.gz", ".sqlite"), "xes": (".xes", ".xes.gz")}[self.form]
        if not self.file.name.endswith(endings):
            raise ExitError(f"{self.form} is written to a file that ends in {', '.join(endings)}", USAGE)


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """How much was written. Of OCEL also how many objects of each type."""

    file: str
    orders: int
    events: int
    objects: dict[str, int]

    def document(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return asdict(self)


def run_export(settings: ReportSettings, export: Export) -> ExportSummary:
    """Write the file; it is there only when it is whole. Raises ExitError where ClickHouse refuses or is away."""
    export.check()
    source = OrderSource(settings, export.scope)
    write = _write_ocel if export.form == "ocel" else _write_xes
    with share_bar("Exporting") as progress, _replacing(export.file) as part:
        orders, events, objects = write(export, part, _watched(source, export, progress))
    return ExportSummary(str(export.file), orders, events, objects)


def size_of(settings: ReportSettings, export: Export) -> dict[str, int]:
    """The size of an export, without writing it."""
    export.check()
    size = OrderSource(settings, export.scope).size
    return {"orders": size.orders, "events": size.events, "vehicles": size.vehicles}


def _watched(source: OrderSource, export: Export, progress: Callable[[int, int], None]) -> Iterator[OrderHistory]:
    events = 0
    for history in source.visits() if export.stages else source.histories():
        yield history
        events += int(history.order["event_count"])
        progress(events, max(events, source.size.events))


def _write_xes(export: Export, file: Path, histories: Iterator[OrderHistory]) -> tuple[int, int, dict[str, int]]:
    orders = events = 0
    with _opened(file, export.file) as out:
        writer = XesWriter(out)
        for history in histories:
            writer.write_trace(history)
            orders, events = orders + 1, events + len(history.rows)
        writer.close()
    return orders, events, {}


def _write_ocel(export: Export, file: Path, histories: Iterator[OrderHistory]) -> tuple[int, int, dict[str, int]]:
    if export.file.suffix == ".sqlite":
        return _write_objects(OcelSqliteWriter(file), export, histories)
    with _opened(file, export.file) as out:
        return _write_objects(OcelJsonWriter(out), export, histories)


def _write_objects(
    writer: OcelJsonWriter | OcelSqliteWriter, export: Export, histories: Iterator[OrderHistory]
) -> tuple[int, int, dict[str, int]]:
    maker, events = ObjectMaker(people=export.people), 0
    objects: Counter[str] = Counter()
    for history in histories:
        for item in maker.objects(history):
            if isinstance(item, OcelEvent):
                writer.write_event(item)
                events += 1
            else:
                writer.write_object(item)
                objects[item.type] += 1
    writer.close()
    return objects["order"], events, dict(sorted(objects.items()))


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A file beside it, which takes its name at the end, or is removed where something went wrong.

    Each run has its own: two that write the same file do not write into one.
    """
    part = file.with_name(f".{file.name}.{token_hex(4)}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _opened(part: Path, file: Path) -> Iterator[IO[bytes]]:
    with part.open("wb", buffering=_BUFFER_BYTES) as raw:
        if file.suffix != ".gz":
            yield raw
            return
        # Without a time in its head: the same orders, the same bytes.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as out:
            yield cast("IO[bytes]", out)
