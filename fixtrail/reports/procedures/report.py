"""Report `procedures`: which orders followed their standard procedure, and which steps were missing."""

from fixtrail.procedures.file import read_procedures
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.procedures.judged import Judged, figures_of, judge_orders
from fixtrail.reports.procedures.sheets import charts_of, sheets_of
from fixtrail.reports.procedures.words import DEFINITIONS, METHODS, QUESTION, TITLE
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Report
from fixtrail.reports.sample import end_key, one_vehicle_in
from runtime.failure import USAGE, ExitError
from schemas.toml_file import TomlFileError

# What went on in an order only its events tell: of more orders than these, those of some vehicles.
MOST_ORDERS = 200_000


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Raises ExitError without a file of procedures."""
    refuse_cut("procedures", options)
    if options.procedures is None:
        raise ExitError("report procedures needs --procedures FILE.toml or FIXTRAIL_PROCEDURES (docs/people.md)", USAGE)
    try:
        procedures = read_procedures(options.procedures)
    except TomlFileError as error:
        raise ExitError(str(error), USAGE) from None
    parameters, handed_off = ask_scope(ask, options)
    one_in = one_vehicle_in(handed_off, MOST_ORDERS)
    return report_of(
        judge_orders(ask("procedures", end_key=end_key(one_in), **parameters), procedures), options, one_in
    )


def report_of(judged: Judged, options: Options, one_in: int = 1) -> Report:
    """The report on judged orders, of one vehicle in `one_in`."""
    scope = options.scope() | {"one_vehicle_in": one_in}
    orders = judged.orders
    return Report(
        "procedures",
        TITLE,
        QUESTION,
        scope,
        figures_of(judged),
        sheets_of(orders),
        charts_of(orders),
        METHODS,
        DEFINITIONS,
    )
