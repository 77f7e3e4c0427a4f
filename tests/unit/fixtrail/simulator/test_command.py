"""`fixtrail simulate`: to a file, to a sender, at a pace."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fixtrail.sending.sources import SimulatedRun, write_beside
from fixtrail.simulator.command import ArrivalPace, default_start, write_centers, write_events, write_truth
from fixtrail.simulator.scenario import ScenarioError
from runtime.failure import ExitError

MONDAY = datetime(2026, 7, 6, tzinfo=UTC)


def test_a_file_holds_one_event_a_line(tmp_path: Path) -> None:
    out = tmp_path / "day.ndjson"
    count = write_events(out, "quiet-day", seed=3, start=MONDAY)
    events = [json.loads(line) for line in out.read_bytes().splitlines()]

    assert len(events) == count.events > 500
    assert len({event["order_id"] for event in events}) == count.orders


def test_the_sender_gets_the_same_lines_keyed_by_vehicle(tmp_path: Path) -> None:
    out, sent = tmp_path / "day.ndjson", []
    write_events(out, "quiet-day", seed=3, start=MONDAY, send=lambda line, key: sent.append((line, key)))

    assert [line for line, _ in sent] == out.read_bytes().splitlines()
    assert all(json.loads(line)["vehicle_id"].encode() == key for line, key in sent)


def test_nothing_is_stamped_in_the_future(tmp_path: Path) -> None:
    out = tmp_path / "day.ndjson"
    write_events(out, "quiet-day", seed=3)
    now = datetime.now(UTC)

    assert all(datetime.fromisoformat(json.loads(line)["occurred_at"]) <= now for line in out.open("rb"))
    assert default_start(2, now) == now.replace(microsecond=0) - timedelta(days=2)


def test_progress_is_told_up_to_the_last_event() -> None:
    messages: list[tuple[int, datetime]] = []
    n_events = write_events(
        None, "quiet-day", seed=3, start=MONDAY, progress=lambda count, at: messages.append((count, at))
    )

    assert messages[-1] == (n_events.events, n_events.last_arrival)
    assert [count for count, _ in messages] == sorted(count for count, _ in messages)


def test_standard_output_is_a_file_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    count = write_events("-", "quiet-day", seed=3, centers=1, start=MONDAY)

    assert len(capfdbinary.readouterr().out.splitlines()) == count.events


@pytest.mark.parametrize("beside", ["truth", "centers"])
def test_a_file_beside_that_cannot_be_written_is_one_line_to_read(tmp_path: Path, beside: str) -> None:
    run = SimulatedRun("quiet-day", 3, 1, 1, MONDAY, None)

    with pytest.raises(ExitError, match="cannot be written"):
        write_beside(run, **{"truth": None, "centers": None, beside: tmp_path})
    unknown = replace(run, scenario="busy-day")
    with pytest.raises(ExitError, match="busy-day"):
        write_beside(unknown, **{"truth": None, "centers": None, beside: tmp_path / "out"})


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(ScenarioError, match="busy-day"):
        write_events(None, "busy-day", seed=3)


class Wall:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_arrivals_are_as_many_times_faster_as_asked() -> None:
    wall = Wall()
    pace = ArrivalPace(60.0, clock=wall, pause=wall.sleep)
    for minutes in (0, 1, 1, 3):
        pace.wait_for(MONDAY + timedelta(minutes=minutes))

    assert wall.slept == pytest.approx([1.0, 2.0])


def test_after_a_hold_up_the_arrivals_catch_up() -> None:
    wall = Wall()
    pace = ArrivalPace(60.0, clock=wall, pause=wall.sleep)
    pace.wait_for(MONDAY)
    wall.now += 1.5
    pace.wait_for(MONDAY + timedelta(minutes=1))
    pace.wait_for(MONDAY + timedelta(minutes=2))

    assert wall.slept == pytest.approx([0.5])


def test_nobody_sits_through_the_night() -> None:
    wall = Wall()
    pace = ArrivalPace(60.0, longest_pause_s=0.5, clock=wall, pause=wall.sleep)
    pace.wait_for(MONDAY)
    pace.wait_for(MONDAY + timedelta(hours=12))

    assert wall.slept == pytest.approx([0.5])


def test_truth_and_centers_of_a_run_are_written_beside_it(tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.json", "quiet-day", 3, None, None, MONDAY)
    write_centers(tmp_path / "centers.toml", "quiet-day", None, MONDAY)

    assert json.loads((tmp_path / "truth.json").read_text("utf-8"))["run"]["seed"] == 3
    assert (tmp_path / "centers.toml").read_text("utf-8").count("[[center]]") == 6
