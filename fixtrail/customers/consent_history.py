"""What the push ledger knows of consents: what was to be told in each visit, and what was for want of consent not."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fixtrail.customers.consent_plan import LAST, WEIGHTS, Template, Visits
from runtime.store import Store
from sinks.push.config import Form
from sinks.push.ledger.ledger import NO_CONSENT_LEFT, REJECTED, SENT, SUPPRESSED, UNKNOWN

# Below so many visits in which a template was needed its rate says nothing.
LEAST_NEEDED = 20
ASSUMED = 0.5
_SENDS = """SELECT center_id, order_id, person, milestone, state, reason FROM sends
    WHERE channel = ? AND planned_at >= ? AND planned_at < ? AND (? = '' OR center_id = ?)
    ORDER BY center_id, order_id, person, occurred_at, id"""


@dataclass(frozen=True, slots=True)
class ConsentDemand:
    """A milestone that was to be told, and whether it was."""

    milestone: str
    is_delivered: bool
    lacked_consent: bool


@dataclass(frozen=True, slots=True)
class ConsentRate:
    """How often a consent for a template was there when it was needed first; `source`: ledger, consents or assumed."""

    value: float
    n: int
    source: str


Visit = tuple[ConsentDemand, ...]


def visits_of(store: Store, channel: str, since: int, until: int, center_id: str = "") -> list[Visit]:
    """The visits of these days (ms, the end excluded), of one center or all: one for each order and recipient.

    What was superseded, expired, or not wanted by the customer needed no consent and is left out.
    """
    visits: dict[tuple[str, str, str], list[ConsentDemand]] = {}
    for center, order, person, milestone, state, reason in store.run(
        _SENDS, (channel, since, until, center_id, center_id)
    ):
        lacked = state == SUPPRESSED and reason == NO_CONSENT_LEFT
        if state in (SENT, UNKNOWN, REJECTED) or lacked:
            # A provider that refuses for want of consent has delivered nothing either.
            visits.setdefault((center, order, person), []).append(
                ConsentDemand(milestone, state in (SENT, UNKNOWN), lacked)
            )
    return [visit for demands in visits.values() if (visit := _up_to_ready(demands))]


def _up_to_ready(demands: Sequence[ConsentDemand]) -> Visit:
    names = [item.milestone for item in demands]
    end = names.index(LAST) + 1 if LAST in names else len(names)
    return tuple(item for item in demands[:end] if item.milestone in WEIGHTS)


def patterns_of(visits: Iterable[Visit]) -> Visits:
    """The visits as the plan takes them."""
    return Counter(tuple(item.milestone for item in visit) for visit in visits)


def ran_dry(visits: Iterable[Visit]) -> int:
    """In how many visits something was not told for want of consent, up to ready."""
    return sum(any(item.lacked_consent for item in visit) for visit in visits)


def delivered(visits: Iterable[Visit]) -> Counter[str]:
    """Messages that were delivered, by milestone."""
    return Counter(item.milestone for visit in visits for item in visit if item.is_delivered)


def templates_of(forms: Mapping[str, Form], milestones: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The milestones of each template; without any form, each milestone is a template of its own."""
    if not forms:
        return {name: (name,) for name in milestones}
    templates: dict[str, tuple[str, ...]] = {}
    for milestone, form in forms.items():
        templates[form.id] = (*templates.get(form.id, ()), milestone)
    return templates


def spent_now(forms: Mapping[str, Form], milestones: Iterable[str]) -> tuple[str, ...]:
    """Of these milestones those that may spend the only consent, as the file says now."""
    return tuple(name for name in milestones if name not in forms or forms[name].keep == 0)


def rates_of(
    store: Store, visits: Sequence[Visit], templates: Mapping[str, Sequence[str]], forms: Mapping[str, Form]
) -> dict[str, ConsentRate]:
    """How often a consent for each template is there; where the history cannot tell, the mean of the others."""
    holders: dict[str, int] = dict(store.run("SELECT kind, count(*) FROM consents GROUP BY kind"))
    ((people,),) = store.run("SELECT count(DISTINCT person) FROM consents")
    rates: dict[str, ConsentRate] = {}
    for template, milestones in templates.items():
        allowed = frozenset(spent_now(forms, milestones))
        firsts = [first for visit in visits if (first := _first(visit, allowed)) is not None]
        was_asked = template in holders or any(first.is_delivered for first in firsts)
        if was_asked and len(firsts) >= LEAST_NEEDED:
            rates[template] = ConsentRate(
                sum(first.is_delivered for first in firsts) / len(firsts), len(firsts), "ledger"
            )
        elif template in holders:
            rates[template] = ConsentRate(holders[template] / people, people, "consents")
    values = [rate.value for rate in rates.values()]
    usual = sum(values) / len(values) if values else ASSUMED
    return {name: rates.get(name, ConsentRate(usual, 0, "assumed")) for name in templates}


def _first(visit: Visit, allowed: frozenset[str]) -> ConsentDemand | None:
    return next((item for item in visit if item.milestone in allowed), None)


def with_rates(templates: Mapping[str, tuple[str, ...]], rates: Mapping[str, ConsentRate]) -> list[Template]:
    """The templates as the plan takes them."""
    return [Template(name, milestones, rates[name].value) for name, milestones in templates.items()]
