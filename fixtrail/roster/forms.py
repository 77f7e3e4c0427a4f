"""A roster as CSV, as a calendar (iCalendar, RFC 5545), as JSON, as text and as a page."""

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from fixtrail.reports.forms.document import without_formula
from fixtrail.reports.forms.page_head import FILE_HEAD
from fixtrail.reports.need.words import ROLE_WORDS
from fixtrail.reports.report import Bilingual, Locale
from fixtrail.roster.problem import Need, Roster, rostered_at

TITLE = Bilingual("班次建议", "Roster proposal")
_TEXTS = {
    "short": Bilingual("缺{role}的时段", "half hours that lack {role}"),
    "none_short": Bilingual("所有时段人手足够", "every half hour has the people it needs"),
    "bound": Bilingual(
        "代价 {objective:.0f}，任何班次至少 {bound:.0f}（差距 {gap:.1%}）",
        "cost {objective:.0f}, any roster costs at least {bound:.0f} (gap {gap:.1%})",
    ),
    "person": Bilingual("人员", "person"),
    "starts": Bilingual("开始", "starts"),
    "ends": Bilingual("结束", "ends"),
    "needed": Bilingual("需要", "needed"),
    "rostered": Bilingual("排班", "rostered"),
    "proposal": Bilingual("这是建议，不是排班系统", "a proposal: your own system of shifts decides"),
}
# What RFC 5545 has in no text; line breaks are told before.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def as_json(roster: Roster, need: Need, center: str, role: str) -> dict[str, Any]:
    """The whole roster with need and coverage of each half hour."""
    return {
        "center": center,
        "role": role,
        "shifts": [
            {"person": s.person, "starts": s.starts.isoformat(), "ends": s.ends.isoformat(), "hours": s.hours}
            for s in roster.shifts
        ],
        "short": [
            {"starts": s.starts.isoformat(), "needed": s.needed, "rostered": s.rostered} for s in roster.shortages
        ],
        "slots": [
            {"starts": at.isoformat(), "needed": needed, "rostered": rostered_at(roster.shifts, at)}
            for at, needed in sorted(need.items())
        ],
        "objective": roster.objective,
        "bound": roster.bound,
        "optimal": roster.is_optimal,
    }


def as_csv(roster: Roster) -> str:
    """A line for each shift."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["person", "starts", "ends", "hours"])
    for shift in roster.shifts:
        starts, ends = (f"{at:%Y-%m-%d %H:%M}" for at in (shift.starts, shift.ends))
        writer.writerow([without_formula(shift.person), starts, ends, shift.hours])
    return out.getvalue()


def as_ics(roster: Roster, center: str, made_at: datetime) -> str:
    """A calendar with an event for each shift, in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Fixtrail//roster//EN"]
    for shift in roster.shifts:
        name = f"{center}/{shift.person}/{shift.starts.isoformat()}"
        lines += [
            "BEGIN:VEVENT",
            f"UID:{sha256(name.encode()).hexdigest()[:32]}@fixtrail",
            f"DTSTAMP:{_utc(made_at)}",
            f"DTSTART:{_utc(shift.starts)}",
            f"DTEND:{_utc(shift.ends)}",
            f"SUMMARY:{_escaped(f'{shift.person} ({center})')}",
            "END:VEVENT",
        ]
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _folded(line))


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """A text of a property: one line, whatever is in it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    escaped = lines.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return _CONTROLS.sub("", escaped)


def _folded(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 bytes, each after the first with a space before it."""
    piece = ""
    for letter in line:
        if len((piece + letter).encode()) > 75:
            yield piece
            piece = " "
        piece += letter
    yield piece


def as_text(roster: Roster, role: str, locale: Locale = "en") -> Iterator[str]:
    """Lines for a terminal: the shifts, what is short, and the bound."""
    for shift in roster.shifts:
        yield f"{shift.starts:%Y-%m-%d %H:%M}-{shift.ends:%H:%M}  {shift.person}"
    yield ""
    yield from _short_lines(roster, role, locale)
    yield bound_text(roster, locale)


def _short_lines(roster: Roster, role: str, locale: Locale) -> Iterator[str]:
    if not roster.shortages:
        yield _TEXTS["none_short"].in_locale(locale)
        return
    people = ROLE_WORDS[role].in_locale(locale) if role in ROLE_WORDS else role
    yield f"{_TEXTS['short'].in_locale(locale).format(role=people)}: {len(roster.shortages)}"
    for shortage in roster.shortages:
        yield f"{shortage.starts:%Y-%m-%d %H:%M}  {shortage.rostered} / {shortage.needed}"


def bound_text(roster: Roster, locale: Locale) -> str:
    """The roster's cost, and the lower bound of any roster's cost."""
    return _TEXTS["bound"].in_locale(locale).format(objective=roster.objective, bound=roster.bound, gap=roster.gap)


def as_page(roster: Roster, center: str, role: str, locale: Locale) -> str:
    """One page: days as columns, people as rows, and what is short."""
    days = sorted({shift.starts.date() for shift in roster.shifts})
    cells = {(shift.person, shift.starts.date()): f"{shift.starts:%H:%M}–{shift.ends:%H:%M}" for shift in roster.shifts}
    head = "".join(f"<th>{day:%m-%d}</th>" for day in days)
    people = sorted({shift.person for shift in roster.shifts})
    cells_of = {person: "".join(f"<td>{cells.get((person, day), '')}</td>" for day in days) for person in people}
    rows = "".join(f"<tr><th>{html.escape(person)}</th>{cells_of[person]}</tr>" for person in people)
    short = "".join(f"<li>{html.escape(line)}</li>" for line in _short_lines(roster, role, locale))
    title = f"{TITLE.in_locale(locale)} · {html.escape(center)}"
    return (
        f'<!doctype html><html lang="{locale}"><head>{FILE_HEAD}<title>{title}</title>'
        "<style>body{font-family:system-ui,sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{border:1px solid #ccc;padding:.3em .5em;font-size:.85em}</style></head><body>"
        f"<h1>{title}</h1><p>{_TEXTS['proposal'].in_locale(locale)}</p>"
        f"<table><tr><th>{_TEXTS['person'].in_locale(locale)}</th>{head}</tr>{rows}</table>"
        f"<ul>{short}</ul><p>{bound_text(roster, locale)}</p></body></html>"
    )
