"""`fixtrail whatif`: what a change at a center would do to the waits."""

from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, app, locale_of, say, settings_of
from runtime.failure import UNPROVEN, USAGE, ExitError


@app.command(
    epilog="Examples:  fixtrail whatif --center east-01 technicians=+1    fixtrail whatif --center east-01 "
    "technicians=+1 bays=-1 --json    fixtrail whatif --center east-01 stockout=0.06    fixtrail whatif --center "
    "east-01 technicians=+1 quick_lane=off    fixtrail whatif --center north-01 arrivals=+15% --html whatif.html "
    "--locale en"
)
def whatif(
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=CHANGE...",
            help="technicians, bays, quick_technicians, quick_bays by +N or -N; arrivals, work, parts, approval by "
            "+N% or -N%; stockout=0.06 or 6%, the share of part requests that are backordered; quick_lane=off. Several "
            "together are one change.",
        ),
    ],
    center: Annotated[str, typer.Option(help="The center.")],
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of the history.")] = None,
    runs: Annotated[int, typer.Option(min=20, max=400, help="Runs of the proof, and pairs of runs.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed, the same answer.")] = 1,
    holidays: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="As of report need.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with everything in it.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write its tables; several go into files beside this one.")] = None,
    locale: Annotated[str, typer.Option(help="Language of the page: zh-CN or en.")] = "zh-CN",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """How a center's waits would change, by a model of its history that first proves itself on its last 8 weeks.

    Says the change of the mean wait, of its 90th percentile and of the share that waits more than 15 min, each with
    a 95 % interval. Ends with 3, and says why, where the history does not support an answer.
    """
    from datetime import UTC, datetime

    from fixtrail.configuration import report_targets
    from fixtrail.reports.command import ReportForms, deliver
    from fixtrail.reports.options import Options, parse_day
    from fixtrail.reports.queries import query_runner
    from fixtrail.terminal.progress_bars import share_bar
    from fixtrail.whatif.changes import parse_changes
    from fixtrail.whatif.command import WhatIfRequest, ask_what_if
    from fixtrail.whatif.report import refusal_of, report_of

    request, language = WhatIfRequest(parse_changes(changes), runs, seed), locale_of(locale)
    last = parse_day(until, "--to")
    if not center:
        raise ExitError("--center is a center's id", USAGE)
    settings = settings_of(data)
    options = Options(
        datetime.now(UTC),
        until=last,
        targets=report_targets(settings),
        center=center,
        holidays=holidays or settings.holidays,
    )
    with share_bar("replaying") as moved:
        answer = ask_what_if(query_runner(settings), options, request, moved)
    deliver(report_of(answer), ReportForms(json=as_json, html=html, csv=csv, locale=language), say)
    if answer.effects is None:
        raise ExitError(f"no answer: {refusal_of(answer.proof).en}", UNPROVEN)
