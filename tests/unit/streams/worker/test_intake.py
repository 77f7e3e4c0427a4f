"""What comes in: events, dead letters, and the worker that stops when too much is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.dead_letter import read_dead_letter
from streams.worker.crash_marks import CRASHES, CrashMarks
from streams.worker.intake import LONGEST_RUN, SHARE, SHARE_OF, DeadLetterLimitError, Intake
from tests.kafka_record import KafkaRecord, record_of
from tests.workshop import surveyed

GOOD = record_of(surveyed("08:00", event_id="e"))
BAD = KafkaRecord(b"no json")


def records(*pattern: bool, partition: int = 0) -> Iterator[KafkaRecord]:
    """A good record for each True, a bad one for each False."""
    for offset, good in enumerate(pattern):
        value = GOOD.value if good else BAD.value
        yield KafkaRecord(value, offset=offset, partition=partition)


# Sorting out


def test_good_records_become_events_and_bad_ones_dead_letters_by_offset():
    admitted = Intake().admit(records(True, False, True))

    assert [offset for offset, _ in admitted.events] == [0, 2]
    assert [(record.offset, letter.code) for record, letter in admitted.refused] == [(1, "not_json")]


def test_a_dead_letter_says_where_its_record_came_from():
    bad = KafkaRecord(b"", topic="service-events", partition=3, offset=17, timestamp=99, headers=(("trace", b"x"),))
    ((record, letter),) = Intake().admit([bad]).refused

    headers = letter.headers(record.headers)

    assert (letter.topic, letter.partition, letter.offset, letter.timestamp) == ("service-events", 3, 17, 99)
    assert headers[0] == ("trace", b"x")
    assert read_dead_letter(headers) == letter


def test_a_record_refused_once_more_tells_only_of_the_last_time():
    ((record, letter),) = Intake().admit([BAD]).refused
    again = KafkaRecord(b"no json", offset=9, headers=tuple(letter.headers(record.headers)))
    ((record, letter),) = Intake().admit([again]).refused

    assert read_dead_letter(letter.headers(record.headers)).offset == 9
    assert len(letter.headers(record.headers)) == 6


def test_what_is_no_dead_letter_of_ours_is_not_read_as_one():
    with pytest.raises(ValueError, match="fixtrail-topic is missing"):
        read_dead_letter([("fixtrail-code", b"not_json"), ("fixtrail-reason", b"x")])


def test_the_limits_of_a_record_can_be_set():
    assert Intake(max_bytes=10).admit([GOOD]).refused[0][1].code == "too_large"
    late = record_of(surveyed("08:00"), timestamp=1)
    assert Intake(ahead_ms=10**15).admit([late]).refused == []


def test_fields_nobody_knows_are_counted_by_name():
    intake = Intake()
    intake.admit([record_of(surveyed("08:00", plate="x")), record_of(surveyed("08:00", plate="y", note="z"))])

    assert intake.extras == {"plate": 2, "note": 1}


def test_free_text_in_the_place_of_codes_is_counted_by_field():
    intake = Intake()
    intake.admit([record_of(surveyed("08:00", reasons=["wait"])), record_of(surveyed("08:00", reasons=["x" * 65]))])

    assert intake.free_text == {"reasons": 1}


def test_names_without_end_are_counted_together():
    intake = Intake()
    intake.admit(record_of(surveyed("08:00", **{f"field-{number}": 1, "plate": 1})) for number in range(300))

    assert len(intake.extras) <= 101
    assert intake.extras["plate"] == 300
    assert sum(intake.extras.values()) == 600


# Too many dead letters


def test_fifty_bad_records_in_a_row_stop_the_worker():
    with pytest.raises(DeadLetterLimitError, match="partition 2: 50 records in a row"):
        Intake().admit(records(*[False] * LONGEST_RUN, partition=2))


def test_a_good_record_in_between_begins_the_row_anew():
    row = [False] * (LONGEST_RUN - 1)

    assert len(Intake().admit(records(*row, True, *row)).refused) == 2 * (LONGEST_RUN - 1)


def test_rows_are_counted_by_partition():
    intake = Intake()
    for _ in range(LONGEST_RUN - 1):
        intake.admit(records(False, partition=0))
        intake.admit(records(False, partition=1))

    with pytest.raises(DeadLetterLimitError):
        intake.admit(records(False, partition=1))


def test_a_row_goes_on_from_batch_to_batch():
    intake = Intake()
    intake.admit(records(*[False] * (LONGEST_RUN - 1)))

    with pytest.raises(DeadLetterLimitError):
        intake.admit(records(False))


def test_more_than_five_percent_of_the_last_five_thousand_stop_the_worker():
    allowed = int(SHARE * SHARE_OF)
    intake = Intake()
    for _ in range(allowed):
        intake.admit(records(False, True))

    with pytest.raises(DeadLetterLimitError, match=r"5\.0%|5\.1%"):
        intake.admit(records(False))


def test_five_percent_for_ever_do_not():
    intake = Intake()

    for _ in range(2 * SHARE_OF // 20):
        intake.admit(records(False, *[True] * 19))


def test_what_was_refused_long_ago_is_forgotten():
    intake = Intake()
    for _ in range(int(SHARE * SHARE_OF)):
        intake.admit(records(False, True))
    intake.admit([GOOD] * SHARE_OF)

    assert len(intake.admit(records(False)).refused) == 1


def test_the_message_says_what_to_do_and_no_value():
    bad = KafkaRecord(json.dumps(surveyed("08:00", score=["canary"])).encode())

    with pytest.raises(DeadLetterLimitError) as stopped:
        Intake().admit([bad] * LONGEST_RUN)

    assert "FIXTRAIL_DEAD_LETTER_LIMITS=false" in str(stopped.value)
    assert "canary" not in str(stopped.value)


def test_the_limits_can_be_turned_off():
    assert len(Intake(limits=False).admit(records(*[False] * 400)).refused) == 400


# Records that our own rules fail on


def test_a_record_that_ended_the_worker_three_times_is_diverted():
    admitted = Intake().admit(records(True, True, True), crashed={(0, 1)})

    assert [offset for offset, _ in admitted.events] == [0, 2]
    assert [(record.offset, letter.code) for record, letter in admitted.refused] == [(1, "internal_error")]


def test_crash_marks_outlive_the_process(tmp_path: Path):
    path = tmp_path / "new" / "crashes.json"
    for _ in range(CRASHES - 1):
        CrashMarks(path).mark(2, 17)
    assert CrashMarks(path).given_up() == set()
    assert CrashMarks(path).holds(2, 17)

    CrashMarks(path).mark(2, 17)

    assert CrashMarks(path).given_up() == {(2, 17)}


def test_a_mark_ahead_makes_the_worker_go_record_by_record_until_it_is_past_it(tmp_path: Path):
    marks = CrashMarks(tmp_path / "crashes.json")
    marks.mark(2, 17)

    assert marks.holds(2, 10)
    assert not marks.holds(2, 18)
    assert not marks.holds(1, 10)


def test_what_was_given_up_slows_nothing_down_any_more(tmp_path: Path):
    marks = CrashMarks(tmp_path / "crashes.json")
    for _ in range(CRASHES):
        marks.mark(2, 17)

    assert not marks.holds(2, 10)


@pytest.mark.parametrize("content", ["", "{", '{"2:17": 1'])
def test_a_file_of_marks_that_cannot_be_read_is_begun_anew(tmp_path: Path, content: str):
    path = tmp_path / "crashes.json"
    path.write_text(content)

    marks = CrashMarks(path)
    marks.mark(0, 1)

    assert CrashMarks(path).holds(0, 1)
    assert sorted(tmp_path.iterdir()) == [path]
