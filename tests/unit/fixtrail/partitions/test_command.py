"""Which brokers keep producers from a topic that is moved."""

from fixtrail.all_settings import Settings
from fixtrail.partitions.command import can_be_closed


def test_only_the_embedded_broker_closes_a_topic(tmp_path):
    assert can_be_closed(Settings(data=tmp_path))
    assert not can_be_closed(Settings(data=tmp_path, kafka="kafka.workshop.test:9092"))


def test_apache_kafka_of_one_machine_cannot_either(tmp_path):
    (tmp_path / "kafka").mkdir()

    assert not can_be_closed(Settings(data=tmp_path))
