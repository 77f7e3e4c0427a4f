"""The people whom a roster has to have in each half hour: of report need, or of its CSV file; and shifts before it."""

import csv
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path

from fixtrail.reports.forms.document import without_formula
from fixtrail.reports.need.report import center_needs, read_rules
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.roster.problem import People, Shift
from runtime.failure import USAGE, ExitError

_COLUMNS = {"day", "time", "required"}


def need_of_center(ask: Ask, options: Options, role: str, first: date, days: int) -> dict[datetime, int]:
    """What report need says of one center and role, for days from one on. Raises ExitError where it says nothing."""
    last = first + timedelta(days=days - 1)
    needs, _ = center_needs(ask, options, read_rules(options), first, last)
    rows = [row for need in needs for row in need.slots if row["role"] == role and row["required"] is not None]
    if not rows:
        raise ExitError(f"nothing is known of the {role}s needed at {options.center} from {first} to {last}", USAGE)
    return {datetime.fromisoformat(row["starts"]): int(row["required"]) for row in rows}


def need_of_file(
    file: Path, center: str, role: str, first: date | None, days: int, zone: tzinfo
) -> dict[datetime, int]:
    """The same of a CSV file with day, time and required, as `report need --csv` writes it. Raises ExitError.

    Its column `starts` says the instant: a night's half hours after midnight belong to the day before. Without it the
    time is that of the day, in `zone`.
    """
    rows = [
        row
        for row in _rows(file, _COLUMNS)
        if row.get("center_id", center) == center and row.get("role", role) == role and row["required"]
    ]
    try:
        begin = first or min((date.fromisoformat(row["day"]) for row in rows), default=date.max)
        in_days = [row for row in rows if 0 <= (date.fromisoformat(row["day"]) - begin).days < days]
        need = {_at(row, zone): _number(row["required"]) for row in in_days}
    except (ValueError, TypeError) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None
    if not need:
        raise ExitError(f"{file}: no half hour of {center} and {role} in these days", USAGE)
    if len({(at.minute % 30, at.second, at.microsecond) for at in need}) > 1:
        raise ExitError(f"{file}: a half hour begins 30 minutes after the one before, as 08:30 after 08:00", USAGE)
    return need


def shifts_of_file(file: Path, people: People, zone: tzinfo) -> list[Shift]:
    """The shifts of a CSV file with person, starts and ends, as a roster is written. Raises ExitError.

    Shifts of people who are not in the roster do not matter.
    """
    ids = {without_formula(person.id): person.id for person in people.person}
    rows = _rows(file, {"person", "starts", "ends"})
    try:
        return [
            Shift(ids[row["person"]], _local(row["starts"], zone), _local(row["ends"], zone))
            for row in rows
            if row["person"] in ids
        ]
    except (ValueError, TypeError) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None


def _rows(file: Path, columns: set[str]) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := columns - set(reader.fieldnames or ()):
                raise ExitError(f"{file}: there is no column {', '.join(sorted(missing))}", USAGE)
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None


def _number(text: str) -> int:
    number = float(text)
    if number < 0 or number != int(number) or number > 1000:
        raise ValueError("required is a whole number of people")
    return int(number)


def _at(row: Mapping[str, str], zone: tzinfo) -> datetime:
    return _local(row.get("starts") or f"{row['day']} {row['time']}", zone)


def _local(text: str, zone: tzinfo) -> datetime:
    """A local time with its offset from UTC; without one in the text it is that of the zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return at.astimezone(timezone(at.utcoffset() or timedelta()))
