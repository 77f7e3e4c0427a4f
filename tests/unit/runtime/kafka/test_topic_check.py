"""Each difference of a topic is a sentence that names it and says what to do."""

from dataclasses import replace

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from runtime.kafka.topic_check import TopicPlan, failure_text, topic_differences
from runtime.kafka.topic_state import Absence, TopicState
from schemas.topics import JOURNEYS, SERVICE_EVENTS, TOPICS, Topic

PLAN = TopicPlan(partitions=4, replication=3, min_in_sync=2)
EVENTS = next(topic for topic in TOPICS if topic.name == SERVICE_EVENTS)


def as_planned(topic: Topic) -> TopicState:
    return TopicState(topic.name, "", (0, 1, 2, 3), replicas=3, in_sync=3, config=PLAN.config_of(topic))


def subjects(state: TopicState) -> list[str]:
    return [difference.subject for difference in topic_differences([EVENTS], {EVENTS.name: state}, PLAN)]


def with_setting(name: str, value: str) -> TopicState:
    return replace(as_planned(EVENTS), config={**PLAN.config_of(EVENTS), name: value})


def test_topics_as_they_were_created_differ_in_nothing():
    states = {topic.name: as_planned(topic) for topic in TOPICS}

    assert topic_differences(TOPICS, states, PLAN) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min.insync.replicas", "1"),
        ("cleanup.policy", "compact"),
        ("retention.ms", "604800000"),
        ("max.message.bytes", "1048588"),
    ],
)
def test_a_setting_that_differs_is_named_with_the_command_that_mends_it(name: str, value: str):
    state = with_setting(name, value)
    (difference,) = topic_differences([EVENTS], {EVENTS.name: state}, PLAN)

    assert (difference.subject, difference.actual) == (name, value)
    assert f"topic service-events has {name}={value} and should have {difference.expected}" in difference.text
    assert f"--add-config {name}=" in difference.text


def test_what_is_stricter_or_larger_is_no_difference():
    assert subjects(with_setting("max.message.bytes", "20000000")) == []


def test_min_insync_of_all_replicas_is_named():
    assert subjects(with_setting("min.insync.replicas", "3")) == ["min.insync.replicas"]


def test_too_few_replicas_and_replicas_out_of_sync_are_named():
    assert subjects(replace(as_planned(EVENTS), replicas=2, in_sync=2)) == ["replication", "min.insync.replicas"]
    assert subjects(replace(as_planned(EVENTS), in_sync=2)) == ["in_sync"]


def test_another_number_of_partitions_has_the_sentence_of_migrate():
    state = replace(as_planned(EVENTS), partitions=tuple(range(8)))
    (difference,) = topic_differences([EVENTS], {EVENTS.name: state}, PLAN)

    assert "has 8 partitions, FIXTRAIL_PARTITIONS says 4: the number is frozen" in difference.text


@pytest.mark.parametrize(
    ("absence", "text"),
    [
        ("missing", "Kafka has no topic journeys yet: run `fixtrail migrate`"),
        ("denied", "not authorized for topic journeys"),
    ],
)
def test_a_topic_that_is_missing_is_told_from_one_that_is_denied(absence: Absence, text: str):
    (difference,) = topic_differences([Topic(JOURNEYS)], {JOURNEYS: TopicState(JOURNEYS, absence)}, PLAN)

    assert difference.text.startswith(text)
    assert difference.stops


def test_settings_that_may_not_be_read_are_said_to_be_unchecked():
    assert subjects(replace(as_planned(EVENTS), config=None)) == ["settings"]


def test_a_topic_without_leader_is_no_difference():
    assert subjects(TopicState(EVENTS.name, "unavailable")) == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TopicAuthorizationFailedError("journeys"), "not authorized for topic journeys: allow it"),
        (TopicAuthorizationFailedError({"b", "a"}), "not authorized for topic a, b: allow it"),
        (GroupAuthorizationFailedError("fixtrail"), "not authorized for group fixtrail: allow it"),
        (TopicAuthorizationFailedError(), "TopicAuthorizationFailedError"),
        (NotLeaderForPartitionError(), "NotLeaderForPartitionError"),
    ],
)
def test_a_failure_names_the_right_that_is_missing(error: Exception, text: str):
    assert failure_text(error).startswith(text)
