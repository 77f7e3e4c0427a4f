"""Report `procedures`: which orders followed their standard procedure, and which steps were missing."""

from fixtrail.procedures.file import read_procedures
from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.procedures.judged import Judged, figures_of, judge_orders
from fixtrail.reports.procedures.sheets import charts_of, sheets_of
from fixtrail.reports.procedures.words import DEFINITIONS, METHODS, TITLE
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Report
from fixtrail.reports.sample import ask_sample
from runtime.failure import USAGE, ExitError, exit_on
from schemas.toml_file import TomlFileError

# What went on in an order only its events tell: of more orders than these, those of some vehicles.


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Raises ExitError without a file of procedures."""
    refuse_cut("procedures", options)
    if options.procedures is None:
        raise ExitError("report procedures needs --procedures FILE.toml or FIXTRAIL_PROCEDURES (docs/people.md)", USAGE)
    with exit_on(TomlFileError, code=USAGE):
        procedures = read_procedures(options.procedures)
    parameters, one_in = ask_sample(ask, options)
    return report_of(judge_orders(ask("procedures", **parameters), procedures), options, one_in)


def report_of(judged: Judged, options: Options, one_in: int = 1) -> Report:
    """The report on judged orders, of one vehicle in `one_in`."""
    scope = options.scope() | {"one_vehicle_in": one_in}
    orders = judged.orders
    return Report(
        "procedures",
        TITLE,
        REPORTS["procedures"],
        scope,
        figures_of(judged),
        sheets_of(orders),
        charts_of(orders),
        METHODS,
        DEFINITIONS,
    )
