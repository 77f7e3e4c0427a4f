"""The people whom a roster has to have in each half hour: of report need, or of its CSV file."""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path

from fixtrail.reports.need.report import center_needs, read_rules
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from runtime.failure import USAGE, ExitError

_COLUMNS = {"day", "time", "required"}


def need_of_center(ask: Ask, options: Options, role: str, first: date, days: int) -> dict[datetime, int]:
    """What report need says of one center and role, for days from one on. Raises ExitError where it says nothing."""
    last = first + timedelta(days=days - 1)
    needs, _ = center_needs(ask, options, read_rules(options), first, last)
    rows = [row for need in needs for row in need.slots if row["role"] == role and row["required"] is not None]
    if not rows:
        raise ExitError(f"nothing is known of the {role}s needed at {options.center} from {first} to {last}", USAGE)
    return {_at(row["day"], row["time"]): int(row["required"]) for row in rows}


def need_of_file(file: Path, center: str, role: str, first: date | None, days: int) -> dict[datetime, int]:
    """The same of a CSV file with day, time and required, as `report need --csv` writes it. Raises ExitError."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := _COLUMNS - set(reader.fieldnames or ()):
                raise ExitError(f"{file}: there is no column {', '.join(sorted(missing))}", USAGE)
            rows = [row for row in reader if row.get("center_id", center) == center and row.get("role", role) == role]
        need = {_at(row["day"], row["time"]): _number(row["required"]) for row in rows if row["required"]}
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None
    begin = first or min((at.date() for at in need), default=date.max)
    need = {at: people for at, people in need.items() if 0 <= (at.date() - begin).days < days}
    if not need:
        raise ExitError(f"{file}: no half hour of {center} and {role} in these days", USAGE)
    return need


def _number(text: str) -> int:
    number = float(text)
    if number < 0 or number != int(number) or number > 1000:
        raise ValueError("required is a whole number of people")
    return int(number)


def _at(day: str, time: str) -> datetime:
    at = datetime.fromisoformat(f"{day} {time}")
    if at.minute not in (0, 30) or at.second or at.tzinfo is not None:
        raise ValueError("time is a half hour such as 08:30")
    return at
