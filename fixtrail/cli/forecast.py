"""`fixtrail forecast`: what will be needed, from what was asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of
from runtime.failure import USAGE, ExitError

if TYPE_CHECKING:
    from fixtrail.reports.parts.command import PartForecast

forecast_app = typer.Typer(help="What will be needed, from what was asked for.", no_args_is_help=True)


@forecast_app.command(
    "parts",
    epilog="Examples:  fixtrail forecast parts --center east-01    … parts --csv parts.csv    … parts --publish",
)
def parts(
    horizon: Annotated[int, typer.Option(metavar="DAYS", help="How many days ahead, 1 to 90.")] = 30,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="DAY", help="Its first day.  [default: today; after old data the day after it]"),
    ] = None,
    center: Annotated[str | None, typer.Option("--center", metavar="CENTER", help="Only this center.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Also put it into ClickHouse and topic part-forecasts.")
    ] = False,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="One table with all of it; - for stdout.")] = None,
    data: Data = None,
) -> None:
    """The demand of the next days by part and center as a distribution, and what to keep on the shelf for it.

    Nothing is published without --publish. The same forecast again publishes nothing.
    """
    from fixtrail.configuration import report_targets
    from fixtrail.reports.options import parse_day
    from fixtrail.reports.parts import command
    from fixtrail.terminal.printable import shown_text

    if as_json and str(csv) == "-":
        raise ExitError("--json and --csv - both write to stdout", USAGE)
    settings = settings_of(data)
    request = command.ForecastRequest(horizon, parse_day(day, "--day"), center)
    forecast = command.forecast_parts(settings, report_targets(settings), request)
    if publish:
        command.publish(settings, forecast.unpublished)
    if csv is not None and (text := command.write_csv(forecast, csv)):
        print(shown_text(text), end="")
        return
    if as_json:
        say_json(_document(forecast, publish))
    elif csv is None:
        _print(forecast, publish)
    else:
        say(f"{csv} written")
        _print_published(forecast, publish)


def _document(forecast: "PartForecast", is_published: bool) -> dict[str, Any]:
    from fixtrail.reports.forms.document import as_json

    published = len(forecast.unpublished) if is_published else 0
    return {**as_json(forecast.report), "published": published, "forecasts": len(forecast.rows)}


def _print(forecast: "PartForecast", is_published: bool) -> None:
    from fixtrail.reports.forms.terminal import print_report

    print_report(forecast.report)
    _print_published(forecast, is_published)


def _print_published(forecast: "PartForecast", is_published: bool) -> None:
    n, new = len(forecast.rows), len(forecast.unpublished)
    if is_published:
        say(f"{new:,} of {n:,} forecasts published; the others were published before")
    else:
        say(f"{n:,} forecasts, {new:,} of them not published: --publish does")
