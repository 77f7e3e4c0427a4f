"""The processes of Fixtrail: settings, health page, metrics and watchdog around the code that does the work."""

import socket
from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric

from fixtrail.kafka import client_options
from fixtrail.process import HealthPage, Watchdog, log_as_json, member_slot, run_until_stopped
from fixtrail.settings import Settings


class Progress(Protocol):
    """What every box tells of itself, read from other threads at any time; see streams.progress."""

    @property
    def counts(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def gauges(self) -> Mapping[tuple[str, str], float]: ...
    @property
    def moved(self) -> int: ...
    @property
    def waiting(self) -> bool: ...
    @property
    def ready(self) -> bool: ...


class ProgressMetrics:
    """A box's progress as Prometheus metrics: `fixtrail_<box>_<what>_total` and `fixtrail_<box>_<what>`."""

    def __init__(self, box: str, progress: Progress) -> None:
        self._prefix = f"fixtrail_{box}"
        self._progress = progress

    def collect(self) -> Iterator[Metric]:
        """The present values; called at every scrape, from the health page's thread."""
        counters: dict[str, CounterMetricFamily] = {}
        for (what, label), count in list(self._progress.counts.items()):
            name = f"{self._prefix}_{what}"
            counters.setdefault(name, CounterMetricFamily(name, what, labels=["kind"])).add_metric([label], count)
        gauges: dict[str, GaugeMetricFamily] = {}
        for (what, label), value in list(self._progress.gauges.items()):
            name = f"{self._prefix}_{what}"
            gauges.setdefault(name, GaugeMetricFamily(name, what, labels=["kind"])).add_metric([label], value)
        yield from counters.values()
        yield from gauges.values()


def run_worker_box(settings: Settings) -> int:
    """One stream worker until it is stopped; the exit code."""
    from streams.app import WorkerConfig
    from streams.progress import Progress
    from streams.worker import run_worker

    log_as_json("worker", settings.log_level)
    progress = Progress()
    watchdog = _watch("worker", settings, progress)
    config = WorkerConfig(
        kafka=client_options(settings),
        data=settings.data,
        app_id=settings.app_id,
        partitions=settings.partitions,
        replication=settings.replication,
        hold_days=settings.hold_days,
        batch=settings.batch,
        replay_margin=settings.replay_margin,
        max_record_bytes=settings.max_record_bytes,
        max_ahead_s=settings.max_ahead_s,
        dead_letter_limits=settings.dead_letter_limits,
    )
    watchdog.start()
    return run_worker(config, progress, watchdog.follow)


def run_clickhouse_box(settings: Settings) -> int:
    """One ClickHouse writer until it is stopped; the exit code."""
    from fixtrail.clickhouse import server_of
    from sinks.clickhouse.progress import Progress
    from sinks.clickhouse.writer import WriterConfig, run_writer

    log_as_json("sink-clickhouse", settings.log_level)
    group = f"{settings.app_id}-clickhouse"
    progress = Progress()
    watchdog = _watch("clickhouse", settings, progress)
    with member_slot(settings.data, group) as number:
        config = WriterConfig(
            kafka=client_options(settings),
            clickhouse=server_of(settings),
            hash_key=settings.secret(),
            group=group,
            instance=f"{group}-{socket.gethostname()}-{number}",
            keep_free_text=settings.keep_free_text,
            max_record_bytes=settings.max_record_bytes,
            max_ahead_ms=settings.max_ahead_s * 1000,
        )
        return run_until_stopped(lambda stop: run_writer(config, stop, progress), watchdog=watchdog)


def _watch(box: str, settings: Settings, progress: Progress) -> Watchdog:
    """The watchdog of a box, not started yet; its health page and metrics are served from now on."""
    if settings.health_port is not None:
        REGISTRY.register(ProgressMetrics(box, progress))
        page = HealthPage(
            box, lambda: "ready" if progress.ready else "starting", settings.health_host, settings.health_port
        )
        page.start()
    return Watchdog(settings.stall_s, lambda: (progress.moved, progress.waiting))
