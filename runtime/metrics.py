"""The metrics of all boxes for Prometheus: their names, labels and meaning."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from runtime.metric_names import MetricName
from runtime.progress import Histogram, Measure


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """Kind and help text of a metric and the names of its labels.

    A counter starts at 0 for each of `values` of its label: Prometheus sees no rate in a first value.
    """

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


_counter, _gauge, _histogram = (partial(MetricDescription, kind) for kind in ("counter", "gauge", "histogram"))

_CODES = (
    *("tombstone", "empty", "too_large", "not_utf8", "too_deep", "too_many_tokens", "not_json", "duplicate_key"),
    *("not_an_object", "cloudevent_invalid", "unknown_type", "missing_field", "invalid_field"),
    *("key_missing", "key_mismatch", "too_far_ahead", "too_late", "order_full", "vehicle_full", "event_id_conflict"),
    "internal_error",
)
_TABLES = ("events", "journeys", "center_hours", "dead_letters", "alerts", "reference_events")

_READY = _gauge("1 while the box does its work, 0 while it starts, recovers or rebalances.")
_LAG = _gauge("Records not yet done, by the brokers' end offsets.", ("topic", "partition"))
_LOST = _gauge("Records that the broker deleted before the box had read them, since its start.", ("topic", "partition"))
_TOPICS = _gauge("1 for each difference of a topic from what it should be.", ("topic", "subject"))
_CLOCK = _counter("Times that the clock was set by a minute or more.", ("direction",), ("forward", "back"))
_NEWEST = "When the newest event happened (occurred_at), in seconds since the epoch."
_BEAT_AT = "When the newest heartbeat was sent behind which all is done, in seconds since the epoch."
_BEAT_TOOK = "How long that heartbeat took from its sending until all before it was done."

# By box, then by name in its Progress. The exposed name is fixtrail_<box>_<what>, a counter's with _total.
METRICS: dict[str, dict[MetricName, MetricDescription]] = {
    "worker": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "records": _counter("Records read of service-events.", ("partition",)),
        "events": _counter("Events by what the rules did with them.", ("outcome",)),
        "dead_letters": _counter("Records refused, by reason code.", ("code",), _CODES),
        "written": _counter("Facts and notices sent.", ("topic",)),
        "unknown_fields": _counter("Fields the contract does not know, which are ignored.", ("field",)),
        "free_text": _counter("Events whose codes were free text, which is held back.", ("field",)),
        "lag_records": _LAG,
        "lost_records": _LOST,
        "topic_differences": _TOPICS,
        "newest_event_timestamp_seconds": _gauge(_NEWEST, ("partition",)),
        "heartbeat_timestamp_seconds": _gauge(_BEAT_AT, ("partition",)),
        "heartbeat_delay_seconds": _gauge(_BEAT_TOOK, ("partition",)),
        "state_entries": _gauge("Entries in the state of the partitions in hand.", ("table",)),
        "vehicle_orders": _gauge("Orders of a vehicle with so many that it slows its partition down.", ("partition",)),
        "batches_under_way": _gauge("Batches whose writes are not all acknowledged yet."),
        "batch_records": _histogram("Records a batch."),
        "batch_seconds": _histogram("Time the rules take for a batch."),
        "settle_seconds": _histogram("Time from taking a batch until all that follows from it is durable."),
        "received_to_done_seconds": _histogram(
            "Time from a record's arrival in Kafka until all that follows is durable."
        ),
    },
    "push": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "records": _counter("Records read.", ("topic",)),
        "planned": _counter("Notices to a recipient that are new in the ledger.", values=("",)),
        "answers": _counter("Calls by what came of them.", ("channel", "answer")),
        "dropped": _counter("Notices that were never sent, by their final state.", ("channel", "state")),
        "dead_letters": _counter("Dead letters written, by reason code.", ("code",), ("unusable_record",)),
        "commits": _counter("Offset commits.", values=("",)),
        "lost_commits": _counter("Commits refused because the partitions had moved.", values=("",)),
        "lag_records": _LAG,
        "lost_records": _LOST,
        "topic_differences": _TOPICS,
        "call_seconds": _histogram("Time a provider takes to answer.", ("channel",)),
    },
    "reports": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "packs": _counter("Packs of reports, by what became of their sending.", ("channel", "outcome")),
    },
    "watch": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "records": _counter("Records read.", ("topic",)),
        "notices": _counter("Customer notices that no event tells.", ("milestone",), ("running_late", "no_news")),
        "alerts": _counter("Alerts to the staff, by what became of them.", ("kind", "step")),
        "told": _counter("Steps of alerts told on an ops channel, by outcome.", ("channel", "outcome")),
        "failed_writes": _counter("Times that Kafka did not take what was found.", values=("",)),
        "open_orders": _gauge("Open orders of the partitions in hand."),
        "open_alerts": _gauge("Open alerts of the partitions in hand.", ("kind",)),
        "held_partitions": _gauge("Partitions of which nothing new is said, because their events are late."),
        "lag_records": _LAG,
        "lost_records": _LOST,
        "topic_differences": _TOPICS,
        "tick_seconds": _histogram("Time that one look at the clock takes."),
    },
    "clickhouse": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "records": _counter("Records read.", ("topic",)),
        "skipped": _counter("Records that make no row: refused events, tombstones, foreign records.", ("topic",)),
        "rows": _counter("Rows that ClickHouse has acknowledged.", ("table",), _TABLES),
        "refused": _counter("Rows that ClickHouse refused.", ("table",), _TABLES),
        "dead_letters": _counter(
            "Dead letters written, by reason code.", ("code",), ("unusable_record", "row_refused")
        ),
        "broken_parts": _gauge("Parts that ClickHouse has put aside as broken: their rows are missing.", ("table",)),
        "retries": _counter("Inserts tried again because ClickHouse was away or busy.", ("table",), _TABLES),
        "commits": _counter("Offset commits.", values=("",)),
        "lost_commits": _counter("Commits refused because the partitions had moved.", values=("",)),
        "lag_records": _LAG,
        "lost_records": _LOST,
        "topic_differences": _TOPICS,
        "newest_event_timestamp_seconds": _gauge(_NEWEST),
        "heartbeat_timestamp_seconds": _gauge(_BEAT_AT, ("topic", "partition")),
        "heartbeat_delay_seconds": _gauge(_BEAT_TOOK, ("topic", "partition")),
        "insert_rows": _histogram("Rows an insert.", ("table",)),
        "insert_seconds": _histogram("Time an insert takes until ClickHouse acknowledges it.", ("table",)),
        "received_to_row_seconds": _histogram("Time from a record's arrival in Kafka to its row.", ("table",)),
        "occurred_to_row_seconds": _histogram("Time from an event's occurred_at to its row."),
    },
    "web": {
        "ready": _READY,
        "clock_jumps": _CLOCK,
        "topic_differences": _TOPICS,
        "records": _counter("Records read.", ("topic",)),
        "journeys": _gauge("Orders in memory."),
        "open_journeys": _gauge("Open orders in memory."),
        "streams": _gauge("Live pages that are open."),
        "pages": _counter("Tracking pages shown.", ("kind",), ("page",)),
        "forms": _counter("Forms of tracking pages that were sent.", ("kind",)),
        "refused": _counter(
            "Visitors turned away, by limit: address, link, stream, token, connection (too many), slow (closed).",
            ("limit",),
            ("address", "link", "stream", "token", "connection", "slow"),
        ),
        "api_requests": _counter("Answers of the event and read API.", ("route", "status")),
        "api_items": _counter(
            "Events sent to the event API: accepted, not acknowledged, not sent, or the code why refused.",
            ("result",),
            ("accepted", "not_acknowledged", "not_sent"),
        ),
        "api_seconds": _histogram("Time the API takes to answer.", ("route",)),
    },
    "pulse": {
        "ready": _gauge("1 while heartbeats can be sent and lags be asked for."),
        "clock_jumps": _CLOCK,
        "topic_differences": _TOPICS,
        "heartbeats": _counter("Heartbeats sent, to all partitions at once.", values=("",)),
        "failures": _counter("Attempts that failed because Kafka was away or had no topics.", values=("",)),
        "group_lag_records": _gauge("Records a consumer group has not committed.", ("group", "topic", "partition")),
        "dead_letter_records": _gauge("Records in the dead letter topic, marks of those put back included."),
    },
    "stack": {
        "ready": _gauge("1 while the whole embedded stack is up."),
        "child_up": _gauge("1 while the child process runs.", ("child",)),
        "child_restarts": _counter("Times the child process was started again.", ("child",)),
    },
}


class ExposedProgress(Protocol):
    """The part of a Progress that is exposed."""

    @property
    def counts(self) -> Mapping[Measure, int]: ...
    @property
    def gauges(self) -> Mapping[Measure, float]: ...
    @property
    def histograms(self) -> Mapping[Measure, Histogram]: ...
    @property
    def ready(self) -> bool: ...


class ProgressMetrics:
    """A box's progress as a Prometheus collector. A metric that METRICS lacks is exposed with labels of no meaning."""

    def __init__(self, box: str, progress: ExposedProgress) -> None:
        self._box, self._progress = box, progress

    def collect(self) -> Iterator[Metric]:
        """The present values; called at every scrape, from the health page's thread."""
        progress = self._progress
        families: dict[str, Any] = {}
        for (name, *labels), count in {**self._zeros(), **dict(progress.counts)}.items():
            self._family(families, CounterMetricFamily, name, labels).add_metric(labels, count)
        for (name, *labels), value in [*progress.gauges.items(), (("ready",), float(progress.ready))]:
            self._family(families, GaugeMetricFamily, name, labels).add_metric(labels, value)
        for (name, *labels), histogram in list(progress.histograms.items()):
            family = self._family(families, HistogramMetricFamily, name, labels)
            family.add_metric(labels, _buckets(histogram), histogram.total)
        yield from families.values()

    def _zeros(self) -> dict[Measure, int]:
        metrics = METRICS.get(self._box, {})
        return {(name, value): 0 for name, about in metrics.items() for value in about.values}

    def _family(self, families: dict[str, Any], kind: Any, name: MetricName, labels: list[str]) -> Any:
        """The family of this name, made at its first sample."""
        if name not in families:
            about = METRICS.get(self._box, {}).get(name) or MetricDescription(
                "gauge", name, tuple(f"label{n}" for n in range(len(labels)))
            )
            families[name] = kind(f"fixtrail_{self._box}_{name}", about.help, labels=about.labels)
        return families[name]


def metrics_table() -> list[str]:
    """Every metric as a row of the table in docs/operators.md."""
    rows = []
    for box, measures in METRICS.items():
        for measure, about in measures.items():
            name = f"fixtrail_{box}_{measure}{'_total' if about.kind == 'counter' else ''}"
            rows.append(f"| `{name}` | {about.kind} | {', '.join(about.labels)} | {about.help} |")
    return rows


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound."""
    reached, buckets = 0, []
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], list(histogram.counts), strict=True):
        reached += count
        buckets.append((bound, float(reached)))
    return buckets
