"""`fixtrail ask`: one defined figure."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fixtrail.cli.app import AsJson, Data, app, say, say_json, settings_of
from runtime.failure import USAGE, exit_on

if TYPE_CHECKING:
    from fixtrail.all_settings import Settings
    from fixtrail.reports.figures.answer import Question


@app.command(
    epilog="Examples:  fixtrail ask wait_mean_s --by center --from 2026-07-01    fixtrail ask ftfr --where lane=quick"
)
def ask(
    figure: Annotated[
        str | None, typer.Argument(metavar="FIGURE", help="Its name; without one all are listed.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="center, region, wave, lane, origin, group, day, week or month.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day of close.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of close, included.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="center, region, wave, lane, origin or group; may be repeated."),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Targets, and periods to compare; else those of FIXTRAIL_TARGETS."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """A figure that is defined, with n, interval, status and definition; the same as report kpi says.

    What is not defined is refused, with the nearest that is.
    """
    from fixtrail.reports.command import read_options
    from fixtrail.reports.figures.answer import Question
    from fixtrail.reports.figures.catalogue import parse_conditions

    if figure is None:
        _list(as_json)
        return
    settings = settings_of(data)
    with exit_on(ValueError, code=USAGE):
        options = replace(read_options(targets or settings.targets, since, until, None), by=by)
        question = Question(figure, options, parse_conditions(where or ()))
        question.check()
    _answer(settings, question, as_json)


def _list(as_json: bool) -> None:
    from fixtrail.reports.figures.catalogue import all_described

    figures = all_described()
    if as_json:
        say_json(figures)
        return
    for figure in figures:
        say(f"{figure['figure']:<26} {figure['title']['en']} [{figure['unit']}]")


def _answer(settings: "Settings", question: "Question", as_json: bool) -> None:
    from fixtrail.reports.figures.answer import answer, answer_report
    from fixtrail.reports.forms.terminal import print_report
    from fixtrail.reports.queries import query_runner

    runner = query_runner(settings)
    if as_json:
        say_json(answer(runner, question))
    else:
        print_report(replace(answer_report(runner, question), methods=()))
