"""The quality warnings that there are now, for the watch: what report `warning` calls alarms."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from fixtrail.reports.options import Options
from fixtrail.reports.queries import query_runner
from fixtrail.reports.targets import Targets
from fixtrail.reports.warning.case import QualityCase
from fixtrail.reports.warning.judge import judge
from fixtrail.reports.warning.sources import WarningData, ask_data, last_week
from fixtrail.reports.warning.states import states_of
from fixtrail.settings import ReportSettings


def alert_cases(settings: ReportSettings, targets: Targets) -> Sequence[QualityCase]:
    """Those of the last week that is over. Raises ExitError where ClickHouse cannot be asked."""
    options = Options(datetime.now(UTC), targets=targets)
    return cases_in(ask_data(query_runner(settings), options), options)


def cases_in(data: WarningData, options: Options) -> Sequence[QualityCase]:
    """The same of data that were read. Taken care of counts as well, until the week is over in which that was."""
    if not data.cells.weeks or data.cells.weeks[-1] != last_week(options):
        # Nothing came in the last week: what was the matter weeks ago is history.
        return ()
    zone = ZoneInfo(options.targets.time_zone)
    states = states_of(data.cells, judge(data.cells), 1, data.resets)
    return [
        QualityCase(
            state.cell.subject, _ms(state.since, zone), _ms(state.first, zone), len(state.orders), state.expected
        )
        for state in states
        if state.is_alarm
    ]


def _ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
