"""What counts as a step of a worker's recovery."""

from streams.worker.recovery import REBALANCES, Recovery


def test_records_of_the_changelogs_are_steps_also_when_a_rebalance_begins_anew():
    recovery = Recovery()
    assert recovery.steps(0, 10, 0) == 10
    assert recovery.steps(10, 10, 0) == 0
    assert recovery.steps(10, 4, 0) == 0
    assert recovery.steps(10, 7, 0) == 3


def test_rebalances_without_a_record_between_them_are_steps_for_a_while_only():
    recovery = Recovery()
    moved, steps = 0, []
    for rebalance in range(1, REBALANCES + 3):
        steps.append(recovery.steps(moved, 0, rebalance))
        moved += steps[-1]
        assert recovery.steps(moved, 0, rebalance) == 0
    assert steps == [1] * REBALANCES + [0, 0]


def test_what_was_processed_or_recovered_between_gives_new_patience():
    recovery, moved = Recovery(), 0
    for rebalance in range(1, REBALANCES + 2):
        moved += recovery.steps(moved, 0, rebalance)
    moved += 100
    assert recovery.steps(moved, 0, REBALANCES + 2) == 1
