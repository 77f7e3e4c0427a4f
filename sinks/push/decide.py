"""Whether a send goes now, waits, or never goes, and why. Pure: the clock and all that is known are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from schemas.centers import Center
from schemas.opening_hours import day_began, is_open, next_day, quiet_until
from sinks.push.ledger.audience import Preference
from sinks.push.ledger.ledger import EXPIRED, HELD, PLANNED, RETRY, SUPERSEDED, SUPPRESSED, UNKNOWN, Send
from streams.journey.clock_notices import is_by_clock, why_not_so
from streams.journey.notices import is_still_so_of_part, is_still_true, superseding
from streams.journey.ready_setting import BY_SETTING, is_by_setting, ready_by_setting_at, ready_fields

READY = "ready"
QUIET, GAP, CAP = "quiet hours", "minimum gap", "enough messages for one day"
# How soon and how late it is looked again whether a journey has come.
ASK_AGAIN_MS = (500, 30_000)
TOLD_ALREADY = "told already: a late event only shows another proof of it"
# What another event can come to prove. Of parts there may be several, and each quote and check is news.
PROVEN_ANEW = frozenset(
    {"checked_in", "promise_changed", "diagnosis_started", "repair_started", "ready", "handed_off", "cancelled"}
)
TO_DIGEST = frozenset({QUIET, GAP, CAP})


@dataclass(frozen=True, slots=True)
class Policy:
    """When customers are left in peace, in their own time zone, and how much they get.

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
class Known:
    """What a decision is made from, besides the send itself.

    `told_by`: the events (id, time) by which the same milestone was told to the same person before. `ready_after_ms`:
    so long after the work the center's cars are told to be ready without proof; None where they are not.
    """

    fact: dict[str, Any] | None
    preference: Preference = field(default_factory=Preference)
    told_at: Sequence[int] = ()
    center: Center | None = None
    told_by: Sequence[tuple[str, int]] = ()
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


def decide(send: Send, notice: dict[str, Any], known: Known, policy: Policy, now: int, *, rings: bool) -> Decision:
    """What to do with a send that is due. `rings`: somebody is disturbed by it, so quiet hours and limits hold.

    What may have been taken already (RETRY) and must not be sent again is UNKNOWN, whatever the reason.
    """
    decision = _decide(send, notice, known, policy, now, rings)
    if send.state != RETRY or isinstance(decision, Go):
        return decision
    if isinstance(decision, Hold):
        return Hold(decision.until, decision.reason, RETRY)
    return Drop(UNKNOWN, f"no clear answer, and then it was not to be sent again: {decision.reason}")


def _decide(send: Send, notice: dict[str, Any], known: Known, policy: Policy, now: int, rings: bool) -> Decision:
    if now >= send.expires_at:
        return Drop(EXPIRED, _why_expired(send))
    if (untrue := why_untrue(notice, known.fact, known.ready_after_ms, now)) is not None:
        reason, may_be_early = untrue
        if may_be_early and now < send.planned_at + policy.settle_ms:
            again_ms = min(ASK_AGAIN_MS[1], max(ASK_AGAIN_MS[0], (now - send.planned_at) // 4))
            return Hold(min(now + again_ms, send.expires_at), "its journey is not here yet", send.state)
        return Drop(SUPERSEDED, reason)
    if _was_told(send, known):
        return Drop(SUPERSEDED, TOLD_ALREADY)
    preference = known.preference
    if preference.opted_out:
        return Drop(SUPPRESSED, "no consent: opted out")
    if preference.milestones is not None and send.milestone not in preference.milestones:
        return Drop(SUPPRESSED, "no consent: this milestone is not wanted")
    return _disturb(send, known, policy, now) if rings else Go()


def _was_told(send: Send, known: Known) -> bool:
    """Whether it was told by an event that a late one has replaced as the proof: to the customer it is the same.

    As many times as events of before prove it no more, the next ones that do are no news.
    """
    if send.milestone not in PROVEN_ANEW or known.fact is None:
        return False
    proven = (send.event_id, send.occurred_at)
    shown = [(event_id, at) for name, event_id, at in known.fact["timeline"] if name == send.milestone]
    by_setting = {told for told in known.told_by if told[0].startswith(BY_SETTING)}
    before = max((at for _, at in shown if at < send.occurred_at), default=0)
    if proven in shown and any(before < at <= send.occurred_at for _, at in by_setting):
        return True  # told without proof, which has come now
    replaced = len(set(known.told_by).difference(shown, by_setting))
    untold = [event for event in shown if event not in known.told_by]
    return proven in untold[:replaced]


def _disturb(send: Send, known: Known, policy: Policy, now: int) -> Decision:
    """Quiet hours, the number a day and the minimum gap."""
    zone = ZoneInfo(known.preference.time_zone or (known.center.time_zone if known.center else policy.time_zone))
    ends = quiet_until(now, zone, policy.quiet_from, policy.quiet_until)
    fetched_now = send.milestone == READY and known.center is not None and is_open(now, known.center)
    if ends is not None and not fetched_now:
        return _put_off(send, ends, QUIET)
    today = sum(at >= day_began(now, zone) for at in known.told_at)
    allowed = policy.a_day if send.milestone == READY else max(policy.a_day - 1, 1)
    if today >= allowed:
        return _put_off(send, next_day(now, zone), CAP)
    if known.told_at and (free_at := max(known.told_at) + policy.gap_ms) > now:
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
        return why_not_so(notice, fact) or _why_not_by_setting(fact, ready_after_ms, now)
    fact = fact | ready_fields(fact, ready_after_ms, now)
    if is_by_clock(notice):
        return why_not_so(notice, fact)
    if is_still_true(notice, fact):
        return None
    told = [notice["milestone"], notice["event_id"], notice["occurred_at"]]
    timeline = [list(each) for each in fact["timeline"]]
    if told not in timeline:
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
