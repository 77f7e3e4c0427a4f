"""Compaction and retention, which keep a long-running broker's disk from filling up."""

import asyncio
from collections.abc import Iterable

from tests.contract.broker.clients import Lab, eventually

ROLLS_AT_ONCE = {"segment_ms": "50", "min_cleanable_dirty_ratio": "0.001"}
COMPACTED = {"cleanup_policy": "compact", **ROLLS_AT_ONCE}


async def test_compaction_keeps_the_last_value_of_each_key_at_its_offset(lab: Lab) -> None:
    topic = await lab.topic(**COMPACTED)
    newest: dict[int, tuple[bytes, bytes | None]] = {}
    for generation in range(4):
        orders = [(b"order-%d" % number, b"%d" % generation) for number in range(50)]
        newest |= await _put(lab, topic, orders[: 50 - generation * 10])
    last = {key: offset for offset, (key, _) in newest.items()}

    async def compacted() -> bool:
        await _put(lab, topic, [(b"nudge", b"")])
        offsets = {record.offset for record in await lab.read_all(topic) if record.key != b"nudge"}
        return offsets == set(last.values())

    await eventually(compacted)

    end = (await lab.bounds(topic))[1]
    records = [record for record in await lab.read_all(topic) if record.key != b"nudge"]
    assert [(record.offset, record.key, record.value) for record in records] == sorted(
        (offset, *newest[offset]) for offset in last.values()
    )
    assert (await lab.bounds(topic))[0] == 0
    assert await _put(lab, topic, [(b"next", b"")]) == {end: (b"next", b"")}


async def test_reading_across_the_gaps_of_a_compacted_log(lab: Lab) -> None:
    topic = await lab.topic(**COMPACTED)
    for _ in range(3):
        await _put(lab, topic, [(b"order", b"same")] * 20)
    await _put(lab, topic, [(b"other", b"last")])

    async def compacted() -> bool:
        await _put(lab, topic, [(b"nudge", b"")])
        return len([record for record in await lab.read_all(topic) if record.key == b"order"]) == 1

    await eventually(compacted)

    for start in (0, 10, 30, 58):
        first = (await lab.read(topic, 1, start=start))[0]
        assert (first.offset, first.key) == (59, b"order")


async def test_a_deletion_is_told_for_a_while_and_then_forgotten(lab: Lab) -> None:
    topic = await lab.topic(**COMPACTED, delete_retention_ms="1200")
    await _put(lab, topic, [(b"order-1", b"open"), (b"order-2", b"open")])
    await _put(lab, topic, [(b"order-1", None)])

    async def values(key: bytes) -> list[bytes | None]:
        await _put(lab, topic, [(b"nudge", b"")])
        return [record.value for record in await lab.read_all(topic) if record.key == key]

    async def only_the_tombstone_is_left() -> bool:
        return await values(b"order-1") == [None]

    async def nothing_is_left() -> bool:
        return await values(b"order-1") == []

    await eventually(only_the_tombstone_is_left)
    await eventually(nothing_is_left)
    assert await values(b"order-2") == [b"open"]


async def test_packed_and_transactional_batches_are_compacted_too(lab: Lab) -> None:
    topic = await lab.topic(**COMPACTED)
    async with lab.producer(transactional_id=lab.name("tx"), compression_type="gzip") as producer:
        for number, commit in enumerate([True, True, False, True, False]):
            await producer.begin_transaction()
            for key in (b"order-1", b"order-2"):
                await producer.send(topic, b"%d" % number, key=key, partition=0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
            await asyncio.sleep(0.1)

    async def compacted() -> bool:
        await _put(lab, topic, [(b"nudge", b"")])
        records = await lab.read_all(topic, isolation_level="read_committed")
        all_records = [record for record in await lab.read_all(topic) if record.key != b"nudge"]
        orders = [(record.key, record.value) for record in records if record.key != b"nudge"]
        return orders == [(b"order-1", b"3"), (b"order-2", b"3")] and len(all_records) == 2

    await eventually(compacted)


async def test_old_records_are_deleted_by_time(lab: Lab) -> None:
    topic = await lab.topic(retention_ms="4000", segment_ms="50")
    await lab.send(topic, [b"%d" % number for number in range(10)])

    async def all_gone() -> bool:
        return await lab.bounds(topic) == (10, 10)

    await eventually(all_gone)
    assert await lab.send(topic, [b"new"]) == [10]
    assert [record.value for record in await lab.read(topic, 1, start=0)] == [b"new"]


async def test_old_records_are_deleted_by_size(lab: Lab) -> None:
    mebibyte = 1 << 20
    topic = await lab.topic(retention_bytes=str(2 * mebibyte), segment_bytes=str(mebibyte))
    for _ in range(6):
        await lab.send(topic, [b"x" * 100_000] * 10)

    async def mostly_gone() -> bool:
        begin, _ = await lab.bounds(topic)
        return 25 <= begin <= 40

    await eventually(mostly_gone)
    begin, end = await lab.bounds(topic)
    assert end == 60
    assert [record.offset for record in await lab.read_all(topic)] == list(range(begin, end))


async def _put(
    lab: Lab, topic: str, records: Iterable[tuple[bytes, bytes | None]]
) -> dict[int, tuple[bytes, bytes | None]]:
    """Write the records into a segment of their own; what now stands at which offset."""
    new_records = list(records)
    await asyncio.sleep(0.06)
    return dict(zip(await lab.put(topic, new_records), new_records, strict=True))
