"""The throughput benchmark's paces, ratios and verdicts are right."""

import orjson
import pytest

from benchmarks.contenders.catalog import CONTENDERS
from benchmarks.machine import _slots
from benchmarks.measure import Look, Pace, pace_of
from benchmarks.scores import AIMS, OURS, Score, aims_table, differences, table_of

TOTAL = 1_000_000


def looks(cpu_early: float, cpu_late: float, *, start_s: float = 0.0) -> list[Look]:
    """A run with a commit each 10,000 events and second; CPU of an event in the first and in the second half."""
    run, cpu = [Look(0.0, 0, 0.0)], 0.0
    for number in range(1, 101):
        cpu += 10_000 * (cpu_early if number <= 50 else cpu_late)
        run.append(Look(start_s + number, number * 10_000, cpu))
    return run


def pace(per_s: float, growth: float | None = 1.0) -> Pace:
    return Pace(False, per_s, per_s, 1000 / per_s, 1000 / per_s, growth)


def score(*speeds: float, growth: float | None = 1.0) -> Score:
    return Score(events=TOTAL, paces=[pace(speed, growth) for speed in speeds])


def cells(table, column: int) -> list[str]:
    return list(table.columns[column].cells)


def test_the_second_half_is_told_beside_the_first_300_000_of_a_million():
    run = pace_of(looks(50e-6, 65e-6), TOTAL)

    assert run.growth == pytest.approx(1.3)
    assert run.late_cpu_per_1000 == pytest.approx(0.065)
    assert run.per_s == pytest.approx(10_000)


def test_the_whole_run_counts_the_warm_up_and_the_pace_does_not():
    slow_start = [
        Look(look.at + 20 * (look.committed > 50_000), look.committed, look.cpu) for look in looks(1e-5, 1e-5)
    ]

    run = pace_of(slow_start, TOTAL)

    assert run.per_s == pytest.approx(10_000)
    assert run.whole_per_s == pytest.approx(990_000 / 119)


def test_a_run_of_two_commits_tells_no_growth():
    run = pace_of([Look(0.0, 0, 0.0), Look(1.0, 400_000, 1.0), Look(2.0, TOTAL, 2.0)], TOTAL)

    assert run.growth is None


def test_every_aim_is_printed_with_its_verdict():
    scores = {
        OURS: score(20_000, 23_000, 24_000, growth=1.3),
        "streams": score(46_000, 46_000, 46_000),
        "aiokafka": score(20_000, 20_000, 20_000),
        "aiokafka-fast": score(20_000, 20_000, 20_000),
        "quix": score(8_000, 8_000, 8_000),
        "faust": score(2_000, 2_000, 2_000),
    }

    verdicts = dict(zip(cells(aims_table(scores), 0), cells(aims_table(scores), 3), strict=True))

    assert verdicts == {
        "events/s of this worker": "met",
        "its CPU in the second half beside the first 30 %": "not met",
        "beside Kafka Streams with simple rules, whole run": "met",
        "beside textbook Faust": "not met",
        "beside Quix Streams": "met",
        "beside the loop as users write it (pydantic)": "not met",
        "beside the loop with our fast path": "met",
    }


def test_fewer_events_than_the_aims_are_set_for_decide_nothing():
    few = Score(events=150_000, paces=[pace(23_000)])
    table = aims_table({OURS: few})

    assert "these were 150,000" in str(table.title)
    assert set(cells(table, 3)) == {"too few events", ""}
    assert "these were" not in str(aims_table({OURS: score(23_000)}).title)


def test_an_aim_without_its_contender_is_not_measured():
    table = aims_table({OURS: score(23_000)})

    assert cells(table, 1).count("not measured") == len(AIMS) - 2


def test_a_contender_that_failed_stands_in_the_table_without_figures():
    table = table_of([CONTENDERS[0]], {OURS: Score(wrong=["ended with 1"])}, "title")

    assert cells(table, 1) == ["failed"]


def test_facts_are_compared_in_the_columns_that_a_contender_computes():
    simple = next(contender for contender in CONTENDERS if contender.name == "streams")
    fact = dict.fromkeys(simple.columns or (), 1) | {"center_id": "C1", "order_id": "1", "vehicle_id": "V", "ftf": True}
    expected = {("C1", "1", "V"): fact}

    assert differences(expected, [orjson.dumps(fact | {"ftf": False})], simple) == []
    assert differences(expected, [orjson.dumps(fact | {"lead_s": 2})], simple) == ["order ('C1', '1', 'V'): lead_s"]
    assert differences(expected, [], simple)[0] == "1 orders expected, 0 written"


def test_the_walk_comes_through_every_slot_of_its_table():
    slots = _slots(4096)
    slot, steps = slots[0], 1
    while slot != 0:
        slot, steps = slots[slot], steps + 1

    assert steps == 4096
