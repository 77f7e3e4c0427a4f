"""What the broker deleted before it was read is counted once, by partition, and told in the log."""

import logging

import pytest
from aiokafka import TopicPartition

from runtime.kafka.lost_records import LostRecords
from runtime.progress import Progress

PARTITION_1, PARTITION_2 = TopicPartition("service-events", 1), TopicPartition("service-events", 2)


def test_the_records_between_commit_and_beginning_are_counted_once(caplog: pytest.LogCaptureFixture):
    progress = Progress()
    lost = LostRecords(progress)
    with caplog.at_level(logging.ERROR):
        assert (
            lost.note(
                {PARTITION_1: 3, PARTITION_2: 8}, {PARTITION_1: 7, PARTITION_2: 8}, {PARTITION_1: 7, PARTITION_2: 9}
            )
            == 4
        )
    lost.note({PARTITION_1: 3}, {PARTITION_1: 7}, {PARTITION_1: 7})

    assert progress.gauges["lost_records", "service-events", "1"] == 4
    assert "4 of service-events 1" in caplog.text


def test_more_that_is_lost_later_is_counted_from_there():
    progress = Progress()
    lost = LostRecords(progress)
    lost.note({PARTITION_1: 3}, {PARTITION_1: 7}, {PARTITION_1: 7})
    lost.note({PARTITION_1: 3}, {PARTITION_1: 9}, {PARTITION_1: 9})

    assert progress.gauges["lost_records", "service-events", "1"] == 6


def test_who_comes_late_has_lost_nothing():
    assert LostRecords(Progress()).note({PARTITION_1: None}, {PARTITION_1: 7}, {PARTITION_1: 9}) == 0


def test_a_topic_that_was_made_again_is_told_once(caplog: pytest.LogCaptureFixture):
    lost = LostRecords(Progress())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert lost.note({PARTITION_1: 50}, {PARTITION_1: 0}, {PARTITION_1: 6}) == 0

    assert caplog.text.count("topic service-events was made again") == 1
