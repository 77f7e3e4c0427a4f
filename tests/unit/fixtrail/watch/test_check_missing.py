"""A car that is ready without the quality check that its standard procedure needs: told while it is still there."""

import tomllib

import pytest

from fixtrail.procedures.file import Procedures
from fixtrail.watch.config import WatchConfig, with_procedures
from fixtrail.watch.open_order import watched_fact
from fixtrail.watch.rules import order_dues
from fixtrail.watch.shard import Shard
from tests.unit.fixtrail.watch.shards import at, learn
from tests.unit.fixtrail.watch.shards import rules as rules_of
from tests.workshop import (
    check_failed,
    check_passed,
    checked_in,
    diagnosed,
    handed_off,
    ms,
    order_after,
    quoted,
    refused,
    repair,
    said_ready,
)

CHECK = '{name = "check", event = "quality_check.completed"}'
PROCEDURES = Procedures.model_validate(
    tomllib.loads(f"""
[[procedure]]
name = "brakes"
groups = ["brakes"]
step = [{{name = "repair", event = "repair.completed"}}, {CHECK}]
[[procedure]]
name = "wash"
groups = ["wash"]
step = [{{name = "repair", event = "repair.completed"}}]
""")
)
MENDED = (
    checked_in("08:00"),
    diagnosed("08:20", 0, "brakes"),
    repair("started", "08:30"),
    repair("completed", "09:00"),
)


def rules(procedures: Procedures | None = PROCEDURES, **fields):
    config = WatchConfig.model_validate({"rule": [{"name": "check", "kind": "check_missing", **fields}]})
    return with_procedures(config, procedures).rule


def due_at(*events, procedures: Procedures | None = PROCEDURES, **fields):
    dues = order_dues(watched_fact(order_after(*events)), rules(procedures, **fields), {})
    return dues[0].due_at if dues else None


def test_a_car_that_is_ready_without_its_check_is_told_at_once():
    assert due_at(*MENDED, said_ready("09:10")) == ms("09:10")
    assert due_at(*MENDED, said_ready("09:10"), minutes=5) == ms("09:15")


@pytest.mark.parametrize(
    "events",
    [
        MENDED,
        (*MENDED, check_passed("09:05"), said_ready("09:10")),
        (*MENDED, said_ready("09:10"), check_passed("09:12")),
        (*MENDED, said_ready("09:10"), handed_off("09:30")),
        (checked_in("08:00"), quoted("08:20", 0, "brakes"), refused("08:30")),
        (checked_in("08:00"), diagnosed("08:20", 0, "wash"), *MENDED[2:], said_ready("09:10")),
    ],
    ids=["not ready", "checked", "checked after all", "gone", "never mended", "needs none"],
)
def test_nothing_is_told_of_a_car_that_is(events):
    assert due_at(*events) is None


@pytest.mark.parametrize(("groups", "due"), [(("brakes", "wash"), "09:10"), (("wash", "polish"), None)])
def test_an_order_of_several_groups_has_the_first_procedure_of_the_file_as_in_the_report(groups, due):
    more = Procedures(
        procedure=(
            *PROCEDURES.procedure,
            PROCEDURES.procedure[0].model_copy(update={"name": "polish", "groups": ("polish",)}),
        )
    )
    events = (checked_in("08:00"), diagnosed("08:20", 0, *groups), *MENDED[2:], said_ready("09:10"))

    assert due_at(*events, procedures=more) == (due and ms(due))


def test_the_alert_opens_when_the_car_is_ready_and_ends_with_the_check():
    config = WatchConfig.model_validate({"rule": [{"name": "check", "kind": "check_missing"}]})
    shard = Shard(0, with_procedures(config, PROCEDURES), {}, acks={})
    shard.live_since = ms("00:00")

    learn(shard, *MENDED, said_ready("09:10"))
    assert rules_of(at(shard, "09:11")) == [("check", "open")]

    learn(shard, *MENDED, said_ready("09:10"), check_passed("09:20"))
    assert rules_of(at(shard, "09:21")) == [("check", "closed")]


def test_a_check_before_the_last_repair_or_a_failed_one_is_none():
    again = (repair("started", "09:20"), repair("completed", "09:40"))

    assert due_at(*MENDED, check_passed("09:05"), *again, said_ready("09:50")) == ms("09:50")
    assert due_at(*MENDED, check_failed("09:05"), *again, said_ready("09:50")) == ms("09:50")


def test_without_a_file_of_procedures_only_the_groups_of_the_rule_need_a_check():
    assert due_at(*MENDED, said_ready("09:10"), procedures=None) is None
    assert due_at(*MENDED, said_ready("09:10"), procedures=None, groups=["brakes"]) == ms("09:10")
    assert due_at(*MENDED, said_ready("09:10"), procedures=None, groups=["*"], exempt=["brakes"]) is None


def test_a_procedure_without_groups_is_that_of_all_others():
    every = PROCEDURES.model_copy(
        update={"procedure": (PROCEDURES.procedure[1], PROCEDURES.procedure[0].model_copy(update={"groups": ()}))}
    )

    assert due_at(*MENDED, said_ready("09:10"), procedures=every) == ms("09:10")
    washed = (checked_in("08:00"), diagnosed("08:20", 0, "wash"), *MENDED[2:], said_ready("09:10"))
    assert due_at(*washed, procedures=every) is None


def test_a_fact_that_was_written_before_checks_were_kept_tells_nothing():
    fact = order_after(*MENDED, said_ready("09:10"))
    del fact["passed_check"]

    assert order_dues(watched_fact(fact), rules(), {}) == []
