"""How a web process computes a report; what that takes is imported when the first one is asked for."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fixtrail.configuration import report_targets
from fixtrail.settings import ReportSettings
from fixtrail.web.analysis.cache import Answered, Asked, Compute

if TYPE_CHECKING:
    from fixtrail.reports.report import Report


def computer(settings: ReportSettings) -> Compute:
    """Computes reports from the ClickHouse of these settings, against the targets of FIXTRAIL_TARGETS."""

    def compute(asked: Asked, answered: Answered) -> "Report":
        from fixtrail.reports.ask import asker
        from fixtrail.reports.catalogue import builder
        from fixtrail.reports.options import Options

        options = Options(datetime.now(UTC), asked.since, asked.until, asked.by, report_targets(settings))
        return builder(asked.name)(asker(settings, answered), options)

    return compute
