"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, app, locale_of, say, settings_of
from runtime.failure import NEGATIVE, USAGE, ExitError

RATE_OVER_S = 1.0


@app.command(epilog="Example:  fixtrail send events.ndjson && fixtrail status --wait-idle 120")
def status(
    as_json: AsJson = False,
    wait_idle: Annotated[
        float | None,
        typer.Option("--wait-idle", metavar="SECONDS", help="Wait until all that was sent has reached ClickHouse."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Also this box's health page, as its log names it.", metavar="URL")
    ] = None,
    data: Data = None,
) -> None:
    """A verdict and its runbook, how far consumer groups are behind, how boxes and heartbeats are, what was refused.

    With --wait-idle: exits 0 once everything sent before has reached ClickHouse, 1 at the time-out. Otherwise 1 where
    Kafka or ClickHouse does not answer; what else can be told is told.
    """
    import asyncio
    import time

    from fixtrail.operations import overview as seeing
    from fixtrail.operations import status as watching

    settings = settings_of(data)
    late = None
    if wait_idle is not None:
        late = asyncio.run(watching.wait_idle(settings, wait_idle))
    troubles = []
    if as_json or wait_idle is None:
        before, began = [] if as_json else seeing.look_at_boxes(settings, box or ()), time.monotonic()
        screen = seeing.overview(settings, box or (), late)
        troubles = screen.troubles
        if as_json:
            import orjson

            from fixtrail.operations.verdict import verdict_of

            say(orjson.dumps({**screen.as_json(), "verdict": verdict_of(screen)}, option=orjson.OPT_INDENT_2).decode())
        else:
            from fixtrail.cli.print_overview import print_overview

            time.sleep(max(0.0, RATE_OVER_S - (time.monotonic() - began)))
            after = seeing.look_at_boxes(settings, box or ())
            print_overview(screen, seeing.rates(before, after, time.monotonic() - began), time.time())
    if late:
        raise ExitError(f"not idle after {wait_idle:g} s: {watching.behind_text(late)}")
    if troubles:
        raise SystemExit(NEGATIVE)


@app.command(
    epilog='Example:  fixtrail sql "SELECT center_id, avg(wait_s) / 60 FROM orders GROUP BY 1" --format CSVWithNames'
)
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY|-", help="ClickHouse SQL; - reads it from standard input.")],
    output_format: Annotated[
        str | None, typer.Option("--format", help="Any output format of ClickHouse, such as JSONEachRow.")
    ] = None,
    data: Data = None,
) -> None:
    """Ask ClickHouse as the user who may only read the views of database `fixtrail`.

    Without --format: a table on a terminal, TabSeparatedWithNames into a pipe. A terminal shows control characters as
    a replacement sign, a pipe gets them as they are.
    """
    from fixtrail.clickhouse import query as asking

    text = sys.stdin.read() if query == "-" else query
    settings = settings_of(data)
    if output_format is None and sys.stdout.isatty():
        asking.print_table(b"".join(asking.query(settings, text, asking.TABLE_FORMAT)))
        return
    if sys.stdout.isatty():
        asking.print_lines(b"".join(asking.query(settings, text, str(output_format))))
        return
    for piece in asking.query(settings, text, output_format or "TabSeparatedWithNames"):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@app.command(
    epilog="Examples:  fixtrail report kpi --targets examples/targets.toml    fixtrail report parts --html parts.html"
    "    fixtrail report pack --period week --end 2026-07-12"
    "    fixtrail report parts --forecast --json    fixtrail report league --figure ftfr --from 2026-07-01"
)
def report(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which report; --list tells them all.")] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="[verify FILE]", help="pack: does it still hold?")] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write one page with everything in it.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write its tables; several go into files beside this one.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write its pictures; several go into files beside this one.")] = None,
    png: Annotated[Path | None, typer.Option(help="The same as PNG.")] = None,
    chart: Annotated[str | None, typer.Option(help="Only this picture, or the table behind it.")] = None,
    targets: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Targets, and periods to compare; else those of FIXTRAIL_TARGETS."),
    ] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day of handoff.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of handoff, included.")] = None,
    by: Annotated[
        str | None, typer.Option(help="center, region, wave, lane, origin, group, day, week or month.")
    ] = None,
    source: Annotated[str, typer.Option(help="data: only what this source sent.")] = "",
    center: Annotated[str, typer.Option(help="data, need: only this center.")] = "",
    holidays: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="need: holidays and make-up working days.")
    ] = None,
    procedures: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="procedures: the standard procedures.")
    ] = None,
    staff: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="grades: grades, and which fault groups need which.")
    ] = None,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="parts: with the next 30 days, the stock for them, and the record.")
    ] = False,
    figure: Annotated[str, typer.Option(help="league: only by ftfr, wait, nps or complaints.")] = "",
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="kpi: judge these figures instead of ClickHouse's.")
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of pages and pictures: zh-CN or en.")] = "zh-CN",
    list_: Annotated[
        bool, typer.Option("--list", help="Every report and query, with the question it answers.")
    ] = False,
    period: Annotated[str | None, typer.Option(help="pack: week or month.")] = None,
    end: Annotated[str | None, typer.Option(metavar="DAY", help="pack: its last day; else yesterday.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="pack: where its files go.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="pack: write nothing, only say the message.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="pack: its pages as PDF, too, by the installed Chromium.")] = False,
    data: Data = None,
) -> None:
    """Figures with their uncertainty, told on the terminal or written as JSON, page, table or picture.

    `pack`: all reports of a week or month at once, as one message, one page and one file that say the same numbers.
    """
    from fixtrail.reports import command

    if name == "pack":
        from fixtrail.cli.packs import run_pack

        unused = {"--html": html, "--csv": csv, "--svg": svg, "--png": png, "--chart": chart, "--by": by}
        unused |= {"--from": since, "--to": until, "--source": source or None, "--center": center or None}
        run_pack(more or [], period, end, out, dry_run, pdf, as_json, locale, targets, table, data, unused)
        return
    if more or period or end or out or dry_run or pdf:
        raise ExitError("--period, --end, --out, --dry-run, --pdf and verify go with report pack", USAGE)

    if list_ or name is None:
        command.list_reports(say)
        return
    forms = command.ReportForms(as_json, html, csv, svg, png, chart, locale_of(locale))
    settings = settings_of(data)
    if source and name != "data":
        raise ExitError("--source goes with report data", USAGE)
    if center and name not in ("data", "need"):
        raise ExitError("--center goes with reports data and need", USAGE)
    if holidays and name != "need":
        raise ExitError("--holidays goes with report need", USAGE)
    if procedures and name != "procedures":
        raise ExitError("--procedures goes with report procedures", USAGE)
    if staff and name != "grades":
        raise ExitError("--staff goes with report grades", USAGE)
    if forecast and name != "parts":
        raise ExitError("--forecast goes with report parts", USAGE)
    if figure and name != "league":
        raise ExitError("--figure goes with report league", USAGE)
    options = replace(
        command.read_options(targets or settings.targets, since, until, by),
        source=source,
        center=center,
        holidays=holidays or settings.holidays,
        procedures=procedures or settings.procedures,
        staff=staff or settings.staff,
        forecast=forecast,
        figure=figure,
    )
    raise SystemExit(command.run_report(settings, name, options, forms, say, table))
