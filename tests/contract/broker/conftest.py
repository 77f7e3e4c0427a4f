from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.broker.brokers import RunningBroker, start_broker
from tests.contract.broker.clients import Lab
from tests.kafka_cluster import apache_kafka, require_kafka

__all__ = ["apache_kafka"]

KINDS = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(scope="session", params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """One broker of each kind for all tests that leave it running."""
    if request.param == "kafka":
        yield request.getfixturevalue("apache_kafka")
        return
    running = start_broker("embedded", tmp_path_factory.mktemp("embedded-broker"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def lab(broker: RunningBroker) -> Lab:
    """Clients of the shared broker, with topic and group names of their own for every test."""
    return Lab(broker.bootstrap)


class OwnBroker:
    """A broker that the test may kill and start again; its port stays."""

    def __init__(self, kind: str, data: Path) -> None:
        self.kind = kind
        self.data = data
        self.running = start_broker(kind, data)
        self.lab = Lab(self.running.bootstrap)

    def start(self) -> None:
        self.running = start_broker(self.kind, self.data)


@pytest.fixture(params=KINDS)
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker of each kind for this test alone."""
    if request.param == "kafka":
        require_kafka()
    own = OwnBroker(request.param, tmp_path)
    yield own
    own.running.kill()
