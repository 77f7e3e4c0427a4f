"""One screen says how the whole is: what can be asked is told, what cannot is named."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fixtrail.all_settings import Settings
from fixtrail.cli.print_overview import print_overview
from fixtrail.operations import overview as seeing
from fixtrail.operations.overview import BoxState, Heartbeat, Overview, heartbeats_of, look_at_boxes, rates
from fixtrail.operations.status import Lag, LagSnapshot
from fixtrail.operations.verdict import verdict_of
from runtime.health import HealthPage
from runtime.kafka.topic_check import TopicDifference
from tests.clickhouse_node import free_ports
from tests.paths import ROOT

LOOK = LagSnapshot(
    (Lag("fixtrail", "service-events", 3, 90, 100, 10), Lag("fixtrail", "service-events", 0, 7, 7, 0)), 2
)


def box(name: str, **samples: list[tuple[dict[str, str], float]]) -> BoxState:
    return BoxState(name, 1, "ready", samples={f"fixtrail_{key}": sample for key, sample in samples.items()})


def beats(
    box_kind: str, *beats_of_box: tuple[dict[str, str], float, float]
) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {
        f"{box_kind}_heartbeat_timestamp_seconds": [(labels, at) for labels, at, _ in beats_of_box],
        f"{box_kind}_heartbeat_delay_seconds": [(labels, delay_s) for labels, _, delay_s in beats_of_box],
    }


def test_the_slowest_partition_says_how_long_heartbeats_take():
    first = box("worker-1", **beats("worker", ({"partition": "0"}, 100, 0.2), ({"partition": "1"}, 100, 0.7)))
    # Had partition 1 before: what it knows of it is old.
    two = box("worker-2", **beats("worker", ({"partition": "1"}, 40, 9.0), ({"partition": "2"}, 85, 0.1)))
    writer = box("sink", **beats("clickhouse", ({"topic": "journeys", "partition": "0"}, 100, 1.5)))

    assert heartbeats_of([first, two, writer], now=101) == [
        Heartbeat("service-events to worker", 0.7, 16),
        Heartbeat("journeys to row", 1.5, 1),
    ]


def test_the_pace_of_a_box_that_was_started_again_is_not_negative():
    before = [BoxState("worker", 1, "ready", records=500), BoxState("sink", 2, "ready", records=100)]
    after = [
        BoxState("worker", 3, "ready", records=20),
        BoxState("sink", 2, "ready", records=150),
        BoxState("new", 4, "ready"),
    ]

    assert rates(before, after, 2.0) == {"worker": 0, "sink": 25}


def stack_of(**children: dict) -> SimpleNamespace:
    return SimpleNamespace(kafka=None, stack={"children": children})


def test_boxes_are_asked_how_they_are():
    page = f"http://127.0.0.1:{HealthPage('worker', lambda: 'starting').start()}"
    silent = f"http://127.0.0.1:{free_ports(1)[0]}"
    boxes = look_at_boxes(
        stack_of(
            broker={"pid": os.getpid(), "health": None},
            worker={"pid": os.getpid(), "health": page, "restarts": 2, "ended": "was killed by SIGKILL"},
            young={"pid": os.getpid(), "health": silent},
            dead={"pid": None, "health": page, "restarts": 1},
        ),
        [page, silent],
    )

    assert [(item.name, item.state) for item in boxes[:4]] == [
        ("broker", "running"),
        ("worker", "starting"),
        ("young", "starting"),
        ("dead", "gone"),
    ]
    assert (boxes[1].restarts, boxes[1].ended) == (2, "was killed by SIGKILL")
    assert boxes[1].memory_bytes > 1e6
    assert 0 < boxes[1].up_s < 1e6
    assert [(item.name, item.state) for item in boxes[4:]] == [
        ("worker", "starting"),
        (silent.removeprefix("http://"), "gone"),
    ]


def test_a_box_that_is_not_ready_says_what_it_waits_for():
    reason = "ClickHouse does not take events: ClickHouse error 516 AUTHENTICATION_FAILED"
    page = HealthPage("sink-clickhouse", lambda: "not ready", problems=lambda: [reason])
    boxes = look_at_boxes(stack_of(), [f"http://127.0.0.1:{page.start()}"])

    verdict = verdict_of(replace(HEALTHY, boxes=boxes))

    assert verdict.text == "sink-clickhouse: not ready"
    assert verdict.advice == f"sink-clickhouse: {reason}"


def test_a_server_that_runs_but_does_not_answer_is_not_ready(tmp_path):
    [port] = free_ports(1)
    child = {"pid": os.getpid(), "health": None, "ping": f"http://127.0.0.1:{port}/ping"}
    (tmp_path / "stack.json").write_text(json.dumps({"children": {"clickhouse": child}}))

    [box] = look_at_boxes(Settings(data=tmp_path))

    assert (box.name, box.state) == ("clickhouse", "stuck")


def test_without_kafka_and_clickhouse_the_rest_is_told(monkeypatch):
    async def silent(_settings):
        raise TimeoutError

    monkeypatch.setattr(seeing, "look_once", silent)
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    view = seeing.overview(Settings(kafka="127.0.0.1:1", clickhouse=nowhere))

    assert view.troubles[0] == "Kafka cannot be used: no answer. Is it running?"
    assert view.troubles[1].startswith(f"ClickHouse at {nowhere} cannot be reached")
    assert view.as_json()["idle"] is False
    assert view.as_json()["dead_letters_by_code"] is None


@pytest.fixture
def screen(capsys):
    def printed(view: Overview, **pace: int) -> list[str]:
        print_overview(view, pace, now=1000.0)
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    return printed


def test_the_screen_tells_it_all(screen):
    worker = BoxState("worker-1", 17, "ready", 2, "was killed by SIGKILL", 3700, 2**27, 1234, 400, None)
    lines = screen(
        Overview(LOOK, [worker], [Heartbeat("journeys to row", 1.25, 9)], {"not_json": 7, "redriven": 1}, []),
        **{"worker-1": 55},
    )

    assert "fixtrail service-events 2 107 10 3: 10" in lines
    assert "worker-1 17 ready 1:01:40 2 128 MiB 1,234 55 0:10:00 old" in lines
    assert "worker-1, the last time: was killed by SIGKILL" in lines
    assert "heartbeats: journeys to row 1.2 s; the last one was sent 9.0 s ago" in lines
    assert {"not_json 7", "put back 1"} <= set(lines)


def test_the_screen_names_what_could_not_be_asked(screen):
    lines = screen(Overview(None, [], [], None, ["Kafka: no answer"]))
    assert lines[0] == "BAD Kafka does not answer"
    assert lines[1].endswith("docs/runbooks/box-not-ready.md")
    assert lines[2].startswith("not checked: how far the groups are behind, refused records")
    assert lines[3:] == ["Kafka: no answer"]
    assert "no dead letters" in screen(Overview(LOOK, [], [], {}, []))


def test_what_was_not_asked_is_not_called_well(screen):
    assert "no dead letters" not in screen(Overview(None, [], [], {}, ["Kafka: no answer"]))
    assert screen(Overview(LOOK, [], [], None, []))[0] == "UNKNOWN what was asked is well, and not all was asked"


LOST = {"fixtrail_worker_lost_records": [({"topic": "service-events", "partition": "3"}, 3.0)]}
BROKEN = {"fixtrail_clickhouse_broken_parts": [({"table": "journeys"}, 2.0), ({"table": "events"}, 0.0)]}
HEALTHY = Overview(LOOK, [BoxState("worker-1", 1, "ready")], [Heartbeat("journeys to row", 1.0, 6)], {}, [])


@pytest.mark.parametrize(
    ("changed", "level", "runbook"),
    [
        ({}, "well", None),
        ({"letters": {"redriven": 3}}, "well", None),
        ({"letters": {"not_json": 3}}, "look", "events-refused"),
        ({"boxes": [BoxState("worker-1", 1, "ready", restarts=1)]}, "look", "box-restarts"),
        ({"boxes": [BoxState("worker-1", 1, "starting")]}, "look", "box-not-ready"),
        ({"boxes": [BoxState("web", 1, "not ready")], "letters": {"not_json": 3}}, "bad", "box-not-ready"),
        ({"boxes": [BoxState("web", 1, "gone"), BoxState("x", 2, "stuck")]}, "bad", "box-down"),
        ({"heartbeats": [Heartbeat("journeys to row", 1.0, 90)]}, "bad", "events-delayed"),
        ({"letters": None, "troubles": ["ClickHouse at x cannot be reached"]}, "bad", "clickhouse-away"),
        ({"look": None}, "bad", "box-not-ready"),
        ({"topics": [TopicDifference("service-events", "partitions", "8", "4", "…")]}, "bad", "topic-differs"),
        # The lags could not be asked for this reason alone.
        ({"look": None, "topics": [TopicDifference("journeys", "denied", "", "", "…")]}, "bad", "topic-differs"),
        ({"topics": [TopicDifference("journeys", "retention.ms", "1", "-1", "…")]}, "look", "topic-differs"),
        ({"boxes": [BoxState("worker-1", 1, "ready", samples=LOST)]}, "look", "records-lost"),
        ({"boxes": [BoxState("writer", 1, "ready", samples=BROKEN)]}, "bad", "rows-missing"),
        ({"heartbeats": []}, "unknown", None),
    ],
)
def test_one_verdict_says_the_worst_and_which_runbook(changed, level, runbook):
    verdict = verdict_of(replace(HEALTHY, **changed))
    assert verdict.level == level
    assert verdict.runbook == (f"docs/runbooks/{runbook}.md" if runbook else None)
    if runbook:
        assert (ROOT / str(verdict.runbook)).exists()
        assert verdict.advice


def test_the_broker_is_ready_only_if_it_answered(monkeypatch):
    async def silent(_settings):
        raise TimeoutError

    monkeypatch.setattr(seeing, "look_at_boxes", lambda *_: [BoxState("broker", 1, "running")])
    monkeypatch.setattr(seeing, "look_once", silent)
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert seeing.overview(Settings(kafka="127.0.0.1:1", clickhouse=nowhere)).boxes[0].state == "stuck"
    assert seeing.overview(Settings(clickhouse=nowhere), look=LOOK).boxes[0].state == "ready"
