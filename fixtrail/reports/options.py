"""The options of a report: days, grouping and targets."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fixtrail.reports.targets import NO_TARGETS, Targets
from runtime.failure import USAGE, ExitError

CUTS = ("center", "region", "wave", "lane", "origin", "group", "day", "week", "month")


@dataclass(frozen=True, slots=True)
class Options:
    """`since` and `until` are days of close, both included; `by` is one of CUTS; `now` is the reader's clock."""

    now: datetime
    since: date | None = None
    until: date | None = None
    by: str | None = None
    targets: Targets = field(default=NO_TARGETS)
    # Of report data: only what this source sent; of data and need: only this center's; "" for all.
    source: str = ""
    center: str = ""
    # Of report need: the file of holidays and make-up working days.
    holidays: Path | None = None
    # Of report procedures: the file of standard procedures.
    procedures: Path | None = None
    # Of report grades: the file of grades.
    staff: Path | None = None
    # Of report parts: with the next 30 days.
    forecast: bool = False
    # Of report league: one of its leagues, "" for all.
    figure: str = ""

    def scope(self) -> dict[str, Any]:
        """The options as a report states them."""
        return {
            "from": self.since.isoformat() if self.since else None,
            "to": self.until.isoformat() if self.until else None,
            "by": self.by,
            "time_zone": self.targets.time_zone,
            "computed_at": self.now.astimezone(UTC).isoformat(timespec="seconds"),
        }


def parse_day(text: str | None, option: str) -> date | None:
    """A day, as 2026-07-06. Raises ExitError for anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ExitError(f"{option} is a day such as 2026-07-06, not {text!r}", USAGE) from None


def parse_days(
    since: str | None, until: str | None, options: tuple[str, str] = ("--from", "--to")
) -> tuple[date | None, date | None]:
    """The first and the last day. Raises ExitError for what is no day, and for a last one before the first."""
    first, last = parse_day(since, options[0]), parse_day(until, options[1])
    if first is not None and last is not None and last < first:
        raise ExitError(f"{options[1]} {last} lies before {options[0]} {first}", USAGE)
    return first, last


def check_cut(by: str | None) -> str | None:
    """A cut's name. Raises ExitError for anything else."""
    if by not in (None, *CUTS):
        raise ExitError(f"--by is one of {', '.join(CUTS)}", USAGE)
    return by


def refuse_cut(report: str, options: Options, why: str = "its tables have the cuts") -> None:
    """Raises ExitError where --by is given to a report that is not cut by it."""
    if options.by is not None:
        raise ExitError(f"report {report} cannot be cut: {why}; --by is for report kpi", USAGE)
