"""A wall clock that somebody sets is noticed; one corrected little by little, or a machine that slept, is not."""

import pytest

from runtime import clock as clocks
from runtime.clock import SETTLING_S, WallClock, newest_heartbeat
from runtime.progress import Progress

HOUR_S, HOUR_MS = 3600.0, 3_600_000
NOON_MS = 43_200_000


class Machine:
    """Its wall clock, which can be set, and one that only goes on."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1_000_000.0, 50.0
        self.clock = WallClock(lambda: self.wall_s, lambda: self.steady_s)

    def passes(self, seconds: float, *, drift_s: float = 0.0) -> None:
        self.steady_s += seconds
        self.wall_s += seconds + drift_s
        self.clock.look()


@pytest.mark.parametrize(("jump_s", "direction"), [(HOUR_S, "forward"), (-HOUR_S, "back"), (61.0, "forward")])
def test_a_jump_is_counted_once_told_and_settles(caplog, jump_s, direction):
    machine = Machine()
    machine.passes(5)
    machine.wall_s += jump_s

    assert machine.clock.now_ms() == round(1000 * machine.wall_s)
    assert machine.clock.jumps == {direction: 1} and machine.clock.is_settling
    assert f"was set by {jump_s:+.0f} s" in caplog.text and f"{jump_s:+.0f} s" in (machine.clock.problem or "")
    machine.passes(SETTLING_S + 1)
    assert machine.clock.jumps == {direction: 1}
    assert not machine.clock.is_settling and machine.clock.problem is None


def test_small_corrections_and_a_long_sleep_are_no_jump():
    machine = Machine()
    for _ in range(1000):
        machine.passes(10, drift_s=0.5)
    machine.passes(8 * HOUR_S)

    assert not machine.clock.jumps and not machine.clock.is_settling


def test_a_box_counts_jumps_and_says_so_on_its_health_page(monkeypatch):
    machine = Machine()
    progress = Progress(clock=machine.clock)
    progress.ready = True
    machine.wall_s -= HOUR_S
    progress.note_clock()
    progress.note_clock()

    assert progress.counts["clock_jumps", "back"] == 1
    assert progress.ready and progress.reasons == ["the clock of this machine was set by -3600 s just now"]


def test_the_newest_heartbeat_is_never_later_than_now():
    assert newest_heartbeat(None, NOON_MS, NOON_MS + 10) == NOON_MS
    assert newest_heartbeat(NOON_MS, NOON_MS - 5_000, NOON_MS + 10) == NOON_MS, "one that comes again"
    assert newest_heartbeat(NOON_MS, NOON_MS + HOUR_MS, NOON_MS + 10) == NOON_MS + 10, "the sender's clock is wrong"
    assert newest_heartbeat(NOON_MS + HOUR_MS, NOON_MS + 5_000, NOON_MS + 5_010) == NOON_MS + 5_000, "ours was"


def test_heartbeats_go_on_after_the_clock_was_set_back(monkeypatch):
    """Else a worker that stands still would show for as long as the clock was ahead: an hour."""
    progress, beat = Progress(), ("heartbeat_timestamp_seconds", "0")
    monkeypatch.setattr(clocks.time, "time_ns", lambda: (NOON_MS + HOUR_MS) * 1_000_000)
    progress.note_heartbeat(("0",), NOON_MS + HOUR_MS)
    monkeypatch.setattr(clocks.time, "time_ns", lambda: (NOON_MS + 1_000) * 1_000_000)
    progress.note_heartbeat(("0",), NOON_MS)

    assert progress.gauges[beat] == NOON_MS / 1000
    assert progress.gauges["heartbeat_delay_seconds", "0"] == 1.0
