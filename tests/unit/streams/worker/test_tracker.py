"""How the worker hands a book's changes to the outbox: what is deleted, and when; what is diverted, and why."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.failure import BUG
from runtime.progress import Progress
from schemas.dead_letter import read_dead_letter
from streams.worker.app import WorkerConfig
from streams.worker.crash_marks import CRASHES, CrashMarks
from streams.worker.outbox import Rows
from streams.worker.tracker import Tracker
from tests.kafka_record import KafkaRecord, record_of
from tests.workshop import checked_in, repaired_visit, surveyed

KEY = b'["V1","C1","R1"]'
ORDERS = ("orders-changelog", 0)


class FakeTable:
    """A table of one partition."""

    def __init__(self, name: str) -> None:
        self.data: dict[bytes, bytes] = {}
        self._name = name

    def partition(self, number: int) -> dict[bytes, bytes]:
        return self.data

    def changelog_name(self) -> str:
        return f"{self._name}-changelog"


class FakeTables:
    def __init__(self) -> None:
        self.orders, self.vehicles, self.hours = (FakeTable(name) for name in ("orders", "vehicles", "hours"))


class FakeOutbox:
    """Keeps what it is given; a batch is done when the test says so."""

    def __init__(self) -> None:
        self.changelogs: list[Rows] = []
        self.outputs: list[Rows] = []
        self.done: list[Callable[[], None]] = []

    async def put(self, outputs: Rows, changelog: Rows, done: Callable[[], None]) -> None:
        self.changelogs.append(changelog)
        self.outputs.append(outputs)
        self.done.append(done)

    def letters(self) -> list[tuple[bytes | None, str]]:
        """Value and code of each dead letter of the last batch."""
        letters_of_batch = self.outputs[-1].get(("service-events.dead-letter", 0), [])
        return [(value, read_dead_letter(headers).code) for _, value, headers in letters_of_batch]

    def deletes(self) -> bool:
        """Whether the last batch deletes the order from the log."""
        return (KEY, None, []) in self.changelogs[-1].get(ORDERS, [])


def tracker_with(tables: FakeTables, outbox: FakeOutbox, folder: Path, **settings: Any) -> Tracker:
    config = WorkerConfig(kafka={}, data=folder, partitions=1, **settings)
    return Tracker(config, tables, outbox, CrashMarks(folder / "marks"), Progress())  # type: ignore[arg-type]


def records(offset: int, *events: dict[str, Any]) -> list[KafkaRecord]:
    return [record_of(event, offset=offset + number) for number, event in enumerate(events)]


def elsewhere(day: int) -> dict[str, Any]:
    return checked_in("12:00", day, vehicle_id="V9", order_id="R9")


async def test_an_order_let_go_is_deleted_only_once_the_log_says_that_it_was(tmp_path: Path):
    tables, outbox = FakeTables(), FakeOutbox()
    tracker = tracker_with(tables, outbox, tmp_path)
    await tracker.process(records(0, *repaired_visit()), lambda: None)  # type: ignore[arg-type]
    await tracker.process(records(10, elsewhere(61)), lambda: None)  # type: ignore[arg-type]
    assert KEY not in tables.orders.data
    assert not outbox.deletes()

    await tracker.process(records(11, elsewhere(62)), lambda: None)  # type: ignore[arg-type]
    assert not outbox.deletes()

    for done in outbox.done:
        done()
    await tracker.process(records(12, elsewhere(63)), lambda: None)  # type: ignore[arg-type]
    assert outbox.deletes()

    await tracker.process(records(13, elsewhere(64)), lambda: None)  # type: ignore[arg-type]
    assert not outbox.deletes()


async def test_a_deletion_that_a_crash_prevented_is_made_up_for(tmp_path: Path):
    tables, outbox = FakeTables(), FakeOutbox()
    tracker = tracker_with(tables, outbox, tmp_path)
    await tracker.process(records(0, *repaired_visit()), lambda: None)  # type: ignore[arg-type]
    state = tables.orders.data[KEY]
    await tracker.process(records(10, elsewhere(61)), lambda: None)  # type: ignore[arg-type]
    tables.orders.data[KEY] = state  # as the log still has it

    restarted = tracker_with(tables, outbox, tmp_path)
    await restarted.process(records(11, surveyed("12:00", 62, vehicle_id="V9", order_id="R9")), lambda: None)  # type: ignore[arg-type]

    assert KEY not in tables.orders.data
    assert outbox.deletes()


async def test_what_the_rules_do_not_take_is_a_dead_letter_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tables, outbox = FakeTables(), FakeOutbox()
    tracker = tracker_with(tables, outbox, tmp_path)
    await tracker.process(records(0, *repaired_visit(), elsewhere(61)), lambda: None)  # type: ignore[arg-type]
    monkeypatch.setattr("streams.journey.order.FULL_BYTES", 0)
    sent = records(10, surveyed("12:00", 1), surveyed("12:00", 62, vehicle_id="V9", order_id="R9"))

    await tracker.process(sent, lambda: None)  # type: ignore[arg-type]

    assert outbox.letters() == [(sent[0].value, "too_late"), (sent[1].value, "order_full")]


async def test_a_record_that_unpacked_to_more_than_the_dead_letter_topic_takes_is_cut(tmp_path: Path):
    """Kafka limits what is sent, packed; a worker that could not write the letter would stop for ever."""
    outbox = FakeOutbox()
    sent = [replace(record_of(checked_in("08:00"), offset=size), value=b"x" * size) for size in (8_000_000, 20_000_000)]

    await tracker_with(FakeTables(), outbox, tmp_path).process(sent, lambda: None)  # type: ignore[arg-type]

    (letter, code), (cut, _) = outbox.letters()
    assert (letter, code) == (sent[0].value, "too_large")
    assert cut == b"x" * 1_000_000


@pytest.mark.parametrize("old_notices", [False, True])
async def test_notices_that_are_years_too_old_are_written_only_where_asked_for(tmp_path: Path, old_notices: bool):
    outbox = FakeOutbox()
    tracker = tracker_with(FakeTables(), outbox, tmp_path, old_notices=old_notices)

    await tracker.process(records(0, *repaired_visit(day=-2000)), lambda: None)  # type: ignore[arg-type]

    assert [topic for topic, _ in outbox.outputs[-1]] == [*(["notices"] * old_notices), "journeys", "center-hours"]


@pytest.mark.parametrize("shortage", [MemoryError(), OSError(28, "No space left on device")])
async def test_without_memory_or_disk_the_worker_ends_and_no_record_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortage: Exception
):
    class Ended(BaseException):
        pass

    def end(reason: str, code: int) -> None:
        assert (code, "no more memory" in reason) == (BUG, True)
        raise Ended

    def refuse(*_: object) -> None:
        raise shortage

    monkeypatch.setattr("streams.worker.tracker.fail_stop", end)
    monkeypatch.setattr("streams.journey.partition_state.PartitionState.apply", refuse)
    tracker = tracker_with(FakeTables(), FakeOutbox(), tmp_path)

    for _ in range(CRASHES):
        with pytest.raises(Ended):
            await tracker.process(records(0, *repaired_visit()), lambda: None)  # type: ignore[arg-type]
    assert CrashMarks(tmp_path / "marks").given_up() == set()
    assert not CrashMarks(tmp_path / "marks").holds(0, 0)
