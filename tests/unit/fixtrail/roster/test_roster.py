"""Rosters: every rule checked by code that shares nothing with the solver, on random cases; shortages by hour."""

import csv
import io
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fixtrail.roster.first import first_roster
from fixtrail.roster.forms import as_csv, as_ics, as_json, as_page, as_text
from fixtrail.roster.need import need_of_file, shifts_of_file
from fixtrail.roster.problem import (
    UNFAIR,
    Employee,
    People,
    Roster,
    Shift,
    Shortage,
    WorkRules,
    cost_of,
    days_between,
    read_people,
    shift_forms,
)
from fixtrail.roster.solve import propose
from runtime.failure import ExitError

needs_ortools = pytest.mark.skipif(
    find_spec("ortools") is None, reason="OR-Tools is not installed; `make test-roster` installs it"
)
MONDAY = date(2026, 3, 2)
ZONE = timezone(timedelta(hours=8))


def need_of(days: int, opens: int, closes: int, people) -> dict[datetime, int]:
    """People needed in each half hour of some days, `people` a function of day and half hour."""
    return {
        datetime.combine(MONDAY + timedelta(days=day), time(), ZONE) + timedelta(minutes=30 * slot): people(day, slot)
        for day in range(days)
        for slot in range(2 * opens, 2 * closes)
    }


def broken_rules(people: People, text: str) -> list[str]:
    """Every rule that the shifts of a CSV file break, in words; the independent check."""
    rules, off = people.rules, {person.id: person.off for person in people.person}
    rows = [
        (row["person"], datetime.fromisoformat(row["starts"]), datetime.fromisoformat(row["ends"]))
        for row in csv.DictReader(io.StringIO(text))
    ]
    broken, by_person = [], defaultdict(list)
    for who, starts, ends in sorted(rows):
        by_person[who].append((starts, ends))
        if who not in off or starts.date() in off[who]:
            broken.append(f"{who} is off on {starts.date()}")
    for who, shifts in by_person.items():
        weeks = defaultdict(list)
        for starts, ends in shifts:
            weeks[starts.date() - timedelta(days=starts.weekday())].append((ends - starts).total_seconds() / 3600)
        for week, hours in weeks.items():
            if len(hours) > rules.shifts_a_week or sum(hours) > rules.hours_a_week:
                broken.append(f"{who} works too much in the week of {week}")
        for (_, ends), (starts, _) in pairwise(shifts):
            if (starts - ends).total_seconds() < rules.rest_hours * 3600 or starts.date() == ends.date():
                broken.append(f"{who} has no rest before {starts}")
        days = {starts.date() for starts, _ in shifts}
        for day in days:
            if all(day + timedelta(days=number) in days for number in range(rules.days_in_a_row + 1)):
                broken.append(f"{who} works too many days in a row from {day}")
    return broken


def missing(text: str, need: dict[datetime, int]) -> list[tuple[datetime, int]]:
    """(half hour, people there) of those that lack people, counted from the CSV."""
    rows = [
        tuple(datetime.fromisoformat(row[name]).replace(tzinfo=ZONE) for name in ("starts", "ends"))
        for row in csv.DictReader(io.StringIO(text))
    ]
    there = {at: sum(starts <= at < ends for starts, ends in rows) for at in need}
    return [(at, there[at]) for at, needed in sorted(need.items()) if there[at] < needed]


def random_case(seed: int) -> tuple[People, dict[datetime, int]]:
    draw = random.Random(seed)
    days = draw.randint(2, 8)
    dates = [MONDAY + timedelta(days=day) for day in range(days)]
    rules = WorkRules(
        shifts_a_week=draw.randint(1, 6),
        hours_a_week=draw.choice([8, 20, 44]),
        rest_hours=draw.choice([0, 11, 16]),
        days_in_a_row=draw.randint(1, 6),
        shift_hours=draw.choice([(4,), (4, 6), (8,)]),
    )
    people = tuple(
        Employee(
            id=f"T{number}",
            off=frozenset(day for day in dates if draw.random() < 0.15),
            wish_off=frozenset(day for day in dates if draw.random() < 0.1),
        )
        for number in range(draw.randint(1, 4))
    )
    opens = draw.randint(6, 10)
    return People(rules=rules, person=people), need_of(
        days, opens, opens + draw.randint(3, 9), lambda *_: draw.randint(0, 3)
    )


@needs_ortools
@pytest.mark.parametrize("part", range(4))
def test_a_hundred_random_rosters_break_no_rule_and_say_which_hours_lack_people(part: int):
    for seed in range(25 * part, 25 * part + 25):
        people, need = random_case(seed)
        roster = propose(people, need, 2)

        assert broken_rules(people, as_csv(roster)) == [], seed
        assert [(short.starts, short.rostered) for short in roster.shortages] == missing(as_csv(roster), need), seed
        assert roster.bound <= roster.objective + 1e-6


def test_the_first_roster_that_the_solver_begins_with_breaks_no_rule_and_is_better_than_none():
    for seed in range(100):
        people, need = random_case(seed)
        days = shift_forms(need, people.rules)
        forms = {
            person.id: {form for day in days.values() for form in day if not days_between(*form) & person.off}
            for person in people.person
        }

        chosen = first_roster(forms, people, need, ())

        roster = Roster(tuple(Shift(person, *form) for person, form in sorted(chosen)), (), 0.0, 0.0, False)
        assert broken_rules(people, as_csv(roster)) == [], seed
        # An unfair shift may cost more than it brings.
        assert cost_of(roster.shifts, people, need) <= cost_of((), people, need) + UNFAIR * len(days), seed


@needs_ortools
def test_a_center_open_all_day_has_a_roster_in_time():
    people = People(person=tuple(Employee(id=f"T{number}") for number in range(12)))
    need = need_of(7, 0, 24, lambda _day, slot: 3 if 18 <= slot < 36 else 1)
    roster = propose(people, need, 20)

    assert broken_rules(people, as_csv(roster)) == []
    assert sum(short.needed - short.rostered for short in roster.shortages) < 0.02 * sum(need.values())


@needs_ortools
def test_twelve_people_and_fourteen_days_take_a_minute_at_most():
    people = People(person=tuple(Employee(id=f"T{number}") for number in range(12)))
    need = need_of(14, 8, 18, lambda day, slot: 5 if 18 <= slot < 30 else 3)
    roster = propose(people, need, 15)

    assert broken_rules(people, as_csv(roster)) == []
    assert sum(short.needed - short.rostered for short in roster.shortages) < 0.1 * sum(need.values())


@needs_ortools
def test_where_one_person_can_cover_the_day_the_roster_is_the_best_there_is():
    people = People(rules=WorkRules(shift_hours=(8,)), person=(Employee(id="A"), Employee(id="B", wish_off={MONDAY})))
    roster = propose(people, need_of(1, 9, 17, lambda *_: 1), 10)

    assert [(shift.person, shift.hours) for shift in roster.shifts] == [("A", 8.0)]
    assert roster.is_optimal and roster.gap == 0 and roster.shortages == ()


@needs_ortools
def test_who_cannot_work_is_missed_hour_by_hour():
    people = People(person=(Employee(id="A", off={MONDAY}),))
    roster = propose(people, need_of(1, 9, 11, lambda *_: 1), 5)

    assert [(f"{short.starts:%H:%M}", short.needed, short.rostered) for short in roster.shortages] == [
        (at, 1, 0) for at in ("09:00", "09:30", "10:00", "10:30")
    ]


def night_file(tmp_path: Path, opens: datetime, half_hours: int, days: int) -> Path:
    """One person needed all night, as `report need --csv` writes it: by the day on which the night began."""
    file = tmp_path / "need-slots.csv"
    rows = ["center_id,role,day,time,required,starts"]
    for day in range(days):
        for number in range(half_hours):
            first = (opens + timedelta(days=day)).astimezone(UTC)
            at = (first + timedelta(minutes=30 * number)).astimezone(opens.tzinfo)
            rows.append(
                f"C,technician,{(opens + timedelta(days=day)).date()},{at:%H:%M},1,{at.isoformat(' ', 'minutes')}"
            )
    file.write_text("\n".join(rows))
    return file


@needs_ortools
def test_a_night_is_worked_through_by_a_shift_that_ends_the_day_after(tmp_path: Path):
    opens = datetime(2026, 3, 2, 22, tzinfo=ZoneInfo("Asia/Shanghai"))
    need = need_of_file(night_file(tmp_path, opens, 16, 2), "C", "technician", None, 14, ZONE)
    people = People(person=(Employee(id="A", off={MONDAY}), Employee(id="B", off={MONDAY + timedelta(days=2)})))

    roster = propose(people, need, 10)

    # Tuesday's night ends on Wednesday, on which B is off.
    assert as_csv(roster).splitlines()[1:] == [
        "B,2026-03-02 22:00,2026-03-03 06:00,8.0",
        "A,2026-03-03 22:00,2026-03-04 06:00,8.0",
    ]
    assert roster.shortages == ()


@needs_ortools
def test_rest_and_hours_are_those_that_pass_where_clocks_are_set(tmp_path: Path):
    """From 22:00 to 09:00 lie ten hours in the night in which clocks are put forward."""
    zone, days = ZoneInfo("Europe/Berlin"), (date(2026, 3, 28), date(2026, 3, 29))
    rows = [f"{day},{hour:02}:{minute},1" for day in days for hour in (9, 10, 20, 21) for minute in ("00", "30")]
    file = tmp_path / "need.csv"
    file.write_text("\n".join(("day,time,required", *rows)))
    need = need_of_file(file, "C", "technician", None, 14, zone)
    people = People(rules=WorkRules(shift_hours=(2,)), person=(Employee(id="A"),))

    shifts = [(shift.starts.isoformat(), shift.hours) for shift in propose(people, need, 10).shifts]

    assert shifts in (
        [("2026-03-28T09:00:00+01:00", 2), ("2026-03-29T09:00:00+02:00", 2)],
        [("2026-03-28T09:00:00+01:00", 2), ("2026-03-29T20:00:00+02:00", 2)],
        [("2026-03-28T20:00:00+01:00", 2), ("2026-03-29T20:00:00+02:00", 2)],
    )


@needs_ortools
@pytest.mark.parametrize(
    ("before", "rules"),
    [
        (["2026-03-01 20:00,2026-03-02 01:00"], WorkRules()),
        ([f"2026-{day} 09:00,2026-{day} 17:00" for day in ("02-27", "02-28", "03-01")], WorkRules(days_in_a_row=3)),
        (["2026-03-03 09:00,2026-03-03 17:00"], WorkRules(shifts_a_week=1)),
        (["2026-03-03 09:00,2026-03-03 17:00"], WorkRules(hours_a_week=15.5)),
    ],
)
def test_shifts_that_stand_already_count_for_every_rule(tmp_path: Path, before: list[str], rules: WorkRules):
    rules = rules.model_copy(update={"shift_hours": (8,)})
    file = tmp_path / "before.csv"
    people = People(rules=rules, person=(Employee(id="=A"), Employee(id="B", wish_off={MONDAY})))
    need = {AT + timedelta(minutes=30 * number): 1 for number in range(16)}
    file.write_text("\n".join(("person,starts,ends", *(f"'=A,{shift}" for shift in before), "stranger,x,y")))

    assert [shift.person for shift in propose(people, need, 10).shifts] == ["=A"]
    assert [shift.person for shift in propose(people, need, 10, shifts_of_file(file, people, ZONE)).shifts] == ["B"]


def test_what_a_roster_costs_is_told_of_its_shifts():
    people = People(person=(Employee(id="A", wish_off={MONDAY}), Employee(id="B")))
    shifts = (Shift("A", AT, AT + timedelta(hours=1)),)

    # One too few in a half hour, one not needed in another, a shift against a wish, a shift more than B.
    assert cost_of(shifts, people, {AT: 2, AT + timedelta(minutes=30): 0}) == 100 + 1 + 30 + 20


AT = datetime.combine(MONDAY, time(9), ZONE)
ROSTER = Roster((Shift("=A,1", AT, AT + timedelta(hours=8)),), (Shortage(AT, 2, 1),), 100.0, 80.0, False)


def test_a_calendar_has_each_shift_in_utc():
    text = as_ics(ROSTER, "深圳-01", datetime(2026, 3, 1, tzinfo=UTC))

    assert "DTSTART:20260302T010000Z\r\nDTEND:20260302T090000Z\r\nSUMMARY:=A\\,1 (深圳-01)\r\n" in text
    assert text.startswith("BEGIN:VCALENDAR\r\n") and text.endswith("END:VCALENDAR\r\n")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_name_writes_a_line_of_a_calendar(line_break: str):
    name = line_break.join(("A", "END:VEVENT", "BEGIN:VEVENT", "ATTACH:https://evil.example"))
    roster = replace(ROSTER, shifts=(replace(ROSTER.shifts[0], person=name),))

    text = as_ics(roster, f"C{line_break}X:1", datetime(2026, 3, 1, tzinfo=UTC))

    lines = text.splitlines()
    assert [line for line in lines if line.startswith(("ATTACH", "X:1"))] == []
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 1


@pytest.mark.parametrize("name", ["=1+1", " =1+1", "\n=1+1", "＝1+1", "＠SUM(A1)", "\ufeff=1+1", "a\r=1+1"])
def test_no_name_is_a_formula_in_csv(name: str):
    roster = replace(ROSTER, shifts=(replace(ROSTER.shifts[0], person=name),))

    cells = [cell for row in csv.reader(io.StringIO(as_csv(roster), newline="")) for cell in row]

    assert [cell for cell in cells if cell.strip("\ufeff \n").startswith(("=", "＝", "＠"))] == []


def test_every_form_says_what_is_short_and_how_good_it_may_be():
    text, page = "\n".join(as_text(ROSTER, "technician")), as_page(ROSTER, "<C>", "technician", "zh-CN")

    assert "2026-03-02 09:00  1 / 2" in text and "at least 80 (gap 20.0%)" in text
    assert "&lt;C&gt;" in page and "09:00–17:00" in page and "缺技师的时段" in page
    short = {"starts": "2026-03-02T09:00:00+08:00", "needed": 2, "rostered": 1}
    assert as_json(ROSTER, {AT: 2}, "C", "technician")["short"] == [short]
    assert as_csv(ROSTER).splitlines()[1].startswith('"\'=A,1"')


def test_need_is_read_of_the_reports_own_table(tmp_path):
    file = tmp_path / "need-slots.csv"
    file.write_text(
        "center_id,role,day,time,required\nC,technician,2026-03-02,09:00,2\nC,inspector,2026-03-02,09:00,1\n"
        "D,technician,2026-03-02,09:00,9\nC,technician,2026-03-20,09:00,4\nC,technician,2026-03-02,09:30,\n"
    )

    assert need_of_file(file, "C", "technician", None, 14, ZONE) == {AT: 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("day,time\n", "no column required"),
        ("day,time,required\n2026-03-02,09:10,1\n2026-03-02,09:30,1\n", "half hour"),
        ("day,time,required\n2026-03-02,09:00,-1\n", "whole number"),
        ("day,time,required\n", "no half hour"),
    ],
)
def test_a_need_that_cannot_be_read_is_refused(tmp_path, text: str, reason: str):
    file = tmp_path / "need.csv"
    file.write_text(text)

    with pytest.raises(ExitError, match=reason):
        need_of_file(file, "C", "technician", None, 14, ZONE)


def test_people_that_are_there_twice_are_refused(tmp_path):
    file = tmp_path / "people.toml"
    file.write_text('[[person]]\nid = "A"\n[[person]]\nid = "A"\n')

    with pytest.raises(ExitError, match="more than one person is called A"):
        read_people(file)
