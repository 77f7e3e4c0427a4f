"""`fixtrail dead-letters`: lists refused records with their reasons and puts repaired ones back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fixtrail.operations.topics import require_topic
from fixtrail.sealing import sealer_of
from fixtrail.settings import KafkaSettings, SendingSettings, client_options
from runtime.clock import now_ms
from runtime.failure import ExitError
from runtime.kafka.producer import open_producer
from runtime.kafka.whole_topic import FETCH_BYTES, records_of, whole_topic
from schemas.dead_letter import PREFIX, DeadLetter, original_headers, read_dead_letter
from schemas.decode import EventError, without_envelope
from schemas.event_topics import SERVICE, EventTopic

# A mark in the dead letter topic itself, in the form of a letter: which letter was put back, and when.
REDRIVEN = "redriven"
REDRIVEN_FROM = PREFIX + "redriven-from"

TopicPosition = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Letter:
    """One record of the dead letter topic; `dead_letter` is None where Fixtrail did not write it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    dead_letter: DeadLetter | None
    size: int | None
    redriven: bool = False

    @property
    def position(self) -> TopicPosition:
        return self.partition, self.offset

    @property
    def code(self) -> str:
        return self.dead_letter.code if self.dead_letter else "unknown"

    def as_json(self) -> dict[str, Any]:
        """What may be shown in a list: where it is and came from, and why; none of its content."""
        origin = self.dead_letter
        return {
            "place": f"{self.partition}:{self.offset}",
            "code": self.code,
            "reason": origin.reason if origin else "the record was not written by Fixtrail",
            "topic": origin.topic if origin else None,
            "partition": origin.partition if origin else None,
            "offset": origin.offset if origin else None,
            "timestamp_ms": origin.timestamp if origin else None,
            "bytes": self.size,
            "cut_from_bytes": origin.value_cut if origin else None,
            "redriven": self.redriven,
        }


@dataclass(slots=True)
class LetterList:
    """All dead letters by code, and the newest of them."""

    codes: Counter[str]
    redriven: int
    newest: list[Letter]

    def as_json(self) -> dict[str, Any]:
        """{total, codes: {code: count}, redriven, newest: […]}, for scripts."""
        newest = [letter.as_json() for letter in self.newest]
        return {
            "total": self.codes.total(),
            "codes": dict(self.codes.most_common()),
            "redriven": self.redriven,
            "newest": newest,
        }


def parse_position(text: str) -> TopicPosition:
    """PARTITION:OFFSET as the commands print it. Raises ExitError where it is something else."""
    partition, _, offset = text.partition(":")
    if not (partition.isdigit() and offset.isdigit()):
        raise ExitError(f"{text!r} is no PARTITION:OFFSET, as `fixtrail dead-letters list` prints it", 2)
    return int(partition), int(offset)


async def list_letters(
    settings: KafkaSettings, *, newest: int, code: str | None = None, topic: EventTopic = SERVICE
) -> LetterList:
    """Counts by code over the whole topic, and the last `newest` letters (of one code).

    A record that a worker refused again after a crash counts once, here and below.
    """
    letters, marks = [], set()
    codes: Counter[str] = Counter()
    async for letter in _distinct_letters(settings, topic):
        if letter.code == REDRIVEN and letter.dead_letter:
            marks.add((letter.dead_letter.partition, letter.dead_letter.offset))
            continue
        codes[letter.code] += 1
        if code in (None, letter.code):
            # Without its bytes: a list of many takes little memory.
            letters.append(replace(letter, key=None, value=None, headers=()))
            if len(letters) > 2 * newest + 1000:
                del letters[:-newest]
    by_time = sorted(
        letters, key=lambda letter: (letter.dead_letter.timestamp if letter.dead_letter else 0, letter.position)
    )
    newest_letters = [
        _with_redriven_mark(letter, marks) for letter in by_time[len(by_time) - min(newest, len(by_time)) :]
    ]
    return LetterList(codes, len(marks), newest_letters)


async def letter_at(settings: KafkaSettings, position: TopicPosition, topic: EventTopic = SERVICE) -> Letter:
    """One letter with its content. Raises ExitError where there is none."""
    partition, offset = position
    if partition in await require_topic(settings, topic.dead_letters):
        async with whole_topic(client_options(settings), topic.dead_letters, [partition]) as (consumer, borders):
            ((tp, (start, end)),) = borders.items()
            if start <= offset < end:
                consumer.seek(tp, offset)
                record = await consumer.getone(tp)
                if record.offset == offset:
                    return _letter(record)
    raise ExitError(f"there is no dead letter {partition}:{offset}")


async def letters_to_redrive(
    settings: KafkaSettings, places: Collection[TopicPosition], code: str | None, topic: EventTopic = SERVICE
) -> list[Letter]:
    """The letters named by place, or all of one code; each says whether it was put back before.

    Raises ExitError where a place holds none.
    """
    letters, marks = [], set()
    async for letter in _distinct_letters(settings, topic):
        if letter.code == REDRIVEN and letter.dead_letter:
            marks.add((letter.dead_letter.partition, letter.dead_letter.offset))
        elif letter.position in places or (code is not None and letter.code == code):
            letters.append(letter)
    missing = set(places) - {letter.position for letter in letters}
    if missing:
        missing_places = ", ".join(f"{partition}:{offset}" for partition, offset in sorted(missing))
        raise ExitError(f"there is no dead letter {missing_places}")
    return [_with_redriven_mark(letter, marks) for letter in letters]


async def letters_to_repair(
    settings: KafkaSettings, code: str | None, topic: EventTopic = SERVICE
) -> AsyncIterator[Letter]:
    """Every letter (of one code) of an event that was not put back yet, with its content."""
    marks = set()
    async for letter in _distinct_letters(settings, topic):
        if letter.code == REDRIVEN and letter.dead_letter:
            marks.add((letter.dead_letter.partition, letter.dead_letter.offset))
    async for letter in _distinct_letters(settings, topic):
        comes_from_events = letter.dead_letter is not None and letter.dead_letter.topic == topic.name
        if comes_from_events and letter.position not in marks and code in (None, letter.code):
            yield letter


def still_refused(
    letter: Letter, value: bytes | None, *, max_bytes: int, topic: EventTopic = SERVICE
) -> EventError | None:
    """Why these bytes would be refused again, judged by content alone; None where they would be accepted."""
    try:
        topic.decoder.decode(value, original_headers(letter.headers), max_bytes=max_bytes)
    except EventError as error:
        return error
    return None


async def redrive_chosen(
    settings: SendingSettings,
    places: Collection[TopicPosition],
    code: str | None,
    repaired: Mapping[TopicPosition, bytes],
    *,
    max_bytes: int,
    dry_run: bool,
    force: bool,
    say: Callable[[str], object],
    topic: EventTopic = SERVICE,
) -> bool:
    """Put the chosen letters back and report each; whether none was skipped.

    `repaired` are the bytes to send in place of a letter's own; longer ones than `max_bytes` would be refused.
    """
    letters = await letters_to_redrive(settings, places, code, topic)
    accepted: list[tuple[Letter, bytes | None]] = []
    skipped = 0
    for letter in letters:
        value = repaired.get(letter.position, letter.value)
        name = f"{letter.partition}:{letter.offset} ({letter.code})"
        if reason := _objection(letter, value, max_bytes, topic, force=force):
            skipped += 1
            say(f"{name} passed over: {reason}")
        else:
            accepted.append((letter, value))
            say(f"{name} {'would be put back' if dry_run else 'goes back'}")
    if accepted and not dry_run:
        await redrive(settings, accepted, topic)
    outcome = "would be put back" if dry_run else "put back"
    say(f"{len(accepted):,} {outcome}, {skipped:,} passed over")
    return not skipped


def _objection(letter: Letter, value: bytes | None, max_bytes: int, topic: EventTopic, *, force: bool) -> str | None:
    """Why the letter must not be put back with these bytes; None where it may be."""
    if letter.dead_letter is None or letter.dead_letter.topic != topic.name:
        return f"it does not come from {topic.name}"
    if (original_size := letter.dead_letter.value_cut) is not None and value == letter.value:
        size = letter.size or 0
        return f"it was cut, only {size:,} of {original_size:,} bytes are here (--file puts back the whole event)"
    if force:
        return None
    if letter.redriven:
        return "it was put back before (--force sends it all the same)"
    if refusal := still_refused(letter, value, max_bytes=max_bytes, topic=topic):
        return f"it would be refused again, {refusal} (--force sends it all the same)"
    return None


async def redrive(
    settings: SendingSettings, letters: Sequence[tuple[Letter, bytes | None]], topic: EventTopic = SERVICE
) -> None:
    """Put each letter back to its topic with the bytes given, then mark it as put back.

    Key is the vehicle (or center) of the bytes where they name one, otherwise the letter's own key. Killed between the
    two writes, a letter has no mark and may be put back again: harmless, since the same event counts once.
    """
    seal = sealer_of(settings) if topic.is_sealed else None
    await require_topic(settings, topic.name)
    async with open_producer(client_options(settings), max_request_size=2 * FETCH_BYTES, linger_ms=5) as producer:
        for letter, value in letters:
            position = f"{letter.partition}:{letter.offset}"
            name = topic.key_in(value) if value is not None else None
            key = name.encode() if name else letter.key
            headers = [*original_headers(letter.headers), (REDRIVEN_FROM, position.encode())]
            if value is None and key is None:
                raise ExitError(f"dead letter {position} has neither key nor value: repair it with --file")
            if value is not None and seal is not None:
                (sealed,) = await asyncio.to_thread(seal, [value], [headers])
                headers = headers if sealed is value else without_envelope(headers)
                value = sealed
            await producer.send_and_wait(topic.name, value, key, headers=headers)
            mark = DeadLetter(REDRIVEN, "put back", topic.dead_letters, letter.partition, letter.offset, now_ms())
            await producer.send_and_wait(
                topic.dead_letters, None, position.encode(), partition=letter.partition, headers=mark.headers()
            )


async def _distinct_letters(settings: KafkaSettings, topic: EventTopic) -> AsyncIterator[Letter]:
    """Marks, and the first letter of each refused record."""
    origins: set[tuple[str, int, int]] = set()
    async for letter in _letters(settings, topic):
        if (dead_letter := letter.dead_letter) is not None:
            origin = (dead_letter.topic, dead_letter.partition, dead_letter.offset)
            if dead_letter.code != REDRIVEN and origin in origins:
                continue
            origins.add(origin)
        yield letter


async def _letters(settings: KafkaSettings, topic: EventTopic) -> AsyncIterator[Letter]:
    """Every record of the topic up to its present end, partition by partition."""
    partitions = await require_topic(settings, topic.dead_letters)
    async for records in records_of(client_options(settings), topic.dead_letters, partitions):
        for record in records:
            yield _letter(record)


def _letter(record: Any) -> Letter:
    headers = tuple(record.headers)
    try:
        dead_letter = read_dead_letter(headers)
    except ValueError:
        dead_letter = None
    size = None if record.value is None else len(record.value)
    return Letter(record.partition, record.offset, record.key, record.value, headers, dead_letter, size)


def _with_redriven_mark(letter: Letter, marks: Collection[TopicPosition]) -> Letter:
    return replace(letter, redriven=letter.position in marks)


def print_list(listed: LetterList) -> None:
    """Counts and the newest letters as tables, on stdout."""
    from rich.console import Console
    from rich.table import Table

    from fixtrail.terminal.printable import cell

    console = Console()
    if not listed.codes:
        console.print("no dead letters")
        return
    counts = Table("code", title="Dead letters by code", title_justify="left")
    counts.add_column("letters", justify="right")
    for code, count in listed.codes.most_common():
        counts.add_row(cell(code), f"{count:,}")
    console.print(counts)
    if listed.redriven:
        console.print(f"{listed.redriven:,} of them were put back")
    newest = Table("place", "from", "at (UTC)", "code", "reason", title="The newest", title_justify="left")
    for letter in listed.newest:
        dead_letter = letter.dead_letter
        origin = f"{dead_letter.topic} {dead_letter.partition}:{dead_letter.offset}" if dead_letter else ""
        at = f"{datetime.fromtimestamp(dead_letter.timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S}" if dead_letter else ""
        reason = f"{dead_letter.reason if dead_letter else ''}{' (put back)' if letter.redriven else ''}"
        newest.add_row(f"{letter.partition}:{letter.offset}", cell(origin), at, cell(letter.code), cell(reason))
    console.print(newest)


def print_letter(letter: Letter) -> None:
    """One letter in full: origin, reason, headers, key and content, on stdout; what is no text is replaced."""
    from fixtrail.terminal.printable import printable_lines

    lines = [f"{name:<13} {value}" for name, value in letter.as_json().items()]
    lines += [f"header        {name}: {_text(raw)}" for name, raw in original_headers(letter.headers)]
    lines += [f"key           {_text(letter.key)}", "", _text(letter.value, "(no value)")]
    print(printable_lines("\n".join(lines)))


def _text(raw: bytes | None, without: str = "None") -> str:
    return without if raw is None else raw.decode(errors="backslashreplace")
