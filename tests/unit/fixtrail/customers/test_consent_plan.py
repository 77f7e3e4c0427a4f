"""The planner of consents: exact beside brute force, and its back-test holds where customers go on as before."""

import random
from collections import Counter
from itertools import combinations, pairwise, product
from pathlib import Path

import pytest

from fixtrail.all_settings import Settings
from fixtrail.customers import plan_notices
from fixtrail.customers.consent_plan import WEIGHTS, Template, back_test, best_plans, plan_of, spending_of
from fixtrail.customers.plan_notices import PlanRequest, parse_accept, print_plan, read_weights, write_plans
from runtime.failure import ExitError
from runtime.store import Store
from schemas.times import DAY_MS
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.ledger import Send
from sinks.push.ledger.recipients import Spend

NOW = 1_780_000_000_000
USUAL = ("checked_in", "diagnosis_started", "quote_ready", "part_delayed", "repair_started", "promise_changed", "ready")


def visits(draw: random.Random, n: int) -> "Counter[tuple[str, ...]]":
    """Visits with their milestones in the order of a visit, each of them there or not; ready always."""
    shares = dict(zip(USUAL, (1.0, 0.7, 0.5, 0.2, 0.8, 0.3, 1.0), strict=True))
    return Counter(tuple(name for name in USUAL if draw.random() < shares[name]) for _ in range(n))


def worth_by_hand(orders: "Counter[tuple[str, ...]]", plan: list[tuple[Template, tuple[str, ...]]]) -> float:
    """Every visit walked through, with each outcome of the asking."""
    total = 0.0
    for milestones, count in orders.items():
        for answers in product((True, False), repeat=len(plan)):
            chance, worth, remaining = 1.0, 0.0, []
            for (template, may_spend), is_accepted in zip(plan, answers, strict=True):
                chance *= template.accepted if is_accepted else 1 - template.accepted
                remaining.append(set(may_spend) if is_accepted else set())
            for name in milestones:
                for own in remaining:
                    if name in own:
                        worth += WEIGHTS[name]
                        own.clear()
            total += count * chance * worth
    return total / orders.total()


@pytest.mark.parametrize("seed", range(4))
def test_the_best_plan_is_that_of_brute_force(seed: int):
    draw = random.Random(seed)
    orders = visits(draw, 60)
    templates = [
        Template("news", ("repair_started", "promise_changed"), draw.random()),
        Template("money", ("quote_ready",), draw.random()),
        Template("parts", ("part_delayed",), draw.random()),
        Template("end", ("ready", "diagnosis_started"), draw.random()),
    ]
    sets = {t.id: [c for k in range(3) for c in combinations(t.milestones, k)] for t in templates}
    by_hand = max(
        worth_by_hand(orders, list(zip(combination, spending, strict=True)))
        for combination in combinations(templates, 3)
        for spending in product(*(sets[template.id] for template in combination))
    )

    best = best_plans(orders, templates)[0]

    assert best.worth == pytest.approx(by_hand)
    again = worth_by_hand(orders, [(spending.template, spending.may_spend) for spending in best.spendings])
    assert best.worth == pytest.approx(again) and len(best.spendings) <= 3


def test_a_consent_is_not_spent_on_small_news_before_what_matters():
    """One template for all: repair_started comes before ready, and would take the only consent."""
    orders = Counter({("repair_started", "ready"): 100})
    best = best_plans(orders, [Template("all", ("repair_started", "ready"), 0.5)])[0]

    assert best.spendings[0].may_spend == ("ready",)
    assert best.keeps() == {"repair_started": 1, "ready": 0}
    assert (best.messages, best.unmet, best.worth) == (0.5, 1.5, 1.5)


def test_with_twelve_templates_the_three_best_are_asked_for():
    orders = visits(random.Random(1), 500)
    templates = [Template(name, (name,), 0.6) for name in WEIGHTS]

    plans = best_plans(orders, templates)

    assert {spending.template.id for spending in plans[0].spendings} == {"ready", "quote_ready", "repair_started"}
    assert all(earlier.worth >= later.worth for earlier, later in pairwise(plans))
    assert best_plans(Counter(), templates) == []


@pytest.mark.parametrize("together", [False, True], ids=["by template", "all or none"])
def test_limits_of_the_back_test_hold_the_truth_about_as_often_as_they_say(together: bool):
    """Three templates of which each visit needs all: customers agree to each by itself, or to all of them or none."""
    draw, n_held, names = random.Random(5), 0, ("quote_ready", "part_delayed", "ready")
    orders = Counter({names: 150})

    def delivered() -> list[int]:
        return [3 * (draw.random() < 0.6) if together else sum(draw.random() < 0.6 for _ in names) for _ in range(150)]

    for _ in range(200):
        first, second = delivered(), delivered()
        share = sum(first) / 450
        plan = plan_of(orders, [spending_of(orders, Template(name, (name,), share), (name,)) for name in names])
        n_held += back_test(plan, first, 150, sum(second)).holds
    assert 181 <= n_held <= 198


# Through the ledger


@pytest.fixture(autouse=True)
def wechat_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WECHAT_SECRET", "of these tests")


def settings(folder: Path) -> Settings:
    (folder / "push.toml").write_text(
        '[wechat]\napp_id = "wx1"\nsecret = "env:WECHAT_SECRET"\n'
        + "".join(
            f'[wechat.forms.{name}]\nid = "{template}"\nfields = {{ thing1 = "note" }}\nkeep = {keep}\n'
            for name, template, keep in (
                ("ready", "T-END", 0),
                ("quote_ready", "T-MONEY", 0),
                ("repair_started", "T-END", 1),
            )
        )
    )
    return Settings(data=folder, push=folder / "push.toml", hash_key="a key of these tests, long enough")


def fill_ledger(store: Store, seed: int, begin: int, share: float, n: int = 300) -> None:
    """Visits of 28 days as the push sink would have told them: consents asked at check-in are used up for real."""
    draw = random.Random(seed)
    for number in range(n):
        at, person, order = begin + number * 28 * DAY_MS // n, f"P-{seed}-{number}", f"R-{seed}-{number}"
        for template in ("T-END", "T-MONEY"):
            if draw.random() < share:
                recipients.add_consents(store, person, template, 1, at)
        for milestone, template, keep, chance in (
            ("quote_ready", "T-MONEY", 0, 0.5),
            ("repair_started", "T-END", 1, 0.9),
            ("ready", "T-END", 0, 1.0),
        ):
            if draw.random() < chance:
                is_sent = recipients.use_consent(store, Spend(person, template, keep), at)
                send = Send(
                    **{"id": f"{order}-{milestone}", "notice_id": milestone, "center_id": "C1", "order_id": order},
                    **{"shard": 0, "milestone": milestone, "event_id": milestone, "occurred_at": at, "expires_at": at},
                    **{"channel": "wechat", "lane": "", "person": person, "address": None, "notice": None},
                    state=ledger.SENT if is_sent else ledger.SUPPRESSED,
                    reason="" if is_sent else ledger.NO_CONSENT_LEFT,
                    **{"due_at": at, "attempts": 0, "planned_at": at},
                )
                at += 1
                ledger.plan(store, [send])


def test_a_plan_from_the_ledger_says_what_to_ask_for_and_its_back_test_holds(tmp_path):
    own = settings(tmp_path)
    with ledger.opened_ledger(own.ledger_dsn()) as store:
        fill_ledger(store, 1, NOW - 56 * DAY_MS, 0.6)
        fill_ledger(store, 2, NOW - 28 * DAY_MS, 0.6)

    answer = plan_notices.plan_notices(own, PlanRequest(NOW))

    assert answer.visits == 300
    assert answer.rates["T-END"].source == "ledger" and answer.rates["T-END"].value == pytest.approx(0.6, abs=0.1)
    best = answer.plans[0]
    assert {spending.template.id for spending in best.spendings} == {"T-END", "T-MONEY"}
    assert best.keeps() == {"ready": 0, "repair_started": 1, "quote_ready": 0}
    assert answer.present.worth == pytest.approx(best.worth)
    assert answer.proof.holds and answer.proof.delivered == sum(answer.delivered.values())
    assert answer.ran_dry > 200
    lines: list[str] = []
    print_plan(answer, lines.append)
    assert any("wechat.forms.repair_started.keep = 1" in line for line in lines) and "holds" in lines[-1]
    write_plans(answer, tmp_path / "plans.csv")
    assert (tmp_path / "plans.csv").read_text(encoding="utf-8-sig").splitlines()[-1].startswith("now,")


def test_customers_who_agree_less_than_before_fail_the_back_test(tmp_path):
    own = settings(tmp_path)
    with ledger.opened_ledger(own.ledger_dsn()) as store:
        fill_ledger(store, 1, NOW - 56 * DAY_MS, 0.8)
        fill_ledger(store, 2, NOW - 28 * DAY_MS, 0.3)

    answer = plan_notices.plan_notices(own, PlanRequest(NOW))

    assert not answer.proof.holds and answer.proof.delivered < answer.proof.low


def test_what_the_ledger_or_a_caller_cannot_say_is_refused(tmp_path):
    own = settings(tmp_path)
    with ledger.opened_ledger(own.ledger_dsn()) as store:
        fill_ledger(store, 1, NOW - 28 * DAY_MS, 0.6, n=30)
    (tmp_path / "weights.toml").write_text("[weights]\nlunch = 2\n")
    (tmp_path / "none.toml").write_text("x = 1\n")

    assert plan_notices.plan_notices(own, PlanRequest(NOW)).proof is None
    for wrong in (
        lambda: plan_notices.plan_notices(own, PlanRequest(NOW, center="nowhere")),
        lambda: plan_notices.plan_notices(own, PlanRequest(NOW, accept={"T-X": 0.5})),
        lambda: read_weights(tmp_path / "weights.toml"),
        lambda: read_weights(tmp_path / "none.toml"),
        lambda: read_weights(tmp_path / "no-such-file.toml"),
        lambda: parse_accept(["T=2"]),
        lambda: parse_accept(["0.5"]),
    ):
        with pytest.raises(ExitError):
            wrong()
    assert read_weights(Path("examples/weights.toml"))["ready"] == 3
