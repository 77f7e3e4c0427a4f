"""Computes reports in a web process; their libraries are imported at the first request."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fixtrail.configuration import report_targets
from fixtrail.settings import ReportSettings
from fixtrail.web.report_cache.cache import Answered, Compute, ReportRequest

if TYPE_CHECKING:
    from fixtrail.reports.report import Report


def computer(settings: ReportSettings) -> Compute:
    """Computes reports from the ClickHouse of these settings, against the targets of FIXTRAIL_TARGETS."""

    def compute(request: ReportRequest, answered: Answered) -> "Report":
        from fixtrail.reports.catalogue import builder
        from fixtrail.reports.options import Options
        from fixtrail.reports.queries import query_runner

        options = Options(
            datetime.now(UTC),
            request.since,
            request.until,
            request.by,
            report_targets(settings),
            source=request.source,
            center=request.center,
            forecast=request.forecast,
            holidays=settings.holidays,
            procedures=settings.procedures,
            staff=settings.staff,
        )
        return builder(request.name)(query_runner(settings, answered), options)

    return compute
