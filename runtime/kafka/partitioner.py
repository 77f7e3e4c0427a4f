"""The partition that Kafka's default partitioner gives a key."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic that has so many."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
