"""What is refused is counted once, and what was put back is left in peace."""

import orjson
import pytest

from fixtrail.all_settings import Settings
from fixtrail.operations import dead_letters
from fixtrail.operations.dead_letters import (
    Letter,
    letters_to_redrive,
    letters_to_repair,
    list_letters,
    redrive_chosen,
)
from schemas.dead_letter import DeadLetter, read_dead_letter
from schemas.decode import MAX_BYTES
from schemas.topics import DEAD_LETTERS
from tests.workshop import checked_in

BAD = b'{"lane":"express"}'


def letter(offset: int, refused: int, code: str = "invalid_field", topic: str = "service-events") -> Letter:
    dead_letter = DeadLetter(code, "lane: not known", topic, 0, refused, 1000 + offset)
    return Letter(0, offset, b"V1", BAD, (), dead_letter, len(BAD))


def mark(offset: int, of: int) -> Letter:
    return Letter(0, offset, b"0:1", None, (), DeadLetter("redriven", "put back", DEAD_LETTERS, 0, of, 0), None)


@pytest.fixture(autouse=True)
def letters(monkeypatch) -> list[Letter]:
    """Record 7 was refused twice, with a crash in between; record 8 was put back; the last is a journey's row."""
    letters = [
        letter(0, 7),
        letter(1, 8),
        letter(2, 7),
        mark(3, of=1),
        letter(4, 9, "not_json"),
        letter(5, 9, "row_refused", "journeys"),
    ]

    async def all_of_them(_settings, _topic):
        for letter in letters:
            yield letter

    monkeypatch.setattr(dead_letters, "_letters", all_of_them)
    return letters


async def test_a_record_refused_twice_counts_once():
    listed = await list_letters(Settings(), newest=10)

    assert listed.codes == {"invalid_field": 2, "not_json": 1, "row_refused": 1}
    assert listed.redriven == 1
    assert [(letter.offset, letter.redriven) for letter in listed.newest] == [
        (0, False),
        (1, True),
        (4, False),
        (5, False),
    ]


async def test_what_was_put_back_says_so():
    letters = await letters_to_redrive(Settings(), (), "invalid_field")

    assert [(letter.offset, letter.redriven) for letter in letters] == [(0, False), (1, True)]


async def test_only_events_that_wait_are_written_out_to_be_repaired():
    assert [letter.offset async for letter in letters_to_repair(Settings(), None)] == [0, 4]
    assert [letter.offset async for letter in letters_to_repair(Settings(), "invalid_field")] == [0]


UNCUT_VALUE = orjson.dumps(checked_in("08:00"))
ORIGIN = DeadLetter("row_refused", "", "service-events", 0, 10, 0, value_cut=99)
CUT = Letter(0, 6, b"V1", UNCUT_VALUE[:40], (), ORIGIN, 40)


@pytest.mark.parametrize("force", [False, True])
async def test_a_cut_letter_is_not_put_back_even_by_force(letters: list[Letter], force: bool):
    letters.append(CUT)
    lines: list[str] = []

    assert not await redrive_chosen(
        Settings(), {CUT.position}, None, {}, max_bytes=MAX_BYTES, dry_run=False, force=force, say=lines.append
    )
    assert lines[0] == (
        "0:6 (row_refused) passed over: it was cut, only 40 of 99 bytes are here (--file puts back the whole event)"
    )


async def test_a_cut_letter_goes_back_with_the_whole_event(letters: list[Letter]):
    letters.append(CUT)
    lines: list[str] = []

    values = {CUT.position: UNCUT_VALUE}
    assert await redrive_chosen(
        Settings(), {CUT.position}, None, values, max_bytes=MAX_BYTES, dry_run=True, force=False, say=lines.append
    )
    assert lines[0] == "0:6 (row_refused) would be put back"


def test_a_letter_says_how_much_was_cut():
    assert CUT.as_json()["cut_from_bytes"] == 99
    assert read_dead_letter(ORIGIN.headers()) == ORIGIN
