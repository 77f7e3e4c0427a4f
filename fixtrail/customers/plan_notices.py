"""`fixtrail notices plan`: what to ask consent for, from the ledger, with what the same plan would have let expect."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fixtrail.configuration import push_settings
from fixtrail.customers import consent_history as history
from fixtrail.customers.consent_history import ConsentRate, Visit
from fixtrail.customers.consent_plan import (
    WEIGHTS,
    BackTest,
    ConsentPlan,
    Visits,
    back_test,
    best_plans,
    plan_of,
    spending_of,
)
from fixtrail.customers.consents import open_ledger
from fixtrail.reports.forms.document import without_formula
from fixtrail.settings import LedgerSettings
from runtime.failure import NEGATIVE, USAGE, ExitError, exit_on
from schemas.times import DAY_MS
from schemas.toml_file import TomlFileError, read_toml
from sinks.push.config import Form

CHANNEL = "wechat"
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Which visits: those of one center or all, of so many days before `until` (ms)."""

    until: int
    days: int = 28
    center: str = ""
    weights: Mapping[str, float] | None = None
    accept: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """The best plans, the present one, what was really spent, and the back-test of the present one."""

    visits: int
    ran_dry: int
    delivered: Mapping[str, int]
    needed: Mapping[str, int]
    rates: Mapping[str, ConsentRate]
    plans: Sequence[ConsentPlan]
    present: ConsentPlan
    proof: BackTest | None

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "visits": self.visits,
            "ran_dry": self.ran_dry,
            "ran_dry_share": self.ran_dry / self.visits,
            "milestones": {
                name: {"needed": count, "delivered": self.delivered.get(name, 0)} for name, count in self.needed.items()
            },
            "templates": {name: asdict(rate) for name, rate in self.rates.items()},
            "plans": [_plan_as_json(plan) for plan in self.plans],
            "present": _plan_as_json(self.present),
            "back_test": None if self.proof is None else {**asdict(self.proof), "holds": self.proof.holds},
        }


def _plan_as_json(plan: ConsentPlan) -> dict[str, Any]:
    return {
        "ask": [spending.template.id for spending in plan.spendings],
        "messages_a_visit": plan.messages,
        "unmet_a_visit": plan.unmet,
        "worth": plan.worth,
        "keep": plan.keeps(),
    }


def plan_notices(settings: LedgerSettings, request: PlanRequest) -> PlanAnswer:
    """The answer. Raises ExitError where the ledger has no visit of these days that needed a consent."""
    wechat = push_settings(settings).wechat
    forms = wechat.forms if wechat else {}
    weights = {**WEIGHTS, **(request.weights or {})}
    begin = request.until - request.days * DAY_MS
    with open_ledger(settings) as store:
        visits = history.visits_of(store, CHANNEL, begin, request.until, request.center)
        before = history.visits_of(store, CHANNEL, begin - request.days * DAY_MS, begin, request.center)
        if not visits:
            of_center = f" of center {request.center}" if request.center else ""
            raise ExitError(
                f"the ledger has nothing that was to be told by WeChat{of_center} in these {request.days} days",
                NEGATIVE,
            )
        templates = history.templates_of(forms, (name for name, weight in weights.items() if weight > 0))
        rates = _with_accept(history.rates_of(store, visits, templates, forms), request.accept or {})
        rates_before = history.rates_of(store, before, templates, forms)
    patterns = history.patterns_of(visits)
    needed = sum(len(visit) for visit in visits)
    spent = history.delivered(visits)
    assert needed
    present_before = _present(forms, history.patterns_of(before), templates, rates_before, weights)
    return PlanAnswer(
        visits=len(visits),
        ran_dry=history.ran_dry(visits),
        delivered=dict(spent),
        needed={name: sum(item.milestone == name for visit in visits for item in visit) for name in weights},
        rates=rates,
        plans=best_plans(patterns, history.with_rates(templates, rates), weights)[:MOST_SHOWN],
        present=_present(forms, patterns, templates, rates, weights),
        proof=back_test(present_before, _messages(before, forms), len(visits), sum(_messages(visits, forms)))
        if before
        else None,
    )


def _with_accept(rates: Mapping[str, ConsentRate], accept: Mapping[str, float]) -> dict[str, ConsentRate]:
    """The rates with those that the caller says himself."""
    if unknown := sorted(set(accept) - set(rates)):
        raise ExitError(f"--accept: there is no template {unknown[0]}, but {', '.join(rates)}", USAGE)
    return {name: ConsentRate(accept[name], 0, "accept") if name in accept else rate for name, rate in rates.items()}


def _present(
    forms: Mapping[str, Form],
    patterns: Visits,
    templates: Mapping[str, tuple[str, ...]],
    rates: Mapping[str, ConsentRate],
    weights: Mapping[str, float],
) -> ConsentPlan:
    """What the file has now: every template with a form, and the milestones that keep none."""
    spendings = [
        spending_of(patterns, template, history.spent_now(forms, template.milestones), weights)
        for template in history.with_rates(templates, rates)
        if rates[template.id].source != "assumed"
    ]
    return plan_of(patterns, spendings)


def _messages(visits: Sequence[Visit], forms: Mapping[str, Form]) -> list[int]:
    """Messages delivered in each visit, at most one of each template, as the plan counts them."""
    kind = {name: form.id for name, form in forms.items()}
    return [len({kind.get(item.milestone, item.milestone) for item in visit if item.is_delivered}) for visit in visits]


def read_weights(file: Path) -> dict[str, float]:
    """Table [weights] of a TOML file, by milestone. Raises ExitError that says what is wrong."""
    with exit_on(TomlFileError, code=USAGE):
        table = read_toml(file).get("weights")
    if not isinstance(table, dict) or not table:
        raise ExitError(f"{file}: there is no table [weights]", USAGE)
    for name, weight in table.items():
        if name not in WEIGHTS:
            raise ExitError(f"{file}: weights.{name}: not a milestone, but {', '.join(WEIGHTS)}", USAGE)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1000:
            raise ExitError(f"{file}: weights.{name}: a number from 0 to 1000, not {weight!r}", USAGE)
    return {name: float(weight) for name, weight in table.items()}


def parse_accept(texts: Sequence[str]) -> dict[str, float]:
    """TEMPLATE=0.6 and so on. Raises ExitError for anything else."""
    rates = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            rates[name] = float(number)
        except ValueError:
            rates[name] = -1.0
        if not name or not 0 <= rates[name] <= 1:
            raise ExitError(f"--accept is TEMPLATE=SHARE with a share from 0 to 1, not {text!r}", USAGE)
    return rates


def print_plan(answer: PlanAnswer, say: Callable[[str], None]) -> None:
    """The answer for people."""
    share = 100 * answer.ran_dry / answer.visits
    say(
        f"{answer.visits} visits with something to tell by WeChat; in {answer.ran_dry} ({share:.1f} %) a consent lacked"
    )
    say("\nmilestone            needed  delivered")
    for name, count in answer.needed.items():
        say(f"{name:<20} {count:>6}  {answer.delivered.get(name, 0):>9}")
    say("\ntemplate                       consent is there  of visits  from")
    for name, rate in answer.rates.items():
        say(f"{name:<30} {100 * rate.value:>14.1f} %  {rate.n:>9}  {rate.source}")
    say("\nplan   worth  messages/visit  unmet/visit  ask for")
    for name, plan in [*((str(number), plan) for number, plan in enumerate(answer.plans, 1)), ("now", answer.present)]:
        names = ", ".join(spending.template.id for spending in plan.spendings) or "nothing"
        say(f"{name:<5} {plan.worth:>6.2f} {plan.messages:>15.2f} {plan.unmet:>12.2f}  {names}")
    if answer.plans:
        say("\nfor the push file, of plan 1:")
        for milestone, keep in answer.plans[0].keeps().items():
            say(f"  wechat.forms.{milestone}.keep = {keep}")
    say(_proof_text(answer.proof))


def _proof_text(proof: BackTest | None) -> str:
    if proof is None:
        return "\nback-test: no visits before these days"
    verdict = "holds" if proof.holds else "does not hold: what customers agree to has changed"
    return (
        f"\nback-test: from the days before, {proof.expected:.0f} messages ({proof.low:.0f} to {proof.high:.0f}) "
        f"were to be expected in these; delivered: {proof.delivered}; {verdict}"
    )


def write_plans(answer: PlanAnswer, file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["plan", "worth", "messages_a_visit", "unmet_a_visit", "ask"])
        for name, plan in [*enumerate(answer.plans, 1), ("now", answer.present)]:
            names = "|".join(spending.template.id for spending in plan.spendings)
            writer.writerow([name, plan.worth, plan.messages, plan.unmet, without_formula(names)])
