"""Complaints and bad scores as cases that somebody has to look after. Pure: an order's facts in, its cases out.

A case is a function of the set of the order's events: its phases count in order of (occurred_at, event_id), those told
by follow-ups behind those of the complaint at the same instant. Times are in ms.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.facts import opened_only

Fact = Mapping[str, Any]
Phase = tuple[str, int]
Kind = Literal["complaint", "detractor"]
Severity = Literal["low", "high"]

# 0 to 6 (Reichheld, HBR Dec 2003); up to 8 where the product was at fault.
DETRACTOR, OF_PRODUCT = 6, 8
DONE = frozenset({"resolved", "closed"})
# Nobody resolves a complaint without a word to the customer; closed it may be without one.
_CONTACT = frozenset({"contacted", "resolved"})


@dataclass(frozen=True, slots=True)
class VoiceCase:
    """A complaint, or an order's last survey where its score is bad.

    `asked_at`: since when somebody is to get in touch: the opening, or the last time that it was reopened.
    """

    kind: Kind
    case_id: str
    opened_at: int
    phases: tuple[Phase, ...]
    attempts: int = 0
    category: str | None = None
    severity: Severity | None = None
    score: int | None = None

    @property
    def phase(self) -> str:
        """The last one; `opened` where nobody has done anything yet."""
        return self.phases[-1][0] if self.phases else "opened"

    @property
    def is_open(self) -> bool:
        return self.phase not in DONE

    @property
    def asked_at(self) -> int:
        return max((at for phase, at in self.phases if phase == "reopened"), default=self.opened_at)

    @property
    def contacted_at(self) -> int | None:
        """The first contact; one that is stamped before the opening was at the opening."""
        times = [max(at, self.opened_at) for phase, at in self.phases if phase in _CONTACT]
        return min(times, default=None)

    @property
    def is_contacted(self) -> bool:
        """Whether somebody got in touch since it was opened, or reopened, last."""
        return any(phase in _CONTACT and max(at, self.opened_at) >= self.asked_at for phase, at in self.phases)

    @property
    def resolved_at(self) -> int | None:
        """The last `resolved` that was not reopened after; None while there is none."""
        times = [at for phase, at in self.phases if phase == "resolved"]
        return max(times) if times and times[-1] >= self.asked_at and self.phase in DONE else None

    @property
    def is_reopened(self) -> bool:
        return any(phase == "reopened" for phase, _ in self.phases)

    def as_of(self, at: int) -> "VoiceCase":
        """The case as it was at an instant."""
        phases = tuple(phase for phase in self.phases if phase[1] <= at)
        return VoiceCase(
            self.kind, self.case_id, self.opened_at, phases, self.attempts, self.category, self.severity, self.score
        )


def cases_of(fact: Fact) -> list[VoiceCase]:
    """The cases of an order's fact: each complaint, and its last survey where the score is bad."""
    follow_ups = fact.get("follow_ups") or ()
    complaints = [{**opened_only(complaint), **complaint} for complaint in fact["complaint_list"]]
    cases = [complaint_case(complaint, follow_ups) for complaint in complaints]
    detractor = detractor_case(fact["surveys"], follow_ups, fact["fault_origin"])
    return cases if detractor is None else [*cases, detractor]


def complaint_case(complaint: Fact, follow_ups: Iterable[Fact]) -> VoiceCase:
    """The case of one complaint, of the follow-ups of its order those that are of it."""
    complaint_id = complaint["complaint_id"]
    own = [follow_up for follow_up in follow_ups if follow_up["of"] == complaint_id]
    phases = zip(complaint["phases"], complaint["reached_at"], strict=True)
    severity = complaint["severity"] or "low"
    return VoiceCase(
        "complaint",
        complaint_id,
        complaint["complained_at"],
        _merged(phases, own),
        _attempts(own),
        complaint["category"],
        "high" if severity == "high" else "low",
    )


def detractor_case(surveys: Sequence[Fact], follow_ups: Iterable[Fact], fault_origin: str | None) -> VoiceCase | None:
    """The case of an order's last survey; None where its score is not bad.

    Of an earlier survey of the order follow-ups count from the last one on.
    """
    if not surveys or surveys[-1]["score"] > (OF_PRODUCT if fault_origin == "product" else DETRACTOR):
        return None
    last, earlier = surveys[-1], {survey["event_id"] for survey in surveys[:-1]}
    opened_at = last["answered_at"]
    own = [
        follow_up
        for follow_up in follow_ups
        if follow_up["of"] == last["event_id"]
        or (follow_up["of"] in earlier and follow_up["followed_up_at"] >= opened_at)
    ]
    return VoiceCase("detractor", last["event_id"], opened_at, _merged((), own), _attempts(own), score=last["score"])


def _merged(phases: Iterable[Phase], follow_ups: Iterable[Fact]) -> tuple[Phase, ...]:
    """All phases in order. A further call about what is resolved does not open it again."""
    by_events = [(phase, at, False) for phase, at in phases]
    calls = [(call["phase"], call["followed_up_at"], True) for call in follow_ups if call["phase"] in _CONTACT]
    merged: list[Phase] = []
    for phase, at, by_call in sorted([*by_events, *calls], key=lambda step: step[1]):
        if not (by_call and phase == "contacted" and merged and merged[-1][0] in DONE):
            merged.append((phase, at))
    return tuple(merged)


def _attempts(follow_ups: Sequence[Fact]) -> int:
    """How often nobody answered."""
    return sum(follow_up["phase"] == "no_answer" for follow_up in follow_ups)
