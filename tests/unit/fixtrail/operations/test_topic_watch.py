"""A box tells each difference of its topics once, and is not ready while it has a topic that it cannot use."""

import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations.kafka_rights import BOX_RIGHTS
from fixtrail.operations.topic_watch import TopicWatch, member_id
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


def test_boxes_of_another_installation_in_the_group_are_told_of(caplog):
    """Two that share Kafka under one app id have half of the rows each; older members name no key."""
    settings, progress = Settings(kafka="nowhere:9092"), Progress()
    progress.ready = True
    own = member_id(settings, b"a key for these tests, long enough")
    watch = TopicWatch("clickhouse", settings, progress, member=own)
    ours = [{"client_id": client_id, "client_host": "/10.0.0.1"} for client_id in (own, "fixtrail")]
    member = {"client_id": member_id(settings, b"the key of another one, long enough"), "client_host": "/10.0.0.7"}
    watch.note_members(ours)
    watch.apply([])
    assert progress.ready and not progress.problems

    for _ in range(2):
        watch.note_members([*ours, member])
        watch.apply([])
    assert not progress.ready
    assert "10.0.0.7" in progress.problems[0] and "10.0.0.1" not in progress.problems[0]
    assert caplog.text.count("one FIXTRAIL_APP_ID") == 1
    watch.note_members(ours)
    watch.apply([])
    assert progress.ready
