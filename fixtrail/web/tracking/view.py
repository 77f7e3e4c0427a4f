"""What the tracking page shows of a journey: a pure function of the fact and `now`. Times in ms, words elsewhere.

Nothing is shown that no event proves: a step without its event is still ahead, however long ago it was due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from fixtrail.customers.milestones import part_of_milestone
from schemas.facts import WAITS, DecisionFact, JourneyFact, PartRequestFact, QuoteFact
from schemas.times import MINUTE_MS
from streams.journey.as_of import running_figures

# From then on the page says itself that there is no news.
QUIET_AFTER_MS = 45 * MINUTE_MS
# So long a decision may be taken back, while no repair has begun on it.
CHANGEABLE_MS = 2 * MINUTE_MS
# The final amount is as approved within 1 % (docs/contract.md, "quote kept").
SAME_PRICE = Decimal("0.01")

StepState = Literal["done", "now", "ahead"]
Answer = Literal["pending", "approved", "declined"]


@dataclass(frozen=True, slots=True)
class PageStep:
    """One step of the visit; `at` is when the event happened that proves it, None while it lies ahead."""

    name: str
    state: StepState
    at: int | None


@dataclass(frozen=True, slots=True)
class Now:
    """What is going on: an activity, "extra_check", or how the visit ended; since when, until when as far as told."""

    name: str
    since: int | None
    expected_at: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Waiting by cause: seconds as of `now`; `runs` says that it still grows."""

    cause: str
    seconds: float
    runs: bool


@dataclass(frozen=True, slots=True)
class ShownPromise:
    """The promised time that holds, all that were told (when, for when), when it was ready; late from `late_from`."""

    at: int
    promises: tuple[tuple[int, int], ...]
    ready_at: int | None
    late_from: int | None

    @property
    def is_kept(self) -> bool | None:
        """Whether it was ready by then; None while it is not ready."""
        return None if self.ready_at is None else self.ready_at <= self.at


@dataclass(frozen=True, slots=True)
class Quoted:
    """The last quote and what the customer said to it; `key` names this quote among all of the order.

    `decisions` are those since the quote; the last one may be changed until `changeable_until`.
    """

    quote: QuoteFact
    answer: Answer
    key: str
    at: int
    decisions: tuple[DecisionFact, ...] = ()
    changeable_until: int | None = None

    def is_open(self, now: int) -> bool:
        """Whether the customer may decide now: for the first time, or otherwise than a moment ago."""
        return self.answer == "pending" or (self.changeable_until is not None and now < self.changeable_until)


@dataclass(frozen=True, slots=True)
class Price:
    """What was paid, against what was approved."""

    paid: Decimal
    approved: Decimal | None
    currency: str | None

    @property
    def verdict(self) -> Literal["same", "less", "more"] | None:
        """Same means within 1 %; None where nothing was approved."""
        if self.approved is None:
            return None
        if abs(self.paid - self.approved) <= SAME_PRICE * self.approved:
            return "same"
        return "less" if self.paid < self.approved else "more"


@dataclass(frozen=True, slots=True)
class Happened:
    """One milestone of the log; `part_no`, `promised` and `amount` for what is about a part, a promise or a quote."""

    name: str
    at: int
    part_no: str | None = None
    promised: int | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class JourneyView:
    """The values that the page shows, without its address."""

    order_id: str
    event_count: int
    locale: str | None
    is_open: bool
    now: Now
    steps: tuple[PageStep, ...]
    waits: tuple[Wait, ...]
    promise: ShownPromise | None
    quoted: Quoted | None
    price: Price | None
    happened: tuple[Happened, ...]
    news_at: int
    quiet_from: int | None
    may_rate: bool
    score: int | None
    answers: int

    @property
    def waited_s(self) -> float:
        """All waits together."""
        return sum(wait.seconds for wait in self.waits)

    @property
    def shown_waits(self) -> tuple[Wait, ...]:
        """The waits of a minute or more, and the one that runs."""
        return tuple(wait for wait in self.waits if wait.runs or wait.seconds >= MINUTE_MS / 1000)

    @property
    def waits_now(self) -> bool:
        return any(wait.runs for wait in self.waits)


def journey_view(fact: JourneyFact, now: int) -> JourneyView:
    """The view of this journey at `now`."""
    going_on = _now(fact)
    # Where the workshop's clock is ahead of ours, nothing has lasted less than no time.
    now = max(now, fact.last_event_at)
    is_open = fact.status == "open"
    return JourneyView(
        order_id=fact.order_id,
        event_count=fact.event_count,
        locale=fact.locale,
        is_open=is_open,
        now=going_on,
        steps=_steps(fact, going_on),
        waits=_waits(fact, now),
        promise=_promise(fact),
        quoted=_quoted(fact),
        price=_price(fact),
        happened=_happened(fact),
        news_at=fact.last_event_at,
        quiet_from=fact.last_event_at + QUIET_AFTER_MS if is_open and fact.activity != "pickup" else None,
        may_rate=fact.status == "handed_off" and fact.score is None and fact.center_id is not None,
        score=fact.score,
        answers=len(fact.surveys),
    )


def _now(fact: JourneyFact) -> Now:
    if fact.status in ("handed_off", "cancelled"):
        return Now(fact.status, fact.closed_at)
    if fact.activity is None:
        # No check-in is known: there is only what other events say.
        return Now("unknown", None)
    if is_declined(fact):
        return Now("declined", fact.activity_since)
    if fact.activity == "bay" and _checks_again(fact):
        return Now("extra_check", fact.activity_since)
    return Now(fact.activity, fact.activity_since, _expected(fact) if fact.activity == "parts" else None)


def is_declined(fact: JourneyFact) -> bool:
    """Whether the car waits for its owner because the quote was declined, and nobody said that it may be fetched.

    It may stand dismantled on the lift, so it is not told to be ready.
    """
    if fact.status != "open" or fact.activity != "pickup" or not fact.decisions or fact.decisions[-1].approved:
        return False
    return not fact.checked and not any(stage.activity == "repair" for stage in fact.stages)


def _checks_again(fact: JourneyFact) -> bool:
    """Whether a check asked for more than was done and no repair has begun since. Told as an extra check only."""
    asked_at = max((at for name, _, at in fact.timeline if name == "extra_check"), default=None)
    return asked_at is not None and not any(
        stage.activity == "repair" and stage.started_at >= asked_at for stage in fact.stages
    )


def _expected(fact: JourneyFact) -> int | None:
    """When all parts that are waited for will be there, if that was told for each of them."""
    times = [part.expected_at for part in fact.parts if is_waited_for(part)]
    expected_times = [at for at in times if at is not None]
    return max(expected_times) if expected_times and len(expected_times) == len(times) else None


def is_waited_for(part: PartRequestFact) -> bool:
    """Requested or out of stock, and neither come nor called off."""
    is_requested = part.requested_at is not None or part.backordered_at is not None
    return is_requested and part.fulfilled_at is None and part.cancelled_at is None


def _steps(fact: JourneyFact, going_on: Now) -> tuple[PageStep, ...]:
    """The steps of this visit: those proven, and those that every visit still has ahead."""
    first = _first_times(fact)
    closed = fact.status != "open"
    times: list[tuple[str, int | None]] = [
        ("checked_in", fact.checked_in_at),
        ("diagnosis", first.get("diagnosis_started")),
        ("quote", _quote_at(fact)),
        ("parts", first.get("part_ordered") or first.get("part_delayed")),
        ("repair", first.get("repair_started")),
        ("check", _checked_at(fact)),
        ("ready", fact.ready_at if _is_ready(fact) or closed else None),
        ("cancelled" if fact.status == "cancelled" else "handed_off", fact.closed_at),
    ]
    always = {"diagnosis", "repair", "ready", "handed_off"}
    last = max((index for index, (_, at) in enumerate(times) if at is not None), default=-1)
    current = _step_of(going_on, times)
    return tuple(
        PageStep(name, "now" if name == current else "done" if at is not None else "ahead", at)
        for index, (name, at) in enumerate(times)
        # What was passed over without an event never happened, as far as anybody knows.
        if at is not None or (index > last and name in always)
    )


def _is_ready(fact: JourneyFact) -> bool:
    return fact.activity == "pickup" and not is_declined(fact)


def _step_of(going_on: Now, times: list[tuple[str, int | None]]) -> str | None:
    """The step that is marked as the present one: that of the activity, else the newest proven one."""
    if going_on.name in ("handed_off", "cancelled"):
        return None
    of_activity = {
        "reception": "checked_in",
        "diagnosis": "diagnosis",
        "approval": "quote",
        "declined": "quote",
        "parts": "parts",
        "repair": "repair",
        "quality": "check",
        "extra_check": "check",
        "finishing": "check",
        "pickup": "ready",
    }.get(going_on.name)
    proven = {name: at for name, at in times if at is not None}
    if of_activity in proven:
        return of_activity
    return max(proven, key=lambda name: proven[name]) if proven else None


def _first_times(fact: JourneyFact) -> dict[str, int]:
    first: dict[str, int] = {}
    for name, _, at in fact.timeline:
        first.setdefault(name, at)
    return first


def _quote_at(fact: JourneyFact) -> int | None:
    return max((at for name, _, at in fact.timeline if name == "quote_ready"), default=None)


def _checked_at(fact: JourneyFact) -> int | None:
    """When the newest check began, or was asked for again."""
    starts = [stage.started_at for stage in fact.stages if stage.activity == "quality"]
    return max([*starts, *(at for name, _, at in fact.timeline if name == "extra_check")], default=None)


def _waits(fact: JourneyFact, now: int) -> tuple[Wait, ...]:
    """The causes that cost time, as of `now`."""
    figures = vars(fact) | running_figures(vars(fact), now)
    seconds = {cause: figures[f"wait_{cause}_s"] or 0.0 for cause in WAITS}
    return tuple(
        Wait(cause, seconds[cause], cause == fact.activity)
        for cause in WAITS
        if seconds[cause] or cause == fact.activity
    )


def _promise(fact: JourneyFact) -> ShownPromise | None:
    promises = fact.promises
    ready_at = fact.ready_at if _is_ready(fact) or fact.status != "open" else None
    at = fact.promised_at if ready_at is not None or not promises else promises[-1][1]
    if at is None or fact.status == "cancelled":
        return None
    return ShownPromise(at, promises, ready_at, at if ready_at is None and fact.status == "open" else None)


def _quoted(fact: JourneyFact) -> Quoted | None:
    if fact.quote is None:
        return None
    key, at = next(((event, at) for name, event, at in reversed(fact.timeline) if name == "quote_ready"), ("", 0))
    if not key:
        return None
    answer: Answer = "approved" if fact.approved_amount is not None else "declined"
    if fact.quote_pending:
        if fact.status != "open" or fact.center_id is None:
            return None
        answer = "pending"
    decisions = tuple(decision for decision in fact.decisions if decision.at >= at)
    return Quoted(fact.quote, answer, key, at, decisions, _changeable_until(fact, decisions))


def _changeable_until(fact: JourneyFact, decisions: Sequence[DecisionFact]) -> int | None:
    """Until when the last decision may be taken back; None where there is none, or work has begun on it."""
    if not decisions or fact.status != "open":
        return None
    decided_at = decisions[-1].at
    is_worked_on = any(stage.activity == "repair" and stage.started_at >= decided_at for stage in fact.stages)
    return None if is_worked_on else decided_at + CHANGEABLE_MS


def _price(fact: JourneyFact) -> Price | None:
    if fact.status != "handed_off" or fact.final_amount is None:
        return None
    return Price(fact.final_amount, fact.approved_amount, fact.quote.currency if fact.quote else None)


def _happened(fact: JourneyFact) -> tuple[Happened, ...]:
    """What happened, newest first: the milestones, and what the customer said to quotes.

    Only the last of the milestones called ready is one: the others turned out to be none.
    """
    promised = dict(fact.promises)
    is_ready = _is_ready(fact) or fact.status == "handed_off"
    milestones = [
        Happened(
            name,
            at,
            part_no=part.part_no if (part := part_of_milestone(fact, index)) else None,
            promised=promised.get(at) if name in ("checked_in", "promise_changed") else None,
        )
        for index, (name, _, at) in enumerate(fact.timeline)
        if name != "ready" or (is_ready and at == fact.ready_at)
    ]
    decisions = [
        Happened("approved" if decision.approved else "declined", decision.at, amount=decision.amount)
        for decision in fact.decisions
    ]
    return tuple(sorted([*reversed(milestones), *decisions], key=lambda step: -step.at))


def changes_of(promise: ShownPromise) -> list[tuple[int, int, int]]:
    """Each change of the promise: when it was told, from when to when."""
    return [(told_at, before, after) for (_, before), (told_at, after) in pairwise(promise.promises)]
