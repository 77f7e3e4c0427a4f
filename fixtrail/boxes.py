"""The processes of Fixtrail: settings, health page, metrics and watchdog around the code that does the work."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prometheus_client.core import REGISTRY

from fixtrail.all_settings import Settings
from fixtrail.operations.topic_watch import TopicWatch, end_refused, member_id
from fixtrail.settings import NoEndpointError, ProcessSettings, client_options, tracing_of
from runtime.failure import REFUSED, ExitError
from runtime.health import HealthPage, State
from runtime.logs import log_as_json
from runtime.metrics import METRICS, ProgressMetrics
from runtime.process import collect_rarely, member_instance, run_until_stopped
from runtime.progress import Progress
from runtime.watchdog import Watchdog

if TYPE_CHECKING:
    from fixtrail.reports.warning.case import QualityCase
    from fixtrail.watch.quality import Compute

# Calls of channels that are under way end first: an outcome that nobody waits for is unknown.
PUSH_STOP_S = 33.0

log = logging.getLogger(__name__)


def run_worker_box(settings: Settings) -> int:
    """One stream worker until it is stopped; the exit code."""
    from streams.worker.app import WorkerConfig
    from streams.worker.process import run_worker

    log_as_json("worker", settings.log_level)
    progress = Progress()
    watchdog = _watch("worker", settings, progress, end_refused)
    with member_instance(settings.data, settings.app_id) as instance:
        config = WorkerConfig(
            kafka=client_options(settings),
            data=settings.data,
            app_id=settings.app_id,
            instance=instance,
            partitions=settings.partition_count,
            replication=settings.replication,
            min_in_sync=settings.min_in_sync,
            hold_days=settings.hold_days,
            batch=settings.batch,
            replay_margin=settings.replay_margin,
            max_record_bytes=settings.max_record_bytes,
            max_ahead_s=settings.max_ahead_s,
            dead_letter_limits=settings.dead_letter_limits,
            old_notices=settings.old_notices,
            state_store=settings.state_store,
            tracing=tracing_of(settings, "worker", settings.app_id),
        )
        watchdog.start()
        return run_worker(config, progress, watchdog.follow)


def run_clickhouse_box(settings: Settings) -> int:
    """One ClickHouse writer until it is stopped; the exit code."""
    from fixtrail.clickhouse.admin import server_of
    from sinks.clickhouse.writer import WriterConfig, run_writer

    log_as_json("sink-clickhouse", settings.log_level)
    group = f"{settings.app_id}-clickhouse"
    progress, member = Progress(), member_id(settings, settings.secret())
    watchdog = _watch("clickhouse", settings, progress, member=member)
    with member_instance(settings.data, group) as instance:
        config = WriterConfig(
            kafka=client_options(settings) | {"client_id": member},
            clickhouse=server_of(settings),
            hash_key=settings.secret(),
            group=group,
            instance=instance,
            keep_free_text=settings.keep_free_text,
            clear_staff=settings.staff_ids == "clear",
            person_keys=settings.person_keys_dsn(),
            max_record_bytes=settings.max_record_bytes,
            max_ahead_ms=settings.max_ahead_s * 1000,
            tracing=tracing_of(settings, "sink-clickhouse", group),
        )
        collect_rarely()
        return run_until_stopped(lambda stop: run_writer(config, stop, progress), watchdog=watchdog)


def run_push_box(settings: Settings) -> int:
    """One push sink until it is stopped; the exit code."""
    import uvloop

    from fixtrail.configuration import centers_of, links_of, push_settings
    from sinks.push.sink import PushConfig, run_push

    uvloop.install()
    log_as_json("sink-push", settings.log_level)
    group = f"{settings.app_id}-push"
    progress, member = Progress(), member_id(settings, settings.secret())
    watchdog = _watch("push", settings, progress, member=member)
    with member_instance(settings.data, group) as instance:
        config = PushConfig(
            kafka=client_options(settings) | {"client_id": member},
            settings=push_settings(settings),
            ledger=settings.ledger_dsn(),
            hash_key=settings.secret(),
            webhook_keys=settings.webhook_keys(),
            instance=instance,
            group=group,
            centers=centers_of(settings),
            link=links_of(settings),
            person_keys=settings.person_keys_dsn(),
            # Some time after the last journey with something sealed by them has left its topic.
            person_keys_days=settings.journeys_days and settings.journeys_days + 30,
        )
        return run_until_stopped(
            lambda stop: run_push(config, stop, progress), watchdog=watchdog, stop_within_s=PUSH_STOP_S
        )


def run_web_box(settings: Settings) -> int:
    """One web server until it is stopped; the exit code."""
    import uvloop

    from fixtrail.web.config import web_config
    from fixtrail.web.server import run_web

    uvloop.install()
    log_as_json("web", settings.log_level)
    progress = Progress()
    watchdog = _watch("web", settings, progress)
    config = web_config(settings)
    return run_until_stopped(lambda stop: run_web(config, stop, progress), watchdog=watchdog)


def run_watch_box(settings: Settings) -> int:
    """One watch until it is stopped; the exit code. Raises ExitError (78) where its file is wrong."""
    from fixtrail.configuration import centers_of, procedures_of, refusal
    from fixtrail.watch.box import WatchBoxConfig, run_watch
    from fixtrail.watch.config import read_watch_config, with_procedures

    log_as_json("watch", settings.log_level)
    group = f"{settings.app_id}-watch"
    progress = Progress()
    watchdog = _watch("watch", settings, progress)
    with refusal():
        watch = with_procedures(read_watch_config(settings.watch), procedures_of(settings))
    with member_instance(settings.data, group) as instance:
        config = WatchBoxConfig(
            kafka=client_options(settings),
            watch=watch,
            instance=instance,
            group=group,
            centers=centers_of(settings),
            # Four beats, so that a late one holds nothing up.
            stale_ms=round(max(60.0, 4 * settings.pulse_s) * 1000),
            quality=_quality_warnings(settings),
        )
        return run_until_stopped(lambda stop: run_watch(config, stop, progress), watchdog=watchdog)


def _quality_warnings(settings: Settings) -> "Compute | None":
    """What computes quality warnings from ClickHouse; None where this box knows none, or no password for it."""
    from fixtrail.configuration import report_targets

    try:
        settings.clickhouse_url()
        settings.reader_login()
        targets = report_targets(settings)
    except (NoEndpointError, ExitError) as error:
        log.info("no quality warnings are computed: %s", error)
        return None

    def compute() -> "Sequence[QualityCase]":
        # pandas and scipy are only loaded where there is something to compute.
        from fixtrail.reports.warning.alert_cases import alert_cases

        return alert_cases(settings, targets)

    return compute


def run_reports_box(settings: Settings) -> int:
    """Packs of reports by schedule until it is stopped. Raises ExitError (78) without schedules, or with wrong ones."""
    from fixtrail.configuration import refusal
    from fixtrail.schedules.box import ReportsBoxConfig, run_reports
    from fixtrail.schedules.config import read_reports_config

    log_as_json("reports", settings.log_level)
    if settings.reports is None:
        raise ExitError("FIXTRAIL_REPORTS names no file of schedules: nothing would ever be sent", REFUSED)
    with refusal():
        reports = read_reports_config(settings.reports)
    progress = Progress()
    log.info("health page", extra={"url": serve_health(settings, reports=progress)})
    watchdog = Watchdog(settings.stall_s, lambda: (progress.moved, False))
    with member_instance(settings.data, f"{settings.app_id}-reports") as instance:
        config = ReportsBoxConfig(settings, reports, settings.ledger_dsn(), settings.data / "packs", instance)
        return run_until_stopped(lambda stop: run_reports(config, stop, progress), watchdog=watchdog)


def run_pulse_box(settings: Settings) -> int:
    """Heartbeats and lags until it is stopped; the exit code."""
    from fixtrail.operations.pulse import run_pulse

    log_as_json("pulse", settings.log_level)
    progress = Progress()
    log.info("health page", extra={"url": serve_health(settings, pulse=progress)})
    TopicWatch("pulse", settings, progress).start()
    return run_until_stopped(lambda stop: run_pulse(settings, progress, stop))


def _watch(
    box: str,
    settings: Settings,
    progress: Progress,
    stop: Callable[[str], object] | None = None,
    member: str | None = None,
) -> Watchdog:
    """The watchdog of a box, not started yet; its health page and metrics are served, its topics watched from now on.

    `stop` ends a box that cannot go on with another number of partitions; `member` as TopicWatch takes it.
    """
    log.info("health page", extra={"url": serve_health(settings, **{box: progress})})
    TopicWatch(box, settings, progress, stop, member).start()
    return Watchdog(settings.stall_s, lambda: (progress.moved, progress.waiting))


def serve_health(settings: ProcessSettings, **progress_by_box: Progress) -> str:
    """Serve /healthz, /readyz and /metrics from now on; their URL.

    The metrics are named by the keywords; the first one is the box and says whether it is ready. The port is any free
    one where none is set. Raises ExitError (78) where the one set is taken.
    """
    box, progress = next(iter(progress_by_box.items()))

    for name, progress_of_box in progress_by_box.items():
        REGISTRY.register(ProgressMetrics(name, progress_of_box))
        if "clock_jumps" in METRICS[name]:
            threading.Thread(target=_watch_clock, args=(progress_of_box,), name="clock", daemon=True).start()
    host = settings.health_host
    try:
        page = HealthPage(box, lambda: state_of(progress), host, settings.health_port, lambda: progress.reasons)
        port = page.start()
    except OSError as error:
        raise ExitError(f"no health page can be served on {host}:{settings.health_port}: {error}", REFUSED) from None
    return f"http://{host}:{port}"


def _watch_clock(progress: Progress) -> None:
    while True:
        progress.note_clock()
        time.sleep(1.0)


def state_of(progress: Progress) -> State:
    """What the health page says: a box that was ready once does not start again in an outage."""
    if progress.ready:
        return "ready"
    return "not ready" if progress.was_ready else "starting"
