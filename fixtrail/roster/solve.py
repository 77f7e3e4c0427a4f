"""A roster by constraint programming (OR-Tools CP-SAT), an optional extra: `pip install 'fixtrail[roster]'`."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from fixtrail.roster.problem import SLOT_MIN, Need, People, Roster, Shift, shift_forms, shortages_of
from runtime.failure import USAGE, ExitError

# What a half hour with one person too few costs, a shift against a wish, a shift more or less than the others, a
# person in a half hour who is not needed.
SHORT, WISH, UNFAIR, SPARE = 100, 30, 20, 1
WORKERS = 2
_SEED = 15


def propose(people: People, need: Need, seconds: float) -> Roster:
    """The best roster found in so many seconds. Raises ExitError where OR-Tools is not installed."""
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise ExitError("a roster needs OR-Tools: pip install 'fixtrail[roster]' (docs/people.md)", USAGE) from None
    model = cp_model.CpModel()
    draft = _Draft(model, people, need)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = _SEED
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise ExitError(f"no roster was found in {seconds:g} s: give it more time", USAGE)
    shifts = tuple(sorted(draft.chosen(solver), key=lambda shift: (shift.starts, shift.person)))
    return Roster(
        shifts,
        tuple(shortages_of(shifts, need)),
        solver.objective_value,
        solver.best_objective_bound,
        status == cp_model.OPTIMAL,
    )


class _Draft:
    """The variables of a roster with its constraints: one for each person and shift that might be worked."""

    def __init__(self, model: Any, people: People, need: Need) -> None:
        self._model, self._people, self._need = model, people, need
        self._forms = shift_forms(need, people.rules)
        self._works: dict[tuple[str, date, int], Any] = {
            (person.id, day, number): model.new_bool_var(f"{person.id} {day} {number}")
            for person in people.person
            for day, forms in self._forms.items()
            if day not in person.off
            for number in range(len(forms))
        }
        for person in people.person:
            self._limit(person.id)
        model.minimize(sum(self._costs()))

    def chosen(self, solver: Any) -> Iterator[Shift]:
        """The shifts of a solution."""
        for (person, day, number), variable in self._works.items():
            if solver.boolean_value(variable):
                yield Shift(person, *self._forms[day][number])

    def _of(self, person: str, day: date) -> list[tuple[Any, datetime, datetime]]:
        """A person's variables of a day, each with its shift."""
        forms = enumerate(self._forms.get(day, ()))
        return [
            (self._works[person, day, number], starts, ends)
            for number, (starts, ends) in forms
            if (person, day, number) in self._works
        ]

    def _limit(self, person: str) -> None:
        """The rules of working time."""
        model, rules, days = self._model, self._people.rules, sorted(self._forms)
        for day in days:
            model.add_at_most_one(variable for variable, _, _ in self._of(person, day))
        weeks: dict[tuple[int, int], list[date]] = {}
        for day in days:
            weeks.setdefault(day.isocalendar()[:2], []).append(day)
        for week in weeks.values():
            worked = [entry for day in week for entry in self._of(person, day)]
            model.add(sum(variable for variable, _, _ in worked) <= rules.shifts_a_week)
            minutes = sum(variable * _minutes(starts, ends) for variable, starts, ends in worked)
            model.add(minutes <= int(rules.hours_a_week * 60))
        for day in days:
            row = [day + timedelta(days=number) for number in range(rules.days_in_a_row + 1)]
            model.add(sum(variable for at in row for variable, _, _ in self._of(person, at)) <= rules.days_in_a_row)
        for day, following in pairwise(days):
            self._rest(person, day, following)

    def _rest(self, person: str, day: date, following: date) -> None:
        """Between the shifts of two days lie the hours of rest."""
        rest = timedelta(hours=self._people.rules.rest_hours)
        for variable, _, ends in self._of(person, day):
            for later, starts, _ in self._of(person, following):
                if starts - ends < rest:
                    self._model.add_at_most_one([variable, later])

    def _costs(self) -> Iterator[Any]:
        """What is to be small: half hours that lack people, wishes, unfairness, and people who are not needed."""
        model = self._model
        for at, needed in self._need.items():
            on_duty = sum(
                variable
                for person in self._people.person
                for variable, starts, ends in self._of(person.id, at.date())
                if starts <= at < ends
            )
            short = model.new_int_var(0, max(needed, 0), f"short {at}")
            spare = model.new_int_var(0, len(self._people.person), f"spare {at}")
            model.add(on_duty + short - spare == needed)
            yield SHORT * short + SPARE * spare
        counts = []
        for person in self._people.person:
            shifts = [variable for day in self._forms for variable, _, _ in self._of(person.id, day)]
            counts.append(sum(shifts))
            wishes = [variable for day in person.wish_off for variable, _, _ in self._of(person.id, day)]
            yield WISH * sum(wishes)
        most, least = (model.new_int_var(0, len(self._forms), name) for name in ("most", "least"))
        for count in counts:
            model.add(count <= most)
            model.add(count >= least)
        yield UNFAIR * (most - least)


def _minutes(starts: datetime, ends: datetime) -> int:
    return int((ends - starts).total_seconds()) // 60 // SLOT_MIN * SLOT_MIN
