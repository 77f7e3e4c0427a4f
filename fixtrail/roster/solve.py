"""A roster by constraint programming (OR-Tools CP-SAT), an optional extra: `pip install 'fixtrail[roster]'`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from fixtrail.roster.problem import (
    SHORT,
    SLOT,
    SPARE,
    UNFAIR,
    WISH,
    Need,
    People,
    Roster,
    Shift,
    cost_of,
    days_between,
    shift_forms,
    shortages_of,
)
from runtime.failure import USAGE, ExitError

WORKERS = 2
_SEED = 15


def propose(people: People, need: Need, seconds: float, before: Sequence[Shift] = ()) -> Roster:
    """The best roster found in so many seconds, beside shifts that stand already (`before`), as in the days before.

    Raises ExitError where OR-Tools is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise ExitError("a roster needs OR-Tools: pip install 'fixtrail[roster]' (docs/people.md)", USAGE) from None
    began = monotonic()
    model = cp_model.CpModel()
    draft = _Draft(model, people, need, before)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(1.0, seconds - (monotonic() - began))
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = _SEED
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise ExitError(f"no roster was found in {seconds:g} s: give it more time", USAGE)
    shifts = tuple(sorted(draft.chosen(solver), key=lambda shift: (shift.starts, shift.person)))
    return Roster(
        shifts,
        tuple(shortages_of(shifts, need)),
        # The solver's own figure may be higher: one too few and one not needed in the same half hour.
        cost_of(shifts, people, need),
        # Before the first relaxation is solved it may lie below 0.
        max(0.0, solver.best_objective_bound),
        status == cp_model.OPTIMAL,
    )


Choice = tuple[Any, datetime, datetime]


class _Draft:
    """The variables of a roster with its constraints: one for each person and shift that might be worked."""

    def __init__(self, model: Any, people: People, need: Need, before: Sequence[Shift]) -> None:
        self._model, self._people, self._need, self._before = model, people, need, before
        self._choices: dict[tuple[str, date], list[Choice]] = {}
        forms = shift_forms(need, people.rules)
        self._days = sorted(forms)
        for person in people.person:
            standing = [shift for shift in before if shift.person == person.id]
            for day in self._days:
                self._choices[person.id, day] = [
                    (model.new_bool_var(f"{person.id} {starts}"), starts, ends)
                    for starts, ends in forms[day]
                    if not days_between(starts, ends) & person.off
                    and not any(_clash(shift, starts, ends, self._rest) for shift in standing)
                ]
            self._limit(person.id, standing)
        model.minimize(sum(self._costs()))

    def chosen(self, solver: Any) -> Iterator[Shift]:
        """The shifts of a solution."""
        for (person, _), choices in self._choices.items():
            for variable, starts, ends in choices:
                if solver.boolean_value(variable):
                    yield Shift(person, starts, ends)

    @property
    def _rest(self) -> timedelta:
        return timedelta(hours=self._people.rules.rest_hours)

    def _of(self, person: str, day: date) -> list[Choice]:
        """A person's variables of a day, each with its shift."""
        return self._choices.get((person, day), [])

    def _limit(self, person: str, standing: Sequence[Shift]) -> None:
        """The rules of working time. A shift counts for the day, and so the week, in which it begins."""
        model, rules = self._model, self._people.rules
        minutes_of: Counter[tuple[int, int]] = Counter()
        shifts_of: Counter[tuple[int, int]] = Counter()
        for shift in standing:
            shifts_of[_week(shift.starts.date())] += 1
            minutes_of[_week(shift.starts.date())] += _minutes(shift.starts, shift.ends)
        weeks: dict[tuple[int, int], list[Choice]] = defaultdict(list)
        for day in self._days:
            model.add_at_most_one(variable for variable, _, _ in self._of(person, day))
            weeks[_week(day)] += self._of(person, day)
        for week, choices in weeks.items():
            count = sum(variable for variable, _, _ in choices)
            model.add(count <= max(0, rules.shifts_a_week - shifts_of[week]))
            minutes = sum(variable * _minutes(starts, ends) for variable, starts, ends in choices)
            model.add(minutes <= max(0, int(rules.hours_a_week * 60) - minutes_of[week]))
        self._limit_days_in_a_row(person, {shift.starts.date() for shift in standing})
        for day in self._days:
            for later in (day + _DAY, day + 2 * _DAY):
                self._limit_rest(self._of(person, day), self._of(person, later))

    def _limit_days_in_a_row(self, person: str, standing: set[date]) -> None:
        most = self._people.rules.days_in_a_row
        for first in {day - number * _DAY for day in self._days for number in range(most + 1)}:
            row = [first + number * _DAY for number in range(most + 1)]
            worked = sum(variable for day in row for variable, _, _ in self._of(person, day))
            self._model.add(worked <= max(0, most - len(standing & set(row))))

    def _limit_rest(self, choices: Sequence[Choice], later: Sequence[Choice]) -> None:
        """Between the shifts of two days lie the hours of rest: none that ends at or after an instant goes with one
        that begins too soon after it.
        """
        for end in sorted({ends for _, _, ends in choices}):
            too_soon = [variable for variable, starts, _ in later if starts < end + self._rest]
            if too_soon:
                ending = [variable for variable, _, ends in choices if ends >= end]
                self._model.add_at_most_one(ending + too_soon)

    def _costs(self) -> Iterator[Any]:
        """What is to be small: half hours that lack people, wishes, unfairness, and people who are not needed."""
        model = self._model
        on_duty: dict[datetime, list[Any]] = defaultdict(list)
        for choices in self._choices.values():
            for variable, starts, ends in choices:
                for number in range((ends - starts) // SLOT):
                    on_duty[starts + number * SLOT].append(variable)
        for at, needed in self._need.items():
            short = model.new_int_var(0, max(needed, 0), f"short {at}")
            spare = model.new_int_var(0, len(self._people.person), f"spare {at}")
            model.add(sum(on_duty[at]) + short - spare == needed)
            yield SHORT * short + SPARE * spare
        most, least = (model.new_int_var(0, len(self._days), name) for name in ("most", "least"))
        for person in self._people.person:
            choices = [choice for day in self._days for choice in self._of(person.id, day)]
            yield WISH * sum(variable for variable, *form in choices if days_between(*form) & person.wish_off)
            count = sum(variable for variable, _, _ in choices)
            model.add(count <= most)
            model.add(count >= least)
        yield UNFAIR * (most - least)


_DAY = timedelta(days=1)


def _clash(shift: Shift, starts: datetime, ends: datetime, rest: timedelta) -> bool:
    """Whether a new shift begins on the day of a standing one, or leaves less than the rest before or after it."""
    return shift.starts.date() == starts.date() or (starts < shift.ends + rest and shift.starts < ends + rest)


def _week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def _minutes(starts: datetime, ends: datetime) -> int:
    return int((ends - starts).total_seconds()) // 60
