"""Record batches byte by byte: what a producer of somebody else's may send, sound or not."""

import time
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.structs import TopicPartition

from fixtrail.local.broker.batch import HEADER, HEADER_SIZE, reseal

NO_HEADERS = b"\x00"


def number(value: int) -> bytes:
    """A varint in zigzag."""
    value, out = (value << 1) ^ (value >> 63), bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(content: bytes | None) -> bytes:
    """Bytes behind their length."""
    return number(-1) if content is None else number(len(content)) + content


def headers(*named: tuple[bytes | None, bytes | None]) -> bytes:
    return number(len(named)) + b"".join(text(name) + text(content) for name, content in named)


def record(
    index: int, key: bytes | None, value: bytes | None, stated: bytes = NO_HEADERS, *, later_ms: int = 0
) -> bytes:
    """A record at a place of its batch; `stated` are its headers as bytes."""
    body = b"\x00" + number(later_ms) + number(index) + text(key) + text(value) + stated
    return number(len(body)) + body


def batch(
    records: Sequence[bytes] | bytes, *, count: int | None = None, codec: int = 0, at_ms: int | None = None
) -> bytes:
    """A batch with a CRC that fits; packed records are given as they are, with their `count`."""
    content = records if isinstance(records, bytes) else b"".join(records)
    count = len(records) if count is None else count
    at = int(time.time() * 1000) if at_ms is None else at_ms
    size = HEADER_SIZE + len(content) - 12
    data = bytearray(HEADER.pack(0, size, 0, 2, 0, codec, count - 1, at, at, -1, -1, -1, count) + content)
    reseal(data)
    return bytes(data)


async def produce(bootstrap: str, topic: str, data: bytes, partition: int = 0) -> int:
    """The broker's error for a batch, 0 where it took it."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        answer = await client.send(leader, ProduceRequest(None, -1, 10_000, [(topic, [(partition, data)])]))
        return int(answer.topics[0][1][0][1])
    finally:
        await client.close()
