"""Models of the score: ordinal and logistic regression that say so when they cannot be estimated."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel

from fixtrail.reports.stats.correlation import Z95, IntervalEstimate, unknown

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ORDINAL = "proportional_odds"
LOGISTIC = "logistic"
FEWEST_ROWS = 50
# Peduzzi et al. (1996): ten events per parameter; below five the coefficients are not to be trusted at all.
ROWS_PER_PARAMETER = 5
SMALLEST_LEVEL = 20
# Past these a coefficient is on its way to infinity (log-odds of one standard deviation; its standard error).
LARGEST_EFFECT, LARGEST_ERROR = 12.0, 20.0
BLOCK = 256
# Of the log-likelihood per order, where the search has ended.
STEEPEST = 1e-4


class NotEstimableError(ValueError):
    """The model cannot be estimated from these data; more data may help. The text is a reason's key."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Log-odds of each driver, why others have none, and what the model is adjusted for."""

    drivers: dict[str, IntervalEstimate]
    adjusted_for: tuple[str, ...]
    n: int
    method: str
    reason: str | None = None


def controls_of(frame: pd.DataFrame, names: tuple[str, ...], outcome: Vector) -> pd.DataFrame:
    """0/1 columns for the levels of each named column, the most frequent level left out.

    Levels with fewer than SMALLEST_LEVEL rows or with one outcome only are one level together: a column of their own
    would have no finite coefficient. No value is a level too.
    """
    columns: dict[str, Vector] = {}
    for name in names:
        level = frame[name].astype("object").where(frame[name].notna(), "unknown").astype(str).to_numpy()
        counts = pd.Series(level).value_counts()
        kinds = pd.Series(outcome).groupby(level).nunique()
        small = {key for key in counts.index if counts[key] < SMALLEST_LEVEL or kinds[key] < 2}
        level = np.array(["other" if key in small else key for key in level], dtype=object)
        frequent = pd.Series(level).value_counts().index[1:]
        for key in sorted(frequent):
            column = (level == key).astype(float)
            if len(np.unique(outcome[level == key])) > 1:
                columns[f"{name}={key}"] = column
    return pd.DataFrame(columns, index=frame.index)


def ordinal(score: Vector, drivers: pd.DataFrame, controls: pd.DataFrame) -> Fit:
    """Proportional odds of a lower score, by statsmodels' OrderedModel: a positive coefficient pulls scores down."""
    y = np.unique(score, return_inverse=True)[1]
    if len(score) < FEWEST_ROWS or y.max() < 1:
        return _no_fit(drivers, "few_data" if len(score) < FEWEST_ROWS else "constant", len(score), ORDINAL)
    usable, reasons, usable_controls = usable_columns(drivers, controls, len(score) / ROWS_PER_PARAMETER - y.max())
    reasons |= {name: "separation" for name in usable if _separates(drivers[name].to_numpy(float), score)}
    usable = [name for name in usable if name not in reasons]
    if not usable:
        return _with_reasons({}, reasons, drivers, usable_controls, len(score), ORDINAL)
    x = pd.concat([drivers[usable], usable_controls], axis=1).astype(float)
    try:
        beta, error = _fit_ordinal(y, x)
    except NotEstimableError as failure:
        return _no_fit(drivers, str(failure), len(score), ORDINAL)
    # OrderedModel's positive coefficients raise the score.
    estimates = {name: _estimate(-beta[i], error[i], x[name], len(score), ORDINAL) for i, name in enumerate(usable)}
    return _with_reasons(estimates, reasons, drivers, usable_controls, len(score), ORDINAL)


def logistic(event: Vector, drivers: pd.DataFrame, controls: pd.DataFrame) -> Fit:
    """Log-odds of the event.

    Drivers that only together tell the event without exception: the one that goes with it most has no coefficient.
    """
    rarer = float(min(event.sum(), len(event) - event.sum()))
    if len(event) < FEWEST_ROWS or rarer < ROWS_PER_PARAMETER:
        return _no_fit(drivers, "constant" if rarer == 0 and len(event) else "few_data", len(event), LOGISTIC)
    usable, reasons, usable_controls = usable_columns(drivers, controls, rarer / ROWS_PER_PARAMETER - 1)
    reasons |= {name: "separation" for name in usable if _separates(drivers[name].to_numpy(float), event)}
    usable = [name for name in usable if name not in reasons]
    if not usable:
        return _with_reasons({}, reasons, drivers, usable_controls, len(event), LOGISTIC)
    x = pd.concat([drivers[usable], usable_controls], axis=1).astype(float)
    try:
        beta, covariance = fit_logistic(event, x.to_numpy())
    except NotEstimableError as failure:
        if len(usable) == 1:
            return _no_fit(drivers, str(failure), len(event), LOGISTIC)
        clearest = str(x[usable].corrwith(pd.Series(event, x.index)).abs().idxmax())
        others = logistic(event, drivers[[name for name in usable if name != clearest]], controls)
        reasons = dict.fromkeys(drivers, "separation") | reasons
        return replace(
            others,
            drivers={name: others.drivers.get(name, unknown(reasons[name], len(event), LOGISTIC)) for name in drivers},
        )
    error = np.sqrt(np.diag(covariance))
    estimates = {
        name: _estimate(beta[i + 1], error[i + 1], x[name], len(event), LOGISTIC) for i, name in enumerate(usable)
    }
    return _with_reasons(estimates, reasons, drivers, usable_controls, len(event), LOGISTIC)


def usable_columns(
    drivers: pd.DataFrame, controls: pd.DataFrame, most: float
) -> tuple[list[str], dict[str, str], pd.DataFrame]:
    """(drivers that can have a coefficient, the reason of each other one, the controls kept).

    Controls give way where more than `most` parameters would be estimated.
    """
    reasons = {name: "constant" for name in drivers if drivers[name].nunique(dropna=True) < 2}
    candidates = [name for name in drivers if name not in reasons]
    if len(candidates) > most:
        return [], reasons | dict.fromkeys(candidates, "few_data"), controls.iloc[:, :0]
    usable_controls = controls if len(candidates) + controls.shape[1] <= most else controls.iloc[:, :0]
    rows = len(drivers)
    base = _independent(np.ones((rows, 1)), usable_controls)
    usable_controls = usable_controls[base]
    matrix = np.column_stack([np.ones(rows), usable_controls.to_numpy(float)])
    usable = _independent(matrix, drivers[candidates])
    reasons |= {name: "collinear" for name in candidates if name not in usable}
    return usable, reasons, usable_controls


def fit_logistic(event: Vector, x: Matrix, weight: Vector | None = None, start: Vector | None = None) -> Any:
    """(coefficients with the intercept first, their covariance) by Newton's method on the weighted likelihood.

    Raises NotEstimableError where there is no finite maximum.
    """
    w = np.ones(len(event)) if weight is None else weight
    share = float(np.average(event, weights=w))
    if not 0 < share < 1:
        raise NotEstimableError("constant")
    rows, w, y = _blocks(np.column_stack([np.ones(len(event)), x])), _blocks(w), _blocks(event)
    beta = np.concatenate([[np.log(share / (1 - share))], np.zeros(x.shape[1])]) if start is None else start.copy()
    for _ in range(40):
        p = expit(rows @ beta)
        information = (rows.transpose(0, 2, 1) @ (rows * (w * p * (1 - p))[:, :, None])).sum(axis=0)
        slope = (rows * (w * (y - p))[:, :, None]).sum(axis=(0, 1))
        try:
            step = np.linalg.solve(information, slope)
        except np.linalg.LinAlgError:
            raise NotEstimableError("separation") from None
        beta = beta + step
        if not np.all(np.abs(beta) < 100):
            raise NotEstimableError("separation")
        if np.max(np.abs(step)) < 1e-9:
            return beta, np.linalg.inv(information)
    raise NotEstimableError("not_converged")


def _blocks(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows in blocks of BLOCK, filled up with zeros.

    OpenBLAS hands larger products to threads that wait for each other: 20 times as long on a busy machine.
    """
    short = -len(rows) % BLOCK
    filled = np.concatenate([rows, np.zeros((short, *rows.shape[1:]))]) if short else rows
    return filled.reshape(-1, BLOCK, *rows.shape[1:])


def _fit_ordinal(y: NDArray[np.int_], x: pd.DataFrame) -> tuple[Vector, Vector]:
    """Coefficients and their standard errors, columns scaled meanwhile so that the search is even."""
    scale = x.std(ddof=0).to_numpy()
    scaled = (x - x.mean()) / scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _Ordinal(y, scaled.to_numpy(), distr="logit")
        result = model.fit(method="bfgs", disp=0, maxiter=1000, gtol=1e-7)
        error = np.asarray(result.bse)[: x.shape[1]]
    if not np.all(np.isfinite(error)) or not np.all(np.isfinite(result.params)):
        raise NotEstimableError("separation")
    if float(np.max(np.abs(model.score(np.asarray(result.params))))) > STEEPEST * len(y):
        raise NotEstimableError("not_converged")
    beta = np.asarray(result.params)[: x.shape[1]]
    return beta / scale, error / scale


class _Ordinal(OrderedModel):  # type: ignore[misc]
    """OrderedModel with the derivative in closed form: ten times as fast, the same maximum."""

    def score(self, params: Vector) -> Vector:
        columns = self.k_vars
        cuts = self.transform_threshold_params(params)
        eta = self.exog @ params[:columns]
        upper, lower = cuts[self.endog + 1] - eta, cuts[self.endog] - eta
        top, bottom = expit(upper), expit(lower)
        p = np.maximum(top - bottom, 1e-300)
        slope_up, slope_down = top * (1 - top) / p, bottom * (1 - bottom) / p
        by_cut = np.zeros(len(cuts))
        np.add.at(by_cut, self.endog + 1, slope_up)
        np.add.at(by_cut, self.endog, -slope_down)
        # The inner cuts are a first one and the logs of the gaps between them.
        inner = by_cut[1:-1]
        later = np.cumsum(inner[::-1])[::-1]
        gaps = np.exp(params[columns + 1 :])
        return np.concatenate([-(slope_up - slope_down) @ self.exog, later[:1], later[1:] * gaps])

    def hessian(self, params: Vector) -> Matrix:
        size = len(params)
        rows = []
        for i in range(size):
            step = np.zeros(size)
            step[i] = 1e-5 * max(1.0, abs(params[i]))
            rows.append((self.score(params + step) - self.score(params - step)) / (2 * step[i]))
        matrix: Matrix = np.array(rows)
        return (matrix + matrix.T) / 2


def _independent(matrix: Matrix, columns: pd.DataFrame) -> list[str]:
    """The columns, in order, that none of those before and of the matrix make up."""
    basis = np.linalg.qr(matrix)[0]
    independent: list[str] = []
    for name in columns:
        column = columns[name].to_numpy(float)
        residual = column - basis @ (basis.T @ column)
        residual = residual - basis @ (basis.T @ residual)
        length = float(np.linalg.norm(residual))
        if length > 1e-8 * max(float(np.linalg.norm(column)), 1e-300):
            basis = np.column_stack([basis, residual / length])
            independent.append(name)
    return independent


def _separates(x: Vector, outcome: Vector) -> bool:
    """Whether x alone tells the outcome: then no coefficient is large enough."""
    lowest, highest = outcome == outcome.min(), outcome == outcome.max()
    if len(np.unique(x)) == 2:
        high = x == x.max()
        for side in (high, ~high):
            if np.all(lowest[side]) or np.all(highest[side]):
                return True
    if len(np.unique(outcome)) == 2:
        return bool(x[lowest].max() < x[highest].min() or x[highest].max() < x[lowest].min())
    return False


def _estimate(beta: float, error: float, x: pd.Series, n: int, method: str) -> IntervalEstimate:
    if abs(beta) * float(x.std(ddof=0)) > LARGEST_EFFECT or error * float(x.std(ddof=0)) > LARGEST_ERROR:
        return unknown("separation", n, method)
    return IntervalEstimate(float(beta), float(beta - Z95 * error), float(beta + Z95 * error), n, method)


def _no_fit(drivers: pd.DataFrame, reason: str, n: int, method: str) -> Fit:
    return Fit({name: unknown(reason, n, method) for name in drivers}, (), n, method, reason)


def _with_reasons(
    estimates: dict[str, IntervalEstimate],
    reasons: dict[str, str],
    drivers: pd.DataFrame,
    usable_controls: pd.DataFrame,
    n: int,
    method: str,
) -> Fit:
    all_estimates = {
        name: estimates[name] if name in estimates else unknown(reasons[name], n, method) for name in drivers
    }
    adjusted = tuple(dict.fromkeys(str(column).split("=")[0] for column in usable_controls))
    return Fit(all_estimates, adjusted, n, method, None if estimates else "not_estimable")
