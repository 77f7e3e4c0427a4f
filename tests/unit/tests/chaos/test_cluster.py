"""The plan of a run with three brokers, and what is told of how soon work went on."""

from itertools import pairwise

import pytest

from tests.chaos.cluster_faults import CLUSTER_HOW
from tests.chaos.faults import HOW
from tests.chaos.plan import BROKERS, CLUSTER_KINDS, KINDS, Fault, first_faults, plan_of
from tests.chaos.report import targets

THROUGH_PROXY = {name for name, kind in KINDS.items() if kind.through_proxy}


def of_brokers(plan: list[Fault]) -> list[Fault]:
    return [fault for fault in plan if fault.victim.startswith("broker")]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_an_hour_with_three_brokers_has_sixty_faults_and_every_kind(seed: int):
    plan = plan_of(seed, 1800, cluster=True, api=True, postgres=True)

    assert len(plan) >= 60
    assert {fault.kind for fault in plan} == (set(KINDS) | set(CLUSTER_KINDS)) - THROUGH_PROXY
    assert {fault.victim for fault in of_brokers(plan)} == {*BROKERS, "brokers"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_broker_is_not_hit_before_the_fault_of_another_one_is_over(seed: int):
    for before, after in pairwise(of_brokers(plan_of(seed, 1800, cluster=True))):
        assert before.at_s + before.for_s < after.at_s


def test_the_first_faults_are_those_of_brokers_by_turns_with_others():
    faults, seconds = first_faults(plan_of(1, 3000, cluster=True), 16)

    assert len(faults) == 16
    assert 7 <= len(of_brokers(faults)) <= 9
    assert all(fault.at_s + fault.for_s < seconds for fault in faults)


def test_without_namespaces_nothing_is_cut_off():
    kinds = {fault.kind for fault in plan_of(1, 1800, cluster=True, namespaces=False)}

    assert not {name for name in kinds if name.startswith(("cut-", "isolate-"))}
    assert {"wipe-broker", "roll-brokers", "kill-two-brokers"} <= kinds


def test_each_kind_of_fault_can_be_done():
    assert set(KINDS) | set(CLUSTER_KINDS) <= set(HOW) | set(CLUSTER_HOW)


def test_targets_are_met_or_missed_and_what_was_never_seen_is_missed():
    assert [("MISSED" in line) for line in targets([4.0, 20.0, 190.0])] == [False, True]
    assert [("MISSED" in line) for line in targets([4.0, None, None])] == [True, True]
    assert list(targets([])) == []
