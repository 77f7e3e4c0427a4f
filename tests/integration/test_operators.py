"""What an operator sees of a running stack: metrics, traces, heartbeats, dead letters, and nothing personal in them."""

import contextlib
import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from runtime.metrics import METRICS
from tests import feed
from tests.stack import COMMAND, ROOT, Stack, wait_for

Span = dict[str, Any]

EVENTS = feed.dirty(feed.clean_feed(11, 1500, days=20), 11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operators")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """A small stack with traces on, which has seen a dirty feed and a bad record of many kinds."""
    environment = {"FIXTRAIL_PULSE_S": "2", "FIXTRAIL_OTEL_FILE": str(folder / "spans.jsonl")}
    with Stack(folder / "stack", environment=environment) as running:
        good, bad = folder / "good.ndjson", folder / "bad.ndjson"
        feed.write(good, EVENTS)
        bad.write_bytes(b"\n".join(spoiled()) + b"\n")
        running.send(good)
        running.send(bad)
        running.wait_idle()
        yield running


def spoiled() -> list[bytes]:
    """Bad lines full of personal data, far enough apart not to stop a worker."""
    contact = next(event for event in EVENTS if event.get("contact"))
    lines = [
        json.dumps({**contact, "lane": contact["contact"][0]}),
        json.dumps({**contact, "contact": {contact["contact"][0]: contact["contact"]}}),
        json.dumps({**contact, "occurred_at": contact["contact"][0]}),
        json.dumps({**contact, "order_id": contact["contact"]}),
        json.dumps({**contact, "type": contact["customer_id"]}),
        json.dumps(contact)[:-1] + "canary-truncated",
    ]
    return [line.encode() for line in lines]


def scraped(url: str) -> dict[str, Metric]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        return {family.name: family for family in text_string_to_metric_families(answer.read().decode())}


def all_scraped(stack: Stack) -> dict[str, Metric]:
    return {name: family for url in pages(stack).values() for name, family in scraped(url).items()}


def pages(stack: Stack) -> dict[str, str]:
    """The health page of every box, and of the stack as a whole."""
    children = {name: child["health"] for name, child in stack.facts["children"].items() if child["health"]}
    return {"up": stack.facts["health"], **children}


def spans(folder: Path) -> list[Span]:
    return [json.loads(line) for line in (folder / "spans.jsonl").read_text().splitlines()]


def test_every_measure_is_exposed_as_it_is_described(stack: Stack):
    wait_for(lambda: len(stack.status()["heartbeats"]) == 3, 120, "heartbeats have come through")
    described = {
        f"fixtrail_{box}_{measure}": about for box, measures in METRICS.items() for measure, about in measures.items()
    }

    # Told from the first of its kind on, and nothing here has a recipient to call, an API key or an open order.
    of_calls = {f"fixtrail_push_{measure}" for measure in ("answers", "call_seconds", "dropped")}
    of_calls |= {"fixtrail_web_api_requests", "fixtrail_web_api_seconds"}
    # Nothing of these topics is other than it should be, was lost, or can still be told.
    of_calls |= {f"fixtrail_{box}_{measure}" for box in METRICS for measure in ("topic_differences", "lost_records")}
    of_calls |= {"fixtrail_push_records", "fixtrail_worker_vehicle_orders"}
    # The box of packs runs only where it has schedules.
    of_calls |= {"fixtrail_reports_ready", "fixtrail_reports_packs", "fixtrail_reports_clock_jumps"}
    of_calls |= {"fixtrail_watch_alerts", "fixtrail_watch_told", "fixtrail_web_forms", "fixtrail_worker_free_text"}

    def missing() -> set[str]:
        return set(described) - of_calls - set(all_scraped(stack))

    # A box asks for its lag every few seconds: a measure may come a while after the first heartbeat.
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not missing(), 90, "every measure is there")
    assert not missing()
    samples = all_scraped(stack)
    ours = {name: family for name, family in samples.items() if name.startswith("fixtrail_")}
    assert set(ours) <= set(described)
    for name, family in ours.items():
        assert (family.type, family.documentation) == (described[name].kind, described[name].help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(described[name].labels), name
    assert {"process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"} <= set(samples)


def test_the_figures_are_those_of_the_feed(stack: Stack):
    worker = scraped(pages(stack)["worker-1"])
    writer = scraped(pages(stack)["sink-clickhouse"])

    def total(family: Metric, **labels: str) -> float:
        return sum(
            sample.value
            for sample in family.samples
            if not sample.name.endswith(("_created", "_bucket", "_sum")) and labels.items() <= sample.labels.items()
        )

    # The bad line whose `contact` cannot be read loses that field alone, and then contradicts the event it was made of.
    accepted = len(EVENTS) + 1
    assert total(worker["fixtrail_worker_events"]) == accepted
    assert total(worker["fixtrail_worker_events"], outcome="event_id_conflict") == 1
    assert total(worker["fixtrail_worker_dead_letters"]) == len(spoiled())
    assert total(worker["fixtrail_worker_dead_letters"], code="not_json") == 1
    assert total(writer["fixtrail_clickhouse_rows"], table="events") == accepted
    assert total(writer["fixtrail_clickhouse_occurred_to_row_seconds"]) == accepted
    assert total(worker["fixtrail_worker_received_to_done_seconds"]) == len(EVENTS) + len(spoiled())
    orders = {(event["center_id"], event["order_id"]) for event in EVENTS}
    assert 0 < total(worker["fixtrail_worker_state_entries"], table="orders") <= len(orders)
    newest = max(sample.value for sample in worker["fixtrail_worker_newest_event_timestamp_seconds"].samples)
    assert newest == max(feed._us_of(event) // 1000 for event in EVENTS) / 1000


def test_heartbeats_leave_no_trace_in_the_data(stack: Stack):
    before = stack.ask("SELECT count() AS n FROM events"), stack.ask("SELECT count() AS n FROM orders")
    sent = scraped(stack.facts["health"])["fixtrail_pulse_heartbeats"].samples[0].value
    assert sent > 1

    status = stack.status()
    assert status["dead_letters"] == len(spoiled())
    assert {beat["way"] for beat in status["heartbeats"]} == {
        "service-events to worker",
        "service-events to row",
        "journeys to row",
    }
    assert all(0 <= beat["took_s"] < 60 and beat["age_s"] < 60 for beat in status["heartbeats"])
    assert before == (stack.ask("SELECT count() AS n FROM events"), stack.ask("SELECT count() AS n FROM orders"))
    assert not stack.ask("SELECT code FROM dead_letters WHERE code = 'tombstone'")


def test_an_event_is_followed_from_its_sender_to_its_rows(stack: Stack, folder: Path):
    line = folder / "one.ndjson"
    line.write_text(
        '{"event_id":"traced-1","type":"check_in","order_id":"traced","vehicle_id":"VIN-TRACED","center_id":"C1",'
        '"occurred_at":"2026-03-01T08:00:00Z","customer_id":"K1","lane":"quick"}\n'
    )
    result = stack.run("send", str(line))
    stack.wait_idle()

    (trace_id,) = re.findall(r"^trace ([0-9a-f]{32})$", result, re.MULTILINE)
    mine = [span for span in spans(folder) if span["context"]["trace_id"] == f"0x{trace_id}"]
    by_id = {span["context"]["span_id"]: span for span in mine}

    def way(span: Span) -> list[str]:
        """Names and services from the first span of the trace to this one."""
        before = way(by_id[span["parent_id"]]) if span["parent_id"] else []
        return [*before, f"{span['resource']['attributes']['service.name']}: {span['name']}"]

    sent = "fixtrail-send: send service-events"
    worked = [sent, "fixtrail-worker: process service-events"]
    assert {tuple(way(span)) for span in mine if span["name"].startswith("INSERT")} == {
        (
            sent,
            "fixtrail-sink-clickhouse: process service-events",
            "fixtrail-sink-clickhouse: INSERT fixtrail_raw.events",
        ),
        (
            *worked,
            "fixtrail-sink-clickhouse: process journeys",
            "fixtrail-sink-clickhouse: INSERT fixtrail_raw.journeys",
        ),
        (
            *worked,
            "fixtrail-sink-clickhouse: process center-hours",
            "fixtrail-sink-clickhouse: INSERT fixtrail_raw.center_hours",
        ),
    }


def test_a_box_started_by_hand_says_where_its_health_page_is(stack: Stack):
    box = subprocess.Popen(
        [*COMMAND, "pulse", "--data", str(stack.folder)], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert box.stderr
        url = json.loads(box.stderr.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        wait_for(lambda: scraped(url)["fixtrail_pulse_ready"].samples[0].value == 1, 90, "the box is ready")
        result = stack.run("status", "--json", "--box", url)
        assert json.loads(result)["children"]["pulse"]["state"] == "ready"
    finally:
        box.send_signal(signal.SIGTERM)
        assert box.wait(90) == 0


def test_the_queries_of_the_runbooks_can_be_asked(stack: Stack):
    text = "\n".join(path.read_text() for path in sorted((ROOT / "docs/runbooks").glob("*.md")))
    queries = re.findall(r'fixtrail sql "([^"]+)"', text)
    assert queries
    for query in queries:
        stack.sql(query)
    for query in re.findall(r"`(SELECT [^`]+)`", text):
        stack.ask_raw(query)


@pytest.mark.long
def test_many_refused_events_are_repaired_in_one_file(stack: Stack, folder: Path):
    bad, repaired = folder / "lanes.ndjson", folder / "repaired.ndjson"
    event = {
        "type": "check_in",
        "center_id": "C1",
        "occurred_at": "2026-03-01T08:00:00Z",
        "customer_id": "K1",
        "lane": "fast",
    }
    lines = [{**event, "event_id": f"lane-{n}", "order_id": f"lane-{n}", "vehicle_id": f"V-{n}"} for n in range(9)]
    bad.write_text("\n".join(map(json.dumps, lines)) + "\n")
    stack.send(bad)
    stack.wait_idle()

    exported = [
        json.loads(line) for line in stack.run("dead-letters", "export", "--code", "invalid_field").splitlines()
    ]
    mine = [letter for letter in exported if '"lane":"fast"' in letter["value"].replace(" ", "")]
    assert len(mine) == len(lines)
    repaired.write_text("".join(json.dumps(letter).replace("fast", "quick") + "\n" for letter in mine))
    assert "9 would be put back" in stack.run("dead-letters", "redrive", "--from", str(repaired), "--dry-run")
    assert "9 put back, 0 passed over" in stack.run("dead-letters", "redrive", "--from", str(repaired))
    stack.wait_idle()

    assert stack.sql("SELECT count() AS n FROM orders WHERE startsWith(order_id, 'lane-') AND lane = 'quick'") == [
        {"n": 9}
    ]
    result = stack.run("dead-letters", "export", "--code", "invalid_field")
    assert "lane-" not in result
    assert stack.status()["dead_letters_by_code"]["redriven"] == 9


def test_nothing_personal_is_in_any_log_metric_or_span(stack: Stack, folder: Path):
    personal = feed.canaries(EVENTS) | {"canary-"}
    personal |= {event["vehicle_id"] for event in EVENTS}
    personal |= {event["customer_id"] for event in EVENTS if event.get("customer_id")}
    assert len(personal) > 300
    ids = {event[name] for event in EVENTS for name in ("order_id", "event_id")}

    exposed = "\n".join(
        urllib.request.urlopen(f"{url}/metrics", timeout=30).read().decode() for url in pages(stack).values()
    )
    texts = {
        "metrics": exposed,
        "spans": (folder / "spans.jsonl").read_text(),
        "what `up` said": stack.log_path.read_text(),
        "status": stack.run("status") + stack.run("status", "--json"),
        "list of dead letters": stack.run("dead-letters", "list") + stack.run("dead-letters", "list", "--json"),
        **stack.logs(),
    }
    for where, text in texts.items():
        assert not {value for value in personal if value in text}, where
    for where in ("metrics", "spans"):
        assert not {id_ for id_ in ids if id_ in texts[where]}, where


def test_a_worker_that_died_shows_as_restarted(stack: Stack):
    before = stack.status()["children"]["worker-1"]["restarts"]
    stack.kill_and_wait("worker-1")
    worker = stack.status()["children"]["worker-1"]
    assert (worker["restarts"], worker["ended"]) == (before + 1, "was killed by SIGKILL")
    restarts = scraped(stack.facts["health"])["fixtrail_stack_child_restarts"]
    assert {sample.labels["child"]: sample.value for sample in restarts.samples}["worker-1"] == before + 1
    assert "worker-1, the last time: was killed by SIGKILL" in stack.run("status")


def test_a_worker_that_refuses_to_go_on_says_why(stack: Stack, folder: Path):
    wait_for(lambda: stack.status()["children"]["worker-1"]["state"] == "ready", 180, "the worker is back")
    flood = folder / "flood.ndjson"
    flood.write_bytes(b'{"vehicle_id":"VIN-FLOOD","type":"check_in"}\n' * 60)
    stack.send(flood)
    wait_for(lambda: "refuses to go on" in (stack.status()["children"]["worker-1"]["ended"] or ""), 120, "it stops")

    assert "50 records in a row" in stack.run("status")
