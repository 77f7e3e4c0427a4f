"""What a worker commits: never less than what was committed before, whatever is read again."""

from typing import Any

import pytest
from faust.types import TP

from runtime.failure import STALLED
from streams.worker import consumer as consumers
from streams.worker.consumer import Consumer

EVENTS = TP("service-events", 0)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """A consumer that found 3,998 committed and has read 464 records of the replay margin again."""

    async def committed(self: Any, offsets: Any) -> bool:
        return True

    monkeypatch.setattr(consumers.driver.Consumer, "_commit", committed)
    consumer = Consumer.__new__(Consumer)
    consumer._floor = {EVENTS: 3998}
    consumer.settled = {EVENTS: 3462}
    # As Faust leaves it while partitions are revoked.
    consumer._committed_offset = {EVENTS: None}
    return consumer


def test_a_rebalance_within_the_replay_margin_does_not_take_the_commit_back(consumer: Consumer):
    assert consumer._filter_committable_offsets({EVENTS}) == {}


async def test_what_lies_beyond_is_committed_once(consumer: Consumer):
    consumer.settled = {EVENTS: 4100}

    assert consumer._filter_committable_offsets({EVENTS}) == {EVENTS: 4100}
    await consumer._commit({EVENTS: 4100})
    assert consumer._filter_committable_offsets({EVENTS}) == {}


def test_records_that_were_deleted_unread_are_committed_and_not_lost_again_at_the_next_start(consumer: Consumer):
    consumer.settled = {}
    consumer._settle_lost(EVENTS, start=4200)

    assert consumer._filter_committable_offsets({EVENTS}) == {EVENTS: 4200}


@pytest.mark.parametrize(("settled", "ends_with"), [(1000, [STALLED]), (2997, [STALLED]), (2998, []), (4200, [])])
def test_a_worker_that_is_read_to_from_the_beginning_ends(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, settled: int, ends_with: list[int]
):
    """Seen with three brokers: 15,036 was committed, and then 1,000, for what a new leader said of its log's end."""
    codes: list[int] = []
    monkeypatch.setattr(consumers, "fail_stop", lambda _, code: codes.append(code))
    consumer.replay_margin = 1000
    consumer.settled = {EVENTS: settled}

    consumer._end_if_read_anew(EVENTS)

    assert codes == ends_with


class Ends:
    """The ends of the partition that one broker after the other tells; the last one goes on telling its own."""

    def __init__(self, *ends: int) -> None:
        self._ends = list(ends)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        return dict.fromkeys(partitions, end)


@pytest.mark.parametrize(("ends", "expected"), [((12, 900, 4000), 4000), ((4000, 12), 4000), ((12,), 12)])
async def test_an_end_before_the_commit_is_believed_only_if_it_stays(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, ends: tuple[int, ...], expected: int
):
    """A partition's new leader tells an end that is too low for a moment: the topic was not made again."""
    monkeypatch.setattr(consumers, "END_PAUSE_S", 0.0)
    monkeypatch.setattr(consumer, "highwaters", Ends(*ends).highwaters)

    assert await consumer._ends_of([EVENTS]) == {EVENTS: expected}


def test_the_replay_margin_settles_nothing(consumer: Consumer):
    consumer.settled = {}
    consumer._settle_lost(EVENTS, start=2998)

    assert consumer.settled == {}
