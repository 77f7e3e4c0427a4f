"""Each box gets the rights that it needs, as a script and as resources of Strimzi."""

import shlex

import pytest
import yaml

from fixtrail.operations.kafka_acls import acls_of, as_script, as_strimzi
from fixtrail.operations.kafka_rights import BOX_RIGHTS


def operations_of(box: str, name: str) -> tuple[str, ...]:
    return next(acl.operations for acl in acls_of(box, "fixtrail") if acl.name == name)


def test_a_worker_reads_the_events_and_writes_what_follows_from_them():
    assert operations_of("worker", "service-events") == ("Read", "Describe", "DescribeConfigs")
    assert operations_of("worker", "journeys") == ("Write", "Describe", "DescribeConfigs")
    assert operations_of("worker", "fixtrail-orders-changelog")[:3] == ("Create", "Read", "Write")
    assert operations_of("worker", "fixtrail") == ("Read", "Describe")


def boxes_that_may(operation: str, topic: str) -> set[str]:
    return {
        box
        for box in BOX_RIGHTS
        for acl in acls_of(box, "fixtrail")
        if acl.name == topic and operation in acl.operations
    }


def test_events_are_written_by_those_who_send_them_alone():
    assert boxes_that_may("Write", "service-events") == {"web", "pulse", "send", "operator"}


def test_the_script_is_one_grant_a_line_for_a_principal_of_ones_own():
    script = as_script(["send"], "fixtrail", "User:CN={box},O=East")
    grants = [shlex.split(line) for line in script.splitlines() if line.startswith("grant -")]

    assert {grant[2] for grant in grants} == {"User:CN=send,O=East"}
    assert [grant[-2:] for grant in grants] == [["--topic", "reference-events"], ["--topic", "service-events"]]


def test_the_rights_of_other_groups_are_by_prefix():
    assert "--group test --resource-pattern-type prefixed" in as_script(["pulse"], "test", "User:{box}")


@pytest.mark.parametrize("box", BOX_RIGHTS)
def test_strimzi_gets_the_same_rights(box: str):
    (user,) = yaml.safe_load_all(as_strimzi([box], "fixtrail", "events", "tls"))

    assert (user["kind"], user["metadata"]["labels"]["strimzi.io/cluster"]) == ("KafkaUser", "events")
    granted = [(acl["resource"]["name"], tuple(acl["operations"])) for acl in user["spec"]["authorization"]["acls"]]
    assert granted == [(acl.name, acl.operations) for acl in acls_of(box, "fixtrail")]
