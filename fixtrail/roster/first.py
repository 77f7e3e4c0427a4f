"""A first roster, shift by shift, for the solver to begin with. Pure.

Always the shift that brings most, by whoever may work it and has the fewest shifts, until none brings anything.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from fixtrail.roster.problem import SHORT, SLOT, SPARE, Form, Need, People, Shift, WorkRules, days_between

_DAY = timedelta(days=1)


def first_roster(
    forms: Mapping[str, Collection[Form]], people: People, need: Need, before: Sequence[Shift]
) -> set[tuple[str, Form]]:
    """Shifts that keep the rules, beside those that stand already; `forms`: which ones each person might work."""
    gaps = dict(need)
    gains = {form: _gain(form, gaps) for form in set().union(*forms.values())}
    shifts = {person.id: [(s.starts, s.ends) for s in before if s.person == person.id] for person in people.person}
    wishes = {person.id: person.wish_off for person in people.person}
    chosen: set[tuple[str, Form]] = set()
    while True:
        for form in sorted((form for form, gain in gains.items() if gain > 0), key=lambda form: (-gains[form], form)):
            able = [p for p, own in shifts.items() if form in forms[p] and fits(form, own, people.rules)]
            if able:
                person = min(able, key=lambda p: (bool(days_between(*form) & wishes[p]), len(shifts[p])))
                break
        else:
            return chosen
        shifts[person].append(form)
        chosen.add((person, form))
        for at in _slots(form):
            gaps[at] -= 1
        for candidate in gains:
            if candidate[0] < form[1] and form[0] < candidate[1]:
                gains[candidate] = _gain(candidate, gaps)


def fits(form: Form, shifts: Sequence[Form], rules: WorkRules) -> bool:
    """Whether a shift may be worked beside these."""
    starts, ends = form
    rest, day = timedelta(hours=rules.rest_hours), starts.date()
    if any(begins.date() == day or (starts < over + rest and begins < ends + rest) for begins, over in shifts):
        return False
    week = [shift for shift in shifts if shift[0].isocalendar()[:2] == starts.isocalendar()[:2]]
    hours = sum((over - begins).total_seconds() for begins, over in [*week, form]) / 3600
    if len(week) >= rules.shifts_a_week or hours > rules.hours_a_week:
        return False
    return _days_in_a_row(day, {begins.date() for begins, _ in shifts}) <= rules.days_in_a_row


def _days_in_a_row(day: date, worked: Collection[date]) -> int:
    first = last = day
    while first - _DAY in worked:
        first -= _DAY
    while last + _DAY in worked:
        last += _DAY
    return (last - first).days + 1


def _gain(form: Form, gaps: Mapping[datetime, int]) -> int:
    return sum(SHORT if gaps[at] > 0 else -SPARE for at in _slots(form))


def _slots(form: Form) -> Iterator[datetime]:
    starts, ends = form
    return (starts + number * SLOT for number in range((ends - starts) // SLOT))
