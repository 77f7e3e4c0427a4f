"""`fixtrail export`: orders and events as files that process-mining tools read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of

if TYPE_CHECKING:
    from fixtrail.export.history import ExportScope
    from fixtrail.export.run import Export

export_app = typer.Typer(help="Orders and events as files that process-mining tools read.", no_args_is_help=True)

Since = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="First day of close; without days open orders count, too.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of close, included.")]
Center = Annotated[str, typer.Option("--center", metavar="CENTER", help="Only this center.")]
Zone = Annotated[str, typer.Option("--time-zone", help="Whose days.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing, only count.")]


@export_app.command(
    "ocel", epilog="Examples:  fixtrail export ocel march.json --from 2026-03-01 --to 2026-03-31    … all.sqlite"
)
def export_ocel(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.json, FILE.json.gz or FILE.sqlite.")],
    since: Since = None,
    until: Until = None,
    center: Center = "",
    time_zone: Zone = "UTC",
    people: Annotated[bool, typer.Option("--people", help="Technicians as objects, too.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Object-centric: OCEL 2.0 with orders, vehicles, jobs, part requests, quotes, surveys and complaints.

    Ids of vehicles are the pseudonyms that ClickHouse has. FILE is there only when it is whole.
    """
    from fixtrail.export.run import Export

    _export(Export("ocel", file, _scope(since, until, center, time_zone), people), data, dry_run, as_json)


@export_app.command("xes", epilog="Example:  fixtrail export xes march.xes.gz --from 2026-03-01 --to 2026-03-31")
def export_xes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.xes or FILE.xes.gz.")],
    since: Since = None,
    until: Until = None,
    center: Center = "",
    time_zone: Zone = "UTC",
    stages: Annotated[
        bool, typer.Option("--stages", help="Of closed orders the stretches of each visit, waits too, not the events.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Case-centric: XES (IEEE 1849), a case for each order.

    Ids of vehicles are the pseudonyms that ClickHouse has. FILE is there only when it is whole.
    """
    from fixtrail.export.run import Export

    _export(Export("xes", file, _scope(since, until, center, time_zone), stages=stages), data, dry_run, as_json)


def _scope(since: str | None, until: str | None, center: str, time_zone: str) -> "ExportScope":
    from fixtrail.export.history import ExportScope
    from fixtrail.reports.options import parse_days
    from runtime.failure import USAGE, ExitError
    from schemas.times import is_time_zone

    if not is_time_zone(time_zone):
        raise ExitError(f"there is no time zone {time_zone!r}", USAGE)
    return ExportScope(*parse_days(since, until), center, time_zone)


def _export(export: "Export", data: Path | None, dry_run: bool, as_json: bool) -> None:
    from fixtrail.export.run import run_export, size_of

    if dry_run:
        size = size_of(settings_of(data), export)
        say_json(size) if as_json else say(", ".join(f"{count:,} {name}" for name, count in size.items()))
        return
    result = run_export(settings_of(data), export)
    if as_json:
        say_json(result.document())
        return
    objects = "".join(f", {count:,} {name}" for name, count in result.objects.items() if name != "order")
    say(f"{result.file} written: {result.orders:,} orders, {result.events:,} events{objects}")
