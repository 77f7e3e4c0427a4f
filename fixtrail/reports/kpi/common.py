"""Figures of the KPI report that other reports show as well: one definition, so one number, n and interval."""

from collections.abc import Mapping
from typing import Any

from fixtrail.reports.kpi.answers import KeyAnswers
from fixtrail.reports.kpi.figures import fix_figures, part_figures, ripe_days
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Figure


def fix_rate(ask: Ask, options: Options, parameters: Mapping[str, Any]) -> Figure:
    """First-time fix rate of all orders."""
    return next(fix_figures(_sums(ask, parameters), ripe_days(options.now, options.targets.time_zone)))


def part_rates(ask: Ask, parameters: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Stock-out rate, and emergency parts in time."""
    emergencies = ask("kpi_emergencies", **parameters).to_dict("records")
    return tuple(part_figures(_sums(ask, parameters, emergencies)))


def _sums(ask: Ask, parameters: Mapping[str, Any], emergencies: Any = ()) -> KeyAnswers:
    centers = ask("kpi_sums", **parameters)
    sums = {str(name): int(centers[name].sum()) for name in centers.columns if name != "center_id"}
    return KeyAnswers(None, sums, centers.to_dict("records"), emergencies)
