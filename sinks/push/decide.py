"""Decides whether a send goes now, waits, or never goes, and why. Pure: the clock and all data are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from schemas.centers import Center
from schemas.opening_hours import day_began, is_open, next_day, quiet_until
from sinks.push.ledger.ledger import EXPIRED, HELD, PLANNED, RETRY, SUPERSEDED, SUPPRESSED, UNKNOWN, Send
from sinks.push.ledger.recipients import Preference
from streams.journey.clock_notices import clock_notice_objection, is_by_clock
from streams.journey.notices import is_still_so_of_part, is_still_true, superseding
from streams.journey.ready_setting import BY_SETTING, is_by_setting, ready_by_setting_at, ready_fields

READY = "ready"
QUIET, GAP, CAP = "quiet hours", "minimum gap", "enough messages for one day"
# The shortest and the longest pause before looking again for the journey.
ASK_AGAIN_MS = (500, 30_000)
ALREADY_DELIVERED = "told already: a late event only shows another proof of it"
# Milestones that another event can come to prove. Of parts there may be several, and each quote and check is news.
REPEATED_PROOF = frozenset(
    {"checked_in", "promise_changed", "diagnosis_started", "repair_started", "ready", "handed_off", "cancelled"}
)
TO_DIGEST = frozenset({QUIET, GAP, CAP})


@dataclass(frozen=True, slots=True)
class Policy:
    """Quiet hours in the customer's own time zone, and limits on the number of messages.

    `a_day` messages at most, of which the last is kept for "ready for pickup"; `gap_ms` between two of them.
    `settle_ms`: so long a journey may take to show what a notice says. It is written behind the notice, and a worker
    that is killed in between writes it when it is up again.
    """

    quiet_from: time = time(21)
    quiet_until: time = time(8)
    a_day: int = 10
    gap_ms: int = 60_000
    time_zone: str = "Asia/Shanghai"
    settle_ms: int = 600_000


@dataclass(frozen=True, slots=True)
class SendContext:
    """The data of a decision, besides the send itself.

    `delivered_events`: the events (id, time) by which this milestone was sent to the person before. `ready_after_ms`:
    so long after the work the center's cars are told to be ready without proof; None where they are not.
    """

    fact: dict[str, Any] | None
    preference: Preference = field(default_factory=Preference)
    messaged_at: Sequence[int] = ()
    center: Center | None = None
    delivered_events: Sequence[tuple[str, int]] = ()
    ready_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Go:
    pass


@dataclass(frozen=True, slots=True)
class Hold:
    """Put off until then. `state` is as the ledger has it: RETRY stays RETRY."""

    until: int
    reason: str
    state: str = HELD


@dataclass(frozen=True, slots=True)
class Drop:
    """Never to be sent; a final state and the reason."""

    state: str
    reason: str


Decision = Go | Hold | Drop


def decide(
    send: Send, notice: dict[str, Any], context: SendContext, policy: Policy, now: int, *, interrupts: bool
) -> Decision:
    """What to do with a send that is due. `interrupts`: the channel alerts a person, so quiet hours and limits hold.

    What may have been taken already (RETRY) and must not be sent again is UNKNOWN, whatever the reason.
    """
    decision = _decide(send, notice, context, policy, now, interrupts)
    if send.state != RETRY or isinstance(decision, Go):
        return decision
    if isinstance(decision, Hold):
        return Hold(decision.until, decision.reason, RETRY)
    return Drop(UNKNOWN, f"no clear answer, and then it was not to be sent again: {decision.reason}")


def _decide(
    send: Send, notice: dict[str, Any], context: SendContext, policy: Policy, now: int, interrupts: bool
) -> Decision:
    if now >= send.expires_at:
        return Drop(EXPIRED, _why_expired(send))
    if (objection := why_untrue(notice, context.fact, context.ready_after_ms, now)) is not None:
        reason, may_be_early = objection
        if may_be_early and now < send.planned_at + policy.settle_ms:
            again_ms = min(ASK_AGAIN_MS[1], max(ASK_AGAIN_MS[0], (now - send.planned_at) // 4))
            return Hold(min(now + again_ms, send.expires_at), "its journey is not here yet", send.state)
        return Drop(SUPERSEDED, reason)
    if _was_delivered(send, context):
        return Drop(SUPERSEDED, ALREADY_DELIVERED)
    preference = context.preference
    if preference.opted_out:
        return Drop(SUPPRESSED, "no consent: opted out")
    if preference.milestones is not None and send.milestone not in preference.milestones:
        return Drop(SUPPRESSED, "no consent: this milestone is not wanted")
    return _within_limits(send, context, policy, now) if interrupts else Go()


def _was_delivered(send: Send, context: SendContext) -> bool:
    """True if this milestone was already delivered under another event that a late arrival has replaced as its proof.

    For each delivered event that proves it no more, one new proof is no news.
    """
    if send.milestone not in REPEATED_PROOF or context.fact is None:
        return False
    proof = (send.event_id, send.occurred_at)
    proofs = [(event_id, at) for name, event_id, at in context.fact["timeline"] if name == send.milestone]
    by_setting = {delivered for delivered in context.delivered_events if delivered[0].startswith(BY_SETTING)}
    before = max((at for _, at in proofs if at < send.occurred_at), default=0)
    if proof in proofs and any(before < at <= send.occurred_at for _, at in by_setting):
        return True  # told without proof, which has come now
    replaced = len(set(context.delivered_events).difference(proofs, by_setting))
    undelivered = [event for event in proofs if event not in context.delivered_events]
    return proof in undelivered[:replaced]


def _within_limits(send: Send, context: SendContext, policy: Policy, now: int) -> Decision:
    """Quiet hours, the number a day and the minimum gap."""
    zone = ZoneInfo(context.preference.time_zone or (context.center.time_zone if context.center else policy.time_zone))
    ends = quiet_until(now, zone, policy.quiet_from, policy.quiet_until)
    fetched_now = send.milestone == READY and context.center is not None and is_open(now, context.center)
    if ends is not None and not fetched_now:
        return _put_off(send, ends, QUIET)
    today = sum(at >= day_began(now, zone) for at in context.messaged_at)
    allowed = policy.a_day if send.milestone == READY else max(policy.a_day - 1, 1)
    if today >= allowed:
        return _put_off(send, next_day(now, zone), CAP)
    # Later than now is by a clock that went wrong.
    if (free_at := max((at for at in context.messaged_at if at <= now), default=0) + policy.gap_ms) > now:
        return _put_off(send, free_at, GAP)
    return Go()


def _put_off(send: Send, until: int, reason: str) -> Decision:
    """Hold it, unless it would be of no use by then."""
    if until >= send.expires_at:
        return Drop(SUPPRESSED, f"{reason} until it would have been too late")
    return Hold(until, reason)


def _why_expired(send: Send) -> str:
    if send.planned_at >= send.expires_at:
        return "already too old when it came"
    if send.state == PLANNED:
        return "too old before its turn came"
    return f"too old in the end: {send.reason}"


def why_untrue(
    notice: dict[str, Any], fact: dict[str, Any] | None, ready_after_ms: int | None = None, now: int = 0
) -> tuple[str, bool] | None:
    """None while the notice is true; else why not, and whether the journey may only be late to show it.

    `ready_after_ms` as in `Known`: without it no `ready` is true but a proven one.
    """
    if fact is None:
        return "no journey shows it", True
    if is_by_setting(notice):
        return clock_notice_objection(notice, fact) or _why_not_by_setting(fact, ready_after_ms, now)
    fact = fact | ready_fields(fact, ready_after_ms, now)
    if is_by_clock(notice):
        return clock_notice_objection(notice, fact)
    if is_still_true(notice, fact):
        return None
    proof = [notice["milestone"], notice["event_id"], notice["occurred_at"]]
    timeline = [list(entry) for entry in fact["timeline"]]
    if proof not in timeline:
        return "taken back: the events as they are now do not show it", True
    if later := superseding(notice, timeline):
        return f"made pointless by a later milestone: {later[-1]}", False
    if not is_still_so_of_part(notice, fact):
        return "the part has come, was called off, or is expected at another time by now", False
    if notice["milestone"] == "quote_ready":
        return "the quote was decided", False
    return "the car is being worked on again", False


def _why_not_by_setting(fact: dict[str, Any], ready_after_ms: int | None, now: int) -> tuple[str, bool] | None:
    told_at = ready_by_setting_at(fact, ready_after_ms)
    return None if told_at is not None and told_at <= now else ("the center tells it once it is proven", False)
