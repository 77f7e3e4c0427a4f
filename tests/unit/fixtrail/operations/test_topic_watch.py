"""A box tells each difference of its topics once, and is not ready while it has a topic that it cannot use."""

import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations.kafka_rights import BOX_RIGHTS
from fixtrail.operations.topic_watch import TopicWatch
from runtime.kafka.topic_check import TopicDifference
from runtime.progress import Progress

DENIED = TopicDifference("service-events", "denied", "", "", "not authorized for topic service-events")
GROWN = TopicDifference("service-events", "partitions", "8", "4", "topic service-events has 8 partitions")


def test_a_box_whose_topic_is_denied_is_not_ready_and_says_why():
    progress = Progress()
    progress.ready = True
    watch = TopicWatch("clickhouse", Settings(kafka="nowhere:9092"), progress)
    watch.apply([DENIED])

    assert not progress.ready
    assert progress.problems == [DENIED.text]
    watch.apply([])
    assert progress.ready


def test_a_difference_is_a_gauge_until_it_is_gone():
    progress = Progress()
    watch = TopicWatch("clickhouse", Settings(kafka="nowhere:9092"), progress)
    watch.apply([GROWN])
    assert progress.gauges["topic_differences", "service-events", "partitions"] == 1

    watch.apply([])
    assert ("topic_differences", "service-events", "partitions") not in progress.gauges


def test_a_worker_stops_where_a_topic_has_grown_and_a_writer_goes_on():
    reasons: list[str] = []
    progress = Progress()
    progress.ready = True
    TopicWatch("clickhouse", Settings(kafka="nowhere:9092"), progress).apply([GROWN])
    assert progress.ready

    TopicWatch("worker", Settings(kafka="nowhere:9092"), progress, reasons.append).apply([GROWN])
    assert reasons == [GROWN.text]


@pytest.mark.parametrize("box", BOX_RIGHTS)
def test_every_box_has_topics_that_exist(box: str):
    rights = BOX_RIGHTS[box]

    assert {topic.name for topic in rights.topics} == {*rights.reads, *rights.writes, *rights.looks}
