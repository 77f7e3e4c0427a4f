"""NPS loss by cause: what logistic models predict if causes were solved, shared among the causes.

Two models, one for detractors (0 to 6) and one for promoters (9 and 10), each with an intercept, so that what they
expect of the orders as they were is exactly what was observed. A cause that is solved sets its driver to a level told
beforehand and leaves everything else; what overlaps is shared by Shapley's value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fixtrail.reports.drivers.association import MOST_ROWS
from fixtrail.reports.drivers.visits import CAUSES, CONTROLS, DRIVERS, JOINT, MARKS, modelled
from fixtrail.reports.stats.models import (
    ROWS_PER_PARAMETER,
    SMALLEST_LEVEL,
    NotEstimableError,
    controls_of,
    fit_logistic,
    logistic,
    usable_columns,
)
from fixtrail.reports.stats.pooled import Votes
from fixtrail.reports.stats.shapley import owen, shapley

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

DETRACTOR, PROMOTER = 6, 9
REPLICATES = 200
SEED = 20260301
TOP = 3


@dataclass(frozen=True, slots=True)
class SolvedLevels:
    """The levels at which a driver counts as solved: wait at most, updates at least; everything else is none."""

    wait_min: float = 15.0
    updates: float = 1.0


@dataclass(frozen=True, slots=True)
class CauseLoss:
    """The loss by one cause. Shares are of all detractors; `alone` solves only it, `last` after all others."""

    driver: str
    orders: int
    share: float
    low: float
    high: float
    alone: float
    last: float
    nps_points: float
    nps_low: float
    nps_high: float


@dataclass(frozen=True, slots=True)
class SolvedCauses:
    """The NPS if these causes were solved, with its range."""

    solved: tuple[str, ...]
    nps: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class Loss:
    """The Pareto of NPS loss: causes by their share of the detractors, the largest first, and what none explains."""

    n: int
    n_scored: int
    nps: float
    detractors: int
    shares: tuple[CauseLoss, ...]
    residual: float
    by_cause_of_wait: Mapping[str, float]
    what_if: tuple[SolvedCauses, ...]
    left_out: Mapping[str, str]
    adjusted_for: tuple[str, ...]
    replicates: int
    # Of each center, among the orders of the model.
    votes: tuple[Votes, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _ModelOrders:
    """The orders of the model: drivers and controls beside each other, and by how much solving moves each driver."""

    x: Matrix
    moves: Matrix
    events: Matrix
    names: tuple[str, ...]


class _Sample(NamedTuple):
    """What one bootstrap sample of the orders gives: Shapley values, shares as they were, log-odds, pulls, weights."""

    values: Matrix
    current: Vector
    eta: Matrix
    pulls: Matrix
    weight: Vector


def loss(rows: pd.DataFrame, solved: SolvedLevels, longest_wait_min: float, replicates: int = REPLICATES) -> Loss:
    """The Pareto of visits (drivers.visits.visits). Without a model `reason` says why, and there are no shares."""
    scored = int(rows["score"].notna().sum())
    usable, drivers = modelled(rows, JOINT, longest_wait_min)
    if len(usable) > MOST_ROWS:
        sample = np.sort(np.random.default_rng(1).choice(len(usable), MOST_ROWS, replace=False))
        usable, drivers = usable.iloc[sample], drivers.iloc[sample]
    score = usable["score"].to_numpy(float)
    events = np.column_stack([score <= DETRACTOR, score >= PROMOTER]).astype(float)
    names, left_out, controls = _estimable(drivers, usable, events)
    if not names:
        return _no_loss(usable, events, scored, left_out)
    adjusted = tuple(dict.fromkeys(str(column).split("=")[0] for column in controls))
    moves = moves_of(usable, drivers, solved)[list(names)]
    case = _ModelOrders(
        np.column_stack([drivers[list(names)].to_numpy(float), controls.to_numpy(float)]),
        moves.to_numpy(float),
        events,
        names,
    )
    try:
        betas = _fit(case, None, None)
    except NotEstimableError as error:
        return _no_loss(usable, events, scored, dict.fromkeys(JOINT, str(error)))
    samples = _replicates(case, betas, replicates)
    return _result(usable, case, betas, samples, scored, left_out, adjusted)


def _votes_of(rows: pd.DataFrame) -> tuple[Votes, ...]:
    """Promoters, detractors and answers of each center."""
    scores = (own.to_numpy(float) for _, own in rows["score"].groupby(rows["center_id"]))
    return tuple(Votes(int((own >= PROMOTER).sum()), int((own <= DETRACTOR).sum()), len(own)) for own in scores)


def moves_of(usable: pd.DataFrame, drivers: pd.DataFrame, solved: SolvedLevels) -> pd.DataFrame:
    """By how many steps each driver of each order changes once it is solved."""
    level = {
        "wait": np.minimum(drivers["wait"], solved.wait_min / DRIVERS["wait"].step),
        "updates": np.maximum(drivers["updates"], solved.updates),
        "price_over_quote": np.minimum(drivers["price_over_quote"], 0.0),
    }
    return pd.DataFrame({name: level.get(name, 0.0) - drivers[name] for name in drivers}, index=usable.index)


def expected(eta: Matrix, pulls: Matrix, members: Sequence[int], weight: Vector | None = None) -> Vector:
    """(share of detractors, share of promoters) expected with these causes solved.

    `eta` is (2, orders) log-odds as they were, `pulls` (causes, 2, orders) by how much each cause moves them.
    """
    moved = eta.copy()
    for member in members:
        moved += pulls[member]
    return _mean(moved, weight)


def worth_of(eta: Matrix, pulls: Matrix, weight: Vector | None = None) -> Mapping[frozenset[int], Vector]:
    """The worth of every set of solved causes."""
    log_odds = {frozenset[int](): eta}
    for member in range(len(pulls)):
        log_odds |= {members | {member}: eta_of_members + pulls[member] for members, eta_of_members in log_odds.items()}
    return {members: _mean(eta_of_members, weight) for members, eta_of_members in log_odds.items()}


def _mean(log_odds: Matrix, weight: Vector | None) -> Vector:
    shares: Vector = expit(log_odds).mean(axis=1) if weight is None else expit(log_odds) @ (weight / weight.sum())
    return shares


def _estimable(
    drivers: pd.DataFrame, usable_rows: pd.DataFrame, events: Matrix
) -> tuple[tuple[str, ...], dict[str, str], pd.DataFrame]:
    """(drivers that both models can hold, why not the others, controls that both can hold)."""
    empty = pd.DataFrame(index=usable_rows.index)
    rarer = min(float(min(column.sum(), len(column) - column.sum())) for column in events.T)
    if rarer < ROWS_PER_PARAMETER:
        return (), dict.fromkeys(JOINT, "constant" if rarer == 0 else "few_data"), empty
    controls = controls_of(usable_rows, CONTROLS, events[:, 0])
    marks = usable_rows[[mark for mark in MARKS.values() if usable_rows[mark].sum() >= SMALLEST_LEVEL]]
    controls = pd.concat([controls, marks], axis=1)
    # A column with one outcome only would have no finite coefficient.
    for column in events.T:
        both = [len(np.unique(column[controls[name] == 1])) > 1 for name in controls]
        controls = controls.loc[:, both]
    usable, reasons, usable_controls = usable_columns(drivers, controls, rarer / ROWS_PER_PARAMETER - 1)
    for column in events.T:
        if usable:
            fit = logistic(column, drivers[usable], usable_controls)
            reasons |= {name: estimate.reason for name, estimate in fit.drivers.items() if estimate.reason}
            usable = [name for name in usable if name not in reasons]
    return tuple(usable), reasons, usable_controls


def _fit(case: _ModelOrders, weight: Vector | None, start: Sequence[Vector] | None) -> list[Vector]:
    return [
        fit_logistic(case.events[:, side], case.x, weight, None if start is None else start[side])[0]
        for side in range(2)
    ]


def _linear(case: _ModelOrders, betas: Sequence[Vector]) -> tuple[Matrix, Matrix]:
    """(log-odds of each order, by how much each cause solved moves them), for both models."""
    eta = np.array([beta[0] + case.x @ beta[1:] for beta in betas])
    slopes = np.array([beta[1 : 1 + len(case.names)] for beta in betas])
    pulls: Matrix = slopes.T[:, :, None] * case.moves.T[:, None, :]
    return eta, pulls


def _replicates(case: _ModelOrders, betas: Sequence[Vector], count: int) -> list[_Sample]:
    """The bootstrap samples of the orders for which the model can be fitted, of `count` that are drawn."""
    draw = np.random.default_rng(SEED)
    size = len(case.x)
    samples = []
    for _ in range(count):
        weight = draw.multinomial(size, np.full(size, 1 / size)).astype(float)
        is_drawn = weight > 0
        sample, weight = (
            _ModelOrders(case.x[is_drawn], case.moves[is_drawn], case.events[is_drawn], case.names),
            weight[is_drawn],
        )
        try:
            refitted = _fit(sample, weight, betas)
        except NotEstimableError:
            continue
        eta, pulls = _linear(sample, refitted)
        samples.append(_Sample(*_shared(eta, pulls, weight), eta, pulls, weight))
    return samples


def _shared(eta: Matrix, pulls: Matrix, weight: Vector | None = None) -> tuple[Matrix, Vector]:
    """(Shapley values of each cause for both shares, the shares as they were)."""
    worth = worth_of(eta, pulls, weight)
    return shapley(len(pulls), worth.__getitem__), worth[frozenset()]


def _result(
    usable: pd.DataFrame,
    case: _ModelOrders,
    betas: Sequence[Vector],
    samples: Sequence[_Sample],
    scored: int,
    left_out: Mapping[str, str],
    adjusted: tuple[str, ...],
) -> Loss:
    eta, pulls = _linear(case, betas)
    values, current = _shared(eta, pulls)
    causes = range(len(case.names))
    # No sample may be estimable where few orders tell a cause from the others.
    size = len(samples), len(case.names)
    in_shares = np.array([-sample.values[:, 0] / sample.current[0] for sample in samples]).reshape(size)
    in_points = np.array([100 * (sample.values[:, 1] - sample.values[:, 0]) for sample in samples]).reshape(size)
    shares = []
    for cause in sorted(causes, key=lambda cause_index: values[cause_index, 0]):
        other_causes = [other_cause for other_cause in causes if other_cause != cause]
        solved_alone = current - expected(eta, pulls, [cause])
        solved_last = expected(eta, pulls, other_causes) - expected(eta, pulls, list(causes))
        low, high = _range(in_shares[:, cause])
        points_low, points_high = _range(in_points[:, cause])
        shares.append(
            CauseLoss(
                case.names[cause],
                int(np.sum(case.moves[:, cause] != 0)),
                float(-values[cause, 0] / current[0]),
                low,
                high,
                float(solved_alone[0] / current[0]),
                float(solved_last[0] / current[0]),
                float(100 * (values[cause, 1] - values[cause, 0])),
                points_low,
                points_high,
            )
        )
    order = [case.names.index(share.driver) for share in shares]
    steps = sorted({1, 2, min(TOP, len(order)), len(order)} & set(range(1, len(order) + 1)))
    return Loss(
        n=len(usable),
        n_scored=scored,
        nps=_nps(current),
        detractors=int(case.events[:, 0].sum()),
        shares=tuple(shares),
        residual=float(expected(eta, pulls, list(causes))[0] / current[0]),
        by_cause_of_wait=_by_cause(usable, case, eta, pulls, current),
        what_if=tuple(_what_if(order[:count], case, eta, pulls, samples) for count in steps),
        left_out=left_out,
        adjusted_for=adjusted,
        replicates=len(samples),
        votes=_votes_of(usable),
    )


def _what_if(
    members: list[int],
    case: _ModelOrders,
    eta: Matrix,
    pulls: Matrix,
    samples: Sequence[_Sample],
) -> SolvedCauses:
    nps_after, nps_now = _nps(expected(eta, pulls, members)), _nps(expected(eta, pulls, ()))
    nps_samples = np.array([_nps(expected(sample.eta, sample.pulls, members, sample.weight)) for sample in samples])
    gains = nps_samples - np.array([_nps(sample.current) for sample in samples])
    return SolvedCauses(
        tuple(case.names[member] for member in members),
        nps_after,
        *_range(nps_samples),
        nps_after - nps_now,
        *_range(gains),
    )


def _by_cause(
    usable: pd.DataFrame, case: _ModelOrders, eta: Matrix, pulls: Matrix, current: Vector
) -> dict[str, float]:
    """The wait's share of the detractors by the cause of the wait: Owen's value, so that they add up to it.

    A cause solved gives back its part of the minutes over the level.
    """
    if "wait" not in case.names:
        return {}
    wait_index = case.names.index("wait")
    minutes = usable[[f"wait_{cause}" for cause in CAUSES]].to_numpy(float)
    part = minutes / np.maximum(minutes.sum(axis=1, keepdims=True), 1e-9)
    split = np.concatenate([part.T[:, None, :] * pulls[wait_index][None], np.delete(pulls, wait_index, axis=0)])
    groups = [list(range(len(CAUSES))), *([number] for number in range(len(CAUSES), len(split)))]
    values = owen(groups, worth_of(eta, split).__getitem__)
    return {cause: float(-values[number][0] / current[0]) for number, cause in enumerate(CAUSES)}


def _nps(shares: Vector) -> float:
    return float(100 * (shares[1] - shares[0]))


def _range(values: Vector) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _no_loss(usable: pd.DataFrame, events: Matrix, scored: int, left_out: Mapping[str, str]) -> Loss:
    nps = _nps(events.mean(axis=0)) if len(events) else float("nan")
    reason = next(iter(left_out.values()), "few_data")
    return Loss(
        len(usable), scored, nps, int(events[:, 0].sum()), (), 1.0, {}, (), left_out, (), 0, _votes_of(usable), reason
    )
