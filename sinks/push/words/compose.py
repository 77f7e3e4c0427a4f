"""Composes a message from ledger rows and the journey: texts, and the same as data for machines and forms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.centers import Center
from schemas.order_key import OrderKey
from schemas.times import from_ms, rfc3339
from sinks.push.channel import Message, Style
from sinks.push.ledger.ledger import Send
from sinks.push.words.words import CenterContext, NoticeWords, RenderContext, TemplateRenderer, form_values, values_of

_AS_DATA = ("notice_id", "order_id", "center_id", "milestone", "event_id", "part_no", "quote", "final_amount")
_TIMES = ("occurred_at", "expires_at", "promised_at", "expected_at")

# The link to the tracking page of an order and vehicle as it is sent with what happened then (ms); "" for none.
Link = Callable[[OrderKey, str, int], str]


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes messages. `currency` is that of amounts that come without one."""

    renderer: TemplateRenderer
    centers: Mapping[str, Center]
    time_zone: str
    currency: str = "CNY"
    link: Link = lambda order, vehicle_id, at: ""

    def message(self, sends: Sequence[Send], fact: Mapping[str, Any] | None, style: Style) -> Message:
        """One message that tells all of the sends, which are of one order to one address; the first gives its id.

        What was put off is told as things are then: a time to come that has passed meanwhile is left out.
        Raises MissingTemplateError, and KeyError or ValueError where a notice is not what it should be.
        """
        first = sends[0]
        ordered = sorted(sends, key=lambda send: (send.occurred_at, send.id))
        # What machines get is the same at every attempt; nobody puts it off.
        at = 0 if style == "data" else max(send.due_at for send in sends)
        all_texts = [self.words(orjson.loads(send.notice or b"{}"), fact, at) for send in ordered]
        newest = orjson.loads(first.notice or b"{}")
        texts = all_texts[0] if len(all_texts) == 1 else self.renderer.digest(all_texts)
        center = self._center_context(newest)
        return Message(
            id=first.id,
            center_id=first.center_id,
            order_id=first.order_id,
            milestone=first.milestone,
            locale=texts.values["locale"],
            address=first.address or "",
            words=texts,
            link=texts.values["link"],
            occurred_at=first.occurred_at,
            expires_at=min(send.expires_at for send in sends),
            data=as_data(newest, texts) if style == "data" else {},
            fields=form_values(newest, texts, center, self._currency(fact)) if style == "fields" else {},
        )

    def words(self, notice: Mapping[str, Any], fact: Mapping[str, Any] | None, at: int = 0) -> NoticeWords:
        """One notice in words, in the customer's language, told at an instant or as soon as it may be.

        Raises MissingTemplateError.
        """
        locale = self.renderer.locale(notice["locale"])
        vehicle_id = (fact or {}).get("vehicle_id")
        link = self.link(OrderKey.of(notice), vehicle_id, notice["occurred_at"]) if vehicle_id else ""
        context = RenderContext(max(at, notice["not_before"]), self._currency(fact), (fact or {}).get("promises") or ())
        return self.renderer.notice(
            notice["milestone"], values_of(notice, self._center_context(notice), locale, link, context)
        )

    def _currency(self, fact: Mapping[str, Any] | None) -> str:
        """The currency of the last quote; None where there is no quote."""
        return (fact or {}).get("currency") or self.currency

    def _center_context(self, notice: Mapping[str, Any]) -> CenterContext:
        return CenterContext(self.centers.get(notice["center_id"] or ""), self.time_zone)


def as_data(notice: Mapping[str, Any], words: NoticeWords) -> dict[str, Any]:
    """The content of a webhook: the notice as facts, and as words to show."""
    data = {name: notice[name] for name in _AS_DATA}
    data |= {name: time_text(notice[name]) for name in _TIMES}
    data |= {
        "locale": words.values["locale"],
        "title": words.title,
        "text": words.short,
        "link": words.values["link"] or None,
    }
    return {"type": f"order.{notice['milestone']}", "timestamp": data["occurred_at"], "data": data}


def time_text(at: int | None) -> str | None:
    """Milliseconds as RFC 3339."""
    return None if at is None else rfc3339(from_ms(at))
