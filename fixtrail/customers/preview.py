"""Previews of an order's messages: every milestone in the words of the templates."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from fixtrail.configuration import centers_of, links_of, push_settings
from fixtrail.customers.milestones import part_of_milestone
from fixtrail.customers.orders import order_fact
from fixtrail.settings import NoticeSettings
from fixtrail.terminal.printable import printable_lines
from schemas.facts import JourneyFact, Notice, PartRequestFact, QuotedPartFact, QuoteFact
from sinks.push.words.compose import Composer
from sinks.push.words.words import MissingTemplateError, TemplateRenderer
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
    settings: NoticeSettings,
    order_id: str,
    locale: str | None = None,
    *,
    center_id: str | None = None,
    with_others: bool = False,
) -> list[Preview]:
    """Every milestone that the order has reached, as its customer reads it; `with_others` adds those that it has not.

    Raises ExitError where the order is not known, or several centers have one with this number and none is named.
    """
    fact = order_fact(settings, order_id, center_id)
    pushed = push_settings(settings)
    composer = Composer(
        TemplateRenderer(pushed.templates, pushed.locale),
        centers_of(settings),
        pushed.time_zone,
        pushed.currency,
        links_of(settings),
    )
    currency = fact.quote.currency if fact.quote else None
    journey_data = {"currency": currency, "promises": fact.promises, "vehicle_id": fact.vehicle_id}
    previews = []
    for notice in notices_of(fact, with_others=with_others):
        notice_data = notice.model_dump(mode="json") | ({"locale": locale} if locale else {})
        try:
            texts = composer.words(notice_data, journey_data)
        except MissingTemplateError:
            continue
        values = (texts.values["locale"], texts.title, texts.short, texts.text, texts.status, texts.note)
        previews.append(Preview(notice.milestone, *values))
    return previews


def notices_of(fact: JourneyFact, *, with_others: bool = False) -> list[Notice]:
    """The notices of all milestones that a journey has reached, each with the promise that held then.

    With `with_others` all others follow, too.
    """
    reached = [
        _notice(fact, name, event_id, at, part_of_milestone(fact, index))
        for index, (name, event_id, at) in enumerate(fact.timeline)
    ]
    return [*reached, *(_not_reached(fact) if with_others else [])]


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
        promised_at=next((promised for told_at, promised in reversed(fact.promises) if told_at <= at), None),
        expected_at=part.expected_at if part else None,
        part_no=part.part_no if part else None,
        quote=fact.quote if name == "quote_ready" else None,
        final_amount=fact.final_amount if name == "handed_off" else None,
    )


def preview_as_json(previews: list[Preview]) -> list[dict[str, Any]]:
    return [asdict(notice) for notice in previews]


def print_preview(previews: list[Preview]) -> None:
    """Every form of every notice, on stdout."""
    if not previews:
        print("the order has reached no milestone that its customer is told of; --all shows what there would be")
    for notice in previews:
        form, head = f"{notice.status} / {notice.note}", f"=== {notice.milestone} ({notice.locale})"
        lines = (f"    {line}".rstrip() for line in notice.text.splitlines())
        text = [head, f"title   {notice.title}", f"short   {notice.short}", f"form    {form}", "mail", *lines, ""]
        print(printable_lines("\n".join(text)))
