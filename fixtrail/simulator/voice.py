"""Customers' reactions after a visit: survey scores and complaints, drawn from their experience of it."""

import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log
from typing import Any

from fixtrail.simulator.scenario import ScenarioComplaint, Score
from schemas.times import HOUR_S

LONG_WAIT_MIN, SHORT_WAIT_MIN = 40.0, 20.0
PROMOTER = 9  # "9 or 10 (Reichheld, HBR Dec 2003)"

COMMENTS = {
    "waiting_time": ("等待时间太长，没人管。", "Waited far too long."),
    "not_fixed": ("问题没有一次修好。", "The problem was not fixed the first time."),
    "parts_missing": ("配件缺货，白跑一趟。", "The part was not in stock."),
    "no_updates": ("没有人告诉我进度。", "Nobody told me how it was going."),
    "price": ("价格偏高。", "A bit expensive."),
    "quick": ("很快就修好了，满意！", "Done quickly, thank you."),
    "kept_informed": ("进度随时通知，很放心。", "I always knew what was going on."),
    "friendly": ("服务顾问态度很好。", "Friendly and professional staff."),
}
COMPLAINT_CATEGORIES = {
    "waiting_time": "waiting_time",
    "not_fixed": "repair_quality",
    "parts_missing": "parts",
    "no_updates": "communication",
    "price": "price",
}


@dataclass(frozen=True, slots=True)
class Experience:
    """A visit as its customer saw it."""

    wait_min: float
    fixed_first_time: bool
    stockout: bool
    updates: int
    quote_overrun: bool
    locale: str


@dataclass(frozen=True, slots=True)
class Reaction:
    after_s: float
    kind: str
    fields: dict[str, Any]


class CustomerReactions:
    """The customers of one center; `offset` is how much they like it for reasons of their own (log-odds)."""

    def __init__(self, score: Score, complaint: ScenarioComplaint, offset: float, draw: random.Random) -> None:
        self._score, self._complaint, self._offset, self._draw = score, complaint, offset, draw
        self._borders = borders(score)
        self._complaint_base = log_odds(complaint.base_share) if complaint.base_share else None

    def after(self, experience: Experience) -> list[Reaction]:
        """Surveys and complaints about the visit, with the seconds after its end."""
        reactions: list[Reaction] = []
        if self._draw.random() < self._score.response_share:
            reactions.extend(self._surveys(experience))
        if self._complaint_base is not None and self._draw.random() < self._complaint_chance(experience):
            reactions.append(self._complain(experience))
        return reactions

    def _surveys(self, experience: Experience) -> list[Reaction]:
        after_s = self._delay_s(self._score.delay_hours)
        score = self._answer(experience)
        answers = [self._survey(experience, score, after_s)]
        if self._draw.random() < self._score.corrected_share:
            better = min(score + 1, 10) if self._draw.random() < 0.5 else max(score - 1, 0)
            answers.append(self._survey(experience, better, after_s + self._delay_s(self._score.delay_hours)))
        return answers

    def _answer(self, experience: Experience) -> int:
        return bisect_right(self._borders, self._offset - displeasure(self._score, experience) + logistic(self._draw))

    def _survey(self, experience: Experience, score: int, after_s: float) -> Reaction:
        reasons = self._reasons(experience, score)
        fields: dict[str, Any] = {"score": score, "reasons": reasons}
        if self._draw.random() < self._score.comment_share:
            fields["comment"] = COMMENTS[reasons[0]][experience.locale == "en"]
        return Reaction(after_s, "survey", fields)

    def _reasons(self, experience: Experience, score: int) -> list[str]:
        if score >= PROMOTER:
            quick, informed = experience.wait_min < SHORT_WAIT_MIN, experience.updates > 0
            reasons = [name for name, holds in (("quick", quick), ("kept_informed", informed)) if holds]
            return reasons or ["friendly"]
        reasons = grievances(experience)
        if not experience.updates:
            reasons.append("no_updates")
        return reasons or ["price"]

    def _complain(self, experience: Experience) -> Reaction:
        reason = (grievances(experience) or ["price"])[0]
        severity = "high" if self._draw.random() < self._complaint.high_share else "low"
        fields = {"category": COMPLAINT_CATEGORIES[reason], "severity": severity}
        return Reaction(self._delay_s(self._complaint.delay_hours), "complaint", fields)

    def _complaint_chance(self, experience: Experience) -> float:
        odds = self._complaint_base or 0.0
        odds += self._complaint.wait_per_10_min * min(experience.wait_min, self._score.longest_wait_min) / 10
        odds += self._complaint.not_fixed_first_time * (not experience.fixed_first_time)
        return 1 / (1 + exp(-odds))

    def _delay_s(self, mean_hours: float) -> float:
        return 120.0 + self._draw.expovariate(1.0) * mean_hours * HOUR_S


def displeasure(score: Score, experience: Experience) -> float:
    """Log-odds by which the visit pulls its score down."""
    return (
        score.wait_per_10_min * min(experience.wait_min, score.longest_wait_min) / 10
        + score.not_fixed_first_time * (not experience.fixed_first_time)
        + score.stockout * experience.stockout
        + score.progress_update * min(experience.updates, score.most_updates)
        + score.quote_overrun * experience.quote_overrun
    )


def borders(score: Score) -> list[float]:
    """Where one score ends and the next begins, as log-odds of a visit without displeasure."""
    total = sum(score.base_shares)
    return [log_odds(below / total) for below in list(accumulate(score.base_shares))[:-1]]


def grievances(experience: Experience) -> list[str]:
    """Reasons to complain, the worst first."""
    holds = {
        "not_fixed": not experience.fixed_first_time,
        "parts_missing": experience.stockout,
        "waiting_time": experience.wait_min > LONG_WAIT_MIN,
    }
    return [name for name, true in holds.items() if true]


def logistic(draw: random.Random) -> float:
    chance = draw.random() or 0.5
    return log(chance / (1 - chance))


def log_odds(share: float) -> float:
    return log(share / (1 - share))
