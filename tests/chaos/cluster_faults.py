"""Faults that only several brokers can have: cut off from each other, wiped, restarted in turn, the majority away."""

import asyncio
import signal
import time
from collections.abc import Callable

from aiokafka.errors import KafkaError

from tests.chaos.cluster import BROKERS, NODES, Cluster, node_of
from tests.chaos.faults import Chaos
from tests.chaos.plan import Fault
from tests.stack import wait_for

IN_SYNC_LIMIT_S = 240.0


def kill_controller(chaos: Chaos, fault: Fault) -> None:
    """The broker that leads the controllers dies."""
    _away(chaos, [f"broker-{_cluster(chaos).controller()}"], fault.for_s)


def kill_two_brokers(chaos: Chaos, fault: Fault) -> None:
    """Neither the controllers' quorum nor min.insync.replicas is left for a while."""
    _away(chaos, [name for name in BROKERS if name != fault.detail], fault.for_s)


def wipe_broker(chaos: Chaos, fault: Fault) -> None:
    """A broker dies with its disk, and comes back with an empty one; not before the others have everything."""
    fleet, cluster = chaos.fleet, _cluster(chaos)
    wait_in_sync(cluster)
    fleet.stop(fault.victim, number=signal.SIGKILL)
    try:
        cluster.wipe(node_of(fault.victim))
    finally:
        fleet.want(fault.victim)
    wait_in_sync(cluster)


def roll_brokers(chaos: Chaos, _: Fault) -> None:
    """Every broker is restarted in good order, one after the other, each once all replicas are in sync."""
    fleet, cluster = chaos.fleet, _cluster(chaos)
    for name in BROKERS:
        wait_in_sync(cluster)
        fleet.stop(name)
        fleet.want(name)
        fleet.wait_ready(name)
    wait_in_sync(cluster)


def cut_from_boxes(chaos: Chaos, fault: Fault) -> None:
    """The brokers see each other, no box sees this one: it keeps its partitions, which nobody reaches."""
    _cut(chaos, fault, boxes=True)


def cut_from_brokers(chaos: Chaos, fault: Fault) -> None:
    """Boxes reach a broker that the others do not: it must not acknowledge what it alone has."""
    _cut(chaos, fault, brokers=True)


def isolate_broker(chaos: Chaos, fault: Fault) -> None:
    """Nobody reaches the broker."""
    _cut(chaos, fault, boxes=True, brokers=True)


def _cut(chaos: Chaos, fault: Fault, *, boxes: bool = False, brokers: bool = False) -> None:
    network, node = _cluster(chaos).network, node_of(fault.victim)
    assert network is not None, "a plan without namespaces has no partitions"
    try:
        if boxes:
            network.cut_from_boxes(node)
        if brokers:
            network.cut_from_brokers(node)
        time.sleep(fault.for_s)
    finally:
        network.heal()


def _away(chaos: Chaos, names: list[str], seconds: float) -> None:
    chaos.fleet.stop(*names, number=signal.SIGKILL)
    try:
        time.sleep(seconds)
    finally:
        chaos.fleet.want(*names)


def _cluster(chaos: Chaos) -> Cluster:
    cluster = chaos.fleet.cluster
    assert cluster is not None, "the fleet has one broker"
    return cluster


def wait_in_sync(cluster: Cluster) -> None:
    """Return once every broker answers and every replica has what its leader has. Raises TimeoutError."""
    wait_for(lambda: _is_in_sync(cluster), IN_SYNC_LIMIT_S, "all replicas are in sync")


def _is_in_sync(cluster: Cluster) -> bool:
    if not all(cluster.answers(node) for node in NODES):
        return False
    try:
        return not asyncio.run(asyncio.wait_for(cluster.behind(), 15))
    except (KafkaError, OSError, TimeoutError):
        return False


CLUSTER_HOW: dict[str, Callable[[Chaos, Fault], None]] = {
    "kill-controller": kill_controller,
    "kill-two-brokers": kill_two_brokers,
    "wipe-broker": wipe_broker,
    "roll-brokers": roll_brokers,
    "cut-broker-from-boxes": cut_from_boxes,
    "cut-broker-from-brokers": cut_from_brokers,
    "isolate-broker": isolate_broker,
}
