"""What the customers of an order read, or would read: every milestone in the words of the templates."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from fixtrail.configuration import centers_of, links_of, push_settings
from fixtrail.customers.milestones import part_of_milestone
from fixtrail.operations.topics import require_topic
from fixtrail.settings import KafkaSettings, NoticeSettings
from runtime.failure import NEGATIVE, Failure
from schemas.facts import JourneyFact, Notice, PartRequestFact, QuotedPartFact, QuoteFact
from schemas.topics import JOURNEYS
from sinks.push.words.compose import Composer
from sinks.push.words.words import NoTemplate, NoticeWords, Wordsmith
from streams.journey.clock_notices import BY_CLOCK
from streams.journey.ids import notice_id
from streams.journey.notices import MILESTONES

_EXAMPLE = QuoteFact(
    total=Decimal("769.90"),
    labour_hours=Decimal("1.5"),
    labour_rate=Decimal(380),
    currency="CNY",
    parts=(QuotedPartFact(part_no="P-1", quantity=Decimal(2), unit_price=Decimal("99.95")),),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """One notice in all its forms."""

    milestone: str
    locale: str
    title: str
    short: str
    text: str
    status: str
    note: str


def preview(
    settings: NoticeSettings, order_id: str, locale: str | None = None, *, every: bool = False
) -> list[Preview]:
    """Every milestone that the order has reached, as its customer reads it; `every` adds those that it has not.

    Raises Failure where the order is not known.
    """
    fact = asyncio.run(_journey(settings, order_id))
    if fact is None:
        raise Failure(f"there is no order {order_id}", NEGATIVE)
    pushed = push_settings(settings)
    composer = Composer(
        Wordsmith(pushed.templates, pushed.locale),
        centers_of(settings),
        pushed.time_zone,
        pushed.currency,
        links_of(settings),
    )
    known = {"currency": fact.quote.currency if fact.quote else None, "promises": fact.promises}
    found = []
    for notice in notices_of(fact, every=every):
        told = notice.model_dump(mode="json") | ({"locale": locale} if locale else {})
        try:
            words = composer.words(told, known)
        except NoTemplate:
            continue
        found.append(_previewed(notice.milestone, words))
    return found


def notices_of(fact: JourneyFact, *, every: bool = False) -> list[Notice]:
    """The notices of all milestones that a journey has reached, each with the promise that held then.

    With `every` all others follow, too.
    """
    reached = [
        _notice(fact, name, event_id, at, part_of_milestone(fact, place))
        for place, (name, event_id, at) in enumerate(fact.timeline)
    ]
    return [*reached, *(_not_reached(fact) if every else [])]


def _not_reached(fact: JourneyFact) -> list[Notice]:
    """The notices of all other milestones, as if they happened next; a template can be looked at before it is used."""
    reached = {name for name, *_ in fact.timeline}
    part = fact.parts[-1] if fact.parts else None
    fact = fact.model_copy(update={"quote": fact.quote or _EXAMPLE})
    return [
        _notice(fact, name, f"preview-{name}", fact.last_event_at, part if name.startswith("part_") else None)
        for name in (*MILESTONES, *BY_CLOCK)
        if name not in reached
    ]


def _notice(fact: JourneyFact, name: str, event_id: str, at: int, part: PartRequestFact | None) -> Notice:
    return Notice(
        notice_id=notice_id(fact.order, name, event_id),
        order_id=fact.order_id,
        center_id=fact.center_id,
        milestone=name,
        event_id=event_id,
        occurred_at=at,
        not_before=at,
        expires_at=at,
        superseded_by=(),
        locale=fact.locale,
        recipients=(),
        promised_at=next((promised for told, promised in reversed(fact.promises) if told <= at), None),
        expected_at=part.expected_at if part else None,
        part_no=part.part_no if part else None,
        quote=fact.quote if name == "quote_ready" else None,
        final_amount=fact.final_amount if name == "handed_off" else None,
    )


def _previewed(milestone: str, words: NoticeWords) -> Preview:
    return Preview(milestone, words.values["locale"], words.title, words.short, words.text, words.status, words.note)


def preview_as_json(found: list[Preview]) -> list[dict[str, Any]]:
    return [asdict(each) for each in found]


def print_preview(found: list[Preview]) -> None:
    """Every form of every notice, on stdout."""
    if not found:
        print("the order has reached no milestone that its customer is told of; --all shows what there would be")
    for each in found:
        print(f"=== {each.milestone} ({each.locale})")
        print(f"title   {each.title}\nshort   {each.short}\nform    {each.status} / {each.note}\nmail")
        print("\n".join(f"    {line}".rstrip() for line in each.text.splitlines()), end="\n\n")


async def _journey(settings: KafkaSettings, order_id: str) -> JourneyFact | None:
    """The newest fact of an order, found by reading topic `journeys` once."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from fixtrail.settings import client_options
    from runtime.kafka.client import stop_client

    numbers = await require_topic(settings, JOURNEYS)
    partitions = [TopicPartition(JOURNEYS, number) for number in numbers]
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(partitions)
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, starts[tp])
        newest: JourneyFact | None = None
        left = [tp for tp in partitions if starts[tp] < ends[tp]]
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=500, max_records=5000)).values():
                newest = newest_of(order_id, records, newest)
            left = [tp for tp in left if await consumer.position(tp) < ends[tp]]
        return newest
    finally:
        await stop_client(consumer)


def newest_of(order_id: str, records: Iterable[Any], known: JourneyFact | None) -> JourneyFact | None:
    """The order's newest fact after these records; after a crash an older one may come once more behind it."""
    for record in records:
        if record.key != order_id.encode():
            continue
        fact = None if record.value is None else JourneyFact.model_validate_json(record.value)
        if fact is None or known is None or fact.version >= known.version:
            known = fact
    return known
