"""The answer to a question for one defined figure: computed by report `kpi`, so that both say the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from fixtrail.reports.figures.catalogue import CONDITIONS, OF_CENTERS, OF_ORDERS, UndefinedError, cuts_of, described
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.options import Options
from fixtrail.reports.periods import NO_CENTER
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Report
from fixtrail.reports.targets import Period

# Of the report's figures, what the definition beside them says already.
_OF_DEFINITION = ("figure", "unit", "definition", "version")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a figure, the days and the cut in `options`, conditions, and the centers that may be seen.

    `centers` None: all of them.
    """

    figure: str
    options: Options
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    centers: frozenset[str] | None = None

    def check(self) -> None:
        """Raises UndefinedError for a figure or cut that is none, and ValueError for what cannot be combined."""
        described(self.figure)
        cuts, by = cuts_of(self.figure), self.options.by
        if by is not None and by not in cuts:
            raise UndefinedError("cut", by, cuts)
        of_orders = [name for name in OF_ORDERS if name in self.conditions]
        if len(of_orders) > 1 or (of_orders and by not in (None, *of_orders)):
            others = ", ".join(sorted({*of_orders, *([by] if by else [])}))
            raise ValueError(
                f"{others} cannot be combined: lane, origin and group are each a cut of their own; "
                "ask for one of them, by it or without --by"
            )
        since, until = self.options.since, self.options.until
        if since is not None and until is not None and until < since:
            raise ValueError(f"the last day {until} lies before the first day {since}")
        if unknown := [name for name in self.conditions if name not in CONDITIONS]:
            raise UndefinedError("condition", unknown[0], CONDITIONS)

    @property
    def of_orders(self) -> str | None:
        """The condition that is a key of a cut."""
        return next((name for name in OF_ORDERS if name in self.conditions), None)


def answer_report(ask: Ask, question: Question) -> Report:
    """Report `kpi` with nothing but the figure asked for. Raises what `Question.check` raises."""
    question.check()
    options = _narrowed(ask, question)
    report = kpi.build(ask, options)
    name = question.of_orders
    figures = tuple(
        figure
        for figure in report.figures
        if figure.figure == question.figure and (name is None or figure.key in question.conditions[name])
    )
    scope = {**report.scope, "where": {name: list(values) for name, values in question.conditions.items()}}
    return replace(report, figures=figures, sheets=(), charts=(), scope=scope)


def answer(ask: Ask, question: Question) -> dict[str, Any]:
    """The answer as JSON has it: definition, scope, and for each period and key what report `kpi` says."""
    document = as_json(answer_report(ask, question))
    return {
        **described(question.figure),
        "schema": document["schema"],
        "scope": document["scope"],
        "answers": [
            {name: value for name, value in figure.items() if name not in _OF_DEFINITION}
            for figure in document["figures"]
        ],
    }


def _narrowed(ask: Ask, question: Question) -> Options:
    """The options with their periods held to the centers that the conditions and the asker's rights leave."""
    options = replace(question.options, by=question.of_orders or question.options.by)
    conditions = {name: values for name, values in question.conditions.items() if name in OF_CENTERS}
    if not conditions and question.centers is None:
        return options
    allowed = _centers(ask("centers"), conditions, question.centers)
    periods = tuple(replace(period, centers=_both_of(period, allowed)) for period in options.targets.periods)
    return replace(options, targets=replace(options.targets, periods=periods))


def _both_of(period: Period, allowed: tuple[str, ...]) -> tuple[str, ...]:
    centers = tuple(center for center in allowed if not period.centers or center in period.centers)
    return centers or (NO_CENTER,)


def _centers(
    centers_table: pd.DataFrame, conditions: Mapping[str, tuple[str, ...]], seen_by: frozenset[str] | None
) -> tuple[str, ...]:
    """The centers for which every condition holds, and which may be seen."""
    choices = [frozenset(conditions["center"])] if "center" in conditions else []
    choices += [
        frozenset(_centers_with(centers_table, name, conditions[name]))
        for name in ("region", "wave")
        if name in conditions
    ]
    choices += [] if seen_by is None else [seen_by]
    return tuple(sorted(frozenset.intersection(*choices)))


def _centers_with(centers_table: pd.DataFrame, column: str, values: tuple[str, ...]) -> Iterator[str]:
    return (str(row["center_id"]) for row in centers_table.to_dict("records") if str(row[column]) in values)
