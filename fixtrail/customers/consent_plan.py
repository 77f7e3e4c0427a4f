"""Which templates to ask consent for at check-in, and which milestones may spend it. Pure, and exact by enumeration.

One tap asks for at most three templates, and one consent is one message: the first milestone of the visit that may
spend it does. A template is worth P(consent is there) times the mean weight of what it would be spent on, over visits
as they were. As no milestone has two templates, the worth of a choice is the sum over its templates.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from statistics import variance

from streams.journey.milestones import BY_CLOCK, BY_EVENT, CLOSING

MOST_ASKED = 3
# What the customer has to answer or to do, what changes his plans, and other news; at check-in he stands at the desk.
WEIGHTS: Mapping[str, float] = {
    **{name: 2.0 for name in (*BY_EVENT, *BY_CLOCK) if name not in CLOSING},
    **dict.fromkeys(("quote_ready", "ready"), 3.0),
    **dict.fromkeys(("diagnosis_started", "part_ordered", "part_arrived", "repair_started", "no_news"), 1.0),
    "checked_in": 0.0,
}
# Nothing is planned for what comes after the car is ready.
LAST = "ready"
Z = 1.959963984540054

# What was to be told in a visit, in its order, up to ready; and how often there was such a visit.
Visits = Counter[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Template:
    """A form of the channel: the milestones that it carries, and how probably a consent for it is there."""

    id: str
    milestones: tuple[str, ...]
    accepted: float


@dataclass(frozen=True, slots=True)
class Spending:
    """How a template's consent is used: which milestones may spend it, and messages and weight in a mean visit."""

    template: Template
    may_spend: tuple[str, ...]
    messages: float
    worth: float


@dataclass(frozen=True, slots=True)
class ConsentPlan:
    """A choice of templates. `messages`: those sent in a mean visit; `unmet`: those without consent."""

    spendings: tuple[Spending, ...]
    messages: float
    unmet: float
    worth: float

    def keeps(self) -> dict[str, int]:
        """By milestone the `keep` of its form: 0 where the milestone may spend a consent, 1 where it must leave one."""
        return {
            milestone: 0 if milestone in spending.may_spend else 1
            for spending in self.spendings
            for milestone in spending.template.milestones
        }


@dataclass(frozen=True, slots=True)
class BackTest:
    """Messages that a plan let expect of later visits, with 95 % limits, and those that were delivered."""

    visits: int
    expected: float
    low: float
    high: float
    delivered: int

    @property
    def holds(self) -> bool:
        return self.low <= self.delivered <= self.high


def best_plans(
    visits: Visits, templates: Sequence[Template], weights: Mapping[str, float] = WEIGHTS
) -> list[ConsentPlan]:
    """Every choice of at most so many templates, the best first; equal ones with fewer templates first."""
    spendings = [spending for template in templates if (spending := best_spending(visits, template, weights)).worth > 0]
    choices = chain.from_iterable(combinations(spendings, size) for size in range(1, MOST_ASKED + 1))
    plans = [plan_of(visits, choice) for choice in choices]
    return sorted(plans, key=lambda plan: (-round(plan.worth, 12), len(plan.spendings), _names(plan)))


def _names(plan: ConsentPlan) -> tuple[str, ...]:
    return tuple(spending.template.id for spending in plan.spendings)


def best_spending(visits: Visits, template: Template, weights: Mapping[str, float] = WEIGHTS) -> Spending:
    """Of all sets of its milestones the one that is worth most; the smallest of equal ones."""
    useful = [name for name in template.milestones if weights.get(name, 0.0) > 0]
    sets = chain.from_iterable(combinations(useful, size) for size in range(len(useful) + 1))
    patterns = _patterns(visits, useful)
    return max((spending_of(patterns, template, own, weights) for own in sets), key=lambda s: round(s.worth, 12))


def spending_of(
    visits: Visits, template: Template, may_spend: Iterable[str], weights: Mapping[str, float] = WEIGHTS
) -> Spending:
    """The worth of a template whose consent these milestones may spend."""
    allowed, total = frozenset(may_spend), visits.total()
    firsts: Counter[str] = Counter()
    for milestones, count in visits.items():
        first = next((name for name in milestones if name in allowed), None)
        if first is not None:
            firsts[first] += count
    share = template.accepted / total if total else 0.0
    worth = sum(weights.get(name, 0.0) * count for name, count in firsts.items())
    ordered = tuple(name for name in template.milestones if name in allowed)
    return Spending(template, ordered, share * firsts.total(), share * worth)


def plan_of(visits: Visits, spendings: Sequence[Spending]) -> ConsentPlan:
    """A plan of these spendings; its worth is the sum of their worths."""
    needed = sum(len(milestones) * count for milestones, count in visits.items()) / max(1, visits.total())
    messages = math.fsum(spending.messages for spending in spendings)
    worth = math.fsum(spending.worth for spending in spendings)
    return ConsentPlan(tuple(spendings), messages, max(0.0, needed - messages), worth)


def back_test(plan: ConsentPlan, fitted: Sequence[int], visits: int, delivered: int) -> BackTest:
    """What a plan let expect of these later visits, beside what was delivered; `fitted`: the messages of each visit
    that it was fitted on.

    The limits allow for chance in both periods. Who agrees to one template often agrees to all: how much the messages
    of a visit vary is taken from these visits, not from templates by themselves.
    """
    expected = plan.messages * visits
    error = math.inf
    if len(fitted) > 1:
        error = math.sqrt(variance(fitted) * visits * (1 + visits / len(fitted)))
    return BackTest(visits, expected, max(0.0, expected - Z * error), expected + Z * error, delivered)


def _patterns(visits: Visits, useful: Sequence[str]) -> Visits:
    """The visits with nothing but these milestones in them, each once: what comes again has no consent any more."""
    patterns: Visits = Counter()
    for milestones, count in visits.items():
        patterns[tuple(dict.fromkeys(name for name in milestones if name in useful))] += count
    return patterns
