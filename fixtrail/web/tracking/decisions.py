"""What the customer says on the page, as events of the contract. Plain functions; ids follow from what is said.

Pressing twice, or sending the form again, makes the same event: it counts once (docs/contract.md, event_id). The ids
are keyed hashes: nobody else can know them and send something else under them first.
"""

import hashlib
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fixtrail.web.tracking.quote_lines import chosen_lines, quote_lines, total_of
from fixtrail.web.tracking.view import Quoted
from schemas.events import Money
from schemas.facts import JourneyFact, QuoteFact
from schemas.times import from_ms, rfc3339

MOST_COMMENT = 2000
_MONEY: TypeAdapter[Decimal] = TypeAdapter(Money)


def decision_event(
    fact: JourneyFact, quoted: Quoted, now: int, key: bytes, *, approved: bool, line_ids: Collection[str] = ()
) -> dict[str, Any]:
    """Approves the chosen lines of the quote that was shown, or declines it.

    One quote has one answer, the first one that arrives; each change of it, within two minutes, has its own.
    """
    # It answers the quote, so it comes after it, also where the workshop's clock is ahead of ours.
    at = max(now, quoted.at + 1, *(decision.at + 1 for decision in quoted.decisions))
    content = "\x1f".join((quoted.key, *map(str, [len(quoted.decisions)] if quoted.decisions else [])))
    event = _event(fact, "quote_decision", _id(key, fact, "decision", content), at)
    return {**event, "approved": approved, **(_approved(quoted.quote, line_ids) if approved else {})}


def _approved(quote: QuoteFact, line_ids: Collection[str]) -> dict[str, Any]:
    """The amount, and the lines where not all of them are approved."""
    lines = quote_lines(quote)
    chosen = chosen_lines(lines, line_ids)
    if not chosen or len(chosen) == len(lines):
        return _amount(quote.total)
    return {**_amount(total_of(chosen)), "lines": [line.line_id for line in chosen]}


def _amount(total: Decimal) -> dict[str, str]:
    """The amount that is approved; left out where it is more than an event may say: then the quote's total counts."""
    try:
        _MONEY.validate_python(total)
    except ValidationError:
        return {}
    return {"amount": str(total)}


def survey_event(
    fact: JourneyFact, now: int, key: bytes, *, score: int, reasons: Sequence[str], comment: str, answers: int
) -> dict[str, Any]:
    """An answer to the survey; `answers` is how many the customer saw to have been given before."""
    content = "\x1f".join((str(answers), str(score), *reasons, comment))
    event = _event(fact, "survey", _id(key, fact, "survey", content), now)
    comment_field = {"comment": comment[:MOST_COMMENT]} if comment else {}
    return {**event, "score": score, "reasons": list(reasons), **comment_field}


def _event(fact: JourneyFact, kind: str, event_id: str, at: int) -> dict[str, Any]:
    occurred_at = rfc3339(from_ms(at))
    return {
        "event_id": event_id,
        "type": kind,
        "order_id": fact.order_id,
        "vehicle_id": fact.vehicle_id,
        "center_id": fact.center_id,
        "occurred_at": occurred_at,
    }


def _id(key: bytes, fact: JourneyFact, kind: str, content: str) -> str:
    named = "\x1f".join((*fact.order, kind, content)).encode()
    return f"page-{kind}-{hashlib.blake2b(named, digest_size=16, key=key).hexdigest()}"
