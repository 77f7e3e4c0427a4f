"""What befalls the machines under the boxes: which test or fault shows it, what is told, what is kept."""

from typing import NamedTuple


class Shortage(NamedTuple):
    """`proofs` are files below tests/ with a test's name, or kinds of faults."""

    shortage: str
    proofs: tuple[str, ...]
    boxes: str
    signs: str
    unharmed: str


SHORTAGES = (
    Shortage(
        "disk of the ledger full",
        ("unit/sinks/push/ledger/test_full_disk.py::test_sends_wait_for_room_and_are_planned_once",),
        "push sink, reports box",
        "log, `/readyz` and `status`: not ready, the ledger is away",
        "what is under way waits in memory, the rest in Kafka; written once",
    ),
    Shortage(
        "disk of ClickHouse full",
        (
            "fill-clickhouse-disk",
            "unit/fixtrail/clickhouse/test_query.py::test_an_answer_that_a_full_disk_has_cut_off_is_no_answer",
        ),
        "writer; whatever asks",
        "log, `/readyz`, alert ClickHouseAway: `NOT_ENOUGH_SPACE`; an answer without its rows is refused",
        "rows wait in Kafka",
    ),
    Shortage(
        "clock set by an hour, forward or back",
        (
            "integration/test_clock_jumps.py::"
            "test_every_box_says_that_its_clock_was_set_and_nobody_hears_what_is_not_so",
            "integration/test_clock_jumps.py::test_customers_are_told_once_though_the_clock_was_wrong",
            "integration/test_scarcity.py::test_a_clock_that_jumps_by_an_hour_changes_no_figure",
            "unit/runtime/test_clock.py::test_heartbeats_go_on_after_the_clock_was_set_back",
        ),
        "all",
        "log, `/healthz`, `fixtrail_*_clock_jumps_total`, alert ClockJumped, `status`",
        "figures, sessions, leases, the ledger; for a minute nobody is told anything new",
    ),
    Shortage(
        "no more memory",
        ("integration/test_scarcity.py::test_boxes_out_of_memory_lose_nothing",),
        "workers, writer, push sink",
        "log, exit code 70, alert BoxRestarts",
        "everything; no record is blamed for it",
    ),
    Shortage(
        "no more files to open",
        (
            "integration/test_scarcity.py::test_boxes_that_may_open_no_more_files_go_on_once_they_may",
            "unit/sinks/push/test_lane.py::test_a_machine_without_files_or_memory_loses_no_message",
        ),
        "all",
        "log once in ten seconds, `status`: stuck, alerts OpenFilesRunOut (before) and BoxDown",
        "everything; messages are sent once there are files",
    ),
    Shortage(
        "a name moves to another address",
        ("contract/consumers/test_surroundings.py::test_a_name_that_moves_to_another_address_is_looked_up_anew",),
        "writer",
        "log and `/readyz` until it answers there",
        "rows wait in Kafka",
    ),
    Shortage(
        "all brokers get other addresses",
        (
            "contract/consumers/test_surroundings.py::"
            "test_brokers_that_all_move_to_other_addresses_are_found_by_the_bootstrap_servers",
        ),
        "all",
        "log and `/readyz` until the bootstrap servers say where they are",
        "everything",
    ),
    Shortage(
        "retention shorter than an outage",
        (
            "contract/consumers/test_surroundings.py::"
            "test_records_deleted_in_an_outage_are_counted_and_told_and_the_rest_goes_on",
        ),
        "worker, writer, push sink",
        "log, `lost_records`, alert RecordsLost, `status`",
        "all that Kafka still had",
    ),
    Shortage(
        "stopped (SIGSTOP) for 60 s",
        ("integration/test_scarcity.py::test_boxes_that_stood_still_for_a_minute_go_on", "freeze-beyond-session"),
        "all",
        "log; exit code 75 where its partitions are gone, alert BoxRestarts",
        "everything; nothing is written twice",
    ),
)


def rows() -> list[tuple[str, ...]]:
    """The table of docs/reliability.md."""
    head = ("what", "shown by", "boxes", "told by", "kept")
    return [head, *((row.shortage, _proofs(row.proofs), row.boxes, row.signs, row.unharmed) for row in SHORTAGES)]


def _proofs(proofs: tuple[str, ...]) -> str:
    files = dict.fromkeys(f"`{proof.partition('::')[0]}`" if "::" in proof else f"fault {proof}" for proof in proofs)
    return ", ".join(files)
