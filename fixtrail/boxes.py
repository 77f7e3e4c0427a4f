"""The processes of Fixtrail: settings, health page, metrics and watchdog around the code that does the work."""

from collections.abc import Iterator

from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric

from fixtrail.kafka import client_options
from fixtrail.process import HealthPage, Watchdog, log_as_json
from fixtrail.settings import Settings
from streams.progress import Progress


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
    return run_worker(config, progress, watchdog.follow)


def _watch(box: str, settings: Settings, progress: Progress) -> Watchdog:
    """Health page, metrics and watchdog of a box that tells its progress; all of them run from now on."""
    if settings.health_port is not None:
        REGISTRY.register(ProgressMetrics(box, progress))
        page = HealthPage(
            box, lambda: "ready" if progress.ready else "starting", settings.health_host, settings.health_port
        )
        page.start()
    watchdog = Watchdog(settings.stall_s, lambda: (progress.moved, progress.waiting))
    watchdog.start()
    return watchdog
