"""The tracking pages as HTML: whole ones for a visit, and the part that changes, made once for all who watch."""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fixtrail.estimates.estimate import Estimate
from fixtrail.terminal.printable import exactly, shown_in_page
from fixtrail.web.config import WebConfig
from fixtrail.web.queues import QueuePosition
from fixtrail.web.ready import as_shown, shown_ready_at
from fixtrail.web.static import static_url
from fixtrail.web.tracking.calls import ASKS, call_view
from fixtrail.web.tracking.messages import Messages
from fixtrail.web.tracking.names import VisitNames
from fixtrail.web.tracking.quote_page import QuoteChoice, quote_values
from fixtrail.web.tracking.view import JourneyView, changes_of, journey_view
from fixtrail.web.tracking.words import PageTexts, catalogue, words_in
from schemas.call_request import CallRequest
from schemas.centers import Center
from schemas.facts import Activity, JourneyFact
from schemas.locales import LOCALES
from schemas.order_key import OrderKey
from sinks.push.channels.webpush import public_key
from streams.journey.ready_setting import CheckHistory

SCORES = range(11)
REASONS = ("waiting_time", "not_fixed", "parts_missing", "no_updates", "price", "quick", "kept_informed", "friendly")
FORM_OUTCOMES = (
    "approved",
    "declined",
    "rated",
    "outdated",
    "failed",
    "incomplete",
    "busy",
    "messages_off",
    "messages_on",
    "call_asked",
    "call_withdrawn",
    "call_enough",
    "call_late",
)
MOST_KEPT = 2000
# With a car that is ready, or as good as ready, no estimate is told.
NOT_ESTIMATED = frozenset({"finishing", "pickup", "handed_off", "cancelled", "unknown"})

EstimateOf = Callable[[JourneyFact, int], Estimate | None]
PositionOf = Callable[[JourneyFact, int], QueuePosition | None]
CallOf = Callable[[OrderKey], CallRequest | None]
# What is shown beside what the fact says: it changes without an event of the order.
Beside = tuple[CallRequest | None, QueuePosition | None]
Visible = tuple[int, Activity | None, Estimate | None, Beside]


@cache
def templates() -> Environment:
    """The templates; everything that is filled in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=shown_in_page,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["exactly"] = exactly
    environment.globals.update(static_url=static_url, LOCALES=LOCALES)
    return environment


class Pages:
    """Makes the pages of all orders."""

    def __init__(
        self,
        config: WebConfig,
        checks: CheckHistory,
        estimate: EstimateOf = lambda fact, now: None,
        call: CallOf = lambda order: None,
        position: PositionOf = lambda fact, now: None,
    ) -> None:
        self._config, self._checks = config, checks
        self._estimate, self._call, self._position = estimate, call, position
        self._live: OrderedDict[tuple[OrderKey, str, str], tuple[Visible, bytes]] = OrderedDict()
        self._push_key = public_key(config.push.webpush.private_key) if config.push.webpush else ""

    def page(
        self,
        token: str,
        fact: JourneyFact,
        locale: str,
        now: int,
        outcome: str | None,
        *,
        names: VisitNames | None = None,
        choice: QuoteChoice | None = None,
        behind: int | None = None,
    ) -> str:
        """The whole page; `choice` is what the customer has chosen of the quote and is asked to confirm.

        `behind`: as of when the data are (ms), where the server knows that they are old.
        """
        return self._render(
            "page.html",
            fact,
            locale,
            now,
            choice,
            token=token,
            car=names or VisitNames(),
            behind=behind,
            other=LOCALES[1 - LOCALES.index(locale)],
            said=outcome if outcome in FORM_OUTCOMES else None,
            push_key=self._push_key if fact.status == "open" else "",
        )

    def live(self, fact: JourneyFact, locale: str, now: int) -> bytes:
        """The part that changes as one server-sent event with the number of its events as its id; made once for all."""
        key = (fact.order, fact.vehicle_id, locale)
        activity = as_shown(fact, self._config.centers.all(), self._checks, now).activity
        visible = fact.version, activity, self._estimate(fact, now), self.beside(fact, now)
        cached = self._live.get(key)
        if cached is None or cached[0] != visible:
            html = self._render("journey.html", fact, locale, now)
            cached = self._live[key] = (visible, server_sent("journey", {"html": html}, fact.event_count))
            if len(self._live) > MOST_KEPT:
                self._live.popitem(last=False)
        self._live.move_to_end(key)
        return cached[1]

    def beside(self, fact: JourneyFact, now: int) -> Beside:
        """What the page shows of an order beside its fact: where that is another, the page is another."""
        return self._call(fact.order), self._position(fact, now)

    def ready_in_ms(self, fact: JourneyFact, now: int) -> int | None:
        """How long until the page shows the car as ready by the center's setting; below 0 once it does."""
        at = shown_ready_at(fact, self._config.centers.all(), self._checks, now)
        return None if at is None else at - now

    def messages(
        self, token: str, fact: JourneyFact, locale: str, now: int, messages: Messages, outcome: str | None
    ) -> str:
        """What was sent to the customer about this order, or why not; and whether more is wanted."""
        outcome = outcome if outcome in FORM_OUTCOMES else None
        return self._render("messages.html", fact, locale, now, token=token, messages=messages, said=outcome)

    def _render(
        self, template: str, fact: JourneyFact, locale: str, now: int, choice: QuoteChoice | None = None, **values: Any
    ) -> str:
        center = self._config.centers.get(fact.center_id)
        push = self._config.push
        texts = words_in(locale, center.time_zone if center else push.time_zone, now, push.currency)
        view = journey_view(as_shown(fact, self._config.centers.all(), self._checks, now), now)
        return (
            templates()
            .get_template(template)
            .render(
                w=texts,
                t=texts.t,
                view=view,
                estimate=None if view.now.name in NOT_ESTIMATED else self._estimate(fact, now),
                center=center_values(center, locale),
                position=self._position(fact, now),
                call=call_view(fact, self._call(fact.order), confirms=choice is not None and choice.answer == ASKS),
                quote=quote_values(view.quoted, texts, choice),
                sum_of=partial(_sum_of, texts, view),
                changes=changes_of(view.promise) if view.promise else [],
                reasons=REASONS,
                scores=SCORES,
                **values,
            )
        )


def _sum_of(texts: PageTexts, view: JourneyView, amount: Decimal | None) -> str:
    """An amount of the log in the quote's currency; empty for none."""
    return "" if amount is None else texts.money(amount, view.quoted.quote.currency if view.quoted else None)


@cache
def no_page(why: Literal["gone", "busy", "starting"], again_s: int = 0) -> bytes:
    """What is shown in place of a page, in all languages at once: the same whoever asks, for whatever.

    The browser asks again after `again_s`, where that is not 0.
    """
    texts = [(locale, catalogue()[locale][f"{why}_title"], catalogue()[locale][f"{why}_text"]) for locale in LOCALES]
    return templates().get_template("no_page.html").render(texts=texts, again_s=again_s).encode()


def server_sent(event: str, data: Any, event_id: int | None = None) -> bytes:
    """One server-sent event. JSON has no line breaks of its own, so no content can begin another event."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return b"%sevent: %s\ndata: %s\n\n" % (head, event.encode(), orjson.dumps(data))


def center_values(center: Center | None, locale: str) -> dict[str, str] | None:
    """The center as the page shows it."""
    if center is None:
        return None
    return {
        "name": (center.name_en or center.name) if locale == "en" else center.name,
        "phone": center.phone,
        "dial": "".join(char for char in center.phone if char in "+0123456789"),
        "address": (center.address_en or center.address) if locale == "en" else center.address,
        "opens": f"{center.opens:%H:%M}",
        "closes": f"{center.closes:%H:%M}",
    }
