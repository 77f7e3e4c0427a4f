"""What a box tells of itself reads as Prometheus wants it."""

import json
import re
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from runtime.metrics import METRICS, ProgressMetrics, metrics_table
from runtime.progress import Histogram, Progress
from streams.worker.intake import Intake
from tests.paths import ROOT
from tests.workshop import checked_in


def exposed_lines(box: str, progress: Progress) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ProgressMetrics(box, progress))
    return generate_latest(registry).decode().splitlines()


def test_counts_and_gauges_have_their_labels():
    progress = Progress()
    progress.ready = True
    progress.counts["events", "advanced"] += 3
    progress.counts["commits", ""] += 1
    progress.gauges["lag_records", "journeys", "2"] = 12

    assert 'fixtrail_worker_events_total{outcome="advanced"} 3.0' in exposed_lines("worker", progress)
    assert 'fixtrail_worker_lag_records{partition="2",topic="journeys"} 12.0' in exposed_lines("worker", progress)
    assert "fixtrail_clickhouse_commits_total 1.0" in exposed_lines("clickhouse", progress)
    assert "fixtrail_worker_ready 1.0" in exposed_lines("worker", progress)


def test_what_alerts_watch_starts_at_nought():
    lines = exposed_lines("worker", Progress())

    assert 'fixtrail_worker_dead_letters_total{code="not_json"} 0.0' in lines


def test_a_measure_that_nobody_described_is_told_all_the_same():
    progress = Progress()
    progress.gauges["open_orders", "C1"] = 12

    assert 'fixtrail_worker_open_orders{label0="C1"} 12.0' in exposed_lines("worker", progress)


def test_a_histogram_counts_each_value_once():
    histogram = Histogram((1.0, 10.0))
    histogram.observe([0.5, 1.0, 3, 10, 11])
    histogram.observe([100])

    assert histogram.counts == [2, 2, 2]
    assert histogram.total == 125.5


def test_buckets_add_up():
    progress = Progress()
    progress.observe(("insert_rows", "events"), [0.5, 5, 50], (1.0, 10.0))

    lines = exposed_lines("clickhouse", progress)
    assert 'fixtrail_clickhouse_insert_rows_bucket{le="1.0",table="events"} 1.0' in lines
    assert 'fixtrail_clickhouse_insert_rows_bucket{le="+Inf",table="events"} 3.0' in lines
    assert 'fixtrail_clickhouse_insert_rows_count{table="events"} 3.0' in lines
    assert 'fixtrail_clickhouse_insert_rows_sum{table="events"} 55.5' in lines


def test_gauges_of_partitions_that_went_are_gone():
    progress = Progress()
    progress.gauges["state_entries", "orders"] = 7
    progress.show("lag_records", {("events", "0"): 1, ("events", "1"): 2})
    progress.show("lag_records", {("events", "1"): 3})

    assert progress.gauges == {("state_entries", "orders"): 7, ("lag_records", "events", "1"): 3}


@pytest.mark.parametrize(
    ("box", "metric_name"), [(box, metric_name) for box, metrics in METRICS.items() for metric_name in metrics]
)
def test_names_and_labels_are_as_prometheus_wants_them(box, metric_name):
    about = METRICS[box][metric_name]

    assert re.fullmatch(r"[a-z][a-z_]+", metric_name)
    assert not metric_name.endswith(("_total", "_count", "_sum", "_bucket", "_ms", "_minutes"))
    assert about.help.endswith(".")
    assert not {"order", "vehicle", "customer", "order_id", "vehicle_id", "event_id"} & set(about.labels)


def test_a_field_name_that_may_be_somebodys_is_counted_without_it():
    intake = Intake()
    event = checked_in("08:00", plate="?", **{"粤B12345": 1, "LFV3A23C1": 1, "x" * 41: 1, "x-trace": 1})
    record = SimpleNamespace(
        topic="service-events",
        partition=0,
        offset=0,
        key=b"V1",
        value=json.dumps(event).encode(),
        headers=(),
        timestamp=0,
    )
    intake.admit([record])

    assert intake.extras == {"plate": 1, "x-trace": 1, "(other)": 3}


def test_every_reason_code_is_known_before_it_comes():
    sources = [ROOT / "schemas/decode.py", ROOT / "streams/worker/intake.py", ROOT / "streams/worker/tracker.py"]
    text = "\n".join(path.read_text() for path in sources)
    raised = set(
        re.findall(r'(?:EventError\(\*?\(*|dead_letter\([^"\n]*|else \(|return EventError\()"([a-z0-9_]+)"', text)
    )
    raised |= {"missing_field", "invalid_field"}

    assert len(raised) > 12
    assert raised <= set(METRICS["worker"]["dead_letters"].values)


def test_every_metric_is_in_the_operators_table():
    documented = (ROOT / "docs/operators.md").read_text().splitlines()

    assert [row for row in documented if row.startswith("| `fixtrail_")] == metrics_table()
