"""`fixtrail roster`: a proposal of shifts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from fixtrail.cli.app import AsJson, Data, app, locale_of, say, say_json, settings_of
from runtime.failure import USAGE, ExitError

if TYPE_CHECKING:
    from fixtrail.roster.problem import Roster


@app.command(epilog="Examples:  fixtrail roster --center north-01 --people examples/people.toml --csv roster.csv")
def roster(
    people: Annotated[
        Path, typer.Option(metavar="FILE.toml", help="People, days off, wishes and rules of working time.")
    ],
    center: Annotated[str, typer.Option(help="The center.")],
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day; default: tomorrow.")] = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="How many days.")] = 14,
    role: Annotated[str, typer.Option(help="technician, inspector or advisor.")] = "technician",
    need: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Need from this file (day, time, required), not ClickHouse.")
    ] = None,
    targets: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Its [need], as of report need.")] = None,
    holidays: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="As of report need.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Time to look for a better one.")] = 55.0,
    csv: Annotated[Path | None, typer.Option(help="Write the shifts as CSV.")] = None,
    ics: Annotated[Path | None, typer.Option(help="Write the shifts as a calendar.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the shifts as a page.")] = None,
    before: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Shifts that stand already, as --csv wrote them.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of files' local times; default: the need's own, or Asia/Shanghai.")
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of the page: zh-CN or en.")] = "en",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Propose shifts that cover the people needed, within the rules of working time; says which hours lack whom.

    Ends with 1 where a half hour lacks people. Needs the extra `roster` (OR-Tools).
    """
    from fixtrail.reports.options import Options, parse_day
    from fixtrail.roster import forms
    from fixtrail.roster.need import need_of_center, need_of_file, shifts_of_file
    from fixtrail.roster.problem import read_people
    from fixtrail.roster.solve import propose
    from schemas.times import is_time_zone

    language, first, file = locale_of(locale), parse_day(since, "--from"), read_people(people)
    if time_zone is not None and not is_time_zone(time_zone):
        raise ExitError(f"there is no time zone {time_zone!r}", USAGE)
    if need is not None:
        needed = need_of_file(need, center, role, first, days, ZoneInfo(time_zone or "Asia/Shanghai"))
    else:
        from fixtrail.reports.queries import query_runner
        from fixtrail.reports.targets import NO_TARGETS, read_targets

        settings, tomorrow = settings_of(data), datetime.now(UTC).date() + timedelta(days=1)
        options = Options(
            datetime.now(UTC),
            targets=read_targets(targets) if targets else NO_TARGETS,
            center=center,
            holidays=holidays or settings.holidays,
        )
        needed = need_of_center(query_runner(settings), options, role, first or tomorrow, days)
    zone = ZoneInfo(time_zone) if time_zone else min(needed).tzinfo
    proposal = propose(file, needed, seconds, shifts_of_file(before, file, zone) if before and zone else ())
    if csv is not None:
        csv.write_text(forms.as_csv(proposal), encoding="utf-8-sig", newline="")
    if ics is not None:
        ics.write_text(forms.as_ics(proposal, center, datetime.now(UTC)), encoding="utf-8", newline="")
    if html is not None:
        html.write_text(forms.as_page(proposal, center, role, language), encoding="utf-8")
    if as_json:
        say_json(forms.as_json(proposal, needed, center, role))
    else:
        say("\n".join(forms.as_text(proposal, role)))
    _end(proposal)


def _end(proposal: "Roster") -> None:
    """Exit code 1 where a half hour lacks people."""
    if proposal.shortages:
        raise SystemExit(1)
