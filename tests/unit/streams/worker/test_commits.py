"""What a worker commits: never less than what was committed before, whatever is read again."""

from typing import Any

import pytest
from faust.types import TP

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


def test_the_replay_margin_settles_nothing(consumer: Consumer):
    consumer.settled = {}
    consumer._settle_lost(EVENTS, start=2998)

    assert consumer.settled == {}
