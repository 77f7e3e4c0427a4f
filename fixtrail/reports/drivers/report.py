"""Report `drivers`: what moves the score, one thing at a time and all together."""

from functools import partial

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.drivers import view
from fixtrail.reports.drivers.association import MODELS, associations, model
from fixtrail.reports.drivers.visits import ask_visits, longest_wait_min
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Report


def build(ask: Ask, options: Options) -> Report:
    """The report; what is not estimable says why. Raises ExitError for a cut, which this report has not."""
    refuse_cut("drivers", options, "it adjusts for center, lane and fault origin")
    rows, one_in = ask_visits(ask, options)
    return report_of(rows, options, one_in)


def report_of(rows: pd.DataFrame, options: Options, one_in: int = 1) -> Report:
    """The report of these visits (drivers.visits.visits), which are those of one vehicle in `one_in`."""
    longest_min = longest_wait_min(options)
    results = associations(rows)
    models = [model(name, rows, longest_min) for name in MODELS]
    return Report(
        "drivers",
        Bilingual("净推荐值的驱动因素", "NPS drivers"),
        REPORTS["drivers"],
        scope={
            **options.scope(),
            "one_vehicle_in": one_in,
            "orders": len(rows),
            "scored": int(rows["score"].notna().sum()),
        },
        sheets=(view.correlation_sheet(results), view.model_sheet(models), view.definition_sheet()),
        charts=(
            Chart(
                "correlations",
                Bilingual("与评分的相关性", "Correlation with the score"),
                "correlations",
                partial(view.draw_correlations, results),
            ),
            Chart(
                "model",
                Bilingual("相互校正后的影响", "Effects, each with the others held fixed"),
                "model",
                partial(view.draw_model, models),
            ),
        ),
        methods=view.methods(longest_min, 3 * len(results) + sum(len(model.fit.drivers) for model in models)),
    )
