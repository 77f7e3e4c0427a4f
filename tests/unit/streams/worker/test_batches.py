"""How large the batches of a partition's records are, and whose turn comes first."""

from types import SimpleNamespace

from faust.types import TP

from streams.worker.batches import batch_scheduler

FIRST, SECOND = TP("service-events", 0), TP("service-events", 1)


def batches_of(most: int, **fetched: int) -> list[tuple[TP, int]]:
    """(partition, number of records) of each batch, given how many records were fetched."""
    partitions = {"first": FIRST, "second": SECOND}
    records = {
        partitions[name]: [SimpleNamespace(offset=offset, timestamp=0, timestamp_type=0) for offset in range(number)]
        for name, number in fetched.items()
    }
    return [(tp, len(batch.value)) for tp, batch in batch_scheduler(most)().iterate(records)]


def test_what_a_partition_is_behind_comes_in_large_batches():
    assert batches_of(16_000, first=20_000) == [(FIRST, 16_000), (FIRST, 4_000)]


def test_a_partition_that_is_level_comes_first_and_waits_for_no_other():
    assert batches_of(1000, first=2500, second=3) == [(SECOND, 3), (FIRST, 1000), (FIRST, 1000), (FIRST, 500)]
