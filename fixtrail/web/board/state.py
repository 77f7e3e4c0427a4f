"""The state that the staff's pages of a process share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fixtrail.configuration import report_targets
from fixtrail.settings import ReportSettings
from fixtrail.voices.limits import VoiceLimits, limits_of
from fixtrail.web.accounts.access import Access, make_access
from fixtrail.web.board.alerts import BoardAlerts
from fixtrail.web.board.board import Thresholds
from fixtrail.web.board.figures import Figures
from fixtrail.web.clickhouse import Ask, query_runner
from fixtrail.web.config import WebConfig
from fixtrail.web.report_cache.badges import DataBadges
from fixtrail.web.report_cache.cache import Reports
from fixtrail.web.report_cache.compute import computer
from runtime.clock import now_ms
from runtime.failure import REFUSED, ExitError

_MINUTES = {
    "long_wait_minutes": "long_wait_s",
    "quick_margin_minutes": "quick_margin_s",
    "promise_margin_minutes": "promise_margin_s",
    "call_minutes": "call_s",
}


@dataclass(frozen=True, slots=True)
class BoardTargets:
    """Targets by figure name in the figure's own unit, and the thresholds of urgency."""

    targets: Mapping[str, float] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Ops:
    """Found by handlers with `web_of(request).ops`. `clock` gives now in ms."""

    access: Access
    alerts: BoardAlerts
    figures: Figures
    reports: Reports
    data_badges: DataBadges
    board_targets: BoardTargets
    voice_limits: VoiceLimits
    default_zone: str
    report_zone: str
    ask: Ask
    clock: Callable[[], int]


def make_ops(config: WebConfig) -> Ops:
    """The parts as the settings say. Raises ExitError (78) where accounts, provider or targets are set up wrongly."""
    ask = query_runner(config.settings)
    reports = Reports(computer(config.settings))
    return Ops(
        access=make_access(config.settings, config.public_url),
        alerts=BoardAlerts(),
        figures=Figures(ask),
        reports=reports,
        data_badges=DataBadges(reports, now_ms),
        board_targets=targets_of(config.settings),
        voice_limits=voice_limits_of(config.settings),
        default_zone=config.push.time_zone,
        report_zone=report_targets(config.settings).time_zone,
        ask=ask,
        clock=now_ms,
    )


def targets_of(settings: ReportSettings) -> BoardTargets:
    """Targets of the file that FIXTRAIL_TARGETS names, and the thresholds of its table [board], in minutes.

    Raises ExitError (78) where it is wrong.
    """
    if settings.targets is None:
        return BoardTargets()
    try:
        targets = report_targets(settings)
        # Targets that depend on another period are for the reports.
        plain = {name: value for name, value in targets.values.items() if isinstance(value, int | float)}
        return BoardTargets(plain, thresholds_of(targets.more.get("board", {})))
    except ExitError as error:
        raise ExitError(str(error), REFUSED) from None
    except ValueError as error:
        raise ExitError(f"{settings.targets}: {error}", REFUSED) from None


def voice_limits_of(settings: ReportSettings) -> VoiceLimits:
    """The limits of table [voices] in the file that FIXTRAIL_TARGETS names. Raises ExitError (78) where it is wrong."""
    if settings.targets is None:
        return VoiceLimits()
    try:
        return limits_of(report_targets(settings).more.get("voices", {}))
    except ExitError as error:
        raise ExitError(str(error), REFUSED) from None
    except ValueError as error:
        raise ExitError(f"{settings.targets}: {error}", REFUSED) from None


def thresholds_of(table: Mapping[str, object]) -> Thresholds:
    """Thresholds of a table in minutes. Raises ValueError for what is no threshold."""
    changed = {}
    for name, value in table.items():
        if name not in _MINUTES:
            raise ValueError(f"board.{name}: there is {', '.join(_MINUTES)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ValueError(f"board.{name} is a number of minutes, not {value!r}")
        changed[_MINUTES[name]] = 60.0 * value
    return Thresholds(**changed)
