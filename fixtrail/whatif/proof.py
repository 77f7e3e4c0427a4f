"""Whether the model says the waits of the last eight weeks from what was before them. Pure.

It replays these weeks with the cars and people that were there, and with work and delays of earlier visits. Each figure
has to lie within what so many runs say; where one does not, or they say too little, there is no answer.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fixtrail.whatif.history import Arrival, PastVisit, WhatIfHistory, delays_of
from fixtrail.whatif.runs import Library, RunWaits, play, replayed, waits_of

PROOF_WEEKS = 8
# What the model is made of comes from at most so many weeks before them.
FIT_WEEKS = 18
FEWEST_FIT_WEEKS = 4
FEWEST_VISITS = 100
FEWEST_NAMED = 0.9
MOST_TOGETHER = 0.15
# Chance that a right model is refused, over all figures together.
ALPHA = 0.02
# A band of the mean that is wider than this share of it to each side proves nothing.
WIDEST = 0.6
_WARM_UP_DAYS = 3
FIGURES = ("mean_s", "p90_s", "busy_s")


@dataclass(frozen=True, slots=True)
class Band:
    """One figure of the last weeks: as it was, as modelled, and within which bounds it would have to lie (s)."""

    figure: str
    observed: float
    modelled: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        return self.low <= self.observed <= self.high

    @property
    def is_narrow(self) -> bool:
        return self.high - self.low <= 2 * WIDEST * max(self.modelled, 1.0)


@dataclass(frozen=True, slots=True)
class Proof:
    """`refusal` is a code, "" where the model holds; `detail` is what its sentence names."""

    bands: tuple[Band, ...]
    refusal: str = ""
    detail: Mapping[str, float | str] | None = None
    n_fit: int = 0
    n_proof: int = 0


def prove(history: WhatIfHistory, runs: int, seed: int, moved: Callable[[int], object] = lambda _: None) -> Proof:
    """The proof on the last weeks of a history that is not too little; `moved` is called after each run."""
    first_day = proof_begins(history)
    fit, counted = _split(history)
    n_fit, n_proof = len(fit), len(counted)
    observed = waits_of([arrival.wait_s for arrival in counted], [arrival.day for arrival in counted])
    played = list(_replays(history, fit, first_day, runs, seed, moved))
    bands = tuple(_band(name, observed, played) for name in FIGURES)
    if broken := [band for band in bands if not band.holds]:
        return Proof(bands, "does_not_fit", _about(broken[0]), n_fit, n_proof)
    if wide := [band for band in bands if not band.is_narrow and band.figure == FIGURES[0]]:
        return Proof(bands, "too_vague", _about(wide[0]), n_fit, n_proof)
    return Proof(bands, n_fit=n_fit, n_proof=n_proof)


def proof_begins(history: WhatIfHistory) -> int:
    """The number of the first open day of the last eight weeks."""
    days = history.records.slots.days
    return next(number for number, day in enumerate(days) if (days[-1] - day).days < 7 * PROOF_WEEKS)


def too_little(history: WhatIfHistory) -> tuple[str, dict[str, float | str]] | None:
    """Why a history proves nothing, where it does not: a code and what its sentence names."""
    slots, (fit, counted) = history.records.slots, _split(history)
    weeks = (slots.days[proof_begins(history)] - slots.days[min(visit.day for visit in fit)]).days / 7 if fit else 0.0
    if weeks < FEWEST_FIT_WEEKS - 0.2 or len(fit) < FEWEST_VISITS or len(counted) < FEWEST_VISITS:
        return "too_little", {"weeks": round(weeks, 1), "fit": len(fit), "proof": len(counted)}
    if history.technicians.named_share < FEWEST_NAMED:
        return "no_technicians", {"share": history.technicians.named_share}
    if history.together_share > MOST_TOGETHER:
        return "together", {"share": history.together_share}
    return None


def _split(history: WhatIfHistory) -> tuple[list[PastVisit], list[Arrival]]:
    """The visits that the model is made of, and the arrivals of the last weeks whose waits it has to say."""
    first_day = proof_begins(history)
    fit = [visit for visit in history.visits if visit.day < first_day]
    return fit, [arrival for arrival in history.arrivals if arrival.day >= first_day and arrival.is_handed_off]


def _replays(
    history: WhatIfHistory,
    fit: Sequence[PastVisit],
    first_day: int,
    runs: int,
    seed: int,
    moved: Callable[[int], object],
) -> "Sequence[RunWaits]":
    """The last weeks, as often; each time with another sample of the earlier weeks.

    What a week's cars need comes from one earlier week together: a part that is out of stock is so for days.
    """
    draw, delays = random.Random(f"{seed}/proof"), delays_of(fit)
    arrivals = [arrival for arrival in history.arrivals if arrival.day >= first_day - _WARM_UP_DAYS]
    opens_s = {day: history.records.hours(day)[0] for day in range(len(history.records.slots.days))}
    week_of = [history.week(visit.day) for visit in fit]
    weeks, played_weeks = sorted(set(week_of)), sorted({history.week(arrival.day) for arrival in arrivals})
    waits = []
    libraries = {
        week: Library([visit for visit, of in zip(fit, week_of, strict=True) if of == week], opens_s) for week in weeks
    }
    for _ in range(runs):
        sample = draw.choices(weeks, k=len(weeks))
        drawn = {week: libraries[draw.choice(sample)] for week in played_weeks}
        waits.append(play(history, replayed(history, arrivals, first_day, drawn, delays, draw)))
        moved(1)
    return waits


def _band(figure: str, observed: RunWaits, played: Sequence[RunWaits]) -> Band:
    # Waits are lopsided; their logarithms are less so.
    values = np.log([max(getattr(waits, figure), 1.0) for waits in played])
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    reach = float(stats.t.ppf(1 - ALPHA / len(FIGURES) / 2, len(values) - 1)) * spread * (1 + 1 / len(values)) ** 0.5
    low, high = math.exp(mean - reach), math.exp(mean + reach)
    return Band(figure, float(getattr(observed, figure)), math.exp(mean), low, high)


def _about(band: Band) -> dict[str, float | str]:
    return {"figure": band.figure, "observed": band.observed / 60, "low": band.low / 60, "high": band.high / 60}
