"""Report `pareto`: which causes take the NPS away, and what it would be without the three largest."""

from functools import partial

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.drivers.visits import ask_visits, longest_wait_min
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.pareto import view
from fixtrail.reports.pareto.loss import SolvedLevels, loss
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Report
from fixtrail.reports.stats.segments import segments
from fixtrail.reports.target_tables import number_of, table_of


def build(ask: Ask, options: Options) -> Report:
    """The report; without a model it says why. Raises ExitError for a cut, which this report has not."""
    refuse_cut("pareto", options, "its table of segments has every cut")
    rows, one_in = ask_visits(ask, options)
    return report_of(rows, options, one_in)


def report_of(rows: pd.DataFrame, options: Options, one_in: int = 1) -> Report:
    """The report of these visits (drivers.visits.visits), which are those of one vehicle in `one_in`."""
    solved = solved_levels(options)
    result = loss(rows, solved, longest_wait_min(options))
    parts, identities = segments(rows)
    sheets = (
        view.share_sheet(result),
        view.what_if_sheet(result),
        view.wait_sheet(result),
        view.segment_sheet(parts),
        view.identity_sheet(identities),
    )
    charts = (
        Chart(
            "pareto", Bilingual("批评者从何而来", "Where detractors come from"), "pareto", partial(view.draw, result)
        ),
        Chart("what_if", Bilingual("解决之后的 NPS", "NPS if solved"), "what_if", partial(view.draw_what_if, result)),
    )
    return Report(
        "pareto",
        Bilingual("NPS 损失的帕累托", "Pareto of NPS loss"),
        REPORTS["pareto"],
        scope={
            **options.scope(),
            "one_vehicle_in": one_in,
            "orders": len(rows),
            "scored": result.n_scored,
            "usable": result.n,
            "detractors": result.detractors,
            "not_estimable": result.reason,
        },
        figures=view.figures(result, rows),
        sheets=sheets,
        charts=charts if result.shares else (),
        methods=view.methods(result, solved),
        definitions=view.DEFINED,
    )


def solved_levels(options: Options) -> SolvedLevels:
    """When a cause counts as solved: [pareto]; else the targeted mean wait, or 15 min, and one update. Or ExitError."""
    table = table_of(options, "pareto", {"wait_min", "updates"})
    aim_s = options.targets.values.get("wait_mean_s", 60 * SolvedLevels().wait_min)
    return SolvedLevels(
        number_of(table, "pareto", "wait_min", aim_s / 60),
        number_of(table, "pareto", "updates", SolvedLevels().updates),
    )
