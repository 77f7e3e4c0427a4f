"""A roster by constraint programming (OR-Tools CP-SAT), an optional extra: `pip install 'fixtrail[roster]'`."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from fixtrail.roster.first import first_roster
from fixtrail.roster.problem import (
    SHORT,
    SLOT,
    SPARE,
    UNFAIR,
    WISH,
    Form,
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
    draft.begin_with(first_roster(draft.forms(), people, need, before))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(1.0, seconds - (monotonic() - began))
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = _SEED
    # Of a center that is open all day its probing takes longer than the search.
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.max_presolve_iterations = 1
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
        # Variables that are sums of earlier ones.
        self._sums: list[tuple[Any, Sequence[Any]]] = []
        self._on_duty: dict[datetime, list[Any]] = defaultdict(list)
        self._gaps: dict[datetime, tuple[Any, Any]] = {}
        forms = shift_forms(need, people.rules)
        self._days = sorted(forms)
        self._most, self._least = (model.new_int_var(0, len(self._days), name) for name in ("most", "least"))
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

    def forms(self) -> dict[str, set[Form]]:
        """The possible shifts of each person."""
        forms: dict[str, set[Form]] = {person.id: set() for person in self._people.person}
        for (person, _), choices in self._choices.items():
            forms[person].update((starts, ends) for _, starts, ends in choices)
        return forms

    def begin_with(self, shifts: Collection[tuple[str, Form]]) -> None:
        """Tell the solver a roster: the value of every variable."""
        values: dict[int, int] = {}
        for (person, _), choices in self._choices.items():
            for variable, starts, ends in choices:
                values[variable.index] = int((person, (starts, ends)) in shifts)
        for total, parts in self._sums:
            values[total.index] = sum(values[part.index] for part in parts)
        on_duty = {at: sum(values[part.index] for part in parts) for at, parts in self._on_duty.items()}
        for at, (short, spare) in self._gaps.items():
            gap = self._need[at] - on_duty.get(at, 0)
            values[short.index], values[spare.index] = max(0, gap), max(0, -gap)
        counts = Counter(person for person, _ in shifts)
        of_each = [counts[person.id] for person in self._people.person]
        values[self._most.index], values[self._least.index] = max(of_each), min(of_each)
        for index, value in values.items():
            self._model.add_hint(self._model.get_int_var_from_proto_index(index), value)

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

        Both are counted from one instant to the next, so that no constraint names more than a few variables.
        """
        ending, beginning = _by_instant(choices, 2), _by_instant(later, 1)
        starts = deque(sorted(beginning))
        if not ending or not starts or starts[0] >= max(ending) + self._rest:
            return
        # The later ones of a day's ends are among those that count.
        sums: list[tuple[datetime, Any]] = []
        for end in sorted((end for end in ending if starts[0] < end + self._rest), reverse=True):
            sums.append((end, self._any_of([*ending[end], *(sums[-1][1:] if sums else ())])))
        too_soon: list[Any] = []
        for end, ends_after in reversed(sums):
            while starts and starts[0] < end + self._rest:
                too_soon += beginning[starts.popleft()]
            too_soon = [self._any_of(too_soon)]
            self._model.add(ends_after + too_soon[0] <= 1)

    def _any_of(self, variables: Sequence[Any]) -> Any:
        """A variable that is 1 where one of these is; no two of them are."""
        if len(variables) == 1:
            return variables[0]
        return self._total(variables, 1)

    def _total(self, variables: Sequence[Any], most: int) -> Any:
        total = self._model.new_int_var(0, most, "")
        self._model.add(sum(variables) == total)
        self._sums.append((total, variables))
        return total

    def _costs(self) -> Iterator[Any]:
        """What is to be small: half hours that lack people, wishes, unfairness, and people who are not needed."""
        model = self._model
        for (starts, ends), count in self._counts().items():
            for number in range((ends - starts) // SLOT):
                self._on_duty[starts + number * SLOT].append(count)
        for at, needed in self._need.items():
            short = model.new_int_var(0, max(needed, 0), f"short {at}")
            spare = model.new_int_var(0, len(self._people.person), f"spare {at}")
            model.add(sum(self._on_duty[at]) + short - spare == needed)
            self._gaps[at] = short, spare
            yield SHORT * short + SPARE * spare
        most, least = self._most, self._least
        for person in self._people.person:
            choices = [choice for day in self._days for choice in self._of(person.id, day)]
            yield WISH * sum(variable for variable, *form in choices if days_between(*form) & person.wish_off)
            count = sum(variable for variable, _, _ in choices)
            model.add(count <= most)
            model.add(count >= least)
        yield UNFAIR * (most - least)

    def _counts(self) -> dict[Form, Any]:
        """How many people work each possible shift."""
        by_form: dict[Form, list[Any]] = defaultdict(list)
        for choices in self._choices.values():
            for variable, starts, ends in choices:
                by_form[starts, ends].append(variable)
        return {form: self._total(variables, len(variables)) for form, variables in by_form.items()}


def _by_instant(choices: Sequence[Choice], number: int) -> dict[datetime, list[Any]]:
    """The variables by when their shifts begin (1) or end (2)."""
    by_instant: dict[datetime, list[Any]] = defaultdict(list)
    for choice in choices:
        by_instant[choice[number]].append(choice[0])
    return by_instant


_DAY = timedelta(days=1)


def _clash(shift: Shift, starts: datetime, ends: datetime, rest: timedelta) -> bool:
    """Whether a new shift begins on the day of a standing one, or leaves less than the rest before or after it."""
    return shift.starts.date() == starts.date() or (starts < shift.ends + rest and shift.starts < ends + rest)


def _week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def _minutes(starts: datetime, ends: datetime) -> int:
    return int((ends - starts).total_seconds()) // 60
