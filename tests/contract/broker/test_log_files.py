"""The embedded broker's partition log on disk, compared with a list of records in memory."""

import asyncio
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from fixtrail.local.broker import compaction
from fixtrail.local.broker.batch import read_header
from fixtrail.local.broker.compaction import compact
from fixtrail.local.broker.config import parse_config
from fixtrail.local.broker.log import PartitionLog

NOW_MS = int(time.time() * 1000)


@dataclass
class Model:
    """What the log should hold, as (offset, timestamp, key, value)."""

    records: list[tuple[int, int, bytes, bytes | None]] = field(default_factory=list)
    end: int = 0


@pytest.mark.parametrize("seed", range(8))
def test_any_read_gives_what_was_appended(tmp_path: Path, seed: int) -> None:
    """Also after a restart, and with batches and segments of any size."""
    chance = random.Random(seed)
    config = parse_config({"segment.bytes": str(chance.choice([2_000, 20_000, 200_000]))})
    log, model = PartitionLog(tmp_path, config), Model()
    for _ in range(chance.randint(1, 120)):
        _append(log, model, chance, chance.choice([1, 1, 3, 40]), chance.choice([0, 10, 500, 9_000]))
        if chance.random() < 0.05:
            log = _reopened(log, config, chance)

    for _ in range(60):
        offset, most = chance.randint(0, model.end), chance.choice([1, 300, 5_000, 60_000, 10**7])
        records, following = _read(log, offset, most)
        assert records == [record for record in model.records if offset <= record[0] < following]
        assert following > offset or offset == model.end
    assert _read_all(log) == model.records
    for _ in range(20):
        timestamp = NOW_MS + chance.randint(-100_000, 200_000)
        expected = next(((record[0], record[1]) for record in model.records if record[1] >= timestamp), None)
        assert log.offset_for_time(timestamp) == expected


@pytest.mark.parametrize("seed", range(8))
def test_compaction_keeps_the_newest_of_every_key(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(compaction, "REST_S", 0.0)
    monkeypatch.setattr(compaction, "MOST_KEYS", chance.choice([3, 250_000]))
    settings = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "1000000"}
    config = parse_config({**settings, "segment.bytes": str(chance.choice([2_000, 20_000]))})
    log, model = PartitionLog(tmp_path, config), Model()
    for _ in range(4):
        for _ in range(chance.randint(1, 40)):
            _append(log, model, chance, chance.choice([1, 5, 20]), chance.choice([10, 300]))
        for _ in range(chance.randint(0, 3)):
            asyncio.run(compact(log))
        if chance.random() < 0.5:
            log = _reopened(log, config, chance)
    while log.cleaned_to < log.active.base:
        asyncio.run(compact(log))

    closed = [record for record in model.records if record[0] < log.active.base]
    newest = {record[2]: record[0] for record in closed}
    remaining = [record for record in model.records if record[0] >= log.active.base or newest[record[2]] == record[0]]
    assert _read_all(log) == remaining
    assert (log.start, log.end) == (0, model.end)
    for _ in range(20):
        offset = chance.randint(0, model.end)
        records, following = _read(log, offset, 10**7)
        assert records == [record for record in remaining if offset <= record[0] < following]
        assert following > offset or offset == model.end
    assert _read_all(_reopened(log, config, chance)) == remaining


def test_old_tombstones_go(tmp_path: Path) -> None:
    settings = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0"}
    log, model = PartitionLog(tmp_path, parse_config(settings)), Model()
    chance = random.Random(1)
    _append(log, model, chance, 30, 10)
    time.sleep(0.01)
    log.roll()
    asyncio.run(compact(log))

    assert all(value is not None for _, _, _, value in _read_all(log))
    assert log.end == model.end


def _append(log: PartitionLog, model: Model, chance: random.Random, count: int, size: int) -> None:
    builder = DefaultRecordBatchBuilder(2, chance.choice([0, 0, 1]), 0, -1, -1, -1, 1 << 30)
    for number in range(count):
        key = b"order-%d" % chance.randint(0, 15)
        value = None if chance.random() < 0.1 else chance.randbytes(chance.randint(0, size))
        timestamp = NOW_MS + model.end * 10 + chance.randint(-500, 500)
        builder.append(number, timestamp=timestamp, key=key, value=value, headers=[])
        model.records.append((model.end, timestamp, key, value))
        model.end += 1
    batch = bytearray(builder.build())
    assert log.append(batch, read_header(batch)) == model.end - count


def _read(log: PartitionLog, offset: int, most: int) -> tuple[list[tuple[int, int, bytes, bytes | None]], int]:
    """One fetch as a consumer sees it: the records, and the offset from which it reads on."""
    part = log.slice(offset, most, committed=False, at_least_one=True)
    if part is None:
        return [], offset
    data = part.read()
    assert len(data) <= max(most, read_header(data).size)
    records = []
    batches = MemoryRecords(data)
    while batches.has_next():
        batch = batches.next_batch()
        assert isinstance(batch, DefaultRecordBatch)
        assert batch.validate_crc()
        records += [
            (record.offset, record.timestamp, record.key, record.value) for record in batch if record.offset >= offset
        ]
        following = batch.next_offset
    return records, following


def _read_all(log: PartitionLog) -> list[tuple[int, int, bytes, bytes | None]]:
    records: list[tuple[int, int, bytes, bytes | None]] = []
    offset = log.start
    while offset < log.end:
        tail, following = _read(log, offset, 50_000)
        assert following > offset
        records += tail
        offset = following
    return records


def _reopened(log: PartitionLog, config: object, chance: random.Random) -> PartitionLog:
    """The log as a new process finds it: after an orderly stop, or after a kill in the middle of a write."""
    if chance.random() < 0.5:
        log.checkpoint()
    log.close()
    if log.active.path.exists() and chance.random() < 0.5:
        with log.active.path.open("ab") as tail:
            tail.write(chance.randbytes(chance.randint(1, 100)))
    copy = log.folder.with_name(log.folder.name + "x")
    shutil.copytree(log.folder, copy)
    return PartitionLog(copy, log.config)
