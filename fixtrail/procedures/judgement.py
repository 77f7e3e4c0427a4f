"""Whether a visit followed its procedure, and where it did not. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fixtrail.procedures.alignment import Alignment, align
from fixtrail.procedures.file import CHECK, Procedure
from schemas.times import MINUTE_MS

Kind = Literal["skipped", "check_missing", "out_of_order", "extra", "too_fast", "too_slow"]
KINDS: tuple[Kind, ...] = ("check_missing", "skipped", "out_of_order", "extra", "too_fast", "too_slow")


class WorkEvent(NamedTuple):
    """One event of a visit: when, type and phase, and the code of a repair's step."""

    at: int
    name: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """What was otherwise than the procedure says, and at which of its steps or at which event."""

    kind: Kind
    step: str


@dataclass(frozen=True, slots=True)
class ProcedureJudgement:
    """How a visit went beside its procedure; `cost` counts skipped steps and extra events."""

    deviations: tuple[Deviation, ...]
    cost: int

    @property
    def conforms(self) -> bool:
        return not self.deviations


def relevant(procedure: Procedure, events: Sequence[WorkEvent]) -> list[tuple[WorkEvent, str]]:
    """The events of the kinds that the procedure names, each with its label; others say nothing of it.

    Where no step of a kind has a code, codes do not matter.
    """
    names = {step.event for step in procedure.step}
    coded = {step.event for step in procedure.step if step.step is not None}
    plain = {step.event for step in procedure.step if step.step is None}
    labels = {step.label for step in procedure.step}
    pairs = []
    for event in events:
        if event.name in names:
            label = f"{event.name}/{event.step}" if event.name in coded and event.step else event.name
            # A step without a code is done by any code that no other step has.
            pairs.append((event, event.name if event.name in plain and label not in labels else label))
    return pairs


def judge(procedure: Procedure, events: Sequence[WorkEvent], planned_hours: float | None = None) -> ProcedureJudgement:
    """The deviations of a visit whose events stand in their order."""
    pairs = relevant(procedure, events)
    alignment = align(procedure.steps(), [label for _, label in pairs])
    deviations = [*_order_deviations(procedure, alignment, pairs), *_times(procedure, alignment, pairs)]
    if planned_hours and _is_too_fast(procedure, events, planned_hours):
        deviations.append(Deviation("too_fast", "repair"))
    return ProcedureJudgement(tuple(deviations), alignment.cost)


def _order_deviations(
    procedure: Procedure, alignment: Alignment, pairs: Sequence[tuple[WorkEvent, str]]
) -> list[Deviation]:
    """Skipped steps and extra events; a skipped step that was done at another time is one out of order."""
    extra = [pairs[event][1] for event in alignment.extra]
    deviations = []
    for number in alignment.skipped:
        step = procedure.step[number]
        if step.label in extra:
            extra.remove(step.label)
            deviations.append(Deviation("out_of_order", step.name))
        else:
            deviations.append(Deviation("check_missing" if step.event.startswith(CHECK) else "skipped", step.name))
    return deviations + [Deviation("extra", label) for label in extra]


def _times(procedure: Procedure, alignment: Alignment, pairs: Sequence[tuple[WorkEvent, str]]) -> list[Deviation]:
    """Steps that came too soon or too late after the step before them."""
    deviations, before = [], None
    for event, number in alignment.moves:
        if event is None or number is None:
            continue
        step, at = procedure.step[number], pairs[event][0].at
        if before is not None:
            minutes = (at - before) / MINUTE_MS
            if step.min_minutes is not None and minutes < step.min_minutes:
                deviations.append(Deviation("too_fast", step.name))
            if step.max_minutes is not None and minutes > step.max_minutes:
                deviations.append(Deviation("too_slow", step.name))
        before = at
    return deviations


def _is_too_fast(procedure: Procedure, events: Sequence[WorkEvent], planned_hours: float) -> bool:
    """Whether somebody repaired for less than the procedure's share of the quoted hours."""
    least = procedure.least_share_of_planned
    repaired_ms = repair_ms(events)
    return least is not None and repaired_ms is not None and repaired_ms < least * planned_hours * 60 * MINUTE_MS


def repair_ms(events: Sequence[WorkEvent]) -> int | None:
    """From starts and resumptions to pauses and completions of repairs, as far as they pair; None without any."""
    running: list[int] = []
    total, any_end = 0, False
    for event in events:
        if event.name in ("repair.started", "repair.resumed"):
            running.append(event.at)
        elif event.name in ("repair.paused", "repair.completed") and running:
            total, any_end = total + event.at - running.pop(), True
    return total if any_end else None
